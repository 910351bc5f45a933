"""The fuzzer: it finds nothing in our decoders, and finds what is wrong with others."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from plada_conformance import cli, plain_decoder, watch
from plada_conformance.build import DELTA, changed, draft, metadata_chunk
from plada_conformance.decoders import Answer, read_library, read_plain, said
from plada_conformance.environment import OWN
from plada_conformance.faulty import BY_NAME
from plada_conformance.fuzz import fresh, fresh_rules, mutate, mutate_rules, run
from plada_conformance.fuzz.minimise import minimise
from plada_conformance.fuzz.readers import MEMORY, Readers, kind_of
from plada_conformance.fuzz.run import fuzz
from plada_conformance.fuzz.sheet import settle, take_apart, value_of
from plada_conformance.fuzz.tally import FILES_PER_KIND, table, write_findings
from plada_conformance.vector import LIMITS
from plada_conformance.vectors_on_disk import vectors
from typer.testing import CliRunner

from pladafmt import metadata
from pladafmt.testing import damaged_files, valid_files

PLAIN = [sys.executable, "-m", "plada_conformance.clients.plain"]

CLIENT = """
import os
from plada_conformance.clients import plain
from plada_conformance.serve import serve

def read(request):
    answer = plain.read(request)
{body}
    return answer

serve(dict(read=read), name="bad", version="0", roles=["reader"], features={features})
"""


def client(tmp_path: Path, body: str, features: tuple[str, ...] = ("zstd", "weights")) -> list[str]:
    script = tmp_path / "client.py"
    script.write_text(CLIENT.format(body=f"    {body}", features=list(features)), "utf-8")
    return [sys.executable, str(script)]


@pytest.mark.slow
def test_both_decoders_agree() -> None:
    tally = fuzz(1, 3000)
    assert not tally.kinds, table(tally)
    assert tally.files == sum(tally.verdicts.values()) == 3000
    # Mutants are of many kinds: some are valid, and there is hardly an error that is not met.
    assert tally.accepted > 200
    assert len(tally.verdicts) > 55
    assert max(tally.verdicts.values()) < 1000


@pytest.mark.slow
def test_a_run_follows_from_its_seed() -> None:
    one, two, other = fuzz(2, 300), fuzz(2, 300, jobs=2), fuzz(3, 300)
    assert one.verdicts == two.verdicts != other.verdicts
    assert (one.files, one.unchanged) == (two.files, two.unchanged)
    made = mutate.recipe(5, 77)
    assert made.make() == mutate.recipe(5, 77).make()


def test_any_file_can_be_taken_apart() -> None:
    for vector in vectors():
        if vector.file is None:
            continue
        data = vector.file.read_bytes()
        sheet = take_apart(data)
        assert sheet.build() == data
        if vector.data["verdict"] == "valid" and vector.path.parts[-3] == "valid":
            rows = vector.data.get("codes")
            sheet.codes = rows and [bytes.fromhex(row) for row in rows]
            settle(sheet)
            if rows:
                kept = value_of(sheet.head.parts["kept"]) if sheet.head else None
                assert mutate_rules.images(sheet) == kept, vector.id
            assert sheet.build() == data == sheet.unpin().build(), vector.id


def test_fresh_files_are_valid() -> None:
    for number in range(200):
        data = fresh.valid_file(Random(number))
        assert read_plain(data, LIMITS).verdict == "valid", number


def test_fresh_rules_are_valid_with_their_codes() -> None:
    for number in range(60):
        data, codes = fresh_rules.valid_file(Random(number))
        answer = read_plain(data, LIMITS, codes)
        assert answer.verdict == "valid", number
        assert answer == read_library(data, LIMITS, codes)
        assert read_plain(data, LIMITS).code == "codes-mismatch"


@pytest.mark.slow
def test_a_rule_that_is_read_in_another_way_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The codes go to all readers, and to who makes a finding smaller."""
    strict = BY_NAME["threshold-strict"].module()
    monkeypatch.setattr("plada_conformance.decoders.plain_decoder", strict)
    monkeypatch.setattr(run, "MINIMISING", 2)
    tally = fuzz(1, 600)
    assert "pladafmt: valid; plain_decoder: malformed, kept-total" in tally.kinds
    for path in write_findings(tally, tmp_path):
        sidecar = json.loads(path.with_suffix(".json").read_text("utf-8"))
        codes = [bytes.fromhex(row) for row in sidecar["codes"]]
        kind = kind_of(readers_of(path.read_bytes(), sidecar["limits"], codes))
        assert sidecar["sentence"] == f"Found by fuzzing: {kind}."


