"""`validate`: what is wrong with a file, and who owns which of its bytes."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .errors import PladaError
from .head import feature_names
from .ledger import Ledger, Parts
from .limits import Limits
from .payload import Payload
from .reader import Reader
from .rules.codes import Codes
from .sources import opened
from .stored import StoredBytes


@dataclass(frozen=True)
class Report:
    """The outcome of `validate`.

    Attributes:
        verdict: ``"valid"``, or the class of the first error: ``"malformed"``, ``"noncanonical"``,
            ``"unsupported"``, ``"limit"``, ``"corrupt"``, ``"mismatch"``. The last says that the
            file has a rule and the codes for it are not at hand: it may be valid.
        size: bytes in the file; of a pipe or device that is no `.plada` file, those that were read.
        code: error code, or None.
        offset: byte offset of the fault, or None.
        field: what failed, or None.
        problem: one sentence, or None.
        parts: the owner of every byte, in file order and without gaps. There may be a million, most
            of them made when they are looked at.
        facts: what the file says of itself, as far as it was read. ``signed_by`` is the id, in
            hexadecimal, of the key that a signature claims, or None; nothing here checks it.
        payload: the payload, if the file is valid.
    """

    verdict: str
    size: int
    code: str | None
    offset: int | None
    field: str | None
    problem: str | None
    parts: Parts
    facts: dict[str, Any]
    payload: Payload | None

    @property
    def ok(self) -> bool:
        """Whether the file is valid."""
        return self.verdict == "valid"

    @cached_property
    def bytes_per_part(self) -> dict[str, int]:
        """Bytes by kind of part; the sum is the size. All blocks count together."""
        totals: Counter[str] = Counter()
        for name, size in self.parts.sizes():
            owner, _, leaf = name.partition(".")
            kind = "BLOCK" if owner.startswith("BLOCK ") else owner
            if leaf in ("positions", "labels", "weights", "text"):
                kind = f"{kind} {leaf}"
            totals[kind] += size
        return dict(totals)

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        return {
            "verdict": self.verdict,
            "code": self.code,
            "offset": self.offset,
            "field": self.field,
            "problem": self.problem,
            "size": self.size,
            "bytes_per_part": self.bytes_per_part,
            **self.facts,
        }


def validate(
    source: str | os.PathLike[str] | bytes | StoredBytes,
    *,
    limits: Limits | None = None,
    codes: Codes | None = None,
) -> Report:
    """Read a file strictly and report what was found; bad content is reported, never raised.

    Args:
        source: a path, or the bytes of a file, also as `sources.opened` yields them.
        limits: bounds to apply; the specification's defaults when None.
        codes: what a rule is evaluated with, or None.

    Raises:
        OSError: if the path cannot be read.
    """
    if isinstance(source, StoredBytes):
        return _report(source, limits, codes)
    if isinstance(source, bytes | bytearray | memoryview):
        return _report(bytes(source), limits, codes)
    with opened(source) as data:
        return _report(data, limits, codes)


def _report(data: bytes | StoredBytes, limits: Limits | None, codes: Codes | None) -> Report:
    reader = Reader(data, limits or Limits(), codes=codes, ledger=Ledger())
    payload, error = None, None
    try:
        payload = reader.read()
    except PladaError as caught:
        error = caught
    return Report(
        verdict=error.error_class if error else "valid",
        size=len(data),
        code=error.code if error else None,
        offset=error.offset if error else None,
        field=error.field if error else None,
        problem=error.problem if error else None,
        parts=reader.ledger.parts(len(data)),
        facts=_facts(reader),
        payload=payload,
    )


def _facts(reader: Reader) -> dict[str, Any]:
    contents = reader.contents
    if contents is None:
        return {}
    facts: dict[str, Any] = {
        "pool_id": contents.head.pool.id.hex(),
        "pool_size": contents.head.pool.size,
        "kept": contents.head.kept,
        "classes": contents.head.classes,
        "features": feature_names(contents.head.features),
        "blocks": len(contents.ends),
        "named": contents.names is not None,
        "signed_by": reader.signature.key_id.hex() if reader.signature else None,
    }
    if contents.rule is not None:
        rule = contents.rule.rule
        facts["rule"] = {
            "codes_id": rule.codes_id.hex(),
            "columns": rule.columns,
            "top": rule.top,
        }
    if reader.content_id is not None:
        facts["content_id"] = reader.content_id.hex()
    return facts
