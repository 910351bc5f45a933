"""What the files of a transfer folder say, checked."""

from __future__ import annotations

from dataclasses import dataclass

from pladafmt import Payload, Report

from .fields import Fields

FULL_TARGET = "full-target"
"""Key of the baseline that trains on the target's own images: a ceiling, whatever its bytes."""

CHOSEN = "auto: "
"""What the name of a selection begins with that the automatic choice has found."""


@dataclass(frozen=True, eq=False)
class Sent:
    """A valid payload file.

    Attributes:
        report: who owns its bytes, and its facts.
        payload: what it means.
    """

    report: Report
    payload: Payload


@dataclass(frozen=True, eq=False)
class Student:
    """A student and the payload that it learned from.

    Attributes:
        name: name of its files without their suffix.
        selection: the selection's name.
        keep_rate: kept images / pool size.
        kept: number of kept images.
        payload_bytes: size of the whole payload.
        accuracy: top-1 on the test images, 0 to 1.
        vanished: classes that no kept image stands for.
        seconds: from pruning to evaluation; None where that is not recorded.
        budget: bytes that the payload could take; None if a keep rate decided.
        sent: the payload as it was read again; None if the file is not in the folder.
    """

    name: str
    selection: str
    keep_rate: float
    kept: int
    payload_bytes: int
    accuracy: float
    vanished: tuple[str, ...]
    seconds: float | None
    budget: int | None
    sent: Sent | None

    @classmethod
    def of(cls, fields: Fields, sent: Sent | None) -> Student:
        """The student that a row of a transfer describes.

        Raises:
            PipelineError: if a field is missing or wrong, or says something else than the payload.
        """
        student = cls(
            name=fields.file.stem,
            selection=fields.text("selection"),
            keep_rate=fields.number("keep_rate", 1),
            kept=fields.whole("kept"),
            payload_bytes=fields.whole("payload_bytes", 1),
            accuracy=fields.number("student_accuracy", 1),
            vanished=fields.texts("vanished"),
            seconds=fields.number("seconds") if "seconds" in fields else None,
            budget=fields.whole("budget", 1) if "budget" in fields else None,
            sent=sent,
        )
        if sent is not None:
            if student.payload_bytes != sent.report.size:
                size = sent.report.size
                fields.refuse("payload_bytes", f"{size}, the size of the payload beside it")
            if student.kept != sent.payload.kept:
                fields.refuse("kept", f"{sent.payload.kept}, as the payload beside it says")
        return student


@dataclass(frozen=True)
class Baseline:
    """Another way to bring the task to a client.

    Attributes:
        key: which one, such as ``int8-head``.
        name: for people.
        bytes: what is sent.
        accuracy: top-1 on the test images, 0 to 1.
        seconds: how long it took; None where that is not recorded.
        details: facts about it, as text.
    """

    key: str
    name: str
    bytes: int
    accuracy: float
    seconds: float | None
    details: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, fields: Fields) -> Baseline:
        """The baseline that a row of baselines.json describes.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        details = fields.inner("details").value if "details" in fields else {}
        return cls(
            key=fields.text("baseline"),
            name=fields.text("name"),
            bytes=fields.whole("bytes"),
            accuracy=fields.number("accuracy", 1),
            seconds=fields.number("seconds") if "seconds" in fields else None,
            details=tuple(
                (key.replace("_", " "), f"{value:.4g}" if type(value) is float else str(value))
                for key, value in details.items()
                if isinstance(value, str | int | float)
            ),
        )

    @property
    def is_line(self) -> bool:
        """Whether it is a level to compare with, and no point among payloads of some size."""
        return self.key == FULL_TARGET or self.bytes == 0


@dataclass(frozen=True)
class Leakage:
    """How many of the task's test images the pool holds.

    Attributes:
        test_images, pool_images: images that were compared.
        exact: test images of which the pool holds every pixel.
        near: further test images that a pool image looks like.
        fraction: the part of the test images that either is true of, 0 to 1.
    """

    test_images: int
    pool_images: int
    exact: int
    near: int
    fraction: float

    @classmethod
    def of(cls, fields: Fields) -> Leakage:
        """What leakage.json says.

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


@dataclass(frozen=True)
class Candidate:
    """A selection that the automatic choice tried.

    Attributes:
        selection: its name.
        kept: number of kept images.
        payload_bytes: size of its payload; 0 if there was no time to try the candidate.
        accuracy: of its student on held-out images, 0 to 1.
        seconds: how long it took.
        note: why it was not tried, else empty.
    """

    selection: str
    kept: int
    payload_bytes: int
    accuracy: float
    seconds: float
    note: str

    @classmethod
    def of(cls, fields: Fields) -> Candidate:
        """The candidate that an entry of auto-BUDGET.json describes.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        return cls(
            selection=fields.text("selection"),
            kept=fields.whole("kept"),
            payload_bytes=fields.whole("payload_bytes"),
            accuracy=fields.number("held_out_accuracy", 1),
            seconds=fields.number("seconds"),
            note=fields.text("note"),
        )


@dataclass(frozen=True)
class Choice:
    """What the automatic choice found for a budget of bytes.

    Attributes:
        budget: bytes that the payload may take.
        chosen: name of the selection.
        held_out_images: images of the target that decided.
        teacher: accuracy on them of a head trained on the target's other images, 0 to 1.
        floor: accuracy on them of always naming the most frequent class, 0 to 1.
        verdict: the outcome as a sentence.
        carried: whether the pool can carry the task at all.
        candidates: what was tried.
    """

    budget: int
    chosen: str
    held_out_images: int
    teacher: float
    floor: float
    verdict: str
    carried: bool
    candidates: tuple[Candidate, ...]

    @classmethod
    def of(cls, fields: Fields) -> Choice:
        """What auto-BUDGET.json says.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        return cls(
            budget=fields.whole("budget"),
            chosen=fields.text("chosen"),
            held_out_images=fields.whole("held_out_images"),
            teacher=fields.number("held_out_teacher", 1),
            floor=fields.number("floor", 1),
            verdict=fields.text("verdict"),
            carried=fields.flag("carried"),
            candidates=tuple(Candidate.of(item) for item in fields.items("candidates")),
        )
