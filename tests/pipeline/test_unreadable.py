"""Pools with broken images, and clients with a part of a pool: everything goes on without them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.codes.make import Settings, extend_codes, make_codes
from plada_ref.compute.batches import PreparedImages, loaded
from plada_ref.errors import Misuse, PipelineError
from plada_ref.features.backbone import Backbone, Seen
from plada_ref.features.cache import FeatureCache
from plada_ref.labelling import scores
from plada_ref.labelling.chunks import Chunk, label_chunks
from plada_ref.labelling.label import label
from plada_ref.labelling.scores import ScoreFacts, Scores, ScoreTable
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import ModelSpec
from plada_ref.output import Output
from plada_ref.pool import MemoryPool, MissingImage, UnreadableImage, most_unreadable, open_pool
from plada_ref.pool.codes import PoolCodes
from plada_ref.report.thumbnails import galleries
from plada_ref.selection import RANKINGS, RuleSelection, SafetyNet, Selection, Size
from plada_ref.selection.comparison import Comparison
from plada_ref.selection.producer import Producer, prune
from plada_ref.selection.rules.source import RuleSource
from plada_ref.tasks.task import Task
from plada_ref.training.learn import train
from plada_ref.training.recipe import Recipe, recipe
from pladafmt import Payload, load

from .conftest import ALONE, DEVICE, NET, png, write_tar

IMAGES, HERE = 1000, 700
BAD = {100: "cut short", 500: "empty", 900: "a web page"}
LOST = sorted(BAD)
OTHERS = np.delete(np.arange(IMAGES), LOST)
HEAD, WHOLE = recipe("head"), recipe("all", steps=5)


@dataclass(frozen=True)
class BrokenPool:
    """A pool of 1,000 digits in two shards, the first of which has 700; three are broken.

    Attributes:
        manifest: by ``plada pool index``.
        shards: the two.
        twin: the pool with whole images in the place of the broken ones.
        without: the pool without these.
    """

    manifest: Path
    shards: tuple[Path, Path]
    twin: MemoryPool
    without: MemoryPool

    def open(self, shards: int = 2) -> MemoryPool:
        return open_pool(self.manifest, *self.shards[:shards], in_memory=True)

    @property
    def options(self) -> list[str]:
        return ["-m", str(self.manifest), *(f"--pool={shard}" for shard in self.shards)]


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--json"])


def result(run: Result, status: int = 0) -> Any:
    assert run.exit_code == status, run.output
    return json.loads(run.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def broken(digits: Task, tmp_path_factory: pytest.TempPathFactory) -> BrokenPool:
    folder = tmp_path_factory.mktemp("broken")
    whole = {
        f"{row:05d}.png": png(digits.images.open_image(row).resize((16, 16)))
        for row in range(IMAGES)
    }
    keys = list(whole)
    harm = [whole[keys[100]][:60], b"", b"<!DOCTYPE html><html>404</html>"]
    members = whole | {keys[row]: data for row, data in zip(LOST, harm, strict=True)}
    shards = (
        write_tar(folder / "a.tar", {key: members[key] for key in keys[:HERE]}),
        write_tar(folder / "b.tar", {key: members[key] for key in keys[HERE:]}),
    )
    pools = {}
    for name, there in {"twin": keys, "without": [keys[row] for row in OTHERS]}.items():
        shard = write_tar(folder / f"{name}.tar", {key: whole[key] for key in there})
        result(call("pool", "index", shard, "-o", folder / f"{name}.parquet"))
        pools[name] = open_pool(folder / f"{name}.parquet", shard, in_memory=True)
    manifest = folder / "pool.parquet"
    # Exit status 1, and the manifest is there all the same.
    found = result(call("pool", "index", *shards, "-o", manifest, "--decode"), 1)["unreadable"]
    assert found["count"] == 3 and [each["key"] for each in found["images"]] == [
        keys[row] for row in LOST
    ]
    for each, why in zip(found["images"], BAD.values(), strict=True):
        assert why in each["reason"]
    return BrokenPool(manifest, shards, **pools)


@pytest.fixture(scope="module")
def table(broken: BrokenPool, teacher: Checkpoint) -> ScoreTable:
    return label(broken.open(), teacher, compute=ALONE)


@pytest.fixture(scope="module")
def spec(teacher_file: Path) -> ModelSpec:
    return ModelSpec("plada_convnet_s", teacher_file)


def weights(model: Checkpoint) -> list[bytes]:
    return [tensor.numpy().tobytes() for tensor in model.network.state_dict().values()]


class Listening(Output):
    """Keeps what is said."""

    def __init__(self) -> None:
        super().__init__(as_json=True)
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)

    def warn(self, text: str) -> None:
        self.said.append(f"warning: {text}")


@pytest.mark.slow
def test_indexed_labelled_pruned_and_trained_as_if_they_were_never_kept(
    broken: BrokenPool, teacher: Checkpoint, teacher_file: Path, tmp_path: Path
) -> None:
    """The whole road as a user goes it, and a client with the first 700 images."""
    scores = tmp_path / "scores.parquet"
    labelled = call("label", teacher_file, *broken.options, "-o", scores, f"--device={DEVICE}")
    assert result(labelled)["unreadable"] == 3
    assert sum(result(labelled)["pseudo_labels_per_class"]) == 997
    assert "3 of 1,000 images do not decode and are skipped: '00100.png'" in labelled.stderr
    table = ScoreTable.read(scores)
    assert table.unreadable.tolist() == LOST
    other = label(broken.without, teacher, compute=ALONE)
    assert (table.labels[OTHERS] == other.labels).all()
    np.testing.assert_allclose(table.energy[OTHERS], other.energy, rtol=1e-4, atol=1e-4)

    selection, payload = tmp_path / "selection.parquet", tmp_path / "task.plada"
    pruned = result(call("prune", scores, "--keep-rate=0.6", "-o", selection))
    assert (pruned["kept"], pruned["unreadable"]) == (600, 3)
    result(call("encode", selection, "-o", payload, "--block-span=100"))
    kept = load(payload)
    same = prune(other, count=600).payload
    assert np.array_equal(kept.positions, OTHERS[same.positions])

    def student(pool: list[str], *options: str, status: int = 0) -> tuple[Any, str, Path]:
        out = tmp_path / "student.safetensors"
        command = ["train", payload, *pool, "-o", out, "--model=plada_convnet_s", "--tune=all"]
        command += ["--val-fraction=0", "--epochs=2", f"--device={DEVICE}"]
        ran = call(*command, *options)
        return result(ran, status), ran.stderr, out

    of_all, _, file = student(broken.options)
    assert (of_all["images"], of_all["missing"], of_all["unreadable"]) == (600, 0, 0)
    learned = weights(Checkpoint.read(file))
    how = recipe("all", epochs=2)
    assert weights(train(same, broken.without, NET, how, compute=ALONE)) == learned

    part = broken.options[:-1]
    refused, _, _ = student(part, status=1)
    assert refused["code"] == "missing-image" and "--skip-missing" in refused["error"]
    lost = int((kept.positions >= HERE).sum())
    assert refused["error"].startswith(f"{lost} of the 600 kept images are not in the sources")
    of_part, said, file = student(part, "--skip-missing")
    assert (of_part["images"], of_part["kept"], of_part["missing"]) == (600 - lost, 600, lost)
    missing = np.bincount(kept.labels[kept.positions >= HERE], minlength=10)
    assert of_part["missing_per_class"] == missing.tolist()
    assert f"warning: {lost} of the 600 kept images" in said
    here = kept.positions < HERE
    never = replace(kept, positions=kept.positions[here], labels=kept.labels[here])
    model = Checkpoint.read(file)
    assert weights(train(never, broken.open(), NET, how, compute=ALONE)) == weights(model)
    assert model.facts["left_out"] == {"missing": missing.tolist()}


@pytest.mark.slow
def test_scores_of_others_are_those_in_whole_company(
    broken: BrokenPool, teacher: Checkpoint, table: ScoreTable, tmp_path: Path
) -> None:
    """Bit for bit; also from worker processes, and of a run that goes on."""
    twin = label(broken.twin, teacher, compute=ALONE)
    assert not len(twin.unreadable)
    for name in ("labels", *table.columns):
        assert getattr(table, name)[OTHERS].tobytes() == getattr(twin, name)[OTHERS].tobytes()
    parts = tmp_path / "parts"
    pool = broken.open()
    with pytest.raises(PipelineError, match=r"^3 of 1,000 .* at most 1 .*--max-unreadable 0.003"):
        label(pool, teacher, compute=replace(ALONE, workers=1), parts=parts, max_unreadable=0.001)
    asked: list[range] = []

    def counting(*args: Any, **how: Any) -> Iterator[Chunk]:
        asked.extend(args[2])
        yield from label_chunks(*args, **how)

    how: dict[str, Any] = {"compute": replace(ALONE, workers=1), "parts": parts}
    again = label(pool, teacher, **how, engine=counting)
    assert not asked, "the finished chunk is kept, with what could not be read"
    with pytest.raises(PipelineError, match="at most 0 may be skipped"):
        label(pool, teacher, **how, engine=counting, max_unreadable=0)
    assert not asked
    written = [tmp_path / "one", tmp_path / "two", tmp_path / "twin"]
    for each, path in zip((table, again, twin), written, strict=True):
        each.write(path)
    assert written[0].read_bytes() == written[1].read_bytes()
    assert ScoreTable.read(written[0]).unreadable.tolist() == LOST
    assert b"unreadable" not in written[2].read_bytes()
    # What can be read depends on the limits.
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLADA_LIMITS", "pixels=81000000")
        label(pool, teacher, **how, engine=counting)
    assert asked


def test_a_table_says_how_many_images_it_has_no_scores_of(
    table: ScoreTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A NaN by accident, as another program might write it, is still an error."""
    path = tmp_path / "scores.parquet"
    facts = scores._facts

    def stored(stated: int | None, **columns: Any) -> ScoreTable:
        monkeypatch.setattr(scores, "_facts", lambda about, _: facts(about, stated or 0))
        replace(table, **columns).write(path)
        return ScoreTable.read(path)

    assert stored(3).unreadable.tolist() == LOST
    for stated in (None, 2, 4):
        with pytest.raises(PipelineError, match="3 images have no energy"):
            stored(stated)
    one = table.margin.copy()
    one[3] = np.nan
    with pytest.raises(PipelineError, match="not a finite number"):
        stored(3, margin=one)
    one[3], one[LOST] = 0, 0.5
    with pytest.raises(PipelineError, match="not a finite number"):
        stored(3, margin=one)


