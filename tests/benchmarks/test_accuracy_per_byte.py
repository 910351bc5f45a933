"""What the benchmark says follows from its rows, and rows are measured once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.accuracy.figure import draw
from benchmarks.accuracy.grid import PAPER, RULES
from benchmarks.accuracy.rows import Row, Rows
from benchmarks.accuracy.summary import summary, table


def made(path: Path) -> Rows:
    """Two seeds of one task at one budget: rule number i gets 50 + i percent."""
    rows = Rows(path)
    for seed in (0, 1):

        def put(
            kind: str, name: str, budget: int, size: int, percent: float, seed: int = seed
        ) -> None:
            details = {"chosen": "herding", "carried": True} if kind == "auto" else {}
            row = Row("digits", seed, kind, name, budget, size, percent / 100, details)
            rows.once("digits", seed, kind, name, budget, lambda: row)

        for number, name in enumerate(RULES):
            put("rule", name, 500, 499, 50 + number + seed)
        put("auto", "auto", 500, 498, 60 + 3 * seed)
        put("baseline", "int8-head", 0, 1000, 70)
        put("auto", "auto", 1000 // 2, 498, 60 + 3 * seed)
        put("baseline", "full-target", 0, 9000, 72)
    return rows


def test_comparisons(tmp_path: Path) -> None:
    found = summary(made(tmp_path / "rows.jsonl"))
    (cell,) = found.cells
    best = 50 + len(RULES) - 1  # and one more with seed 1
    assert (cell.auto, cell.best_rule) == (61.5, RULES[-1])
    # By seed: best - 60, and best + 1 - 63.
    assert cell.behind == pytest.approx(((best - 60) + (best + 1 - 63)) / 2)
    assert cell.allowed == pytest.approx(2.0)  # Two errors of 1 point each; above 1.5.
    assert cell.over_low_energy == pytest.approx(61.5 - 50.5)
    three = max(RULES.index(name) for name in PAPER)
    assert cell.over_best_of_three == pytest.approx(61.5 - (50.5 + three))
    assert cell.holds == (cell.behind <= cell.allowed)
    facts = found.against["digits"]
    assert (facts["full_target"], facts["int8_head"], facts["int8_bytes"]) == (72, 70, 1000)
    assert facts["auto_at_half"] == pytest.approx(61.5)
    assert json.loads(json.dumps(found.as_json()))["auto_over_low_energy"] == pytest.approx(11)
    assert "61.5" in table(made(tmp_path / "rows.jsonl"))


def test_rows_are_measured_once(tmp_path: Path) -> None:
    made(tmp_path / "rows.jsonl")

    def never() -> Row:
        raise AssertionError("measured already")

    again = Rows(tmp_path / "rows.jsonl")
    assert again.once("digits", 1, "auto", "auto", 500, never).accuracy == 0.63


def test_the_figure_shows_every_task(tmp_path: Path) -> None:
    draw(made(tmp_path / "rows.jsonl"), tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width > 300 and len(image.convert("RGB").getcolors(1 << 20) or ()) > 10
