"""The automatic choice, on handwritten digits and on a pool that cannot carry them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from plada_ref.auto import CANDIDATES, PARTS, Chooser
from plada_ref.errors import Misuse
from plada_ref.output import Output
from plada_ref.proxy import accuracy
from plada_ref.scores import Scores, ScoreTable
from plada_ref.selection import Target, rank
from plada_ref.selection import parse as parse_rule
from plada_ref.task import load_task
from pladafmt import PoolRef, dumps, load

from ..commands.test_format_commands import last_json, plada
from .conftest import DigitPool
from .test_rankings import of_digits


def chooser(output: Output, **changes: object) -> tuple[Chooser, Target]:
    evidence, test = of_digits()
    assert evidence.features is not None and evidence.target is not None
    names = tuple(str(digit) for digit in range(10))
    pool = PoolRef(bytes(32), len(evidence))
    scores = Scores(evidence.labels, **evidence.scores)
    table = ScoreTable.of(pool, names, "", scores)
    half = Target(test.features[:150], test.labels[:150])
    rest = Target(test.features[150:], test.labels[150:])
    made = Chooser(table, evidence.features, evidence.target, half, named=False)
    return replace(made, **changes), rest  # type: ignore[arg-type]


@pytest.mark.slow
def test_it_tries_every_candidate_and_takes_the_best(output: Output) -> None:
    chooses, test = chooser(output)
    choice = chooses.choose(260, output=output)
    assert len(choice.candidates) == len(CANDIDATES) * len(PARTS)
    best = max(choice.candidates, key=lambda one: (one.held_out_accuracy, -one.payload_bytes))
    assert choice.held_out_accuracy == best.held_out_accuracy
    assert choice.rule.name == best.selection
    assert choice.payload_bytes == len(dumps(choice.pruned.payload)) <= 260
    assert choice.carried and choice.rule.name in choice.verdict
    assert choice.held_out_teacher > 0.8 and choice.floor < 0.2
    # What the candidates report is what their payloads do.
    for found in choice.candidates[:3]:
        rule = parse_rule(
            next(text for text in CANDIDATES if parse_rule(text).name == found.selection)
        )
        evidence, _ = of_digits()
        kept = rank(evidence, rule).keep(found.kept).astype(np.uint64)
        again = replace(choice.pruned.payload, positions=kept, labels=evidence.labels[kept])
        assert len(dumps(again)) == found.payload_bytes
        student = chooses.student(replace(choice.pruned, payload=again))
        assert student is not None
        assert accuracy(student, chooses.held_out) == found.held_out_accuracy
    # And it pays on images that did not choose.
    by_energy, _ = chooses.largest("low-energy", 260)
    plain, chosen = chooses.student(by_energy), chooses.student(choice.pruned)
    assert plain is not None and chosen is not None
    assert accuracy(chosen, test) > accuracy(plain, test)


def test_a_pool_that_cannot_carry_the_task_is_called_so(output: Output) -> None:
    carried, _ = chooser(output)
    noise = np.random.default_rng(0).random(carried.features.shape).astype(np.float16)
    lost = replace(carried, features=noise, _pruners={}).choose(260, output=output)
    assert not lost.carried
    assert lost.verdict.startswith("This pool cannot carry this task in 260 bytes.")
    assert f"{100 * lost.held_out_accuracy:.1f} %" in lost.verdict


def test_time_runs_out_after_the_first(output: Output) -> None:
    chooses, _ = chooser(output)
    choice = chooses.choose(260, output=output, within=0.0)
    tried = [one for one in choice.candidates if not one.note]
    assert [one.selection for one in tried] == ["herding"]
    assert {one.note for one in choice.candidates[1:]} == {"no time left"}
    assert json.loads(json.dumps(choice.to_json()))["chosen"] == "herding"


def test_a_budget_without_room_for_the_file(output: Output) -> None:
    chooses, _ = chooser(output)
    with pytest.raises(Misuse, match="too small"):
        chooses.choose(40, output=output)
    # A quarter has no room, the whole has.
    assert len(chooses.choose(200, output=output).candidates) == len(CANDIDATES)


@pytest.mark.slow
def test_the_command_chooses_on_real_files(
    digit_pool: DigitPool, teacher_file: Path, tmp_path: Path
) -> None:
    scores, chosen, file = (tmp_path / name for name in ("s.parquet", "c.parquet", "t.plada"))
    pool = ["-m", digit_pool.manifest, "--pool", digit_pool.shard]
    assert plada("label", teacher_file, *pool, "-o", scores, "--workers", "0").exit_code == 0
    # The teacher's own backbone is as good as any: its weights begin a net of the same kind.
    seen = ["--task", "sklearn:digits", *pool, "--model", "plada_convnet_s", "--workers", "0"]
    command = ["prune", scores, "--by", "auto", "--budget", "400", "--unnamed", *seen, "-o", chosen]
    result = last_json(plada(*command, "--json"))
    held = result["auto"]["held_out_images"]
    assert held == pytest.approx(len(load_task("sklearn:digits", "train")) / 5, abs=5)
    assert last_json(plada("encode", chosen, "-o", file, "--json"))["payload_bytes"] <= 400
    assert load(file).kept == result["kept"] == result["auto"]["kept"]
    features = list((tmp_path / "s.parquet.features").iterdir())
    assert features, "kept for the next call"
    # One ranking by name; another pool's manifest; what is missing.
    herded = ["prune", scores, "--by", "herding", "--count", "50", *seen, "-o", chosen]
    assert last_json(plada(*herded, "--json"))["kept_per_class"] == [5] * 10
    blind = plada("prune", scores, "--by", "herding", "--count", "50", "-o", tmp_path / "no")
    assert blind.exit_code == 2 and "--task" in blind.output
    for wrong in (["--by", "auto", "--count", "5"], ["--within", "3", "--count", "5"]):
        assert plada("prune", scores, *wrong, "-o", tmp_path / "no").exit_code == 2
    assert not (tmp_path / "no").exists()
