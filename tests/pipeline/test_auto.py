"""The automatic selection, on handwritten digits and on a pool that cannot carry them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from plada_ref.errors import Misuse
from plada_ref.features.target import Target
from plada_ref.labelling.scores import ScoreFacts, Scores, ScoreTable
from plada_ref.runs.fields import Fields
from plada_ref.runs.records import read_auto
from plada_ref.selection import RuleSelection, Selection, Size, parse, rank_images
from plada_ref.selection.auto import CANDIDATES, PARTS, AutoSelector
from plada_ref.selection.auto_record import MADE_AGAIN, AutoSelection, Candidate
from plada_ref.selection.budget import NoRoom
from plada_ref.selection.producer import Producer
from plada_ref.selection.prune import FoundRule, PayloadOptions, Pruned, Pruner
from plada_ref.selection.rule_record import RuleRecord
from plada_ref.tasks.load import load_task
from pladafmt import Payload, PoolRef, Rule, dumps, load

from ..commands.test_format_commands import last_json, plada
from .conftest import DigitPool
from .test_rankings import of_digits


def digit_selector() -> tuple[AutoSelector, Target]:
    evidence, test = of_digits()
    names = tuple(str(digit) for digit in range(10))
    pool = PoolRef(bytes(32), len(evidence))
    scores = Scores(evidence.labels, **evidence.scores)
    table = ScoreTable.of(ScoreFacts(pool, names, ""), scores)
    half = Target(test.features[:150], test.labels[:150])
    rest = Target(test.features[150:], test.labels[150:])
    pruner = Pruner(
        table, PayloadOptions(named=False), np.asarray(evidence.features), evidence.target
    )
    return AutoSelector(pruner, half), rest


def select(selector: AutoSelector, budget: int, **asked: Any) -> tuple[Pruned, AutoSelection]:
    pruned = selector.select(budget, **asked)
    assert pruned.auto is not None
    return pruned, pruned.auto


@pytest.mark.slow
def test_it_tries_every_candidate_and_takes_the_best() -> None:
    selector, test = digit_selector()
    pruned, auto = select(selector, 260)
    assert len(auto.candidates) == len(CANDIDATES) * len(PARTS)
    best = max(auto.candidates, key=lambda one: (one.held_out_accuracy, -one.payload_bytes))
    assert auto.held_out_accuracy == best.held_out_accuracy
    assert str(pruned.selection) == auto.chosen == best.selection
    assert pruned.payload_bytes == auto.payload_bytes == len(dumps(pruned.payload)) <= 260
    assert auto.kept == pruned.payload.kept
    assert auto.carried and auto.chosen in auto.verdict
    assert auto.held_out_teacher > 0.8 and auto.floor < 0.2
    # What the candidates report is what their payloads do.
    for found in auto.candidates[:3]:
        evidence, _ = of_digits()
        kept = rank_images(evidence, parse(found.selection)).keep(found.kept).astype(np.uint64)
        again = replace(pruned.payload, positions=kept, labels=evidence.labels[kept])
        assert len(dumps(again)) == found.payload_bytes
        student = selector.student(again)
        assert student is not None
        assert student.accuracy(selector.held_out) == found.held_out_accuracy
    # And it pays on images that did not choose.
    by_energy = selector.pruner.prune(parse("low-energy"), Size(budget=260))
    plain, chosen = selector.student(by_energy.payload), selector.student(pruned.payload)
    assert plain is not None and chosen is not None
    assert chosen.accuracy(test) > plain.accuracy(test)


def test_a_pool_that_cannot_carry_the_task_is_called_so() -> None:
    carried, _ = digit_selector()
    features = carried.pruner.features
    assert features is not None
    noise = np.random.default_rng(0).random(features.shape).astype(np.float16)
    _, lost = select(replace(carried, pruner=replace(carried.pruner, features=noise)), 260)
    assert not lost.carried
    assert lost.verdict.startswith("This pool cannot carry this task in 260 bytes.")
    assert f"{100 * lost.held_out_accuracy:.1f} ± " in lost.verdict
    assert f"the majority-class baseline {100 * lost.floor:.1f} %" in lost.verdict


def test_time_runs_out_after_the_first() -> None:
    selector, _ = digit_selector()
    _, auto = select(selector, 260, within=0.0)
    tried = [one for one in auto.candidates if not one.note]
    assert [one.selection for one in tried] == ["herding"]
    assert {one.note for one in auto.candidates[1:]} == {"no time left"}
    assert json.loads(json.dumps(auto.to_json()))["chosen"] == "herding"


def test_what_is_found_is_read_back() -> None:
    selector, _ = digit_selector()
    _, auto = select(selector, 260, within=0.0)
    assert read_auto(Fields(json.loads(json.dumps(auto.to_json())), Path("x"))) == auto


def test_what_is_made_again_is_kept_unless_it_teaches_clearly_less() -> None:
    selector, _ = digit_selector()
    tried, auto = select(selector, 260, within=0.0)
    kept = tried.payload

    def made_again(payload: Payload | None) -> tuple[Pruned, AutoSelection]:
        """What is sent if the second payload is this one."""

        def again(selection: Selection | RuleSelection, budget: int) -> Pruned:
            assert (str(selection), budget) == ("herding", 260)
            if payload is None:
                raise NoRoom("too small")
            return replace(tried, payload=payload, payload_bytes=len(dumps(payload)), auto=None)

        return select(replace(selector, again=again), 260, within=0.0)

    other = replace(kept, positions=kept.positions[5:], labels=kept.labels[5:])
    best, found = made_again(other)
    assert best.payload is other
    assert (found.kept, found.payload_bytes) == (kept.kept - 5, len(dumps(other)))
    student = selector.student(other)
    assert student is not None and found.best.again == student.accuracy(selector.held_out)
    assert found.best.again != found.held_out_accuracy, "or nothing tells them apart"
    assert f", made again from all target images {100 * found.best.again:.1f} %" in found.verdict
    for payload in (
        replace(kept, labels=(kept.labels + 1) % 10),
        replace(kept, positions=kept.positions[:0], labels=kept.labels[:0]),
        None,
    ):
        best, found = made_again(payload)
        assert best.payload == kept
        assert (found.kept, found.payload_bytes) == (auto.kept, auto.payload_bytes)
        why = (
            "it has no room"
            if payload is None
            else f"its payload teaches a head only {100 * (found.best.again or 0.0):.1f} % of the "
            f"held-out ones, the payload that was tried {100 * auto.held_out_accuracy:.1f} %"
        )
        end = f" Made again from all target images, {why}: what was tried is kept."
        assert found.verdict.endswith(end) and found.verdict.count("ade again") == 1


@dataclass
class Alike:
    """Students that learn as much from any payload."""

    kind: str = "scratch"

    def accuracy(self, payload: Payload, soft: npt.NDArray[np.float32] | None) -> float:
        return 0.5


def test_the_better_of_the_best_two_is_known_by_what_would_be_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    selector, _ = digit_selector()
    names = ("herding", "prototype", "random", "low-energy")
    selector = replace(selector, candidates=names)
    _, auto = select(selector, 260)
    ranked = sorted(auto.candidates, key=lambda one: (-one.held_out_accuracy, one.payload_bytes))
    asked: list[tuple[str, int]] = []

    def again(selection: Selection | RuleSelection, budget: int) -> Pruned:
        """The best of before is spoilt by wrong labels."""
        asked.append((str(selection), budget))
        pruned = selector.pruner.prune(parse(str(selection)), Size(budget=budget))
        if len(asked) > 1:
            return pruned
        labels = pruned.payload.labels.copy()
        labels[:40] = (labels[:40] + 1) % 10
        return replace(pruned, payload=replace(pruned.payload, labels=labels))

    pruned, found = select(replace(selector, again=again), 260)
    made = [one for one in found.candidates if one.again is not None]
    assert asked == [(one.selection, one.budget) for one in ranked[:MADE_AGAIN]]
    assert {one.selection for one in made} == {name for name, _ in asked}
    assert found.best == max(made, key=lambda one: one.held_out_accuracy + (one.again or 0))
    assert found.best.selection == found.chosen == str(pruned.selection) == ranked[1].selection
    assert read_auto(Fields(json.loads(json.dumps(found.to_json())), Path("x"))) == found
    # When time has run out, one is made again.
    clock = [0.0]
    monkeypatch.setattr("plada_ref.selection.auto._since", lambda started: clock[0])

    def slow(budget: int) -> Pruned:
        clock[0] = 99
        raise NoRoom("too small")

    asked.clear()
    _, found = select(replace(selector, again=again, by_rule=slow), 260, within=50)
    assert len(asked) == 1 and len([one for one in found.candidates if not one.note]) > MADE_AGAIN
    # Where others decide, too.
    asked.clear()
    select(replace(selector, again=again, kinds=("head", "scratch"), whole=[Alike()]), 260)
    assert len(asked) == 1
    # Scores alone make the same payload of all images.
    asked.clear()
    _, found = select(replace(selector, again=again, candidates=("low-energy",)), 260)
    assert not asked and found.best.again == found.held_out_accuracy
    assert "made again" not in found.verdict


def with_a_rule(selector: AutoSelector, keep: int) -> AutoSelector:
    """The selector with a rule of 90 bytes that keeps what herding keeps first."""
    none = np.zeros(10, np.int64)
    rule = Rule(bytes(8), np.zeros((10, 4), np.int64), none, none, 0)
    record = RuleRecord(4, 1, keep // 10, "task", 0.9, ())

    def by_rule(budget: int) -> Pruned:
        if budget < 90:
            raise NoRoom("too small")
        pruned = selector.pruner.prune(parse("herding"), Size(count=keep))
        found = FoundRule(rule, record)
        return replace(pruned, selection=RuleSelection(), payload_bytes=90, by_rule=found)

    return replace(selector, by_rule=by_rule)


def test_a_rule_is_one_candidate_and_judged_as_the_others() -> None:
    plain, _ = digit_selector()
    plain = replace(plain, candidates=("random", "low-energy"))
    _, lists = select(plain, 260)
    # The same images as herding's, in fewer bytes; none at all; and no room.
    pruned, auto = select(with_a_rule(plain, 150), 260)
    names = ["random", "low-energy"]
    assert [one.selection for one in auto.candidates] == [*names, "rule", *names]
    rule = auto.candidates[2]
    assert (rule.kept, rule.payload_bytes, str(rule.rule)) == (150, 90, "4 codes, 3 levels")
    student = plain.student(pruned.payload)
    assert student is not None
    assert rule.held_out_accuracy == student.accuracy(plain.held_out)
    assert str(pruned.selection) == auto.chosen == "rule" and pruned.by_rule is not None
    assert auto.verdict.startswith("rule (4 codes, 3 levels) is the best of 5 payloads")
    assert read_auto(Fields(json.loads(json.dumps(auto.to_json())), Path("x"))) == auto
    pruned, auto = select(with_a_rule(plain, 0), 260)
    assert auto.candidates[2].held_out_accuracy == 0 and auto.chosen == lists.chosen
    assert pruned.by_rule is None
    small, _ = digit_selector()
    small = replace(small, candidates=("random",), by_rule=with_a_rule(small, 10).by_rule)
    _, auto = select(small, 89)
    assert [one.note for one in auto.candidates] == ["", "no room for a rule"]
    assert "The best of 1 payload is by random" in auto.verdict
    # With little time, lists come first; a part of the budget is tried after the rule.
    _, auto = select(with_a_rule(digit_selector()[0], 10), 400, within=0.0)
    names = [one.selection for one in auto.candidates]
    assert names.index("rule") == len(CANDIDATES) == len(names) // 2
    assert auto.candidates[len(CANDIDATES)].note == "no time left"


def test_a_budget_without_room_for_the_file() -> None:
    selector, _ = digit_selector()
    with pytest.raises(Misuse, match="too small"):
        selector.select(40)
    # A quarter has no room, the whole has.
    assert len(select(selector, 200)[1].candidates) == len(CANDIDATES)


def test_a_producer_without_images_says_what_it_lacks() -> None:
    producer = Producer(digit_selector()[0].pruner.table)
    assert producer.make(Selection(), Size(count=5)).payload.kept == 5
    for selection in (Selection(ranking="herding"), None):
        with pytest.raises(Misuse, match="--task"):
            producer.make(selection, Size(budget=300))
    with pytest.raises(Misuse, match="--budget"):
        producer.make(None, Size(count=5))
    with pytest.raises(Misuse, match="--codes"):
        producer.make(RuleSelection(), Size(budget=300))


@pytest.mark.slow
def test_the_command_chooses_on_real_files(
    digit_pool: DigitPool, teacher_file: Path, tmp_path: Path
) -> None:
    scores, chosen, file = (tmp_path / name for name in ("s.parquet", "c.parquet", "t.plada"))
    pool = ["-m", digit_pool.manifest, "--pool", digit_pool.shard]
    assert plada("label", teacher_file, *pool, "-o", scores, "--workers", "0").exit_code == 0
    # The teacher's own backbone is as good as any: its weights begin a net of the same kind.
    seen = ["--task", "sklearn:digits", *pool, "--model", "plada_convnet_s", "--workers", "0"]
    seen.append("--random-backbone")
    auto = ["--by", "auto", "--students", "head"]
    command = ["prune", scores, *auto, "--budget", "400", "--unnamed", *seen, "-o", chosen]
    result = last_json(plada(*command, "--json"))
    held = result["auto"]["held_out_images"]
    assert held == pytest.approx(len(load_task("sklearn:digits", "train")) / 5, abs=5)
    assert last_json(plada("encode", chosen, "-o", file, "--json"))["payload_bytes"] <= 400
    assert load(file).kept == result["kept"] == result["auto"]["kept"]
    features = tmp_path / "s.parquet.features"
    assert list(features.iterdir()), "kept for the next call"
    # One ranking by name; another pool's manifest; what is missing.
    herded = ["prune", scores, "--by", "herding", "--count", "50", *seen, "-o", chosen]
    assert last_json(plada(*herded, "--json"))["kept_per_class"] == [5] * 10
    blind = plada("prune", scores, "--by", "herding", "--count", "50", "-o", tmp_path / "no")
    assert blind.exit_code == 2 and "--task" in blind.output
    for wrong in (["--by", "auto", "--count", "5"], ["--within", "3", "--count", "5"]):
        assert plada("prune", scores, *wrong, "-o", tmp_path / "no").exit_code == 2
    assert not (tmp_path / "no").exists()


@pytest.mark.slow
@pytest.mark.parametrize("precision", [[], ["--bfloat16"]])
def test_what_a_teacher_saw_is_not_looked_at_again(
    digit_pool: DigitPool,
    teacher_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: list[str],
) -> None:
    teacher, scores, chosen = (tmp_path / name for name in ("t.safetensors", "s.parquet", "c"))
    net = ["--model", "plada_convnet_s", "--weights", teacher_file, "--workers", "0"]
    taught = plada("teach", "--task", "sklearn:digits", *net, "--tune", "head", "-o", teacher)
    assert taught.exit_code == 0
    pool = ["-m", digit_pool.manifest, "--pool", digit_pool.shard]
    labelled = ["label", "--keep-features", *precision, *pool, "--workers", "0", "-o", scores]
    assert plada(*labelled, teacher).exit_code == 0
    opened: list[int] = []
    monkeypatch.setattr("plada_ref.pool.verified.VerifiedImages.open_image", opened.append)
    quick = ["--by", "auto", "--students", "head", "--budget", "400", "--within", "0"]
    chosen_by = ["prune", scores, *quick, *pool, "--task", "sklearn:digits", *net, "-o", chosen]
    run = plada(*chosen_by)
    assert run.exit_code == 0 and not opened
    assert "time by what it was spent on: features" in " ".join(run.output.split())
    # And the task's images are seen once: a second call runs no backbone at all.
    first = chosen.read_bytes()
    monkeypatch.setattr("plada_ref.features.backbone.features", opened.append)
    assert plada(*chosen_by).exit_code == 0
    assert chosen.read_bytes() == first and not opened
    # Others leave nothing, and say so.
    for arguments, reason in (([teacher, "--engine", "ray"], "local"), ([teacher_file], "frozen")):
        refused = plada(*labelled, *arguments)
        assert refused.exit_code == 2 and reason in refused.output


@pytest.mark.parametrize(
    ("kinds", "scratch", "carried", "said"),
    [
        (
            ("scratch",),
            0.62,
            False,
            "cannot carry this task to students from scratch in 400 bytes.",
        ),
        (("scratch",), 0.68, True, "herding is the best of 1 payload: "),
        (("head", "scratch"), 0.62, True, " Students from scratch are not clearly above the"),
        (("head", "scratch"), 0.68, True, "a student from scratch gets 68.0 ± 2.3 %."),
    ],
)
def test_the_verdict_is_about_the_students_that_decide(
    kinds: tuple[str, ...], scratch: float, carried: bool, said: str
) -> None:
    best = Candidate("herding", 9, 400, 0.98, 1.0, students={"scratch": scratch})
    about: dict[str, Any] = {"held_out_images": 400, "held_out_teacher": 0.99, "floor": 0.59}
    found = AutoSelection.of(best, (best,), budget=400, seconds=1, kinds=kinds, **about)
    assert found.carried == carried
    assert said in found.verdict and ("instead" in found.verdict) != carried
    assert ("not clearly" in found.verdict) == (scratch < 0.65)


@pytest.mark.parametrize(("student", "seen"), [(0.912, True), (0.875, False), (0.5, False)])
def test_the_verdict_says_that_the_teacher_may_know_the_held_out_images(
    student: float, seen: bool
) -> None:
    best = Candidate("herding", 9, 400, student, 1.0)
    about: dict[str, Any] = {"held_out_images": 400, "held_out_teacher": 0.875, "floor": 0.25}
    found = AutoSelection.of(best, (best,), budget=400, seconds=1, **about)
    assert ("may have learned from the held-out images" in found.verdict) == seen
    error = {0.912: 1.4, 0.875: 1.7, 0.5: 2.5}[student]
    assert f"its student gets {100 * student:.1f} ± {error} %" in found.verdict
    assert "own images 87.5 ± 1.7 %, the majority-class baseline 25.0 %" in found.verdict
