"""Scores against the formulas of the paper, computed naively, and the table on disk."""

from __future__ import annotations

import json
import math
import resource
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plada_ref.errors import PipelineError
from plada_ref.labelling import score_columns, scores
from plada_ref.labelling.collapse import find_collapse, warnings
from plada_ref.labelling.score_columns import ScoresInFile, ScoresInMemory
from plada_ref.labelling.scores import ScoreFacts, Scores, ScoreTable, score, write_scores
from plada_ref.labelling.sight import Sight
from pladafmt import PoolRef

NAMES = [column.name for column in fields(Scores)]


def test_scores_are_the_formulas() -> None:
    logits = np.random.default_rng(1).normal(0, 4, (50, 7)).astype(np.float32)
    found = score(logits)
    for row, z in enumerate(logits):
        exps = [Decimal(float(value)).exp() for value in z]
        total = sum(exps, Decimal(0))
        p = sorted((float(value / total) for value in exps), reverse=True)
        assert found.labels[row] == int(np.argmax(z))
        assert found.energy[row] == pytest.approx(-float(total.ln()), rel=1e-6)
        assert found.entropy[row] == pytest.approx(-sum(q * math.log(q) for q in p), rel=1e-5)
        assert found.margin[row] == pytest.approx(p[0] - p[1], rel=1e-5)
        assert found.probability[row] == pytest.approx(p[0], rel=1e-5)
        warm = sum(((Decimal(float(value)) / 3).exp() for value in z), Decimal(0))
        energy = score(logits[row : row + 1], temperature=3.0).energy[0]
        assert energy == pytest.approx(-3 * float(warm.ln()), rel=1e-6)


def test_scores_survive_large_logits_and_one_class() -> None:
    found = score(np.array([[1e4, -1e4], [-1e4, -1e4]], dtype=np.float32))
    assert found.energy.tolist() == pytest.approx([-1e4, 1e4 - math.log(2)])
    assert found.entropy.tolist() == pytest.approx([0, math.log(2)])
    assert found.margin.tolist() == [1, 0]
    assert found.labels.tolist() == [0, 0]
    assert score(np.array([[3.0]], dtype=np.float32)).margin.tolist() == [1]


def test_logits_that_are_not_finite_are_refused() -> None:
    with pytest.raises(PipelineError, match="not finite"):
        score(np.array([[0, np.nan]], dtype=np.float32))


def _table() -> ScoreTable:
    found = score(np.random.default_rng(2).normal(size=(20, 3)).astype(np.float32))
    return ScoreTable(
        PoolRef(bytes(range(32)), 20),
        ("Ä", "b", "c"),
        "ab" * 32,
        found.labels,
        found.energy,
        found.entropy,
        found.margin,
        found.probability,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    "seen", [None, Sight("resnet18", 96, 32, True), Sight("plada_convnet_s", 16)]
)
def test_table_round_trip(tmp_path: Path, seen: Sight | None) -> None:
    table, path = replace(_table(), seen=seen), tmp_path / "scores.parquet"
    table.write(path)
    again = ScoreTable.read(path)
    assert again.seen == seen
    assert (again.pool, again.classes, again.teacher) == (table.pool, table.classes, table.teacher)
    for name in ("labels", "energy", "entropy", "margin"):
        one, other = getattr(table, name), getattr(again, name)
        assert one.dtype == other.dtype
        assert one.tobytes() == other.tobytes()


@pytest.mark.parametrize(
    "change",
    [
        {"pool_size": 21},
        {"pool_id": "zz"},
        {"classes": ["only one"]},
        {"layout": 1},
        {"layout": 9_000 * "a"},
        {"teacher_model": 7},
        {"teacher_sees": {"img_size": "96"}},
        {"teacher_sees": {"img_size": 96, "via_size": 0}},
        {"teacher_sees": {"img_size": 96, "grey": 1}},
        {"teacher_sees": None},
    ],
)
def test_tables_that_contradict_themselves_are_refused(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "scores.parquet"
    _table().write(path)
    stored = pq.read_table(path)
    seen = {"teacher_model": "resnet18", "teacher_sees": {"img_size": 96}}
    facts = json.loads(stored.schema.metadata[b"plada-scores"]) | seen | change
    del facts["crc32"]
    pq.write_table(stored.replace_schema_metadata({"plada-scores": json.dumps(facts)}), path)
    with pytest.raises(PipelineError, match="score table") as refused:
        ScoreTable.read(path)
    assert len(str(refused.value)) < 500


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.integers(0, 40), st.lists(st.integers(0, 40)), st.sampled_from([1, 7, 64]), st.randoms())
def test_scores_come_in_any_order_and_are_written_in_theirs(
    tmp_path: Path, count: int, cuts: list[int], group: int, random: Random
) -> None:
    """From a file or from memory: the same table, and the same word on it."""
    logits = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    found = score(logits).without(np.flatnonzero(logits[:, 0] > 1))
    about = ScoreFacts(PoolRef(bytes(32), count), ("a", "b", "c"), "ab" * 32)
    borders = sorted({0, count, *(min(cut, count) for cut in cuts)})
    chunks = list(map(range, borders, borders[1:]))
    random.shuffle(chunks)
    memory = ScoresInMemory(count)
    paths = tmp_path / "memory.parquet", tmp_path / "file.parquet"
    with pytest.MonkeyPatch.context() as patch, ScoresInFile(tmp_path, count) as file:
        for module in (score_columns, scores):
            patch.setattr(module, "ROWS_PER_GROUP", group)
        for chunk in chunks:
            part = {name: getattr(found, name)[chunk.start : chunk.stop] for name in NAMES}
            for each in (memory, file):
                each.fill(chunk, Scores(**part))
        table = ScoreTable.of(about, memory.scores)
        table.write(paths[0])
        written = write_scores(paths[1], about, file.pieces())
    assert paths[0].read_bytes() == paths[1].read_bytes()
    again = ScoreTable.read(paths[1])
    for name in NAMES:
        assert getattr(again, name).tobytes() == getattr(found, name).tobytes()
    assert written.unreadable == len(again.unreadable)
    assert written.pseudo_labels.tolist() == again.histogram().tolist()


def test_scores_that_find_no_room(tmp_path: Path) -> None:
    found = score(np.zeros((4000, 3), np.float32))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    with ScoresInFile(tmp_path, 4000) as file:
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
        try:
            with pytest.raises(PipelineError, match=rf"cannot be kept in '{tmp_path}'.*make room"):
                file.fill(range(4000), found)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    with pytest.raises(PipelineError, match="cannot be kept"):
        ScoresInFile(tmp_path / "none", 1)


def test_other_files_are_no_tables(tmp_path: Path) -> None:
    path = tmp_path / "scores.parquet"
    _table().write(path)
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(PipelineError, match="no score table"):
        ScoreTable.read(path)
    with pytest.raises(PipelineError, match="plada label"):
        ScoreTable.read(tmp_path / "absent")


def test_collapse_is_found_where_it_is() -> None:
    even = np.array([5000] * 10)
    assert not find_collapse(even)
    assert warnings(even, [str(c) for c in range(10)]) == []
    # What a quick full fine-tune at learning rate 1e-3 did to 50,000 photographs.
    starved = np.array([5000] * 8 + [9927, 73])
    assert find_collapse(starved).starved == (9,)
    assert "9 (73)" in warnings(starved, [str(c) for c in range(10)])[0]
    swallowed = np.array([30000] + [2222] * 9)
    assert find_collapse(swallowed).swallowing == 0
    # Two classes in the ratio 60 to 40 are no collapse.
    assert not find_collapse(np.array([60, 40]))
