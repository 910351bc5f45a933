"""What `auto` is said to choose in the benchmark is what its rule of choice says."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from benchmarks.accuracy.judges import choices_table, chosen
from benchmarks.accuracy.rows import Row, Rows


def measured(path: Path) -> Rows:
    rows = Rows(path)

    def put(kind: str, name: str, budget: int, accuracy: float) -> None:
        row = Row("t", 0, kind, name, budget, budget - 1, accuracy)
        rows.once(*row.key, lambda: row)

    # By kind of judge and of student: heads like a, networks from scratch b, and c is for either.
    for name, head, scratch in (("a", 0.8, 0.3), ("b", 0.5, 0.6), ("c", 0.75, 0.55)):
        for kind, accuracy in (("head", head), ("scratch", scratch)):
            student = {"head": "head", "scratch": "scratch-small"}[kind]
            put(f"{kind} judges", name, 2000, accuracy)
            put(student, name, 2000, accuracy + 0.01)
            put(f"{kind} judges", name, 500, accuracy - 0.2)
            put(student, name, 500, accuracy - 0.2)
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
    better = Row("t", 0, "head judges", "b", 500, 499, 0.9)
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
