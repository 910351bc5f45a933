"""A plain writer of `.plada` files: section 3 of the specification, on the standard library.

It writes all images as one block, delta or run lengths, and stores every stream as it is. Its files
are larger than they have to be, and right. `clients/plain.py` serves it.
"""

from __future__ import annotations

import hashlib
import re
import struct
import unicodedata
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

__all__ = ["Chunk", "Payload", "Unwritable", "check_form", "payload_of", "write"]

Chunk = tuple[int, bytes]
"""The type and the body of a chunk."""


class Unwritable(Exception):
    """What is no payload; a sentence says why."""


# ---------------------------------------------------------------- 3 What a payload means

_MAX_INTEGER = 2**53 - 1


@dataclass(frozen=True)
class Payload:
    """What a file is to say: section 3.

    `names` and `identifiers` are lists of text or None, `weight_scale` is (bits, low, step) or
    None. `positions`, `labels` and `codes` have one entry for each kept image; `codes` is empty
    without weights.
    """

    pool_id: bytes
    pool_size: int
    classes: int
    names: Sequence[str] | None
    identifiers: Sequence[str] | None
    weight_scale: tuple[int, int, int] | None
    positions: Sequence[int]
    labels: Sequence[int]
    codes: Sequence[int]


def payload_of(wanted: dict[str, Any]) -> Payload:
    """Return the payload that a `write` request describes."""
    classes = wanted["classes"]
    named = isinstance(classes, list)
    return Payload(
        pool_id=bytes.fromhex(wanted["pool_id"]),
        pool_size=wanted["pool_size"],
        classes=len(classes) if named else classes,
        names=classes if named else None,
        identifiers=wanted["identifiers"],
        weight_scale=wanted["weight_scale"],
        positions=wanted["positions"],
        labels=wanted["labels"],
        codes=wanted["codes"] or (),
    )


def _unless(right: object, sentence: str) -> None:
    if not right:
        raise Unwritable(sentence)


def _check(payload: Payload) -> None:
    """Refuse what is no payload."""
    kept = len(payload.positions)
    _unless(payload.pool_size <= _MAX_INTEGER, "The pool is too large.")
    _unless(1 <= payload.classes <= 65_536, "There are 1 to 65,536 classes.")
    _unless(all(a < b for a, b in pairwise(payload.positions)), "The positions do not ascend.")
    if kept:
        _unless(payload.positions[0] >= 0, "A position is negative.")
        _unless(payload.positions[-1] < payload.pool_size, "A position lies outside the pool.")
    _unless(len(payload.labels) == kept, "There is one label for each image.")
    _unless(all(0 <= label < payload.classes for label in payload.labels), "A label is no class.")
    if payload.identifiers is not None:
        _unless(payload.names is not None, "Unnamed classes have no identifiers.")
        _unless(len(payload.identifiers) == payload.classes, "There is one for each class.")
    _check_names(payload.names or [], may_be_empty=False)
    _check_names(payload.identifiers or [], may_be_empty=True)
    if payload.weight_scale is not None:
        bits, low, step = payload.weight_scale
        _unless(bits in (4, 8), "A weight code has 4 or 8 bits.")
        _unless(-(2**15) <= low < 2**15 and step >= 1, "The weight scale is none.")
        _unless(low + (2**bits - 1) * step <= 261_888, "The weight scale is too steep.")
        _unless(len(payload.codes) == kept, "There is one weight for each image.")
        _unless(all(0 <= code < 2**bits for code in payload.codes), "A weight is off its scale.")


# ---------------------------------------------------------------- 6.1 Class map

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def _check_names(names: Sequence[str], *, may_be_empty: bool) -> None:
    seen: set[str] = set()
    for name in names:
        if not name and may_be_empty:
            continue
        _unless(name, "A name is empty.")
        _unless(not any(0xD800 <= ord(each) < 0xE000 for each in name), "A name is no text.")
        _unless(len(name.encode("utf-8")) < 256, "A name is longer than 255 bytes.")
        _unless(not _FORBIDDEN.search(name), "A name holds a forbidden character.")
        _unless(name not in seen, "A name occurs twice.")
        seen.add(name)


def check_form(payload: Payload) -> None:
    """Refuse names that are not in Unicode normalisation form C, which binds writers alone.

    Raises:
        Unwritable: one is not.
    """
    for name in (*(payload.names or []), *(payload.identifiers or [])):
        _unless(unicodedata.is_normalized("NFC", name), "A name is not in form C.")


def _class_map(payload: Payload) -> bytes:
    """Return the decoded text of CLASSES."""
    texts = [
        name.encode("utf-8") for name in (*(payload.names or []), *(payload.identifiers or []))
    ]
    return b"".join(bytes([len(text)]) + text for text in texts)


# ---------------------------------------------------------------- 2 and 4.1 Varints and chunks

_HEAD, _CLASS_MAP, _BLOCK, _END = 0x01, 0x02, 0x03, 0x04
_WEIGHTS = 2


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value >= 128:
        groups.append(value & 127 | 128)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _chunk(kind: int, body: bytes, head_crc: int) -> bytes:
    start = bytes([kind]) + _varint(len(body)) + body
    crc = zlib.crc32(start, 0 if kind & 0x80 else head_crc)
    return start + crc.to_bytes(4, "little")


