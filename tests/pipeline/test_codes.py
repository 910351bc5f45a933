"""Codes of a pool of digits: made, found, extended, and bound to what made them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from plada_conformance import appendix_b
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.codes.make import Settings, backbone_of, extend_codes, make_codes
from plada_ref.codes.projection import Origin, Projection
from plada_ref.errors import Misuse, PipelineError
from plada_ref.models.spec import ModelSpec
from plada_ref.pool import MemoryPool, known_ids
from plada_ref.pool.codes import PoolCodes, codes_beside, codes_of, projection_beside
from pladafmt.merkle import TreeHasher

from .conftest import ALONE, DigitPool

COLUMNS = 40
ORIGIN = Origin("m", "b", {}, 0, 0, "p", {})


@pytest.fixture(scope="module")
def spec(teacher_file: Path) -> ModelSpec:
    return ModelSpec("plada_convnet_s", teacher_file)


@pytest.fixture(scope="module")
def few(digit_pool: DigitPool, tmp_path_factory: pytest.TempPathFactory) -> MemoryPool:
    """Every tenth image of the pool of digits."""
    whole = digit_pool.open()
    rows = np.arange(0, len(whole), 10)
    return MemoryPool(whole.manifest.arranged(rows, "key"), whole.source)


def made(pool: MemoryPool, spec: ModelSpec, folder: Path, **settings: Any) -> Projection:
    folder.mkdir(exist_ok=True)
    return make_codes(
        pool,
        Settings(backbone=spec, **{"columns": COLUMNS, **settings}),
        codes=folder / "pool.codes.npy",
        projection=folder / "pool.projection.safetensors",
        scratch=folder / "features",
        compute=ALONE,
    )


@pytest.mark.slow
def test_codes_made_twice_are_the_same_bytes(
    few: MemoryPool, spec: ModelSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(few, spec, tmp_path / "one")
    monkeypatch.setattr("plada_ref.codes.make.CHUNK", 37)
    monkeypatch.setattr("plada_ref.codes.projection.CHUNK", 1000)
    made(few, spec, tmp_path / "two")
    for name in ("pool.codes.npy", "pool.projection.safetensors"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    data = (tmp_path / "one" / "pool.codes.npy").read_bytes()
    # The layout of section 17.1, as a client reads it that has no NumPy.
    start = 10 + int.from_bytes(data[8:10], "little")
    assert data[:8] == b"\x93NUMPY\x01\x00" and len(data) == start + len(few) * COLUMNS
    assert b"{'descr': '|i1', 'fortran_order': False, 'shape': (%d, 40), }" % len(few) in data
    rows = [data[at : at + COLUMNS] for at in range(start, len(data), COLUMNS)]
    assert first.codes_id == appendix_b.codes_id(rows).hex()
    codes = codes_of(tmp_path / "one" / "pool.parquet")
    assert codes is not None and codes.id_of(len(few)).hex() == first.codes_id
    table = codes.table.astype(float)
    deviations = table.std(axis=0)
    assert deviations.min() > 25 and deviations.max() < 35, "whitened, with a few codes clipped"
    assert np.abs(np.corrcoef(table.T) - np.eye(COLUMNS)).max() < 0.1
    other = made(few, spec, tmp_path / "one", columns=7)
    assert np.array_equal(PoolCodes(tmp_path / "one" / "pool.codes.npy").table, table[:, :7])
    assert other.columns == 7, "columns by falling variance: fewer are the first ones"


def test_a_projection_is_the_plain_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plada_ref.codes.projection.CHUNK", 23)
    drawn = np.random.default_rng(0)
    features = (drawn.normal(size=(300, 6)) @ drawn.normal(size=(6, 9)) + 5).astype(np.float16)
    features[:, 4] = 3  # Never changes.
    rows = np.arange(0, 300, 2)
    found = Projection.fit(lambda some: features[some], rows, 20, ORIGIN)
    x = features.astype(np.float64)
    x = (x - x[rows].mean(axis=0)) / np.where(np.arange(9) == 4, 1, x[rows].std(axis=0))
    _, s, v = np.linalg.svd(x[rows], full_matrices=False)
    v *= np.sign(v[np.arange(len(v)), np.abs(v).argmax(axis=1)])[:, None]
    expected = np.rint(32 * (x @ v.T / s * np.sqrt(len(rows))))[:, :6].clip(-127, 127)
    codes = found.codes(features)
    # Six directions, and what 16 bits round off.
    assert found.columns >= 6 and codes.dtype == np.int8
    assert np.abs(codes[:, :6] - expected).max() <= 1
    assert (codes[:, :6] != expected).mean() < 0.01
    assert np.array_equal(found.codes(features[7:8]), codes[7:8])


@pytest.mark.parametrize("features", [np.zeros((5, 3)), np.zeros((0, 3)), np.full((5, 3), np.nan)])
def test_features_that_make_no_codes(features: np.ndarray) -> None:
    stored = features.astype(np.float16)
    with pytest.raises(PipelineError, match=r"look the same to the model|not finite numbers"):
        Projection.fit(lambda rows: stored[rows], np.arange(len(stored)), 2, ORIGIN)


@pytest.mark.slow
def test_a_grown_pool_keeps_its_codes(
    few: MemoryPool,
    spec: ModelSpec,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    digit_pool: DigitPool,
) -> None:
    old = MemoryPool(few.manifest.arranged(np.arange(500), "key"), few.source)
    first = made(old, spec, tmp_path / "old")
    codes = PoolCodes(tmp_path / "old" / "pool.codes.npy")
    opened: list[int] = []
    original = MemoryPool.open_image

    def counted(self: MemoryPool, position: int) -> Any:
        opened.append(position)
        return original(self, position)

    monkeypatch.setattr(MemoryPool, "open_image", counted)
    out = tmp_path / "new.codes.npy"

    def extend(old: PoolCodes, by: Projection, spec: ModelSpec) -> Projection:
        return extend_codes(
            few,
            old,
            by,
            spec,
            codes=out,
            projection=projection_beside(out),
            scratch=tmp_path / "features",
            compute=ALONE,
        )

    grown = extend(codes, first, spec)
    assert sorted(opened) == list(range(500, len(few))), "only new images are looked at"
    new = PoolCodes(out)
    assert np.array_equal(new.table[:500], codes.table)
    assert new.id_of(500).hex() == first.codes_id and new.id_of(len(few)).hex() == grown.codes_id
    written = Projection.read(projection_beside(out))
    assert (written.images, written.pool_id) == (len(few), few.ref.id.hex())
    reached = np.abs(new.table[500:].astype(int)).mean()
    assert reached == pytest.approx(np.abs(codes.table.astype(int)).mean(), rel=0.3)

    with pytest.raises(PipelineError, match="was written with other codes"):
        extend(new, first, spec)
    with pytest.raises(PipelineError, match="other weights of plada_convnet_s"):
        extend(codes, first, replace(spec, weights=None))
    small = MemoryPool(few.manifest.arranged(np.arange(400), "key"), few.source)
    with pytest.raises(PipelineError, match=r"of 500 images, and the pool has 400"):
        extend_codes(small, codes, first, spec, codes=out, projection=out, scratch=tmp_path)
    with pytest.raises(PipelineError, match="does not say how images are prepared"):
        backbone_of(replace(first, origin=replace(first.origin, preparation={})), spec, ALONE)
    assert PoolCodes(out).id_of(500).hex() == first.codes_id, "what was there before stays"


def test_files_beside_the_manifest(tmp_path: Path) -> None:
    assert codes_beside("a/pool.parquet") == Path("a/pool.codes.npy")
    assert codes_beside("a/pool.v2") == Path("a/pool.v2.codes.npy")
    assert projection_beside("a/pool.codes.npy") == Path("a/pool.projection.safetensors")
    assert projection_beside("other.npy") == Path("other.projection.safetensors")
    assert codes_of(tmp_path / "pool.parquet") is None
    with pytest.raises(PipelineError, match=r"There are no codes at .*plada pool codes"):
        PoolCodes(tmp_path / "pool.codes.npy")
    for wrong in (np.zeros((3, 2), np.uint8), np.zeros(3, np.int8), np.zeros((3, 2000), np.int8)):
        np.save(tmp_path / "pool.codes.npy", wrong)
        with pytest.raises(PipelineError, match="1 to 1,024 columns"):
            codes_of(tmp_path / "pool.parquet")
    np.save(tmp_path / "pool.codes.npy", np.zeros((30, 20), np.int8))
    data = (tmp_path / "pool.codes.npy").read_bytes()
    for bad in (b"", data[:-1], data[:40], b"PK" + data):
        (tmp_path / "pool.codes.npy").write_bytes(bad)
        with pytest.raises(PipelineError, match="is not a code table, or is cut short"):
            codes_of(tmp_path / "pool.parquet")


def test_damaged_projections(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    with pytest.raises(PipelineError, match="There is no projection"):
        Projection.read(path)
    center, basis = np.zeros(3, np.float32), np.ones((3, 2), np.float32)
    Projection(center, basis, ORIGIN).write(path, images=9, codes_id=bytes(32))
    data = path.read_bytes()
    read = Projection.read(path)
    assert read.origin == ORIGIN and (read.images, read.codes_id) == (9, "00" * 32)
    assert read.pool_id == ""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])["__metadata__"]
    stated = json.loads(header["plada_projection"])

    def save(center: np.ndarray, basis: np.ndarray, **changes: Any) -> bytes:
        text = json.dumps(stated | changes)
        tensors = {"center": center, "basis": basis}
        return safetensors.numpy.save(tensors, {"plada_projection": text})

    for bad in (
        b"",
        data[:-1],
        data[:50],
        safetensors.numpy.save({"center": center, "basis": basis}),
        safetensors.numpy.save({"center": center}, header),
        save(center, basis, layout=2),
        save(center, basis, codes=5),
        save(center, basis, preparation=None),
        save(center[:2], basis),
        save(center.astype(np.float64), basis),
        save(center, basis * np.float32(np.inf)),
    ):
        path.write_bytes(bad)
        with pytest.raises(PipelineError, match="is no projection, or it is damaged"):
            Projection.read(path)
    with pytest.raises(PipelineError, match="is for 3 features of m; these are 4"):
        read.codes(np.zeros((1, 4), np.float16))


def test_ids_are_computed_once_on_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By content: a file that is exchanged under the same name has another id."""
    monkeypatch.setattr(known_ids, "FEW", 10)
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path / "cache"))
    computed: list[bytes] = []

    class Spy(TreeHasher):
        def root(self) -> bytes:
            computed.append(super().root())
            return computed[-1]

    monkeypatch.setattr(known_ids, "TreeHasher", Spy)
    table = np.random.default_rng(0).integers(-128, 128, (60, 6), dtype=np.int8)
    path = tmp_path / "pool.codes.npy"

    def ids(table: np.ndarray) -> list[bytes]:
        np.save(path, table)
        codes = PoolCodes(path)
        return [codes.id_of(count) for count in (len(table), 20, 9)]

    wanted = [
        appendix_b.codes_id([row.tobytes() for row in table[:count]]) for count in (60, 20, 9)
    ]
    assert ids(table) == wanted == ids(table)
    assert [found for found in computed if found != wanted[2]] == wanted[:2]
    narrow = table.reshape(120, 3)
    assert ids(narrow)[0] == appendix_b.codes_id([row.tobytes() for row in narrow])
    table[59, 5] ^= 1
    assert ids(table)[0] not in wanted and ids(table)[1:] == wanted[1:]
    for entry in (tmp_path / "cache" / "codes-ids").iterdir():
        entry.write_bytes(bytes(64))
    assert ids(table)[1:] == wanted[1:], "a damaged entry is computed again"
    with pytest.raises(ValueError, match="60 images are not those of 61"):
        PoolCodes(path).id_of(61)


