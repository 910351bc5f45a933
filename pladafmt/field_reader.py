"""Quick readers of fixed fields, generated from their declarations in `pladafmt.layout`.

`layout.parse` interprets a declaration field by field, which is exact about errors and takes a
tenth of a millisecond. A file may have 65,536 blocks, so their fields are read by a function that
is generated once, as `dataclasses` generates its methods. It knows good bytes only: for any others
it returns None, and `layout.parse` says what is wrong with them.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct as Packed
from typing import Any

from construct import Bytes, Container, FormatField, IfThenElse, Pass, Renamed, Struct

from . import varint
from .errors import PladaError
from .layout import Varint

Found = tuple[tuple[Any, ...], tuple[int, ...]]
"""The fields in order, and where in the body each ends."""

FieldReader = Callable[[bytes], Found | None]
"""Takes a body; returns what it found, or None."""


def field_reader(layout: Struct, **parameters: Any) -> FieldReader:
    """Return a quick reader of the fields of `layout`.

    Args:
        layout: its fields are integers, bytes of fixed size, and conditional ones.
        parameters: what the conditions ask for; none may ask for another field.

    Raises:
        TypeError: if a field is of a kind that is not known here.
    """
    names: dict[str, Any] = {"varint": varint.read, "PladaError": PladaError}
    body: list[str] = []
    values, ends = [], []
    for number, field in enumerate(layout.subcons):
        values.append(f"value{number}")
        ends.append(f"end{number}")
        body += [*_statements(values[-1], field, parameters, names), f"{ends[-1]} = at"]
    lines = ["def read(data):", " at = 0", " try:"]
    lines += [f"  {line}" for line in body]
    lines += [" except (IndexError, PladaError):", "  return None"]
    lines += [f" return ({', '.join(values)},), ({', '.join(ends)},)"]
    exec("\n".join(lines), names)
    made: FieldReader = names["read"]
    return made


def without_conditions(field: Any, parameters: dict[str, Any]) -> Any:
    """Return what a field of a declaration is where conditions ask for `parameters`, unnamed."""
    while isinstance(field, Renamed | IfThenElse):
        if isinstance(field, Renamed):
            field = field.subcon
        else:
            holds = field.condfunc(Container(_params=Container(parameters)))
            field = field.thensubcon if holds else field.elsesubcon
    return field


def _statements(
    value: str, field: Any, parameters: dict[str, Any], names: dict[str, Any]
) -> list[str]:
    """Return statements that read one field at `at` into `value` and move `at` behind it.

    What they call is put into `names`.
    """
    field = without_conditions(field, parameters)
    if field is Pass:
        return [f"{value} = None"]
    if isinstance(field, Varint):
        # Most are a byte or two, which are read without a call.
        return [
            f"{value} = data[at]",
            "at += 1",
            f"if {value} > 127:",
            "  if 0 < data[at] < 128:",
            f"    {value} += (data[at] - 1) << 7",
            "    at += 1",
            "  else:",
            f"    {value}, at = varint(data, at - 1)",
        ]
    if isinstance(field, FormatField) and field.fmtstr in ("<B", ">B", "=B"):
        return [f"{value} = data[at]", "at += 1"]
    if isinstance(field, FormatField):
        names[f"unpack_{value}"] = Packed(field.fmtstr).unpack
        read = f"{value}, = unpack_{value}(data[at - {field.length}:at])"
        return [*_bounded(field.length), read]
    if isinstance(field, Bytes):
        return [*_bounded(field.length), f"{value} = data[at - {field.length}:at]"]
    raise TypeError(f"no quick reader is known for fields like {field!r}")


def _bounded(size: int) -> list[str]:
    return [f"at += {size}", "if at > len(data): return None"]
