"""A plain decoder of `.plada` files: the specification, section by section, as one program.

It is written for whoever writes a client, to be read together with `spec/plada-1.md`, and depends
on the standard library and `zstandard` alone. The comments name the sections. What a section says
only in passing, and section 14 puts in order, is checked in that order.

    python conformance/plain_decoder.py FILE [--pool DIGESTS.txt] [--codes CODES.txt]
        [--limit name=n]
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import math
import re
import struct
import sys
import zlib
from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, Literal, NoReturn

import zstandard

__all__ = ["KNOWN_FEATURES", "Content", "Limits", "Refused", "codes_id", "decode", "pool_id"]

# ----------------------------------------------------- Appendix G Error classes, 15 Limits

_CLASSES = {
    "noncanonical": "varint-overlong chunk-order empty-compressed dense-tail block-not-tight "
    "feature-unused max-stream padding-bits",
    "unsupported": "unknown-version unknown-critical-chunk unknown-feature",
    "limit": "limit-kept limit-stream limit-blocks limit-class-map limit-metadata limit-work",
    "mismatch": "pool-mismatch codes-mismatch",
    "untrusted": "signature-missing signature-key signature-bad",
    "corrupt": "crc-mismatch content-check",
}
_CLASS_OF = {code: name for name, codes in _CLASSES.items() for code in codes.split()}


class Refused(Exception):
    """A file that a reader refuses.

    Attributes:
        code: the error code of the first check that failed.
        error_class: the class of the code, by appendix G.
    """

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
        self.error_class = _CLASS_OF.get(code, "malformed")


def _refuse(code: str) -> NoReturn:
    raise Refused(code)


def _refuse_if(fault: object, code: str) -> None:
    if fault:
        raise Refused(code)


@dataclass(frozen=True)
class Limits:
    """Bounds that this reader applies; the defaults are those of section 15."""

    kept: int = 2**24
    stream: int = 64 * 2**20
    blocks: int = 65_536
    class_map: int = 2**20
    metadata: int = 64 * 2**10
    work: int = 2**41


_DEFAULT_LIMITS = Limits()

# ---------------------------------------------------------------- 2 Words and notation

_MAX_INTEGER = 2**53 - 1


def _read_varint(data: bytes, at: int, short: str) -> tuple[int, int]:
    """Return the varint at `at` and where it ends; `short` is the code if the data end in it."""
    value = 0
    for index in range(8):
        _refuse_if(at == len(data), short)
        byte = data[at]
        at += 1
        value |= (byte & 127) << (7 * index)
        if byte < 128:
            _refuse_if(byte == 0 and index > 0, "varint-overlong")
            _refuse_if(value > _MAX_INTEGER, "varint-overflow")
            return value, at
    _refuse("varint-overflow")


class _Fields:
    """The fields of a chunk's body, in order."""

    def __init__(self, body: bytes) -> None:
        self._body, self._at = body, 0

    def take(self, size: int) -> bytes:
        _refuse_if(size > len(self._body) - self._at, "body-short")
        self._at += size
        return self._body[self._at - size : self._at]

    def byte(self) -> int:
        return self.take(1)[0]

    def varint(self) -> int:
        value, self._at = _read_varint(self._body, self._at, "body-short")
        return value

    def rest(self) -> bytes:
        return self._body[self._at :]


# ---------------------------------------------------------------- 3 What a payload means


@dataclass(frozen=True)
class Content:
    """What a valid file says: section 3, and what a reader learns on the way.

    `positions`, `labels` and `codes` have one entry for each kept image, in order of position. The
    weight of a code is `2 ** ((low + code * step) / 256)` with the `(bits, low, step)` of
    `weight_scale`; without weights, `codes` and `weight_scale` are None. `key_id` is the one in
    SIGN, and says nothing about whether the signature holds.
    """

    pool_id: bytes
    pool_size: int
    classes: int
    names: list[str] | None
    identifiers: list[str] | None
    positions: array[int]
    labels: array[int]
    codes: bytes | None
    weight_scale: tuple[int, int, int] | None
    metadata: dict[str, Any] | None
    features: int
    content_id: bytes
    key_id: bytes | None


# ---------------------------------------------------------------- 4 Container

_MAGIC = b"\x89PLADA\r\n"
_HEAD, _CLASS_MAP, _META, _RULE = 0x01, 0x02, 0xC1, 0x05
_BLOCK, _SIGN, _END = 0x03, 0x82, 0x04
_ORDER = [_HEAD, _CLASS_MAP, _META, _RULE, _BLOCK, _SIGN, _END]

_ZSTD, _WEIGHTS, _DENSE, _RULES = 1, 2, 4, 16
KNOWN_FEATURES = _ZSTD | _WEIGHTS | _DENSE | _RULES


def _read_preamble(data: bytes) -> int:
    _refuse_if(not _MAGIC.startswith(data[: len(_MAGIC)]), "bad-magic")
    _refuse_if(len(data) <= len(_MAGIC), "truncated")
    _refuse_if(data[len(_MAGIC)] != 1, "unknown-version")
    return len(_MAGIC) + 1


