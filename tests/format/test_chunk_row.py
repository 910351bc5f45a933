"""Chunks that are read in a row are those that are read one by one."""

from __future__ import annotations

import io
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pladafmt import PladaError, chunk_row, chunks, layout
from pladafmt.stored import StoredBytes

SEED = zlib.crc32(b"a HEAD")
PADDING = 3


def one_by_one(data: bytes, offset: int, most: int) -> list[tuple[chunks.Header, int]]:
    """The good BLOCK chunks whose length takes one byte or two, and their CRCs."""
    found: list[tuple[chunks.Header, int]] = []
    try:
        while len(found) < most:
            header = chunks.read_header(data, offset)
            chunks.check_bounds(data, header)
            if header.type != layout.BLOCK or header.end - header.body >= chunk_row.LONGEST:
                break
            found.append((header, chunks.check_crc(data, header, SEED)))
            offset = header.after
    except PladaError:
        pass
    return found


def check(data: bytes, offset: int = 0, most: int = 100) -> int:
    """Compare both ways; return how many chunks were found."""
    wanted = one_by_one(data, offset, most)
    for source in (data, StoredBytes(io.BytesIO(data), len(data))):
        row, seen = chunk_row.read(
            source, offset, layout.BLOCK, most=most, seed=SEED, padding=PADDING
        )
        found = [
            (chunks.Header(layout.BLOCK, *(offset + int(place) for place in places)), int(crc))
            for *places, crc in zip(row.starts, row.bodies, row.ends, row.crcs, strict=True)
        ]
        assert found == wanted
        assert seen >= (wanted[-1][0].after if wanted else offset)
        assert not row.octets[len(row.octets) - PADDING :].any()
    return len(wanted)


blocks = st.builds(
    lambda body: chunks.write(layout.BLOCK, body, SEED),
    st.one_of(st.binary(max_size=20), st.integers(100, 400).map(bytes)),
)
pieces = st.one_of(
    blocks,
    blocks,
    st.builds(lambda kind, body: chunks.write(kind, body, SEED), st.integers(1, 9), st.binary()),
    # Lengths that are too long, or spelt so, and noise.
    st.sampled_from([b"\x03\x80\x00", b"\x03\xff\xff\x7f", b"\x03\xff\x7f", b"\x03\x85\x00abcde"]),
    st.binary(max_size=9),
)


@given(st.lists(pieces, max_size=12), st.integers(0, 3), st.integers(0, 8), st.integers(0, 12))
def test_any_chunks(parts: list[bytes], before: int, cut: int, most: int) -> None:
    data = b"".join([bytes(before), *parts])
    check(data[: max(before, len(data) - cut)], before, most)


@given(st.lists(blocks, min_size=1, max_size=8), st.integers(0, 1 << 30), st.integers(0, 7))
def test_a_bit_that_is_turned(parts: list[bytes], place: int, bit: int) -> None:
    data = bytearray(b"".join(parts))
    data[place % len(data)] ^= 1 << bit
    check(bytes(data))


@pytest.mark.parametrize("size", [0, 127, 128, chunk_row.LONGEST - 1, chunk_row.LONGEST])
def test_lengths(size: int) -> None:
    data = chunks.write(layout.BLOCK, bytes(size), SEED)
    # A row looks at a kilobyte for each chunk that it may have.
    assert check(data * 3) == (3 if size < chunk_row.LONGEST else 0)


def test_no_more_than_a_mebibyte() -> None:
    data = chunks.write(layout.BLOCK, bytes(10_000), SEED) * 110
    row, seen = chunk_row.read(data, 0, layout.BLOCK, most=2000, seed=SEED, padding=PADDING)
    assert len(row.starts) == chunk_row.MOST_BYTES // 10_007 == 104
    assert seen == 104 * 10_007
