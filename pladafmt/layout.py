"""The fixed byte layouts of the format, declared once.

Parsing, building and the specification's byte tables (`plada_conformance.tables`) all come from
these declarations. Chunk bodies that are mostly streams (class map, block) declare their leading
fields here; what follows the fields is described with each stream.
"""

from __future__ import annotations

import io
from typing import Any

from construct import (
    Bytes,
    Construct,
    ConstructError,
    Container,
    If,
    Int8ul,
    Int16sl,
    Int16ul,
    Int32ul,
    Struct,
)

from . import varint
from .errors import Malformed, PladaError

MAGIC = bytes.fromhex("89504C4144410D0A")
MAJOR = 1

# Chunk types. Bit 7: ancillary. Bit 6: safe to copy (ancillary only). Bit 5: reserved, zero.
HEAD = 0x01
CLASSES = 0x02
BLOCK = 0x03
END = 0x04
RULE = 0x05
METADATA = 0xC1
SIGNATURE = 0x82
ANCILLARY = 0x80
SAFE_TO_COPY = 0x40
RESERVED_TYPE_BIT = 0x20

CHUNK_NAMES = {
    HEAD: "HEAD",
    CLASSES: "CLASSES",
    BLOCK: "BLOCK",
    END: "END",
    RULE: "RULE",
    METADATA: "META",
    SIGNATURE: "SIGN",
}

# Required features: bits of HEAD.features.
FEATURE_ZSTD = 1
FEATURE_WEIGHTS = 2
FEATURE_DENSE = 4
FEATURE_RULE = 16
FEATURE_NAMES = {
    FEATURE_ZSTD: "zstd",
    FEATURE_WEIGHTS: "weights",
    FEATURE_DENSE: "dense",
    FEATURE_RULE: "rule",
}
KNOWN_FEATURES = FEATURE_ZSTD | FEATURE_WEIGHTS | FEATURE_DENSE | FEATURE_RULE

# Bits of CLASSES.form and META.form.
FORM_ZSTD = 1
FORM_IDENTIFIERS = 2

# Bits of BLOCK.form.
FORM_ENCODING = 0x03
FORM_POSITIONS_ZSTD = 0x04
FORM_LABELS_ZSTD = 0x08
FORM_WEIGHTS_ZSTD = 0x10
FORM_SHIFT_BIT = 5
"""Bits 5 to 7: 0 for plain labels, else the shift of dense ones."""


class Varint(Construct):  # type: ignore[misc]  # construct has no type information
    """An unsigned LEB128 integer of at most 2^53-1, in its shortest spelling."""

    def _parse(self, stream: io.BytesIO, context: Any, path: str) -> int:
        start = stream.tell()
        value, end = varint.read(stream.getvalue(), start)
        stream.seek(end)
        return value

    def _build(self, obj: int, stream: io.BytesIO, context: Any, path: str) -> int:
        stream.write(varint.write(obj))
        return obj


VARINT = Varint()

PREAMBLE = Struct(
    "magic" / Bytes(8) * "`89 50 4C 41 44 41 0D 0A`",
    "major" / Int8ul * "major version of the format: 1",
)

CHUNK_HEADER = Struct(
    "type" / Int8ul * "chunk type",
    "length" / VARINT * "size of the body in bytes",
)

CHUNK_TRAILER = Struct(
    "crc" / Int32ul * "CRC-32 (section 4.2)",
)

WEIGHT_SCALE = Struct(
    "bits" / Int8ul * "width of a weight code: 4 or 8",
    "low" / Int16sl * "log2 of code 0's weight, in 1/256",
    "step" / Int16ul * "log2 distance between codes, in 1/256; not 0",
)

