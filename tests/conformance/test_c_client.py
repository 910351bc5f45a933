"""The client in C agrees with every vector of its roles. It is built here and spoken with."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CONFORMANCE = Path(__file__).resolve().parents[2] / "conformance"
VECTORS = CONFORMANCE / "vectors" / "v1"
ROLES = ("reader", "client", "verifier")


@pytest.fixture(scope="module")
def program(built: Path) -> Path:
    return built / "plada-client"


class Conversation:
    def __init__(self, program: Path) -> None:
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert answer.pop("id", None) == request.get("id")
        return answer


@pytest.fixture(scope="module")
def client(program: Path) -> Iterator[Conversation]:
    conversation = Conversation(program)
    with conversation.process as process:
        yield conversation
        assert process.stdin
        process.stdin.write('{"do": "bye"}\n')
        process.stdin.close()
        assert process.wait(10) == 0


def vectors(role: str) -> list[tuple[Path, dict[str, Any]]]:
    sidecars = [(path, json.loads(path.read_text())) for path in sorted(VECTORS.glob("*/*/*.json"))]
    chosen = [(path.with_suffix(".plada"), one) for path, one in sidecars if one["role"] == role]
    assert chosen
    return chosen


def codes(vector: dict[str, Any]) -> dict[str, Any]:
    """The member of a request for a file with a rule."""
    return {"codes": vector["codes"]} if "codes" in vector else {}


def wanted(vector: dict[str, Any]) -> dict[str, Any]:
    if vector["verdict"] == "valid":
        return {"verdict": "valid", "content_id": vector["content_id"]}
    return {"verdict": vector["verdict"], "code": vector["code"]}


def test_handshake(client: Conversation) -> None:
    answer = client.ask(do="hello", protocol=1)
    assert answer["protocol"] == 1
    assert answer["roles"] == list(ROLES)
    assert answer["features"] == ["zstd", "weights", "dense", "rule"]
    assert answer["limits"] == {}


@pytest.mark.parametrize("role", ["reader", "client"])
def test_readings(client: Conversation, role: str) -> None:
    differing = {}
    for number, (file, vector) in enumerate(vectors(role)):
        request = {"file": str(file), "limits": vector["limits"], "pool": vector["pool"]}
        answer = client.ask(do="read", id=number, **request, **codes(vector))
        if answer != wanted(vector):
            differing[vector["id"]] = answer
    assert not differing


def test_signatures(client: Conversation) -> None:
    differing = {}
    for number, (file, vector) in enumerate(vectors("verifier")):
        answer = client.ask(do="verify", id=number, file=str(file), keys=vector["keys"])
        right = {"answer": vector["answer"], "code": vector["code"]}
        if vector["answer"] is None:
            right = wanted(vector)
        if answer != {key: value for key, value in right.items() if value is not None}:
            differing[vector["id"]] = answer
    assert not differing


def test_without_the_protocol(program: Path, tmp_path: Path) -> None:
    with_codes = [each for each in vectors("reader") if "codes" in each[1]]
    for file, vector in vectors("client") + with_codes:
        if "work" in vector["limits"]:
            continue  # Limits cannot be passed on.
        options: list[str | Path] = []
        for name, member in (("--pool", "pool"), ("--codes", "codes")):
            if vector.get(member) is not None:
                lines = tmp_path / member
                lines.write_text("".join(row + "\n" for row in vector[member]))
                options += [name, lines]
        done = subprocess.run([program, *options, file], capture_output=True, text=True)
        assert done.returncode == (0 if vector["verdict"] == "valid" else 1)
        assert json.loads(done.stdout) == wanted(vector)


@pytest.mark.parametrize("lines", ["00\n0000\n", "0\n", "gg\n", "\n", "00" * 1025])
def test_codes_that_are_none(program: Path, tmp_path: Path, lines: str) -> None:
    path = tmp_path / "codes"
    path.write_text(lines)
    file = VECTORS / "valid" / "rules" / "rule_alone.plada"
    done = subprocess.run([program, "--codes", path, file], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert "codes" in done.stderr
