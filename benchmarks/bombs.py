"""The cost of refusing small files that claim, or inflate to, more than is allowed.

    python -m benchmarks.bombs
    python -m benchmarks.bombs --json

Every vector below 1 KB that a reader has to refuse, in a process of its own: the time to refuse it
(best of five) and by how much the process grew at most, by the operating system's account. The
bombs are those of the area `limits`; the others are measured along with them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import time
from typing import Any

from plada_conformance import plain_decoder
from plada_conformance.vectors_on_disk import Sidecar, vectors

from pladafmt import Limits, validate

SMALL = 1000
ROUNDS = 5


def _refuse_ours(data: bytes, limits: dict[str, int]) -> None:
    assert not validate(data, limits=Limits(**limits)).ok


def _refuse_plain(data: bytes, limits: dict[str, int]) -> None:
    try:
        plain_decoder.decode(data, limits=plain_decoder.Limits(**limits))
    except plain_decoder.Refused:
        return
    raise AssertionError("not refused")


DECODERS = {"pladafmt": _refuse_ours, "plain_decoder": _refuse_plain}


def cost(vector: Sidecar, decoder: str) -> tuple[float, float]:
    """Return milliseconds and mebibytes that it takes to refuse a vector, measured in a child."""
    assert vector.file is not None
    data, limits = vector.file.read_bytes(), vector.data["limits"]
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        taken = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            DECODERS[decoder](data, limits)
            taken.append(time.perf_counter() - start)
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        os.write(writable, json.dumps([1000 * min(taken), grown / 1024]).encode())
        os._exit(0)
    os.close(writable)
    with os.fdopen(readable, "rb") as pipe:
        answer = pipe.read()
    _, status = os.waitpid(child, 0)
    if status or not answer:
        raise RuntimeError(f"{decoder} failed on {vector.id}")
    milliseconds, mebibytes = json.loads(answer)
    return milliseconds, mebibytes


def measure() -> dict[str, Any]:
    """Return the worst of the bombs, and of all small files, for each decoder."""
    small = [
        each
        for each in vectors()
        if each.data["role"] == "reader"
        and each.data["code"] is not None
        and each.file is not None
        and each.file.stat().st_size < SMALL
    ]
    bombs = [each for each in small if each.path.parts[-3] == "limits"]
    result: dict[str, Any] = {"benchmark": "bombs", "bombs": len(bombs), "small": len(small)}
    for decoder in DECODERS:
        rows = {each.id: cost(each, decoder) for each in small}
        for name, chosen in (("bombs", bombs), ("small", small)):
            slowest = max(chosen, key=lambda each: rows[each.id][0])
            largest = max(chosen, key=lambda each: rows[each.id][1])
            result[f"{decoder}, {name}"] = {
                "slowest": slowest.id,
                "milliseconds": round(rows[slowest.id][0], 2),
                "largest": largest.id,
                "mebibytes": round(rows[largest.id][1], 2),
            }
    return result


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bombs", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args()
    result = measure()
    for name, row in result.items():
        print(f"{name}: {row}")
    if options.json:
        print(json.dumps(result))


if __name__ == "__main__":
    main()
