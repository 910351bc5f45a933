"""The figures of docs/publishing.md are counted right: on a small pool they can be computed."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from plada_ref.pool import ManifestFile, index_pool, open_source
from pladafmt import Payload, dump


def test_bytes_of_each_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("aiohttp")
    from benchmarks import wire

    for name in ("PLADA_CACHE", "NO_PROXY"):  # It sets them, and they are to be as before.
        monkeypatch.setenv(name, str(tmp_path))
    shards, sizes = [], []
    for number in range(2):
        shards.append(str(tmp_path / f"pool-{number}.tar"))
        with tarfile.open(shards[-1], "w") as archive:
            for image in range(20):
                stream = io.BytesIO()
                Image.new("RGB", (8 + image, 8), (number, image, 9)).save(stream, "PNG")
                info = tarfile.TarInfo(f"{number}-{image:02}.png")
                info.size = stream.tell()
                sizes.append(info.size)
                archive.addfile(info, io.BytesIO(stream.getvalue()))
    manifest = tmp_path / "pool.parquet"
    index_pool(open_source(shards), manifest)
    kept = np.array([1, 7, 33])
    payload = tmp_path / "task.plada"
    dump(Payload(ManifestFile(manifest).pool, 2, kept, np.array([0, 1, 0])), payload)
    found = wire.measure(manifest, shards, payload)
    first, again, walks, own = found.values()
    # One byte of each shard says whether its server sends ranges.
    assert first["images"] == [sum(sizes[place] for place in kept) + 2, 5]
    assert first["manifest"] == [manifest.stat().st_size, 1]
    assert first["payload"] == own["payload"]
    assert "images" not in again and "manifest" not in again and "payload" not in again
    assert walks["images"][0] > sum(sizes)
    assert own.keys() == {"index", "payload", "class names and card"}
