"""The command reference, from the program itself: what `plada --help` knows, as a page."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

BEGINNING = """# Commands

This page is made from the program: `plada COMMAND --help` shows the same. Exit status 0 means that
the result is what was asked for, 1 that the data or the disk stopped the work, 2 that the arguments
cannot work, 130 an interruption from the keyboard. An error is one sentence on standard error; with
`--json`, the last line of standard output is an object with `error` and `code`
([error codes](errors.md)).
"""


def commands() -> dict[str, Any]:
    """Every command that `plada --help` leads to, by its words, in the order shown there."""
    from plada_ref.cli import app

    return dict(_below("plada", typer.main.get_command(app)))


def _below(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "commands"):
        yield name, command
        return
    for each, below in command.commands.items():
        if not below.hidden:
            yield from _below(f"{name} {each}", below)


def page() -> str:
    """The whole reference as Markdown."""
    return "\n".join([BEGINNING, *(_section(name, each) for name, each in commands().items())])


def _section(name: str, command: Any) -> str:
    arguments = [each for each in command.params if each.param_type_name == "argument"]
    options = [
        each for each in command.params if each.param_type_name == "option" and not each.hidden
    ]
    usage = " ".join([name, *map(_in_usage, arguments), "[OPTIONS]"])
    parts = [f"## {name}", _paragraphs(command.help), f"```\n{usage}\n```"]
    panels: dict[str, list[Any]] = {"Arguments": arguments}
    for option in options:
        panels.setdefault(option.rich_help_panel or "Options", []).append(option)
    for title, parameters in panels.items():
        if parameters:
            parts += [f"**{title}**", *map(_parameter, parameters)]
    return "\n\n".join(parts) + "\n"


def _in_usage(argument: Any) -> str:
    name = _metavar(argument)
    return name if argument.required else f"[{name}]"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper()).strip("[]")


def _parameter(parameter: Any) -> str:
    """A term and its meaning, for Python-Markdown's definition lists."""
    if parameter.param_type_name == "argument":
        names = [_metavar(parameter)]
    else:
        value = "" if parameter.is_flag else f" {parameter.metavar or _kind(parameter)}"
        names = [f"{name}{value}" for name in (*parameter.opts, *parameter.secondary_opts)]
    term = ", ".join(f"`{name}`" for name in names)
    about = " ".join(inspect.cleandoc(parameter.help or "").split())
    return f"{term}\n:   {_escaped(' '.join(filter(None, [about, *_facts(parameter)])))}"


def _kind(parameter: Any) -> str:
    kind = getattr(parameter.type_descriptor.annotation, "__name__", "value")
    return {"Path": "PATH", "str": "TEXT", "int": "NUMBER", "float": "NUMBER"}.get(
        kind, kind.upper()
    )


def _facts(parameter: Any) -> Iterator[str]:
    if parameter.required and parameter.param_type_name == "option":
        yield "*Required.*"
    if parameter.min is not None or parameter.max is not None:
        yield f"*{_range(parameter.min, parameter.max)}.*"
    default = parameter.default
    flag = getattr(parameter, "is_flag", False)
    if not (parameter.required or flag or callable(default)) and default not in (None, ""):
        shown = getattr(default, "value", default)
        yield f"*Default: `{shown}`.*"


def _range(low: Any, high: Any) -> str:
    if high is None:
        return f"At least {low}"
    if low is None:
        return f"At most {high}"
    return f"{low} to {high}"


def _paragraphs(text: str | None) -> str:
    paragraphs = inspect.cleandoc(text or "").split("\n\n")
    return "\n\n".join(_example(each) or _escaped(each) for each in paragraphs)


def _example(paragraph: str) -> str:
    """An example as a block that can be copied, with the shell's line breaks; else nothing."""
    match = re.fullmatch(r"Example: `([^`]*)`", paragraph)
    return "" if match is None else "```\n" + match[1].replace("\n", " \\\n    ") + "\n```"


def _escaped(text: str) -> str:
    """Text of the help as Markdown: flags as code, pages as links, and nothing becomes HTML."""
    pieces = re.split(r"(`[^`]*`)", text)
    pieces[::2] = [_escaped_piece(piece) for piece in pieces[::2]]
    return "".join(pieces)


def _escaped_piece(piece: str) -> str:
    piece = piece.replace("<", "&lt;").replace("[", "\\[")
    piece = re.sub(r"(?<![\w-])--[a-z][a-z-]*[a-z]", r"`\g<0>`", piece)
    return re.sub(r"docs/([\w-]+\.md)", r"[\1](\1)", piece)
