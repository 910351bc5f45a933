"""The annotated print of a file: every byte once, and what is wrong at its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from plada_conformance.vectors_on_disk import vectors
from typer.testing import CliRunner

from plada_ref.cli import app
from pladafmt import Payload, PoolRef, dumps, validate
from pladafmt.annotation import annotation
from pladafmt.ledger import Part
from pladafmt.sources import opened
from pladafmt.stored import StoredBytes

ROW = re.compile(r"^(?: *(?P<at>\d+)|\s+)  (?P<bytes>(?:[0-9a-f]{2} ?)+)")
FAULT = re.compile(r"^\s+\^ (byte \d+|end): ")


def octets(lines: list[str]) -> bytes:
    """The bytes of an annotation in which no part is abbreviated."""
    rows = [match for match in map(ROW.match, lines) if match]
    at, found = 0, b""
    for row in rows:
        if row["at"]:
            assert int(row["at"]) == at
        found += bytes.fromhex(row["bytes"])
        at = len(found)
    return found


@pytest.mark.slow
def test_every_vector_is_printed_to_its_last_byte() -> None:
    printed = 0
    for vector in vectors():
        if vector.data["role"] != "reader" or vector.file is None:
            continue
        data = vector.file.read_bytes()
        report = validate(data)
        fault = None if report.ok else (report.offset, str(report.problem))
        lines = list(annotation(data, report.parts, fault))
        assert sum(bool(FAULT.match(line)) for line in lines) == (not report.ok), vector.id
        if all(part.size <= 96 for part in report.parts):
            assert octets(lines) == data, vector.id
            printed += 1
        assert sum(map(len, lines)) < 40_000 + 90 * len(report.parts)
    assert printed > 700


def test_a_long_part_is_its_beginning_its_end_and_its_size() -> None:
    data = bytes(range(256)) * 20
    lines = list(annotation(data, [Part("BLOCK 0.labels", 0, len(data), "stored")]))
    assert [line.rstrip() for line in lines] == [
        "   0  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  "
        "BLOCK 0.labels  stored, 5,120 bytes",
        "      10 11 12 13 14 15 16 17 18 19 1a 1b 1c 1d 1e 1f",
        "      ... 5,072 bytes ...",
        "      f0 f1 f2 f3 f4 f5 f6 f7 f8 f9 fa fb fc fd fe ff",
    ]
    whole = list(annotation(data[:96], [Part("META.text", 0, 96)]))
    assert octets(whole) == data[:96]


def test_a_file_that_is_read_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = dumps(Payload(PoolRef(bytes(32), 9000), 300, range(9000), [3] * 9000))
    path = tmp_path / "task.plada"
    path.write_bytes(data)
    monkeypatch.setattr("pladafmt.sources.MOST_WHOLE", 100)
    with opened(path) as stored:
        assert isinstance(stored, StoredBytes)
        report = validate(stored)
        assert report.ok
        assert list(annotation(stored, report.parts)) == list(annotation(data, report.parts))


def inspected(path: Path, *options: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, ["inspect", "--annotate", *options, str(path)])
    return result.exit_code, result.stdout.splitlines()


def test_the_command_prints_the_worked_example_as_the_specification_does(tmp_path: Path) -> None:
    example = next(each for each in vectors() if each.id == "worked_example").file
    assert example is not None
    text = Path(__file__).resolve().parents[2].joinpath("spec/plada-1.md").read_text("utf-8")
    wanted = text.split("<!-- begin: example -->\n```\n")[1].split("```")[0].splitlines()
    status, lines = inspected(example)
    start = lines.index("Every byte and its owner") + 1
    assert (status, lines[start : start + len(wanted)]) == (0, wanted)
    damaged = tmp_path / "damaged.plada"
    data = bytearray(example.read_bytes())
    data[85] ^= 1
    damaged.write_bytes(data)
    status, lines = inspected(damaged)
    at = next(number for number, line in enumerate(lines) if FAULT.match(line))
    assert status == 1
    assert lines[at].startswith("     ^ byte 90: ") and "crc-mismatch" in lines[at]
    assert lines[at - 1].strip() == data[88:].hex(" ") and lines[at - 2].startswith(" 72  03 10")


def test_many_parts_are_counted_unless_all_are_wanted(tmp_path: Path) -> None:
    path = tmp_path / "many.plada"
    pool = PoolRef(bytes(32), 999)
    path.write_bytes(dumps(Payload(pool, 2, range(0, 999, 2), [1] * 500), block_span=10))
    assert path.stat().st_size > 1000
    few, every = inspected(path)[1], inspected(path, "--all")[1]
    assert "more parts (--all shows them)" in "".join(few) and not any("END." in x for x in few)
    assert any(line.endswith("END.crc  " + path.read_bytes()[-4:][::-1].hex()) for line in every)
    path.write_bytes(path.read_bytes()[:-1])
    # Where the end is not shown, nothing is said to be there.
    assert not any("^" in line for line in inspected(path)[1])
    assert "truncated" in next(line for line in inspected(path, "--all")[1] if "^" in line)
