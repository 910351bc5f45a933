"""Indexing: resumed after an interruption, and growing an old pool."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plada_ref.errors import PipelineError
from plada_ref.pool import Manifest, folder, index, index_pool, open_source, parts
from plada_ref.pool import tar as tar_module
from plada_ref.pool.hashing import HashedParts
from plada_ref.pool.parts import SCHEMA, Part
from plada_ref.pool.shard import Remarks, Shard


def test_a_resumed_index_reads_unchanged_shards_once(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = list(images.items())
    shards = [make_tar(tmp_path / f"{n}.tar", dict(items[n::3])) for n in range(3)]
    whole = shards[2].read_bytes()
    shards[2].write_bytes(whole[:1000])
    out = tmp_path / "pool.parquet"
    with pytest.raises(PipelineError, match=r"2\.tar"):
        index_pool(open_source([str(tmp_path / "*.tar")]), out)
    assert not out.exists()
    assert len(list((tmp_path / "pool.parquet.parts").iterdir())) == 2

    walked: list[str] = []
    members = tar_module.members

    def watched(file: Any, length: int, url: str, *remarks: Any) -> Any:
        walked.append(Path(url).name)
        return members(file, length, url, *remarks)

    monkeypatch.setattr(tar_module, "members", watched)
    shards[2].write_bytes(whole)
    changed = dict(items[1::3]) | {items[1][0]: b"changed while the work was interrupted"}
    make_tar(shards[1], changed)
    reported: list[int] = []
    source = open_source([str(tmp_path / "*.tar")])
    manifest = Manifest.read(index_pool(source, out, on_progress=reported.append).manifest.path)
    assert walked == ["1.tar", "2.tar"]
    assert sum(reported) == source.size()
    assert not (tmp_path / "pool.parquet.parts").exists()
    fresh = Manifest.read(
        index_pool(open_source([str(tmp_path / "*.tar")]), tmp_path / "fresh.parquet").manifest.path
    )
    assert manifest.pool == fresh.pool == Manifest.read(out).pool
    assert out.read_bytes() == (tmp_path / "fresh.parquet").read_bytes()


def test_a_resumed_folder_keeps_its_counts(
    tmp_path: Path, make_folder: Any, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "SHARD_FILES", 7)
    stored = images | {"class-0/notes.txt": b"", "class-2/.hidden.png": b""}
    source = open_source([str(make_folder(tmp_path / "images", stored))])
    read = folder._read
    calls = 0

    def failing(url: str, key: str) -> bytes:
        nonlocal calls
        calls += 1
        if calls == 20:
            raise KeyboardInterrupt
        return read(url, key)

    monkeypatch.setattr(folder, "_read", failing)
    with pytest.raises(KeyboardInterrupt):
        index_pool(source, tmp_path / "pool.parquet")
    manifest, _, skipped = index_pool(source, tmp_path / "pool.parquet")
    assert calls == 20 + len(images) - 14
    assert len(manifest) == len(images)
    assert skipped == {"hidden": 1, "not-an-image": 1}


def test_a_pool_only_grows(tmp_path: Path, make_folder: Any, images: dict[str, bytes]) -> None:
    keys = sorted(images)
    root = make_folder(tmp_path / "images", {key: images[key] for key in keys[10:]})
    source = open_source([str(root)])
    first = Manifest.read(index_pool(source, tmp_path / "first.parquet").manifest.path)
    semantic = first.arranged(np.arange(len(first))[::-1].copy(), "semantic")

    make_folder(root, images)
    for old in (first, semantic):
        grown = Manifest.read(
            index_pool(source, tmp_path / "grown.parquet", extend=old).manifest.path
        )
        again = Manifest.read(tmp_path / "grown.parquet")
        assert again.keys.to_pylist() == old.keys.to_pylist() + keys[:10]
        assert again.prefix_id(len(old)) == old.pool.id
        assert (again.order, again.generations) == (old.order, (20, 30))
    same = Manifest.read(index_pool(source, tmp_path / "same.parquet", extend=grown).manifest.path)
    assert (same.pool, same.generations) == (grown.pool, (20, 30))
    unextended = Manifest.read(index_pool(source, tmp_path / "other.parquet").manifest.path)
    assert unextended.pool != grown.pool

    (root / keys[12]).write_bytes(b"other bytes")
    with pytest.raises(PipelineError, match=r"1 of the 20 images.*other bytes.*only grows"):
        index_pool(source, tmp_path / "bad.parquet", extend=first)
    (root / keys[12]).unlink()
    with pytest.raises(PipelineError, match=r"1 of the 20 images.*missing.*only grows"):
        index_pool(source, tmp_path / "bad.parquet", extend=first)
    assert not (tmp_path / "bad.parquet").exists()


def test_no_images(tmp_path: Path, make_tar: Any) -> None:
    make_tar(tmp_path / "pool.tar", {"labels.json": b"{}"})
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "labels.json").write_text("{}")
    for spec in (str(tmp_path / "folder"), str(tmp_path / "pool.tar")):
        with pytest.raises(PipelineError, match=r"no image \(skipped: 1 not-an-image\)"):
            index_pool(open_source([spec]), tmp_path / "pool.parquet")
    assert not (tmp_path / "pool.parquet.parts").exists()


def test_a_pool_in_key_order_is_never_all_in_memory(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the manifest is the one of shards that overlap, whose images have to be sorted."""
    items = sorted(images.items())
    for name, shards in {
        "apart": [dict(items[start : start + 7][::-1]) for start in range(0, 30, 7)],
        "overlap": [dict(items[start::4]) for start in range(4)],
    }.items():
        (tmp_path / name).mkdir()
        for number, part in enumerate(reversed(shards)):
            make_tar(tmp_path / name / f"{number}.tar", part)
    overlap = index_pool(open_source([str(tmp_path / "overlap/*.tar")]), tmp_path / "overlap.pq")

    def no_need(found: Any) -> None:
        raise AssertionError("all images were collected")

    monkeypatch.setattr(HashedParts, "collected", no_need)
    apart = index_pool(open_source([str(tmp_path / "apart/*.tar")]), tmp_path / "apart.pq")
    assert (tmp_path / "apart.pq").read_bytes() == (tmp_path / "overlap.pq").read_bytes()
    assert apart.manifest.pool == overlap.manifest.pool
    assert apart.bytes == overlap.bytes == sum(map(len, images.values()))


