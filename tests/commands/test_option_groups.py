"""Groups of options: what typer sees of them, and what a command gets."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from plada_ref.commands.exit_codes import command
from plada_ref.commands.options.common import AsJson
from plada_ref.commands.options.group import OptionGroup
from plada_ref.errors import Misuse


@dataclass(frozen=True, kw_only=True)
class Size(OptionGroup):
    unit: Annotated[str, typer.Option("--unit", "-u")] = "px"
    width: Annotated[int, typer.Option(min=1, help="How wide.")]

    def __str__(self) -> str:
        return f"{self.width} {self.unit}"


@dataclass(frozen=True, kw_only=True)
class SizeInBytes(Size):
    unit: Annotated[str, typer.Option("--unit")] = "B"


def _run(function: object, *arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(command(function))  # type: ignore[arg-type]
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.output


def _draw(
    *,
    size: Size,
    name: Annotated[Path, typer.Argument(metavar="NAME")],
    twice: bool = False,
    as_json: AsJson = False,
) -> None:
    if size.width == 13:
        raise Misuse("13 brings bad luck.")
    typer.echo(f"{name}: {size}" * (1 + twice))


def _weigh(size: SizeInBytes) -> None:
    typer.echo(size)


def test_a_command_is_called_with_its_groups() -> None:
    assert _run(_draw, "a", "--width", "3") == (0, "a: 3 px\n")
    assert _run(_draw, "a", "--width", "3", "-u", "cm", "--twice") == (0, "a: 3 cma: 3 cm\n")


def test_a_subclass_redefines_a_field() -> None:
    assert _run(_weigh, "--width", "3") == (0, "3 B\n")


def test_options_of_a_group_are_checked_as_any() -> None:
    for arguments in (["a"], ["a", "--width", "0"], ["a", "--width", "x"]):
        assert _run(_draw, *arguments)[0] == 2


def test_errors_of_a_command_with_groups_are_sentences() -> None:
    status, said = _run(_draw, "a", "--width", "13", "--json")
    assert status == 2
    assert "error: 13 brings bad luck." in said
    assert json.loads(said.splitlines()[-1])["code"] == "misuse"


def test_required_options_lead_in_the_help() -> None:
    said = _run(_draw, "--help")[1]
    assert said.index("--width") < said.index("--unit") < said.index("--twice")
    assert "How wide." in said


def test_two_options_of_one_name_are_refused() -> None:
    def both(*, size: Size, width: int) -> None: ...

    with pytest.raises(TypeError, match="two options called width"):
        command(both)
