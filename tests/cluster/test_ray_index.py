"""Hashing a pool on a Ray cluster: the manifest of one process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from plada_ref.errors import PipelineError
from plada_ref.pool import index_pool, open_source

from .conftest import Cluster, TinyPool

pytestmark = pytest.mark.slow


@pytest.fixture
def connection(cluster: Cluster) -> Iterator[None]:
    from plada_ref.ray.connection import connected

    with connected(cluster.address):
        yield


def test_manifest_of_one_process(connection: None, tiny_pool: TinyPool, tmp_path: Path) -> None:
    from plada_ref.ray.index import hash_on_ray

    source = open_source([str(shard) for shard in tiny_pool.shards])
    out = tmp_path / "pool.parquet"
    told: list[int] = []
    # What an interrupted run has left is taken up.
    parts = tmp_path / "pool.parquet.parts"
    hash_on_ray(open_source([str(tiny_pool.shards[1])]), parts)
    stored = {path: path.stat().st_mtime_ns for path in parts.iterdir()}
    assert len(stored) == 1

    def look(where: object, folder: Path, on_progress: object) -> None:
        hash_on_ray(source, folder, told.append)
        found = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
        assert len(found) == 3
        assert stored.items() <= found.items()

    index_pool(source, out, hash_elsewhere=look)
    assert out.read_bytes() == tiny_pool.manifest.read_bytes()
    assert sum(told) == source.size()


def test_images_are_decoded_there(
    connection: None, tiny_pool: TinyPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plada_ref.ray.index import hash_on_ray

    folder = tmp_path / "pool"
    folder.mkdir()
    for name, data in (("a.png", b""), ("b.png", b"<html>")):
        (folder / name).write_bytes(data)
    # Not here: only what comes from the cluster is known.
    monkeypatch.setattr("plada_ref.pool.hashing.why_undecodable", None)
    found: dict[str, str] = {}
    index_pool(
        open_source([str(folder)]),
        tmp_path / "pool.parquet",
        hash_elsewhere=partial(hash_on_ray, decode=True),
        on_unreadable=found.update,
    )
    assert found == {"a.png": "it is empty", "b.png": "it is a web page (HTML)"}


def test_damaged_shard_stops_the_run_with_the_local_sentence(
    connection: None, tiny_pool: TinyPool, tmp_path: Path
) -> None:
    from plada_ref.ray.index import hash_on_ray

    cut = tmp_path / "cut.tar"
    cut.write_bytes(tiny_pool.shards[0].read_bytes()[:100_000])
    with pytest.raises(PipelineError) as local:
        index_pool(open_source([str(cut)]), tmp_path / "pool.parquet")
    with pytest.raises(PipelineError) as there:
        index_pool(open_source([str(cut)]), tmp_path / "pool.parquet", hash_elsewhere=hash_on_ray)
    assert str(there.value) == str(local.value)
