"""Which files a transfer leaves, read and compared with each other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pladafmt import validate

from ..errors import PipelineError
from ..labelling.scores import ScoreTable
from .fields import Fields
from .plan import Plan
from .records import Baseline, Choice, Leakage, Sent, Student

_PLACES = (".", "payloads")
"""Where rows and payloads lie in the folder: a transfer's own, then the demo's."""


@dataclass(frozen=True, eq=False)
class RunFolder:
    """Everything that a report tells of.

    Attributes:
        path: the folder.
        plan: plan.json; None if it is not there.
        teacher_accuracy: top-1 on the test images, 0 to 1; None if it is not recorded.
        teacher_sha256: of the teacher's file, in hex; None without file and table.
        scores: the table of pseudo-labels; None if it is not there.
        students: by keep rate, the largest first, and selection.
        baselines: in the order of baselines.json.
        leakage: None if it has not been measured.
        choices: by budget, the smallest first.
    """

    path: Path
    plan: Plan | None
    teacher_accuracy: float | None
    teacher_sha256: str | None
    scores: ScoreTable | None
    students: tuple[Student, ...]
    baselines: tuple[Baseline, ...]
    leakage: Leakage | None
    choices: tuple[Choice, ...]

    @classmethod
    def read(cls, path: Path) -> RunFolder:
        """Read and check the folder `path`.

        Raises:
            PipelineError: if there is no student in it, if a file is damaged, or if files
                contradict each other.
        """
        if not path.is_dir():
            raise PipelineError(f"There is no folder {path}; plada transfer --out makes one.")
        scores_file = path / "scores.parquet"
        scores = ScoreTable.read(scores_file) if scores_file.exists() else None
        students = _students(path, scores)
        if not students:
            raise PipelineError(
                f"The folder {path} holds no student's result; make one with: "
                "plada transfer --out FOLDER"
            )
        plan, teacher, baselines, leakage = (
            _optional(path / f"{name}.json") for name in ("plan", "teacher", "baselines", "leakage")
        )
        choices = [Choice.of(Fields.read(file)) for file in sorted(path.glob("auto-*.json"))]
        return cls(
            path=path,
            plan=Plan.of(plan) if plan else None,
            teacher_accuracy=teacher.number("accuracy", 1) if teacher else None,
            teacher_sha256=_teacher_sha256(path / "teacher.safetensors", scores),
            scores=scores,
            students=students,
            baselines=tuple(map(Baseline.of, baselines.items("rows"))) if baselines else (),
            leakage=Leakage.of(leakage) if leakage else None,
            choices=tuple(sorted(choices, key=lambda choice: choice.budget)),
        )

    @property
    def payloads(self) -> list[tuple[Student, Sent]]:
        """The students whose payload is in the folder, with it."""
        return [(student, student.sent) for student in self.students if student.sent is not None]


def _optional(file: Path) -> Fields | None:
    return Fields.read(file) if file.exists() else None


def _students(path: Path, scores: ScoreTable | None) -> tuple[Student, ...]:
    students = []
    for place in _PLACES:
        for file in sorted((path / place).glob("*.json")):
            if file.stem in ("plan", "teacher", "baselines", "leakage") or file.match("auto-*"):
                continue
            fields = Fields.read(file)
            payload_file = file.with_suffix(".plada")
            sent = _payload(payload_file, scores) if payload_file.exists() else None
            # Other programs may keep other JSON files here; a row says what its student reached.
            if sent is not None or "student_accuracy" in fields.value:
                students.append(Student.of(fields, sent))
    return tuple(sorted(students, key=lambda student: (-student.keep_rate, student.selection)))


def _payload(file: Path, scores: ScoreTable | None) -> Sent:
    """The valid payload in `file`, which belongs to the pool and the classes of `scores`."""
    report = validate(file)
    if report.payload is None:
        raise PipelineError(
            f"{file} is no valid payload: {report.problem} ({report.code} at byte "
            f"{report.offset}). Remove it, or have it made again."
        )
    if scores is not None:
        if report.payload.pool != scores.pool:
            raise PipelineError(f"{file} is of another pool than the score table beside it.")
        if report.payload.class_count != len(scores.classes):
            raise PipelineError(
                f"{file} has {report.payload.class_count} classes, but the score table beside it "
                f"has {len(scores.classes)}."
            )
    return Sent(report, report.payload)


def _teacher_sha256(file: Path, scores: ScoreTable | None) -> str | None:
    if not file.exists():
        return None if scores is None else scores.teacher
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if scores is not None and scores.teacher != digest:
        raise PipelineError(f"{file} is not the teacher of the score table beside it.")
    return digest
