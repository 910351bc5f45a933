"""The class map: class names and external identifiers (specification, section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from . import names
from .errors import Malformed
from .limits import MAX_NAME_BYTES

Text = TypeVar("Text", str, bytes)

FIELD = "CLASSES.text"

_LENGTHS = [bytes([length]) for length in range(MAX_NAME_BYTES + 1)]


def encode(class_names: Sequence[str], identifiers: Sequence[str] | None) -> bytes:
    """Return the text of a class map: each name, then each identifier, after its length byte."""
    texts = [value.encode("utf-8") for value in (*class_names, *(identifiers or ()))]
    return b"".join([part for text in texts for part in (_LENGTHS[len(text)], text)])


def decode(
    text: bytes, classes: int, *, with_identifiers: bool, offset: int
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return the names and identifiers in a decoded class map of `classes` classes.

    Raises:
        Malformed: ``class-map-size`` if the text holds too few or too many names; ``name-*`` for
            a name that breaks a rule.
    """
    wanted = classes * (2 if with_identifiers else 1)
    texts: list[str] | None
    if text.isascii():  # So are its lengths: one step decodes what else takes one for each name.
        texts = _cut(text.decode("ascii"), text, wanted)
    else:
        raw = _cut(text, text, wanted)
        try:
            texts = None if raw is None else [value.decode("utf-8") for value in raw]
        except UnicodeDecodeError as error:
            raise Malformed(
                "name-not-utf8", "A name in the class map is not UTF-8.", offset=offset, field=FIELD
            ) from error
    if texts is None:
        raise Malformed(
            "class-map-size",
            f"The class map does not hold exactly {wanted} texts.",
            offset=offset,
            field=FIELD,
        )
    class_names, identifiers = tuple(texts[:classes]), tuple(texts[classes:])
    found = names.complaint(class_names, what="class name", may_be_empty=False)
    found = found or names.complaint(identifiers, what="identifier", may_be_empty=True)
    if found is not None:
        raise Malformed(*found, offset=offset, field=FIELD)
    return class_names, identifiers if with_identifiers else None


def _cut(text: Text, lengths: bytes, wanted: int) -> list[Text] | None:
    """Return the `wanted` pieces of `text`, each behind its length; None if they do not fill it."""
    pieces = []
    end, size = 0, len(lengths)
    for _ in range(wanted):
        if end >= size:
            return None
        start = end + 1
        end = start + lengths[end]
        pieces.append(text[start:end])
    return pieces if end == size else None
