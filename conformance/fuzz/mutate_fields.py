"""Changes to the fields of chunks, and to their order.

A change takes a sheet, which it changes in place, and a second one whose parts it may take; it
returns False where it cannot be made.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from ..build import BLOCK, CLASSES, END, HEAD, META, RULE, SIGN, Chunk, varint
from . import fresh, mutate_text
from .sheet import Sheet, value_of

Change = Callable[[Random, Sheet, Sheet], bool]
"""Changes a sheet in place, perhaps with parts of a second one; False if it cannot."""


def flipped(random: Random, octets: bytes) -> bytes:
    """Return `octets` with one byte changed."""
    at = random.randrange(len(octets))
    old = octets[at]
    new = random.choice((old ^ 1 << random.randrange(8), old + 1, old - 1, 0, 1, 127, 128, 255))
    return octets[:at] + bytes((new % 256,)) + octets[at + 1 :]


def _some_chunk(random: Random, sheet: Sheet) -> Chunk | None:
    return random.choice(sheet.chunks) if sheet.chunks else None


def _byte_of_a_part(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    chunk = _some_chunk(random, sheet)
    names = [name for name, octets in chunk.parts.items() if octets] if chunk else []
    if not names or chunk is None:
        return False
    name = random.choice(names)
    chunk.parts[name] = flipped(random, chunk.parts[name])
    return True


_VARINTS = ("pool_size", "kept", "classes", "features", "max_stream", "first", "span", "count",
            "positions_size", "labels_size", "columns")  # fmt: skip
_BOUNDS = (0, 1, 2, 127, 128, 255, 256, 257, 1024, 1025, 16_384, 65_535, 65_536, 65_537, 2**24,
           2**24 + 1, 2**26, 2**26 + 1, 2**28, 2**28 + 1, 2**32, 2**32 + 1, 2**53 - 2,
           2**53 - 1)  # fmt: skip


def _some_varint(random: Random, sheet: Sheet) -> tuple[Chunk, str] | None:
    found = [
        (chunk, name)
        for chunk in sheet.chunks
        if chunk.kind in (HEAD, RULE, BLOCK)
        for name in _VARINTS
        if name in chunk.parts
    ]
    return random.choice(found) if found else None


def _value_of_a_field(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    found = _some_varint(random, sheet)
    if found is None:
        return False
    chunk, name = found
    old = value_of(chunk.parts[name])
    if random.random() < 0.6:
        new = old + random.choice((-1, 1, -1, 1, 2, 7, -old // 2, old))
    else:
        new = random.choice(_BOUNDS)
    chunk.parts[name] = varint(max(new, 0))
    return True


_BAD_VARINTS = (
    b"\x80\x00", b"\xff\xff\xff\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\xff\xff\xff\x10",
    b"\xff\xff\xff\xff\xff\xff\xff\x7f", b"\x80\x80\x80\x80\x80\x80\x80\x10", b"\xff" * 8 + b"\x01",
    b"\x80" * 7 + b"\x00", b"\x80" * 8 + b"\x00", b"\x80" * 9 + b"\x01", b"\xff" * 12, b"\x80", b"",
)  # fmt: skip


def _spelling_of_a_varint(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    def spell(octets: bytes) -> bytes:
        if random.random() < 0.5 and octets:
            zeros = random.choice((0, 0, 1, 6, 7))
            return octets[:-1] + bytes((octets[-1] | 128,)) + b"\x80" * zeros + b"\0"
        return random.choice(_BAD_VARINTS)

    found = _some_varint(random, sheet)
    if found is None or random.random() < 0.2:
        chunk = _some_chunk(random, sheet)
        if chunk is None:
            return False
        chunk.length = spell(varint(len(chunk.body)))
    else:
        chunk, name = found
        chunk.parts[name] = spell(chunk.parts[name])
    return True


def _length_of_a_chunk(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    chunk = _some_chunk(random, sheet)
    if chunk is None:
        return False
    chunk.length = varint(max(0, len(chunk.body) + random.choice((-5, -4, -1, 1, 4, 5, 2**53))))
    return True


def _parts_of_a_chunk(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Leave a part out, repeat one, swap two, or take one of another file."""
    chunk = _some_chunk(random, sheet)
    if chunk is None or not chunk.parts:
        return False
    names = list(chunk.parts)
    name, other = random.choice(names), random.choice(names)
    kind = random.randrange(4)
    if kind == 0:
        chunk.parts[name] = b""
    elif kind == 1:
        chunk.parts[name] *= 2
    elif kind == 2:
        chunk.parts[name], chunk.parts[other] = chunk.parts[other], chunk.parts[name]
    else:
        theirs = donor.find(chunk.kind)
        if theirs is None or name not in theirs.parts:
            return False
        chunk.parts[name] = theirs.parts[name]
    return True


_KINDS = (HEAD, CLASSES, BLOCK, END, SIGN, META, RULE, 0x00, 0x06, 0x1F, 0x20, 0x21, 0x41, 0x43,
          0x5F, 0x80, 0xC0, 0xA1, 0xE1, *fresh.ANCILLARY)  # fmt: skip


