"""Valid files at each of the default limits. What is in them is made up.

Blocks are put together here: `pladafmt.dumps` would try every encoding and compress for minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import zstandard

from pladafmt import Limits, Payload, PoolRef, layout, writer
from pladafmt.blocks import dense, encodings, labels
from pladafmt.limits import MAX_CLASSES, MAX_ZSTD_WINDOW

CLASSES = 1000
SHIFT = 3
"""Of the dense label streams."""

PATTERNS = 64
"""Blocks that differ in more than their place; the others repeat them."""

Array = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Encoded:
    """A block that has no place yet: its images, its form and its streams."""

    relative: Array
    labels: npt.NDArray[np.uint16]
    form: int
    streams: tuple[bytes, bytes]
    largest: int


def encode(relative: Array, found: npt.NDArray[np.uint16], encoding: str, zstd: str) -> Encoded:
    """Encode a block; `zstd` has a letter for each stream to compress, of "p" and "l"."""
    number = encodings.DENSE if encoding == "dense" else encodings.NUMBERS[encoding]
    form = number
    positions = b"".join(encodings.MODULES[number].encode(relative, int(relative[-1]) + 1))
    if encoding == "dense":
        form |= SHIFT << layout.FORM_SHIFT_BIT
        kinds, room = dense.kinds_of(relative), 4 * found.size + 64
        coded = dense.encode_labels(found, kinds, CLASSES, SHIFT, room)
        assert coded is not None
    else:
        coded = b"".join(labels.encode(found, CLASSES))
    largest = max(len(positions), len(coded))
    if "p" in zstd:
        form, positions = form | layout.FORM_POSITIONS_ZSTD, _frame(positions)
    if "l" in zstd:
        form, coded = form | layout.FORM_LABELS_ZSTD, _frame(coded)
    return Encoded(relative, found, form, (positions, coded), largest)


def _file(blocks: Sequence[Encoded], features: int) -> bytes:
    """Return the file of these blocks, one behind the other with a gap of one position."""
    parts, positions, first = [], [], 0
    for each in blocks:
        fields = layout.build(
            layout.BLOCK_BODY,
            {"weights": False},
            first=first,
            span=int(each.relative[-1]) + 1,
            count=each.relative.size,
            form=each.form,
            positions_size=len(each.streams[0]),
            labels_size=0,
        )
        parts.append((layout.BLOCK, fields + b"".join(each.streams)))
        positions.append(each.relative + first)
        first += int(each.relative[-1]) + 2
    payload = Payload(
        PoolRef(bytes(32), first),
        CLASSES,
        np.concatenate(positions),
        np.concatenate([each.labels for each in blocks]),
    )
    largest = max(each.largest for each in blocks)
    return writer.assemble(payload, None, None, parts, used=features, largest=largest)


def _frame(data: bytes) -> bytes:
    """Return `data` as a Zstd frame within the profile."""
    parameters = zstandard.ZstdCompressionParameters.from_level(
        3,
        source_size=len(data),
        window_log=min(max((len(data) - 1).bit_length(), 10), MAX_ZSTD_WINDOW.bit_length() - 1),
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(data)


def _relative(random: np.random.Generator, encoding: str, count: int) -> Array:
    """Return positions such as the encoding is for: ascending from 0, shape (count,)."""
    if encoding == "rle":
        gaps = np.where(random.random(count - 1) < 0.1, random.integers(2, 200, count - 1), 1)
    else:
        mean = 4 if encoding == "bitmap" else 50
        gaps = random.geometric(1 / mean, count - 1)
    return np.concatenate(([0], np.cumsum(gaps)))


def _labels(random: np.random.Generator, count: int) -> npt.NDArray[np.uint16]:
    """Return labels that neighbours often share, shape (count,)."""
    run = np.cumsum(random.random(count) < 0.1)
    return random.integers(0, CLASSES, count + 1).astype(np.uint16)[run]


def many_blocks(encoding: str, images: int, zstd: str = "", *, share: float) -> bytes:
    """Return a file of as many blocks as are allowed, of `images` images each."""
    random = np.random.default_rng(0)
    patterns = [
        encode(_relative(random, encoding, images), _labels(random, images), encoding, zstd)
        for _ in range(PATTERNS)
    ]
    blocks = [patterns[number % PATTERNS] for number in range(int(Limits().blocks * share))]
    features = layout.FEATURE_DENSE if encoding == "dense" else 0
    return _file(blocks, features | (layout.FEATURE_ZSTD if zstd else 0))


def one_block(encoding: str, images: int = Limits.kept, *, share: float) -> bytes:
    """Return a file of one block that keeps as many images as are allowed."""
    random = np.random.default_rng(0)
    count = int(images * share)
    block = encode(_relative(random, encoding, count), _labels(random, count), encoding, "")
    return _file([block], layout.FEATURE_DENSE if encoding == "dense" else 0)


def inflated(*, share: float) -> bytes:
    """Return a small file one of whose streams inflates to the largest that is allowed."""
    count = int(Limits().kept * share)
    # Distances of 2^20: half a byte of widths, one of wide ones, and 20 bits are 4 bytes each.
    relative = np.arange(count, dtype=np.int64) << 20
    block = encode(relative, np.zeros(count, dtype=np.uint16), "delta", "pl")
    return _file([block], layout.FEATURE_ZSTD)


def class_map(*, share: float) -> bytes:
    """Return a file without images whose class map is as large as is allowed."""
    length = Limits().class_map // MAX_CLASSES - 1
    names = [f"{number:0{length}d}" for number in range(int(MAX_CLASSES * share))]
    return writer.dumps(Payload(PoolRef(bytes(32), 1), names, [], []))


def metadata(*, share: float) -> bytes:
    """Return a file without images whose metadata is as large as is allowed, in many values."""
    value: dict[str, object] = {}
    size = 2
    while size < Limits().metadata * share - 40:
        value[str(len(value))] = [len(value), {"": None}]
        size += 2 * len(str(len(value))) + 18
    return writer.dumps(Payload(PoolRef(bytes(32), 1), 2, [], [], metadata=value))


FILES: dict[str, Callable[..., bytes]] = {
    "65,536 blocks of 1 image": partial(many_blocks, "delta", 1),
    "65,536 blocks of 256, bitmap": partial(many_blocks, "bitmap", 256),
    "65,536 blocks of 256, delta, Zstd": partial(many_blocks, "delta", 256, "l"),
    "65,536 blocks of 256, RLE": partial(many_blocks, "rle", 256),
    "65,536 blocks of 256, dense": partial(many_blocks, "dense", 256),
    "2^24 images, bitmap": partial(one_block, "bitmap"),
    "2^24 images, delta": partial(one_block, "delta"),
    "2^24 images, RLE": partial(one_block, "rle"),
    "2^24 images, dense": partial(one_block, "dense"),
    "2^21 images, dense": partial(one_block, "dense", Limits.dense),
    "2^24 images, 64 MiB by Zstd": inflated,
    "class map of 1 MiB": class_map,
    "metadata of 64 KiB": metadata,
}
"""What makes the file at each limit, given the share of the limit to reach."""


def make(name: str, share: float, path: str) -> int:
    """Write a file and return its size."""
    return Path(path).write_bytes(FILES[name](share=share))
