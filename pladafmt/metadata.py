"""Metadata: one I-JSON object (RFC 7493), bounded in depth (specification, section 6.2)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from . import json_text
from .errors import Malformed, Unwritable
from .limits import MAX_METADATA_DEPTH, MAX_POSITION


def encode(metadata: Mapping[str, Any]) -> bytes:
    """Return `metadata` as UTF-8 JSON without spaces, keys sorted.

    Raises:
        Unwritable: if it is not an I-JSON object at most 16 levels deep.
    """
    try:
        text = json.dumps(
            metadata, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
        )
        encoded = text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise Unwritable(
            "metadata", f"The metadata cannot be written as JSON: {error}.", field="metadata"
        ) from error
    found = complaint(encoded)
    if found is not None:
        raise Unwritable("metadata", f"The metadata cannot be written: {found}", field="metadata")
    return encoded


def decode(text: bytes, offset: int) -> dict[str, Any]:
    """Return the object that `text` holds.

    Raises:
        Malformed: ``metadata-json`` if it is not an I-JSON object at most 16 levels deep.
    """
    found = complaint(text)
    if found is not None:
        raise Malformed("metadata-json", found, offset=offset, field="META")
    value: dict[str, Any] = json.loads(text)
    return value


def complaint(text: bytes) -> str | None:
    """Return what is wrong with `text` as metadata, as a sentence, or None."""
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError:
        return "The metadata is not UTF-8."
    # Depth comes first: a parser may recurse, so it never sees what is too deep.
    if json_text.deeper_than(decoded, MAX_METADATA_DEPTH):
        return "The metadata is nested more than 16 levels deep."
    try:
        value = json.loads(
            decoded,
            object_pairs_hook=json_text.unique,
            parse_constant=_refuse_constant,
            parse_int=_integer,
            parse_float=_finite,
        )
    except ValueError as error:
        return f"The metadata is not I-JSON: {error}."
    if not isinstance(value, dict):
        return "The metadata is not a JSON object."
    if _has_surrogate(value):
        return "The metadata holds a lone surrogate."
    return None


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is not JSON")


def _integer(digits: str) -> int:
    # More digits than 2^53-1 has: refused before they are converted, which is quadratic work.
    if len(digits) > 17 or abs(int(digits)) > MAX_POSITION:
        raise ValueError("an integer lies beyond 2^53-1")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number lies beyond the range of a double")
    return value


def _has_surrogate(value: Any) -> bool:
    if isinstance(value, str):
        return any("\ud800" <= character <= "\udfff" for character in value)
    if isinstance(value, dict):
        return any(_has_surrogate(item) for pair in value.items() for item in pair)
    if isinstance(value, list):
        return any(map(_has_surrogate, value))
    return False
