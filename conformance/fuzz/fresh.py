"""Valid files made at random, with the corners of the format over-represented."""

from __future__ import annotations

import json
from collections.abc import Sequence
from random import Random
from typing import Any

import zstandard

from .. import appendix_b as spec
from .. import zstd_frames
from ..build import (
    BITMAP,
    CLASSES,
    DELTA,
    DENSE,
    RLE,
    SIGN,
    Block,
    Chunk,
    Draft,
    Meaning,
    Stream,
    block_of,
    class_map,
    metadata_chunk,
    names_chunk,
)

MAX_WINDOW_LOG = 23
ANCILLARY = (0x81, 0x83, 0x97, 0x98, 0x9F, 0xC2, 0xD7, 0xD8, 0xDF)
"""Chunk types that nobody knows and everybody may pass over."""

_LETTERS = "abcdefgh <&>\"'/\\\u00e9\u0434\u732b\U0001f408\ue000\u0301"


def valid_file(random: Random) -> bytes:
    """Return a valid file."""
    return valid_draft(random).build().data


def valid_draft(random: Random, pool: Sequence[bytes] | None = None) -> Draft:
    """Return a valid file as a draft.

    Args:
        random: what it is made with.
        pool: digests of the images of the pool that it is for, at least one; any pool when None.
    """
    meaning = _meaning(random, pool)
    draft = Draft(meaning)
    if meaning.names is not None:
        form = 0 if meaning.identifiers is None else 2
        text = class_map(meaning)
        if text and random.random() < 0.3:
            form, text = form | 1, frame(random, text)
        draft.chunks.append(names_chunk(text, form))
    draft.blocks = blocks(random, meaning)
    dress(random, draft)
    return draft


def dress(random: Random, draft: Draft) -> None:
    """Perhaps add metadata, chunks that nobody knows, and a signature to a draft."""
    if random.random() < 0.3:
        text, form = json.dumps(metadata(random), ensure_ascii=random.random() < 0.5).encode(), 0
        if random.random() < 0.3:
            form, text = 1, frame(random, text)
        at = 1 if draft.chunks and draft.chunks[0].kind == CLASSES else 0
        draft.chunks.insert(at, metadata_chunk(text, form))
    for kind in random.sample(ANCILLARY, random.choice((0, 0, 0, 0, 0, 1, 2))):
        chunks = random.choice((draft.chunks, draft.after))
        unknown = Chunk(kind, {"body": random.randbytes(random.randrange(12))})
        chunks.insert(random.randint(0, len(chunks)), unknown)
    if random.random() < 0.15:
        signature = {"key_id": random.randbytes(8), "signature": random.randbytes(64)}
        draft.after.append(Chunk(SIGN, signature))


def _meaning(random: Random, pool: Sequence[bytes] | None) -> Meaning:
    size = random.choice(
        (
            1, 7, 8, 9, 60, 1000, 1000, 40_000, 40_000, 14_197_122,
            2**32 - 1, 2**32, 2**32 + 1, 2**53 - 1, random.randrange(1, 2**random.randrange(1, 53)),
        )
    )  # fmt: skip
    if pool is not None:
        size = len(pool)
    positions = _positions(random, size)
    classes = random.choice((1, 2, 2, 3, 5, 10, 128, 255, 256, 257, 1000, 65_535, 65_536))
    names, identifiers = None, None
    if random.random() < 0.6:
        classes = random.choice((1, 2, 3, 4, 8)) if random.random() < 0.97 else 300
        names = tuple(f"{_word(random)}{n}".encode() for n in range(classes))
        if random.random() < 0.3:
            identifiers = tuple(
                b"" if random.random() < 0.3 else f"n{n:08d}".encode() for n in range(classes)
            )
    few = random.choice((1, 2, 3, classes))
    labels = tuple(random.randrange(min(few, classes)) for _ in positions)
    if labels and random.random() < 0.3:
        labels = (*labels[:-1], classes - 1)
    scale = codes = None
    if random.random() < 0.4:
        scale = _scale(random)
        few = random.choice((1, 2, 2 ** scale[0]))
        codes = tuple(random.randrange(few) for _ in positions)
    pool_id = random.randbytes(32)
    if pool is not None:
        pool_id = spec.pool_id(list(pool))
    return Meaning(pool_id, size, classes, names, identifiers, scale, positions, labels, codes)


