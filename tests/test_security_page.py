"""docs/security.md says the limits that hold."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

import pladafmt
from pladafmt import json_text, sources
from pladafmt.limits import MAX_CLASSES, MAX_METADATA_DEPTH

PAGE = Path(__file__).parents[1] / "docs/security.md"


def rows() -> dict[str, list[str]]:
    """The cells behind the first one, of the table of limits."""
    section = PAGE.read_text("utf-8").partition("## Limits")[2].partition("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {first.strip("`"): rest for first, *rest in cells}


def test_the_page_states_every_limit() -> None:
    for module in ("pyarrow", "PIL", "torch", "fsspec"):
        pytest.importorskip(module)
    from plada_ref.commands.options import common, encoding, signature
    from plada_ref.images import decoding
    from plada_ref.limits import Limits
    from plada_ref.models import limits as models
    from plada_ref.publishing import index
    from plada_ref.runs import fields
    from plada_ref.tasks import idx, readers
    from plada_ref.training import advised

    wanted: dict[str, tuple[int, str]] = {
        name: (value, f"`--limit {name}=N`") for name, value in asdict(pladafmt.Limits()).items()
    }
    for name, value in asdict(Limits()).items():
        dashed = name.replace("_", "-")
        wanted[dashed] = value, f"`PLADA_LIMITS={dashed}=N`"
    wanted |= {
        "dense": (pladafmt.Limits().dense, "`--limit dense=N`, or numba"),
        "metadata depth": (MAX_METADATA_DEPTH, ""),
        "payload from a pipe": (sources.MOST_STREAMED, "a file in its place"),
        "payload held whole": (common.MOST_WHOLE, "`pladafmt` in Python"),
        "key file": (signature.MOST_KEY, ""),
        "file of `--metadata": (encoding._MOST_METADATA, ""),
        "image of a library": (decoding.MOST_BYTES, ""),
        "idx file": (idx._MOST, ""),
        "table of a task": (readers._MOST_TABLE, ""),
        "header of a model": (models.MAX_HEADER, ""),
        "classes": (models.MAX_CLASSES, ""),
        "pixels of a batch": (models.BATCH_PIXELS, ""),
        "index of a publisher": (index.MOST_INDEX, ""),
        "JSON depth": (json_text.MAX_DEPTH, ""),
        "work of a payload's recipe": (advised.MAX_SEEN, "`--steps` or `--epochs`"),
        "batch of a payload's recipe": (advised.MAX_BATCH_PIXELS, "`--batch-size`"),
        "record of a run": (fields.MAX_FILE, ""),
    }
    assert models.MAX_CLASSES == MAX_CLASSES
    assert {name: (value, how) for name, (value, how, _) in rows().items()} == {
        name: (f"{value:,}", how) for name, (value, how) in wanted.items()
    }
    assert f"of depth {fields.MAX_DEPTH}" in rows()["record of a run"][2]
    assert f"more than {models.LARGE} pixels" in rows()["pixels of a batch"][2]
    assert sources._BEGINNING == 64 << 10 and "64 KiB" in rows()["payload from a pipe"][2]


def test_the_page_is_short_and_found() -> None:
    assert len(PAGE.read_text("utf-8").splitlines()) <= 120
    root = PAGE.parents[1]
    for page in ("README.md", "docs/pools.md", "docs/images.md", "docs/weights.md"):
        assert "security.md" in (root / page).read_text("utf-8"), page