def _order_of_chunks(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Drop, repeat, swap, move, or rename a chunk; insert one, also of another file."""
    chunks = sheet.chunks
    if not chunks:
        return False
    # HEAD and END seldom: whatever else changes with them goes unseen.
    inner = (
        range(1, len(chunks) - 1)
        if len(chunks) > 2 and random.random() < 0.7
        else range(len(chunks))
    )
    at, to = random.choice(inner), random.choice(inner)
    kind = random.randrange(8)
    if kind == 0:
        del chunks[at]
    elif kind == 1:
        chunks.insert(to, Sheet(b"", [chunks[at]]).copy().chunks[0])
    elif kind == 2:
        chunks[at], chunks[to] = chunks[to], chunks[at]
    elif kind == 3:
        chunks.insert(to, chunks.pop(at))
    elif kind == 4:
        chunks[at].kind = random.choice(_KINDS)
    elif kind <= 6:
        body = random.choice((b"", b"\0", b"\1", b"\0{}", random.randbytes(5)))
        types = _KINDS if kind == 5 else fresh.ANCILLARY
        chunks.insert(to, Chunk(random.choice(types), {"body": body} if body else {}))
    elif donor.chunks:
        theirs = random.choice(donor.chunks)
        chunks.insert(to, Sheet(b"", [theirs]).copy().chunks[0])
    return True


def _metadata_or_signature(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Add what may be there, where it may be."""
    if random.random() < 0.5 and sheet.find(SIGN) is None:
        signature = {"key_id": random.randbytes(8), "signature": random.randbytes(64)}
        sheet.chunks.insert(max(len(sheet.chunks) - 1, 0), Chunk(SIGN, signature))
        return True
    if sheet.find(META) is not None:
        return False
    text = mutate_text.json_text(random, b'{"k":"v"}')
    after = 1 + (sheet.find(CLASSES) is not None)
    sheet.chunks.insert(after, Chunk(META, {"form": b"\0", "text": text}))
    return True


def _end_of_a_body(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    chunk = _some_chunk(random, sheet)
    if chunk is None:
        return False
    body = chunk.body
    if random.random() < 0.5:
        chunk.parts["more"] = chunk.parts.get("more", b"") + random.choice(
            (b"\0", b"\0\0", b"\xff")
        )
    elif body:
        chunk.parts = {"body": body[: random.randrange(len(body))]}
    else:
        return False
    return True


def _checksum(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """A wrong CRC, or the right one for a chunk of the other kind."""
    chunk = _some_chunk(random, sheet)
    if chunk is None:
        return False
    if random.random() < 0.5:
        chunk.crc = random.choice((0, 2**32 - 1, random.getrandbits(32)))
    else:
        chunk.seeded = bool(chunk.kind & 0x80)
    return True


def _preamble(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    if not sheet.preamble:
        return False
    kind = random.randrange(4)
    if kind == 0:
        sheet.preamble = sheet.preamble[:-1] + bytes([random.choice((0, 2, 255))])
    elif kind == 1:
        sheet.preamble = flipped(random, sheet.preamble)
    elif kind == 2:
        sheet.preamble = sheet.preamble.replace(b"\r\n", random.choice((b"\n", b"\r", b"\r\n\n")))
    else:
        sheet.preamble = sheet.preamble[: random.randrange(len(sheet.preamble))]
    return True


def _form(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    found = [chunk for chunk in sheet.chunks if chunk.parts.get("form")]
    if not found:
        return False
    chunk = random.choice(found)
    chunk.parts["form"] = bytes((chunk.parts["form"][0] ^ 1 << random.randrange(8),))
    return True


def _feature(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Require a feature more or less."""
    if sheet.head is None:
        return False
    old = value_of(sheet.head.parts["features"])
    sheet.head.parts["features"] = varint(old ^ 1 << random.randrange(6))
    return True


def _weight_scale(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    head = sheet.head
    if head is None:
        return False
    if random.random() < 0.1:
        if head.parts.pop("weight_scale", None) is None:
            head.parts["weight_scale"] = b"\x08\0\0\1\0"
        return True
    if "weight_scale" not in head.parts:
        return False
    bits = random.choice((4, 8, 4, 8, 0, 1, 3, 5, 7, 9, 16, 255))
    low = random.choice((-32_768, -1, 0, 1, 32_767, random.randrange(-32_768, 32_768)))
    most = (261_888 - low) // (2 ** min(bits, 8) - 1 or 1)
    step = random.choice((0, 1, 2, most - 1, most, most + 1, 65_535))
    head.parts["weight_scale"] = (
        bytes((bits,))
        + (low % 65_536).to_bytes(2, "little")
        + (step % 65_536).to_bytes(2, "little")
    )
    return True


CHANGES: tuple[tuple[int, Change], ...] = (
    (10, _byte_of_a_part),
    (12, _value_of_a_field),
    (5, _spelling_of_a_varint),
    (2, _length_of_a_chunk),
    (6, _parts_of_a_chunk),
    (10, _order_of_chunks),
    (4, _metadata_or_signature),
    (4, _end_of_a_body),
    (2, _checksum),
    (1, _preamble),
    (5, _form),
    (3, _feature),
    (4, _weight_scale),
)
"""What this module can do to a sheet, and how often it is chosen."""
