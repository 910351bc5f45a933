"""How long does decoding take? Ours against Roaring and Zstd, in turn, in one process.

    python -m benchmarks.decode_speed
    python -m benchmarks.decode_speed --rounds 20 --json

The kept images are 1 % of a simulated task over a pool like ImageNet-21k. The rival is what a
client would write without a format: a serialised Roaring bitmap, deserialised and made an array,
and labels in a Zstd-19 frame; it has no header, no checksum and about twice the bytes. Ours is
`pladafmt.loads`: every check of the specification, the content id included.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import zstandard

from pladafmt import Payload, PoolRef, dumps, loads
from pladafmt.loops import backend

from . import serialised, simulated
from .scored_pool import Kept


def _rival(kept: Kept) -> tuple[Callable[[], Any], int]:
    """Return the rival's decoder and its bytes."""
    import pyroaring

    bitmap = pyroaring.BitMap(kept.positions)
    bitmap.run_optimize()
    positions = bitmap.serialize()
    labels = zstandard.ZstdCompressor(level=19).compress(serialised.labels(kept))

    def decode() -> Any:
        # to_array() hands over a buffer; anything slower would flatter us.
        found = np.asarray(pyroaring.BitMap.deserialize(positions).to_array())
        plain = zstandard.ZstdDecompressor().decompress(labels)
        return found, np.frombuffer(plain, dtype=np.uint8)

    found, _ = decode()
    assert np.array_equal(found, kept.positions)
    return decode, len(positions) + len(labels)


def _time(decoders: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return milliseconds by decoder, each once a round, in turn: drift hits all alike."""
    taken: dict[str, list[float]] = {name: [] for name in decoders}
    for _ in range(rounds + 1):
        for name, decode in decoders.items():
            start = time.perf_counter()
            decode()
            taken[name].append(1000 * (time.perf_counter() - start))
    # The first round warms caches, and compiles.
    return {name: values[1:] for name, values in taken.items()}


def measure(*, rounds: int, plain_rounds: int, seed: int) -> dict[str, Any]:
    """Return medians in milliseconds, ratios to the rival round by round, and sizes."""
    kept = simulated.simulate(simulated.SETTINGS[2], seed=seed).keep(0.01)
    pool = PoolRef(bytes(32), kept.pool_size)
    payload = Payload(pool, kept.classes, kept.positions, kept.labels)
    auto, dense = dumps(payload), dumps(payload, dense=True)
    rival, rival_size = _rival(kept)
    decoders = {"Roaring + Zstd-19": rival, "auto": lambda: loads(auto)}
    if backend.compiled() is not None:
        decoders["dense, compiled"] = lambda: loads(dense)
    taken = _time(decoders, rounds)

    with _only(backend.PLAIN):
        taken |= _time({"dense, plain": lambda: loads(dense)}, plain_rounds)
    assert np.array_equal(loads(dense).positions, kept.positions.astype(np.uint64))
    base = taken["Roaring + Zstd-19"]
    return {
        "benchmark": "decode_speed",
        "kept": int(kept.positions.size),
        "pool_size": kept.pool_size,
        "bytes": {"Roaring + Zstd-19": rival_size, "auto": len(auto), "dense": len(dense)},
        "milliseconds": {name: round(statistics.median(v), 2) for name, v in taken.items()},
        "ratio": {
            name: round(statistics.median(a / b for a, b in zip(v, base, strict=True)), 2)
            for name, v in taken.items()
            if len(v) == len(base)
        },
    }


@contextmanager
def _only(only: backend.Backend) -> Iterator[None]:
    """Have the dense encoding run on this backend alone."""
    with patch("pladafmt.blocks.dense.best", lambda count: only):
        yield


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decode_speed", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--rounds", type=int, default=15, help="of the quick decoders")
    parser.add_argument("--plain-rounds", type=int, default=2, help="of plain Python")
    parser.add_argument("--seed", type=int, default=0, help="of the simulated pool")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    result = measure(rounds=options.rounds, plain_rounds=options.plain_rounds, seed=options.seed)
    for name, value in result["milliseconds"].items():
        ratio = result["ratio"].get(name)
        beside = f"  {ratio:.2f} x" if ratio is not None else ""
        print(f"{name:20s} {value:10.2f} ms{beside}")
    print(", ".join(f"{name}: {size:,} bytes" for name, size in result["bytes"].items()))
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
