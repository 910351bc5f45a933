"""Students of three kinds choose: none of them speaks for another."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from plada_ref.compute.context import Compute
from plada_ref.errors import Misuse
from plada_ref.images import ImageArrays, ImagePool, PoolImages
from plada_ref.models.preparation import Preparation
from plada_ref.models.spec import ModelSpec
from plada_ref.runs.fields import Fields
from plada_ref.runs.plan import Plan
from plada_ref.runs.records import read_auto
from plada_ref.selection import Selection
from plada_ref.selection import file as selection_file
from plada_ref.selection.auto import FINALISTS
from plada_ref.selection.auto_record import Candidate, best_of, regrets
from plada_ref.selection.students import (
    FINETUNE,
    HEAD,
    KINDS,
    SCRATCH,
    chosen_kinds,
    steps_for,
    whole_students,
)
from plada_ref.tasks.load import load_task
from plada_ref.training.decoded_pool import DecodedPool
from plada_ref.training.recipe import Recipe, recipe
from pladafmt import Payload, PoolRef

from ..commands.test_format_commands import last_json, plada
from .conftest import DigitPool
from .test_auto import digit_selector, select

accuracies = st.floats(0, 1)


@given(
    st.lists(st.tuples(accuracies, accuracies, accuracies, st.integers(1, 9)), min_size=1),
    st.sets(st.sampled_from(KINDS), min_size=1),
)
def test_the_choice_is_nowhere_further_behind_than_any_other(
    found: list[tuple[float, float, float, int]], asked: set[str]
) -> None:
    kinds = tuple(kind for kind in KINDS if kind in asked)
    candidates = [
        Candidate("x", 1, size, head, 0, students={FINETUNE: tuned, SCRATCH: scratch})
        for head, tuned, scratch, size in found
    ]
    behind = regrets(candidates, kinds)
    best = best_of(candidates, kinds, 100)
    assert behind[best] == min(behind)
    assert all(
        one.payload_bytes >= candidates[best].payload_bytes
        for one, regret in zip(candidates, behind, strict=True)
        if regret == behind[best]
    )
    if len(kinds) == 1:
        reached = [one.accuracy(kinds[0]) for one in candidates]
        assert reached[best] == max(reached)


@pytest.mark.parametrize(
    ("kinds", "part", "chosen"),
    [
        ((SCRATCH,), 0.53, 0),  # 1.9 standard errors of 1,000 images.
        ((SCRATCH,), 0.54, 1),
        ((HEAD, SCRATCH), 0.53, 0),
        ((HEAD, SCRATCH), 0.54, 1),
        ((HEAD,), 0.501, 1),
        ((SCRATCH,), 0.4, 0),
    ],
)
def test_a_part_of_the_budget_has_to_be_clearly_ahead_for_whole_students(
    kinds: tuple[str, ...], part: float, chosen: int
) -> None:
    candidates = [
        Candidate("x", 1, 400, 0.5, 0, budget=400, students={SCRATCH: 0.5}),
        Candidate("x", 1, 100, part, 0, budget=100, students={SCRATCH: part}),
        Candidate("y", 1, 300, 0.3, 0, budget=400, students={SCRATCH: 0.3}),
    ]
    assert best_of(candidates, kinds, 1000) == chosen


@dataclass
class Fans:
    """Students that like payloads by their number of images, and say what they were asked."""

    kind: str
    wanted: int
    asked: list[int] = field(default_factory=list)

    def accuracy(self, payload: Payload, soft: npt.NDArray[np.float32] | None) -> float:
        assert soft is None
        self.asked.append(payload.kept)
        return 1 / (1 + abs(payload.kept - self.wanted))


def test_the_students_of_the_kind_that_is_told_decide() -> None:
    plain, _ = digit_selector()
    plain = replace(plain, candidates=("herding", "random", "low-energy", "prototype"))
    _, by_heads = select(plain, 400)
    whole = [one.kept for one in by_heads.candidates if one.budget == 400]
    assert len(set(whole)) > 1, "or nothing tells them apart"
    most = Fans(SCRATCH, max(whole))
    pruned, auto = select(replace(plain, kinds=(SCRATCH,), whole=[most]), 400)
    assert pruned.payload.kept == auto.kept == max(whole)
    # A part of the budget is tried by the best of them only.
    assert len(most.asked) == len(auto.candidates) == len(plain.candidates) + FINALISTS
    assert "a student from scratch gets 100.0 ± " in auto.verdict
    assert set(auto.stages) >= {"selections", HEAD, SCRATCH}
    assert read_auto(Fields(json.loads(json.dumps(auto.to_json())), Path("x"))) == auto

    # Two kinds that want the opposite: who is least behind for either.
    few = Fans(FINETUNE, min(whole))
    both = replace(plain, kinds=(FINETUNE, SCRATCH), whole=[few, Fans(SCRATCH, max(whole))])
    _, auto = select(both, 400)
    behind = regrets(auto.candidates, auto.kinds)
    chosen = [one.selection for one in auto.candidates].index(auto.chosen)
    assert behind[chosen] == min(behind)
    assert auto.verdict.count("the best payload for such students: 100.0 %") >= 1

    stored = json.loads(json.dumps(auto.to_json()))
    del stored["candidates"][0]["students"][SCRATCH]
    with pytest.raises(Exception, match="students"):
        read_auto(Fields(stored, Path("x")))


@pytest.mark.parametrize(
    ("text", "kinds"),
    [(None, None), ("head", (HEAD,)), ("scratch, head", (HEAD, SCRATCH)), (",".join(KINDS), KINDS)],
)
def test_kinds_by_name(text: str | None, kinds: tuple[str, ...] | None) -> None:
    assert chosen_kinds(text) == kinds


@pytest.mark.parametrize("text", ["", "heads", "head,,scratch"])
def test_other_kinds_are_refused(text: str) -> None:
    with pytest.raises(Misuse, match="--students lists kinds of students: head, finetune, scratch"):
        chosen_kinds(text)


class Counted:
    """A pool in memory that counts how often an image is opened."""

    ref = PoolRef(bytes(32), 30)

    def __init__(self, images: ImageArrays) -> None:
        self.images = images
        self.opened: list[int] = []

    def __len__(self) -> int:
        return len(self.images)

    def serve(self, ref: PoolRef, /) -> None:
        assert ref == self.ref

    def only(self, positions: npt.ArrayLike, /) -> PoolImages:
        return self

    def holds(self, position: int, /) -> bool:
        return True

    def open_image(self, position: int, /) -> Image.Image:
        self.opened.append(position)
        return self.images.open_image(position)


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_decoded_pool_changes_no_pixel_and_decodes_once(channels: int, grey: bool) -> None:
    chance = np.random.default_rng(0)
    pool = Counted(ImageArrays([chance.integers(0, 256, (21, 17, 3), np.uint8) for _ in range(30)]))
    made = Preparation(24, 9, (0.5,) * channels, (0.5,) * channels, grey=grey)
    decoded: ImagePool = DecodedPool(pool, made, 0)
    for rows in ([2, 3, 5, 7], [3, 4, 5]):
        images = decoded.only(rows)
        assert images.holds(rows[0])
        for row in rows:
            again = made(images.open_image(row))
            assert (again == made(pool.images.open_image(row))).all()
    assert pool.opened == [2, 3, 5, 7, 4]


@pytest.mark.slow
def test_the_command_trains_whole_students(
    digit_pool: DigitPool, teacher_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = {FINETUNE: (3, 3), SCRATCH: (3, 3)}
    monkeypatch.setattr("plada_ref.selection.students.STEPS", three)
    few = ("low-energy", "herding")
    monkeypatch.setattr("plada_ref.selection.producer.WHOLE_CANDIDATES", few)
    scores, chosen = tmp_path / "s.parquet", tmp_path / "c.parquet"
    pool = ["-m", digit_pool.manifest, "--pool", digit_pool.shard]
    assert plada("label", teacher_file, *pool, "-o", scores, "--workers", "0").exit_code == 0
    seen = ["--task", "sklearn:digits", *pool, "--model", "plada_convnet_s", "--workers", "0"]
    command: list[Any] = ["prune", scores, "--by", "auto", "--budget", "400", "--unnamed", *seen]
    random = [*command, "--random-backbone", "-o", chosen]
    run = plada(*random, "--json")
    auto = last_json(run)["auto"]
    assert "No students that are fine-tuned are tried" in " ".join(run.stderr.split())
    assert auto["kinds"] == [HEAD, SCRATCH]
    assert all(set(one["students"]) == {SCRATCH} for one in auto["candidates"])
    assert all(one["students"][SCRATCH] > 0 for one in auto["candidates"])
    assert {"features", "selections", HEAD, SCRATCH} <= set(auto["stages"])
    refused = plada(*random, "--students", "finetune")
    assert refused.exit_code == 2 and "begin with pre-trained weights" in refused.output
    # All kinds, by weights that have learned something.
    auto = last_json(plada(*command, "--weights", teacher_file, "-o", chosen, "--json"))["auto"]
    assert auto["kinds"] == list(KINDS)
    assert all(set(one["students"]) == {FINETUNE, SCRATCH} for one in auto["candidates"])
    # Who names clients that train whole advises them to.
    told = [*random, "--students", "scratch"]
    assert last_json(plada(*told, "--json"))["auto"]["kinds"] == [SCRATCH]
    metadata = selection_file.read(chosen).metadata
    assert metadata is not None and metadata["recipe"]["tune"] == "all"
    alone = plada("prune", scores, "--count", "9", "--students", "head", "-o", chosen)
    assert alone.exit_code == 2 and "--by auto" in alone.output


def test_a_transfer_that_cannot_fine_tune_says_so_before_it_begins() -> None:
    net, how = ModelSpec("plada_convnet_s", random_backbone=True), recipe("head")
    settings: dict[str, Any] = {"teacher": net, "student": net, "budgets": (400,)}
    settings |= {"teach_recipe": how, "train_recipe": how, "students": (FINETUNE,)}
    with pytest.raises(Misuse, match="ask for --select auto"):
        Plan(**settings, selections=(Selection(),))
    with pytest.raises(Misuse, match="begin with pre-trained weights"):
        Plan(**settings, selections=(None,))


def test_a_large_payload_is_seen_through(monkeypatch: pytest.MonkeyPatch) -> None:
    # Four passes of 64 images at a time, and twenty of 128.
    for kind, few, least, most in ((FINETUNE, 4800, 300, 1200), (SCRATCH, 3840, 600, 2000)):
        found = [steps_for(kind, images) for images in (2, few, few + 1, 10**6)]
        assert found == [least, least, least + 1, most]
    # And so the trainings do.
    task = load_task("sklearn:digits", "test")
    pool = Counted(ImageArrays([]))
    pool.ref = PoolRef(bytes(32), 10_000)
    spec = ModelSpec("plada_convnet_s", grey=True)
    taken: list[int | None] = []

    class Noted(Exception):
        """Enough is known: nothing is trained."""

    def noted(payload: Payload, pool: object, spec: object, how: Recipe, **_: object) -> None:
        taken.append(how.steps)
        raise Noted

    monkeypatch.setattr("plada_ref.training.learn.train", noted)
    (short,) = whole_students((SCRATCH,), spec, pool, task, Compute(workers=0), seed=0)
    for images in (30, 9_600):
        with pytest.raises(Noted):
            short.accuracy(Payload(pool.ref, 1, np.arange(images), np.zeros(images, int)), None)
    assert taken == [600, 1500]


def test_students_that_train_whole_learn() -> None:
    """The real trainings, shortened, on real digits: better than chance by far."""
    task = load_task("sklearn:digits", "train")
    rows = np.arange(400)
    pool = Counted(ImageArrays([np.array(task.images.open_image(int(row))) for row in rows]))
    pool.ref = PoolRef(bytes(32), len(rows))
    payload = Payload(pool.ref, 10, rows, task.labels[:400])
    test = load_task("sklearn:digits", "test")
    spec = ModelSpec("plada_convnet_s", grey=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("plada_ref.selection.students.STEPS", {SCRATCH: (40, 40)})
        (short,) = whole_students((SCRATCH,), spec, pool, test, Compute(workers=0), seed=0)
    assert short.kind == SCRATCH
    assert short.accuracy(payload, None) > 0.5
    one = Payload(pool.ref, 10, rows[:1], task.labels[:1])
    assert short.accuracy(one, None) == 0
