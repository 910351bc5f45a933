"""Baselines: true sizes, and accuracies of what was decoded from the bytes that are counted."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import typer
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from typer.testing import CliRunner, Result

from plada_ref.baselines import (
    HeadStudents,
    NothingFits,
    full_target,
    int8_student,
    quantised_head,
    random_selection,
    target_images,
    whole_pool,
)
from plada_ref.baselines.baseline import Labels
from plada_ref.baselines.experiment import Experiment, LabelledPool
from plada_ref.baselines.frames import compress
from plada_ref.baselines.jpegs import decode_jpegs, encode_jpegs
from plada_ref.baselines.quantise import quantise
from plada_ref.baselines.quantised_head import decode_head, encode_best, encode_head
from plada_ref.baselines.student import decode_weights, encode_weights
from plada_ref.baselines.study import Request
from plada_ref.baselines.study import compute as compute_baselines
from plada_ref.commands import baselines as command
from plada_ref.errors import Misuse, PipelineError
from plada_ref.features.backbone import Backbone
from plada_ref.features.head import Head
from plada_ref.features.target import Features, Target
from plada_ref.images import ImageRows, ImageSet
from plada_ref.labelling.label import label
from plada_ref.labelling.scores import ScoreFacts, Scores, ScoreTable
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import ModelSpec, build
from plada_ref.output import Output
from plada_ref.selection import Size
from plada_ref.tasks.load import load_task
from plada_ref.tasks.task import Task
from plada_ref.training.evaluate import evaluate
from plada_ref.training.recipe import recipe
from pladafmt import Payload, dumps

from .conftest import ALONE, COMPUTE, NET, DigitPool, Photos, png, write_tar

finite = st.floats(-1e4, 1e4, width=32)
wide = st.floats(-(2.0**100), 2.0**100, width=32)


# Encodings


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(0, 40)), elements=finite),
    st.integers(2, 8),
)
@settings(deadline=None)
def test_a_row_is_no_worse_than_rounded_without_clipping(
    values: np.ndarray[tuple[int, int], np.dtype[np.float32]], bits: int
) -> None:
    found = quantise(values, bits)
    most = 2 ** (bits - 1) - 1
    assert np.abs(found.codes).max(initial=0) <= most
    step = np.abs(values).max(axis=1, initial=0) / most
    error = np.square(found.values - values).sum(axis=1)
    # Half a step per value, and what float16 takes from the scale: 2^-11 of it, or near zero 2^-25.
    each = step * (0.5 + most * 2.0**-11) + most * 2.0**-25
    assert (error <= values.shape[1] * each**2 * 1.001 + 1e-12).all()


@given(
    arrays.arrays(np.float32, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=wide),
    st.integers(2, 8),
)
@settings(deadline=None)
def test_heads_survive_their_bytes(
    weight: np.ndarray[tuple[int, int], np.dtype[np.float32]], bits: int
) -> None:
    bias = weight.sum(axis=1)
    data = encode_head(Head(torch.from_numpy(weight), torch.from_numpy(bias)), bits)
    found = decode_head(data)
    unit = max(np.abs(weight).max(), np.abs(bias).max()) or np.float32(1)
    assert np.array_equal(found.weight.numpy(), quantise(weight / unit, bits).values * unit)
    assert np.allclose(found.bias.numpy(), bias, rtol=2.0**-10, atol=unit * 2.0**-24)
    for wrong in (data[:-1], b"", encode_jpegs([b"a"], np.array([0]), 2)):
        with pytest.raises(PipelineError, match="not a quantised linear head"):
            decode_head(wrong)


@given(st.lists(st.tuples(st.binary(max_size=300), st.integers(0, 299)), max_size=9))
@settings(deadline=None)
def test_files_and_labels_survive_their_container(items: list[tuple[bytes, int]]) -> None:
    files, labels = [file for file, _ in items], np.array([label for _, label in items], int)
    data = encode_jpegs(files, labels, 300)
    found, their_labels = decode_jpegs(data, 300)
    assert (found.files, their_labels.tolist()) == (files, labels.tolist())
    with pytest.raises(PipelineError):
        decode_jpegs(data[:-1], 300)


@pytest.mark.slow
def test_every_weight_of_a_model_is_sent(teacher: Checkpoint) -> None:
    data = encode_weights(teacher.network)
    network = build(NET, teacher.class_count, seed=7)
    decode_weights(data, network)
    for (name, sent), found in zip(
        teacher.network.state_dict().items(), network.state_dict().values(), strict=True
    ):
        if sent.is_floating_point():
            largest = float(sent.abs().max())
            assert torch.allclose(found, sent, atol=largest / 127 * 0.51, rtol=0), name
    stored = zstandard.ZstdDecompressor().decompress(data)
    for wrong, problem in ((stored[:-1], "too early"), (stored + b"1", "follow")):
        with pytest.raises(PipelineError, match=f"set of INT8 weights .*{problem}"):
            decode_weights(compress([wrong]), build(NET, teacher.class_count, seed=7))


def test_what_cannot_be_sent_is_refused() -> None:
    with pytest.raises(Misuse, match="2 to 8 bits"):
        quantise(np.ones((1, 1), np.float32), 1)
    for value in (np.nan, np.inf, 1e8):
        with pytest.raises(PipelineError, match="float16"):
            quantise(np.full((1, 3), value, np.float32), 8)


# On features at hand


class Seen:
    """Digits in the features of the teacher's backbone."""

    def __init__(self, teacher: Checkpoint, train: Task, test: Task, output: Output) -> None:
        self.backbone = Backbone(teacher.network, teacher.preparation, ALONE)
        self.train, self.test = train, test
        self.target = self.backbone.target(train)
        self.features = self.target.features
        self.students = HeadStudents(self.backbone.target(test), 10)

    def learn(self, images: ImageSet, labels: Labels) -> float:
        return self.students.learn([self.backbone.features(images)], labels)


