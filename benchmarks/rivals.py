"""How many bytes other encodings take for the same kept images. None of them has a header.

The paper's encodings (section 4.4, appendix E) are rebuilt from the sizes that it prints, for it
has no published code. `raw` is positions in full, or its formula n (1 + p log2 k) bits; `compact`
is gaps of one width per file, or one bit per pool image, and labels of whole bytes; `huffman` gives
gaps (of a bitmap, its bytes) and labels a static code each, whole values being the symbols and the
code tables counted; `zstd` is Zstd level 19 over the compact form, everything in one frame. With
every image kept, the paper sends the labels alone.
"""

from __future__ import annotations

import heapq
import lzma
import math
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zstandard

from . import serialised
from .scored_pool import Kept

Rival = Callable[[Kept], int]
"""Bytes for the kept images."""

ZPAQ_MOST_KEPT = 200_000


class LeftOut(Exception):
    """A rival cannot be measured here; the message, the reason, is a note for the table."""


def paper_index_raw(kept: Kept) -> int:
    """Positions in full, labels of whole bytes."""
    return len(_unless_all(serialised.absolute, kept)) + len(serialised.labels(kept))


def paper_index_compact(kept: Kept) -> int:
    """Gaps of one width, labels of whole bytes."""
    return len(_unless_all(serialised.fixed_width, kept)) + len(serialised.labels(kept))


def paper_index_huffman(kept: Kept) -> int:
    """Gaps and labels, each in a static Huffman code."""
    if _is_all(kept):
        return _huffman(kept.labels)
    return _huffman(serialised.gaps(kept)) + _huffman(kept.labels)


def paper_index_zstd(kept: Kept) -> int:
    """Gaps of one width and labels in one Zstd-19 frame."""
    return _zstd(_unless_all(serialised.fixed_width, kept) + serialised.labels(kept))


def paper_bitmap_raw(kept: Kept) -> int:
    """One bit per pool image and log2 C bits per label: the paper's formula."""
    mask = 0 if _is_all(kept) else kept.pool_size
    return math.ceil((mask + kept.labels.size * math.log2(kept.classes)) / 8)


def paper_bitmap_compact(kept: Kept) -> int:
    """One bit per pool image, labels of whole bytes."""
    return len(_unless_all(serialised.bitmap, kept)) + len(serialised.labels(kept))


def paper_bitmap_huffman(kept: Kept) -> int:
    """The bitmap's bytes and the labels, each in a static Huffman code."""
    mask = np.frombuffer(_unless_all(serialised.bitmap, kept), dtype=np.uint8)
    return _huffman(mask) + _huffman(kept.labels)


def paper_bitmap_zstd(kept: Kept) -> int:
    """One bit per pool image and labels in one Zstd-19 frame."""
    return _zstd(_unless_all(serialised.bitmap, kept) + serialised.labels(kept))


def roaring(kept: Kept) -> int:
    """A serialised Roaring bitmap, run-optimised, and labels of whole bytes."""
    return len(_roaring(kept)) + len(serialised.labels(kept))


def roaring_zstd(kept: Kept) -> int:
    """A Roaring bitmap and labels, each in a Zstd-19 frame."""
    return _zstd(_roaring(kept)) + _zstd(serialised.labels(kept))


def leb128_zstd(kept: Kept) -> int:
    """LEB128 gaps and labels, each in a Zstd-19 frame."""
    return _zstd(serialised.leb128(kept)) + _zstd(serialised.labels(kept))


def leb128_xz(kept: Kept) -> int:
    """LEB128 gaps and labels, each as an LZMA stream without the frame of .xz."""
    return _lzma(serialised.leb128(kept)) + _lzma(serialised.labels(kept))


def leb128_brotli(kept: Kept) -> int:
    """LEB128 gaps and labels, each in a Brotli-11 stream."""
    try:
        import brotli
    except ImportError:
        raise LeftOut("brotli is not installed (pip install brotli)") from None

    def size(data: bytes) -> int:
        return len(brotli.compress(data, quality=11))

    return size(serialised.leb128(kept)) + size(serialised.labels(kept))


def zpaq(kept: Kept) -> int:
    """The strongest general compressor (zpaq -m5), at its best over several forms.

    Positions: LEB128 gaps, or bucket bytes with the remaining bits stored. Labels: as they are, or
    move-to-front ranks. Each alone, or buckets and labels in turn. Archive framing is not counted.
    """
    if shutil.which("zpaq") is None:
        raise LeftOut("zpaq is not installed")
    if kept.positions.size > ZPAQ_MOST_KEPT:
        raise LeftOut(
            f"zpaq would take an hour or more over more than {ZPAQ_MOST_KEPT:,} kept images"
        )
    coarse, left = serialised.buckets(kept)
    ranks = serialised.recency_ranks(kept)
    plain = serialised.labels(kept)
    positions = min(_zpaq(serialised.leb128(kept)), _zpaq(coarse) + len(left))
    apart = positions + min(_zpaq(plain), _zpaq(ranks))
    in_turn = min(_zpaq(_interleaved(coarse, other)) for other in (plain, ranks))
    return min(apart, in_turn + len(left))


