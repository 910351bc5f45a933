"""The client in Rust agrees with the whole suite. It is built here, with its arithmetic checked."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from plada_conformance import run
from plada_conformance.appendix_b import (
    Distances,
    Encoder,
    content_id,
    write_chunk,
    write_split,
    write_varint,
)
from plada_conformance.environment import OWN
from plada_conformance.vectors_on_disk import ROOT

from .conftest import tool

SOURCE = Path(__file__).resolve().parents[2] / "conformance" / "clients" / "rust"
RULE = ROOT / "valid" / "rules" / "rule_alone.plada"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    cargo = tool("cargo")
    said = subprocess.run([cargo, "--version"], capture_output=True, text=True, check=True).stdout
    if [int(part) for part in said.split()[1].split(".")[:2]] < [1, 80]:
        pytest.skip("the client needs Rust 1.80")
    target = tmp_path_factory.mktemp("rust_client")
    built = subprocess.run(
        [cargo, "build", "--offline", "--locked", "--target-dir", target],
        cwd=SOURCE,
        env={**os.environ, "RUSTFLAGS": "-D warnings"},
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return target / "debug" / "plada-client"


def read(program: Path, *arguments: str | Path) -> tuple[int, dict[str, str], str]:
    """Exit status, reading and standard error of the client on a command line."""
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=20)
    return done.returncode, json.loads(done.stdout or "{}"), done.stderr


def test_the_suite(program: Path) -> None:
    result = run.run([str(program)], seed=1, env=OWN)
    assert [(each.id, each.found) for each in result.failures] == []
    assert result.goodbye is None
    assert result.roles == ["reader", "client"]
    assert result.client["features"] == ["zstd", "weights", "dense", "rule"]


def test_without_the_protocol(program: Path, tmp_path: Path) -> None:
    result = run.run([str(program)], seed=1, env=OWN, roles=["client"], by_file=True, fresh=False)
    assert [(each.id, each.found) for each in result.failures] == []
    sidecar = json.loads(RULE.with_suffix(".json").read_text())
    codes = tmp_path / "codes"
    codes.write_text("".join(f"{row}\n" for row in sidecar["codes"]))
    valid = {"verdict": "valid", "content_id": sidecar["content_id"]}
    assert read(program, "--codes", codes, RULE) == (0, valid, "")
    assert read(program, RULE) == (1, {"verdict": "mismatch", "code": "codes-mismatch"}, "")


@pytest.mark.parametrize("lines", ["", "\n", "00\n0000\n", "0\n", "gg\n"])
def test_codes_that_are_none(program: Path, tmp_path: Path, lines: str) -> None:
    codes = tmp_path / "codes"
    codes.write_text(lines)
    status, reading, said = read(program, "--codes", codes, RULE)
    assert (status, reading) == (2, {})
    assert "x-bad" in said
    assert "usage: " in said


def test_it_goes_on_after_what_it_does_not_know(program: Path, tmp_path: Path) -> None:
    requests = [
        {"do": "read", "id": 1, "file": str(tmp_path / "missing")},
        {"do": "salvage", "id": 2, "file": str(RULE), "head_file": None},
        {"do": "read", "id": 3, "file": str(RULE), "pool": ["00"]},
        {"do": "read", "id": 4, "file": str(RULE)},
        {"do": "bye"},
    ]
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    done = subprocess.run([program], input=lines, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0
    codes = [json.loads(line)["code"] for line in done.stdout.splitlines()]
    assert codes == ["x-unreadable", "x-unknown-request", "x-bad-pool", "codes-mismatch"]


def file_of(path: Path, head: bytes, *chunks: tuple[int, bytes]) -> Path:
    """A file of a body of HEAD and chunks, each with its type."""
    first = write_chunk(1, head)
    seed = int.from_bytes(first[-4:], "little")
    others = [write_chunk(kind, body, seed) for kind, body in (*chunks, (4, b""))]
    path.write_bytes(b"\x89PLADA\r\n\x01" + first + b"".join(others))
    return path


def frame(block: str, size: int) -> bytes:
    """A frame of a hundred times x and one compressed block, which adds `size` bytes."""
    body = bytes.fromhex(block)
    header = bytes.fromhex("28b52ffd20") + bytes([100 + size]) + bytes.fromhex("22030078")
    return header + (len(body) << 3 | 5).to_bytes(3, "little") + body


# What RFC 8878 says, and some decoders do not do.
CORNERS = {
    "a table of one symbol": (frame("20 61626364 01 58 04 00 f003 20", 7), False),
    "four streams of 6 literals": (frame("660003 8010 010001000100 07060701 00", 6), True),
    "four streams of 4 literals": (frame("460003 8010 010001000100 03020302 00", 4), False),
    "a Huffman stream of nothing": (frame("02c000 8010 01 00", 0), True),
    "codes of 11 bits": (frame("120002 8aba9876543210 03 00", 1), True),
    "codes of 12 bits": (frame("120002 8bcba987654321 03 00", 1), False),
    "80 00 for no sequences": (frame("08 61 8000", 1), True),
    "a byte after no sequences": (frame("08 61 00 00", 1), False),
}


@pytest.mark.parametrize("corner", CORNERS)
def test_corners_of_zstandard(program: Path, tmp_path: Path, corner: str) -> None:
    compressed, right = CORNERS[corner]
    pool = bytes(32)
    check = content_id((pool, 0), 1, None, None, None, [], [], None)[:4]
    head = pool + bytes([0, 0, 1, 0, 0]) + check
    file = file_of(tmp_path / "corner.plada", head, (0xC1, b"\x01" + compressed))
    # What is decoded is no JSON.
    code = "metadata-json" if right else "zstd-corrupt"
    assert read(program, file)[:2] == (1, {"verdict": "malformed", "code": code})


def dense(distances: list[int]) -> bytes:
    coder, model = Encoder(), Distances()
    for distance in distances:
        model.write(coder, distance)
    stream: bytes = coder.finish()
    return stream


BEYOND = [2**53 - 1] * 2049
"""Gaps or runs, whose sum exceeds 64 bits."""


@pytest.mark.parametrize(
    ("encoding", "stream", "code"),
    [
        (1, write_split(BEYOND), "distance-total"),
        (2, write_varint(1025) + write_split(BEYOND), "run-total"),
        (3, dense(BEYOND), "distance-total"),
    ],
)
def test_sums_beyond_64_bits(
    program: Path, tmp_path: Path, encoding: int, stream: bytes, code: str
) -> None:
    pool_size, count = write_varint(2**53 - 1), write_varint(2050)
    features = bytes([4 if encoding == 3 else 0])
    stream_size = write_varint(len(stream))
    head = bytes(32) + pool_size + count + bytes([1]) + features + stream_size + bytes(4)
    span = write_varint(2**53 - 2)  # from position 1 on
    block = bytes([1]) + span + count + bytes([encoding]) + stream_size + stream
    file = file_of(tmp_path / "beyond.plada", head, (3, block))
    assert read(program, file)[:2] == (1, {"verdict": "malformed", "code": code})
