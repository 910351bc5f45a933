"""What `auto` is said to choose in the benchmark is what its rule of choice says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.accuracy.judges import IMAGES, behind, choices_table, chosen, judge_jobs
from benchmarks.accuracy.payloads import Offer
from benchmarks.accuracy.rows import Row, Rows
from benchmarks.accuracy.students import Job


def put(
    rows: Rows, kind: str, name: str, accuracy: float, *, budget: int = 500, seed: int = 0
) -> None:
    row = Row("t", seed, kind, name, budget, budget - 1, accuracy, {IMAGES: 1000})
    rows.once(*row.key, lambda: row)


def measured(path: Path) -> Rows:
    rows = Rows(path)
    # By kind of judge and of student: heads like a, networks from scratch b, and c is for either.
    for name, head, scratch in (("a", 0.8, 0.3), ("b", 0.5, 0.6), ("c", 0.75, 0.55)):
        for kind, accuracy in (("head", head), ("scratch", scratch)):
            student = {"head": "head", "scratch": "scratch-small"}[kind]
            put(rows, f"{kind} judges", name, accuracy, budget=2000)
            put(rows, student, name, accuracy + 0.01, budget=2000)
            put(rows, f"{kind} judges", name, accuracy - 0.2)
            put(rows, student, name, accuracy - 0.2)
    return rows


def test_the_kind_that_is_told_decides(tmp_path: Path) -> None:
    rows = measured(tmp_path / "rows.jsonl")
    found = {
        kinds: chosen(rows, "t", 0, 2000, kinds)
        for kinds in (("head",), ("scratch",), ("head", "scratch"))
    }
    assert [row and (row.name, row.budget) for row in found.values()] == [
        ("a", 2000),
        ("b", 2000),
        ("c", 2000),
    ]
    assert chosen(rows, "t", 0, 2000, ("finetune",)) is None
    # A part of the budget may be better than all of it.
    better = Row("t", 0, "head judges", "b", 500, 499, 0.9, {IMAGES: 1000})
    path = tmp_path / "more.jsonl"
    kept = [better if row.key == better.key else row for row in rows]
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in kept))
    more = Rows(path)
    choice = chosen(more, "t", 0, 2000, ("head",))
    assert choice is not None and (choice.name, choice.budget) == ("b", 500)


def test_the_table_says_how_far_the_choice_is_behind(tmp_path: Path) -> None:
    lines = choices_table(measured(tmp_path / "rows.jsonl"), [2000]).splitlines()
    assert lines[2:] == [
        "| t | head | 2,000 | a | 81.0 | 81.0 | 0.0 | 76.0 | 5.0 |",
        "| t | scratch-small | 2,000 | b | 61.0 | 61.0 | 0.0 | 56.0 | 5.0 |",
    ]


def test_a_list_that_is_far_behind_for_both_leaves_the_race(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows.jsonl")
    for name, tested, held in (("a", 0.6, 0.5), ("b", 0.5, 0.5), ("c", 0.5, 0.3), ("d", 0.6, 0.3)):
        put(rows, "scratch-small", name, tested)
        put(rows, "scratch judges", name, held)
    put(rows, "scratch-small", "rule", 0.9)
    far = {
        name: round(behind(rows, "t", 0, "scratch-small", Offer(name, 500)), 6)
        for name in ("a", "b", "c", "d", "rule", "unknown")
    }
    assert far == {"a": 0, "b": 0, "c": 0.1, "d": 0, "rule": 0, "unknown": 0}
    # Students of the same kind that train for longer may still want it.
    put(rows, "scratch", "c", 0.7)
    assert behind(rows, "t", 0, "scratch-small", Offer("c", 500)) == 0


def test_what_left_the_race_is_not_the_best_list_by_an_easy_seed(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows.jsonl")
    for seed, accuracy in ((0, 0.8), (1, 0.4)):
        put(rows, "scratch", "a", accuracy, seed=seed)
    put(rows, "scratch", "b", 0.7)
    put(rows, "scratch judges", "a", 0.5)
    assert choices_table(rows, [500]).splitlines()[2].startswith("| t | scratch | 500 | a | 60.0 |")


def test_short_trainings_judge_lists_where_no_student_does_it_by_the_way() -> None:
    kinds = ["finetune-short", "finetune", "scratch", "scratch-small"]
    names = ("herding", "rule", "whole-pool")
    jobs = [Job("t", 0, kind, Offer(name, 500)) for kind in kinds for name in names]
    once = set(judge_jobs(jobs, kinds))
    assert once == {Job("t", 0, "scratch judges", Offer("herding", 500))}
    both = {job.kind for job in judge_jobs(jobs, kinds[1:])}
    assert both == {"finetune judges", "scratch judges"}


def test_a_training_that_judged_is_not_what_is_judged(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows.jsonl")
    for seed, accuracy in ((0, 0.9), (1, 0.5), (2, 0.4)):
        for kind in ("finetune judges", "finetune-short"):
            put(rows, kind, "a", accuracy, seed=seed)
    # The mean of the other two seeds, for each of three: that is the mean of all.
    assert choices_table(rows, [500]).splitlines()[2].split(" | ")[3:6] == ["a", "60.0", "60.0"]
    put(rows, "finetune judges", "b", 0.95)
    for seed, accuracy in ((0, 0.8), (1, 0.1), (2, 0.1)):
        put(rows, "finetune-short", "b", accuracy, seed=seed)
    # With seed 0 it chooses b, of which the other seeds say 10 %: (10 + 65 + 70) / 3.
    assert choices_table(rows, [500]).splitlines()[2].split(" | ")[3:6] == ["a", "60.0", "48.3"]
