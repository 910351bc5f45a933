"""``plada predict``: the classes of images that somebody names."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.predicting.classes import top_classes
from plada_ref.predicting.named import find_images
from plada_ref.tasks.task import Task
from plada_ref.training.predict import predict

from .conftest import ALONE, COMPUTE, png


def plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def here(digits_test: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Test digits as files, in the working directory: six in a folder, the seventh beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for row in range(7):
        folder = tmp_path if row == 6 else tmp_path / ("photos/deep" if row > 3 else "photos")
        (folder / f"{row}.png").write_bytes(png(digits_test.images.open_image(row)))
    return tmp_path


def _spoil(folder: Path) -> None:
    whole = (folder / "0.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "empty.jpg").write_bytes(b"")
    (folder / "page.jpg").write_text("<html>not found</html>")
    (folder / "notes.txt").write_text("no image")
    (folder / ".hidden.png").write_bytes(whole)
    (folder / "gone.png").symlink_to("nowhere.png")
    (folder / "lost").symlink_to("nowhere")


def test_paths_folders_and_patterns_are_classified_like_the_task(
    here: Path, teacher: Checkpoint, teacher_file: Path, digits_test: Task
) -> None:
    wanted = predict(teacher, digits_test.rows(np.arange(7), "few").images, compute=ALONE)
    result = plada("predict", teacher_file, "6.png", "photos", "photos/*.png", "--json", "--top", 2)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout.splitlines()[-1])
    order = [6, 0, 1, 2, 3, 4, 5, 0, 1, 2, 3]
    names = ["6.png", *(f"photos/{n}.png" for n in range(4)), "photos/deep/4.png"]
    assert [each["image"] for each in found["predictions"]][:6] == names
    best = [each["classes"][0] for each in found["predictions"]]
    assert [each["class"] for each in best] == [str(wanted[row]) for row in order]
    assert all(len(each["classes"]) == 2 for each in found["predictions"])
    assert (found["images"], found["failed"], found["skipped"]) == (11, [], {})


@pytest.mark.parametrize("workers", [0, 2])
def test_what_cannot_be_read_is_named_and_the_others_are_classified(
    here: Path, teacher_file: Path, teacher: Checkpoint, workers: int
) -> None:
    _spoil(here / "photos")
    named = find_images(["photos", "nowhere.png"])
    assert dict(named.skipped) == {"not-an-image": 2, "broken-link": 1, "hidden": 1}
    asked = ("photos", "nowhere.png", "photos/notes.txt", "none/*.png", "--workers", workers)
    result = plada("predict", teacher_file, *asked, "--json")
    assert result.exit_code == 1
    found = json.loads(result.stdout.splitlines()[-1])
    assert [each["image"][-5:] for each in found["predictions"]] == [f"{n}.png" for n in range(6)]
    assert found["images"] == 6 and found["skipped"] == named.skipped
    said = {each["image"]: each["error"] for each in found["failed"]}
    assert list(said) == ["nowhere.png", "none/*.png"] + [
        f"photos/{name}" for name in ("cut.png", "empty.jpg", "page.jpg", "notes.txt")
    ]
    assert "There is nothing at 'nowhere.png'" in said["nowhere.png"]
    assert "cut short" in said["photos/cut.png"] and "empty" in said["photos/empty.jpg"]
    assert "web page" in said["photos/page.jpg"] and "is not JPEG" in said["photos/notes.txt"]
    assert "error: 6 images could not be classified, for the reasons above; 6 were." in (
        result.stderr
    )
    assert all(sentence in result.stderr for sentence in said.values())


def test_a_table_for_people_and_one_for_programs(
    here: Path, teacher: Checkpoint, teacher_file: Path
) -> None:
    (here / "=1+1.png").write_bytes((here / "6.png").read_bytes())
    found = top_classes(teacher, find_images(["6.png"]).images, 3, compute=COMPUTE)
    ((_, best),) = found.each()
    shown = plada("predict", teacher_file, "6.png", "=1+1.png")
    said = ", ".join(f"{label} {100 * chance:.1f} %" for label, chance in best)
    assert shown.exit_code == 0 and f"6.png     {said}\n=1+1.png  {said}\n" in shown.stdout

    table = plada("predict", teacher_file, "6.png", "=1+1.png", "--csv")
    rows: list[Any] = list(csv.reader(io.StringIO(table.stdout)))
    assert rows[0] == ["image", "rank", "class", "probability"]
    assert [row[:3] for row in rows[1:4]] == [
        ["6.png", str(rank), str(label)] for rank, (label, _) in enumerate(best, start=1)
    ]
    assert [float(row[3]) for row in rows[1:4]] == [round(chance, 6) for _, chance in best]
    assert rows[4][0] == "'=1+1.png" and "3 cells begin like a formula" in table.stderr

    every = top_classes(teacher, find_images(["6.png"]).images, 99, compute=COMPUTE)
    assert every.labels.shape == (1, 10) and every.probabilities.sum() == pytest.approx(1)


def test_nothing_to_classify(here: Path, teacher_file: Path) -> None:
    (here / "bare").mkdir()
    (here / "bare" / "notes.txt").write_text("no image")
    for form in ("--json", "--csv"):
        result = plada("predict", teacher_file, "bare", form)
        assert result.exit_code == 1
        assert "There is no image at 'bare' (1 not-an-image)" in result.stderr
    assert result.stdout == "image,rank,class,probability\n"
    both = plada("predict", teacher_file, "6.png", "--json", "--csv")
    assert both.exit_code == 2 and "choose one" in both.stderr
    unknown = plada("predict", teacher_file, "6.png", "gopher2://x/y.png")
    assert unknown.exit_code == 2 and "cannot be opened" in unknown.stderr


def test_a_file_that_is_called_like_a_pattern(here: Path, teacher_file: Path) -> None:
    (here / "a[1].png").write_bytes((here / "6.png").read_bytes())
    (here / "*.png").write_bytes(b"")
    assert find_images(["a[1].png"]).names == ["a[1].png"]
    assert find_images(["*.png"]).names == ["*.png"]
    assert find_images([str(here / "[6].png")]).names == [str(here / "6.png")]