# 4.1 Chunks


def _read_header(data: bytes, at: int) -> tuple[int, int, int]:
    """Return the type of the chunk at `at`, the length of its body, and where that starts."""
    _refuse_if(at == len(data), "truncated")
    kind = data[at]
    reserved, safe_without_ancillary = kind & 0x20, kind & 0xC0 == 0x40
    _refuse_if(reserved or safe_without_ancillary or not kind & 0x1F, "chunk-type")
    length, start = _read_varint(data, at + 1, "truncated")
    return kind, length, start


def _check_place(kind: int, before: list[int], features: int) -> None:
    """Check that a chunk of this type may follow those before it."""
    known = kind in _ORDER and (kind != _RULE or features & _RULES)
    _refuse_if(not before and kind != _HEAD, "head-missing")
    _refuse_if(kind < 0x80 and not known, "unknown-critical-chunk")
    _refuse_if(kind != _BLOCK and kind in before, "chunk-duplicate")
    _refuse_if(before and before[-1] == _SIGN and kind != _END, "signature-place")
    if kind in _ORDER and set(_ORDER[_ORDER.index(kind) + 1 :]).intersection(before):
        _refuse("chunk-order")


# ---------------------------------------------------------------- 5 HEAD


@dataclass
class _File:
    """What has been read of a file so far: first the fields of HEAD."""

    pool_id: bytes
    pool_size: int
    kept: int
    classes: int
    features: int
    max_stream: int
    check: bytes
    weight_scale: tuple[int, int, int] | None
    crc: int  # of HEAD
    positions: array[int]
    labels: array[int]
    codes: bytearray
    rule: _Rule | None = None
    names: list[str] | None = None
    identifiers: list[str] | None = None
    metadata: dict[str, Any] | None = None
    key_id: bytes | None = None
    end: int = 0  # of the range of the last block
    used: int = 0  # features
    largest: int = 0  # decoded size of a stream


def _read_head(body: bytes, crc: int, limits: Limits, known_features: int) -> _File:
    fields = _Fields(body)
    pool = fields.take(32)
    pool_size, kept, classes = fields.varint(), fields.varint(), fields.varint()
    features, max_stream, check = fields.varint(), fields.varint(), fields.take(4)
    scale: tuple[int, int, int] | None = None
    if features & _WEIGHTS:
        scale = struct.unpack("<BhH", fields.take(5))
    _refuse_if(fields.rest(), "body-long")
    _refuse_if(kept > pool_size, "kept-over-pool")
    _refuse_if(not 1 <= classes <= 65_536, "class-count")
    _refuse_if(features & ~known_features, "unknown-feature")
    _refuse_if(features & _WEIGHTS and features & _RULES, "feature-conflict")
    if scale:
        bits, low, step = scale
        too_heavy = low + (2**bits - 1) * step > 261_888
        _refuse_if(bits not in (4, 8) or step == 0 or too_heavy, "weight-scale")
    _refuse_if(kept > limits.kept, "limit-kept")
    _refuse_if(max_stream > limits.stream, "limit-stream")
    head = (pool, pool_size, kept, classes, features, max_stream, check, scale, crc)
    positions = array("I" if pool_size <= 2**32 else "Q")
    return _File(*head, positions, labels=array("H"), codes=bytearray())


# ---------------------------------------------------------------- 6 Names and metadata

_FORBIDDEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


def _read_text(body: bytes, limit: int, limit_code: str, file: _File | None) -> tuple[int, bytes]:
    """Return the form and the decoded text of CLASSES (with `file`) or META (without)."""
    fields = _Fields(body)
    form = fields.byte()
    _refuse_if(form > (3 if file else 1), "text-form")
    text, size = fields.rest(), len(body) - 1
    compressed = form & 1
    if compressed:
        if file:
            _use(file, _ZSTD)
        size = _examine_frame(text)
        _refuse_if(size == 0, "empty-compressed")
    _refuse_if(size > limit, limit_code)
    return form, _decompress(text, size) if compressed else text


def _use(file: _File, feature: int) -> None:
    """Note that a critical chunk uses a feature (section 4.3)."""
    _refuse_if(not file.features & feature, "feature-undeclared")
    file.used |= feature


# 6.1 Class map


def _read_class_map(body: bytes, file: _File, limits: Limits) -> None:
    form, text = _read_text(body, limits.class_map, "limit-class-map", file)
    classes, has_identifiers = file.classes, form & 2
    raw: list[bytes] = []
    at = 0
    for _ in range(2 * classes if has_identifiers else classes):
        _refuse_if(at == len(text) or at + 1 + text[at] > len(text), "class-map-size")
        raw.append(text[at + 1 : at + 1 + text[at]])
        at += 1 + text[at]
    _refuse_if(at != len(text), "class-map-size")
    try:
        entries = [entry.decode("utf-8") for entry in raw]
    except UnicodeDecodeError as error:
        raise Refused("name-not-utf8") from error
    names, identifiers = entries[:classes], entries[classes:]
    _check_names(names, may_be_empty=False)
    _check_names(identifiers, may_be_empty=True)
    file.names = names
    file.identifiers = identifiers if has_identifiers else None