def readers_of(data: bytes, limits: dict[str, int], codes: list[bytes]) -> dict[str, Answer]:
    with Readers() as readers:
        answers: dict[str, Answer] = readers.ask(data, limits, codes)
    return answers


@pytest.mark.slow
def test_a_missing_check_is_found_and_minimised(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pladafmt.names.find_forbidden", lambda text: None)
    tally = fuzz(1, 1500)
    kind = "pladafmt: valid; plain_decoder: malformed, name-forbidden-character"
    assert kind in tally.kinds
    finding = next(each for each in tally.findings if each.kind == kind)
    # Nothing is left but HEAD, a class map with the one name, and END.
    assert len(finding.data) < 100
    assert len(finding.changes) <= 1
    paths = write_findings(tally, tmp_path / "out")
    (path,) = (each for each in paths if each.read_bytes() == finding.data)
    sidecar = json.loads(path.with_suffix(".json").read_text("utf-8"))
    assert set(next(vectors()).data) <= set(sidecar)
    assert (sidecar["verdict"], sidecar["content_id"]) == (None, None)
    assert sidecar["answers"]["pladafmt"]["verdict"] == "valid"
    assert sidecar["answers"]["plain_decoder"]["code"] == "name-forbidden-character"
    assert read_plain(finding.data, sidecar["limits"]).code == "name-forbidden-character"


@pytest.mark.slow
def test_other_contents_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """And of one kind only a few are written, while all are counted."""
    monkeypatch.setattr(
        plain_decoder, "_content_id", lambda file, old=plain_decoder._content_id: old(file)[:4] * 8
    )
    tally = fuzz(1, 100)
    (kind,) = tally.kinds
    assert kind == "pladafmt: valid; plain_decoder: valid; other contents"
    assert tally.kinds[kind] > len(tally.findings) == FILES_PER_KIND


def _raise(*_: object) -> None:
    raise IndexError


def _sleep(*_: object) -> None:
    time.sleep(1)


def _hoard(*_: object) -> None:
    # Touched, so that the system hands it out.
    bytearray(b"\1") * (MEMORY + 2**24)


def test_who_is_late_once_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "SECONDS", 0.1)
    waits = iter([1.0, 0.0, 1.0, 1.0])

    def ask() -> Answer:
        time.sleep(next(waits))
        return Answer("valid")

    assert [said(ask).verdict, said(ask).verdict] == ["valid", "hang"]

    def lose() -> Answer:
        """Where C calls Python, the alarm is lost, and what goes wrong is called otherwise."""
        try:
            return ask()
        except watch.Late as late:
            raise RuntimeError from late

    waits = iter([1.0, 0.0, 1.0, 1.0])
    assert [said(lose).verdict, said(lose).verdict] == ["valid", "hang"]


@pytest.mark.parametrize(
    ("fault", "word"), [(_raise, "crash, IndexError"), (_sleep, "hang"), (_hoard, "memory")]
)
@pytest.mark.slow
def test_trouble_is_found(monkeypatch: pytest.MonkeyPatch, fault: Any, word: str) -> None:
    old = metadata.decode

    def decode(text: bytes, offset: int) -> Any:
        if b"1.79769" in text:
            fault()
        return old(text, offset)

    monkeypatch.setattr(metadata, "decode", decode)
    monkeypatch.setattr(watch, "SECONDS", 0.2)
    file = _with_metadata(b'{"k":1.7976931348623157e308}')
    with Readers() as readers:
        answers = readers.ask(file, LIMITS, traced=True)
        assert str(answers["pladafmt"]) == word
        assert answers["plain_decoder"].verdict == "valid"
        kind = kind_of(answers)
        assert kind is not None
        # Whoever is in the same trouble as another one is wrong all the same.
        assert kind_of(dict.fromkeys(answers, answers["pladafmt"])) is not None

        def keep(data: bytes) -> bool:
            return bool(kind_of(readers.ask(data, LIMITS, traced=True)) == kind)

        assert len(minimise(file, keep, tries=5)) <= len(file)


def _with_metadata(text: bytes) -> bytes:
    made = draft()
    made.chunks.append(metadata_chunk(text))
    return bytes(made.build().data)


