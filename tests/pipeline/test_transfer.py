"""The whole road in one call, on real handwritten digits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plada_ref.errors import Misuse, PipelineError
from plada_ref.output import Output
from plada_ref.runs import transfer as stages
from plada_ref.runs.folder import RunFolder, student_stem
from plada_ref.runs.plan import Plan
from plada_ref.runs.transfer import transfer
from plada_ref.selection import RANKINGS, SafetyNet, Selection, Size
from plada_ref.tasks.task import Task
from plada_ref.training.recipe import recipe
from pladafmt import load

from .conftest import ALONE, NET, DigitPool


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
            compute=ALONE,
        )

    first = run(plan())
    assert first.teacher_accuracy > 0.8
    assert sum(first.pseudo_labels) == len(digit_pool.truth)
    plain, netted = first.students
    assert (plain.selection, netted.selection) == ("low-energy", "low-energy+safety-net")
    for found in first.students:
        assert found.payload is not None
        payload = load(found.payload)
        assert payload.kept == found.kept == len(digit_pool.truth) // 5
        assert Path(found.payload).stat().st_size == found.payload_bytes
    assert netted.accuracy > 0.6  # Chance is 10 %.

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("what is finished must not be done again")

    for name in ("teach", "label", "train"):
        monkeypatch.setattr(stages, name, never)
    again = run(plan())
    assert again.students == first.students
    assert again.teacher_accuracy == first.teacher_accuracy
    monkeypatch.undo()

    # More selections can be added to a finished transfer; other settings cannot.
    monkeypatch.setattr(stages, "teach", never)
    monkeypatch.setattr(stages, "label", never)
    more = run(plan(selections=(Selection(), Selection(ranking="random"))))
    assert more.students[0] == plain
    assert more.students[1].selection == "random"
    with pytest.raises(Misuse, match="other settings"):
        run(plan(train_recipe=recipe("all", epochs=4)))

    # Versions whose files had other names wrote no layout.
    folder = RunFolder(tmp_path / "out")
    said = json.loads(folder.plan.read_text("utf-8"))
    for other in ({}, {"layout": 99}):
        del said["layout"]
        said |= other
        folder.plan.write_text(json.dumps(said), "utf-8")
        with pytest.raises(Misuse, match=r"another version of plada.*another --out"):
            run(plan())
        said |= {"layout": 0}
    folder.plan.write_text("{", "utf-8")
    with pytest.raises(PipelineError, match=r"plan\.json is damaged"):
        run(plan())


@pytest.mark.slow
def test_a_damaged_record_is_not_taken_for_a_result(
    digits: Task, digits_test: Task, digit_pool: DigitPool, tmp_path: Path
) -> None:
    def run() -> None:
        what = plan(selections=(Selection(),), train_recipe=recipe("head", augment="off"))
        transfer(what, digits, digits_test, digit_pool.open(), tmp_path, compute=ALONE)

    run()
    for name, content in (
        ("low-energy-0.2.json", '{"selection": "low-energy"}'),
        ("teacher.json", '{"accuracy": 2}'),
    ):
        good = (tmp_path / name).read_bytes()
        (tmp_path / name).write_text(content, "utf-8")
        with pytest.raises(PipelineError, match=f"{name} is damaged"):
            run()
        (tmp_path / name).write_bytes(good)
    run()

    record = (tmp_path / "low-energy-0.2.json").read_bytes()
    for name in ("low-energy-0.2.plada", "low-energy-0.2.safetensors"):
        good = (tmp_path / name).read_bytes()
        for other in (b"", good[:-1], good[:-1] + bytes([good[-1] ^ 1])):
            (tmp_path / name).write_bytes(other)
            with pytest.raises(PipelineError, match=f"{name} is not the file"):
                run()
            assert (tmp_path / name).read_bytes() == other
        # As the sentence says: what is gone is made again, the same.
        (tmp_path / name).unlink()
        run()
        assert (tmp_path / name).read_bytes() == good
        (tmp_path / "low-energy-0.2.json").write_bytes(record)
    # Records of earlier versions have no digests.
    old = json.loads(record)
    del old["payload_sha256"], old["student_sha256"]
    (tmp_path / "low-energy-0.2.json").write_text(json.dumps(old), "utf-8")
    run()


@pytest.mark.slow
@given(
    st.sampled_from(sorted(RANKINGS)),
    st.none() | st.builds(SafetyNet, share=st.floats(0, 1), alpha=st.floats(-8, 8)),
    st.floats(0, 1, exclude_min=True),
)
def test_names_of_files(ranking: str, net: SafetyNet | None, rate: float) -> None:
    selection = Selection(ranking=ranking, safety_net=net)
    stem = student_stem(selection, Size(keep_rate=rate))
    # What Windows and URLs would refuse or escape is not in them.
    assert re.fullmatch(r"[a-z0-9+=._-]+", stem)
    other = Selection(ranking=ranking, safety_net=SafetyNet(share=0.5, alpha=0.25))
    same = student_stem(other, Size(keep_rate=rate)) == stem
    assert same == (other == selection)


def test_names_of_files_by_hand() -> None:
    net = Selection(safety_net=SafetyNet(alpha=-0.2))
    assert student_stem(net, Size(keep_rate=0.1)) == (
        "low-energy+safety-net_alpha=-0.2_share=0.5-0.1"
    )
    assert student_stem(Selection(), Size(keep_rate=0.01)) == "low-energy-0.01"
    assert student_stem(None, Size(budget=2000)) == "chosen-2000B"


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
        compute=ALONE,
    )
    names = [(one.selection.partition(":")[0], one.budget) for one in outcome.students]
    # The automatic selection is made within bytes only.
    assert names == [
        ("low-energy", None),
        ("herding", None),
        ("low-energy", 300),
        ("herding", 300),
        ("auto", 300),
    ]
    for found in outcome.students[2:]:
        assert found.payload is not None
        assert Path(found.payload).stat().st_size == found.payload_bytes <= 300
        assert load(found.payload).class_count == 10
        assert found.keep_rate == found.kept / len(digit_pool.truth)
    report = json.loads((tmp_path / "auto-300.json").read_text("utf-8"))
    assert outcome.students[-1].selection == f"auto: {report['chosen']}"
    assert report["held_out_images"] == pytest.approx(len(digits) / 5, abs=5)
    # No test digit is in the pool, but some resemble one at 64 bits.
    assert outcome.leakage is not None and outcome.leakage.exact == 0
    said = json.loads((tmp_path / "leakage.json").read_text("utf-8"))
    assert outcome.leakage.to_json() == said
    assert outcome.leakage.test_images == len(digits_test)
    with pytest.raises(Misuse, match="--budget"):
        plan(selections=(None,))


def test_a_teacher_that_is_never_right_ends_no_table() -> None:
    from types import SimpleNamespace

    from plada_ref.commands.transfer import _of_teacher

    outcome: Any = SimpleNamespace(teacher_accuracy=0.0)
    assert _of_teacher(0.5, outcome) is None
    outcome.teacher_accuracy = 0.8
    assert _of_teacher(0.4, outcome) == 50.0
