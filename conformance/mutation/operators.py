"""The slips: what one node of a program's syntax tree may become."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
    ast.BitXor: ast.BitOr,
    ast.Pow: ast.Mult,
}
CALLS = {"min": "max", "max": "min", "all": "any", "any": "all"}


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what may stand in the place of a node: copies, with one slip each."""
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BoolOp():
            yield from _connectives(node)
        case ast.UnaryOp(op=ast.Not() | ast.USub() | ast.Invert()):
            yield node.operand
        case ast.BinOp():
            yield from _arithmetic(node)
        case ast.AugAssign():
            yield _with(node, op=ARITHMETIC[type(node.op)]())
            yield ast.Assign(targets=[node.target], value=node.value)
            yield ast.Pass()
        case ast.Constant():
            yield from _constants(node)
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            yield _with(node, func=ast.Name(id=CALLS[name], ctx=ast.Load()))
        case ast.Slice():
            if node.lower is not None and ast.unparse(node.lower) != "0":
                yield _with(node, lower=None)
            if node.upper is not None:
                yield _with(node, upper=None)
        case ast.If() | ast.IfExp() | ast.While():
            yield _with(node, test=ast.UnaryOp(op=ast.Not(), operand=node.test))
            if isinstance(node, ast.If):
                yield from _branches(node)
        case ast.comprehension():
            for number in range(len(node.ifs)):
                yield _with(node, ifs=node.ifs[:number] + node.ifs[number + 1 :])
        case ast.ExceptHandler():
            yield _with(node, body=[ast.Raise()])
        case ast.Break() | ast.Continue():
            yield ast.Pass()
            yield ast.Continue() if isinstance(node, ast.Break) else ast.Break()
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Assign() | ast.Delete():
            yield ast.Pass()


def _with(node: ast.AST, **changes: object) -> ast.AST:
    changed = deepcopy(node)
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _comparisons(node: ast.Compare) -> Iterator[ast.AST]:
    for place, operator in enumerate(node.ops):
        for other in COMPARISONS[type(operator)]:
            yield _with(node, ops=[*node.ops[:place], other(), *node.ops[place + 1 :]])


def _connectives(node: ast.BoolOp) -> Iterator[ast.AST]:
    yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    for place in range(len(node.values)):
        rest = node.values[:place] + node.values[place + 1 :]
        yield rest[0] if len(rest) == 1 else _with(node, values=rest)


def _arithmetic(node: ast.BinOp) -> Iterator[ast.AST]:
    yield _with(node, op=ARITHMETIC[type(node.op)]())
    yield node.left
    if isinstance(node.op, ast.Add | ast.Sub | ast.BitOr | ast.BitAnd):
        yield node.right


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    value = node.value
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int):
        yield ast.Constant(value + 1)
        yield ast.Constant(value - 1)
    elif isinstance(value, str) and " " not in value:  # else it is a sentence, or a list of words
        yield ast.Constant(f"{value}x")
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"\1")


def _branches(node: ast.If) -> Iterator[ast.AST]:
    """Yield the statement without its condition: always one branch, always the other."""
    yield _with(node, test=ast.Constant(True))
    yield _with(node, test=ast.Constant(False))
