"""The whole road in one call, on real handwritten digits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from plada_ref import transfer as stages
from plada_ref.errors import Misuse
from plada_ref.output import Output
from plada_ref.recipe import recipe
from plada_ref.selection import SafetyNet, Selection, parse
from plada_ref.task import Task
from plada_ref.transfer import Plan, transfer
from pladafmt import load

from .conftest import CPU, NET, DigitPool


def plan(**changes: Any) -> Plan:
    how = recipe("all", epochs=3, lr=4e-3, augment="glyph")
    values: dict[str, Any] = {
        "teacher": NET,
        "student": NET,
        "teach_recipe": how,
        "train_recipe": how,
        "selections": (Selection(), Selection(safety_net=SafetyNet())),
        "keep_rates": (0.2,),
    }
    return Plan(**(values | changes))


@pytest.mark.slow
def test_a_transfer_and_its_repetition(
    digits: Task,
    digits_test: Task,
    digit_pool: DigitPool,
    output: Output,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(what: Plan, folder: str = "out") -> stages.Outcome:
        return transfer(
            what,
            digits,
            digits_test,
            digit_pool.open(),
            tmp_path / folder,
            device=CPU,
            output=output,
            workers=0,
        )

    first = run(plan())
    assert first.teacher_accuracy > 0.8
    assert sum(first.pseudo_labels) == len(digit_pool.truth)
    plain, netted = first.rows
    assert (plain.selection, netted.selection) == (
        "low-energy",
        "low-energy + safety-net(s=0.5, alpha=0)",
    )
    for row in first.rows:
        payload = load(row.payload)
        assert payload.kept == row.kept == len(digit_pool.truth) // 5
        assert Path(row.payload).stat().st_size == row.payload_bytes
    assert netted.student_accuracy > 0.6  # Chance is 10 %.

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("what is finished must not be done again")

    for name in ("teach", "label", "train"):
        monkeypatch.setattr(stages, name, never)
    again = run(plan())
    assert again.rows == first.rows
    assert again.teacher_accuracy == first.teacher_accuracy
    monkeypatch.undo()

    # More selections can be added to a finished transfer; other settings cannot.
    monkeypatch.setattr(stages, "teach", never)
    monkeypatch.setattr(stages, "label", never)
    more = run(plan(selections=(Selection(), Selection(ranking="random"))))
    assert more.rows[0] == plain
    assert more.rows[1].selection == "random"
    with pytest.raises(Misuse, match="other settings"):
        run(plan(train_recipe=recipe("all", epochs=4)))


@pytest.mark.slow
def test_budgets_rankings_that_compare_and_the_choice(
    digits: Task, digits_test: Task, digit_pool: DigitPool, output: Output, tmp_path: Path
) -> None:
    head = recipe("head", augment="off")
    rules = (Selection(), Selection(ranking="herding"), None)
    what = plan(
        selections=rules,
        keep_rates=(0.05,),
        budgets=(300,),
        train_recipe=head,
        named=False,
        leakage=True,
    )
    outcome = transfer(
        what,
        digits,
        digits_test,
        digit_pool.open(),
        tmp_path,
        device=CPU,
        output=output,
        workers=0,
    )
    names = [(row.selection.partition(":")[0], row.budget) for row in outcome.rows]
    # The automatic choice is made within bytes only.
    assert names == [
        ("low-energy", None),
        ("herding", None),
        ("low-energy", 300),
        ("herding", 300),
        ("auto", 300),
    ]
    for row in outcome.rows[2:]:
        assert Path(row.payload).stat().st_size == row.payload_bytes <= 300
        assert load(row.payload).class_count == 10
        assert row.keep_rate == row.kept / len(digit_pool.truth)
    report = json.loads((tmp_path / "auto-300.json").read_text("utf-8"))
    assert outcome.rows[-1].selection == f"auto: {report['chosen']}"
    assert report["held_out_images"] == pytest.approx(len(digits) / 5, abs=5)
    # No test digit is in the pool, but some resemble one at 64 bits.
    assert outcome.leakage == json.loads((tmp_path / "leakage.json").read_text("utf-8"))
    assert outcome.leakage is not None and outcome.leakage["exact"] == 0
    assert outcome.leakage["test_images"] == len(digits_test)
    with pytest.raises(Misuse, match="--budget"):
        plan(selections=(None,))


def test_selections_are_spelled_in_short() -> None:
    assert parse("low-energy") == Selection()
    assert parse("safety-net", seed=3) == Selection(safety_net=SafetyNet(), seed=3)
    assert parse("random+safety-net:alpha=-0.2,share=0.25") == Selection(
        ranking="random", safety_net=SafetyNet(share=0.25, alpha=-0.2)
    )
    for wrong in (
        "",
        "best",
        "low-energy+",
        "low-energy+net",
        "safety-net:beta=1",
        "safety-net:alpha=",
    ):
        with pytest.raises(Misuse):
            parse(wrong)
