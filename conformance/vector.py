"""What a vector is, and how generators register theirs."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import appendix_b as spec
from .build import HEAD, Draft, Made

LIMITS = {
    "kept": 2**24,
    "stream": 64 * 2**20,
    "blocks": 65_536,
    "class_map": 2**20,
    "metadata": 64 * 2**10,
}
"""The default limits of the specification's section 15, but for `WORK`."""

WORK = "work"
"""The limit of the feature `rule`, which has its default where it is not named."""

FEATURES = ("zstd", "weights", "dense", "overlap", "rule")
"""Names of the features, by their bits (section 4.3)."""


@dataclass(frozen=True)
class Case:
    """What a generator returns.

    Attributes:
        file: the file, or None for a vector of the writer role that has none.
        fault: name of the part that holds the fault, such as ``"BLOCK 0.labels"``, a half-open
            range of bytes, or None in a valid file.
        content_id: content id in a valid file; taken from the draft where it is one.
        limits: the limits in force where they are not the default ones.
        pool: the client's image digests, for vectors of the client role.
        codes: the codes of the client's pool, a row for each image, for files with a rule.
        more: what the role's own checks need.
    """

    file: Draft | Made | bytes | None
    fault: str | tuple[int, int] | None = None
    content_id: bytes | None = None
    limits: dict[str, int] = field(default_factory=dict)
    pool: Sequence[bytes] | None = None
    codes: Sequence[bytes] | None = None
    more: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Vector:
    """One test: a file and what is to be said of it."""

    id: str
    kind: str
    area: str
    role: str
    code: str | None
    requirements: tuple[str, ...]
    sentence: str
    make: Callable[[], Case]
    stale: bool = False

    @property
    def path(self) -> str:
        """Path below the version's folder, without a suffix."""
        return f"{self.kind}/{self.area}/{self.id}"


REGISTRY: dict[str, Vector] = {}
"""Every vector by its id, once `generators.load` has been called."""


def _register(
    kind: str,
    code: str | None,
    requirements: tuple[str, ...],
    *,
    role: str = "reader",
    area: str | None = None,
    twin: bool = True,
) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    def register(function: Callable[[], Case]) -> Callable[[], Case]:
        name = function.__name__
        sentence = " ".join((function.__doc__ or "").split())
        if not sentence or name in REGISTRY:
            raise ValueError(f"the generator {name} lacks a sentence, or is registered twice")
        where = area or function.__module__.rpartition(".")[2].removesuffix("_")
        REGISTRY[name] = Vector(name, kind, where, role, code, requirements, sentence, function)
        if kind != "valid" and twin and code is not None:
            REGISTRY[f"{name}_stale"] = Vector(
                f"{name}_stale",
                kind,
                where,
                role,
                "crc-mismatch",
                ("PLADA-CON-012", "PLADA-CHK-001"),
                f"{sentence.removesuffix('.')}; and the chunk's checksum is stale.",
                function,
                stale=True,
            )
        return function

    return register


def valid(
    *requirements: str, role: str = "reader", area: str | None = None
) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Register a generator of a valid file, which these requirements just allow."""
    return _register("valid", None, requirements, role=role, area=area)


def invalid(
    code: str,
    *requirements: str,
    role: str = "reader",
    area: str | None = None,
    twin: bool = True,
) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Register a generator of a file that is refused with `code` for these requirements.

    With `twin`, there is a second vector with the checksum of the faulty chunk left stale. That
    makes no sense for faults that are found before the checksum is.
    """
    return _register("invalid", code, requirements, role=role, area=area, twin=twin)


def limit(
    code: str | None, *requirements: str, twin: bool = False
) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    """Register a generator of a file at or beyond a limit; `code` is None where it is accepted."""
    return _register("limits", code, requirements, twin=twin)


def made_by(vector: Vector) -> tuple[Case, Made]:
    """Return what a vector's generator says, and its file.

    Raises:
        ValueError: for a generator that names no fault of an invalid file, or a missing one.
    """
    case = vector.make()
    if isinstance(case.file, Draft):
        made = case.file.build()
    elif isinstance(case.file, bytes):
        made = Made(case.file)
    else:
        made = case.file or Made()
    if vector.role == "reader" and (case.fault is None) != (vector.code is None):
        raise ValueError(f"{vector.id}: a fault is named where there is none, or the other way")
    if vector.stale:
        if not isinstance(case.fault, str):
            raise ValueError(f"{vector.id}: a stale twin needs the name of the faulty part")
        made = Made(made.stale(case.fault), made.ranges)
    return case, made


def sidecar(vector: Vector, case: Case, made: Made, classes: dict[str, str]) -> str:
    """Return the JSON text of a vector's sidecar.

    Args:
        vector: the vector.
        case: what its generator returned.
        made: its file.
        classes: error class by code, for those that are not malformed.
    """
    fault = case.fault
    if vector.stale and isinstance(fault, str):
        fault = f"{fault.split('.')[0]}.crc"
    span = made.ranges[fault] if isinstance(fault, str) else fault
    identity = case.content_id
    if identity is None and isinstance(case.file, Draft):
        identity = case.file.meaning.content_id
    error_class = classes.get(vector.code, "malformed") if vector.code else None
    accepted = vector.code is None
    text = {
        "id": vector.id,
        "sentence": vector.sentence,
        "role": vector.role,
        "verdict": error_class or "valid",
        "code": vector.code,
        "error_class": error_class,
        "requirements": list(vector.requirements),
        "features": features_of(made.data),
        "limits": LIMITS | case.limits,
        "pool": None if case.pool is None else [digest.hex() for digest in case.pool],
        "fault": None if span is None else list(span),
        "content_id": identity.hex() if accepted and identity else None,
        **({} if case.codes is None else {"codes": [row.hex() for row in case.codes]}),
        **case.more,
    }
    return json.dumps(text, indent=1, ensure_ascii=True) + "\n"


def features_of(data: bytes) -> list[str]:
    """Return the names of the features that HEAD of a file requires, as far as it can be read."""
    if data[9:10] != bytes([HEAD]):
        return []
    try:
        length, at = spec.read_varint(data, 10)
        body = data[: at + length]
        at += 32
        for _ in range(3):
            _, at = spec.read_varint(body, at)
        value, _ = spec.read_varint(body, at)
    except (spec.Refused, IndexError):
        return []
    return [
        FEATURES[bit] if bit < len(FEATURES) else f"bit {bit}"
        for bit in range(value.bit_length())
        if value >> bit & 1
    ]
