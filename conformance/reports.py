"""What a run found, for people, for programs, for continuous integration, and as a certificate."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

from .grading import GRADES, TOP, Outcome
from .run import Result, digests, top

SHOWN = 20
"""Failures that the table lists; the JSON report has all."""


def table(result: Result) -> str:
    """Return the outcome as text."""
    client = result.client
    name = f"{client['name']} {client['version']}".strip()
    lines = [f"{_plain(name)}, features {', '.join(client['features']) or 'none'}", ""]
    lines.append(f"{'role':10s} {'vectors':>8s} {'passed':>8s} {'fresh':>8s} {'passed':>8s}  grade")
    for role in result.roles:
        counts = ""
        for fresh in (False, True):
            asked = result.asked(role, fresh=fresh)
            counts += f" {len(asked):8d} {sum(each.passed for each in asked):8d}"
        grade = result.grade(role)
        number = f"{GRADES.index(grade)} of {TOP}, {grade}" if _graded(role) else _word(grade)
        lines.append(f"{role:10s}{counts}  {number}")
    if any(each.fresh for each in result.outcomes):
        lines.append(f"Fresh files are those of --seed {result.seed}.")
    for reason, count in result.left_out.items():
        lines.append(f"{count} vectors were not asked: {reason}.")
    if result.unused:
        lines.append(
            f"{len(result.unused)} fresh files were not used, as the suite's decoders do not agree "
            "about them: report this with the files (--keep DIR)."
        )
    if result.failures:
        lines += ["", f"{len(result.failures)} failures:"]
    for each in result.failures[:SHOWN]:
        said = ", as both decoders say" if each.fresh else ""
        lines.append(
            f"  {each.id} ({each.role}): expected {each.expected}{said}; found {_plain(each.found)}"
        )
    if len(result.failures) > SHOWN:
        lines.append(f"  and {len(result.failures) - SHOWN} more, in the report (--json FILE)")
    for name in result.unexpected_passes:
        lines.append(f"  {name} was expected to fail and did not: take it off the list")
    if result.goodbye:
        lines.append(result.goodbye)
    return "\n".join(lines)


def _graded(role: str) -> bool:
    return role in ("reader", "client")


def _word(grade: str) -> str:
    return "passed" if grade == GRADES[TOP] else "failed"


def _plain(text: str) -> str:
    """Return `text` without what could steer a terminal; clients may say anything."""
    return "".join(each if each.isprintable() else f"\\u{ord(each):04x}" for each in text)


def as_json(result: Result) -> dict[str, Any]:
    """Return the whole report as a JSON object."""
    return {
        "report": "plada-conformance-1",
        "client": result.client,
        "command": result.command,
        "digests": digests(result.command),
        "roles": {
            role: {
                "grade": result.grade(role),
                "vectors": len(result.asked(role, fresh=False)),
                "passed": sum(each.passed for each in result.asked(role, fresh=False)),
                "fresh": len(result.asked(role, fresh=True)),
                "fresh_passed": sum(each.passed for each in result.asked(role, fresh=True)),
            }
            for role in result.roles
        },
        "seed": result.seed,
        "seed_chosen": result.seed_chosen,
        "unused_fresh": [each.id for each in result.unused],
        "ok": result.ok,
        "top": top(result),
        "left_out": result.left_out,
        "expected_failures": sorted(result.expected_failures),
        "unexpected_passes": result.unexpected_passes,
        "goodbye": result.goodbye,
        "outcomes": [each.as_json() for each in result.outcomes],
    }


def junit(result: Result) -> bytes:
    """Return the report as JUnit XML, a test suite for each role."""
    suites = ElementTree.Element("testsuites", name="plada-conformance")
    for role in result.roles:
        asked = [each for each in result.outcomes if each.role == role]
        failed = [each for each in asked if _fails(each, result)]
        suite = ElementTree.SubElement(
            suites,
            "testsuite",
            name=role,
            tests=str(len(asked)),
            failures=str(len(failed)),
            errors="0",
            skipped="0",
            time=f"{sum(each.seconds for each in asked):.3f}",
        )
        for each in asked:
            case = ElementTree.SubElement(
                suite,
                "testcase",
                classname=f"plada.{role}",
                name=each.id,
                time=f"{each.seconds:.3f}",
            )
            if _fails(each, result):
                message = f"expected {each.expected}; found {each.found}"
                if each.passed:
                    message = "was expected to fail and did not"
                failure = ElementTree.SubElement(case, "failure", message=_plain(message))
                failure.text = "\n".join(each.requirements)
    ElementTree.indent(suites)
    text: bytes = ElementTree.tostring(suites, encoding="utf-8", xml_declaration=True)
    return text


def _fails(each: Outcome, result: Result) -> bool:
    return each.passed == (each.id in result.expected_failures)


def certificate(report: dict[str, Any], *, date: str | None = None) -> dict[str, Any]:
    """Return a certificate for a report.

    Args:
        report: what `as_json` returned.
        date: the day, if the certificate is to state one.

    Raises:
        ValueError: if the report shows no role at its top grade, its seed was chosen, or the
            client, the suite or the specification are not the ones of the report any more.
    """
    if "seed_chosen" not in report:
        raise ValueError(
            "The report is of an earlier version of the suite, which asked no fresh files; run the "
            "suite again and certify that report."
        )
    now = digests(report["command"])
    for what, words in (
        ("suite_sha256", "the suite"),
        ("specification_sha256", "the specification"),
        ("client_files_sha256", "the client's files"),
    ):
        if now[what] != report["digests"][what]:
            raise ValueError(
                f"The report is of another state of {words}; run the suite again and certify "
                "that report."
            )
    if report["expected_failures"]:
        raise ValueError("A run with expected failures is not certified; mend them and run again.")
    if report["goodbye"]:
        raise ValueError(f"The run is not certified: {report['goodbye']}")
    if report["seed_chosen"]:
        raise ValueError(
            "A run whose seed was chosen is not certified, as a client may know its fresh files; "
            "run again without --seed."
        )
    roles = {
        name: role
        for name, role in report["roles"].items()
        if role["grade"] == GRADES[TOP] and role["fresh"]
    }
    if not roles:
        raise ValueError(
            "No role reached its top grade with vectors and fresh files; see the report's outcomes."
        )
    found = {
        "certificate": "plada-conformance-1",
        "format": "plada-1",
        "client": {key: report["client"][key] for key in ("name", "version", "features", "limits")},
        "roles": {name: role["vectors"] for name, role in roles.items()},
        "fresh": {name: role["fresh"] for name, role in roles.items()},
        "seed": report["seed"],
        "left_out": report["left_out"],
        **now,
    }
    return found if date is None else {**found, "date": date}


def dump(value: dict[str, Any]) -> bytes:
    """Return a report or certificate as the bytes of a file."""
    return (json.dumps(value, indent=1, sort_keys=True) + "\n").encode()
