"""What a client is started in: its environment, its desk, and how its memory is counted."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest
from plada_conformance.conversation import Client, NotScored
from plada_conformance.desk import Desk
from plada_conformance.environment import OWN, environment
from plada_conformance.process import MIB, Bounds, Process

HELLO = """
import json, mmap, os, shutil, sys
for line in sys.stdin:
    request = json.loads(line)
    answer = dict(id=request.get("id"), protocol=1, name="x", version="0", roles=["reader"],
                  features=[], limits={})
    if request["do"] == "read":
        folder = os.path.dirname(request["file"])
        {action}
    print(json.dumps(answer), flush=True)
"""


def script(action: str) -> list[str]:
    return [sys.executable, "-c", HELLO.replace("{action}", action)]


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    folder = tmp_path / "desks"
    folder.mkdir()
    return folder


# ---------------------------------------------------------------- Environment


def test_a_client_gets_few_variables(monkeypatch: pytest.MonkeyPatch, parent: Path) -> None:
    monkeypatch.setenv("PLADA_SECRET", "s3cret")
    monkeypatch.setenv("LANG", "C.UTF-8")
    say = "answer['variables'] = dict(os.environ)"
    with Desk(Random(1), str(parent)) as desk:
        for more in ((), ("PLADA_SECRET",)):
            with Client(script(say), Bounds(), desk, more) as client:
                answer = client.ask({"do": "read", "file": desk.lay(b"")}).answer
            assert answer is not None
            given = answer["variables"]
            # Python itself adds LC_CTYPE.
            assert set(given) <= {"PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "LC_CTYPE", *more}
            assert given["HOME"] == desk.folder
            assert (given["PATH"], given["LANG"]) == (os.environ["PATH"], "C.UTF-8")
            assert given.get("PLADA_SECRET") == ("s3cret" if more else None)


def test_a_variable_that_is_not_there(monkeypatch: pytest.MonkeyPatch, parent: Path) -> None:
    monkeypatch.delenv("PLADA_SECRET", raising=False)
    with (
        Desk(Random(1), str(parent)) as desk,
        Client(script("pass"), Bounds(), desk, ["PLADA_SECRET"]) as client,
        pytest.raises(NotScored, match="no variable 'PLADA_SECRET' to pass on; set it"),
    ):
        client.hello()
    assert environment("/home", ["PATH", "HOME"])["HOME"] == os.environ["HOME"]
    assert set(OWN) <= {"PYTHONPATH"}


# ---------------------------------------------------------------- The desk


@pytest.mark.parametrize(
    ("action", "word"),
    [
        ("os.rename(folder, folder + '-gone'); os.symlink({target!r}, folder)", "symbolic link"),
        ("os.rename(folder, folder + '-gone'); os.mkdir(folder)", "something else"),
        ("shutil.rmtree(folder)", "removed"),
    ],
)
def test_a_desk_that_is_replaced(tmp_path: Path, parent: Path, action: str, word: str) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / "file").write_text("mine", "utf-8")
    once = f"if 'second' not in request: {action.replace('{target!r}', repr(str(target)))}"
    with (
        Desk(Random(1), str(parent)) as desk,
        Client(script(once), Bounds(), desk) as client,
    ):
        reply = client.ask({"do": "read", "file": desk.lay(b"1")})
        assert reply.trouble == "desk" and word in reply.detail
        desk.clear()
        # It goes on with a new desk, which is the client's new home.
        reply = client.ask({"do": "read", "file": desk.lay(b"2"), "second": True})
        assert reply.trouble is None
        desk.clear()
    assert [path.name for path in target.iterdir()] == ["file"]
    assert all(not any(folder.iterdir()) for folder in parent.iterdir())


def test_a_desk_is_cleared_of_whatever_lies_there(tmp_path: Path, parent: Path) -> None:
    target = tmp_path / "precious"
    target.mkdir()
    (target / "file").write_text("mine", "utf-8")
    with Desk(Random(1), str(parent)) as desk:
        path = Path(desk.lay(b"data"))
        assert path.read_bytes() == b"data"
        (path.parent / "deep" / "er").mkdir(parents=True)
        (path.parent / "deep" / "link").symlink_to(target)
        (path.parent / "link").symlink_to(target)
        path.parent.chmod(0)
        desk.clear()
        assert not any(Path(desk.folder).iterdir()) and desk.problem() is None
    assert not any(parent.iterdir())
    assert (target / "file").read_text("utf-8") == "mine"


def test_a_link_in_place_of_a_desk_goes_at_the_end(tmp_path: Path, parent: Path) -> None:
    desk = Desk(Random(1), str(parent))
    desk.lay(b"data")
    shutil.move(desk.folder, parent / "elsewhere")
    Path(desk.folder).symlink_to(tmp_path)
    desk.remove()
    assert [path.name for path in parent.iterdir()] == ["elsewhere"]
    assert not any((parent / "elsewhere").iterdir())


# ---------------------------------------------------------------- Its end


@pytest.mark.parametrize("whole_output", [False, True])
def test_what_a_client_writes_last_is_read(
    whole_output: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = "import sys; sys.stdin.readline(); print('{\"x\": 1}')"
    process = Process([sys.executable, "-c", quick], Bounds(), environment("/"))
    select = process._selector.select

    def late(seconds: float) -> list[object]:
        # Nothing is there yet. Then the client writes and ends before anyone looks again.
        monkeypatch.setattr(process._selector, "select", select)
        process._popen.wait()
        return []

    monkeypatch.setattr(process._selector, "select", late)
    reply = process.finish() if whole_output else process.ask({})
    process.stop()
    assert (reply.answer, reply.trouble) == ({"x": 1}, None)


def test_a_client_that_leaves_its_output_to_another(tmp_path: Path) -> None:
    leaves = "import subprocess, sys; subprocess.Popen(['sleep', '30']); print('{}')"
    process = Process([sys.executable, "-c", leaves], Bounds(), environment("/"))
    reply = process.finish()
    assert reply.answer == {} and reply.seconds < 5


# ---------------------------------------------------------------- Memory


@pytest.fixture
def ask() -> Callable[[str], tuple[str | None, int]]:
    def ask(action: str) -> tuple[str | None, int]:
        bounds = Bounds(seconds=5, memory=120 * MIB)
        process = Process(script(action), bounds, environment("/"))
        reply = process.ask({"do": "read", "file": "/x", "id": 1})
        process.stop()
        assert json.dumps(reply.answer)
        return reply.trouble, reply.memory // MIB

    return ask


WRITTEN = "f = os.memfd_create('x'); [os.write(f, bytes(2**20)) for _ in range({mib})]"
MAPPED = (
    "f = os.memfd_create('x'); os.ftruncate(f, {mib} << 20); m = mmap.mmap(f, {mib} << 20); "
    "[m.__setitem__(at, 1) for at in range(0, {mib} << 20, 4096)]"
)


@pytest.mark.skipif(sys.platform != "linux", reason="memfd is Linux's")
def test_files_in_memory_count(ask: Callable[[str], tuple[str | None, int]]) -> None:
    trouble, memory = ask(WRITTEN.replace("{mib}", "60"))
    assert trouble is None and 60 <= memory < 110
    trouble, memory = ask(WRITTEN.replace("{mib}", "200") + "; import time; time.sleep(9)")
    assert trouble == "memory"
    # What is mapped is in the resident size already, and counts once.
    trouble, memory = ask(MAPPED.replace("{mib}", "60"))
    assert trouble is None and 60 <= memory < 110
