"""Small pools on disk."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

Writer = Callable[[Path, Mapping[str, bytes]], Path]


@pytest.fixture(scope="session")
def make_tar() -> Writer:
    def write(path: Path, members: Mapping[str, bytes]) -> Path:
        with tarfile.open(path, "w") as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return path

    return write


@pytest.fixture(scope="session")
def make_folder() -> Writer:
    def write(path: Path, members: Mapping[str, bytes]) -> Path:
        for name, data in members.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="session")
def images() -> dict[str, bytes]:
    """Thirty small PNG images whose keys are not stored in key order."""
    made = {}
    for number in range(30):
        stream = io.BytesIO()
        Image.new("RGB", (8, 8), (number * 8, 255 - number * 8, number)).save(stream, "PNG")
        made[f"class-{number % 3}/{number}.png"] = stream.getvalue()
    return made


@pytest.fixture(scope="session")
def real_pool() -> str:
    """A glob of tar shards with real photographs."""
    folder = os.environ.get("PLADA_TEST_POOL")
    if not folder or not list(Path(folder).glob("pool-*.tar")):
        pytest.skip("PLADA_TEST_POOL names no folder with pool-*.tar shards of real images")
    return str(Path(folder) / "pool-*.tar")
