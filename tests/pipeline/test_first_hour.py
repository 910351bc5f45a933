"""docs/first-hour.md: its six commands are run as they stand there, on fewer images."""

from __future__ import annotations

import os
import re
import shlex
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from plada_ref.cli import app

PAGE = Path(__file__).parents[2] / "docs" / "first-hour.md"
CLASSES, POOL, NEW = 3, 120, 2


def _transcripts() -> list[tuple[list[str], list[str]]]:
    """The page's commands, each as words, with the lines that it printed."""
    found: list[tuple[list[str], list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text("utf-8"), re.S):
        for line in block.replace("\\\n", "").splitlines():
            if line.startswith("$ "):
                found.append((shlex.split(line.removeprefix("$ ")), []))
            elif line:
                found[-1][1].append(line)
    return found


def _real_images(folder: Path) -> bool:
    """Write real images, if the environment says where they are."""
    pool, task, weights = (
        os.environ.get(f"PLADA_TEST_{name}", "") for name in ("POOL", "TASK", "WEIGHTS")
    )
    shards = sorted(Path(pool or ".").glob("pool-*.tar"))
    train = Path(task or ".") / "train.tar"
    if not (shards and train.is_file() and Path(weights).is_file()):
        return False
    (folder / "lite0.safetensors").symlink_to(Path(weights).resolve())
    with tarfile.open(shards[0]) as archive:
        for number, member in enumerate(_files(archive, POOL)):
            (folder / "photos" / f"{number}.jpg").write_bytes(_bytes(archive, member))
    kept: dict[str, int] = {}
    with tarfile.open(train) as archive:
        for member in _files(archive, 10_000):
            name = Path(member.name).parent.name
            count = kept[name] = kept.get(name, 0) + 1
            place = folder / "animals" / name if count > NEW else folder / "new"
            if (name in list(kept)[:CLASSES]) and count <= NEW + 12:
                place.mkdir(exist_ok=True)
                (place / f"{name}-{count}.png").write_bytes(_bytes(archive, member))
    return True


def _files(archive: tarfile.TarFile, most: int) -> list[tarfile.TarInfo]:
    return [member for member in archive if member.isfile()][:most]


def _bytes(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = archive.extractfile(member)
    assert file is not None
    return file.read()


def _made_images(folder: Path) -> None:
    """Write images of three colours, and weights of the page's model that are as good as any."""
    import safetensors.torch

    from plada_ref.models.spec import ModelSpec, build

    spec = ModelSpec("tf_efficientnet_lite0")
    state = build(spec, 2, seed=0).state_dict()
    safetensors.torch.save_file(
        {name: value.contiguous() for name, value in state.items()}, folder / "lite0.safetensors"
    )
    draw = np.random.default_rng(0)

    def image(colour: int) -> Image.Image:
        pixels = draw.integers(0, 90, (64, 64, 3), np.uint8)
        pixels[..., colour] += 150
        return Image.fromarray(pixels)

    for number in range(POOL):
        image(number % CLASSES).save(folder / "photos" / f"{number}.jpg")
    for colour, name in enumerate(("red", "green", "blue")):
        (folder / "animals" / name).mkdir()
        for number in range(12):
            image(colour).save(folder / "animals" / name / f"{number}.png")
        for number in range(NEW):
            image(colour).save(folder / "new" / f"{name}-{number}.png")


def test_the_page_keeps_to_six_commands_of_four_flags() -> None:
    commands = [words for words, _ in _transcripts()]
    assert 1 <= len(commands) <= 6
    for words in commands:
        assert words[0] == "plada"
        assert sum(word.startswith("-") for word in words) <= 4, words


@pytest.mark.slow
def test_the_six_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos", "animals", "new"):
        Path(name).mkdir()
    real = _real_images(tmp_path)
    if not real:
        _made_images(tmp_path)
    # On few images a tenth of each class is one.
    for words, lines in _transcripts():
        ran = CliRunner(env={"COLUMNS": "100"}).invoke(app, words[1:])
        assert ran.exit_code == 0, f"{words}: {ran.output}"
        said = {_shape(line) for line in ran.output.splitlines()}
        for line in lines:
            if not line.startswith(("...", "new/", "│", "┃", "Features", "Labelling")):
                assert _shape(line) in said, f"{words}: {line}\n{ran.output}"
        if words[1] == "predict":
            named = [line for line in ran.output.splitlines() if "new/" in line]
            assert len(named) >= CLASSES * NEW, ran.output
            classes = [path.name for path in Path("animals").iterdir()]
            right = sum(
                any(line.count(name) > 1 for name in classes if f"new/{name}" in line)
                for line in named
            )
            assert real or right == CLASSES * NEW, ran.output


def _shape(line: str) -> str:
    """A line of output without its numbers and widths: the page's are of more images."""
    return " ".join(re.sub(r"[0-9a-f]{64}|[\d.,]+", "#", line).split())
