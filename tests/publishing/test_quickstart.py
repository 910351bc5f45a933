"""The two machines of the README: its commands are run as they stand there, on few images."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
from PIL import Image
from typer.testing import CliRunner

from plada_ref.cli import app
from plada_ref.models.spec import ModelSpec, build
from tests.web_server import serving

README = Path(__file__).parents[2] / "README.md"
MODEL = "plada_convnet_c"  # In place of networks whose pre-trained weights somebody has to fetch.


def _machines() -> list[list[list[str]]]:
    """The commands of the server and of the client, as words."""
    section = README.read_text("utf-8").partition("## Two machines")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```\n(.*?)^```", section, re.MULTILINE | re.DOTALL)
    return [
        [shlex.split(line, comments=True) for line in block.replace("\\\n", "").splitlines()]
        for block in blocks[1:]  # The first one installs.
    ]


def _run(words: list[str], address: str = "") -> str:
    line = shlex.join(words).replace("http://SERVER:8000", address)
    line = re.sub(r"--model \w+ --pretrained", f"--model {MODEL} --weights ../w.safetensors", line)
    ran = CliRunner(env={"COLUMNS": "100"}).invoke(app, shlex.split(line)[1:])
    assert ran.exit_code == 0, f"{line}: {ran.output}"
    return ran.output


@pytest.mark.slow
def test_the_two_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = np.random.default_rng(0)

    def image(colour: int, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = draw.integers(0, 90, (32, 32, 3), np.uint8)
        pixels[..., colour] += 150
        Image.fromarray(pixels).save(path)

    server, client = tmp_path / "server", tmp_path / "client"
    for number in range(60):
        image(number % 3, server / "photos" / f"{number}.png")
    for colour, name in enumerate(("blue", "green", "red")):
        for number in range(12):
            image(2 - colour, server / "animals" / name / f"{number}.png")
        image(2 - colour, client / "new" / f"{name}.png")
    shutil.copytree(server / "photos", client / "photos")
    state = build(ModelSpec(MODEL), 2, seed=0).state_dict()
    safetensors.torch.save_file(
        {name: value.contiguous() for name, value in state.items()}, tmp_path / "w.safetensors"
    )

    on_server, on_client = _machines()
    monkeypatch.chdir(server)
    *steps, host = on_server
    assert host == ["python", "-m", "http.server", "8000", "--directory", "site"]
    for words in steps:
        _run(words)
    monkeypatch.chdir(client)
    with serving(server / "site") as web:
        said = [_run(words, web.url) for words in on_client]
    assert sorted(re.findall(r"new/(\w+)\.png +(\w+)", said[-1])) == [
        (name, name) for name in ("blue", "green", "red")
    ]
