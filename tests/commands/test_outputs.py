"""Files that commands write: none takes the place of what it is made from."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.labelling.scores import ScoreTable
from plada_ref.selection import file as selection_file
from pladafmt import Payload, PoolRef, dump

POOL = PoolRef(b"\7" * 32, 10)


def plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, which is the working directory, with a file of each kind."""
    monkeypatch.chdir(tmp_path)
    columns = [np.full(10, 0.5, dtype=np.float32) for _ in range(4)]
    table = ScoreTable(POOL, ("a",), "0" * 64, np.zeros(10, dtype=np.uint16), *columns)
    table.write(tmp_path / "scores.parquet")
    payload = Payload(POOL, 1, [2, 7], [0, 0])
    selection_file.write(payload, tmp_path / "selection.parquet")
    dump(payload, tmp_path / "task.plada")
    with tarfile.open(tmp_path / "shard.tar", "w") as archive:
        info = tarfile.TarInfo("a.png")
        info.size = 1
        archive.addfile(info, io.BytesIO(b"a"))
    (tmp_path / "link").symlink_to("shard.tar")
    (tmp_path / "folder").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        "prune scores.parquet --count 3 -o scores.parquet",
        "encode selection.parquet -o ./selection.parquet",
        "encode selection.parquet --metadata folder/../task.plada -o task.plada",
        "salvage task.plada -o task.plada",
        "decode task.plada -o folder/../task.plada",
        "pool index shard.tar -o shard.tar",
        "pool index s*.tar -o shard.tar",
        "pool index shard.tar -o link",
        "pool codes pool.manifest *.tar --model plada_convnet_s -o shard.tar",
        "teach --model plada_convnet_s --task folders:shard.tar -o shard.tar",
        "export selection.parquet --format pt2 -o selection.parquet",
        "export selection.parquet --images *.tar --format pt2 -o shard.tar",
        "teach --model plada_convnet_s --task x --weights task.plada -o task.plada",
    ],
)
def test_what_a_command_reads_is_not_overwritten(here: Path, command: str) -> None:
    before = {path: path.read_bytes() for path in here.iterdir() if path.is_file()}
    result = plada(*command.split(), "--json")
    assert result.exit_code == 2
    told = json.loads(result.stdout.splitlines()[-1])
    assert "is a file that this command reads, and would be lost" in told["error"]
    assert {path: path.read_bytes() for path in here.iterdir() if path.is_file()} == before


def test_a_shard_that_only_the_manifest_remembers_is_not_overwritten(here: Path) -> None:
    one = ("--workers", 1)
    assert plada("pool", "index", "shard.tar", "-o", "pool.parquet", *one).exit_code == 0
    before = (here / "shard.tar").read_bytes()
    for local in (("-m", "pool.parquet"), ("--pool", "pool.parquet")):
        result = plada("label", "task.plada", *local, "-o", "link")
        assert result.exit_code == 2 and "would be lost" in result.stderr
    assert (here / "shard.tar").read_bytes() == before


def test_folders_and_permutations_are_checked_before_the_work(here: Path) -> None:
    task = ("--task", "none", "--model", "none")
    for command in (
        ("transfer", *task, "-m", "none", "-o", "shard.tar"),
        ("baselines", *task, "-o", "shard.tar"),
    ):
        result = plada(*command)
        assert result.exit_code == 2 and "'shard.tar' is a file" in result.stderr, command
    order = ("--order", "semantic", "--model", "x", "--permutation")
    for out, words in (("nowhere/x", "does not exist"), ("folder", "name a file with --perm")):
        result = plada("pool", "index", "shard.tar", "-o", "made.parquet", *order, out)
        assert result.exit_code == 2 and words in result.stderr


def test_what_a_command_updates_may_be(here: Path) -> None:
    assert plada("rewrite", "task.plada", "-o", "task.plada").exit_code == 0
    one = ("--workers", 1)
    assert plada("pool", "index", "shard.tar", "-o", "pool.manifest", *one).exit_code == 0
    grown = ("--extend", "pool.manifest", "-o", "pool.manifest")
    assert plada("pool", "index", "shard.tar", *grown, *one).exit_code == 0
    # What an earlier call has made is replaced.
    for _ in range(2):
        assert plada("encode", "selection.parquet", "-o", "made.plada").exit_code == 0


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("folder", "'folder' is a folder; name a file"),
        ("nowhere/x", "The folder of 'nowhere/x' does not exist"),
    ],
)
def test_where_nothing_can_be_written_is_said_before_the_work(
    here: Path, out: str, words: str
) -> None:
    """So nothing of the work is needed for the message: there is no task."""
    for command in (
        ("teach", "--task", "none", "--model", "none"),
        ("label", "none", "-m", "none", "--pool", "none"),
        ("encode", "none"),
    ):
        result = plada(*command, "-o", out)
        assert result.exit_code == 2 and words in result.stderr, command
    assert not (here / "nowhere").exists()