@pytest.mark.parametrize("apart", [True, False])
def test_a_key_in_two_shards(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes], apart: bool
) -> None:
    items = sorted(images.items())
    first, second = (items[:16], items[15:]) if apart else (items[::2], items[10:13])
    shards = [make_tar(tmp_path / f"{n}.tar", dict(p)) for n, p in enumerate((first, second))]
    with pytest.raises(PipelineError, match=r"is stored in .*0\.tar' and in .*1\.tar'"):
        index_pool(open_source(list(map(str, shards))), tmp_path / "pool.parquet")
    assert not (tmp_path / "pool.parquet").exists()


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_part_is_made_again(tmp_path: Path, data: st.DataObject) -> None:
    shard = Shard(
        "a.tar", "as it was", 0, lambda remarks: iter(()), Remarks(Counter({"hidden": 1}))
    )
    table = pa.table(
        {"key": ["a", "b"], "sha256": [b"x" * 32, b"y" * 32], "size": [1, 2]}, schema=SCHEMA
    )
    parts.store(shard, table, tmp_path)
    (path,) = tmp_path.iterdir()
    raw = bytearray(path.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    assert parts.load(shard, tmp_path) is None
    with pytest.raises(PipelineError, match="removed or damaged"):
        Part.of(shard, table, tmp_path).read()


def test_a_part_that_goes_while_it_is_in_use(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = open_source([str(make_tar(tmp_path / "pool.tar", images))])

    def remove(parts: list[Part]) -> list[Part]:
        parts[0].path.unlink()
        return parts

    monkeypatch.setattr(index, "in_key_order", remove)
    with pytest.raises(PipelineError, match=r"removed or damaged .* while it was in use"):
        index_pool(source, tmp_path / "pool.parquet")