# ---------------------------------------------------------------- 5 HEAD


def _head(payload: Payload, max_stream: int) -> bytes:
    numbers = (payload.pool_size, len(payload.positions), payload.classes)
    scale = payload.weight_scale
    features = 0 if scale is None else _WEIGHTS
    body = payload.pool_id + b"".join(map(_varint, (*numbers, features, max_stream)))
    body += _content_id(payload)[:4]
    if scale is not None:
        body += struct.pack("<BhH", *scale)
    return _chunk(_HEAD, body, 0)


# ---------------------------------------------------------------- 7.3 Split integers


def _split(values: Sequence[int]) -> bytes:
    widths = [value.bit_length() - 1 for value in values]
    halves = [min(width, 15) for width in widths] + [0] * (len(widths) % 2)
    data = bytearray(a | b << 4 for a, b in zip(halves[::2], halves[1::2], strict=True))
    data += bytes(width for width in widths if width >= 15)
    buffer = have = 0  # bits that are not written yet, and their number
    for value, width in zip(values, widths, strict=True):
        buffer |= (value - (1 << width)) << have
        have += width
        while have >= 8:
            data.append(buffer & 255)
            buffer >>= 8
            have -= 8
    if have:
        data.append(buffer)
    return bytes(data)


# ---------------------------------------------------------------- 8 Blocks

_DELTA, _RLE = 1, 2


def _block(payload: Payload, encoding: int) -> tuple[bytes, int]:
    """Return the body of the block of all images, and the size of its largest stream."""
    first = payload.positions[0]
    span, count = payload.positions[-1] - first + 1, len(payload.positions)
    if encoding == _DELTA:
        positions = _split([b - a for a, b in pairwise(payload.positions)])
    else:
        positions = _runs(payload.positions)
    streams = [positions, _labels(payload)]
    body = _varint(first) + _varint(span) + _varint(count) + bytes([encoding])
    body += _varint(len(positions))
    if payload.weight_scale is not None:
        body += _varint(len(streams[1]))
        streams.append(_codes(payload.codes, payload.weight_scale[0]))
    return body + b"".join(streams), max(map(len, streams))


def _runs(positions: Sequence[int]) -> bytes:
    """Return the stream of the encoding RLE (section 8.3)."""
    kept, skipped = [1], []
    for a, b in pairwise(positions):
        if b == a + 1:
            kept[-1] += 1
        else:
            skipped.append(b - a - 1)
            kept.append(1)
    return _varint(len(kept)) + _split(kept + skipped)


def _labels(payload: Payload) -> bytes:
    if payload.classes == 1:
        return b""
    low = bytes(label & 255 for label in payload.labels)
    if payload.classes <= 256:
        return low
    return low + bytes(label >> 8 for label in payload.labels)


def _codes(codes: Sequence[int], bits: int) -> bytes:
    if bits == 8:
        return bytes(codes)
    even = [*codes, 0] if len(codes) % 2 else codes
    return bytes(a | b << 4 for a, b in zip(even[::2], even[1::2], strict=True))


# ---------------------------------------------------------------- 11 Canonical form and content_id


def _content_id(payload: Payload) -> bytes:
    size = "<I" if payload.pool_size <= 2**32 else "<Q"
    kept = len(payload.positions)
    content = hashlib.sha256(b"plada-1-content\0" + payload.pool_id)
    content.update(struct.pack("<QQI", payload.pool_size, kept, payload.classes))
    content.update(bytes([payload.names is not None, payload.identifiers is not None]))
    content.update(_class_map(payload))
    content.update(struct.pack("<BhH", *(payload.weight_scale or (0, 0, 0))))
    for values, each in ((payload.positions, size), (payload.labels, "<H")):
        column = hashlib.sha256()
        for value in values:
            column.update(struct.pack(each, value))
        content.update(column.digest())
    content.update(hashlib.sha256(bytes(payload.codes)).digest())
    return content.digest()


# ---------------------------------------------------------------- 4 Container


def write(
    payload: Payload,
    *,
    runs: bool = False,
    metadata: bytes | None = None,
    more: Sequence[Chunk] = (),
) -> bytes:
    """Return a file that says this.

    Args:
        payload: what the file is to say. Names may have any normalisation form here.
        runs: write positions as run lengths rather than as distances.
        metadata: the body of a META chunk, or None to leave it out.
        more: ancillary chunks to stand before END.

    Raises:
        Unwritable: what is to be said is no payload.
    """
    _check(payload)
    body, max_stream = b"", 0
    if payload.positions:
        body, max_stream = _block(payload, _RLE if runs else _DELTA)
    head = _head(payload, max_stream)
    head_crc = int.from_bytes(head[-4:], "little")
    chunks: list[Chunk] = []
    if payload.names is not None:
        form = 0 if payload.identifiers is None else 2
        chunks.append((_CLASS_MAP, bytes([form]) + _class_map(payload)))
    if metadata is not None:
        chunks.append((0xC1, metadata))
    if body:
        chunks.append((_BLOCK, body))
    chunks += [*more, (_END, b"")]
    return b"\x89PLADA\r\n\x01" + head + b"".join(_chunk(*each, head_crc) for each in chunks)