def _check_names(names: list[str], *, may_be_empty: bool) -> None:
    seen: set[str] = set()
    for name in names:
        if not name and may_be_empty:
            continue
        _refuse_if(not name, "name-empty")
        _refuse_if(_FORBIDDEN.search(name), "name-forbidden-character")
        _refuse_if(name in seen, "name-duplicate")
        seen.add(name)


# 6.2 Metadata

_MAX_DEPTH = 16
# A string, whose brackets do not count, or a bracket.
_JSON_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


def _read_metadata(body: bytes, file: _File, limits: Limits) -> None:
    _, data = _read_text(body, limits.metadata, "limit-metadata", None)
    try:
        text = data.decode("utf-8")
        _check_depth(text)  # before the parser, which recurses
        value = json.loads(
            text,
            object_pairs_hook=_json_object,
            parse_int=_json_integer,
            parse_float=_json_float,
            parse_constant=_json_float,
        )
        if not isinstance(value, dict):
            raise ValueError("not an object")
        # Lone surrogates, which the parser lets pass as escapes, have no UTF-8.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except ValueError as error:  # also JSON's and Unicode's errors
        raise Refused("metadata-json") from error
    file.metadata = value


def _check_depth(text: str) -> None:
    depth = 0
    for token in _JSON_TOKEN.finditer(text):
        first = text[token.start()]
        if first in "[{":
            depth += 1
            if depth > _MAX_DEPTH:
                raise ValueError("nested too deep")
        elif first in "]}":
            depth -= 1


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("duplicate key")
    return value


def _json_integer(text: str) -> int:
    # The length first: the conversion of many digits takes long.
    if len(text) > 17 or abs(int(text)) > _MAX_INTEGER:
        raise ValueError("integer out of range")
    return int(text)


def _json_float(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):  # also NaN and Infinity, which the parser knows as words
        raise ValueError("number out of range")
    return value


# ---------------------------------------------------------------- 7 Streams


@dataclass(frozen=True)
class _Stream:
    stored: bytes
    compressed: bool
    size: int  # decoded

    def decode(self) -> bytes:
        return _decompress(self.stored, self.size) if self.compressed else self.stored


# 7.2 The Zstandard profile


def _examine_frame(frame: bytes) -> int:
    """Return the content size that a Zstandard frame states, after all checks but decoding."""
    _refuse_if(len(frame) < 5, "zstd-frame")
    magic = int.from_bytes(frame[:4], "little")
    _refuse_if(magic & ~15 == 0x184D2A50, "zstd-skippable")
    _refuse_if(magic != 0xFD2FB528, "zstd-frame")
    descriptor = frame[4]
    single_segment = descriptor & 0x20
    _refuse_if(descriptor & 8, "zstd-frame")
    _refuse_if(descriptor & 4, "zstd-checksum")
    _refuse_if(descriptor & 3, "zstd-dictionary")
    size_bytes = [1 if single_segment else 0, 2, 4, 8][descriptor >> 6]
    _refuse_if(size_bytes == 0, "zstd-no-size")
    at = 5 if single_segment else 6  # after the window descriptor
    _refuse_if(len(frame) < at + size_bytes, "zstd-frame")
    size = int.from_bytes(frame[at : at + size_bytes], "little")
    if size_bytes == 2:
        size += 256
    at += size_bytes
    window = size
    if not single_segment:
        base = 1 << (10 + (frame[5] >> 3))
        window = base + base // 8 * (frame[5] & 7)
    _refuse_if(not min(size, 8 * 2**20) <= window <= 8 * 2**20, "zstd-window")
    last = 0
    while not last:
        _refuse_if(len(frame) < at + 3, "zstd-frame")
        header = int.from_bytes(frame[at : at + 3], "little")
        last, kind, length = header & 1, header >> 1 & 3, header >> 3
        _refuse_if(kind == 3 or length > min(window, 128 * 2**10), "zstd-block")
        at += 3 + (1 if kind == 1 else length)  # kind 1 repeats one byte
        _refuse_if(len(frame) < at, "zstd-frame")
    _refuse_if(len(frame) > at, "zstd-trailing")
    return size


def _decompress(frame: bytes, size: int) -> bytes:
    """Decode an examined frame; the decoder allocates `size` bytes, which the caller allowed."""
    try:
        data = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size)
    except zstandard.ZstdError as error:
        raise Refused("zstd-corrupt") from error
    _refuse_if(len(data) != size, "zstd-corrupt")
    return data


# 7.3 Split integers

_LOW_HALF = bytes(byte & 15 for byte in range(256))
_HIGH_HALF = bytes(byte >> 4 for byte in range(256))


def _halves(data: bytes) -> bytearray:
    """Split each byte in two: bits 0 to 3, then bits 4 to 7."""
    halves = bytearray(2 * len(data))
    halves[0::2] = data.translate(_LOW_HALF)
    halves[1::2] = data.translate(_HIGH_HALF)
    return halves


