"""What `auto` is said to choose in the benchmark is what its rule of choice says."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

from benchmarks.accuracy.choices import choices_table, chosen
from benchmarks.accuracy.judges import AGAIN, IMAGES, TESTED, behind, judge_jobs
from benchmarks.accuracy.payloads import Offer
from benchmarks.accuracy.rows import Row, Rows
from benchmarks.accuracy.students import Job


def put(
    rows: Rows, kind: str, name: str, accuracy: float, *, budget: int = 500, seed: int = 0
) -> None:
    details = {IMAGES: 1000, AGAIN: accuracy, TESTED: accuracy}
    row = Row("t", seed, kind, name, budget, budget - 1, accuracy, details)
    rows.once(*row.key, lambda: row)


def measured(path: Path) -> Rows:
    rows = Rows(path)
    # By kind of judge and of student: heads like one, networks from scratch another, and random
    # is for either.
    for name, head, scratch in (
        ("herding", 0.8, 0.3),
        ("low-energy", 0.5, 0.6),
        ("random", 0.75, 0.55),
    ):
        for kind, accuracy in (("head", head), ("scratch", scratch)):
            student = {"head": "head", "scratch": "scratch-small"}[kind]
            put(rows, f"{kind} judges", name, accuracy, budget=2000)
            put(rows, student, name, accuracy + 0.01, budget=2000)
            put(rows, f"{kind} judges", name, accuracy - 0.2)
            put(rows, student, name, accuracy - 0.2)
    return rows


def cells(rows: Rows) -> list[str]:
    """The best list of 500 bytes, what it reaches, the choice, and how far that is behind."""
    return choices_table(rows, [500]).splitlines()[2].split(" | ")[3:7]


def test_the_kind_that_is_told_decides(tmp_path: Path) -> None:
    rows = measured(tmp_path / "rows.jsonl")
    found = {
        kinds: chosen(rows, "t", 0, 2000, kinds)
        for kinds in (("head",), ("scratch",), ("head", "scratch"))
    }
    assert [row and (row.name, row.budget) for row in found.values()] == [
        ("herding", 2000),
        ("low-energy", 2000),
        ("random", 2000),
    ]
    assert chosen(rows, "t", 0, 2000, ("finetune",)) is None
    # A part of the budget may be better than all of it.
    better = Row("t", 0, "head judges", "low-energy", 500, 499, 0.9, {IMAGES: 1000})
    path = tmp_path / "more.jsonl"
    kept = [better if row.key == better.key else row for row in rows]
    path.write_text("".join(json.dumps(asdict(row)) + "\n" for row in kept))
    more = Rows(path)
    choice = chosen(more, "t", 0, 2000, ("head",))
    assert choice is not None and (choice.name, choice.budget) == ("low-energy", 500)


def test_what_left_the_race_for_one_kind_is_still_the_best_for_another(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows.jsonl")
    for name, head, scratch in (("herding", 0.5, 0.62), ("low-energy", 0.6, 0.5)):
        put(rows, "head judges", name, head)
        put(rows, "scratch judges", name, scratch)

    def told_both() -> str | None:
        found = chosen(rows, "t", 0, 500, ("head", "scratch"))
        return None if found is None else found.name

    assert told_both() == "herding"  # 10 points behind for heads, the other 12 from scratch.
    put(rows, "head judges", "gradient-matching", 0.7)
    assert told_both() == "low-energy"  # Still 12, and herding 20.
    # Nothing has both kinds: nothing is chosen.
    put(rows, "head judges", "herding", 0.5, budget=100)
    put(rows, "scratch judges", "low-energy", 0.5, budget=100)
    assert chosen(rows, "t", 0, 100, ("head", "scratch")) is None


def test_the_table_says_how_far_the_choice_is_behind(tmp_path: Path) -> None:
    lines = choices_table(measured(tmp_path / "rows.jsonl"), [2000]).splitlines()
    assert lines[2:] == [
        "| t | head | 2,000 | herding | 81.0 | 81.0 | 0.0 | 76.0 | 5.0 |",
        "| t | scratch-small | 2,000 | low-energy | 61.0 | 61.0 | 0.0 | 56.0 | 5.0 |",
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
        put(rows, "scratch", "herding", accuracy, seed=seed)
    put(rows, "scratch", "low-energy", 0.7)
    put(rows, "scratch judges", "herding", 0.5)
    assert (
        choices_table(rows, [500])
        .splitlines()[2]
        .startswith("| t | scratch | 500 | herding | 60.0 |")
    )


def test_short_trainings_judge_what_auto_tries_where_no_student_does_it_by_the_way() -> None:
    kinds = ["finetune-short", "finetune", "scratch"]
    names = ("herding", "rule", "whole-pool")

    def judges(*kinds: str) -> set[Job]:
        jobs = [Job("t", 0, kind, Offer(name, 500)) for kind in kinds for name in names]
        return set(judge_jobs(jobs, kinds))

    wanted = [Offer(name, 500) for name in ("herding", "rule")]
    assert judges(*kinds) == {Job("t", 0, "scratch judges", offer) for offer in wanted}
    assert judges(*kinds, "scratch-small") == set()
    assert {job.kind for job in judges(*kinds[1:])} == {"finetune judges", "scratch judges"}


def test_a_training_that_judged_is_not_what_is_judged(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows.jsonl")
    for seed, accuracy in ((0, 0.9), (1, 0.5), (2, 0.4)):
        for kind in ("finetune judges", "finetune-short"):
            put(rows, kind, "herding", accuracy, seed=seed)
    # The mean of the other two seeds, for each of three: that is the mean of all.
    assert cells(rows) == ["herding", "60.0", "60.0", "0.0 ± 0.0"]
    put(rows, "finetune judges", "low-energy", 0.95)
    for seed, accuracy in ((0, 0.8), (1, 0.1), (2, 0.1)):
        put(rows, "finetune-short", "low-energy", accuracy, seed=seed)
    # With seed 0 it chooses the other, of which the other seeds say 10 %: (10 + 65 + 70) / 3. It is
    # 35 points behind with that seed, with the others nothing.
    assert cells(rows) == ["herding", "60.0", "48.3", "11.7 ± 23.3"]


def test_with_codes_the_largest_rule_within_the_budget_is_tried(tmp_path: Path) -> None:
    rows = measured(tmp_path / "rows.jsonl")
    for budget, accuracy in ((350, 0.7), (1000, 0.9)):
        for kind in ("head judges", "head"):
            put(rows, kind, "rule", accuracy, budget=budget)
    found = {
        (budget, codes): chosen(rows, "t", 0, budget, ("head",), codes=codes)
        for budget in (500, 2000)
        for codes in (False, True)
    }
    assert [row and (row.name, row.budget) for row in found.values()] == [
        ("herding", 500),
        ("rule", 350),
        ("herding", 2000),
        ("rule", 1000),
    ]
    # Not measured for the other kind, and not tried for it.
    told_nothing = chosen(rows, "t", 0, 2000, ("head", "scratch"), codes=True)
    assert told_nothing is not None and told_nothing.name == "random"
    lines = choices_table(rows, [500, 2000], codes=True).splitlines()[2:4]
    assert [line.split(" | ")[3:6] for line in lines] == [
        ["rule", "70.0", "70.0"],
        ["rule", "90.0", "90.0"],
    ]


def test_where_the_payload_made_again_is_clearly_worse_what_was_tried_counts(
    tmp_path: Path,
) -> None:
    for again, reached in ((0.975, "80.0"), (0.9, "96.0")):
        rows = Rows(tmp_path / f"{again}.jsonl")
        details = {IMAGES: 1000, AGAIN: again, TESTED: 0.96}
        judged = Row("t", 0, "head judges", "herding", 500, 499, 0.98, details)
        rows.once(*judged.key, partial(Row, **asdict(judged)))
        put(rows, "head", "herding", 0.8)
        assert cells(rows)[:3] == ["herding", "80.0", reached]


def test_heads_that_nobody_judged_are_shown_as_they_are(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "rows.jsonl")
    put(rows, "head", "herding", 0.8)
    assert cells(rows) == ["herding", "80.0", "", ""]
    put(rows, "scratch-small", "herding", 0.5)
    put(rows, "scratch judges", "herding", 0.5)
    head = choices_table(rows, [500]).splitlines()[2]
    assert head == "| t | head | 500 | herding | 80.0 |  |  | 80.0 | 0.0 |"
