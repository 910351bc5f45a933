"""Kept images as plain bytes, before any compressor: the forms that rivals compress."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .scored_pool import Kept


def gaps(kept: Kept) -> npt.NDArray[np.int64]:
    """Return the distance of each kept image from the one before, the first from -1, shape (K,)."""
    return np.diff(kept.positions, prepend=-1)


def fixed_width(kept: Kept) -> bytes:
    """Return the gaps in the narrowest of u8, u16, u32, u64 that holds them all."""
    values = gaps(kept)
    return values.astype(f"<u{_width(int(values.max(initial=0)))}").tobytes()


def absolute(kept: Kept) -> bytes:
    """Return the positions themselves, in u32 or, in a pool that needs it, u64."""
    return kept.positions.astype("<u4" if kept.pool_size <= 2**32 else "<u8").tobytes()


def bitmap(kept: Kept) -> bytes:
    """Return one bit per pool image."""
    bits = np.zeros(kept.pool_size, dtype=bool)
    bits[kept.positions] = True
    return np.packbits(bits, bitorder="little").tobytes()


def leb128(kept: Kept) -> bytes:
    """Return the gaps less 1 in LEB128: seven bits a byte, low ones first."""
    values = gaps(kept) - 1
    sizes = np.ones(values.size, dtype=np.int64)
    for shift in range(7, 56, 7):
        sizes += values >> shift > 0
    starts = np.cumsum(sizes) - sizes
    octets = np.zeros(int(sizes.sum()), dtype=np.uint8)
    for place in range(int(sizes.max(initial=0))):
        has = sizes > place
        more = np.where(sizes[has] > place + 1, 0x80, 0)
        octets[starts[has] + place] = values[has] >> 7 * place & 0x7F | more
    return octets.tobytes()


def buckets(kept: Kept, fine: int = 2) -> tuple[bytes, bytes]:
    """Return one byte per gap (bit length and next `fine` bits), and the bits that are left.

    The bits that are left are close to noise: compressors do best when they never see them.
    """
    values = gaps(kept)
    widths = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    coarse = (widths << fine) | (values << fine >> widths) & (1 << fine) - 1
    left = np.maximum(widths - fine, 0)
    starts = np.cumsum(left) - left
    bits = np.zeros(int(left.sum()), dtype=np.uint8)
    for bit in range(int(left.max(initial=0))):
        has = left > bit
        bits[starts[has] + bit] = values[has] >> bit & 1
    return coarse.astype(np.uint8).tobytes(), np.packbits(bits, bitorder="little").tobytes()


def labels(kept: Kept) -> bytes:
    """Return the labels as the paper does: u8 up to 256 classes, else u16."""
    return kept.labels.astype("u1" if kept.classes <= 256 else "<u2").tobytes()


def recency_ranks(kept: Kept) -> bytes:
    """Return move-to-front ranks of the labels, in the width of `labels`."""
    queue = list(range(kept.classes))
    ranks = np.empty(kept.labels.size, dtype="u1" if kept.classes <= 256 else "<u2")
    for i, label in enumerate(kept.labels.tolist()):
        rank = queue.index(label)
        ranks[i] = rank
        if rank:
            del queue[rank]
            queue.insert(0, label)
    return ranks.tobytes()


def _width(most: int) -> int:
    return next(size for size in (1, 2, 4, 8) if most < 256**size)