def _positions(random: Random, size: int) -> tuple[int, ...]:
    shape = random.randrange(6)
    if shape == 0:
        return tuple(sorted({0, size - 1}))
    if shape == 1 and size <= 1000:
        return tuple(range(size))
    most = 12 if random.random() < 0.9 else random.choice((60, 250, 600))
    if shape <= 3:
        at, found = random.randrange(min(size, 2**40)), set[int]()
        while at < size and len(found) < most:
            length = random.randint(1, most)
            found.update(range(at, min(at + length, size)))
            at += length + random.randrange(1, 2 ** random.randrange(1, 40))
        return tuple(sorted(found))
    if shape == 4 and random.random() < 0.3:
        return ()
    # Close together, so that a bitmap may hold them, or anywhere.
    width = min(size, random.choice((16, 200, 4000, size)))
    first = random.randint(0, size - width)
    return tuple(sorted({first + random.randrange(width) for _ in range(random.randint(1, most))}))


def _scale(random: Random) -> tuple[int, int, int]:
    bits = random.choice((4, 8))
    steepest = random.random() < 0.1
    low = random.choice((-32_768, -256, -1, 0, 1, 32_767, random.randrange(-2000, 2000)))
    most = min(65_535, (261_888 - low) // (2**bits - 1))
    return bits, low, most if steepest else random.choice((1, 7, 255, 256))


def _word(random: Random) -> str:
    return "".join(random.choices(_LETTERS, k=random.choice((0, 1, 3, 8))))


def metadata(random: Random) -> dict[str, Any]:
    """Return a JSON object."""
    return {_word(random): _value(random, 0) for _ in range(random.choice((0, 1, 1, 2, 3)))}


def _value(random: Random, depth: int) -> Any:
    kind = random.randrange(8 if depth < 3 else 6)
    if kind >= 6:
        inner = [_value(random, depth + 1) for _ in range(random.randrange(3))]
        return inner if kind == 6 else {_word(random): each for each in inner}
    if kind < 4:
        return (None, True, _word(random), random.choice((0, -1, 2**53 - 1, 1 - 2**53, 12)))[kind]
    return random.choice((0.5, -1e300, 5e-324, 1.7976931348623157e308, 0.0))


def blocks(random: Random, meaning: Meaning) -> list[Block]:
    """Return blocks that hold the images of `meaning`."""
    count = len(meaning.positions)
    if not count:
        return []
    cuts = sorted(random.sample(range(1, count), min(count - 1, random.choice((0, 0, 0, 1, 2, 3)))))
    return [
        _block(random, meaning, slice(start, end))
        for start, end in zip([0, *cuts], [*cuts, count], strict=True)
    ]


def _block(random: Random, meaning: Meaning, images: slice) -> Block:
    chosen = meaning.positions[images]
    span = chosen[-1] - chosen[0] + 1
    bitmap_fits = span <= min(4096 * len(chosen), 20_000)
    encoding = random.choice((BITMAP, DELTA, RLE, DENSE) if bitmap_fits else (DELTA, RLE, DENSE))
    shift = 0
    # The encoder of appendix B makes as many models as there are classes.
    if meaning.classes > 1 and random.random() < (0.3 if meaning.classes < 5000 else 0.02):
        shift = random.randint(1, 7)
    block = block_of(meaning, encoding, images=images, shift=shift)
    if encoding != DENSE:
        _perhaps_compress(random, block.positions)
    if not shift and meaning.classes > 1:
        _perhaps_compress(random, block.labels)
    if block.weights is not None:
        _perhaps_compress(random, block.weights)
    return block


def _perhaps_compress(random: Random, stream: Stream) -> None:
    if stream.stored and random.random() < 0.25:
        stream.size = len(stream.stored)
        stream.stored, stream.compressed = frame(random, stream.stored), True


def frame(random: Random, content: bytes) -> bytes:
    """Return a frame within the profile that holds `content`, by hand or by the compressor."""
    kind = random.randrange(5)
    if kind == 0:
        return zstd_frames.stored(content)
    if kind == 1 and content and content == content[:1] * len(content):
        return zstd_frames.frame(zstd_frames.run(content[0], len(content)), len(content))
    if kind == 2:
        cut = random.randint(0, min(len(content), zstd_frames.LARGEST_BLOCK))
        rest = content[cut : cut + zstd_frames.LARGEST_BLOCK]
        if cut + len(rest) == len(content):
            blocks = zstd_frames.raw(content[:cut], last=False) + zstd_frames.raw(rest)
            window = random.randint(max(10, (len(content) - 1).bit_length()), MAX_WINDOW_LOG)
            size = len(content).to_bytes(8, "little")
            fields = bytes([window - 10 << 3]) + size
            return zstd_frames.frame(blocks, 0, descriptor=0xC0, fields=fields)
    parameters = zstandard.ZstdCompressionParameters.from_level(
        random.choice((1, 3, 19)),
        source_size=len(content),
        window_log=max(10, (len(content) - 1).bit_length()),
        write_content_size=True,
        write_checksum=False,
        write_dict_id=False,
    )
    return zstandard.ZstdCompressor(compression_params=parameters).compress(content)
