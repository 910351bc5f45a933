"""Training by two processes under torchrun: what one process would have learnt."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from plada_ref.cli import app
from plada_ref.pool import Manifest, index_pool, open_source
from plada_ref.tasks.load import load_task
from pladafmt import Payload, dump

from . import fit_digits
from .conftest import wait_until

pytestmark = pytest.mark.slow

TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]


def test_gradients_and_weights_of_one_process(tmp_path: Path) -> None:
    one, two = tmp_path / "one.pt", tmp_path / "two.pt"
    fit_digits.main(str(one))
    subprocess.run([*TORCHRUN, "-m", fit_digits.__name__, str(two)], check=True)
    alone, together = (torch.load(path, weights_only=True) for path in (one, two))
    assert together["threads"] == 0  # One that is left may abort the process at its end.
    assert len(alone["steps"]) == len(together["steps"]) == 3 * 5
    for mine, theirs in zip(alone["steps"], together["steps"], strict=True):
        for gradient, other in zip(mine, theirs, strict=True):
            assert (gradient - other).norm() < 1e-4 * gradient.norm()
    for name, weight in alone["weights"].items():
        # The weights have gone up to 15e-6.
        torch.testing.assert_close(together["weights"][name], weight, rtol=0, atol=1e-7)


class _Client:
    """A pool of handwritten digits, and a payload that labels it."""

    def __init__(self, folder: Path) -> None:
        digits = load_task("sklearn:digits", "train")
        (folder / "pool").mkdir()
        for row in range(len(digits)):
            large = digits.images.open_image(row).resize((16, 16), Image.Resampling.BICUBIC)
            large.save(folder / "pool" / f"{row:05d}.png")
        self.folder = folder
        index_pool(open_source([str(folder / "pool")]), folder / "pool.parquet")
        ref = Manifest.read(folder / "pool.parquet").pool
        positions = np.arange(len(digits))
        names = [str(digit) for digit in range(10)]
        # The payload says the other settings of the tune that is used most.
        about = {"recipe": {"tune": "all", "lr": 0.004, "epochs": 6, "augment": "off"}}
        payload = Payload(ref, names, positions, digits.labels, metadata=about)
        dump(payload, folder / "task.plada")

    def command(self, out: Path, tune: str = "all") -> list[str]:
        words = ["train", f"{self.folder}/task.plada"]
        words += ["-m", f"{self.folder}/pool.parquet", "--pool", f"{self.folder}/pool"]
        words += ["--model", "plada_convnet_s", "--random-backbone", "--val-fraction", "0"]
        if tune != "all":  # As the payload says else.
            words += ["--tune", tune, "--lr", "0.004", "--epochs", "6", "--augment", "off"]
        words += ["--task", "sklearn:digits", "-o", str(out)]
        return [*words, "--device", "cpu", "--workers", "0", "--json"]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> _Client:
    return _Client(tmp_path_factory.mktemp("client"))


def _alone(arguments: list[str]) -> dict[str, Any]:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def _together(arguments: list[str]) -> dict[str, Any]:
    command = [*TORCHRUN, "-m", "plada_ref", *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 1  # The other process prints nothing.
    value: dict[str, Any] = json.loads(lines[0])
    return value


def test_killed_training_resumes(client: _Client, tmp_path: Path) -> None:
    out = tmp_path / "student.safetensors"
    state = tmp_path / "student.safetensors.training"
    killed = subprocess.Popen(
        [*TORCHRUN, "-m", "plada_ref", *client.command(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    wait_until(lambda: state.exists() or killed.poll() is not None, "an epoch", 120)
    started = psutil.Process(killed.pid).children(recursive=True)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    for process in started:  # torchrun gives its processes sessions of their own.
        if process.is_running():
            process.kill()
    psutil.wait_procs(started, timeout=10)
    assert state.exists() and not out.exists()
    assert 1 <= torch.load(state, weights_only=True)["epoch"] < 6

    together = _together(client.command(out))
    assert not state.exists()
    alone = _alone(client.command(tmp_path / "alone.safetensors"))
    # 449 test images: two standard errors of the difference are about four points.
    assert alone["accuracy"] > 0.9
    assert abs(together["accuracy"] - alone["accuracy"]) < 0.04


def test_a_head_is_fitted_by_the_first_process(client: _Client, tmp_path: Path) -> None:
    out, alone = tmp_path / "student.safetensors", tmp_path / "alone.safetensors"
    _together(client.command(out, tune="head"))
    _alone(client.command(alone, tune="head"))
    assert out.read_bytes() == alone.read_bytes()
