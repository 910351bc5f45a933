"""The records of a run: one class for each, which writes it as JSON and reads it back, checked."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ..selection import RuleSelection, Selection
from ..selection.auto_record import AutoSelection, Candidate
from ..selection.rule import AUTO, RULE
from ..selection.rule_record import RuleShape
from ..selection.students import HEAD, KINDS
from .fields import Fields

FULL_TARGET = "full-target"
"""Key of the baseline that trains on the target's own images: a ceiling, whatever its bytes."""

_CHOSEN = f"{AUTO}: "


@dataclass(frozen=True)
class TeacherRecord:
    """What teacher.json says.

    Attributes:
        accuracy: top-1 on the test images, 0 to 1.
    """

    accuracy: float

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, fields: Fields) -> TeacherRecord:
        """The record that `to_json` wrote.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        return cls(fields.number("accuracy", 1))


@dataclass(frozen=True, kw_only=True)
class StudentRecord:
    """One payload, and what the student that learned from it reached.

    Attributes:
        selection: the spelling of the selection; after ``auto: `` if it was chosen automatically.
        keep_rate: kept images / pool size; as asked for, where that decided.
        kept: number of kept images.
        payload_bytes: size of the whole file.
        accuracy: top-1 on the test images, 0 to 1.
        vanished: names of classes of which no image is kept.
        payload: path of the file when it was written; None where that is not recorded.
        seconds: from pruning to evaluation; None where that is not recorded.
        budget: bytes that the payload could take; None if a keep rate decided.
        payload_sha256, student_sha256: of both files, in hex; None where that is not recorded.
    """

    selection: str
    keep_rate: float
    kept: int
    payload_bytes: int
    accuracy: float
    vanished: tuple[str, ...]
    payload: str | None = None
    seconds: float | None = None
    budget: int | None = None
    payload_sha256: str | None = None
    student_sha256: str | None = None

    @property
    def chosen(self) -> bool:
        """Whether the automatic selection chose the selection."""
        return self.selection.startswith(_CHOSEN)

    @property
    def by_rule(self) -> bool:
        """Whether a rule over codes keeps the images."""
        return self.selection.removeprefix(_CHOSEN) == RULE

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "selection": self.selection,
            "keep_rate": self.keep_rate,
            "kept": self.kept,
            "payload_bytes": self.payload_bytes,
            "student_accuracy": self.accuracy,
            "vanished": list(self.vanished),
            "payload": self.payload,
            "seconds": self.seconds,
            "budget": self.budget,
            "payload_sha256": self.payload_sha256,
            "student_sha256": self.student_sha256,
        }

    @classmethod
    def of(cls, fields: Fields) -> StudentRecord:
        """The record that `to_json` wrote.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        return cls(
            selection=fields.text("selection"),
            keep_rate=fields.number("keep_rate", 1),
            kept=fields.whole("kept"),
            payload_bytes=fields.whole("payload_bytes", 1),
            accuracy=fields.number("student_accuracy", 1),
            vanished=fields.texts("vanished"),
            payload=_optional_text(fields, "payload"),
            seconds=fields.number("seconds") if "seconds" in fields else None,
            budget=fields.whole("budget", 1) if "budget" in fields else None,
            payload_sha256=_optional_text(fields, "payload_sha256"),
            student_sha256=_optional_text(fields, "student_sha256"),
        )


def _optional_text(fields: Fields, key: str) -> str | None:
    return fields.text(key) if key in fields else None


def shown_selection(selection: Selection | RuleSelection, *, chosen: bool) -> str:
    """Return what a `StudentRecord` calls a selection."""
    return f"{_CHOSEN if chosen else ''}{selection}"


