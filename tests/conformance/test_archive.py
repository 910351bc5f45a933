"""The vectors as one archive, and programs in other languages that walk it."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import shutil
import subprocess
import sys
import tarfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from plada_conformance import archive
from plada_conformance.cli import app
from plada_conformance.vectors_on_disk import ROOT, vectors
from typer.testing import CliRunner

from .conftest import tool

WALKERS = Path(__file__).parent / "walkers"
USUAL = {"kept": 2**24, "stream": 2**26, "blocks": 65_536, "class_map": 2**20, "metadata": 2**16}


@pytest.fixture(scope="module")
def tar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("archive") / "plada-vectors-1.tar"
    result = CliRunner().invoke(app, ["vectors", "-o", str(path)])
    assert result.exit_code == 0, result.output
    assert hashlib.sha256(path.read_bytes()).hexdigest() in result.stdout
    return path


@pytest.fixture(scope="module")
def folder(tar: Path) -> Path:
    # Python 3.11.0 to 3.11.3 knows no filters; the archive is our own.
    safe: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
    with tarfile.open(tar) as opened:
        opened.extractall(tar.parent, **safe)
    return tar.parent / "plada-vectors-1"


def rows(folder: Path) -> list[dict[str, str]]:
    text = (folder / "manifest.tsv").read_text("utf-8")
    return list(csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE))


def test_the_same_vectors_make_the_same_bytes(tar: Path, tmp_path: Path) -> None:
    with tarfile.open(tar) as opened:
        members = opened.getmembers()
    assert [member.name for member in members] == sorted(member.name for member in members)
    facts = {
        (each.mtime, each.uid, each.gid, each.uname, each.gname, each.mode) for each in members
    }
    assert facts == {(0, 0, 0, "", "", 0o644)}
    zipped = tmp_path / "again.tar.gz"
    assert CliRunner().invoke(app, ["vectors", "--out", str(zipped)]).exit_code == 0
    assert gzip.decompress(zipped.read_bytes()) == tar.read_bytes()
    assert zipped.read_bytes()[4:8] == bytes(4)  # no time
    assert zipped.stat().st_size < 2**20


def test_what_is_in_it_is_what_ships(folder: Path) -> None:
    for path in ROOT.rglob("*"):
        if path.is_file():
            copy = folder / "v1" / path.relative_to(ROOT)
            assert copy.read_bytes() == path.read_bytes()
    program = "import appendix_b; assert appendix_b.read_varint(bytes([128, 1]), 0) == (128, 2)"
    subprocess.run([sys.executable, "-I", "-c", f"import sys; sys.path[:0] = ['.']; {program}"],
                   cwd=folder, check=True)  # fmt: skip
    # The loop that its README shows is that of the program below.
    shown = (folder / "README.md").read_text("utf-8").split("```rust\n")[1].split("```")[0]
    assert shown in (WALKERS / "walk.rs").read_text("utf-8")


def named(folder: Path, value: str) -> list[str]:
    return (folder / value).read_text("ascii").splitlines()


def test_a_line_says_all_that_its_sidecar_says(folder: Path) -> None:
    lines = rows(folder)
    assert len(lines) == len(list(vectors()))
    for line, vector in zip(lines, vectors(), strict=True):
        assert None not in line and None not in line.values(), line
        data: dict[str, Any] = vector.data
        stem = f"v1/{vector.path.relative_to(ROOT).as_posix()[:-5]}"
        assert line["file"] == f"{stem}.{'json' if vector.file is None else 'plada'}"
        assert (folder / line["file"]).is_file()
        assert (line["role"], line["sentence"]) == (data["role"], data["sentence"])
        assert (line["code"] or None, line["class"] or None) == (data["code"], data["error_class"])
        assert (line["content_id"] or None) == data["content_id"]
        found = dict(pair.split("=") for pair in line["with"].split())
        for name in ("pool", "codes", "keys"):
            listed = found.pop(name, None)
            assert (None if listed is None else named(folder, listed)) == data.get(name)
        more = found.pop("more", None)
        assert (more is None) == (data["role"] in ("reader", "client", "verifier"))
        if more is not None:
            assert json.loads((folder / more).read_text()) == data
        assert USUAL | {name: int(value) for name, value in found.items()} == data["limits"]
        if data["role"] in ("reader", "client", "rewriter"):
            assert line["verdict"] == ("valid" if data["code"] is None else "refused")
        else:
            assert line["verdict"] in (data.get("answer"), data["verdict"], "refused")
            assert (line["verdict"] == "refused") == (
                data["role"] == "verifier" and data["answer"] is None
            )


def of_nine_bytes(data: bytes) -> str | None:
    """What the reader in the walkers says: a code, or None."""
    magic = b"\x89PLADA\r\n"
    if data[:8] != magic[: len(data)]:
        return "bad-magic"
    if len(data) < 9:
        return "truncated"
    return None if data[8] == 1 else "unknown-version"


@pytest.mark.slow
@pytest.mark.parametrize("language", ["rust", "java"])
def test_a_program_of_thirty_lines_walks_it(language: str, folder: Path, tmp_path: Path) -> None:
    if language == "rust":
        walker, program = WALKERS / "walk.rs", tmp_path / "walk"
        built = subprocess.run(
            [tool("rustc"), "--edition", "2021", "-D", "warnings", "-o", program, walker],
            capture_output=True,
            text=True,
        )
        assert built.returncode == 0, built.stderr
        command = [str(program)]
    else:
        walker = WALKERS / "Walk.java"
        tool("javac")  # java alone compiles nothing
        command = [tool("java"), str(walker)]
    assert len(walker.read_text("utf-8").splitlines()) <= 32
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    plain = [line for line in rows(folder) if line["role"] == "reader" and not line["with"]]
    assert len(plain) > 900
    wrong = [
        line
        for line in plain
        if of_nine_bytes((folder / line["file"]).read_bytes()) != (line["code"] or None)
        or line["verdict"] == "valid"
    ]
    assert done.stdout == f"{len(plain) - len(wrong)} right, {len(wrong)} wrong\n"
    assert done.stderr.splitlines() == [f"{line['file']}: {line['sentence']}" for line in wrong]
    assert len(plain) - len(wrong) > 5


def test_vectors_that_were_changed_are_not_packed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "v1"
    shutil.copytree(ROOT / "valid" / "container", root / "valid" / "container")
    (root / "manifest.json").write_text('{"sha256": {}}')
    monkeypatch.setattr(archive, "contents", partial(archive.contents, root))
    result = CliRunner().invoke(app, ["vectors", "-o", str(tmp_path / "x.tar")])
    assert result.exit_code == 2
    assert "do not fit their manifest" in result.output
    assert not (tmp_path / "x.tar").exists()
