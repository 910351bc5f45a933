"""The runner against clients that hang, crash, eat memory, lie, flood, and leave things behind."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import jsonschema
import psutil
import pytest
from plada_conformance import grading, reports, run
from plada_conformance.cli import app
from plada_conformance.conversation import ROLES, NotScored
from plada_conformance.environment import OWN
from plada_conformance.process import MIB, Bounds
from plada_conformance.vectors_on_disk import ROOT, vectors
from typer.testing import CliRunner

QUICK = Bounds(seconds=1.5, memory=200 * MIB, output=MIB)

SCRIPT = """
import json, os, subprocess, sys, time
from plada_conformance.clients import plain

def misbehave(request, answer):
{body}

for line in sys.stdin:
    request = json.loads(line)
    if request["do"] == "bye":
        break
    if request["do"] == "hello":
        answer = dict(protocol=1, name="bad", version="0", roles=["reader"],
                      features=["zstd", "weights", "dense", "rule"], limits={{}})
    else:
        answer = dict(plain.read(request), id=request["id"])
        answer = misbehave(request, answer)
    sys.stdout.write(json.dumps(answer) + "\\n")
    sys.stdout.flush()
"""

NAMES = [word for name in OWN for word in ("--env", name)]

VICTIM = "label_c"
"""The vector on which the clients below misbehave: the only one with this size and code."""


def client(tmp_path: Path, body: str) -> list[str]:
    script = tmp_path / "client.py"
    indented = "\n".join(f"    {line}" for line in body.strip().splitlines())
    script.write_text(SCRIPT.format(body=indented), "utf-8")
    return [sys.executable, str(script)]


def on_victim(action: str) -> str:
    data = (ROOT / f"invalid/labels/{VICTIM}.plada").read_bytes()
    return f"""
if open(request["file"], "rb").read() == bytes.fromhex("{data.hex()}"):
    {action}
return answer
"""


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of a few vectors with a manifest of its own."""
    root = tmp_path_factory.mktemp("suite")
    chosen = ["labels", "container", "signature"]
    digests = {}
    for vector in vectors():
        if vector.path.parent.name not in chosen:
            continue
        for path in (vector.path, vector.file):
            if path is None:
                continue
            target = root / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            name = path.relative_to(ROOT).as_posix()
            digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {"specification_sha256": "0" * 64, "sha256": digests}
    (root / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return root


def children() -> set[psutil.Process]:
    return {
        each
        for each in psutil.Process().children(recursive=True)
        if each.status() != psutil.STATUS_ZOMBIE
    }


@pytest.fixture
def left_behind() -> Callable[[], set[psutil.Process]]:
    """Return the processes that the test has left; multiprocessing may have begun some before."""
    before = children()
    return lambda: children() - before


def outcome(result: run.Result, name: str) -> grading.Outcome:
    (found,) = [each for each in result.outcomes if each.id == name]
    return found


@pytest.mark.parametrize(
    ("action", "trouble"),
    [
        ("time.sleep(60)", "hang"),
        ("while True: pass", "hang"),
        ("os.abort()", "crash"),
        ("sys.exit(0)", "crash"),
        ("raise RuntimeError('boom')", "crash"),
        ("answer['held'] = len(bytearray(300 * 2**20)); time.sleep(60)", "memory"),
        ("while True: sys.stdout.write('x' * 10000)", "flood"),
        ("sys.stdout.write('no json\\n')", "garbage"),
        ("answer['id'] = 10**9", "garbage"),
        ("os.close(1); time.sleep(60)", "hang"),
        ("subprocess.Popen(['sleep', '600'], start_new_session=True); os._exit(3)", "crash"),
    ],
)
@pytest.mark.slow
def test_trouble_is_named_and_the_rest_is_scored(
    tmp_path: Path,
    few: Path,
    left_behind: Callable[[], set[psutil.Process]],
    action: str,
    trouble: str,
) -> None:
    command = client(tmp_path, on_victim(action))
    result = run.run(command, bounds=QUICK, root=few, seed=1, env=OWN, fresh=False)
    victim = outcome(result, VICTIM)
    assert (victim.trouble, victim.passed, victim.grade) == (trouble, False, 0), victim.found
    assert [each.id for each in result.failures] == [VICTIM]
    assert not result.ok
    assert not left_behind()


@pytest.mark.parametrize(
    ("body", "grade"),
    [
        ("return dict(answer, verdict='refused') if answer['verdict'] != 'valid' else answer", 2),
        ("return dict(answer, code='truncated') if 'code' in answer else answer", 3),
        ("answer.get('content_id') and answer.update(content_id='0' * 64)\nreturn answer", 1),
        ("if answer.get('code') == 'label-range': return dict(id=answer['id'], verdict='valid',"
         " content_id='0' * 64)\nreturn answer", 0),
        ("if answer.get('code') == 'label-range': time.sleep(1.1)\nreturn answer", 4),
        ("if answer.get('code') == 'label-range': bytearray(100 * 2**20)\nreturn answer", 4),
    ],
)  # fmt: skip
@pytest.mark.slow
def test_grades(tmp_path: Path, few: Path, body: str, grade: int) -> None:
    result = run.run(client(tmp_path, body), bounds=QUICK, root=few, seed=2, env=OWN, fresh=False)
    assert result.grade("reader") == grading.GRADES[grade]


@pytest.mark.parametrize(
    "body",
    [
        "return dict(id=answer['id'], verdict='malformed', code='bad-magic')",
        "return dict(id=answer['id'], verdict='valid', content_id='0' * 64)",
        # A list of the suite's answers, and nothing behind it.
        "return dict(id=answer['id'], verdict='refused')",
    ],
)
def test_a_client_that_does_not_look(
    tmp_path: Path, few: Path, left_behind: Callable[[], set[psutil.Process]], body: str
) -> None:
    with pytest.raises(NotScored, match="all of 8 files that were made for this run"):
        run.run(client(tmp_path, body), bounds=QUICK, root=few, env=OWN)
    assert not left_behind()


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        (["/nonexistent/client"], "cannot be started"),
        ([sys.executable, "-c", "pass"], "does not answer the greeting"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "no answer after"),
        ([sys.executable, "-c", "print('{\"protocol\": 2}')"], "speaks protocol 2"),
        ([sys.executable, "-c", "print('{\"protocol\": 1}')"], "name is missing"),
        (
            [
                sys.executable,
                "-c",
                'print(\'{"protocol": 1, "name": "", "version": "", "roles": [], \''
                '\'"features": [], "limits": {"kept": "9"}}\')',
            ],
            "limits has values",
        ),
    ],
)
@pytest.mark.slow
def test_clients_that_cannot_be_scored(
    few: Path, left_behind: Callable[[], set[psutil.Process]], command: list[str], problem: str
) -> None:
    with pytest.raises(NotScored, match=problem):
        run.run(command, bounds=QUICK, root=few, env=OWN)
    assert not left_behind()