def iid_bound(kept: Kept) -> int:
    """log2 C(N, K) + K H(labels) bits: the least for images kept, and labelled, independently.

    An encoding can be below it only by using what neighbours in the pool have in common.
    """
    n, k = kept.pool_size, kept.positions.size
    choice = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    counts = np.bincount(kept.labels)
    share = counts[counts > 0] / max(k, 1)
    entropy = -float((share * np.log2(share)).sum())
    return math.ceil((choice / math.log(2) + k * entropy) / 8)


RIVALS: dict[str, Rival] = {
    "paper, index, raw": paper_index_raw,
    "paper, index, compact": paper_index_compact,
    "paper, index, Huffman": paper_index_huffman,
    "paper, index, Zstd-19": paper_index_zstd,
    "paper, bitmap, raw": paper_bitmap_raw,
    "paper, bitmap, compact": paper_bitmap_compact,
    "paper, bitmap, Huffman": paper_bitmap_huffman,
    "paper, bitmap, Zstd-19": paper_bitmap_zstd,
    "Roaring": roaring,
    "Roaring + Zstd-19": roaring_zstd,
    "LEB128 + Zstd-19": leb128_zstd,
    "LEB128 + LZMA": leb128_xz,
    "LEB128 + Brotli-11": leb128_brotli,
    "zpaq -m5": zpaq,
    "i.i.d. bound": iid_bound,
}

YARDSTICK = ("paper, index, Zstd-19", "paper, bitmap, Zstd-19")
"""The smaller of these is what all sizes are compared with."""


def _is_all(kept: Kept) -> bool:
    return kept.positions.size == kept.pool_size


def _unless_all(form: Callable[[Kept], bytes], kept: Kept) -> bytes:
    return b"" if _is_all(kept) else form(kept)


def _zstd(data: bytes) -> int:
    return len(zstandard.ZstdCompressor(level=19).compress(data))


def _lzma(data: bytes) -> int:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]
    return len(lzma.compress(data, format=lzma.FORMAT_RAW, filters=filters))


def _huffman(symbols: npt.NDArray[np.integer[Any]]) -> int:
    """Return the bytes of `symbols` in a static Huffman code, with its table.

    The table lists each symbol that occurs, in the narrowest whole bytes, and its code length.
    """
    values, counts = np.unique(symbols, return_counts=True)
    if not values.size:
        return 0
    symbol_bytes = next(size for size in (1, 2, 4, 8) if int(values[-1]) < 256**size)
    # Every merge adds one bit to each occurrence below it: the sum of merges is the coded size.
    heap: list[int] = sorted(counts.tolist())
    bits = heap[0] if len(heap) == 1 else 0
    while len(heap) > 1:
        merged = heapq.heappop(heap) + heapq.heappop(heap)
        bits += merged
        heapq.heappush(heap, merged)
    return (bits + 7) // 8 + int(values.size) * (symbol_bytes + 1)


def _roaring(kept: Kept) -> bytes:
    try:
        import pyroaring
    except ImportError:
        raise LeftOut("pyroaring is not installed (pip install pyroaring)") from None
    wide = kept.pool_size > 2**32
    found = (pyroaring.BitMap64 if wide else pyroaring.BitMap)(kept.positions)
    found.run_optimize()
    stored: bytes = found.serialize()
    return stored


def _interleaved(one: bytes, other: bytes) -> bytes:
    """Return the i-th byte of `one` and then the i-th item of `other`, for all i."""
    first = np.frombuffer(one, dtype=np.uint8)[:, None]
    if not first.size:
        return b""
    second = np.frombuffer(other, dtype=np.uint8).reshape(len(first), -1)
    return np.concatenate([first, second], axis=1).tobytes()


def _zpaq(data: bytes) -> int:
    """Return the bytes that `data` adds to an archive, beyond those of an archive of one byte."""
    return _zpaq_archive(data) - _zpaq_archive(b"\0") + 1 if data else 0


def _zpaq_archive(data: bytes) -> int:
    with tempfile.TemporaryDirectory() as folder:
        source, archive = Path(folder, "x"), Path(folder, "x.zpaq")
        source.write_bytes(data)
        subprocess.run(
            ["zpaq", "add", str(archive), str(source), "-m5", "-t1"],
            check=True,
            capture_output=True,
        )
        return archive.stat().st_size
