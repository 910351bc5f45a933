"""`plada pool` as a user meets it: output, exit status, sentences."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from plada_ref.commands.pool import app


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def result(run: Result) -> Any:
    return json.loads(run.stdout.splitlines()[-1])


def test_index_verify_extend(tmp_path: Path, make_folder: Any, images: dict[str, bytes]) -> None:
    root = make_folder(tmp_path / "images", dict(list(images.items())[5:]))
    first, second = tmp_path / "first.parquet", tmp_path / "second.parquet"
    run = call("index", root, "-o", first)
    assert run.exit_code == 0, run.output
    assert "images   25" in run.stdout
    make_folder(root, images | {"notes.txt": b""})

    run = call("index", root, "--out", second, "--extend", first, "--json")
    assert run.exit_code == 0, run.output
    assert len(run.stdout.splitlines()) == 1
    grown = result(run)
    assert (grown["images"], grown["grown_from"]) == (30, 25)
    assert grown["bytes"] == sum(map(len, images.values()))
    assert grown["skipped"] == {"not-an-image": 1}
    assert grown["manifest"] == str(second)
    assert len(bytes.fromhex(grown["pool_id"])) == 32

    run = call("verify", first, root, "--json")
    assert run.exit_code == 0, run.output
    assert sorted(result(run)["extra"]) == sorted(list(images)[:5])
    gone, changed = list(images)[7:9]
    (root / gone).unlink()
    (root / changed).write_bytes(b"other")
    for sample in ("all", "30"):
        run = call("verify", second, root, "--json", "--sample", sample)
        assert run.exit_code == 1
        found = result(run)
        assert (found["ok"], found["missing"], found["changed"]) == (False, [gone], [changed])
        assert found["extra"] == ([] if sample == "all" else None)
    run = call("verify", second, root)
    assert f"missing  {gone}" in run.stdout
    assert f"changed  {changed}" in run.stdout


def test_errors_are_sentences(
    tmp_path: Path, make_tar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "pool.parquet"
    run = call("index", tmp_path / "nothing", "-o", out, "--json")
    assert run.exit_code == 2
    assert run.stderr.startswith("error: There is nothing at")
    assert result(run)["code"] == "misuse"
    shard = make_tar(tmp_path / "x.tar", {"a.png": b"1"})
    shard.write_bytes(shard.read_bytes()[:700])
    run = call("index", shard, "-o", out)
    assert run.exit_code == 1
    assert run.stdout == ""
    assert "not a readable tar file" in run.stderr
    run = call("index", shard, "-o", tmp_path / "no" / "folder.parquet", "--json")
    assert run.exit_code == 2
    assert result(run)["code"] == "misuse"
    assert call("verify", out, shard, "--sample", "some").exit_code == 2
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    run = call("index", shard, "-o", out)
    assert run.exit_code == 2
    assert 'pip install "pladafmt[pool]"' in run.stderr


def test_an_interruption_is_no_traceback(
    tmp_path: Path, make_tar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("plada_ref.pool.index_pool", interrupted)
    shard = make_tar(tmp_path / "x.tar", {"a.png": b"1"})
    run = call("index", shard, "-o", tmp_path / "pool.parquet", "--json")
    assert run.exit_code == 130
    last = run.stderr.splitlines()[-1]
    assert last == "error: interrupted; the same command goes on where it stopped"
    assert result(run) == {"error": last.removeprefix("error: "), "code": "interrupted"}