@pytest.mark.slow
def test_a_client_without_dense(tmp_path: Path) -> None:
    script = """
from plada_conformance import plain_decoder
from plada_conformance.clients import plain
from plada_conformance.serve import serve
from pathlib import Path

def read(request):
    limits = plain_decoder.Limits(**request["limits"])
    try:
        content = plain_decoder.decode(Path(request["file"]).read_bytes(), limits=limits,
                                       known_features=1)
    except plain_decoder.Refused as refused:
        return plain.refusal(refused)
    return dict(verdict="valid", content_id=content.content_id.hex())

serve(dict(read=read), name="small", version="1", roles=["reader"], features=["zstd"])
"""
    (tmp_path / "small.py").write_text(script, "utf-8")
    result = run.run([sys.executable, str(tmp_path / "small.py")], env=OWN)
    assert result.ok and result.grade("reader") == "resources"
    assert list(result.left_out) == ["faults behind a feature that the client does not know"]


@pytest.mark.slow
def test_reports(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    command = client(tmp_path, on_victim("answer['code'] = '<b>\\x1b[2J'"))
    expected = tmp_path / "expected.txt"
    expected.write_text(f"# known\n{VICTIM}\n", "utf-8")

    def call(*options: str) -> Any:
        return CliRunner().invoke(app, ["run", *NAMES, *options, "--", *command])

    failing = call("--json", str(tmp_path / "r.json"), "--junit", str(tmp_path / "r.xml"))
    assert failing.exit_code == 1
    assert VICTIM in failing.output and "\x1b" not in failing.output
    report = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert not report["ok"] and report["roles"]["reader"]["grade"] == "class"
    suites = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert [case.get("name") for case in suites.iter("testcase") if len(case)] == [VICTIM]

    assert call("--expected-failures", str(expected)).exit_code == 0
    expected.write_text("worked_example\n", "utf-8")
    passing = call("--expected-failures", str(expected))
    assert passing.exit_code == 1 and "take it off the list" in passing.output
    expected.write_text("no_such_vector\n", "utf-8")
    assert call("--expected-failures", str(expected)).exit_code == 2

    refused = CliRunner().invoke(
        app, ["certify", str(tmp_path / "r.json"), "-o", str(tmp_path / "c.json")]
    )
    assert refused.exit_code == 1 and not (tmp_path / "c.json").exists()

    # A file on standard output is alone there.
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    capfdbinary.readouterr()
    piped = call("--json", "-")
    assert (piped.exit_code, piped.stdout) == (1, "") and VICTIM in piped.stderr
    said = json.loads(capfdbinary.readouterr().out)
    assert not said["ok"] and set(tmp_path.iterdir()) == before
    assert not Path("/dev/stdout-failed").exists()
    both = call("--json", "-", "--junit", "-")
    assert both.exit_code == 2 and "Only one file" in both.stderr


@pytest.mark.slow
def test_certificate(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    script = tmp_path / "client.py"
    script.write_text("from plada_conformance.clients.plain import main\nmain()\n", "utf-8")
    result = run.run([sys.executable, str(script)], env=OWN)
    report = reports.as_json(result)
    found = reports.certificate(report, date="2026-11-22")
    assert set(found["roles"]) == set(ROLES)
    assert found["client_files_sha256"].keys() == {Path(sys.executable).name, "client.py"}
    (tmp_path / "report.json").write_bytes(reports.dump(report))
    command = ["certify", str(tmp_path / "report.json"), "--date", "2026-11-22", "-o", "-"]
    piped = CliRunner().invoke(app, command)
    assert (piped.exit_code, piped.stdout) == (0, ""), piped.output
    assert json.loads(capfdbinary.readouterr().out) == found
    script.write_text("# changed\n" + script.read_text("utf-8"), "utf-8")
    with pytest.raises(ValueError, match="client's files"):
        reports.certificate(report)


@pytest.mark.slow
def test_by_file(tmp_path: Path) -> None:
    decoder = tmp_path / "decode"
    decoder.write_text(
        f"#!{sys.executable}\nimport sys\nfrom plada_conformance.plain_decoder import main\n"
        "sys.exit(main())\n",
        "utf-8",
    )
    decoder.chmod(0o755)
    few_ids = {"worked_example", "label_c", "two_images_swapped", "same_pool"}
    few_ids |= {"client_without_images", "rule_alone"}
    root = tmp_path / "suite"
    digests = {}
    for vector in vectors():
        if vector.id in few_ids:
            for path in (vector.path, vector.file):
                assert path is not None
                name = path.relative_to(ROOT).as_posix()
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(path.read_bytes())
                digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {"specification_sha256": "0" * 64, "sha256": digests}
    (root / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    result = run.run([str(decoder)], by_file=True, root=root, env=OWN, fresh=False)
    assert result.ok, reports.table(result)
    assert len(result.outcomes) == 6

    decoder.write_text(f"#!{sys.executable}\nraise SystemExit(2)\n", "utf-8")
    with pytest.raises(NotScored):
        run.run([str(decoder)], by_file=True, root=root, env=OWN)


@pytest.mark.slow
def test_what_is_said_fits_the_schemas(tmp_path: Path) -> None:
    folder = Path(reports.__file__).parent / "schemas"
    schemas = {
        name: json.loads((folder / f"{name}.json").read_text("utf-8"))
        for name in ("request", "answer")
    }
    log = tmp_path / "log"
    script = tmp_path / "logging_client.py"
    script.write_text(
        f"""
import subprocess, sys
other = subprocess.Popen([sys.executable, "-m", "plada_conformance.clients.reference"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
with open({str(log)!r}, "wb") as log:
    for line in sys.stdin.buffer:
        log.write(b"request " + line)
        other.stdin.write(line)
        other.stdin.flush()
        if b'"bye"' in line:
            break
        answer = other.stdout.readline()
        log.write(b"answer " + answer)
        sys.stdout.buffer.write(answer)
        sys.stdout.flush()
    other.wait()
""",
        "utf-8",
    )
    result = run.run([sys.executable, str(script)], env=OWN)
    assert result.ok, reports.table(result)
    validators = {name: jsonschema.Draft202012Validator(schemas[name]) for name in schemas}
    for line in log.read_bytes().splitlines():
        kind, _, text = line.partition(b" ")
        validators[kind.decode()].validate(json.loads(text))