@pytest.fixture(scope="module")
def seen(teacher: Checkpoint, digits: Task, digits_test: Task, output: Output) -> Seen:
    return Seen(teacher, digits, digits_test, output)


@pytest.mark.slow
def test_fewer_bits_cost_fewer_bytes(seen: Seen) -> None:
    found = {bits: quantised_head(seen.target, seen.students.test, 10, bits) for bits in (8, 4, 2)}
    assert found[8].bytes > 1.3 * found[4].bytes > 1.3 * 1.3 * found[2].bytes
    assert found[8].bytes > seen.features.shape[1] * 10 * 0.7  # Codes hardly compress.
    exact = float(found[8].details["unquantised_accuracy"])
    assert exact > 0.9
    assert found[8].accuracy > exact - 0.02
    assert found[2].accuracy > exact - 0.2
    head = seen.students.fit([seen.features], seen.train.labels)
    for bits, row in found.items():
        assert row.bytes == len(data := encode_best(head, bits, seen.target))
        assert row.accuracy == seen.students.accuracy(decode_head(data)) < 1
    assert [row.key for row in found.values()] == ["int8-head", "int4-head", "int2-head"]


def test_a_weight_of_a_dead_feature_does_not_spoil_its_row(seen: Seen) -> None:
    features, test_features = seen.features.copy(), seen.students.test.features.copy()
    features[:, 0] = test_features[:, 0] = 0
    students = replace(seen.students, test=Target(test_features, seen.test.labels))
    head = students.fit([features], seen.train.labels)
    head.weight[:, 0] = 1000
    exact = students.accuracy(head)
    spoiled = students.accuracy(decode_head(encode_head(head, 8)))
    mended = encode_best(head, 8, Target(features, seen.train.labels))
    assert spoiled < 0.5 < exact - 0.03 < students.accuracy(decode_head(mended))


