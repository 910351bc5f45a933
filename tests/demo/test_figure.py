from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="the picture is drawn with matplotlib")

from plada_ref.demo.figure import Point, draw, mosaic

POINTS = [
    Point("low-energy", 0.1, 1438, 80.5),
    Point("random", 0.1, 1654, 91.6, recommended=True),
    Point("random", 0.02, 554, 78.8),
]


def _images(count: int) -> list[np.ndarray[tuple[int, ...], np.dtype[np.uint8]]]:
    return [np.full((16, 16), 100 + 10 * number, dtype=np.uint8) for number in range(count)]


def test_the_picture_has_content(tmp_path: Path) -> None:
    path = tmp_path / "demo.png"
    draw(
        path, classes=["a", "b"], best=[_images(3), _images(1)], points=POINTS, teacher_accuracy=99
    )
    with Image.open(path) as picture:
        assert picture.format == "PNG"
        assert picture.width > 1000
        left, right = np.split(np.asarray(picture.convert("RGB")), [picture.width // 2], axis=1)
    # Both halves: the images in shades of grey, and the points in colours.
    assert len(np.unique(left)) > 10
    assert (right.max(axis=2) - right.min(axis=2)).max() > 100


def test_the_same_figures_give_the_same_picture(tmp_path: Path) -> None:
    for name in ("one.png", "two.png"):
        draw(tmp_path / name, classes=["a"], best=[_images(2)], points=POINTS, teacher_accuracy=99)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_a_class_without_images_has_an_empty_row() -> None:
    picture = mosaic([_images(2), []])
    assert picture.shape == (2 * 16 + 2, 2 * 16 + 2)
    assert set(np.unique(picture[:16])) == {70, 100, 110}
    assert set(np.unique(picture[16:])) == {70}


def test_a_picture_of_nothing_can_be_drawn(tmp_path: Path) -> None:
    draw(tmp_path / "demo.png", classes=["a"], best=[[]], points=[], teacher_accuracy=99)
    assert (tmp_path / "demo.png").stat().st_size > 1000
