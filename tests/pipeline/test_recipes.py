"""The recipes for the paper's tables: every command line is a real one, and a small run works."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import typer

from benchmarks import payload_size
from plada_ref.cli import app
from plada_ref.selection import parse
from plada_ref.tasks.known import SETS, is_known, splits_of

from .conftest import DEVICE, DigitPool

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("table*.sh"))
NATURAL = set(SETS) & {
    *("caltech101", "cifar10", "cub200", "dtd", "fgvc-aircraft"),
    *("food101", "flowers102", "oxford-pets", "places365", "resisc45"),
}
MEDICAL = {"bloodmnist_224", "dermamnist_224", "retinamnist_224", "nct-crc-he"}

# A shell script, since a recipe calls it two hundred times.
_RECORDER = r"""#!/bin/sh
{ printf '%s\037' "$@"; printf '\036'; } >>"$RECORDED"
"""


def _run(recipe: Path, settings: Mapping[str, object]) -> subprocess.CompletedProcess[str]:
    environment = {key: os.environ[key] for key in ("PATH", "HOME", "PLADA_CACHE")}
    environment |= {key: str(value) for key, value in settings.items()}
    return subprocess.run(
        ["sh", str(recipe)], env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture
def recorded(tmp_path: Path) -> dict[str, object]:
    """Settings under which a recipe's commands are written down and nothing is done."""
    recorder = tmp_path / "recorder"
    recorder.write_text(_RECORDER)
    recorder.chmod(0o755)
    return {
        "PLADA": recorder,
        "PYTHON": recorder,
        "RECORDED": tmp_path / "recorded",
        "OUT": tmp_path / "runs",
        "POOL": "imagenet21k/*.tar",
        "DATA": tmp_path,
        "WEIGHTS": "timm",
    }


def _commands(recipe: Path, settings: Mapping[str, object]) -> list[list[str]]:
    done = _run(recipe, settings)
    assert done.returncode == 0, done.stderr
    calls = Path(str(settings["RECORDED"])).read_text().split("\036")[:-1]
    return [call.split("\037")[:-1] for call in calls]


COMMANDS: Any = typer.main.get_command(app)


def _parsed(arguments: list[str]) -> dict[str, Any]:
    """What the command makes of its arguments; an unknown or misspelt flag is an error."""
    command = COMMANDS
    while hasattr(command, "commands"):
        command, arguments = command.commands[arguments[0]], arguments[1:]
    parameters: dict[str, Any] = command.make_context(command.name, list(arguments)).params
    return parameters


def test_a_wrong_flag_would_be_seen() -> None:
    with pytest.raises(Exception, match="No such option"):
        _parsed(["transfer", "--task", "digits", "--keep-rates", "0.1"])


@pytest.mark.slow
@pytest.mark.parametrize("recipe", RECIPES, ids=lambda path: path.stem)
def test_every_command_is_a_real_one(
    recipe: Path, recorded: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Parsed(Exception):
        pass

    real = argparse.ArgumentParser.parse_args

    def parse_only(self: Any, *arguments: Any) -> None:
        real(self, *arguments)
        raise Parsed

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse_only)
    commands = _commands(recipe, recorded)
    assert commands[0][:3] == ["pool", "index", "imagenet21k/*.tar"]
    tasks = set()
    for arguments in commands:
        if arguments[0] == "-m":
            assert arguments[1] == "benchmarks.payload_size"
            with pytest.raises(Parsed):
                payload_size.main(arguments[2:])
            continue
        given = _parsed(arguments)
        if given.get("task"):
            name, _, root = given["task"].partition(":")
            assert is_known(name)
            assert root == str(recorded["DATA"])
            assert {given["split"], given.get("test_split", "test")} <= set(splits_of(name))
            tasks.add(name)
        for key in ("model", "student_model"):
            if given.get(key):
                assert timm.is_model(given[key])
                known = timm.get_pretrained_cfg(given[key])
                assert known is not None
                assert known.tag == given[key].partition(".")[2]
        for selection in given.get("select") or ():
            parse(selection)
        for rate in _rates(given.get("keep_rate")):
            assert 0.001 <= rate <= 1
    assert tasks == (NATURAL | MEDICAL if recipe.stem == "table-3" else NATURAL)


def _rates(given: Any) -> list[float]:
    return given if isinstance(given, list) else [] if given is None else [given]


