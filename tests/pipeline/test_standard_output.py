"""``-o -`` of the commands that keep files next to the one that they write."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from pladafmt import Payload, dump

from .conftest import DigitPool


def plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.mark.slow
def test_a_file_on_standard_output_is_alone_there(
    digit_pool: DigitPool,
    tmp_path: Path,
    capfdbinary: pytest.CaptureFixture[bytes],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(Path("/dev").iterdir())
    teacher, payload = tmp_path / "teacher.safetensors", tmp_path / "digits.plada"
    pool = digit_pool.open()
    labels = [int(label) for label in digit_pool.truth[:40]]
    dump(Payload(pool.ref, [str(n) for n in range(10)], range(40), labels), payload)
    local = ("-m", digit_pool.manifest, "--pool", digit_pool.shard)
    net = ("--model", "plada_convnet_s", "--tune", "all", "--epochs", 1)
    order = ("--model", "plada_convnet_s", "--random-backbone", "--clusters", 3)
    for command, name in (
        (("teach", "--task", "sklearn:digits", *net), "teacher"),
        (("label", teacher, *local), "scores"),
        (("train", payload, *local, *net), "student"),
        (("pool", "index", digit_pool.shard), "manifest"),
        (("pool", "index", digit_pool.shard, "--order", "semantic", *order), "manifest"),
        (("pool", "order", digit_pool.manifest, digit_pool.shard, *order), "manifest"),
    ):
        out = teacher if name == "teacher" else tmp_path / "out"
        told = plada(*command, "-o", out, "--json")
        assert told.exit_code == 0, told.output
        capfdbinary.readouterr()
        piped = plada(*command, "-o", "-", "--json")
        assert (piped.exit_code, piped.stdout) == (0, ""), piped.output
        assert capfdbinary.readouterr().out == out.read_bytes()
        said = json.loads(piped.stderr.splitlines()[-1])
        wanted = json.loads(told.stdout.splitlines()[-1])
        del said["seconds"], wanted["seconds"]
        assert said == wanted | {name: "-"}
        # The second run, whose manifest is no file, leaves nothing beside one.
        left = set(tmp_path.iterdir()) - {teacher, payload, tmp_path / "out"}
        assert left <= {tmp_path / "out.sources.json"}
    assert {path for path in Path("/dev").iterdir() if path.name.startswith("stdout")} <= before


@pytest.mark.parametrize("command", ["demo", "transfer", "baselines"])
def test_a_folder_is_no_stream(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    needed = () if command == "demo" else ("--task", "sklearn:digits")
    refused = plada(command, "--out", "-", *needed)
    assert refused.exit_code == 2 and "give it a name" in " ".join(refused.output.split())
    assert not any(tmp_path.iterdir())
