"""The commands that train and run models, as a user calls them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from pladafmt import Payload, PoolRef, dump

from .conftest import DigitPool


def _plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _json(result: Result) -> dict[str, object]:
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout.splitlines()[-1])
    return found


def test_teach_train_evaluate(digit_pool: DigitPool, tmp_path: Path) -> None:
    small = ("--model", "plada_convnet_s", "--tune", "all", "--lr", 0.004, "--augment", "glyph")
    teacher, student = tmp_path / "teacher.safetensors", tmp_path / "student.safetensors"
    taught = _json(
        _plada(
            *("teach", "--task", "sklearn:digits", *small, "--epochs", 2),
            *("--val-fraction", 0.2, "-o", teacher, "--json"),
        )
    )
    assert taught["validation_images"] == 287
    assert float(str(taught["validation_accuracy"])) > 0.6

    payload = tmp_path / "digits.plada"
    positions = list(range(0, len(digit_pool.truth), 8))
    labels = [int(digit_pool.truth[position]) for position in positions]
    pool = digit_pool.open()
    dump(Payload(pool.ref, [str(n) for n in range(10)], positions, labels), payload)
    local = ("-m", digit_pool.manifest, "--pool", digit_pool.shard)
    trained = _json(
        _plada(
            *("train", payload, *local, *small, "--epochs", 5, "-o", student),
            *("--task", "sklearn:digits", "--val-fraction", 0, "--json"),
        )
    )
    assert trained["images"] == len(positions)
    assert float(str(trained["accuracy"])) > 0.6
    found = _json(_plada("evaluate", student, "--task", "sklearn:digits", "--json"))
    assert found["accuracy"] == trained["accuracy"]

    foreign = tmp_path / "foreign.plada"
    dump(Payload(PoolRef(bytes(range(32)), 9), 10, [1], [1]), foreign)
    refused = _plada("train", foreign, *local, *small, "-o", tmp_path / "none", "--json")
    assert refused.exit_code == 1
    told = json.loads(refused.stdout.splitlines()[-1])
    assert told["code"] == "pool-mismatch"
    assert bytes(range(32)).hex() in told["error"]
    assert pool.ref.id.hex() in told["error"]


@pytest.mark.parametrize(
    "name",
    ["teach", "label", "train", "evaluate", "predict", "export", "transfer", "baselines"],
)
def test_help_has_an_example(name: str) -> None:
    result = _plada(name, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from plada_ref import cli; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'pyarrow', 'numpy.random')))"
    )
    code = code.replace(", 'numpy.random'", "")
    subprocess.run([sys.executable, "-c", code], check=True)
