"""Score tables and selections from somebody else: read as they are meant, or refused."""

from __future__ import annotations

import json
import random
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plada_ref.errors import PipelineError
from plada_ref.labelling.scores import ScoreFacts, ScoreTable, score
from plada_ref.selection import file as selection_file
from pladafmt import Payload, PoolRef

POOL = PoolRef(bytes(32), 20)
KEYS = {"scores": b"plada-scores", "selection": b"plada-selection"}


def write(kind: str, path: Path) -> None:
    if kind == "scores":
        logits = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
        ScoreTable.of(ScoreFacts(POOL, ("a", "b", "c"), "0" * 64), score(logits)).write(path)
    else:
        payload = Payload(POOL, ["a", "b", "c"], [1, 4, 9], [0, 1, 2], [1.0, 2.0, 0.5], {"x": 1})
        selection_file.write(payload, path)


def read(kind: str, path: Path) -> Any:
    return ScoreTable.read(path) if kind == "scores" else selection_file.read(path)


def facts(kind: str, stored: pa.Table) -> dict[str, Any]:
    """What a file says of itself, as a program writes it that adds no checksum."""
    said: dict[str, Any] = json.loads(stored.schema.metadata[KEYS[kind]])
    del said["crc32"]
    return said


def columns(kind: str) -> list[str]:
    if kind == "selection":
        return ["position", "label", "weight"]
    return ["label", "energy", "entropy", "margin", "probability"]


