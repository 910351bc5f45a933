"""A publisher with real images, scikit-learn's digits, and clients who share nothing with it."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.pool import ManifestFile
from plada_ref.selection import file as selection_file
from pladafmt import Payload

from ..web_server import WebServer, serving

IMAGES = 400
NAMES = tuple(f"digit {number}" for number in range(4))


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--json"])


def result(*arguments: object) -> Any:
    run = call(*arguments)
    assert run.exit_code == 0, run.output
    return json.loads(run.stdout.splitlines()[-1])


def error(*arguments: object, status: int = 1) -> str:
    run = call(*arguments)
    assert run.exit_code == status, run.output
    return str(json.loads(run.stdout.splitlines()[-1])["error"])


@dataclass(frozen=True)
class Publisher:
    """A publisher's folders, and what is in them."""

    root: Path
    site: Path
    labels: np.ndarray[Any, np.dtype[np.int64]]

    @property
    def manifest(self) -> Path:
        return self.root / "pool.parquet"

    @property
    def key(self) -> Path:
        return self.root / "publisher"

    def payload(
        self, version: str, classes: int, kept: slice, *options: object, signed: bool = True
    ) -> Path:
        """Encode and sign the images of the first classes among those that `kept` says."""
        pool = ManifestFile(self.manifest).pool
        positions = np.flatnonzero(self.labels < classes)[kept]
        chosen = Payload(pool, NAMES[:classes], positions, self.labels[positions])
        selection, out = self.root / "selection.parquet", self.root / f"digits-{version}.plada"
        selection_file.write(chosen, selection)
        about = ("--name", "digits", "--version", version, "--licence", "CC0-1.0")
        result("encode", selection, "-o", out, *about, *options)
        if signed:
            result("sign", out, "--key", f"{self.key}.key")
        return out

    def publish(self, payload: Path, *options: object) -> Any:
        return result("publish", "task", self.site, payload, *options)


def make_publisher(root: Path) -> Publisher:
    """Index two shards below the site, and publish them as a pool."""
    from sklearn.datasets import load_digits

    data = load_digits()
    rows = np.flatnonzero(data.target < len(NAMES))[:IMAGES]
    site = root / "site"
    (site / "shards").mkdir(parents=True)
    for number, part in enumerate(np.array_split(np.arange(len(rows)), 2)):
        with tarfile.open(site / "shards" / f"pool-{number}.tar", "w") as archive:
            for place in part.tolist():
                stream = io.BytesIO()
                pixels = np.uint8(data.images[rows[place]] * 15.9)
                Image.fromarray(pixels).resize((16, 16)).save(stream, "PNG")
                info = tarfile.TarInfo(f"{place:04d}.png")
                info.size = stream.tell()
                archive.addfile(info, io.BytesIO(stream.getvalue()))
    result("pool", "index", site / "shards" / "*.tar", "-o", root / "pool.parquet")
    result("keygen", root / "publisher")
    images = ("--images", "shards", "--licence", "CC0-1.0", "--title", "Digits of 1998")
    result("publish", "pool", site, "-m", root / "pool.parquet", *images)
    return Publisher(root, site, data.target[rows].astype(np.int64))


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    return make_publisher(tmp_path / "server")


@pytest.fixture
def web(publisher: Publisher, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("NO_PROXY", "*")
    with serving(publisher.site) as server:
        yield server


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A client's folder, in which it also keeps its cache."""
    folder = tmp_path / "client"
    folder.mkdir()
    monkeypatch.setenv("PLADA_CACHE", str(folder / "cache"))
    return folder