def test_the_settings_are_the_papers(recorded: dict[str, object]) -> None:
    found = {}
    for number in (1, 3, 5):
        settings = recorded | {"RECORDED": f"{recorded['RECORDED']}-{number}", "TASKS": "dtd"}
        _, arguments = _commands(ROOT / f"recipes/table-{number}.sh", settings)
        found[number] = _parsed(arguments)
    for given in found.values():
        assert given["model"].startswith("convnextv2_tiny.")
        assert given["student_model"].startswith("resnet18.")
        assert (given["lr"], given["student_tune"], given["img_size"]) == (0.001, "all", 224)
    assert [found[number]["student_epochs"] for number in (1, 3, 5)] == [5, 5, 30]
    assert found[1]["keep_rate"] == [0.01, 0.05, 0.1, 0.25, 0.5, 1]
    names = [str(parse(text)) for text in found[3]["select"]]
    assert names == [
        "low-energy",
        "high-energy",
        "low-energy+safety-net:alpha=0.5,share=0.5",
        "low-energy+safety-net:alpha=-0.2,share=0.5",
    ]
    # One pass over the pool serves both tables; another pool has folders of its own.
    assert found[1]["out"] == found[3]["out"] != found[5]["out"]
    assert found[1]["manifest"] == found[3]["manifest"] != found[5]["manifest"]


def test_what_is_not_set_is_said(recorded: dict[str, object], tmp_path: Path) -> None:
    recipe = ROOT / "recipes/table-1.sh"
    for name in ("POOL", "DATA", "WEIGHTS"):
        done = _run(recipe, {key: value for key, value in recorded.items() if key != name})
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith(f"error: {name} is not set; give")
    done = _run(recipe, recorded | {"WEIGHTS": tmp_path})
    assert done.returncode == 2
    assert "There is no file" in done.stderr
    assert "convnextv2_tiny.fcmae_ft_in22k_in1k.safetensors" in done.stderr
    assert not Path(str(recorded["RECORDED"])).exists()
    for model in ("convnextv2_tiny.fcmae_ft_in22k_in1k", "resnet18.a1_in1k"):
        (tmp_path / f"{model}.safetensors").touch()
    _, arguments = _commands(recipe, recorded | {"WEIGHTS": tmp_path, "TASKS": "dtd"})
    given = _parsed(arguments)
    assert given["weights"].name.startswith("convnextv2_tiny.")
    assert given["student_weights"].name.startswith("resnet18.")
    assert not given["pretrained"]


def test_a_command_that_fails_ends_the_recipe(recorded: dict[str, object]) -> None:
    done = _run(ROOT / "recipes/table-1.sh", recorded | {"PLADA": "false"})
    assert done.returncode == 1
    assert not list(Path(str(recorded["OUT"])).rglob("*.json"))


@pytest.mark.slow
def test_recipes_run_on_small_data(digit_pool: DigitPool, tmp_path: Path) -> None:
    settings = {
        "PLADA": f"{sys.executable} -m plada_ref",
        "PYTHON": sys.executable,
        "PYTHONPATH": ROOT,
        "OMP_NUM_THREADS": 1,
        "OUT": tmp_path,
        "POOL": digit_pool.shard,
        "DATA": tmp_path,
        "WEIGHTS": "none",
        "TASKS": "digits",
        "KEEP_RATES": "0.2",
        "TEACHER": "plada_convnet_s",
        "STUDENT": "plada_convnet_s",
        "TEACHER_TUNE": "all",
        "TEACHER_EPOCHS": 2,
        "STUDENT_EPOCHS": 3,
        "LR": 0.004,
        "IMG_SIZE": "",
        "FLAGS": f"--device {DEVICE} --workers 0",
    }
    done = _run(ROOT / "recipes/table-1.sh", settings)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "table-1/digits.json").read_text())
    (row,) = found["selections"]
    assert (row["selection"], row["kept"]) == ("low-energy", len(digit_pool.truth) // 5)
    assert found["teacher_accuracy"] > 70  # Percent; chance is 10.
    assert row["student_accuracy"] > 25

    # The sizes come from the score table that the transfer has left.
    done = _run(ROOT / "recipes/tables-12-15.sh", settings)
    assert done.returncode == 0, done.stderr
    assert "plada_ref teach" not in done.stderr
    folder = tmp_path / "tables-12-15"
    sizes = [json.loads((folder / f"digits-0.2{kind}.json").read_text()) for kind in ("", "-dense")]
    assert sizes[0]["kept"] == sizes[1]["kept"] == row["kept"]
    assert sizes[0]["payload_bytes"] < row["payload_bytes"]  # It has no class names.
    compared = (folder / "digits.txt").read_text()
    assert "paper, bitmap, Zstd-19" in compared
    assert json.loads(compared.splitlines()[-1])