TYPES = [
    *(pa.bool_(), pa.int8(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64()),
    *(pa.float16(), pa.float32(), pa.float64(), pa.decimal128(10, 2), pa.date32()),
    *(pa.timestamp("us"), pa.time64("us"), pa.string(), pa.large_string(), pa.binary()),
    *(pa.list_(pa.int64()), pa.struct([("a", pa.int64())]), pa.map_(pa.int64(), pa.int64())),
    *(pa.null(), pa.dictionary(pa.int32(), pa.string()), pa.dictionary(pa.int32(), pa.int64())),
    pa.binary(4),
]


def of_type(kind: pa.DataType, rows: int) -> pa.Array:
    """An array of a type, of 1, 2, 3 ... where that can be."""
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return pa.array(np.arange(1, rows + 1), pa.int64()).cast(kind)
    if pa.types.is_dictionary(kind):
        return of_type(kind.value_type, rows).dictionary_encode()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.array(["1"] * rows, kind)
    return pa.nulls(rows, kind)


@pytest.mark.parametrize("kind", KEYS)
def test_columns_of_every_type(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(kind, path)
    stored = pq.read_table(path)
    stored = stored.replace_schema_metadata({KEYS[kind]: json.dumps(facts(kind, stored))})
    for number, name in enumerate(columns(kind)):
        for each in TYPES:
            changed = stored.set_column(number, pa.field(name, each), of_type(each, len(stored)))
            pq.write_table(changed, path)
            each = pq.read_schema(path).field(name).type  # Parquet has not every type of Arrow.
            fine = each == stored.schema.field(name).type
            if kind == "selection":
                fine = pa.types.is_integer(each)
                fine |= name == "weight" and pa.types.is_floating(each)
            if fine:
                # The labels 1, 2, 3 are more than there are classes.
                assert name == "label" or len(columns(kind)) == 5 or read(kind, path)
                continue
            with pytest.raises(PipelineError, match=f"column {name} is of") as caught:
                read(kind, path)
            assert "\n" not in str(caught.value)
        with_gaps = pa.array([None] * len(stored), stored.schema.field(name).type)
        pq.write_table(stored.set_column(number, name, with_gaps), path)
        with pytest.raises(PipelineError, match="empty cells"):
            read(kind, path)
        if name != "weight":
            pq.write_table(stored.drop_columns([name]), path)
            with pytest.raises(PipelineError, match=f"no column {name}"):
                read(kind, path)


DEEP = b"[" * 100_000
FACTS: list[tuple[Any, str]] = [
    (DEEP, "nested"),
    (b'{"a":' * 70 + b"1" + b"}" * 70, "nested"),
    (b'{"classes": ["a"], "classes": ["b"]}', "same key twice"),
    (b"\xff", "UTF-8"),
    (b"[]", "no object"),
    (b"3", "no object"),
    (b"{}", "does not say"),
    ({"classes": "abc"}, "no list of texts"),
    ({"classes": [1, 2, 3]}, "no list of texts"),
    ({"classes": {"a": 1}}, "no list of texts"),
    ({"classes": None}, "no list of texts"),
    ({"pool_id": 3}, "no text"),
    ({"pool_id": "zz"}, "non-hexadecimal"),
    ({"pool_id": "00"}, "32 bytes"),
    ({"pool_size": "20"}, "no whole number"),
    ({"pool_size": True}, "no whole number"),
    ({"pool_size": -1}, "2\\^53"),
    ({"pool_size": 1e9}, "no whole number"),
]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("number", range(len(FACTS)))
def test_facts_that_are_something_else(kind: str, number: int, tmp_path: Path) -> None:
    change, words = FACTS[number]
    path = tmp_path / "file"
    write(kind, path)
    stored = pq.read_table(path)
    if isinstance(change, dict):
        change = json.dumps(facts(kind, stored) | change).encode()
    pq.write_table(stored.replace_schema_metadata({KEYS[kind]: change}), path)
    with pytest.raises(PipelineError, match=words) as caught:
        read(kind, path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "change",
    [{"teacher": 3}, {"temperature": "1"}, {"temperature": 0}, {"temperature": float("nan")}],
)
def test_facts_of_tables_alone(change: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "file"
    write("scores", path)
    stored = pq.read_table(path)
    said = facts("scores", stored) | change
    pq.write_table(stored.replace_schema_metadata({b"plada-scores": json.dumps(said)}), path)
    with pytest.raises(PipelineError, match=next(iter(change))):
        ScoreTable.read(path)


@pytest.mark.parametrize("kind", KEYS)
def test_a_small_file_of_very_many_rows_is_refused(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLADA_LIMITS", "page=1MiB")
    path = tmp_path / "file"
    write(kind, path)
    stored = pq.read_table(path)
    rows = 1 << 20
    many = {
        name: pa.repeat(pa.scalar(0, pa.uint8()), rows).cast(stored.schema.field(name).type)
        for name in columns(kind)
    }
    table = pa.table(many).replace_schema_metadata(stored.schema.metadata)
    pq.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 100_000
    with pytest.raises(PipelineError, match="PLADA_LIMITS=expansion"):
        read(kind, path)


@pytest.mark.parametrize("kind", KEYS)
def test_what_is_no_file_at_all(kind: str, tmp_path: Path) -> None:
    for path in (tmp_path, Path("/dev/zero"), Path("/dev/null")):
        with pytest.raises(PipelineError):
            read(kind, path)
    sparse = tmp_path / "sparse"
    sparse.write_bytes(b"PAR1")
    with open(sparse, "ab") as file:
        file.truncate(100 << 30)
    with pytest.raises(PipelineError):
        read(kind, sparse)
    with pytest.raises(PipelineError, match="There is no"):
        read(kind, tmp_path / "none")


def same_scores(one: Any, other: Any) -> bool:
    names = [each.name for each in fields(ScoreTable)]
    return isinstance(one, ScoreTable) and all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in names
    )


@pytest.mark.parametrize("kind", KEYS)
def test_facts_that_were_changed_under_their_checksum(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(kind, path)
    stored = pq.read_table(path)
    changed = stored.schema.metadata[KEYS[kind]].replace(b'"b"', b'"d"')
    pq.write_table(stored.replace_schema_metadata({KEYS[kind]: changed}), path)
    with pytest.raises(PipelineError, match=r"does not fit its checksum; .* leaves crc32 out"):
        read(kind, path)
    said = facts(kind, stored) | {"classes": ["a", "d", "c"]}
    pq.write_table(stored.replace_schema_metadata({KEYS[kind]: json.dumps(said)}), path)
    assert tuple(read(kind, path).classes) == ("a", "d", "c")


@pytest.mark.parametrize("kind", KEYS)
def test_a_column_that_is_there_twice(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(kind, path)
    stored = pq.read_table(path)
    pq.write_table(stored.append_column("label", stored.column("label")), path)
    with pytest.raises(PipelineError, match="has the column label twice"):
        read(kind, path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KEYS)
def test_damaged_files_are_refused_or_mean_the_same(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    write(kind, path)
    whole, written = path.read_bytes(), read(kind, path)
    rng = random.Random(16)
    refused = 0
    for _ in range(1000):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        if rng.random() < 0.2:
            del data[rng.randrange(len(data)) :]
        path.write_bytes(data)
        try:
            found = read(kind, path)
            assert found == written or same_scores(found, written)
        except PipelineError as exc:
            refused += 1
            assert "\n" not in str(exc)
    assert refused > 300