def test_training_images_as_jpeg(seen: Seen) -> None:
    received: list[tuple[ImageSet, list[int]]] = []

    def learn(images: ImageSet, labels: Labels) -> float:
        received.append((images, labels.tolist()))
        return seen.learn(images, labels)

    def run(seed: int = 0, **size: int) -> tuple[int, float, int]:
        found = target_images(seen.train, Size(**size), learn=learn, seed=seed)
        return found.bytes, found.accuracy, int(found.details["images"])

    few, many = run(count=20), run(count=100)
    assert few[1] < many[1] > 0.8
    images, labels = received[-1]
    assert np.bincount(labels).tolist() == [10] * 10
    # The student sees what JPEG left of the images, not the images.
    for position in range(100):
        with Image.open(io.BytesIO(images.files[position])) as image:  # type: ignore[attr-defined]
            assert image.format == "JPEG"
            assert np.array_equal(np.asarray(image), np.asarray(images.open_image(position)))

    budget = few[0] + 40
    size, _, kept = run(budget=budget)
    assert few[0] <= size <= budget < run(count=kept + 1)[0]
    with pytest.raises(NothingFits, match="no room for one JPEG"):
        run(budget=40)
    for wrong in ({"count": 0}, {"count": 9999}, {}, {"count": 3, "budget": 4}):
        with pytest.raises(Misuse):
            run(**wrong)
    assert run(count=100, seed=1)[:2] != many[:2]


def test_k_center_covers_more_than_chance(seen: Seen) -> None:
    """Gonzalez minimises the largest distance from an image to the nearest chosen of its class."""
    chosen: dict[str, Features] = {}

    def learn(images: ImageSet, labels: Labels) -> float:
        assert np.bincount(labels).tolist() == [8] * 10
        chosen[which] = seen.backbone.features(images)[labels == 3].astype(np.float32)
        return 0.0

    for which in ("random", "k-center"):
        features = seen.features if which == "k-center" else None
        found = target_images(
            seen.train,
            Size(count=80),
            learn=learn,
            features=features,
            quality=95,
        )
        assert found.key == f"images-{which}"
    own = seen.features[seen.train.labels == 3].astype(np.float32)
    radius = {
        which: np.linalg.norm(own[:, None] - centers, axis=2).min(axis=1).max()
        for which, centers in chosen.items()
    }
    assert radius["k-center"] < 0.9 * radius["random"]


@pytest.mark.slow
def test_payloads_of_the_pool(seen: Seen, digit_pool: DigitPool) -> None:
    pool = digit_pool.open()
    features = seen.backbone.features(pool)
    labels = digit_pool.truth.astype(np.uint16)
    none = np.zeros(len(labels), np.float32)
    scores = Scores(labels, none, none, none, none)
    table = ScoreTable.of(ScoreFacts(pool.ref, seen.train.classes, ""), scores)
    whole = whole_pool(table, learn=seen.students.on_pool(features))
    everything = Payload(pool.ref, 10, np.arange(len(pool)), labels)
    assert whole.bytes == len(dumps(everything, dense=True))
    assert whole.accuracy > 0.9
    budget = 400
    assert budget < whole.bytes
    received: list[Payload] = []

    def learn(payload: Payload) -> float:
        received.append(payload)
        return seen.students.on_pool(features)(payload)

    some = random_selection(table, budget=budget, learn=learn)
    assert some.details["images"] == received[0].kept > 50
    assert some.bytes == len(dumps(received[0], dense=True)) <= budget
    assert 0.5 < some.accuracy <= whole.accuracy + 0.02
    with pytest.raises(NothingFits):
        random_selection(table, budget=67, learn=learn)


