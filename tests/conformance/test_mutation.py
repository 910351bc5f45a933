"""Mutants of the plain programs: how they are made, told and listed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any

import pytest
from plada_conformance.mutation import equivalent, examine, score
from plada_conformance.mutation.examine import PROGRAMS
from plada_conformance.mutation.mutants import Mutant, mutants
from plada_conformance.mutation.operators import variants


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a < b", {"a <= b", "a >= b"}),
        ("a < b < c", {"a <= b < c", "a >= b < c", "a < b <= c", "a < b >= c"}),
        ("a in b", {"a not in b"}),
        ("a and b", {"a or b", "a", "b"}),
        ("not a", {"a"}),
        ("a + b", {"a - b", "a", "b"}),
        ("a % b", {"a // b", "a"}),
        ("7", {"8", "6"}),
        ("True", {"False"}),
        ("'limit-kept'", {"'limit-keptx'"}),
        ("'A sentence.'", set()),
        ("min(a, b)", {"max(a, b)"}),
        ("a if b else c", {"a if not b else c"}),
    ],
)
def test_slips_of_an_expression(text: str, wanted: set[str]) -> None:
    node = ast.parse(text, mode="eval").body
    assert {ast.unparse(ast.fix_missing_locations(each)) for each in variants(node)} == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("a += 1", {"a -= 1", "a = 1", "pass"}),
        ("check(a)", {"pass"}),
        ("raise Refused", {"pass"}),
        ("a = 1", {"pass"}),
        ("if a: b()", {"if not a:\n    b()", "if True:\n    b()", "if False:\n    b()"}),
    ],
)
def test_slips_of_a_statement(text: str, wanted: set[str]) -> None:
    node = ast.parse(text).body[0]
    assert {ast.unparse(ast.fix_missing_locations(each)) for each in variants(node)} == wanted


def test_a_mutant_is_the_program_with_one_slip() -> None:
    (slip,) = (
        each
        for each in mutants("plain_writer")
        if (each.function, each.after) == ("_varint", "while value >= 127:")
    )
    assert slip.before == "while value >= 128:"
    module: Any = slip.module()
    assert [module._varint(value) for value in (126, 127, 128)] == [b"\x7e", b"\xff\0", b"\x80\1"]


@pytest.mark.slow
def test_the_list_names_mutants_that_exist() -> None:
    made = {mutant.key for program in PROGRAMS.values() for mutant in mutants(program)}
    assert equivalent.load().keys() - made == set()
    assert len(made) == sum(len(mutants(program)) for program in PROGRAMS.values())


def test_lines_of_the_list() -> None:
    entry = "@ plain_writer.write 2\n- a = 1\n+ a = 2\n"
    listed = equivalent.load(f"# A word.\n\n== cost: It takes longer.\n{entry}")
    assert listed == {("plain_writer.write", "a = 1", "a = 2", 2): "cost"}
    for wrong in (entry, f"== cost: Twice.\n{entry}{entry}", "== cost: No mark.\na = 1\n"):
        with pytest.raises(ValueError, match=r"equivalent\.txt, line \d: "):
            equivalent.load(wrong)


@pytest.mark.slow
def test_every_mutant_of_the_rewriter_is_told() -> None:
    shown: list[str] = []
    found = score.score("rewriter", show=shown.append)
    assert found.good and shown == []
    assert found.made == len(mutants("plain_rewriter")) == found.killed + found.equivalent.total()


@pytest.mark.slow
def test_what_no_vector_tells_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = list(examine.vectors())

    def few() -> Iterator[Any]:
        return (each for each in everything if each.id == "write_the_worked_example")

    monkeypatch.setattr(examine, "vectors", few)
    shown: list[str] = []
    found = score.score("writer", function="_check_names", show=shown.append)
    assert not found.good and len(found.survivors) > 10
    assert found.made == found.killed + len(found.survivors) + found.equivalent.total()
    assert shown[0].startswith("No vector tells:\n@ plain_writer._check_names\n- ")


@pytest.mark.slow
def test_what_is_listed_and_told_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    told: Mutant = next(each for each in mutants("plain_rewriter"))
    monkeypatch.setattr(equivalent, "load", lambda: {told.key: "cost"})
    found = score.score("rewriter", function=told.function, show=lambda _: None)
    assert found.listed == [told] and not found.good


@pytest.mark.slow
def test_a_program_that_fails_by_itself_is_not_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    right = examine.text_of

    def wrong(program: str) -> str:
        return str(right(program)).replace('b"plada-1-content', 'b"plada-2-content')

    monkeypatch.setattr(examine, "text_of", wrong)
    with pytest.raises(ValueError, match=r"plain_writer fails on .* without a slip"):
        examine.Examiner("writer")