def test_settings_out_of_range() -> None:
    for wrong in ({"columns": 0}, {"columns": 1025}, {"seed": -1}):
        with pytest.raises(Misuse, match="--"):
            Settings(backbone=ModelSpec("plada_convnet_s"), **wrong)


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--json"])


def result(run: Result) -> Any:
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.slow
def test_commands(
    few: MemoryPool, teacher_file: Path, digit_pool: DigitPool, tmp_path: Path
) -> None:
    whole, old = tmp_path / "pool.parquet", tmp_path / "old.parquet"
    few.manifest.write(whole)
    few.manifest.arranged(np.arange(500), "key").write(old)
    weights = ("--weights", teacher_file, "--workers", 0)
    model = ("--model", "plada_convnet_s", *weights)
    run = call("pool", "codes", old, digit_pool.shard, *model, "--columns", 48)
    assert run.exit_code == 0, run.output
    made = result(run)
    assert (made["images"], made["columns"], made["grown_from"]) == (500, 48, None)
    assert made["bytes"] == (tmp_path / "old.codes.npy").stat().st_size == 128 + 500 * 48
    assert not list(tmp_path.glob("*.features"))

    extend = ("--extend", tmp_path / "old.codes.npy")
    run = call("pool", "codes", whole, digit_pool.shard, *weights, *extend)
    assert run.exit_code == 0, run.output
    grown = result(run)
    assert (grown["images"], grown["grown_from"]) == (len(few), 500)
    run = call("pool", "verify", whole, digit_pool.shard, "--sample", 5)
    assert run.exit_code == 0, run.output
    found = result(run)
    assert found["codes"]["codes_id"] == grown["codes_id"] != made["codes_id"]
    assert found["codes"]["problem"] is None and found["ok"]

    codes = tmp_path / "pool.codes.npy"
    data = codes.read_bytes()
    for bad, message in (
        (data[:-9] + b"\x07" + data[-8:], "another pool's or damaged"),
        (data[:-9], "is cut short"),
        ((tmp_path / "old.codes.npy").read_bytes(), "of 500 images, and the manifest lists"),
    ):
        codes.write_bytes(bad)
        run = call("pool", "verify", whole, digit_pool.shard, "--sample", 5)
        assert run.exit_code == 1 and not result(run)["ok"]
        assert message in result(run)["codes"]["problem"]
    codes.write_bytes(data)
    # As many images in another order are another pool.
    few.manifest.arranged(np.arange(len(few))[::-1], "semantic").write(whole)
    run = call("pool", "verify", whole, digit_pool.shard, "--sample", 5)
    assert run.exit_code == 1 and "they are of pool" in result(run)["codes"]["problem"]
    few.manifest.write(whole)
    (tmp_path / "pool.projection.safetensors").unlink()
    run = call("pool", "verify", whole, digit_pool.shard, "--sample", 5)
    assert run.exit_code == 0 and result(run)["codes"]["problem"] is None, "a client has none"
    codes.unlink()
    run = call("pool", "verify", whole, digit_pool.shard, "--sample", 5)
    assert run.exit_code == 0 and result(run)["codes"] is None

    for arguments, message in (
        ((), "Codes need --model"),
        ((*model, *extend), "takes model, image sizes and columns from the old projection"),
        ((*weights, *extend, "--via-size", 8), "takes model, image sizes and columns"),
        ((*model, "--columns", 2000), "--columns is a number from 1 to 1,024"),
        ((*model, "-o", tmp_path / "no" / "c.npy"), "does not exist; make it first"),
        ((*model, "--address", "a:1"), "go with --engine ray"),
    ):
        run = call("pool", "codes", whole, digit_pool.shard, *arguments)
        assert run.exit_code == 2 and message in result(run)["error"], run.output
    run = call("pool", "codes", whole, digit_pool.shard, *weights, "--extend", codes)
    assert run.exit_code == 1 and "There are no codes at" in result(run)["error"]
    assert not codes.exists()