def test_the_full_target_counts_stored_files(tmp_path: Path, digits: Task) -> None:
    files = {
        # Not what our PNG encoder would make of it.
        f"{digits.classes[digits.labels[row]]}/{row}.png": png(digits.images.open_image(row))
        + bytes(row)
        for row in range(30)
    }
    for name, data in files.items():
        (tmp_path / "folder" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "folder" / name).write_bytes(data)
    shard = write_tar(tmp_path / "shard.tar", files)
    for spec in (tmp_path / "folder", shard):
        task = load_task(str(spec), "train")
        found = full_target(task, learn=lambda images, labels: 0.5)
        assert (found.bytes, found.accuracy) == (sum(map(len, files.values())) + 30, 0.5)
    arrays_only = full_target(digits, learn=lambda images, labels: 1.0)
    assert arrays_only.bytes > 64 * len(digits)  # No PNG of 8 px digits is smaller.


def test_an_int8_student_is_tested_as_it_arrives(
    teacher: Checkpoint, digits_test: Task, output: Output
) -> None:
    tested: list[Checkpoint] = []

    def accuracy(model: Checkpoint) -> float:
        tested.append(model)
        return evaluate(model, digits_test, compute=COMPUTE).accuracy

    exact = accuracy(teacher)
    found = int8_student(teacher, accuracy=accuracy)
    assert tested[1].network is not teacher.network
    assert abs(found.accuracy - exact) < 0.02
    weights = int(found.details["weights"])
    assert 0.7 * weights < found.bytes < 1.3 * weights


# The command


app = typer.Typer()
app.command()(command.baselines)


def _baselines(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_the_command_goes_on_where_it_stopped(
    tmp_path: Path,
    teacher: Checkpoint,
    teacher_file: Path,
    digit_pool: DigitPool,
    output: Output,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scores = tmp_path / "scores.parquet"
    label(digit_pool.open(), teacher, compute=COMPUTE).write(scores)
    small = ("--task", "sklearn:digits", "--model", "plada_convnet_s", "--workers", 0)
    net = (
        "--weights",
        teacher_file,
        "--tune",
        "all",
        "--epochs",
        1,
        "--lr",
        0.004,
        "--augment",
        "glyph",
    )
    out = ("--student", teacher_file, "-o", tmp_path / "run", "--json")
    pool = ("--scores", scores, "-m", digit_pool.manifest, "--pool", digit_pool.shard)

    def rows(result: Result) -> list[dict[str, object]]:
        assert result.exit_code == 0, result.output
        told = json.loads(result.stdout.splitlines()[-1])["rows"]
        stored = json.loads((tmp_path / "run" / "baselines.json").read_bytes())
        assert told == stored["rows"]
        return list(told)

    first = rows(_baselines(*small, *net, *out, "--images", 50))
    assert [row["baseline"] for row in first] == [
        *("int8-head", "int4-head", "int2-head", "images-random", "images-k-center"),
        *("full-target", "int8-student"),
    ]
    by_key = {str(row["baseline"]): row for row in first}
    assert float(str(by_key["int8-student"]["accuracy"])) > 0.8
    assert float(str(by_key["full-target"]["accuracy"])) > 0.5
    assert all(isinstance(row["bytes"], int) and row["seconds"] for row in first)

    def never(*_: object, **__: object) -> None:
        raise AssertionError("what is done must not be done again")

    for name in ("quantised_head", "target_images", "full_target", "int8_student"):
        monkeypatch.setattr(f"plada_ref.baselines.study.{name}", never)
    assert rows(_baselines(*small, *net, *out, "--images", 50)) == first
    more = ("--baseline", "random", "--baseline", "whole-pool", "--budget", 400, "--budget", 67)
    result = _baselines(*small, *net, *out, *pool, *more)
    assert "random: A budget of 67 bytes has no room" in " ".join(result.stderr.split())
    both = rows(result)
    assert both[:-2] == first
    assert [(row["baseline"], row["setting"]) for row in both[-2:]] == [
        ("random", {"budget": 400}),
        ("whole-pool", {}),
    ]
    assert rows(_baselines(*small, *net, *out, *pool, *more)) == both

    for changed in (("--seed", 1), ("--via-size", 6), ("--test-split", "train")):
        refused = _baselines(*small, *net, *out, *changed)
        assert refused.exit_code == 2
        assert "holds baselines with other settings" in " ".join(refused.stderr.split())


@pytest.mark.slow
def test_heads_on_a_frozen_backbone_see_the_pool_once(
    tmp_path: Path,
    teacher: Checkpoint,
    teacher_file: Path,
    digits: Task,
    digits_test: Task,
    digit_pool: DigitPool,
    output: Output,
) -> None:
    pool = digit_pool.open()
    # Not all classes are tested, so the test images number them differently.
    some = np.flatnonzero(digits_test.labels >= 3)
    numbers = digits_test.labels[some] - np.uint16(3)
    images = ImageRows(digits_test.images, some)
    keys = tuple(str(row) for row in some)
    experiment = Experiment(
        spec=replace(NET, weights=teacher_file),
        how=recipe("head", augment="off"),
        target=digits,
        test=Task("some", digits.classes[3:], numbers, keys, images),
        labelled=LabelledPool(label(pool, teacher, compute=COMPUTE), pool),
        folder=tmp_path,
        compute=ALONE,
    )
    rows = compute_baselines(
        experiment, Request(keys=("full-target", "whole-pool", "random"), budgets=(600,))
    )
    accuracy = {row.key: row.accuracy for row in rows}
    assert 0.5 < accuracy["random"] <= accuracy["whole-pool"] + 0.02
    assert accuracy["full-target"] > 0.9
    # Backbone features of pool, training and test images: three files, and which rows are there.
    assert len(list((tmp_path / "features").iterdir())) == 6


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (("--baseline", "best"), "There is no baseline 'best'"),
        (("--baseline", "random"), "The baseline random needs --scores"),
        (("--scores", "s"), "Give --scores, --manifest and --pool together"),
        (("--budget", "much"), "A budget is a number of bytes"),
        (("--images", 5000), "Cannot send 5,000 images of a task that has 1,438"),
    ],
)
def test_arguments_that_cannot_work(
    tmp_path: Path, wrong: tuple[object, ...], sentence: str
) -> None:
    net = ("--task", "sklearn:digits", "--model", "plada_convnet_s", "--workers", 0)
    refused = _baselines(*net, "-o", tmp_path / "run", *wrong)
    assert refused.exit_code == 2
    assert sentence in " ".join(refused.stderr.split())
    assert not (tmp_path / "run" / "baselines.json").exists()