def _read_split(data: bytes, n: int) -> array[int]:
    """Return n split integers, which are all of the data."""
    pairs = (n + 1) // 2
    _refuse_if(len(data) < pairs, "integer-size")
    widths = _halves(data[:pairs])
    _refuse_if(n % 2 and widths.pop(), "padding-bits")
    wide_count = widths.count(15)
    wide, low = data[pairs : pairs + wide_count], data[pairs + wide_count :]
    _refuse_if(len(wide) < wide_count, "integer-size")
    _refuse_if(wide and not 15 <= min(wide) <= max(wide) <= 52, "integer-width")
    place = -1
    for width in wide:
        place = widths.index(15, place + 1)
        widths[place] = width
    bits = sum(widths)
    _refuse_if(len(low) != (bits + 7) // 8, "integer-size")
    _refuse_if(bits % 8 and low[-1] >> (bits % 8), "padding-bits")

    values = array("Q")
    buffer, have, at = 0, 0, 0  # bits that are read and not used, their number, the next byte
    for width in widths:
        if have < width:
            buffer |= int.from_bytes(low[at : at + 8], "little") << have
            have += 64
            at += 8
        leading = 1 << width
        values.append(leading | buffer & (leading - 1))
        buffer >>= width
        have -= width
    return values


# ---------------------------------------------------------------- 8 Blocks

_BITMAP, _DELTA, _RLE, _DENSE_POSITIONS = range(4)


def _read_block(body: bytes, file: _File) -> None:
    weighted, bits = file.weight_scale is not None, (file.weight_scale or (0,))[0]
    fields = _Fields(body)
    first, span, count, form = fields.varint(), fields.varint(), fields.varint(), fields.byte()
    positions_size = fields.varint()
    labels_size = fields.varint() if weighted else None
    streams = fields.rest()
    encoding, shift = form & 3, form >> 5
    packed_positions, packed_labels, packed_codes = (bool(form >> bit & 1) for bit in (2, 3, 4))
    _refuse_if(span == 0, "block-empty")
    _refuse_if(first + span > file.pool_size, "block-outside-pool")
    _refuse_if(count == 0, "block-empty")
    _refuse_if(count > span or (count == 1 and span > 1), "block-count")
    _refuse_if(encoding == _DENSE_POSITIONS and packed_positions, "block-form")
    _refuse_if(shift and packed_labels, "block-form")
    _refuse_if(packed_codes and not weighted, "block-form")
    _refuse_if(file.classes == 1 and (packed_labels or shift), "block-form")
    _refuse_if(encoding == _BITMAP and span > min(2**28, 4096 * count), "bitmap-span")
    if labels_size is None:
        labels_size = max(len(streams) - positions_size, 0)
    labels_end = positions_size + labels_size
    _refuse_if(labels_end > len(streams), "block-streams")
    _refuse_if(first < file.end, "block-order")
    _refuse_if(len(file.positions) + count > file.kept, "kept-total")
    file.end = first + span

    # All streams are examined before the first one is decoded.
    sizes = _position_sizes(encoding, span, count)
    positions = _examine_stream(file, streams[:positions_size], packed_positions, sizes)
    sizes = None if shift else _label_sizes(file.classes, count)
    labels = _examine_stream(file, streams[positions_size:labels_end], packed_labels, sizes)
    if weighted:
        sizes = _code_sizes(bits, count)
        codes = _examine_stream(file, streams[labels_end:], packed_codes, sizes)

    start = len(file.positions)
    data = positions.decode()
    if encoding == _BITMAP:
        _read_bitmap(data, first, span, count, file.positions)
    elif encoding == _DELTA:
        _add_distances(_read_split(data, count - 1), first, span, file.positions)
    elif encoding == _RLE:
        _read_rle(data, first, span, count, file.positions)
    else:
        _add_distances(_read_dense_distances(data, count - 1), first, span, file.positions)
    if shift:
        kinds = _kinds(file.positions, start)
        file.labels.extend(_read_dense_labels(labels.decode(), kinds, file.classes, shift))
    else:
        file.labels.extend(_read_labels(labels.decode(), file.classes, count))
    if weighted:
        file.codes += _read_codes(codes.decode(), bits, count)


def _examine_stream(
    file: _File, stored: bytes, compressed: bool, sizes: tuple[int, int] | None
) -> _Stream:
    """Check all of a stream that needs no decoding.

    `sizes` are the smallest and the largest decoded size; None says that the stream is dense.
    """
    size = len(stored)
    if sizes is None:
        _use(file, _DENSE)
    if compressed:
        _use(file, _ZSTD)
        size = _examine_frame(stored)
        _refuse_if(size == 0, "empty-compressed")
    _refuse_if(size > file.max_stream, "stream-over-declared")
    _refuse_if(sizes and not sizes[0] <= size <= sizes[1], "stream-size")
    file.largest = max(file.largest, size)
    return _Stream(stored, compressed, size)


# 8.1 Bitmap

_SET_BITS = [[bit for bit in range(8) if byte >> bit & 1] for byte in range(256)]


def _read_bitmap(data: bytes, first: int, span: int, count: int, positions: array[int]) -> None:
    last_bit = (span - 1) % 8
    _refuse_if(data[-1] >> last_bit >> 1, "padding-bits")
    _refuse_if(int.from_bytes(data, "little").bit_count() != count, "position-count")
    _refuse_if(not data[0] & 1 or not data[-1] >> last_bit, "block-not-tight")
    for match in re.finditer(rb"[^\0]", data):
        start = first + 8 * match.start()
        positions.extend([start + bit for bit in _SET_BITS[data[match.start()]]])


# 8.2 Delta


def _add_distances(distances: array[int], first: int, span: int, positions: array[int]) -> None:
    _refuse_if(sum(distances) != span - 1, "distance-total")
    positions.extend(accumulate(distances, initial=first))


# 8.3 RLE


def _read_rle(data: bytes, first: int, span: int, count: int, positions: array[int]) -> None:
    runs, at = _read_varint(data, 0, "integer-size")
    _refuse_if(not 1 <= runs <= min(count, span - count + 1), "run-count")
    lengths = _read_split(data[at:], 2 * runs - 1)
    _refuse_if(sum(lengths) != span, "run-total")
    _refuse_if(sum(lengths[:runs]) != count, "position-count")
    lengths.append(0)  # after the last kept run, nothing is skipped
    start = first
    for kept, skipped in zip(lengths[:runs], lengths[runs:], strict=True):
        positions.extend(range(start, start + kept))
        start += kept + skipped


# 8.4 Sizes of position streams


def _position_sizes(encoding: int, span: int, count: int) -> tuple[int, int] | None:
    if encoding == _DENSE_POSITIONS:
        return None
    if encoding == _BITMAP:
        return (span + 7) // 8, (span + 7) // 8
    if encoding == _DELTA:
        return _split_sizes(count - 1, max(span - 1, 1))
    _, largest = _split_sizes(2 * min(count, span - count + 1) - 1, span)
    return 2, largest + 8


def _split_sizes(n: int, m: int) -> tuple[int, int]:
    """Return the smallest and the largest size of n split integers from 1 to m."""
    smallest, width = (n + 1) // 2, m.bit_length() - 1
    return smallest, smallest + (n if width >= 15 else 0) + (n * width + 7) // 8


# 8.5 Labels and weights


def _label_sizes(classes: int, count: int) -> tuple[int, int]:
    size = count * (0 if classes == 1 else 1 if classes <= 256 else 2)
    return size, size


def _code_sizes(bits: int, count: int) -> tuple[int, int]:
    size = count if bits == 8 else (count + 1) // 2
    return size, size


def _read_labels(data: bytes, classes: int, count: int) -> array[int]:
    pairs = bytearray(2 * count)  # low and high byte of each label
    if classes > 1:
        pairs[0::2] = data[:count]
    if classes > 256:
        pairs[1::2] = data[count:]
    labels = _little_endian(array("H", pairs))
    _refuse_if(max(labels) >= classes, "label-range")
    return labels


def _read_codes(data: bytes, bits: int, count: int) -> bytes:
    if bits == 8:
        return data
    codes = _halves(data)
    _refuse_if(count % 2 and codes.pop(), "padding-bits")
    return bytes(codes)


def _little_endian(values: array[int]) -> array[int]:
    """Swap the bytes of values from or for a file, on machines where that is needed."""
    if sys.byteorder == "little":
        return values
    swapped = values[:]
    swapped.byteswap()
    return swapped


# ---------------------------------------------------------------- 9 Dense streams

# A bit model is one integer, 32 p + n: the probability p of a 1 in 1/65536, and n earlier uses.
_Models = defaultdict[int, int]
_STEPS = [min(6, (n + 1).bit_length()) for n in range(32)]


def _new_models() -> _Models:
    # Made when they are first used: most streams use few of them.
    return defaultdict(lambda: 32 * 32768)


class _RangeDecoder:
    """The coder of dense streams, reading."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 4
        self._code = int.from_bytes(data[:4].ljust(4, b"\0"), "big")
        self._range = 2**32 - 1
        _refuse_if(self._code >= self._range, "dense-corrupt")

    def _refill(self) -> None:
        while self._range < 2**24:
            byte = self._data[self._at] if self._at < len(self._data) else 0
            self._at += 1
            self._range <<= 8
            self._code = self._code << 8 | byte

    def bit(self, models: _Models, index: int) -> int:
        """Decode a bit with the model at `index`, which learns from it."""
        model = models[index]
        probability, uses = model >> 5, model & 31
        more_uses = uses + 1 if uses < 31 else 31
        bound = (self._range >> 12) * (probability >> 4)
        if self._code < bound:
            bit = 1
            self._range = bound
            probability += (65536 - probability) >> _STEPS[uses]
        else:
            bit = 0
            self._range -= bound
            self._code -= bound
            probability -= probability >> _STEPS[uses]
        models[index] = probability << 5 | more_uses
        if self._range < 2**24:
            self._refill()
        return bit

    def tree(self, models: _Models, root: int, bits: int) -> int:
        """Decode a number of this many bits through the tree whose node i is at `root + i`."""
        node = 1
        for _ in range(bits):
            node = 2 * node + self.bit(models, root + node)
        return node - (1 << bits)

    def direct(self, bits: int) -> int:
        self._range >>= bits
        value = self._code // self._range
        _refuse_if(value >= 1 << bits, "dense-corrupt")
        self._code -= value * self._range
        self._refill()
        return value

    def finish(self) -> None:
        """Check that an encoder would have ended the stream with the same bytes."""
        _refuse_if(len(self._data) > self._at or self._data.endswith(b"\0"), "dense-tail")
        last = int.from_bytes(self._data[self._at - 4 : self._at].ljust(4, b"\0"), "big")
        low = (last - self._code) % 2**32  # what the encoder had as low
        # Of the values from low to low + range - 1, the encoder takes one with most zero bytes. As
        # the range is 2**24 or more, there is one with three.
        for unit in (2**32, 2**24):
            tail = -(-low // unit) * unit
            if tail < low + self._range:
                break
        _refuse_if(tail % 2**32 != last, "dense-tail")


def _read_dense_distances(data: bytes, n: int) -> array[int]:
    coder = _RangeDecoder(data)
    distances = _distances(coder, n)
    coder.finish()
    return distances


def _distances(coder: _RangeDecoder, n: int) -> array[int]:
    bit, tree, direct = coder.bit, coder.tree, coder.direct
    widths, second = _new_models(), _new_models()
    average = 64  # of the widths, in 1/16
    distances = array("Q")
    for _ in range(n):
        kind = tree(widths, (average >> 3) * 16, 4)
        width = kind if kind < 15 else 15 + direct(6)
        _refuse_if(width > 52, "dense-corrupt")
        distance = 1
        if width > 0:
            distance, left = 2 + bit(second, kind), width - 1
            while left > 0:
                some = min(left, 16)
                distance = distance << some | direct(some)
                left -= some
        average += (16 * kind - average) >> 2
        distances.append(distance)
    return distances


def _kinds(positions: array[int], start: int) -> bytes:
    """Return the width, at most 15, of the distance to each image of a block; 0 for its first."""
    distances = (after - before for before, after in pairwise(positions[start:]))
    return bytes([0]) + bytes(min(distance.bit_length() - 1, 15) for distance in distances)


def _read_dense_labels(data: bytes, kinds: bytes, classes: int, shift: int) -> array[int]:
    coder = _RangeDecoder(data)
    bit = coder.bit
    bits = (classes - 1).bit_length()
    ranks, tree = _new_models(), _new_models()
    recent: list[int] = []  # the queue: labels, heaviest first
    weights: list[int] = []  # and their weights
    average = 64
    labels = array("H")
    for kind in kinds:
        weights = [weight - (weight >> shift) for weight in weights]
        if 16 * kind > average + 48:
            weights = [weight - (weight >> 1) for weight in weights]
        average += (16 * kind - average) >> 2

        weight = 4096
        for place, old in enumerate(weights):
            if bit(ranks, place * 32 + (old >> (9 + shift)) * 4 + (kind >> 2)):
                weight += old
                label = recent.pop(place)
                del weights[place]
                break
        else:
            label = coder.tree(tree, 0, bits)
            _refuse_if(label >= classes or label in recent, "dense-corrupt")
            if len(recent) == 12:
                recent.pop()
                weights.pop()
        to = 0
        while to < len(weights) and weights[to] > weight:
            to += 1
        recent.insert(to, label)
        weights.insert(to, weight)
        labels.append(label)
    coder.finish()
    return labels


# ---------------------------------------------------------------- 10 Signature


def _read_signature(body: bytes, file: _File) -> None:
    """Read SIGN; whether the signature holds is for a verifier to say."""
    fields = _Fields(body)
    file.key_id, _ = fields.take(8), fields.take(64)
    _refuse_if(fields.rest(), "body-long")


# ---------------------------------------------------------------- 11 Canonical form and content_id


def _content_id(file: _File) -> bytes:
    content = hashlib.sha256(b"plada-1-content\0" + file.pool_id)
    content.update(struct.pack("<QQI", file.pool_size, len(file.positions), file.classes))
    content.update(bytes([file.names is not None, file.identifiers is not None]))
    for name in (file.names or []) + (file.identifiers or []):
        text = name.encode("utf-8")
        content.update(bytes([len(text)]) + text)
    content.update(struct.pack("<BhH", *(file.weight_scale or (0, 0, 0))))
    content.update(hashlib.sha256(_little_endian(file.positions)).digest())
    content.update(hashlib.sha256(_little_endian(file.labels)).digest())
    content.update(hashlib.sha256(file.codes).digest())
    return content.digest()


# ---------------------------------------------------------------- 12 The pool


def pool_id(digests: Sequence[bytes]) -> bytes:
    """Return the pool id of images with these digests (section 12.1)."""
    return _tree_hash(b"plada-pool-1\0", digests)


def _tree_hash(prefix: bytes, leaves: Sequence[bytes]) -> bytes:
    # Whole subtrees, from left to right: their hashes and sizes, which are falling powers of two.
    trees: list[tuple[bytes, int]] = []
    for leaf in leaves:
        node, size = hashlib.sha256(b"\0" + prefix + leaf).digest(), 1
        while trees and trees[-1][1] == size:
            node, size = hashlib.sha256(b"\1" + trees.pop()[0] + node).digest(), 2 * size
        trees.append((node, size))
    if not trees:
        return hashlib.sha256(b"").digest()
    node, _ = trees.pop()
    while trees:
        node = hashlib.sha256(b"\1" + trees.pop()[0] + node).digest()
    return node


# ---------------------------------------------------------------- 17 Rules


@dataclass(frozen=True)
class _Rule:
    codes_id: bytes  # its first 8 bytes
    weights: list[list[int]]  # of each class
    biases: list[int]
    thresholds: list[int]


def _read_rule(body: bytes, file: _File, limits: Limits) -> None:
    file.used |= _RULES
    fields = _Fields(body)
    codes_id, columns, scale = fields.take(8), fields.varint(), fields.byte()
    classes, top, shift = file.classes, scale & 15, scale >> 4
    _refuse_if(not 1 <= columns <= 1024 or top == 0 or classes < 2, "rule-shape")
    _refuse_if((file.pool_size + 2**18) * classes * columns > limits.work, "limit-work")
    coder = _RangeDecoder(fields.rest())
    sizes, signs = _new_models(), _new_models()
    weights = [[0] * columns for _ in range(classes)]
    for column in range(columns):
        total = 0  # of the column so far: the next weight tends to have the other sign
        for row in weights:
            size = 0
            while size < top and coder.bit(sizes, size):
                size += 1
            if size and coder.bit(signs, 1 if total > 0 else 2 if total < 0 else 0):
                size = -size
            row[column] = size
            total += size
    # 0, -1, 1, -2, 2 ... are written as 1, 2, 3, 4, 5 ...
    biases = [-(n // 2) if n % 2 == 0 else n // 2 for n in _distances(coder, classes)]
    biases = [bias * 2**shift for bias in biases]
    thresholds = [(n - 1) * 2**shift for n in _distances(coder, classes)]
    coder.finish()
    for row, bias, threshold in zip(weights, biases, thresholds, strict=True):
        _refuse_if(abs(bias) + 128 * sum(map(abs, row)) > 2**24 - 1, "rule-range")
        _refuse_if(threshold > 2**25, "rule-range")
    file.rule = _Rule(codes_id, weights, biases, thresholds)


def _apply_rule(rule: _Rule, file: _File, codes: Sequence[bytes] | None) -> None:
    """Add what the rule keeps to the positions and labels of the blocks (section 17.3)."""
    size, columns = file.pool_size, len(rule.weights[0])
    if codes is None or len(codes) < size or any(len(row) < columns for row in codes):
        _refuse("codes-mismatch")
    _refuse_if(codes_id(codes[:size])[:8] != rule.codes_id, "codes-mismatch")
    labels = dict(zip(file.positions, file.labels, strict=True))
    for position in range(size):
        row = struct.unpack(f"{columns}b", codes[position][:columns])
        scores = [
            bias + sum(weight * code for weight, code in zip(weights, row, strict=True))
            for weights, bias in zip(rule.weights, rule.biases, strict=True)
        ]
        best = max(scores)
        label = scores.index(best)
        if best - max(scores[:label] + scores[label + 1 :]) >= rule.thresholds[label]:
            labels.setdefault(position, label)  # the blocks have the last word
    file.positions[:] = array(file.positions.typecode, sorted(labels))
    file.labels[:] = array("H", [labels[position] for position in file.positions])


def codes_id(codes: Sequence[bytes]) -> bytes:
    """Return the codes id of images with these codes, a byte each (section 17.1)."""
    return _tree_hash(b"plada-codes-1\0", codes)


# ---------------------------------------------------------------- 14 Order of checks


def decode(
    data: bytes,
    *,
    limits: Limits = _DEFAULT_LIMITS,
    known_features: int = KNOWN_FEATURES,
    pool: Sequence[bytes] | None = None,
    codes: Sequence[bytes] | None = None,
) -> Content:
    """Read a file and return what it means.

    Args:
        data: the whole file.
        limits: what this reader bounds.
        known_features: the features that this reader has, a bit set; others are refused.
        pool: the client's pool, as the digests of its images, 32 bytes each; without it the pool
            is not checked.
        codes: the codes of the pool's images, D bytes each; without them a file with a rule is
            refused.

    Raises:
        Refused: the file is not valid, is beyond a limit, or is for another pool or other codes.
        ValueError: `pool` has a digest that is not of 32 bytes.
    """
    if pool is not None and any(len(digest) != 32 for digest in pool):
        raise ValueError("an image digest has 32 bytes")
    file, at = _read_chunks(data, _read_preamble(data), limits, known_features)
    _refuse_if(not file.rule and len(file.positions) != file.kept, "kept-total")
    if file.features & ~(file.used | _WEIGHTS):  # the weight scale itself uses `weights`
        _refuse("feature-unused")
    _refuse_if(file.largest != file.max_stream, "max-stream")
    if file.rule:
        _apply_rule(file.rule, file, codes)
        _refuse_if(len(file.positions) != file.kept, "kept-total")
    content_id = _content_id(file)
    _refuse_if(content_id[:4] != file.check, "content-check")
    _refuse_if(at != len(data), "trailing-bytes")
    if pool is not None:
        _refuse_if(len(pool) < file.pool_size, "pool-mismatch")
        _refuse_if(pool_id(pool[: file.pool_size]) != file.pool_id, "pool-mismatch")
    return Content(
        pool_id=file.pool_id,
        pool_size=file.pool_size,
        classes=file.classes,
        names=file.names,
        identifiers=file.identifiers,
        positions=file.positions,
        labels=file.labels,
        codes=bytes(file.codes) if file.weight_scale else None,
        weight_scale=file.weight_scale,
        metadata=file.metadata,
        features=file.features,
        content_id=content_id,
        key_id=file.key_id,
    )


def _read_chunks(data: bytes, at: int, limits: Limits, known_features: int) -> tuple[_File, int]:
    """Read the chunks up to END, and return what they hold and where END ends."""
    file: _File | None = None
    before: list[int] = []  # types, of BLOCK the first one only
    blocks = 0
    while True:
        kind, length, start = _read_header(data, at)
        _check_place(kind, before, file.features if file else 0)
        end = start + length
        _refuse_if(end + 4 > len(data), "truncated")
        blocks += kind == _BLOCK
        _refuse_if(blocks > limits.blocks, "limit-blocks")
        _refuse_if(kind == _CLASS_MAP and length > limits.class_map + 1, "limit-class-map")
        _refuse_if(kind == _META and length > limits.metadata + 1, "limit-metadata")
        # 4.2: the CRC of critical chunks continues that of HEAD.
        seed = file.crc if file and kind < 0x80 else 0
        crc = zlib.crc32(data[at:end], seed)
        _refuse_if(crc != int.from_bytes(data[end : end + 4], "little"), "crc-mismatch")
        body, at = data[start:end], end + 4
        if kind not in before:
            before.append(kind)
        if file is None:
            file = _read_head(body, crc, limits, known_features)
        elif kind == _CLASS_MAP:
            _read_class_map(body, file, limits)
        elif kind == _META:
            _read_metadata(body, file, limits)
        elif kind == _RULE:
            _read_rule(body, file, limits)
        elif kind == _BLOCK:
            _read_block(body, file)
        elif kind == _SIGN:
            _read_signature(body, file)
        elif kind == _END:
            _refuse_if(body, "body-long")
            return file, at


# ---------------------------------------------------------------- Command line


def _limit(text: str) -> tuple[str, int]:
    name, _, value = text.partition("=")
    name = name.replace("-", "_")
    if name not in {limit.name for limit in dataclasses.fields(Limits)} or not value.isdecimal():
        raise ValueError(text)
    return name, int(value)


def _digests(path: Path) -> list[bytes]:
    digests = [bytes.fromhex(line) for line in path.read_text("ascii").split()]
    if any(len(digest) != 32 for digest in digests):
        raise ValueError("an image digest has 32 bytes")
    return digests


def main(arguments: Sequence[str] | None = None) -> Literal[0, 1]:
    """Read the file that the command line names, print one JSON object, return the exit status."""
    parser = argparse.ArgumentParser(description="Read a .plada file and say whether it is valid.")
    parser.add_argument("file", type=Path)
    parser.add_argument("--pool", type=Path, help="image digests in pool order, hexadecimal")
    parser.add_argument("--codes", type=Path, help="codes in pool order, hexadecimal, a row a line")
    parser.add_argument("--limit", type=_limit, action="append", default=[], metavar="NAME=N")
    options = parser.parse_args(arguments)
    try:
        data = options.file.read_bytes()
        pool = None if options.pool is None else _digests(options.pool)
        codes = None
        if options.codes is not None:
            codes = [bytes.fromhex(row) for row in options.codes.read_text("ascii").split()]
    except (OSError, ValueError) as error:
        parser.error(str(error))
    try:
        content = decode(data, limits=Limits(**dict(options.limit)), pool=pool, codes=codes)
    except Refused as refused:
        print(json.dumps({"verdict": refused.error_class, "code": refused.code}))
        return 1
    answer = {
        "verdict": "valid",
        "content_id": content.content_id.hex(),
        "pool_id": content.pool_id.hex(),
        "pool_size": content.pool_size,
        "kept": len(content.positions),
        "classes": content.classes,
        "features": content.features,
    }
    print(json.dumps(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