@pytest.mark.slow
def test_no_ranking_keeps_them(
    broken: BrokenPool, table: ScoreTable, digits: Task, spec: ModelSpec, tmp_path: Path
) -> None:
    """Whatever is kept of how many: what a pool without them keeps."""
    labels, columns = table.labels[OTHERS], {n: c[OTHERS] for n, c in table.columns.items()}
    other = ScoreTable.of(
        ScoreFacts(broken.without.ref, table.classes, ""), Scores(labels, **columns)
    )
    seen = Comparison.of(spec, broken.open(), digits, tmp_path / "features", compute=ALONE)
    there = Comparison.of(spec, broken.without, digits, tmp_path / "features", compute=ALONE)
    # The last bits of features depend on the company.
    view = there.backbone.pool(broken.without, there.cache)
    view.put(np.arange(len(OTHERS)), np.asarray(seen.features)[OTHERS])
    assert seen.unreadable.tolist() == LOST and not seen.features[LOST].any()
    for name in RANKINGS:
        for count in (150, 997):
            found = Producer(table, seen).make(Selection(ranking=name), Size(count=count))
            same = Producer(other, there).make(Selection(ranking=name), Size(count=count))
            assert np.array_equal(found.payload.positions, OTHERS[same.payload.positions]), name
            assert np.array_equal(found.supply, same.supply)
        within = Producer(table, seen).make(Selection(ranking=name), Size(budget=900))
        assert within.payload.kept > 600 and not np.isin(LOST, within.payload.positions).any()
    net = Selection(safety_net=SafetyNet(alpha=0.0, share=0.5))
    assert not np.isin(LOST, prune(table, net, keep_rate=0.99).payload.positions).any()
    assert prune(table, keep_rate=1.0).payload.kept == 997
    with pytest.raises(Misuse, match=r"Cannot keep 998 of 1,000 images, 3 of which do not decode"):
        prune(table, count=998)
    # Images that only the features' pass could not read are not kept either.
    before = label(broken.twin, Checkpoint.read(spec.weights or ""), compute=ALONE)
    before = replace(before, pool=table.pool)
    assert not np.isin(
        LOST,
        Producer(before, seen)
        .make(Selection(ranking="herding"), Size(count=997))
        .payload.positions,
    ).any()