Details = dict[str, int | float | str]


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """Something other than a `.plada` file of selected images, and what a client reaches with it.

    Attributes:
        key: for programs, such as ``"int8-head"``.
        name: for people, such as ``"INT8 linear head"``.
        bytes: size of what is sent. Class names are in none of them.
        accuracy: top-1 on the test images, 0 to 1.
        details: facts about it.
        setting: what tells it from others of the same key, such as ``{"budget": 2000}``.
        seconds: for encoding, training and testing; None where that is not recorded.
    """

    key: str
    name: str
    bytes: int
    accuracy: float
    details: Details
    setting: Mapping[str, int | float | str] = field(default_factory=dict)
    seconds: float | None = None

    @property
    def is_line(self) -> bool:
        """Whether it is a level to compare with, rather than a point among payloads."""
        return self.key == FULL_TARGET or self.bytes == 0

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "baseline": self.key,
            "name": self.name,
            "bytes": self.bytes,
            "accuracy": self.accuracy,
            "seconds": self.seconds,
            "details": self.details,
            "setting": self.setting,
        }

    @classmethod
    def of(cls, fields: Fields) -> Baseline:
        """The record that `to_json` wrote, in a row of baselines.json.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        return cls(
            key=fields.text("baseline"),
            name=fields.text("name"),
            bytes=fields.whole("bytes"),
            accuracy=fields.number("accuracy", 1),
            details=fields.facts("details"),
            setting=fields.facts("setting"),
            seconds=fields.number("seconds") if "seconds" in fields else None,
        )


@dataclass(frozen=True)
class Leakage:
    """How many of the task's test images the pool holds.

    Attributes:
        test_images, pool_images: numbers of images that were compared.
        exact: test images of which the pool holds every pixel.
        near: further test images that a pool image looks like.
        fraction: the part of the test images that either is true of, 0 to 1.
    """

    test_images: int
    pool_images: int
    exact: int
    near: int
    fraction: float

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return asdict(self)

    @classmethod
    def of(cls, fields: Fields) -> Leakage:
        """The record that `to_json` wrote.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        found = cls(
            test_images=fields.whole("test_images"),
            pool_images=fields.whole("pool_images"),
            exact=fields.whole("exact"),
            near=fields.whole("near"),
            fraction=fields.number("fraction", 1),
        )
        if found.exact + found.near > found.test_images:
            fields.refuse("test_images", "at least the sum of the fields exact and near")
        return found


def read_auto(fields: Fields) -> AutoSelection:
    """Return the record that `AutoSelection.to_json` wrote.

    Raises:
        PipelineError: if a field is missing or wrong.
    """
    kinds = _read_kinds(fields)
    return AutoSelection(
        budget=fields.whole("budget"),
        chosen=fields.text("chosen"),
        kept=fields.whole("kept"),
        payload_bytes=fields.whole("payload_bytes"),
        held_out_images=fields.whole("held_out_images"),
        held_out_accuracy=fields.number("held_out_accuracy", 1),
        held_out_teacher=fields.number("held_out_teacher", 1),
        floor=fields.number("floor", 1),
        carried=fields.flag("carried"),
        verdict=fields.text("verdict"),
        seconds=fields.number("seconds"),
        candidates=tuple(_read_candidate(one, kinds) for one in fields.items("candidates")),
        kinds=kinds,
        stages=_numbers(fields, "stages"),
    )


def _read_candidate(fields: Fields, kinds: tuple[str, ...]) -> Candidate:
    students, note = _numbers(fields, "students", 1), fields.text("note")
    if not note and not {HEAD, *students} >= set(kinds):
        fields.refuse("students", f"an object with {', '.join(kinds)}")
    return Candidate(
        selection=fields.text("selection"),
        kept=fields.whole("kept"),
        payload_bytes=fields.whole("payload_bytes"),
        held_out_accuracy=fields.number("held_out_accuracy", 1),
        seconds=fields.number("seconds"),
        note=note,
        rule=_read_shape(fields.inner("rule")) if "rule" in fields else None,
        budget=fields.whole("budget") if "budget" in fields else 0,
        students=students,
        again=fields.number("again", 1) if "again" in fields else None,
    )


def _read_shape(fields: Fields) -> RuleShape:
    return RuleShape(columns=fields.whole("columns", 1), levels=fields.whole("levels", 1))


def _read_kinds(fields: Fields) -> tuple[str, ...]:
    # Folders by an older version have none, nor the fields that follow from them.
    found = fields.texts("kinds") if "kinds" in fields else (HEAD,)
    if not found or not set(found) <= set(KINDS):
        fields.refuse("kinds", f"some of {', '.join(KINDS)}")
    return found


def _numbers(fields: Fields, key: str, most: float = math.inf) -> dict[str, float]:
    """An object of numbers from 0 to `most`; empty where there is none."""
    if key not in fields:
        return {}
    inner = fields.inner(key)
    return {name: inner.number(name, most) for name in fields.facts(key)}
