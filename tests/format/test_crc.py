"""CRCs of many pieces at once are those of zlib."""

from __future__ import annotations

from zlib import crc32

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pladafmt import crc

pieces = st.one_of(st.binary(max_size=20), st.binary(max_size=2 * crc.SHORT))


@given(st.lists(pieces), st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_any_pieces(several: list[bytes], seed: int, between: int) -> None:
    octets = np.frombuffer(b"".join(piece + bytes(between) for piece in several), dtype=np.uint8)
    sizes = np.array([len(piece) for piece in several], dtype=np.int64)
    starts = np.cumsum(sizes + between) - sizes - between
    found = crc.of_pieces(octets, starts, starts + sizes, seed)
    assert found.dtype == np.uint32
    assert found.tolist() == [crc32(piece, seed) for piece in several]
