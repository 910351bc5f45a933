"""Files of a task that are larger than memory, or grow so when they are read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from PIL import Image

from plada_ref.errors import PipelineError
from plada_ref.images.decoding import only_ours
from plada_ref.tasks import idx
from plada_ref.tasks.load import load_task

from .conftest import png
from .image_sets import BUILDERS

HUGE = 100 << 30
"""Bytes of a sparse file, which takes no room on the disk."""


def grow(path: Path) -> Path:
    with open(path, "ab") as file:
        file.truncate(HUGE)
    return path


def test_a_sparse_file_as_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_bytes(png(Image.new("RGB", (8, 8), (9, 80, 9))))
    grow(tmp_path / "a/1.png")
    task = load_task(str(tmp_path), "all")
    with pytest.raises(PipelineError, match=r"a/1\.png.*107,374,182,400 bytes.*PLADA_LIMITS=image"):
        task.images.open_image(0)
    assert task.images.open_image(1).size == (8, 8)
    monkeypatch.setenv("PLADA_LIMITS", "image=50")
    with pytest.raises(PipelineError, match="PLADA_LIMITS=image="):
        task.images.open_image(1)

    with only_ours(), pytest.raises(PipelineError, match="more than 268,435,456 bytes"):
        Image.open(tmp_path / "a/1.png")  # As torchvision does.


def test_a_compressed_file_that_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idx, "_MOST", 10_000)
    for split in ("train", "t10k"):
        with gzip.open(tmp_path / f"{split}-images-idx3-ubyte.gz", "wb") as file:
            file.write(bytes(1 << 20))
    with pytest.raises(PipelineError, match="holds more than 10,000 bytes"):
        load_task(f"mnist:{tmp_path}")


@pytest.mark.parametrize(
    ("name", "table"),
    [("cub200", "CUB_200_2011/images.txt"), ("elpv", "elpv_dataset/data/labels.csv")],
)
def test_a_sparse_file_as_a_table(
    name: str, table: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    BUILDERS[name](tmp_path, monkeypatch)
    grow(tmp_path / table)
    with pytest.raises(PipelineError, match=r"cannot be read .*larger than 16,777,216 bytes"):
        load_task(f"{name}:{tmp_path}")
