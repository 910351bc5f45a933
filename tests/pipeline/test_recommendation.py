"""A transfer ends with a recommendation, and says on what grounds."""

from __future__ import annotations

from typing import Any

from plada_ref.runs.recommendation import recommend
from plada_ref.runs.records import StudentRecord
from plada_ref.selection.auto_record import AutoSelection, Candidate


def student(selection: str, size: int, accuracy: float, budget: int | None = None) -> StudentRecord:
    about: dict[str, Any] = {"keep_rate": 0.1, "kept": 9, "vanished": (), "budget": budget}
    about |= {"payload_bytes": size, "accuracy": accuracy, "payload": f"{selection}.plada"}
    return StudentRecord(selection=selection, **about)


def auto(budget: int, accuracy: float, **others: float) -> AutoSelection:
    best = Candidate("herding", 9, budget, accuracy, 1.0, students=others)
    about: dict[str, Any] = {"held_out_images": 400, "held_out_teacher": 0.9, "floor": 0.1}
    if others:
        about["kinds"] = tuple(others)
    return AutoSelection.of(best, (best,), budget=budget, seconds=1.0, **about)


def test_the_smallest_that_is_about_as_good_as_the_best() -> None:
    # One standard error of 76.3 % on 3,000 images is 0.8 points.
    students = [
        student("random", 936, 0.763),
        student("low-energy", 647, 0.525),
        student("low-energy+safety-net", 718, 0.757),
        student("herding", 700, 0.75),
    ]
    found = recommend(students, {}, 3000)
    assert found.student is students[2] and found.by == "test"
    assert found.reason.startswith("Recommended: low-energy+safety-net, 718 bytes")
    assert "by the test images (75.7 %), so its own figure is a little too good" in found.reason
    assert found.to_json() == {
        "selection": "low-energy+safety-net",
        "payload": "low-energy+safety-net.plada",
        "payload_bytes": 718,
        "by": "test",
    }
    assert recommend(students[:2], {}, 3000).student is students[0]
    assert recommend(students[1:2], {}, 3000).student is students[1]


def test_the_automatic_choice_goes_before_test_images() -> None:
    students = [
        student("random", 500, 0.99),
        student("auto: herding", 480, 0.70, 500),
        student("auto: herding", 1990, 0.71, 2000),
    ]
    found = recommend(students, {500: auto(500, 0.6), 2000: auto(2000, 0.8)}, 3000)
    assert found.student is students[2] and found.by == "held-out"
    assert "chosen by 400 held-out images of the task, of which its student gets 80.0 %" in (
        found.reason
    )
    near = {500: auto(500, 0.79), 2000: auto(2000, 0.8)}
    assert recommend(students, near, 3000).student is students[1]


def test_the_students_that_decided_say_which_budget() -> None:
    students = [
        student("auto: herding", 480, 0.70, 500),
        student("auto: herding", 1990, 0.71, 2000),
    ]
    # Heads would have the smaller file; networks from scratch have seen too few images.
    autos = {500: auto(500, 0.8, scratch=0.3), 2000: auto(2000, 0.8, scratch=0.5)}
    found = recommend(students, autos, 3000)
    assert found.student is students[1] and "its student gets 50.0 %" in found.reason
    autos = {one: auto(one, 0.8, scratch=0.3, finetune=0.5) for one in (500, 2000)}
    assert "students of its kinds get 40.0 % on average" in recommend(students, autos, 3000).reason


def test_a_pool_that_cannot_carry_the_task_has_no_payload_to_recommend() -> None:
    students = [student("random", 500, 0.2), student("auto: herding", 480, 0.2, 500)]
    found = recommend(students, {500: auto(500, 0.2)}, 3000)
    assert found.student is None and "does not carry this task" in found.reason
    assert found.to_json()["selection"] is None
