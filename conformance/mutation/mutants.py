"""Every mutant of a program: where its slip is, and the program with it."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from types import ModuleType

from ..altered import module_of, text_of
from .operators import variants

MODULE = "<module>"
"""Where a slip is that lies in no function."""

_NOT_ASKED = {"main", "_limit", "_digests", "Limits"}
"""What no vector reaches: command lines, as the programs are asked as modules, and the default
limits, as requests state theirs."""

_Path = tuple[tuple[str, int | None], ...]
"""From the tree to a node: names of fields, and places in them where they are lists."""


@dataclass(frozen=True)
class Mutant:
    """A program with one slip.

    Attributes:
        program: the program's module.
        function: the outermost function, method or class that holds the slip, or `MODULE`.
        before: the statement, without the block below it, as it is.
        after: and as it is with the slip.
        number: which one it is, from 1, of those that are equal in all of the above.
        line: the statement's line.
        path: from the program's tree to the node that the slip replaces.
        variant: which of the node's variants it is.
    """

    program: str
    function: str
    before: str
    after: str
    number: int
    line: int
    path: _Path
    variant: int

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What names the mutant as long as its statement stays as it is."""
        return f"{self.program}.{self.function}", self.before, self.after, self.number

    def module(self) -> ModuleType:
        """Return the program with the slip as a module of its own.

        Raises:
            Exception: whatever the program raises where it is loaded.
        """
        tree = deepcopy(_tree(self.program))
        _put(tree, self.path, list(variants(_get(tree, self.path)))[self.variant])
        return module_of(self.program, ast.fix_missing_locations(tree), "a mutant")


@cache
def mutants(program: str) -> tuple[Mutant, ...]:
    """Return every mutant of a program, in the order of its text."""
    seen: Counter[tuple[str, str, str, int]] = Counter()
    found = []
    for mutant in _find(program):
        seen[mutant.key] += 1
        found.append(replace(mutant, number=seen[mutant.key]))
    return tuple(found)


def functions(program: str) -> dict[str, range]:
    """Return the lines of each function and method, by name."""
    return {
        name: range(node.lineno, (node.end_lineno or node.lineno) + 1)
        for name, node, _ in _functions(_tree(program))
    }


@cache
def _tree(program: str) -> ast.Module:
    return ast.parse(text_of(program))


def _functions(tree: ast.Module) -> Iterator[tuple[str, ast.FunctionDef, _Path]]:
    for place, node in enumerate(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name not in _NOT_ASKED:
            yield node.name, node, (("body", place),)
        elif isinstance(node, ast.ClassDef):
            for inner, each in enumerate(node.body):
                if isinstance(each, ast.FunctionDef):
                    yield f"{node.name}.{each.name}", each, (("body", place), ("body", inner))


def _find(program: str) -> Iterator[Mutant]:
    tree = _tree(program)
    for name, function, path in _functions(tree):
        for place, statement in enumerate(function.body):
            yield from _of_statement(program, name, statement, (*path, ("body", place)))
    for place, statement in enumerate(tree.body):
        at: _Path = (("body", place),)
        if isinstance(statement, ast.ClassDef) and statement.name not in _NOT_ASKED:
            for inner, each in enumerate(statement.body):
                if isinstance(each, ast.AnnAssign):
                    yield from _of_statement(program, statement.name, each, (*at, ("body", inner)))
        elif isinstance(statement, ast.Assign) and "__all__" not in ast.unparse(statement):
            yield from _of_statement(program, MODULE, statement, at)


def _of_statement(
    program: str, function: str, statement: ast.stmt, path: _Path
) -> Iterator[Mutant]:
    """Yield the mutants of a statement, and of those in its block."""
    if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
        return  # a docstring
    before = _header(statement)
    for node, place in _nodes(statement):
        for number, variant in enumerate(variants(node)):
            changed = variant if not place else _replaced(statement, place, variant)
            at = (*path, *place)
            after = _header(changed)
            if before == after:  # a branch that is always taken shows in no other way
                continue
            yield Mutant(program, function, before, after, 0, statement.lineno, at, number)
    for name, inner, number in _blocks(statement):
        yield from _of_statement(program, function, inner, (*path, (name, number)))


def _nodes(node: ast.AST, path: _Path = ()) -> Iterator[tuple[ast.AST, _Path]]:
    """Yield a statement and the expressions in it, but not its block nor its annotations."""
    yield node, path
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "op", "ops", "ctx"):
            continue
        for at, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            inside = isinstance(child, ast.expr | ast.comprehension | ast.keyword | ast.Slice)
            strict = isinstance(child, ast.keyword) and child.arg == "strict"  # as linters ask for
            if inside and not strict and not isinstance(node, ast.JoinedStr):
                yield from _nodes(child, (*path, (name, at)))
            elif isinstance(child, ast.ExceptHandler):
                yield child, (*path, (name, at))


def _blocks(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt, int]]:
    for name in ("body", "orelse", "finalbody"):
        for at, inner in enumerate(getattr(statement, name, [])):
            if isinstance(inner, ast.stmt):
                yield name, inner, at


def _header(node: ast.AST) -> str:
    """Return a statement's text without the block below it."""
    shown = deepcopy(node)
    for name in ("body", "orelse", "finalbody"):
        if isinstance(shown, ast.stmt) and isinstance(getattr(shown, name, None), list):
            setattr(shown, name, [])
    text = ast.unparse(ast.fix_missing_locations(shown))
    return " ".join(text.split("\n")).strip()


def _replaced(statement: ast.stmt, path: _Path, variant: ast.AST) -> ast.stmt:
    changed = deepcopy(statement)
    _put(changed, path, variant)
    return changed


def _get(node: ast.AST, path: Sequence[tuple[str, int | None]]) -> ast.AST:
    for name, at in path:
        value = getattr(node, name)
        node = value if at is None else value[at]
    return node


def _put(tree: ast.AST, path: _Path, node: ast.AST) -> None:
    owner = _get(tree, path[:-1])
    name, at = path[-1]
    if at is None:
        setattr(owner, name, node)
    else:
        getattr(owner, name)[at] = node
