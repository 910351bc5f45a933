"""Which of a transfer's payloads to send, and on what grounds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..selection.auto_record import AutoSelection
from ..training.held_out import standard_error
from .records import StudentRecord


@dataclass(frozen=True)
class Recommendation:
    """A payload, or none.

    Attributes:
        student: of the payload to send; None if the pool cannot carry the task.
        reason: for people, one or two sentences.
        by: ``"held-out"``, images of the task that neither a ranking nor a student has seen; or
            ``"test"`` images, of which the figure of the best is a little too good.
    """

    student: StudentRecord | None
    reason: str
    by: str

    def to_json(self) -> dict[str, Any]:
        """The recommendation as JSON values."""
        student = self.student
        return {
            "selection": None if student is None else student.selection,
            "payload": None if student is None else student.payload,
            "payload_bytes": None if student is None else student.payload_bytes,
            "by": self.by,
        }


def recommend(
    students: Sequence[StudentRecord], autos: Mapping[int, AutoSelection], test_images: int
) -> Recommendation:
    """Recommend the automatic choice where there is one, else the best by the test images.

    Among payloads whose figures are within one standard error of the best, it is the smallest.

    Args:
        students: at least one.
        autos: what the automatic selection found, by budget.
        test_images: on which the students were compared.
    """
    found = {one: autos.get(one.budget or 0) for one in students if one.chosen}
    chosen = {one: auto for one, auto in found.items() if auto is not None}
    if chosen:
        carried = {one: auto for one, auto in chosen.items() if auto.carried}
        if not carried:
            return Recommendation(
                None,
                "None is recommended: this pool does not carry this task. Send weights or images, "
                "or use a pool that is nearer to the task.",
                "held-out",
            )
        reached = {one: auto.reached for one, auto in carried.items()}
        best = max(reached, key=lambda one: reached[one])
        images = carried[best].held_out_images
        student = _smallest_near(reached, best, images)
        several = len(carried[student].kinds) > 1
        return Recommendation(
            student,
            f"{_named(student)}. It was chosen by {images:,} held-out images of the task, of which "
            f"{'students of its kinds get' if several else 'its student gets'} "
            f"{100 * reached[student]:.1f} %{' on average' if several else ''}; of the test "
            f"images, {100 * student.accuracy:.1f} %.",
            "held-out",
        )
    reached = {one: one.accuracy for one in students}
    best = max(students, key=lambda one: one.accuracy)
    student = _smallest_near(reached, best, test_images)
    return Recommendation(
        student,
        f"{_named(student)}: the smallest within one standard error of the best, by the test "
        f"images ({100 * student.accuracy:.1f} %), so its own figure is a little too good. "
        "--budget with --select auto chooses without them.",
        "test",
    )


def _smallest_near(
    reached: Mapping[StudentRecord, float], best: StudentRecord, images: int
) -> StudentRecord:
    least = reached[best] - standard_error(reached[best], images)
    near = [one for one, accuracy in reached.items() if accuracy >= least]
    return min(near, key=lambda one: (one.payload_bytes, -reached[one]))


def _named(student: StudentRecord) -> str:
    return f"Recommended: {student.selection}, {student.payload_bytes:,} bytes"
