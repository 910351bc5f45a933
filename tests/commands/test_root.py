"""``plada`` without a command."""

from __future__ import annotations

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