def test_a_damaged_record_is_reported(tmp_path: Path) -> None:
    (tmp_path / "baselines.json").write_text('{"rows": 3')
    net = ("--task", "sklearn:digits", "--model", "plada_convnet_s", "--random-backbone")
    refused = _baselines(*net, "-o", tmp_path)
    assert refused.exit_code == 1
    assert "damaged" in refused.stderr


# Photographs


@pytest.mark.slow
def test_baselines_of_photographs(photos: Photos, output: Output) -> None:
    learn, test = load_task(photos.task, "train"), load_task(photos.task, "test")
    learn = learn.rows(np.arange(0, len(learn), 20), "some")
    test = test.rows(np.arange(0, len(test), 12), "some")
    spec = ModelSpec("tf_efficientnet_lite0", photos.weights, img_size=64, via_size=32)
    backbone = Backbone.of(spec, ALONE)
    seen_test = backbone.target(test)
    head = quantised_head(backbone.target(learn), seen_test, 10, 2)
    assert head.accuracy > 0.45  # Chance is 0.1.
    assert head.bytes < 10 * 1280 / 4  # Less than two bits per weight.
    students = HeadStudents(seen_test, 10)
    few = target_images(
        learn,
        Size(budget=8000),
        learn=lambda images, labels: students.learn([backbone.features(images)], labels),
    )
    assert 30 < int(few.details["images"]) < 80
    # Ten times as many images, though blurred by JPEG, would do better.
    assert 0.2 < few.accuracy < head.accuracy
