"""The class map: class names and external identifiers (specification, section 6.1)."""

from __future__ import annotations

from collections.abc import Sequence

from . import names
from .errors import Malformed
from .limits import MAX_NAME_BYTES

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
    raw: list[bytes] = []
    at = 0
    while at < len(text) and len(raw) < wanted:
        end = at + 1 + text[at]
        raw.append(text[at + 1 : end])
        at = end
    if len(raw) < wanted or at != len(text):
        raise Malformed(
            "class-map-size",
            f"The class map does not hold exactly {wanted} texts.",
            offset=offset,
            field=FIELD,
        )
    try:
        texts = [value.decode("utf-8") for value in raw]
    except UnicodeDecodeError as error:
        raise Malformed(
            "name-not-utf8", "A name in the class map is not UTF-8.", offset=offset, field=FIELD
        ) from error
    class_names, identifiers = tuple(texts[:classes]), tuple(texts[classes:])
    found = names.complaint(class_names, what="class name", may_be_empty=False)
    found = found or names.complaint(identifiers, what="identifier", may_be_empty=True)
    if found is not None:
        raise Malformed(*found, offset=offset, field=FIELD)
    return class_names, identifiers if with_identifiers else None
