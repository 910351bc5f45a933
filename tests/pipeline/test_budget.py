"""A budget is met exactly: the file fits, and with one more image it would not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from plada_ref.errors import Misuse
from plada_ref.labelling.scores import ScoreTable
from plada_ref.selection import SafetyNet, Selection, Size
from plada_ref.selection.budget import largest_within, parse_bytes
from plada_ref.selection.producer import Producer
from plada_ref.selection.prune import PayloadOptions
from pladafmt import PoolRef, dumps

from ..commands.test_format_commands import last_json, plada

SELECTIONS = (
    Selection(),
    Selection(ranking="random"),
    Selection(ranking="high-energy", safety_net=SafetyNet(alpha=0.5)),
    Selection(safety_net=SafetyNet(share=1.0)),
)


def random_table(seed: int) -> ScoreTable:
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 4000))
    classes = int(random.choice([1, 2, 10, 300]))
    # Classes that come in runs, and energies that depend on them, as in a real pool.
    labels = np.repeat(random.integers(0, classes, size), random.integers(1, 30, size))[:size]
    energy = random.normal(size=size) + random.normal(size=classes)[labels]
    return ScoreTable(
        PoolRef(random.bytes(32), size),
        tuple(f"class {number}" for number in range(classes)),
        "0" * 64,
        labels.astype(np.uint16),
        energy.astype(np.float32),
        np.zeros(size, np.float32),
        np.ones(size, np.float32),
        np.ones(size, np.float32),
    )


@pytest.mark.parametrize("start", range(0, 200, 25))
@pytest.mark.slow
def test_200_random_tables_and_budgets(start: int) -> None:
    for seed in range(start, start + 25):
        table = random_table(seed)
        random = np.random.default_rng(1000 + seed)
        selection = SELECTIONS[seed % len(SELECTIONS)]
        dense, named = bool(seed & 4), bool(seed & 8)
        producer = Producer(table, options=PayloadOptions(dense=dense, named=named))

        def size_of(
            keep: int,
            producer: Producer = producer,
            selection: Selection = selection,
            dense: bool = dense,
        ) -> int:
            return len(dumps(producer.make(selection, Size(count=keep)).payload, dense=dense))

        empty, whole = size_of(0), size_of(len(table))
        budget = int(random.integers(empty, max(whole, empty) + 50))
        made = producer.make(selection, Size(budget=budget))
        assert made.payload_bytes == size_of(made.payload.kept)
        found = largest_within(size_of, len(table), budget)
        assert (found.keep, found.next_size) == (made.payload.kept, made.next_bytes)
        assert found.size == size_of(found.keep) <= budget
        if found.keep < len(table):
            assert found.next_size == size_of(found.keep + 1) > budget
        else:
            assert found.next_size is None


@given(st.lists(st.integers(-3, 9), max_size=200), st.integers(0, 900))
def test_sizes_that_do_not_only_grow(steps: list[int], budget: int) -> None:
    sizes = np.concatenate(([50], 50 + np.abs(np.cumsum(steps)))).astype(int).tolist()
    if budget < 50:
        with pytest.raises(Misuse, match="too small"):
            largest_within(sizes.__getitem__, len(steps), budget)
        return
    found = largest_within(sizes.__getitem__, len(steps), budget)
    assert sizes[found.keep] <= budget
    assert found.keep == len(steps) or sizes[found.keep + 1] > budget
    assert found.tries <= 2 * 16 + 2


@pytest.mark.parametrize(
    ("text", "size"),
    [("800", 800), ("20KB", 20_000), ("1.5 KiB", 1536), ("1.1kb", 1100), ("0.0009KB", 0)],
)  # fmt: skip
def test_spellings(text: str, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", "KB", "-5", "1e3", "5 GB", "1,000", "1.KB", "٣"])
def test_no_budgets(text: str) -> None:
    with pytest.raises(Misuse, match="A budget is a number of bytes"):
        parse_bytes(text)


@pytest.mark.slow
def test_the_encoded_file_has_the_size_that_prune_names(tmp_path: Path) -> None:
    table = random_table(7)
    table.write(tmp_path / "scores.parquet")
    (tmp_path / "about.json").write_text('{"licence": "CC0-1.0"}', "utf-8")
    about = {"licence": "CC0-1.0"}
    producer = Producer(table, options=PayloadOptions(metadata=about))
    half = producer.make(Selection(), Size(count=len(table) // 2))
    budget = len(dumps(half.payload, dense=True))
    prune_options = ["--budget", str(budget), "--dense", "--metadata", tmp_path / "about.json"]
    scores, selection, file = (
        tmp_path / name for name in ("scores.parquet", "s.parquet", "t.plada")
    )
    result = last_json(plada("prune", scores, "-o", selection, *prune_options, "--json"))
    assert result["payload_bytes"] <= budget < result["next_payload_bytes"]
    encoded = last_json(plada("encode", selection, "-o", file, "--dense", "--json"))
    assert encoded["payload_bytes"] == result["payload_bytes"] == file.stat().st_size
    for options in (["--budget", "90"], ["--budget", "1KB", "--count", "3"], ["--dense"], []):
        assert plada("prune", scores, "-o", tmp_path / "no.parquet", *options).exit_code == 2
    assert not (tmp_path / "no.parquet").exists()
