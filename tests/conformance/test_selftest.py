"""Each deliberate fault is one, and the suite catches it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from plada_conformance import plain_decoder, requirements, selftest
from plada_conformance.cli import app
from plada_conformance.clients import plain
from plada_conformance.coverage import UNTESTABLE
from plada_conformance.faulty import BY_NAME, CONTROLS, FAULTS, Fault
from plada_conformance.grading import GRADES, TOP
from plada_conformance.mutation.examine import PROGRAMS as ROLES_OF_PROGRAMS
from plada_conformance.vectors_on_disk import ROOT, Sidecar, vectors
from typer.testing import CliRunner

END_TO_END = ("overlong-varints", "key-id-ignored", "streams-decompressed-first")
"""A fault in what a reader says, one in what a verifier says, and one in memory alone."""


@cache
def of_requirement(role: str, requirement: str) -> list[Sidecar]:
    return [
        vector
        for vector in vectors()
        if vector.data["role"] == role and requirement in vector.data["requirements"]
    ]


def says(program: ModuleType, fault: Fault, vector: Sidecar) -> Any:
    """Return what a program says of a vector, or the type of the exception that it ends with."""
    ask = plain.verify if fault.role == "verifier" else plain.read
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain, fault.program, program)
        try:
            return ask({**vector.data, "file": vector.file})
        except Exception as error:
            return type(error)


@cache
def control(role: str) -> ModuleType:
    (program,) = [each.module() for each in CONTROLS if each.role == role]
    assert isinstance(program, ModuleType)
    return program


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
@pytest.mark.slow
def test_a_vector_of_the_requirement_tells_it_apart(fault: Fault) -> None:
    program, right = fault.module(), control(fault.role)
    told = any(
        says(program, fault, vector) != says(right, fault, vector)
        for vector in of_requirement(fault.role, fault.requirement)
    )
    assert told is not fault.resources


def test_faults_cover_every_requirement_of_readers_clients_and_verifiers() -> None:
    wanted = {
        rule.id
        for rule in requirements.load(ROOT / requirements.FILE)
        if {"reader", "client", "verifier"} & set(rule.roles) and rule.id not in UNTESTABLE
    }
    assert wanted <= {fault.requirement for fault in FAULTS}


def test_names_and_reasons() -> None:
    assert len(FAULTS) >= 50
    assert len(BY_NAME) == len(FAULTS) + len(CONTROLS)
    for fault in FAULTS:
        assert fault.reason.endswith(".") and fault.patches


@pytest.mark.parametrize("old", ["no such text", "_refuse_if("])
def test_a_patch_that_does_not_fit_once_is_loud(old: str) -> None:
    times = Path(plain_decoder.__file__).read_text("utf-8").count(old)
    with pytest.raises(ValueError, match=f"occurs {times} times"):
        Fault("gone", "PLADA-CON-001", "It is gone.", ((old, ""),)).module()


@pytest.mark.slow
def test_the_runner_catches_faults_and_not_the_control() -> None:
    lines: list[str] = []
    faults = [BY_NAME[name] for name in END_TO_END]
    report = selftest.selftest(faults, mutants=0, show=lines.append)
    found = {"faulty": 3, "caught": 3, "missed": [], "control": GRADES[TOP], "mutants": []}
    assert report == found, lines
    assert selftest.passed(report)
    assert [line.split()[0] for line in lines[1:4]] == list(END_TO_END)


def test_what_the_suite_does_not_see_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    def examine_all(faults: Sequence[Fault], *, jobs: int) -> Iterator[selftest.Finding]:
        for fault, grade in zip(faults, ("code", GRADES[TOP], "code"), strict=True):
            named = ("label_c",) if fault is not faults[2] else ()
            yield selftest.Finding(fault.name, fault.requirement, grade, named, 1)

    monkeypatch.setattr(selftest, "control", lambda: GRADES[TOP])
    monkeypatch.setattr(selftest, "examine_all", examine_all)
    lines: list[str] = []
    report = selftest.selftest(FAULTS[:3], mutants=0, show=lines.append)
    assert report["missed"] == [fault.name for fault in FAULTS[1:3]]
    assert sum("MISSED" in line for line in lines) == 2
    assert not selftest.passed(report)


@pytest.mark.slow
def test_a_sample_of_mutants_is_told() -> None:
    lines: list[str] = []
    scores = selftest.examine_mutants(6, lines.append)
    assert [score["role"] for score in scores] == list(ROLES_OF_PROGRAMS)
    for score in scores:
        assert score["survivors"] == [], lines
        assert score["made"] == 6 == score["killed"] + sum(score["equivalent"].values())
    assert len(lines) == len(scores)


@pytest.mark.parametrize(
    ("missed", "control", "survivors", "status"),
    [
        ([], GRADES[TOP], [], 0),
        (["x"], GRADES[TOP], [], 1),
        ([], "code", [], 1),
        ([], GRADES[TOP], ["x"], 1),
    ],
)
def test_the_command(
    monkeypatch: pytest.MonkeyPatch,
    missed: list[str],
    control: str,
    survivors: list[str],
    status: int,
) -> None:
    report = {
        "faulty": 1,
        "caught": 1 - len(missed),
        "missed": missed,
        "control": control,
        "mutants": [{"role": "reader", "survivors": survivors}],
    }
    monkeypatch.setattr(selftest, "selftest", lambda **_: report)
    result = CliRunner().invoke(app, ["selftest", "--json"])
    assert result.exit_code == status
    assert json.loads(result.output.splitlines()[-1]) == report
