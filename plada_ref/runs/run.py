"""Everything that lies in a run's folder, read and compared with each other."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pladafmt import Codes, Payload, Report, validate

from ..errors import PipelineError
from ..labelling.scores import ScoreTable
from ..selection.auto_record import AutoSelection
from .fields import Fields
from .folder import RunFolder
from .plan import PlanRecord
from .records import Baseline, Leakage, StudentRecord, TeacherRecord, read_auto


@dataclass(frozen=True, eq=False)
class PayloadFile:
    """A valid payload file.

    Attributes:
        report: the owner of each byte, and facts about the file.
        payload: what the file says.
    """

    report: Report
    payload: Payload


@dataclass(frozen=True, eq=False)
class Student:
    """A student of the run.

    Attributes:
        name: name of its files without their suffix.
        record: what it reached.
        file: the payload that it learned from; None if the file is not in the folder, or is a rule
            and its codes are not at hand.
        lacks_codes: whether the latter is so.
    """

    name: str
    record: StudentRecord
    file: PayloadFile | None
    lacks_codes: bool = False


@dataclass(frozen=True, eq=False)
class Run:
    """Everything in the folder of a transfer, of the demo or of baselines.

    Attributes:
        plan: None if plan.json is not there.
        teacher_accuracy: top-1 on the test images, 0 to 1; None if it is not recorded.
        teacher_sha256: of the teacher's file, in hex; None without file and table.
        scores: the table of pseudo-labels; None if it is not there.
        students: by keep rate, the largest first, and selection.
        baselines: in the order of baselines.json.
        leakage: None if it has not been measured.
        autos: the automatic selections by budget, the smallest first.
    """

    plan: PlanRecord | None
    teacher_accuracy: float | None
    teacher_sha256: str | None
    scores: ScoreTable | None
    students: tuple[Student, ...]
    baselines: tuple[Baseline, ...]
    leakage: Leakage | None
    autos: tuple[AutoSelection, ...]

    @classmethod
    def read(cls, path: Path, codes: Codes | None = None) -> Run:
        """Read and check the folder `path`.

        Args:
            codes: of the pool's images, for payloads that hold a rule.

        Raises:
            PipelineError: if there is no student in it, if a file is damaged, or if files
                contradict each other.
        """
        folder = RunFolder(path)
        if not path.is_dir():
            raise PipelineError(f"There is no folder {path}; plada transfer --out makes one.")
        scores = ScoreTable.read(folder.scores) if folder.scores.exists() else None
        students = _students(folder, scores, codes)
        if not students:
            raise PipelineError(
                f"The folder {path} holds no student's result; make one with: "
                "plada transfer --out FOLDER"
            )
        plan, teacher, baselines, leakage = map(
            _optional, (folder.plan, folder.teacher.record, folder.baselines, folder.leakage)
        )
        autos = [read_auto(Fields.read(file)) for file in folder.autos()]
        return cls(
            plan=PlanRecord.of(plan) if plan else None,
            teacher_accuracy=TeacherRecord.of(teacher).accuracy if teacher else None,
            teacher_sha256=_teacher_sha256(folder.teacher.model, scores),
            scores=scores,
            students=students,
            baselines=tuple(map(Baseline.of, baselines.items("rows"))) if baselines else (),
            leakage=Leakage.of(leakage) if leakage else None,
            autos=tuple(sorted(autos, key=lambda auto: auto.budget)),
        )

    @property
    def payloads(self) -> list[tuple[Student, PayloadFile]]:
        """The students whose payload is in the folder, with it."""
        return [(student, student.file) for student in self.students if student.file is not None]


def _optional(file: Path) -> Fields | None:
    return Fields.read(file) if file.exists() else None


def _students(
    folder: RunFolder, scores: ScoreTable | None, codes: Codes | None
) -> tuple[Student, ...]:
    students = []
    for files in folder.student_records():
        fields = Fields.read(files.record)
        report = None
        if files.payload.exists():
            report = _report(files.payload, scores, codes)
        # Other programs may keep other JSON files here; a record says what its student reached.
        if report is not None or "student_accuracy" in fields.value:
            record = StudentRecord.of(fields)
            file = None
            if report is not None:
                _compare(record, report, fields)
                file = None if report.payload is None else PayloadFile(report, report.payload)
            lacks_codes = report is not None and file is None
            students.append(Student(files.stem.name, record, file, lacks_codes))
    return tuple(sorted(students, key=lambda one: (-one.record.keep_rate, one.record.selection)))


def _compare(record: StudentRecord, report: Report, fields: Fields) -> None:
    """Refuse a record that says something else than the payload that lies with it."""
    if record.payload_bytes != report.size:
        fields.refuse("payload_bytes", f"{report.size}, the size of the payload next to it")
    if record.kept != report.facts["kept"]:
        fields.refuse("kept", f"{report.facts['kept']}, as the payload next to it says")


def _report(path: Path, scores: ScoreTable | None, codes: Codes | None) -> Report:
    """Read a payload of the pool and the classes of `scores`.

    It is valid, or it is a rule and there are no codes, and its payload is not known.
    """
    report = validate(path, codes=codes)
    other_codes = report.verdict == "mismatch"
    if other_codes and codes is not None:
        raise PipelineError(f"{path} cannot be read with these codes: {report.problem}")
    if report.payload is None and not other_codes:
        raise PipelineError(
            f"{path} is not a valid payload: {report.problem} ({report.code} at byte "
            f"{report.offset}). Remove it, or have it made again."
        )
    said = report.facts
    if scores is not None:
        if (said["pool_id"], said["pool_size"]) != (scores.pool.id.hex(), scores.pool.size):
            raise PipelineError(f"{path} is of another pool than the folder's score table.")
        if said["classes"] != len(scores.classes):
            raise PipelineError(
                f"{path} has {said['classes']} classes, but the folder's score table "
                f"has {len(scores.classes)}."
            )
    return report


def _teacher_sha256(file: Path, scores: ScoreTable | None) -> str | None:
    if not file.exists():
        return None if scores is None else scores.teacher
    if not file.is_file():  # A device may have no end.
        raise PipelineError(f"{file} is no file, so it is not the run's teacher; remove it.")
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if scores is not None and scores.teacher != digest:
        raise PipelineError(f"{file} is not the teacher of the folder's score table.")
    return digest
