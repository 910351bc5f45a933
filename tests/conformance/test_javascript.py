"""The reader in JavaScript, over every vector for readers and clients, through the protocol."""

import io
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from pladafmt import Codes, Payload, PoolRef, Rule, content_id, dumps

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


def run_module(name: str, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a program that gets one of the client's modules, and then `arguments`."""
    assert NODE is not None
    module = (CLIENT / name).as_uri()
    return subprocess.run(
        [NODE, "--input-type=module", "-e", program, module, *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


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
    assert hello["features"] == ["zstd", "weights", "dense", "rule"]
    assert hello["limits"] == {}


@pytest.mark.parametrize("role", ["reader", "client"])
def test_every_vector(talk: Talk, role: str) -> None:
    wrong = []
    vectors = list(sidecars(role))
    for number, (path, sidecar) in enumerate(vectors):
        asked = {each: sidecar[each] for each in ("limits", "pool", "codes") if each in sidecar}
        answer = talk.ask(do="read", id=number, file=str(path), **asked)
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


RULE = VECTORS / "valid" / "rules" / "rule_alone.plada"


def write_hex(path: Path, rows: list[str]) -> None:
    path.write_text("".join(f"{row}\n" for row in rows))


def write_numpy(path: Path, rows: list[str]) -> None:
    table = np.frombuffer(bytes.fromhex("".join(rows)), np.int8)
    with path.open("wb") as file:
        np.save(file, table.reshape(len(rows), -1))


@pytest.mark.parametrize("write", [write_hex, write_numpy])
def test_a_rule_from_the_command_line(
    tmp_path: Path, write: Callable[[Path, list[str]], None]
) -> None:
    sidecar = json.loads(RULE.with_suffix(".json").read_text())
    codes = tmp_path / "codes"
    write(codes, sidecar["codes"])
    done = subprocess.run(
        command("--codes", codes, RULE), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0
    assert json.loads(done.stdout) == {"verdict": "valid", "content_id": sidecar["content_id"]}
    assert done.stderr == ""
    write(codes, sidecar["codes"][1:])
    done = subprocess.run(
        command("--codes", codes, RULE), capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert json.loads(done.stdout) == {"verdict": "mismatch", "code": "codes-mismatch"}
    assert "the codes at hand are others, 4 columns of 39 images. Get the code" in done.stderr


def numpy_file(table: object, version: tuple[int, int] = (1, 0)) -> bytes:
    out = io.BytesIO()
    np.lib.format.write_array(out, np.asarray(table), version=version)
    return out.getvalue()


TABLE = np.zeros((3, 4), np.int8)
NO_TABLES = {
    "a stranger's bytes": (b"\x93NUMPZ" + bytes(100), "it is not a NumPy file of version 1.0"),
    "a lone byte": (b"\x93", "it is not a NumPy file of version 1.0"),
    "version 2.0": (numpy_file(TABLE, (2, 0)), "it is not a NumPy file of version 1.0"),
    "bytes without a sign": (numpy_file(TABLE.astype(np.uint8)), "'descr': '|u1'"),
    "Fortran's order": (numpy_file(np.asfortranarray(TABLE)), "'fortran_order': True"),
    "one dimension": (numpy_file(TABLE[0]), "'shape': (4,)"),
    "three dimensions": (numpy_file(TABLE[None]), "'shape': (1, 3, 4)"),
    "no columns": (numpy_file(TABLE[:, :0]), "it has 0 columns"),
    "1,025 columns": (numpy_file(np.zeros((1, 1025), np.int8)), "it has 1025 columns"),
    "cut short": (numpy_file(TABLE)[:-1], "it has 11 bytes for 3 rows of 4 codes"),
    "a byte more": (numpy_file(TABLE) + b"\0", "it has 13 bytes for 3 rows of 4 codes"),
}


def test_what_is_no_code_table() -> None:
    program = """
        const { readCodeTable } = await import(process.argv[1]);
        for (const file of process.argv.slice(2)) {
          try { readCodeTable(Uint8Array.from(Buffer.from(file, "hex"))); console.log("taken"); }
          catch (error) { console.log(JSON.stringify([error.name, error.message])); }
        }
    """
    files = [data.hex() for data, _ in NO_TABLES.values()]
    done = run_module("plada.js", program, numpy_file(TABLE).hex(), *files)
    taken, *said = done.stdout.splitlines()
    assert taken == "taken", done.stderr
    for line, (_, reason) in zip(said, NO_TABLES.values(), strict=True):
        name, sentence = json.loads(line)
        assert name == "RangeError"
        assert sentence.startswith("This is no code table: ")
        assert reason in sentence
        assert sentence.endswith("A NumPy file of int8 with a row for each image is needed.")


@pytest.mark.parametrize("text", ["0011\n00\n", "0011\n00xx\n"])
def test_rows_that_are_no_codes(tmp_path: Path, text: str) -> None:
    codes = tmp_path / "codes"
    codes.write_text(text)
    done = subprocess.run(
        command("--codes", codes, RULE), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "Row 1 is not 2 codes in hexadecimal.\n"


def test_a_large_rule_is_evaluated_in_slices(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    table = Codes(random.integers(-128, 128, (30_000, 20), dtype=np.int8))
    rule = Rule(
        table.id_of(29_999)[:8],
        random.integers(-15, 16, (40, 20)),
        random.integers(-999, 1000, 40),
        random.integers(0, 5000, 40),
    )
    kept = rule.keep(table, 29_999)
    payload = Payload(PoolRef(bytes(32), 29_999), 40, kept.positions, kept.labels)
    file, codes = tmp_path / "task.plada", tmp_path / "codes.npy"
    file.write_bytes(dumps(payload, rule=rule, codes=table))
    np.save(codes, table.table)
    program = """
        import { readFileSync } from "node:fs";
        const { read, readCodeTable } = await import(process.argv[1]);
        const [file, codes] = process.argv.slice(2).map((path) => readFileSync(path));
        let turns = 0;
        globalThis.MessageChannel = class extends MessageChannel {
          constructor() { super(); turns += 1; }
        };
        const { contentId, margins } = await read(file, { codes: readCodeTable(codes) });
        console.log(JSON.stringify({ contentId, turns, margins: Array.from(margins) }));
    """
    done = run_module("plada.js", program, str(file), str(codes))
    found = json.loads(done.stdout)
    assert found["contentId"] == content_id(payload).hex()
    assert found["margins"] == kept.margins.tolist()
    assert found["turns"] == 3 + 1  # in the tree of codes, and in the rule


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
    done = run_module("zstd.js", program, frame)
    assert done.stdout.strip() == code, done.stderr