HEAD_BODY = Struct(
    "pool_id" / Bytes(32) * "pool id (section 12)",
    "pool_size" / VARINT * "N, images in the pool",
    "kept" / VARINT * "K, kept images; at most N",
    "classes" / VARINT * "C, classes; 1 to 65,536",
    "features" / VARINT * "required features, a bit set (section 4.3)",
    "max_stream" / VARINT * "largest decoded size of any stream of any block, in bytes",
    "check" / Bytes(4) * "first 4 bytes of the `content_id` (section 11)",
    "weight_scale"
    / If(lambda head: head.features & FEATURE_WEIGHTS, WEIGHT_SCALE)
    * "weight scale, 5 bytes, present if and only if the feature `weights` is set",
)

CLASSES_BODY = Struct(
    "form" / Int8ul * "bit 0: text is Zstd; bit 1: identifiers present; others zero",
)

METADATA_BODY = Struct(
    "form" / Int8ul * "bit 0: text is Zstd; others zero",
)

BLOCK_BODY = Struct(
    "first" / VARINT * "first position of the block's range, which is kept",
    "span" / VARINT * "positions in the range; 1 or more; the last one is kept",
    "count" / VARINT * "kept images in the range; 1 to span",
    "form" / Int8ul * "bits 0-1: position encoding; bits 2, 3, 4: positions, labels, weights are "
    "Zstd; bits 5-7: label coding",
    "positions_size" / VARINT * "stored size of the position stream",
    "labels_size"
    / If(lambda block: block._params.weights, VARINT)
    * "stored size of the label stream, present if and only if the feature `weights` is set",
)

RULE_BODY = Struct(
    "codes_id" / Bytes(8) * "first 8 bytes of the id of the codes of N images",
    "columns" / VARINT * "d, codes of each image that the rule uses; 1 to 1,024",
    "scale" / Int8ul * "bits 0-3: `top`, the largest weight, from 1; bits 4-7: `shift`",
)

SIGNATURE_BODY = Struct(
    "key_id" / Bytes(8) * "first 8 bytes of the SHA-256 of the public key",
    "signature" / Bytes(64) * "Ed25519 signature",
)

FRAGMENTS = {
    "preamble": PREAMBLE,
    "chunk header": CHUNK_HEADER,
    "chunk trailer": CHUNK_TRAILER,
    "HEAD": HEAD_BODY,
    "weight scale": WEIGHT_SCALE,
    "CLASSES": CLASSES_BODY,
    "META": METADATA_BODY,
    "BLOCK": BLOCK_BODY,
    "RULE": RULE_BODY,
    "SIGN": SIGNATURE_BODY,
}


def parse(
    layout: Struct, body: bytes, *, offset: int, name: str, **parameters: Any
) -> tuple[Container[Any], dict[str, tuple[int, int]]]:
    """Parse the fields of `layout` from the start of `body`.

    Args:
        body: the chunk's body.
        offset: where the body starts in the file, for errors.
        name: the chunk's name, for errors.
        parameters: what conditional fields ask for.

    Returns:
        The fields, and for each the half-open range of file offsets that it occupies.

    Raises:
        PladaError: ``body-short`` if the body ends inside a field, or what a varint is refused for.
    """
    stream = io.BytesIO(body)
    fields: Container[Any] = Container()
    ranges: dict[str, tuple[int, int]] = {}
    for part in layout.subcons:
        start = stream.tell()
        where = f"{name}.{part.name}"
        try:
            fields[part.name] = part.parse_stream(stream, **fields, **parameters)
        except PladaError as error:
            raise type(error)(
                "body-short" if error.code == "truncated" else error.code,
                error.problem,
                offset=offset + (error.offset or 0),
                field=where,
            ) from None
        except ConstructError as error:
            raise Malformed(
                "body-short",
                f"The {name} chunk ends inside its field {part.name}.",
                offset=offset + start,
                field=where,
            ) from error
        ranges[part.name] = (offset + start, offset + stream.tell())
    return fields, ranges


def build(layout: Struct, /, _parameters: dict[str, Any] | None = None, **values: Any) -> bytes:
    """Return the bytes of `layout` with these field values."""
    built: bytes = layout.build(values, **(_parameters or {}))
    return built
