"""Every command's flags in words."""

from __future__ import annotations

from typing import Any

import typer


def flags() -> dict[str, dict[str, str]]:
    """Each command's parameters: how one is spelled, and its kind, range and default."""
    from plada_ref.cli import app

    found: dict[str, dict[str, str]] = {}
    waiting: list[tuple[str, Any]] = [("plada", typer.main.get_command(app))]
    while waiting:
        name, command = waiting.pop()
        if hasattr(command, "commands"):
            waiting += [(f"{name} {below}", each) for below, each in command.commands.items()]
        else:
            found[name] = dict(sorted((_name(each), _about(each)) for each in command.params))
    return dict(sorted(found.items()))


def _name(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    return " ".join(sorted([*parameter.opts, *parameter.secondary_opts]))


def _about(parameter: Any) -> str:
    kind, default = parameter.type_descriptor.annotation, parameter.default
    words = [getattr(kind, "__name__", str(kind))]
    if parameter.multiple or parameter.nargs != 1:
        words.append("may be repeated")
    if parameter.min is not None or parameter.max is not None:
        words.append(f"{parameter.min} to {parameter.max}")
    if parameter.required:
        words.append("needed")
    elif default is not None and not callable(default):
        words.append(f"default {default}")
    return ", ".join(words)