@pytest.mark.slow
def test_features_are_computed_once_and_codes_are_zeros(
    broken: BrokenPool,
    table: ScoreTable,
    spec: ModelSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("plada_ref.features.backbone.POOL_CHUNK", 256)
    pool, listening = broken.open(), Listening()
    backbone = Backbone.of(spec, replace(ALONE, progress=listening))
    cache = FeatureCache.of_pool(tmp_path / "features", pool)
    asked: list[range] = []

    def counting(backbone: Backbone, images: Any, chunks: Any, **how: Any) -> Iterator[Seen]:
        asked.extend(chunks)
        yield from backbone.chunks_of(images, chunks, **how)

    with pytest.raises(PipelineError, match=r"^2 of 1,000 images do not decode so far, .* most 1 "):
        backbone.pool(pool, cache, engine=counting, max_unreadable=0.001)
    asked.clear()
    backbone.pool(pool, cache, engine=counting)
    assert [chunk.start for chunk in asked] == [512, 768], "what was found before is kept"
    asked.clear()
    view = backbone.pool(pool, cache, engine=counting)
    assert not asked and view.unreadable().tolist() == LOST
    assert [said.split(": ")[1] for said in listening.said] == [
        "3 of 1,000 images do not decode and are skipped"
    ] * 2
    # Whoever asks for one of them by itself hears of it; nobody gets the zeros.
    with pytest.raises(UnreadableImage, match=r"00500\.png"):
        backbone.features(pool, np.array([3, 500]), cache=cache)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLADA_LIMITS", "scans=7")
        assert len(cache.view(backbone.network, backbone.preparation, flip=False).unreadable()) == 0

    codes, projection = tmp_path / "pool.codes.npy", tmp_path / "pool.projection.safetensors"
    files: dict[str, Any] = {"scratch": tmp_path / "features", "compute": ALONE}
    settings = Settings(backbone=spec, columns=24)
    made = make_codes(pool, settings, codes=codes, projection=projection, **files)
    assert (made.unreadable, made.origin.sample) == (3, 997)
    rows = PoolCodes(codes)
    assert not rows.table[LOST].any() and rows.table[OTHERS].any(axis=1).all()
    old = PoolCodes(codes)
    grown = extend_codes(pool, old, made, spec, codes=codes, projection=projection, **files)
    assert grown.unreadable == 3

    source = RuleSource(rows)
    for size in (Size(budget=600), Size(budget=250), Size(count=500), Size(keep_rate=0.97)):
        found = Producer(table, rules=source).make(RuleSelection(), size)
        assert found.by_rule is not None
        every = found.by_rule.rule.keep(rows, IMAGES)
        assert np.array_equal(every.positions, found.payload.positions)
        assert found.payload.kept > 100 and not np.isin(LOST, every.positions).any()


@pytest.mark.slow
@pytest.mark.parametrize(("how", "workers"), [(HEAD, 1), (WHOLE, 0)])
def test_a_payload_that_keeps_them_is_learned_without_them(
    how: Recipe, workers: int, broken: BrokenPool, spec: ModelSpec, tmp_path: Path
) -> None:
    """As a rule may, or a server that could read them."""
    rows = np.arange(0, IMAGES, 5)  # All three are among them.
    labels = rows // 5 % 10
    pool = broken.open()
    listening = Listening()
    asked: dict[str, Any] = {"compute": replace(ALONE, workers=workers, progress=listening)}
    kept = Payload(pool.ref, 10, rows, labels)
    with pytest.raises(PipelineError, match=r"^3 of 200 images do not decode so far, and at most "):
        train(kept, pool, spec, how, **asked)
    model = train(kept, pool, spec, how, **asked, max_unreadable=0.02)
    assert model.facts["left_out"] == {
        "unreadable": np.bincount(labels[np.isin(rows, LOST)], minlength=10).tolist()
    }
    good = ~np.isin(rows, LOST)
    never = Payload(pool.ref, 10, rows[good], labels[good])
    plain = train(never, pool, spec, how, compute=ALONE)
    assert weights(model) == weights(plain) and "left_out" not in plain.facts
    here = broken.open(shards=1)
    both = train(kept, here, spec, how, **asked, max_unreadable=0.02, skip_missing=True)
    counts = {name: sum(counts) for name, counts in both.facts["left_out"].items()}
    assert counts == {"missing": 60, "unreadable": 2}
    assert any("60 of the 200 kept images (30.0 %) are missing here" in s for s in listening.said)


def test_a_client_that_holds_nothing_of_a_payload(broken: BrokenPool) -> None:
    here = broken.open(shards=1)
    kept = Payload(here.ref, ("a", "b"), [5, 710, 720, 730], [0, 1, 1, 1])
    listening = Listening()
    compute = replace(ALONE, progress=listening)
    train(kept, here, NET, recipe("all", steps=1), compute=compute, skip_missing=True)
    assert "Nothing is left of 1 classes" in listening.said[0]
    assert listening.said[0].startswith("warning: 3 of the 4 kept images (75.0 %)")
    none = replace(kept, positions=kept.positions[1:], labels=kept.labels[1:])
    for skip in (True, False):
        with pytest.raises(MissingImage, match=r"^3 of the 3 kept images .*--pool") as caught:
            train(none, here, NET, recipe("all", steps=1), compute=ALONE, skip_missing=skip)
        assert caught.value.position == 710
    # A few of many are said, and no warning.
    many = Payload(here.ref, 2, [*range(60), 710], [0, 1] * 30 + [0])
    listening.said.clear()
    train(many, here, NET, recipe("all", steps=1), compute=compute, skip_missing=True)
    assert listening.said == [
        "1 of the 61 kept images (1.6 %) are missing here and skipped; by class 0: 1 of 31"
    ]


@pytest.mark.slow
def test_leakage_transfer_order_and_report(broken: BrokenPool, tmp_path: Path) -> None:
    pool = broken.open()
    found = result(call("leakage", "--task=sklearn:digits", *broken.options))
    assert (found["unreadable"], found["pool_size"]) == (3, IMAGES)
    refused = result(
        call("leakage", "--task=sklearn:digits", *broken.options, "--max-unreadable=0"), 1
    )
    assert "'00100.png' (it is cut short)" in refused["error"]

    run = tmp_path / "run"
    command = ["transfer", "--task=sklearn:digits", *broken.options, "-o", run, "--no-leakage"]
    made = call(
        *command,
        "--model=plada_convnet_s",
        "--tune=all",
        "--epochs=1",
        "--keep-rate=1",
        "--select=low-energy",
    )
    assert result(made)["unreadable"] == 3
    assert result(made)["selections"][0]["kept"] == 997
    assert (run / "scores.parquet").exists()

    order = ["pool", "order", broken.manifest, *broken.shards, "-o", tmp_path / "new.parquet"]
    ordered = call(*order, "--model=plada_convnet_s", "--random-backbone", "--img-size=16")
    assert result(ordered)["order_made_by"]["unreadable"] == 3
    assert "3 of 1,000 images do not decode" in ordered.stderr

    kept = Payload(pool.ref, 10, [99, 100, 101], [1, 1, 1])
    (gallery,) = galleries([kept], pool, [1], 10**6)
    assert (gallery.images, gallery.unreadable) == (2, 1)


def test_the_bound() -> None:
    counts = {0: 0, 1: 1, 100: 1, 101: 2, 200: 2, 1000: 10, 10_000: 10, 20_000: 20, 10**7: 10**4}
    assert {images: most_unreadable(images) for images in counts} == counts
    assert [most_unreadable(200, share) for share in (0, 0.001, 0.005, 0.02, 1)] == [
        0,
        1,
        1,
        4,
        200,
    ]
    for wrong in (-0.1, 1.5, float("nan")):
        with pytest.raises(Misuse, match="--max-unreadable is a part"):
            most_unreadable(200, wrong)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_error_says_which_image_of_which_shard(
    workers: int, broken: BrokenPool, teacher: Checkpoint
) -> None:
    data = PreparedImages(broken.open(), teacher.preparation)
    with pytest.raises(UnreadableImage) as caught:
        list(loaded(data, [[99, 100]], workers=workers))
    said = str(caught.value)
    assert said.startswith(f"The image '00100.png' at position 100 in '{broken.shards[0]}' has the")
    assert "BytesIO" not in said and "0x" not in said

    class Odd:
        def __call__(self, image: Image.Image) -> torch.Tensor:
            raise ValueError("no such size")

    with pytest.raises(PipelineError) as odd:
        list(loaded(PreparedImages(broken.open(), Odd()), [[800]], workers=workers))
    where = f"The image '00800.png' at position 800 in '{broken.shards[1]}' cannot be prepared (Val"
    assert str(odd.value).startswith(where)
