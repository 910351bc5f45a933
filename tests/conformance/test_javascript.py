"""The reader in JavaScript, over every vector for readers and clients, through the protocol."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLIENT = ROOT / "conformance" / "clients" / "javascript"
VECTORS = ROOT / "conformance" / "vectors" / "v1"
NODE = shutil.which("node")


def node_version() -> int:
    """The number before the first dot, or 0 without Node."""
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=True).stdout
    return int(said.strip().removeprefix("v").partition(".")[0])


pytestmark = [
    pytest.mark.skipif(NODE is None, reason="node is not installed"),
    pytest.mark.skipif(0 < node_version() < 20, reason="the client needs Node 20"),
    pytest.mark.skipif(
        not (CLIENT / "node_modules" / "fzstd").is_dir(),
        reason="run npm install in conformance/clients/javascript",
    ),
]


def sidecars(role: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Yield the file and the sidecar of each vector of `role`."""
    for path in sorted(VECTORS.glob("*/*/*.json")):
        sidecar = json.loads(path.read_text(encoding="utf-8"))
        if sidecar["role"] == role:
            yield path.with_suffix(".plada"), sidecar


def command(*arguments: str | Path) -> list[str]:
    assert NODE is not None
    return [NODE, str(CLIENT / "client.js"), *map(str, arguments)]


class Talk:
    """The client at work, asked in the runner's words."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self.stdin: IO[str] = process.stdin
        self.stdout: IO[str] = process.stdout

    def ask(self, **request: object) -> dict[str, Any]:
        self.stdin.write(json.dumps(request) + "\n")
        self.stdin.flush()
        answer = json.loads(self.stdout.readline())
        assert isinstance(answer, dict)
        return answer


@pytest.fixture
def talk() -> Iterator[Talk]:
    process = subprocess.Popen(
        command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    try:
        talk = Talk(process)
        yield talk
        talk.stdin.write('{"do": "bye"}\n')
        talk.stdin.close()
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        talk.stdout.close()


def test_it_says_what_it_is(talk: Talk) -> None:
    hello = talk.ask(do="hello", protocol=1)
    assert hello["protocol"] == 1
    assert hello["roles"] == ["reader", "client"]
    assert hello["features"] == ["zstd", "weights", "dense"]
    assert hello["limits"] == {}


@pytest.mark.parametrize("role", ["reader", "client"])
def test_every_vector(talk: Talk, role: str) -> None:
    wrong = []
    vectors = list(sidecars(role))
    for number, (path, sidecar) in enumerate(vectors):
        answer = talk.ask(
            do="read", id=number, file=str(path), limits=sidecar["limits"], pool=sidecar["pool"]
        )
        expected = {"id": number, "verdict": sidecar["verdict"]}
        if sidecar["verdict"] == "valid":
            expected["content_id"] = sidecar["content_id"]
        else:
            expected["code"] = sidecar["code"]
        if answer != expected:
            wrong.append((sidecar["id"], expected, answer))
    assert vectors
    assert not wrong


def test_it_goes_on_after_a_file_that_is_not_there(talk: Talk, tmp_path: Path) -> None:
    answer = talk.ask(do="read", id=1, file=str(tmp_path / "missing"), limits={}, pool=None)
    assert answer == {"id": 1, "verdict": "internal", "code": "x-internal"}
    assert talk.ask(do="verify", id=2, file="", keys=[]) == {"id": 2, "verdict": "refused"}


@pytest.mark.parametrize(("verdict", "status"), [("valid", 0), ("corrupt", 1), ("mismatch", 1)])
def test_one_file_from_the_command_line(tmp_path: Path, verdict: str, status: int) -> None:
    path, sidecar = next(pair for pair in sidecars("client") if pair[1]["verdict"] == "mismatch")
    data = bytearray(path.read_bytes())
    if verdict == "corrupt":
        data[-1] ^= 1
    file = tmp_path / "task.plada"
    file.write_bytes(data)
    pool = tmp_path / "pool"
    pool.write_text("".join(f"{digest}\n" for digest in sidecar["pool"]))
    arguments = ["--pool", pool, file] if verdict == "mismatch" else [file]
    done = subprocess.run(command(*arguments), capture_output=True, text=True, check=False)
    assert done.returncode == status
    assert json.loads(done.stdout)["verdict"] == verdict


# Frames that fzstd alone takes for minutes, and reads beyond their end; from a fuzzer and by hand.
HOSTILE_FRAMES = {
    "98,303 matches of a block with no bits for them": (
        "28b52ffd6000105500000961ffffff5400003480",
        "zstd-corrupt",
    ),
    "an offset before the content": ("28b52ffd200e4500000861015401020a07", "zstd-corrupt"),
}


@pytest.mark.parametrize("name", HOSTILE_FRAMES)
def test_hostile_frames_end_soon(name: str) -> None:
    frame, code = HOSTILE_FRAMES[name]
    program = """
        const { examine, decode } = await import(process.argv[1]);
        const frame = Uint8Array.from(Buffer.from(process.argv[2], "hex"));
        try { decode(frame, examine(frame, 0)); } catch (error) { console.log(error.code); }
    """
    assert NODE is not None
    module = (CLIENT / "zstd.js").as_uri()
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", program, module, frame],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert done.stdout.strip() == code, done.stderr
