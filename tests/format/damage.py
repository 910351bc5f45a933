"""Taking files apart by chunk, to damage them on purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from pladafmt import Payload, PoolRef, WeightScale, chunks, dumps, layout, loads

PREAMBLE = 9


@dataclass(frozen=True)
class Chunk:
    """A chunk of a valid file: where it stands, its bytes, and its header."""

    start: int
    end: int
    data: bytes
    header: chunks.Header

    @property
    def body(self) -> bytes:
        return self.data[self.header.body - self.start : -4]


def chunks_of(data: bytes) -> list[Chunk]:
    """The chunks of a valid file, from HEAD to END."""
    found = []
    at = PREAMBLE
    while at < len(data):
        header = chunks.read_header(data, at)
        found.append(Chunk(at, header.after, data[at : header.after], header))
        at = header.after
    return found


def blocks_of(data: bytes) -> list[Chunk]:
    return [chunk for chunk in chunks_of(data) if chunk.header.type == layout.BLOCK]


def joined(data: bytes, parts: list[bytes]) -> bytes:
    """The preamble of `data`, and `parts`."""
    return data[:PREAMBLE] + b"".join(parts)


def noise(seed: int, size: int) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def head_crc(data: bytes) -> int:
    return int.from_bytes(chunks_of(data)[0].data[-4:], "little")


def positions_in(payload: Payload, block_span: int, kept: set[int]) -> list[int]:
    """The positions of `payload` in the blocks whose numbers are `kept`."""
    return [at for at in payload.positions.tolist() if at // block_span in kept]


@st.composite
def block_files(draw: st.DrawFn, *, blocks: int = 32, span: int = 100) -> tuple[Payload, bytes]:
    """A payload and its file with so many blocks, of any kind: weights, dense, Zstd, named."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    most = draw(st.sampled_from([1, 3, 60, span]))
    parts = [
        number * span + np.sort(rng.choice(span, rng.integers(1, most + 1), replace=False))
        for number in range(blocks)
    ]
    positions = np.concatenate(parts)
    count = draw(st.sampled_from([1, 2, 256, 257]))
    classes: int | list[str] = count
    if draw(st.booleans()):
        classes, count = ["cat", "dog", "axolotl"], 3
    # Few labels compress, many do not.
    labels = rng.integers(0, draw(st.integers(1, count)), positions.size)
    weights, scale = None, None
    bits = draw(st.sampled_from([0, 4, 8]))
    if bits:
        scale = WeightScale(bits, -100, 7)
        weights = scale.decode(rng.integers(0, 2**bits, positions.size).astype(np.uint8))
    payload = Payload(
        PoolRef(rng.bytes(32), blocks * span + draw(st.integers(0, 50))),
        classes,
        positions,
        labels,
        weights,
        draw(st.sampled_from([None, {}, {"licence": "CC0", "note": "x" * 200}])),
        weight_scale=scale,
    )
    data = dumps(payload, block_span=span, dense=draw(st.booleans()))
    assert loads(data) == payload
    return payload, data
