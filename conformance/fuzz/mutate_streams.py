"""Changes to streams and texts, whose sizes follow and whose compression is kept."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from .. import appendix_b as spec
from .. import zstd_frames
from ..build import BITMAP, CLASSES, DELTA, DENSE, META, RLE, Chunk, varint
from . import fresh, mutate_text, mutate_zstd
from .mutate_fields import Change, flipped
from .sheet import STREAMS, Sheet, is_compressed, put_stream, value_of


def _some_stream(random: Random, sheet: Sheet) -> tuple[Chunk, str] | None:
    blocks = sheet.blocks
    if not blocks:
        return None
    block = random.choice(blocks)
    return block, random.choice([name for name in STREAMS if name in block.parts])


def decoded(chunk: Chunk, name: str) -> bytes:
    """Return a stream as it decodes, or nothing if it does not."""
    stored = chunk.parts[name]
    return mutate_zstd.content_of(stored) if is_compressed(chunk, name) else stored


def _put(random: Random, chunk: Chunk, name: str, content: bytes) -> None:
    """Store `content` as a stream in the form that the chunk's streams have."""
    compressed = is_compressed(chunk, name)
    put_stream(chunk, name, fresh.frame(random, content) if compressed else content)


def _bytes_of_a_stream(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Change, add or drop bytes of a decoded stream; sizes follow."""
    found = _some_stream(random, sheet)
    if found is None:
        return False
    chunk, name = found
    old = decoded(chunk, name)
    kind = random.randrange(6)
    at = random.randint(0, len(old))
    if kind <= 2 and old:
        new = flipped(random, old)
    elif kind == 3:
        new = old[:at] + random.choice((b"\0", b"\xff", random.randbytes(1))) + old[at:]
    elif kind == 4:
        new = old[:at] + old[at + random.randint(1, 2) :]
    else:
        new = random.choice((old + b"\0", old[:-1], b"\xff\xff\xff\xff" + old, old + old, b""))
    _put(random, chunk, name, new)
    return True


def _another_stream(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Put another stream in a stream's place."""
    found = _some_stream(random, sheet)
    if found is None:
        return False
    chunk, name = found
    size = len(decoded(chunk, name))
    other = _some_stream(random, random.choice((sheet, donor)))
    kind = random.randrange(4)
    if kind == 0 and other is not None:
        put_stream(chunk, name, other[0].parts[other[1]])
    elif kind == 1:
        _put(random, chunk, name, random.randbytes(size))
    elif kind == 2:
        _put(random, chunk, name, bytes(size))
    else:
        count = value_of(chunk.parts["count"])
        _put(random, chunk, name, bytes(random.randrange(2) for _ in range(min(count, 1000))))
    return True


def _compression(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Compress what is stored and store what is compressed, also where it may not be."""
    found = _some_stream(random, sheet)
    text = sheet.find(random.choice((CLASSES, META)))
    if text is not None and "text" in text.parts and random.random() < 0.3:
        found = text, "text"
    if found is None:
        return False
    chunk, name = found
    content = decoded(chunk, name)
    if is_compressed(chunk, name):
        put_stream(chunk, name, content, compressed=False)
    else:
        put_stream(chunk, name, fresh.frame(random, content), compressed=True)
    return True


def _zstd_frame(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    found = [
        (chunk, name)
        for chunk in sheet.chunks
        for name in (*STREAMS, "text")
        if name in chunk.parts and is_compressed(chunk, name)
    ]
    if not found:
        if random.random() < 0.5 and _compression(random, sheet, donor):
            return _zstd_frame(random, sheet, donor)
        return False
    chunk, name = random.choice(found)
    put_stream(chunk, name, mutate_zstd.change(random, chunk.parts[name]))
    return True


def relative_of(block: Chunk) -> list[int] | None:
    """Return the relative positions of a block, or None of one that is not valid or too large."""
    span, count = value_of(block.parts["span"]), value_of(block.parts["count"])
    encoding = block.parts["form"][0] & 3
    if count > 1000 or span < 1 or (encoding == BITMAP and span > 20_000):
        return None
    read = {
        BITMAP: spec.read_bitmap,
        DELTA: spec.read_delta,
        RLE: spec.read_rle,
        DENSE: spec.read_dense_positions,
    }[encoding]
    try:
        return list(read(decoded(block, "positions"), span, count))
    except (spec.Refused, IndexError):
        return None


def written(relative: list[int], span: int, encoding: int) -> bytes:
    """Return the position stream of relative positions."""
    if encoding == BITMAP:
        return bytes(spec.write_bitmap(relative, span))
    write = {DELTA: spec.write_delta, RLE: spec.write_rle, DENSE: spec.write_dense_positions}
    return bytes(write[encoding](relative))


def _position_encoding(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Write the positions of a block in another encoding."""
    if not sheet.blocks:
        return False
    block = random.choice(sheet.blocks)
    relative = relative_of(block)
    if relative is None:
        return False
    span = value_of(block.parts["span"])
    encoding = random.choice((BITMAP, DELTA, RLE, DENSE) if span <= 20_000 else (DELTA, RLE, DENSE))
    block.parts["form"] = bytes((block.parts["form"][0] & ~7 | encoding,))
    stored = written(relative, span, encoding)
    compressed = encoding != DENSE and random.random() < 0.2
    put_stream(
        block, "positions", fresh.frame(random, stored) if compressed else stored, compressed
    )
    return True


def _positions(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Move, add or drop an image of a block; its fields follow or do not."""
    if not sheet.blocks:
        return False
    block = random.choice(sheet.blocks)
    relative = relative_of(block)
    if not relative:
        return False
    encoding, span = block.parts["form"][0] & 3, relative[-1] + 1
    labels, at = block.parts["labels"], random.randrange(len(relative))
    kind = random.randrange(4)
    follow = random.random() < 0.6
    if kind == 0 and at and relative[at - 1] + 1 < relative[at]:
        relative[at] -= 1
    elif kind == 1 and len(relative) > 1:
        shift = 0 if at else relative[1]
        del relative[at]
        relative = [position - shift for position in relative]
        labels = labels[:at] + labels[at + 1 :] if follow else labels
    elif kind == 2:
        relative.append(relative[-1] + random.choice((1, 1, 2, 300)))
        labels = labels + labels[:1] if follow else labels
    else:
        relative[-1] += random.choice((1, 1, 2, 2**15, 2**40)) if at else 0
    new_span = relative[-1] + 1
    if encoding == BITMAP and (new_span > 20_000 or not follow):
        return False
    _put(random, block, "positions", written(relative, new_span, encoding))
    if follow:
        block.parts["span"], block.parts["count"] = varint(new_span), varint(len(relative))
        if new_span != span and random.random() < 0.8:
            pool = max(value_of(block.parts["first"]) + new_span, _pool_size(sheet))
            if sheet.head is not None:
                sheet.head.parts["pool_size"] = varint(min(pool, 2**53 - 1))
        if labels is not block.parts["labels"]:
            put_stream(block, "labels", labels)
    return True


def _pool_size(sheet: Sheet) -> int:
    return value_of(sheet.head.parts["pool_size"]) if sheet.head else 0


def _ends_of_a_bitmap(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Clear the first or the last bit of a bitmap, and keep another image or not."""
    blocks = [each for each in sheet.blocks if each.parts["form"][0] & 3 == BITMAP]
    block = random.choice(blocks) if blocks else None
    relative = relative_of(block) if block else None
    if block is None or not relative:
        return False
    span = relative[-1] + 1
    kept = set(relative)
    kept.discard(random.choice((0, span - 1)))
    if random.random() < 0.7:
        kept.add(random.randrange(span))
    _put(random, block, "positions", written(sorted(kept), span, BITMAP))
    return True


def _integers(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Change a distance, a run, their number, or the parts that split integers are written in."""
    blocks = [each for each in sheet.blocks if each.parts["form"][0] & 3 in (DELTA, RLE)]
    if not blocks:
        return False
    block = random.choice(blocks)
    content = decoded(block, "positions")
    runs = b""
    count = value_of(block.parts["count"]) - 1
    try:
        if block.parts["form"][0] & 3 == RLE:
            r, at = spec.read_varint(content, 0)
            runs, content, count = content[:at], content[at:], 2 * r - 1
        values = spec.read_split(content, count) if 0 <= count <= 1000 else []
    except (spec.Refused, IndexError):
        return False
    kind = random.randrange(7)
    at = random.randrange(len(values)) if values else 0
    if kind == 0 and runs:
        runs = random.choice((varint(max(0, value_of(runs) + random.choice((-1, 1)))), b"\x80\0"))
    elif kind == 1 and len(values) > 1:
        other = random.randrange(len(values))
        values[at], values[other] = values[other], values[at]
    elif kind == 2 and values:
        del values[at]
    elif kind <= 4 and values:
        values[at] = max(1, values[at] + random.choice((-1, 1, 2**15, 2**32, 2**52, -values[at])))
        values[at] = min(values[at], 2**53 - 1)
    elif kind == 5:
        values.insert(at, random.choice((1, 2, 2**15, 2**53 - 1)))
    elif values:
        # A width that has no such spelling, or an over-long one.
        split = bytearray(spec.write_split(values))
        pairs = (len(values) + 1) // 2
        wide = random.choice((b"\x0e", b"\x0f", b"\x34", b"\x35", b"\xff"))
        split[at // 2] |= 15 << 4 * (at % 2)
        put_stream(block, "positions", runs + bytes(split[:pairs]) + wide + bytes(split[pairs:]))
        return True
    _put(random, block, "positions", runs + bytes(spec.write_split(values)))
    return True


def _labels(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Replace the labels of a block, plain or dense, all of classes or one beyond."""
    head = sheet.head
    if head is None or not sheet.blocks:
        return False
    classes = value_of(head.parts["classes"])
    block = random.choice(sheet.blocks)
    count = value_of(block.parts["count"])
    if not 1 < classes <= 65_536 or not 0 < count <= 600:
        return False
    few = random.choice((2, classes))
    labels = [random.randrange(min(few, classes)) for _ in range(count)]
    shift = random.randint(1, 7) if random.random() < 0.5 and classes <= 1000 else 0
    relative = relative_of(block) if shift else None
    if relative is None or len(relative) != count:
        shift = 0
    if not shift and random.random() < 0.2:
        labels[random.randrange(count)] = min(classes, 65_535)
    form = block.parts["form"][0] & 0x1F & ~8 | shift << 5
    block.parts["form"] = bytes((form,))
    if relative is not None and shift:
        stream = bytes(spec.write_dense_labels(labels, relative, classes, shift))
    else:
        stream = bytes(spec.write_labels(labels, classes)) if max(labels) < 65_536 else b""
    if not shift and random.random() < 0.2:
        put_stream(block, "labels", zstd_frames.stored(stream), compressed=True)
    else:
        put_stream(block, "labels", stream)
    return True


def _names(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    return _text(random, sheet.find(CLASSES), mutate_text.names)


def _json(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    return _text(random, sheet.find(META), mutate_text.json_text)


def _text(random: Random, chunk: Chunk | None, change: Callable[[Random, bytes], bytes]) -> bool:
    if chunk is None or "text" not in chunk.parts:
        return False
    _put(random, chunk, "text", change(random, decoded(chunk, "text")))
    return True


CHANGES: tuple[tuple[int, Change], ...] = (
    (12, _bytes_of_a_stream),
    (5, _another_stream),
    (5, _compression),
    (12, _zstd_frame),
    (8, _position_encoding),
    (8, _positions),
    (2, _ends_of_a_bitmap),
    (6, _integers),
    (6, _labels),
    (7, _names),
    (7, _json),
)
"""What this module can do to a sheet, and how often it is chosen."""