def test_minimising_keeps_what_is_asked_for() -> None:
    made = draft(
        changed(positions=range(5, 65), labels=(0, 1, 1) * 20),
        DELTA,
        parts=(slice(0, 40), slice(40, 60)),
    )
    made.chunks.append(metadata_chunk(b'{"k":"v"}'))
    data = made.build().data

    def keep(file: bytes) -> bool:
        answer = read_plain(file, LIMITS)
        return bool(answer.verdict == "valid" and b"\x03" in file[60:])

    least = minimise(data, keep)
    assert keep(least)
    # HEAD, a block of one image, END; no names, no metadata, one class.
    assert len(least) < 80 < len(data) / 2


def test_clients_may_say_less() -> None:
    refusal, content = Answer("malformed", "label-range"), Answer("valid", None, "ab")
    assert refusal.agrees(refusal) and content.agrees(content)
    assert refusal.agrees(Answer("malformed")) and refusal.agrees(Answer("refused"))
    for wrong in (Answer("malformed", "x"), Answer("corrupt"), Answer("crash"), content):
        assert not refusal.agrees(wrong)
    for wrong in (refusal, Answer("refused"), Answer("valid"), Answer("valid", None, "cd")):
        assert not content.agrees(wrong)


@pytest.mark.slow
def test_a_good_client_agrees() -> None:
    tally = fuzz(1, 300, command=PLAIN, env=OWN)
    assert (tally.files, dict(tally.kinds)) == (300, {})


@pytest.mark.slow
def test_a_client_without_a_feature_is_not_blamed(tmp_path: Path) -> None:
    body = "answer = plain_without_dense(request, answer)"
    command = client(tmp_path, body)
    helper = """
from pathlib import Path
from plada_conformance import plain_decoder
def plain_without_dense(request, answer):
    data = Path(request["file"]).read_bytes()
    limits = plain_decoder.Limits(**request["limits"])
    try:
        plain_decoder.decode(data, limits=limits, known_features=3)
    except plain_decoder.Refused as refused:
        return plain.refusal(refused)
    return answer
"""
    script = Path(command[-1])
    script.write_text(helper + script.read_text("utf-8"), "utf-8")
    assert not fuzz(1, 300, command=command, env=OWN).kinds


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("answer.pop('content_id', None)", "client: valid"),
        ("answer['verdict'] == 'limit' and os._exit(3)", "client: crash"),
        ("answer.get('code') == 'crc-mismatch' and answer.update(verdict=7)", "client: garbage"),
        ("answer.get('code') == 'dense-tail' and answer.update(code='x')", "noncanonical, x"),
    ],
)
@pytest.mark.slow
def test_a_bad_client_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, body: str, word: str
) -> None:
    monkeypatch.setattr(run, "MINIMISING", 0.5)
    features = ("zstd", "weights", "dense", "rule")
    tally = fuzz(1, 100, command=client(tmp_path, body, features), env=OWN)
    assert tally.kinds
    assert all(word in kind for kind in tally.kinds), tally.kinds


@pytest.mark.slow
def test_the_command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    out = tmp_path / "out"
    arguments = ["fuzz", "--count", "120", "--seed", "6", "--out", str(out), "--json"]
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    report = json.loads(result.output.splitlines()[-1])
    assert (report["files"], report["disagreements"], report["written"]) == (120, {}, [])
    assert not out.exists()

    monkeypatch.setattr(run, "MINIMISING", 0.5)
    monkeypatch.setattr(plain_decoder, "_read_signature", _raise)
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 1
    report = json.loads(result.output.splitlines()[-1])
    assert report["written"] and all(Path(path).exists() for path in report["written"])

    result = CliRunner().invoke(cli.app, [*arguments, "--", str(tmp_path / "no-such-client")])
    assert result.exit_code == 2


@pytest.mark.slow
@given(valid_files(max_size=10_000))
def test_both_decoders_accept_what_the_library_writes(data: bytes) -> None:
    assert read_library(data, LIMITS) == read_plain(data, LIMITS)
    assert read_plain(data, LIMITS).verdict == "valid"


@pytest.mark.slow
@given(damaged_files())
def test_both_decoders_agree_about_damage(data: bytes) -> None:
    assert read_library(data, LIMITS) == read_plain(data, LIMITS)


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs pladafmt[fuzz]")
def test_the_target_of_atheris(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "plada_conformance.atheris_target", "-runs=300", "-seed=1"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert any((tmp_path / "plada-corpus").iterdir())
    assert not list(tmp_path.glob("crash-*"))
