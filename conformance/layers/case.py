"""What a case of a layer is, and how the cases of vectors are taken out of their files."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from .. import appendix_b as spec
from ..build import Block, Draft
from ..generators import load
from ..vector import Case as FileCase
from ..vector import Vector

MOST_BYTES = 1024
"""Of a stream that is taken out of a vector: larger ones are for whole readers."""


@dataclass(frozen=True)
class Layer:
    """The cases of one layer.

    Attributes:
        section: of the specification.
        members: what the members of a case mean, beside `id`, `about` and `code`.
        cases: each has an `id`, a sentence `about` it, what is given, and either what comes of it
            or `code`, the error code.
    """

    section: str
    members: dict[str, str]
    cases: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, name: str, about: str, given: dict[str, Any], decode: Callable[[], dict[str, Any]]
    ) -> None:
        """Append a case; `decode` gives what comes of it, or ends with `appendix_b.Refused`."""
        try:
            found = decode()
        except spec.Refused as refused:
            found = {"code": str(refused)}
        self.cases.append({"id": name, "about": about, **given, **found})


def drafts(area: str, codes: Collection[str]) -> Iterator[tuple[Vector, FileCase, Draft]]:
    """Yield the readers' vectors of an area that are valid, or refused with one of `codes`.

    Only such as are built of parts, and not their twins with a stale checksum.
    """
    for vector in load().values():
        if vector.area != area or vector.role != "reader" or vector.stale:
            continue
        if vector.kind == "limits" or vector.code not in (None, *codes):
            continue
        case = vector.make()
        if isinstance(case.file, Draft):
            yield vector, case, case.file


def blocks(area: str, codes: Collection[str], stream: str) -> Iterator[tuple[Vector, Draft, Block]]:
    """Yield vectors of one block whose fault, if any, lies in this stream of it."""
    for vector, case, made in drafts(area, codes):
        if len(made.blocks) != 1 or case.fault not in (None, f"BLOCK 0.{stream}"):
            continue
        if len(getattr(made.block, stream).stored) <= MOST_BYTES:
            yield vector, made, made.block


def check(vector: Vector, layer: Layer) -> None:
    """Compare the last case with the vector that it was taken from.

    Raises:
        ValueError: if the file is refused with another code than its stream, or only one is.
    """
    if layer.cases[-1].get("code") != vector.code:
        raise ValueError(f"{vector.id}: its stream alone gives {layer.cases[-1].get('code')}")
