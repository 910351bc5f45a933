"""The semantic order: real digits, a small net from scratch as the backbone."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner, Result

from plada_ref.commands.pool import app
from plada_ref.compute.context import Compute
from plada_ref.errors import Misuse, PipelineError
from plada_ref.features.backbone import Backbone
from plada_ref.features.cache import FeatureCache
from plada_ref.labelling.scores import ScoreTable
from plada_ref.models.spec import ModelSpec
from plada_ref.order import Permutation, Savings, in_key_order, measure_savings
from plada_ref.order.bins import bins_of, permutation_of
from plada_ref.order.chain import chain
from plada_ref.order.folders import folders_of
from plada_ref.order.kmeans import default_clusters, kmeans
from plada_ref.order.project import project
from plada_ref.order.semantic import Settings, semantic_permutation
from plada_ref.pool import Manifest, MemoryPool, index_pool, open_source
from plada_ref.tasks.load import load_task
from pladafmt import Payload, PladaError, PoolRef, dumps

ALONE = Compute(torch.device("cpu"), workers=0)
NET = ModelSpec("plada_convnet_s", random_backbone=True)
COUNT = 240


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def result(run: Result) -> Any:
    return json.loads(run.stdout.splitlines()[-1])


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def digit_images() -> dict[str, bytes]:
    """Digits whose keys say nothing about what they show; one is there twice."""
    digits = load_task("sklearn:digits", "train")
    shuffled = np.random.default_rng(1).permutation(len(digits))[: COUNT - 1]
    members = {
        f"{number:05d}.png": png(digits.images.open_image(int(row)))
        for number, row in enumerate(shuffled)
    }
    members["again.png"] = members["00007.png"]
    return members


@pytest.fixture(scope="module")
def root(make_folder: Any, digit_images: dict[str, bytes], tmp_path_factory: Any) -> Path:
    folder: Path = make_folder(tmp_path_factory.mktemp("order") / "images", digit_images)
    return folder


@pytest.fixture(scope="module")
def pool(root: Path, tmp_path_factory: Any) -> MemoryPool:
    source = open_source([str(root)])
    manifest = Manifest.read(
        index_pool(source, tmp_path_factory.mktemp("order") / "pool.parquet").manifest.path
    )
    return MemoryPool(manifest, source)


def ordered(pool: MemoryPool, scratch: Path, **settings: Any) -> Permutation:
    return semantic_permutation(
        pool,
        Settings(backbone=NET, **settings),
        scratch=scratch,
        compute=ALONE,
    )


@pytest.fixture(scope="module")
def permutation(pool: MemoryPool, tmp_path_factory: Any) -> Permutation:
    return ordered(pool, tmp_path_factory.mktemp("scratch"))


def test_the_same_seed_gives_the_same_pool(
    pool: MemoryPool, permutation: Permutation, tmp_path: Path
) -> None:
    again = ordered(pool, tmp_path / "one")
    assert again.result == permutation.result
    assert again.encoded() == permutation.encoded()
    other = ordered(pool, tmp_path / "one", seed=1)  # Another net, so other features.
    assert other.result != permutation.result
    assert other.base == permutation.base == pool.ref
    assert len(list((tmp_path / "one").glob("*.f16"))) == 2
    assert other.made_by["seed"] == 1
    assert other.made_by["backbone_sha256"] != permutation.made_by["backbone_sha256"]


def test_an_interrupted_run_goes_on(
    pool: MemoryPool, permutation: Permutation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plada_ref.features.backbone.POOL_CHUNK", 96)
    opened: list[int] = []
    original = MemoryPool.open_image

    def counted(self: MemoryPool, position: int) -> Image.Image:
        opened.append(position)
        if len(opened) == 150:
            raise KeyboardInterrupt
        return original(self, position)

    monkeypatch.setattr(MemoryPool, "open_image", counted)
    with pytest.raises(KeyboardInterrupt):
        ordered(pool, tmp_path)
    assert ordered(pool, tmp_path).result == permutation.result
    assert opened.count(0) == 1
    assert opened.count(100) == 2
    monkeypatch.setattr(MemoryPool, "open_image", None)
    assert ordered(pool, tmp_path).result == permutation.result


def test_neighbours_are_more_alike(pool: MemoryPool, permutation: Permutation) -> None:
    found = Backbone.of(NET, ALONE).features(pool).astype(np.float64)

    def step(rows: np.ndarray[Any, Any]) -> float:
        return float(np.linalg.norm(np.diff(found[rows], axis=0), axis=1).mean())

    assert step(permutation_of(permutation.bins)) < 0.75 * step(np.arange(COUNT))
    # Duplicates have one bin, and the key order in it.
    rows = [pool.manifest.keys.index(key).as_py() for key in ("00007.png", "again.png")]
    assert len(set(permutation.bins[rows].tolist())) == 1


def test_the_file_reproduces_the_manifest(
    pool: MemoryPool, permutation: Permutation, tmp_path: Path
) -> None:
    size = permutation.write(tmp_path / "order.plada")
    assert size == (tmp_path / "order.plada").stat().st_size
    read = Permutation.read(tmp_path / "order.plada", images=COUNT)
    made = read.apply(pool.manifest)
    assert made.pool == permutation.result
    assert (made.order, made.order_made_by) == ("semantic", dict(permutation.made_by))
    # From any other order as well, the semantic one included.
    shuffled = pool.manifest.arranged(np.random.default_rng(0).permutation(COUNT), "random")
    assert read.apply(shuffled).pool == read.apply(made).pool == made.pool
    made.write(tmp_path / "semantic.parquet")
    stored = Manifest.read(tmp_path / "semantic.parquet")
    stored.check()
    assert stored.pool == made.pool
    assert (stored.order, stored.order_made_by) == (made.order, made.order_made_by)
    assert sorted(stored.keys.to_pylist()) == pool.manifest.keys.to_pylist()
    assert stored.key(0) == made.key(0)


def test_damaged_and_foreign_files_are_refused(
    pool: MemoryPool, permutation: Permutation, tmp_path: Path
) -> None:
    path = tmp_path / "order.plada"
    with pytest.raises(PipelineError, match="no permutation file"):
        Permutation.read(path, images=COUNT)
    permutation.write(path)
    data = path.read_bytes()
    for damaged in (b"", data[:-7], data[:200] + bytes([data[200] ^ 1]) + data[201:]):
        path.write_bytes(damaged)
        with pytest.raises(PladaError):
            Permutation.read(path, images=COUNT)

    everything = np.arange(COUNT)
    facts = {"layout": 1, "pool_id": "00" * 32, "order": "semantic", "made_by": {}}
    for metadata, kept, message in (
        (None, COUNT, "no usable permutation"),
        ({"plada_order": []}, COUNT, "no usable permutation"),
        ({"plada_order": facts | {"layout": 2}}, COUNT, "layout 2"),
        ({"plada_order": facts | {"pool_id": "00"}}, COUNT, "32 bytes"),
        ({"plada_order": facts | {"pool_id": 5}}, COUNT, "no usable permutation"),
        ({"plada_order": facts | {"order": "key"}}, COUNT, "no name"),
        ({"plada_order": facts | {"made_by": "me"}}, COUNT, "how it was made"),
        ({"plada_order": facts}, COUNT - 1, "239 of 240"),
    ):
        payload = Payload(pool.ref, 1, everything[:kept], everything[:kept] * 0, metadata=metadata)
        path.write_bytes(dumps(payload))
        with pytest.raises(PipelineError, match=message):
            Permutation.read(path, images=COUNT)

    path.write_bytes(
        dumps(Payload(pool.ref, 1, everything, everything * 0, metadata={"plada_order": facts}))
    )
    with pytest.raises(PipelineError, match="it is damaged"):
        Permutation.read(path, images=COUNT).apply(pool.manifest)
    fewer = pool.manifest.arranged(np.arange(COUNT - 1), "key")
    with pytest.raises(PipelineError, match="use it with the images it was made for"):
        permutation.apply(fewer)
    swapped = np.array(pool.manifest.digests)
    swapped[[3, 4]] = swapped[[4, 3]]  # Two files whose names were exchanged.
    renamed = Manifest.of_images(pool.manifest.keys, swapped, pool.manifest.sizes)
    with pytest.raises(PipelineError, match="use it with the images it was made for"):
        permutation.apply(renamed)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_few_images(
    count: int, digit_images: dict[str, bytes], make_folder: Any, tmp_path: Path
) -> None:
    some = dict(list(digit_images.items())[:count])
    source = open_source([str(make_folder(tmp_path / "images", some))])
    manifest = Manifest.read(index_pool(source, tmp_path / "pool.parquet").manifest.path)
    found = ordered(MemoryPool(manifest, source), tmp_path / "scratch")
    assert len(found.bins) == count
    found.write(tmp_path / "order.plada")
    read = Permutation.read(tmp_path / "order.plada", images=count)
    assert read.apply(manifest).pool == found.result


def test_no_image_and_equal_images(make_folder: Any, tmp_path: Path) -> None:
    nothing = Manifest.of_images(
        Manifest.of_images(*_listed(["a"])).keys.slice(0, 0), *_listed(["a"], stop=0)[1:]
    )
    found = ordered(MemoryPool(nothing, open_source([str(tmp_path)])), tmp_path / "scratch")
    found.write(tmp_path / "order.plada")
    assert Permutation.read(tmp_path / "order.plada", images=0).apply(nothing).pool == nothing.pool

    same = png(Image.new("L", (8, 8), 7))
    root = make_folder(tmp_path / "images", {f"{number:02d}.png": same for number in range(50)})
    source = open_source([str(root)])
    manifest = Manifest.read(index_pool(source, tmp_path / "pool.parquet").manifest.path)
    found = ordered(MemoryPool(manifest, source), tmp_path / "scratch", slices=1)
    assert found.apply(manifest).keys.to_pylist() == manifest.keys.to_pylist()


def _listed(keys: list[str], stop: int | None = None) -> Any:
    import pyarrow as pa

    count = len(keys) if stop is None else stop
    return (
        pa.array(keys, pa.large_string()),
        np.zeros((count, 32), np.uint8),
        np.ones(count, np.uint64),
    )


def test_folders_draw_images_together(
    digit_images: dict[str, bytes], make_folder: Any, tmp_path: Path
) -> None:
    names = list(digit_images)
    in_folders = {f"{'ab'[i % 2]}/{name}": digit_images[name] for i, name in enumerate(names)}
    source = open_source([str(make_folder(tmp_path / "images", in_folders))])
    manifest = Manifest.read(index_pool(source, tmp_path / "pool.parquet").manifest.path)
    numbers = folders_of(manifest.keys)
    assert numbers is not None and np.bincount(numbers).tolist() == [120, 120]
    pool = MemoryPool(manifest, source)

    def changes(weight: float) -> int:
        found = ordered(pool, tmp_path / "scratch", folder_weight=weight)
        assert found.made_by["folder_weight"] == weight
        return int(np.count_nonzero(np.diff(numbers[permutation_of(found.bins)])))

    # Digits without end: only the weight can tell folders of like images apart.
    assert changes(100) < 20 < changes(0)


def test_folders_that_say_nothing() -> None:
    assert folders_of(_listed(["a.png", "b.png"])[0]) is None
    assert folders_of(_listed(["x/a.png", "x/b.png"])[0]) is None
    assert folders_of(_listed(["x/a.png", "x/y/b.png", "z.png"])[0]) is not None


def test_projection_is_the_plain_formula(
    pool: MemoryPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("plada_ref.order.project.CHUNK", 37)
    cache = FeatureCache(tmp_path, name="x", size=COUNT)
    view = Backbone.of(NET, ALONE).pool(pool, cache)
    folders = (np.arange(COUNT) % 5).astype(np.int32)
    found = project(view, COUNT, folders, folder_weight=0.5, dimensions=9, path=tmp_path / "p")
    x = view.get(np.arange(COUNT)).astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    x -= x.mean(axis=0)
    means = np.stack([x[folders == folder].mean(axis=0) for folder in range(5)])
    x += 0.5 * means[folders]
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    expected = (u * s)[:, :9]
    assert found.shape == (COUNT, 9)
    np.testing.assert_allclose(found @ found.T, expected @ expected.T, atol=1e-4)


def test_a_chain_is_short_and_complete() -> None:
    line = np.random.default_rng(0).permutation(60).astype(np.float32)
    path = chain(np.stack([line, 0 * line], axis=1))
    assert np.abs(np.diff(line[path])).tolist() == [1.0] * 59
    circle = np.random.default_rng(1).permutation(100) * (2 * np.pi / 100)
    points = np.stack([np.cos(circle), np.sin(circle)], axis=1).astype(np.float32)
    path = chain(points)
    assert sorted(path.tolist()) == list(range(100))
    steps = np.linalg.norm(np.diff(points[path], axis=0), axis=1)
    assert steps.sum() < 1.001 * 99 * 2 * np.sin(np.pi / 100)
    random = np.random.default_rng(2).normal(size=(200, 8)).astype(np.float32)
    assert sorted(chain(random).tolist()) == list(range(200))


def test_no_reversal_makes_a_chain_shorter() -> None:
    points = np.random.default_rng(3).normal(size=(40, 3)).astype(np.float32)
    path = chain(points)

    def length(way: np.ndarray[Any, Any]) -> float:
        return float(np.linalg.norm(np.diff(points[way], axis=0), axis=1).sum())

    for first in range(40):
        for stop in range(first + 2, 41):
            other = path.copy()
            other[first:stop] = path[first:stop][::-1]
            assert length(other) > length(path) - 1e-3


def test_slices_follow_the_chain() -> None:
    points = np.arange(40, dtype=np.float32)[:, None]
    member = (np.arange(40) // 20).astype(np.int32)
    centroids = np.array([[9.5], [29.5]], np.float32)
    bins = bins_of(points, member, centroids, np.array([1, 0]), 4)
    # Cluster 1 comes first and cluster 0 second, so both run downwards.
    assert bins.tolist() == [7 - n // 5 for n in range(20)] + [3 - n // 5 for n in range(20)]


@pytest.mark.parametrize(("count", "clusters"), [(1, 1), (4000, 3), (5752, 3), (9000, 3)])
def test_few_clusters_of_many_points(count: int, clusters: int) -> None:
    points = np.random.default_rng(0).normal(size=(count, 4)).astype(np.float32)
    member, centroids = kmeans(points, clusters, seed=0)
    assert member.shape == (count,) and len(centroids) == clusters


def test_default_clusters() -> None:
    assert [default_clusters(n) for n in (0, 1, 2, 100, 50_000, 14_197_122)] == [
        1,
        1,
        2,
        10,
        500,
        8192,
    ]
    points = np.zeros((5, 2), np.float32)
    member, centroids = kmeans(points, 3, seed=0)
    assert (member.tolist(), len(centroids)) == ([0] * 5, 1)


def test_what_an_order_is_worth(pool: MemoryPool, permutation: Permutation) -> None:
    rows = permutation_of(permutation.bins)
    energy = np.empty(COUNT, np.float32)
    energy[rows] = np.arange(COUNT)  # The task keeps the first images of the semantic order.
    labels = np.empty(COUNT, np.uint16)
    labels[rows] = np.arange(COUNT) // 24
    zero = np.zeros(COUNT, np.float32)
    classes = tuple("0123456789")
    table = ScoreTable(pool.ref, classes, "", labels, energy, zero, zero, zero)
    found = measure_savings(permutation, pool.manifest, table, 0.5, permutation_bytes=1000)
    assert found.saved == found.key_bytes - found.ordered_bytes > 0
    assert found.break_even == -(-1000 // found.saved)
    assert Savings(0.01, 70, 70, 1000).break_even is None
    semantic = permutation.apply(pool.manifest)
    moved = ScoreTable(semantic.pool, classes, "", labels[rows], energy[rows], zero, zero, zero)
    assert measure_savings(permutation, semantic, moved, 0.5, permutation_bytes=1000) == found
    with pytest.raises(PipelineError, match="label this pool"):
        measure_savings(permutation, semantic, table, 0.5, permutation_bytes=1000)


def test_settings_out_of_range() -> None:
    for wrong in ({"clusters": 0}, {"slices": 0}, {"folder_weight": -1.0}, {"seed": -1}):
        with pytest.raises(Misuse, match="--"):
            Settings(backbone=NET, **wrong)


def test_commands(
    root: Path, pool: MemoryPool, digit_images: dict[str, bytes], make_folder: Any, tmp_path: Path
) -> None:
    model = ("--model", "plada_convnet_s", "--random-backbone", "--workers", 0, "--clusters", 12)
    one, two, three = (tmp_path / f"{name}.parquet" for name in ("one", "two", "three"))
    file = tmp_path / "order.plada"
    run = call(
        "index", root, "-o", one, "--order", "semantic", *model, "--permutation", file, "--json"
    )
    assert run.exit_code == 0, run.output
    made = result(run)
    assert (made["order"], made["images"]) == ("semantic", COUNT)
    assert made["key_pool_id"] == pool.ref.id.hex()
    assert made["permutation_bytes"] == file.stat().st_size
    assert made["order_made_by"]["clusters"] == 12
    assert not (tmp_path / "one.parquet.features").exists()
    assert not (tmp_path / "one.parquet.parts").exists()

    key = tmp_path / "key.parquet"
    pool.manifest.write(key)
    zero = np.zeros(COUNT, np.float32)
    energy = np.random.default_rng(0).normal(size=COUNT).astype(np.float32)
    table = ScoreTable(pool.ref, ("a",), "", np.zeros(COUNT, np.uint16), energy, zero, zero, zero)
    table.write(tmp_path / "scores.parquet")
    run = call(
        "order", key, root, "-o", two, *model, "--scores", tmp_path / "scores.parquet",
        "--features", tmp_path / "kept", "--json",
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert result(run)["pool_id"] == made["pool_id"]
    assert result(run)["permutation_bytes"] == made["permutation_bytes"]
    assert result(run)["worth"][0]["keep_rate"] == 0.01
    assert "bytes in key order" in run.stderr
    assert list((tmp_path / "kept").glob("*.f16"))

    run = call("order", key, "--apply", file, "-o", three, "--json")
    assert run.exit_code == 0, run.output
    assert result(run)["pool_id"] == made["pool_id"]
    assert two.read_bytes() == three.read_bytes() == one.read_bytes()

    # The pool grows: its order stays, and it serves what was made for it before.
    old = Manifest.read(three)
    more = make_folder(tmp_path / "more", digit_images | {"00000-new.png": b"any bytes"})
    run = call("index", more, "-o", two, "--extend", three, "--json")
    assert run.exit_code == 0, run.output
    assert result(run)["order"] == "semantic"
    grown = Manifest.read(two)
    assert (grown.order, grown.generations) == ("semantic", (COUNT, COUNT + 1))
    assert grown.order_made_by == old.order_made_by
    assert grown.key(COUNT) == "00000-new.png"
    grown.serve(PoolRef(old.pool.id, COUNT))
    assert in_key_order(grown).generations == (COUNT + 1,)


def test_misuse(root: Path, pool: MemoryPool, tmp_path: Path) -> None:
    key, out = tmp_path / "key.parquet", tmp_path / "out.parquet"
    pool.manifest.write(key)
    model = ("--model", "plada_convnet_s", "--random-backbone")
    for arguments, message in (
        (("index", root, "-o", out, "--order", "semantic"), "needs --model"),
        (("index", root, "-o", out, "--order", "random"), "--order is key or semantic"),
        (("index", root, "-o", out, *model), "go with --order semantic"),
        (
            ("index", root, "-o", out, "--order", "semantic", *model, "--extend", key),
            "keeps the order of the old manifest",
        ),
        (("order", key, root, "-o", out), "needs --model"),
        (("order", key, "-o", out, *model), "Nothing says where the images of"),
        (("order", key, root, "-o", out, *model, "--clusters", 0), "--clusters is a number"),
        (("order", key, root, "-o", out, "--apply", key), "leave SOURCES"),
        (("order", key, root, "-o", tmp_path / "no" / "x", *model), "make it first"),
    ):
        run = call(*arguments)
        assert run.exit_code == 2, run.output
        assert message in run.stderr
        assert not out.exists()
    run = call("order", key, "--apply", key, "-o", out, "--json")
    assert run.exit_code == 1
    assert run.stderr.startswith("error: ")
    assert not out.exists()


def test_unusable_metadata(pool: MemoryPool, tmp_path: Path) -> None:
    from dataclasses import replace

    path = tmp_path / "pool.parquet"
    for wrong in ([1], "text", 5):
        replace(pool.manifest, order="x", order_made_by=wrong).write(path)  # type: ignore[arg-type]
        with pytest.raises(PipelineError, match="not a JSON object"):
            Manifest.read(path)
    replace(pool.manifest, order="x", order_made_by={"by": "hand"}).write(path)
    assert Manifest.read(path).order_made_by == {"by": "hand"}
