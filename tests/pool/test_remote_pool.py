"""A pool on a web server: only images that are asked for are fetched, once, and verified."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from plada_ref.compute.progress import Silence
from plada_ref.errors import PipelineError
from plada_ref.pool import ChangedImage, ManifestFile, index_pool, open_pool, open_source
from plada_ref.pool.fetch_ahead import fetch_ahead
from plada_ref.pool.image_cache import _path as kept_at
from plada_ref.pool.offsets_file import offsets_beside, offsets_bytes

from ..web_server import WebServer, serving

KEPT = [3, 4, 11, 29]


@pytest.fixture
def web(
    tmp_path: Path, images: Mapping[str, bytes], make_tar: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[WebServer]:
    """Thirty images in three shards, with manifest, sources and offsets, in key order."""
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "site"
    folder.mkdir()
    keys = list(images)
    shards = []
    for number in range(3):
        some = {key: images[key] for key in keys[number::3]}
        shards.append(str(make_tar(folder / f"pool-{number}.tar", some)))
    source = open_source(shards)
    index_pool(source, folder / "pool.parquet")
    manifest = ManifestFile(folder / "pool.parquet")
    index = source.containers[0].index  # type: ignore[attr-defined]
    offsets_beside(manifest.path).write_bytes(offsets_bytes(manifest, index))
    names = [Path(shard).name for shard in shards]
    (folder / "pool.sources.json").write_text(json.dumps({"layout": 1, "sources": names}))
    with serving(folder) as server:
        yield server


def _read(web: WebServer) -> dict[int, bytes]:
    pool = open_pool(f"{web.url}/pool.parquet")
    chosen = pool.only(KEPT)
    fetch_ahead(chosen, KEPT, Silence())
    return {position: chosen.read(position) for position in KEPT}


def _from_shards(web: WebServer) -> int:
    return sum(size for path, size in web.sent.items() if path.endswith(".tar"))


def test_only_what_is_asked_for_comes_and_only_once(
    web: WebServer, images: Mapping[str, bytes]
) -> None:
    keys = sorted(images)
    expected = {position: images[keys[position]] for position in KEPT}
    assert _read(web) == expected
    # A byte of each shard says whether its server sends ranges.
    assert _from_shards(web) == sum(map(len, expected.values())) + 3
    web.forget()
    assert _read(web) == expected and not web.sent
    kept = kept_at(ManifestFile(web.folder / "pool.parquet").select([4]).digest(4))
    kept.write_bytes(b"damaged")
    assert _read(web) == expected and _from_shards(web) == len(expected[4])


def test_without_ranges_each_shard_comes_once(web: WebServer, images: Mapping[str, bytes]) -> None:
    web.ranges = False
    assert len(_read(web)) == len(KEPT)
    asked = {path: count for path, count in web.asked.items() if path.endswith(".tar")}
    assert max(asked.values()) <= 2  # Once to see that it has no ranges, which is broken off.


@pytest.mark.parametrize("damage", ["none", "short", "text", "other shards", "other places"])
def test_offsets_are_a_hint(web: WebServer, images: Mapping[str, bytes], damage: str) -> None:
    path = offsets_beside(web.folder / "pool.parquet")
    table = np.load(path)
    if damage == "none":
        path.unlink()
    elif damage == "short":
        np.save(path, table[:-1])
    elif damage == "text":
        path.write_text("<html>")
    elif damage == "other shards":
        table["shard"] += 7
        np.save(path, table)
    else:
        table["block"] += 3
        np.save(path, table)
        with pytest.raises((ChangedImage, PipelineError)):
            _read(web)
        return
    keys = sorted(images)
    assert _read(web) == {position: images[keys[position]] for position in KEPT}


def test_places_of_this_computer_are_not_taken_from_elsewhere(web: WebServer) -> None:
    for place in ("/etc", "../../../x.tar", "~/x.tar"):
        text = json.dumps({"layout": 1, "sources": [place]})
        (web.folder / "pool.sources.json").write_text(text)
        with pytest.raises(PipelineError, match="not on that server"):
            open_pool(f"{web.url}/pool.parquet")


def test_a_record_beside_a_strangers_folder_is_no_record(tmp_path: Path, web: WebServer) -> None:
    """Otherwise reading a local manifest could fetch from an address that came with it."""
    from plada_ref.storage.fetched import fetched, origin, sibling

    cached = fetched(f"{web.url}/pool.parquet")
    folder = tmp_path / "unpacked" / "pool"
    folder.mkdir(parents=True)
    (folder / "pool.parquet").write_bytes(cached.read_bytes())
    about = cached.parent.with_name(cached.parent.name + ".about")
    (tmp_path / "unpacked" / "pool.about").mkdir()
    record = tmp_path / "unpacked" / "pool.about" / "pool.parquet.json"
    record.write_bytes((about / "pool.parquet.json").read_bytes())
    assert origin(cached) and origin(folder / "pool.parquet") is None
    assert sibling(folder / "pool.parquet", "pool.codes.npy") == folder / "pool.codes.npy"
