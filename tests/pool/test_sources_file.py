"""A manifest remembers where its images are, and what it remembers is a hint and no more."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.errors import Misuse, PipelineError
from plada_ref.pool import (
    ChangedImage,
    MissingImage,
    index_pool,
    open_pool,
    open_source,
    remember,
    remembered,
    sources_beside,
)
from pladafmt import Payload, dump
from pladafmt.files import STANDARD_OUTPUT


def plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def here(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A folder, which is the working directory, with a pool that was indexed from its shards."""
    base = tmp_path / "base"
    (base / "shards").mkdir(parents=True)
    items = list(images.items())
    for number in range(3):
        make_tar(base / "shards" / f"{number}.tar", dict(items[number::3]))
    monkeypatch.chdir(base)
    made = plada("pool", "index", "shards/*.tar", "-o", "pool.parquet", "--workers", 1)
    assert made.exit_code == 0, made.output
    assert "pool.sources.json" in made.stdout
    return base


def test_the_manifest_alone_is_enough(here: Path, images: dict[str, bytes]) -> None:
    assert json.loads((here / "pool.sources.json").read_text()) == {
        "layout": 1,
        "sources": ["shards/*.tar"],
    }
    keys = sorted(images)
    for in_memory in (False, True):
        pool = open_pool("pool.parquet", in_memory=in_memory)
        assert pool.only([7]).read(7) == images[keys[7]]
    dump(Payload(pool.ref, ["a", "b"], [1, 7], [0, 1]), "task.plada")
    decoded = plada("decode", "task.plada", "-m", "pool.parquet")
    assert decoded.exit_code == 0 and keys[7] in decoded.stdout
    checked = plada("pool", "verify", "pool.parquet")
    assert checked.exit_code == 0 and "0 changed, 0 missing, 0 extra" in checked.stdout


def test_a_folder_that_was_moved_still_works(
    here: Path, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    moved = here.parent / "moved"
    here.rename(moved)
    monkeypatch.chdir(moved.parent)
    pool = open_pool(moved / "pool.parquet")
    assert pool.only([0]).read(0) == images[min(images)]
    assert plada("pool", "verify", "moved/pool.parquet").exit_code == 0


def test_the_long_form_wins(here: Path, make_tar: Any, images: dict[str, bytes]) -> None:
    key = min(images)
    make_tar(here / "other.tar", images | {key: images[key] + b"x"})
    with pytest.raises(ChangedImage):
        open_pool("pool.parquet", "other.tar").only([0]).read(0)
    (here / "pool.sources.json").write_text("{")
    assert open_pool("pool.parquet", "shards/*.tar").only([0]).read(0) == images[key]


def test_what_is_remembered_is_not_trusted(
    here: Path, make_tar: Any, images: dict[str, bytes]
) -> None:
    key = min(images)
    make_tar(here / "other.tar", {key: images[key] + b"x"})
    remember("pool.parquet", ["other.tar"])
    pool = open_pool("pool.parquet")
    with pytest.raises(ChangedImage, match=key):
        pool.only([0]).read(0)
    with pytest.raises(MissingImage):
        pool.only([1]).read(1)


def test_where_nothing_or_nonsense_is_remembered(here: Path) -> None:
    file = here / "pool.sources.json"
    shutil.rmtree("shards")
    with pytest.raises(Misuse, match=r"nothing at .*shards.*pool\.sources\.json' names that place"):
        open_pool("pool.parquet")
    for text in (
        "{",
        "[]",
        '{"layout": 1}',
        '{"layout": 1, "sources": []}',
        '{"layout": 1, "sources": "shards"}',
        '{"layout": 1, "sources": [3]}',
        '{"layout": 2, "sources": ["shards"]}',
        '{"layout": 1, "sources": ["ssh://root@host/pool"]}',
        '{"layout": 1, "sources": ["zip://*.tar::https://example.org/pool.zip"]}',
        '{"layout": 1, "sources": ["a\\u0000b"]}',
        "[" * 100,
    ):
        file.write_text(text)
        with pytest.raises(PipelineError, match="does not say where the images are"):
            open_pool("pool.parquet")
    file.unlink()
    with pytest.raises(Misuse, match=r"Nothing says where the images of .pool\.parquet. are"):
        open_pool("pool.parquet")
    refused = plada("pool", "verify", "pool.parquet")
    assert refused.exit_code == 2 and "Nothing says where" in refused.stderr


def test_what_can_be_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    manifest = tmp_path / "a" / "b" / "pool.parquet"
    urls = ["https://example.org/pool.tar", "s3://bucket/pool-*.tar"]
    assert remember(manifest, ["x/*.tar", str(tmp_path / "y.parquet#image"), *urls])
    assert json.loads(sources_beside(manifest).read_text())["sources"] == [
        "../x/*.tar",
        "../../y.parquet#image",
        *urls,
    ]
    found = remembered("b/pool.parquet")
    assert found == ["b/../x/*.tar", "b/../../y.parquet#image", *urls]
    assert sources_beside("b/manifest") == Path("b/manifest.sources.json")
    # Where one of the places cannot be remembered, an older file would be wrong.
    assert remember(manifest, ["x", "ssh://host/pool"]) is None
    assert not sources_beside(manifest).exists()
    assert remember(STANDARD_OUTPUT, ["x"]) is None


def test_no_manifest_is_a_sentence(here: Path) -> None:
    dump(Payload(open_pool("pool.parquet").ref, 2, [1, 7], [0, 1]), "task.plada")
    for local in ((), ("--pool", "shards"), ("--pool", "a.tar", "--pool", "b.tar")):
        refused = plada("train", "task.plada", "--model", "resnet18", *local, "-o", "student")
        assert refused.exit_code == 2
        assert "Name the pool's manifest with --manifest (-m)" in refused.stderr


def test_another_order_of_the_pool_remembers_too(here: Path) -> None:
    import numpy as np

    from plada_ref.order import Permutation
    from plada_ref.pool import Manifest

    old = Manifest.read("pool.parquet")
    bins = (np.arange(len(old)) % 4).astype(np.uint16)
    Permutation.of_bins(old, bins, order="semantic", made_by={}).write("order.plada")
    (here / "new").mkdir()
    made = plada("pool", "order", "pool.parquet", "--apply", "order.plada", "-o", "new/o.parquet")
    assert made.exit_code == 0, made.output
    assert remembered("new/o.parquet") == ["new/../shards/*.tar"]
    assert plada("pool", "verify", "new/o.parquet").exit_code == 0
    # The library's index leaves the file alone.
    index_pool(open_source(["shards/*.tar"]), "plain.parquet")
    assert not sources_beside("plain.parquet").exists()
