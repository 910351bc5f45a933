"""``plada`` without a command."""

from __future__ import annotations

import re
from typing import Any

import typer
from typer.testing import CliRunner

from plada_ref.cli import app
from pladafmt import __version__


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.exit_code == 0
    assert result.output == f"plada {__version__}\n"


def test_without_a_command_the_help_is_shown() -> None:
    result = CliRunner().invoke(app, [])
    assert "Send an image-classification task in kilobytes" in result.output
    assert "--version" in result.output


def test_help_at_80_columns_cuts_no_name_and_begins_with_what_is_used_every_day() -> None:
    waiting: list[tuple[list[str], Any]] = [([], typer.main.get_command(app))]
    first_rows = {}
    while waiting:
        words, command = waiting.pop()
        below = getattr(command, "commands", {})
        waiting += [([*words, name], each) for name, each in below.items()]
        shown = CliRunner(env={"COLUMNS": "80"}).invoke(app, [*words, "--help"]).output
        assert "…" not in shown, words
        for parameter in command.params:
            for name in [*parameter.opts, *parameter.secondary_opts]:
                assert not name.startswith("-") or f" {name} " in shown, (words, name)
        first = re.search(r"─ Options ─.*?╰─", shown, re.S)
        assert first is not None
        first_rows[" ".join(words)] = re.findall(r"^│ [* ]? *(--[a-z-]+)", first[0], re.M)
    assert len(first_rows) > 25
    for name, rows in first_rows.items():
        assert len(rows) <= 20, name
    assert first_rows["train"] == [
        "--model", "--out", "--manifest", "--pool", "--weights", "--pretrained", "--img-size",
        "--via-size", "--tune", "--task", "--json", "--help",
    ]  # fmt: skip


def test_what_the_field_calls_it() -> None:
    for words, sentence in (
        (["keygen"], "through a channel they trust, separate from the payload"),
        (["teach"], "head: maximum solver iterations"),
        (["inspect"], "byte map of a file"),
    ):
        shown = CliRunner(env={"COLUMNS": "200"}).invoke(app, [*words, "--help"]).output
        assert sentence in " ".join(shown.split()), words
