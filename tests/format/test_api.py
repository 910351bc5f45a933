"""What `import pladafmt` offers, and what it costs."""

from __future__ import annotations

import doctest
import importlib
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pladafmt
from pladafmt.version import __version__

ROOT = Path(__file__).parents[2]


def test_the_examples_of_the_package_are_true() -> None:
    assert doctest.testmod(pladafmt).failed == 0


def test_what_is_offered_is_there_and_documented() -> None:
    for name in pladafmt.__all__:
        assert getattr(pladafmt, name).__doc__, name


@pytest.mark.parametrize("name", ["rewrite", "salvage"])
def test_a_function_and_the_module_of_its_name(name: str) -> None:
    module = importlib.import_module(f"pladafmt.{name}")
    assert getattr(pladafmt, name) is getattr(module, name)
    # Whichever is imported first.
    subprocess.run(
        [
            sys.executable,
            "-c",
            f"from pladafmt.{name} import {name} as first\n"
            f"from pladafmt import {name}\n"
            f"assert {name} is first and callable(first)\n",
        ],
        check=True,
        cwd=ROOT,
    )


def test_the_version_is_stated_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "version" not in project["project"]
    assert project["project"]["dynamic"] == ["version"]
    attribute = project["tool"]["setuptools"]["dynamic"]["version"]["attr"]
    module, _, name = attribute.rpartition(".")
    assert getattr(importlib.import_module(module), name) == __version__ == pladafmt.__version__


def test_importing_needs_no_extra_package() -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import sys, pladafmt; print(*sys.modules)"],
        check=True,
        capture_output=True,
        text=True,
        cwd=ROOT,
    ).stdout.split()
    assert {"cryptography", "numba", "hypothesis", "torch", "plada_ref"} & {*found} == set()


def test_every_folder_of_modules_is_distributed() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    folders = {"pladafmt": "pladafmt", "plada_ref": "plada_ref", "conformance": "plada_conformance"}
    found = {
        ".".join([package, *path.parent.relative_to(ROOT / folder).parts])
        for folder, package in folders.items()
        for path in (ROOT / folder).rglob("*.py")
        if "node_modules" not in path.parts
    }
    # Its one script is run from where it lies.
    found.remove("plada_conformance.clients.c")
    assert set(project["tool"]["setuptools"]["packages"]) == found
