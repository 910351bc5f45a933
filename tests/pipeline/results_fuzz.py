"""Damaged and hostile results: each is read as what was written, or refused in one sentence.

::

    python -m tests.pipeline.results_fuzz --count 3000

makes so many files of each kind: score tables, selections, the records in the folder of a
transfer, and finished chunks of an interrupted labelling. Where bytes of our own file are damaged,
right is what was written; where another program wrote the file, what pyarrow or a JSON reader says
is in it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from plada_ref.baselines.record import Record
from plada_ref.labelling.label import CHUNK, _Parts
from plada_ref.labelling.scores import ScoreFacts, Scores, ScoreTable, score
from plada_ref.runs.plan import PlanRecord, Settings
from plada_ref.runs.records import Leakage, StudentRecord, TeacherRecord
from plada_ref.runs.run import Run
from plada_ref.selection import file as selection_file
from plada_ref.selection.auto_record import AutoSelection, Candidate
from plada_ref.selection.rule_record import RuleShape
from plada_ref.selection.students import HEAD, SCRATCH
from plada_ref.training.recipe import recipe
from pladafmt import Payload, PoolRef, dump
from tests.fuzzing import Case, Wrong, main, mutated

from .conftest import NET

ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 2, 16, 65_536, 65_537, 2**31, 2**53, 2**63, 2**64, 10**400),
    *(1.5, -0.0, 1e308, "", "x", "ab" * 32, "zz" * 32, "\u202e", "\ud800", "a" * 5000, "0", "1e9"),
    *([], [[]], {}, {"a": 1}, ["a", "a"], ["a"] * 70_000, [1, 2], [None], [""], [0.5]),
)
DEEP = 100_000


def changed(value: Any, rng: random.Random) -> Any:
    """Replace, remove, copy or add an entry somewhere in a JSON value; the value is changed."""
    place = value
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if not keys:
            return value
        key = rng.choice(keys)
        below = place[key]
        if isinstance(below, dict | list) and below and rng.random() < 0.7:
            place = below
            continue
        what = rng.random()
        if what < 0.2:
            del place[key]
        elif what < 0.4:
            place[key] = deepcopy(place[rng.choice(keys)])  # Itself would be a circle in the end.
        else:
            place[key] = deepcopy(rng.choice(ODD))
        return value


def text_of(value: Any, rng: random.Random) -> bytes:
    """Return a JSON value as bytes, now and then in a way that few programs write."""
    text = json.dumps(value).encode()
    how = rng.randrange(12)
    if how == 0:
        deep = rng.choice((b"[" * DEEP, b'{"a":' * DEEP, b"[" * DEEP + b"]" * DEEP))
        at = text.find(b":") + 1
        return rng.choice((deep, text[:at] + deep + text[at:]))
    if how == 1:
        return rng.choice((text.replace(b":", b": NaN, ", 1), text.replace(b"1", b"Infinity", 1)))
    if how == 2:
        return rng.choice((b"", b"null", b"3", b'"a"', b"[]", b"\xff\xfe" + text, b"{}"))
    if how == 3:  # The same key twice.
        return text[:-1] + b"," + text[1:]
    return text


# Parquet files by other programs.


def _rewritten(table: pa.Table, path: Path, rng: random.Random, facts: bytes) -> None:
    """Write the rows of a table with other facts, in another way, or as other types."""
    key = next(iter(table.schema.metadata))
    for _ in range(rng.choice((0, 0, 1, 2))):
        table = _other_rows(table, rng)
    metadata = {key: facts} if rng.random() < 0.95 else {}
    if rng.random() < 0.1:
        metadata[b"pandas"] = b"{" * rng.choice((1, DEEP))
    table = table.replace_schema_metadata(metadata)
    copies = rng.choice((1, 1, 1, 1, 2, 20))
    rows = rng.choice((1, 7, 1 << 20)) if len(table) < 100 else 1 << 20
    with pq.ParquetWriter(
        path,
        table.schema,
        compression=rng.choice(("none", "zstd", "snappy", "gzip")),
        use_dictionary=rng.random() < 0.5,
        data_page_version=rng.choice(("1.0", "2.0")),
        store_schema=rng.random() < 0.5,
    ) as writer:
        for _ in range(copies):
            writer.write_table(table, row_group_size=rows)
    if rng.random() < 0.1:
        path.write_bytes(mutated(path.read_bytes(), rng))


_KINDS = (
    *(pa.int8(), pa.uint16(), pa.int64(), pa.uint64(), pa.float16(), pa.float32(), pa.float64()),
    *(pa.string(), pa.large_string(), pa.binary(), pa.binary(4), pa.bool_(), pa.date32()),
    *(pa.decimal128(20, 2), pa.timestamp("us"), pa.null(), pa.list_(pa.uint16())),
    *(pa.struct([("a", pa.uint16())]), pa.dictionary(pa.int32(), pa.uint16())),
)


def _other_rows(table: pa.Table, rng: random.Random) -> pa.Table:
    if not table.num_columns:
        return table
    at = rng.randrange(table.num_columns)
    name, column = table.column_names[at], table.column(at)
    how = rng.randrange(7)
    if how == 0:
        return table.remove_column(at)
    if how == 1:
        return table.set_column(at, name, _cast(column, rng.choice(_KINDS)))
    if how == 2:
        holed = pa.array([None, *column.to_pylist()[1:]][: len(column)], column.type)
        return table.set_column(at, name, holed)
    if how == 3:
        return table.append_column(rng.choice((name, "other")), column)
    if how == 4:
        return table.select(rng.sample(range(table.num_columns), table.num_columns))
    if how == 5:  # A few bytes in the file, much in memory.
        rows = rng.choice((0, 10_000, 300_000))
        return (
            pa.table(
                [pa.nulls(rows, one.type).fill_null(one[0]) for one in table.columns],
                schema=table.schema,
            )
            if len(table) and not pa.types.is_nested(column.type)
            else table
        )
    values = column.to_pylist()
    rng.shuffle(values)
    return table.set_column(at, name, pa.array(values, column.type))


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        return column.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return pa.chunked_array([pa.nulls(len(column), kind)])


def _same(found: Any, column: pa.ChunkedArray) -> bool:
    """Whether an array has the values of a column, bit for bit."""
    expected = column.to_numpy()
    return bool(found.dtype == expected.dtype) and bool(found.tobytes() == expected.tobytes())


def _others(facts: Any, rng: random.Random) -> Any:
    """Return the facts as another program might write them, most often without our checksum."""
    if rng.random() < 0.9:
        del facts["crc32"]
    return changed(facts, rng) if rng.random() < 0.5 else facts


_NAMES = ("cat", "Ä", "犬", "a b", "=1+1", "x" * 200)


def _classes(rng: random.Random) -> tuple[str, ...]:
    return _NAMES[: rng.randrange(1, len(_NAMES) + 1)]


def scores_case(rng: random.Random, folder: Path) -> None:
    path = folder / "scores.parquet"
    classes, count = _classes(rng), rng.choice((1, 40, 3000))
    logits = np.random.default_rng(rng.randrange(99)).normal(size=(count, len(classes)))
    pool = PoolRef(rng.randbytes(32), count)
    table = ScoreTable.of(ScoreFacts(pool, classes, "ab" * 32), score(logits.astype(np.float32)))
    table.write(path)
    stored = pq.read_table(path)
    if rng.random() < 0.5:
        path.write_bytes(mutated(path.read_bytes(), rng))
        found = ScoreTable.read(path)
        facts = (pool, classes, "ab" * 32, 1.0)
    else:
        said = json.loads(stored.schema.metadata[b"plada-scores"])
        said = _others(said, rng)
        _rewritten(stored, path, rng, text_of(said, rng))
        found = ScoreTable.read(path)
        with pq.ParquetFile(path) as again:
            stored = again.read()
        said = json.loads(stored.schema.metadata[b"plada-scores"])
        facts = (
            PoolRef(bytes.fromhex(said["pool_id"]), said["pool_size"]),
            tuple(said["classes"]),
            said["teacher"],
            said["temperature"],
        )
    if len(set(stored.column_names)) < len(stored.column_names):
        raise Wrong("one of two columns of the same name is read")
    if (found.pool, found.classes, found.teacher, found.temperature) != facts:
        raise Wrong(
            f"other facts: {found.pool} {found.classes} {found.teacher} in place of {facts}"
        )
    for name, values in {"label": found.labels, **found.columns}.items():
        if not _same(values, stored.column(name)):
            raise Wrong(f"other values in the column {name}")


def selection_case(rng: random.Random, folder: Path) -> None:
    path = folder / "selection.parquet"
    classes, count = _classes(rng), rng.choice((0, 1, 40, 3000))
    draw = np.random.default_rng(rng.randrange(99))
    payload = Payload(
        PoolRef(rng.randbytes(32), 5 * count + 1),
        rng.choice((classes, len(classes))),
        np.sort(draw.choice(5 * count + 1, count, replace=False)),
        draw.integers(0, len(classes), count),
        rng.choice((None, draw.uniform(0.1, 2, count))),
        rng.choice((None, {"a": [1, {"b": "c"}]})),
    )
    selection_file.write(payload, path)
    if rng.random() < 0.5:
        path.write_bytes(mutated(path.read_bytes(), rng))
        if selection_file.read(path) != payload:
            raise Wrong("another selection is read than was written")
        return
    stored = pq.read_table(path)
    said = json.loads(stored.schema.metadata[b"plada-selection"])
    said = _others(said, rng)
    _rewritten(stored, path, rng, text_of(said, rng))
    found = selection_file.read(path)
    with pq.ParquetFile(path) as again:
        stored = again.read()
    said = json.loads(stored.schema.metadata[b"plada-selection"])
    named = found.classes if isinstance(found.classes, int) else list(found.classes)
    if (found.pool.id.hex(), found.pool.size, named, found.metadata) != (
        said["pool_id"].lower(),
        said["pool_size"],
        said["classes"],
        said["metadata"],
    ):
        raise Wrong(f"other facts: {found} in place of {said}")
    columns: dict[str, Any] = {
        "position": found.positions,
        "label": found.labels,
        "weight": found.weights,
    }
    for name, values in columns.items():
        there = stored.column(name).to_pylist() if name in stored.column_names else None
        if (None if values is None else values.tolist()) != there:
            raise Wrong(f"other values in the column {name}")
    dump(found, folder / "task.plada")


# Finished chunks of a labelling.


def part_case(rng: random.Random, folder: Path) -> None:
    number, binding = rng.randrange(4), "ab" * 32
    parts = _Parts(folder / "parts", binding)
    logits = np.random.default_rng(rng.randrange(99)).normal(size=(rng.choice((1, 7, CHUNK)), 3))
    scores = score(logits.astype(np.float32))
    parts.save(number, scores)
    (path,) = (folder / "parts").rglob("*.npz")
    if rng.random() < 0.1:  # Another chunk's file in its place.
        path.rename(path.with_name(f"{number + 1:08d}.npz"))
        number += 1
    else:
        path.write_bytes(mutated(path.read_bytes(), rng))
    found = parts.load(number)
    if found is not None and any(
        getattr(found, one.name).tobytes() != getattr(scores, one.name).tobytes()
        for one in fields(Scores)
    ):
        raise Wrong("another chunk is read than was written")


# The folder of a transfer.


def _records(rng: random.Random, folder: Path) -> dict[str, Any]:
    """Write a payload, and return the JSON files of a folder by name."""
    payload = Payload(PoolRef(bytes(32), 100), ("a", "b"), [1, 5, 9], [0, 1, 1])
    dump(payload, folder / "low-energy-0.1.plada")
    size = (folder / "low-energy-0.1.plada").stat().st_size
    how = recipe("all")
    settings = Settings(teacher=NET, student=NET, teach_recipe=how, train_recipe=how)
    digests = dict.fromkeys(("learn_from", "test", "teacher", "student"), "ab" * 32)
    seen: dict[str, Any] = {"budget": 2000, "students": {SCRATCH: 0.5}}
    tried = Candidate("herding", 3, size, 0.8, 1.5, **seen)
    auto = AutoSelection.of(
        tried,
        (
            tried,
            Candidate("rule", 9, 250, 0.8, 3.5, rule=RuleShape(128, 7), **seen),
            Candidate("random", 0, 0, 0.0, 0.0, "no time left"),
        ),
        kinds=rng.choice(((HEAD,), (HEAD, SCRATCH))),
        stages={HEAD: 1.5, SCRATCH: 0.5},
        budget=2000,
        held_out_images=10,
        held_out_teacher=0.9,
        floor=0.1,
        seconds=2.5,
    )
    student = StudentRecord(
        selection="low-energy",
        keep_rate=0.03,
        kept=3,
        payload_bytes=size,
        accuracy=0.75,
        vanished=rng.choice(((), ("b",))),
        payload=str(folder / "low-energy-0.1.plada"),
        seconds=1.5,
        budget=rng.choice((None, 2000)),
    )
    return {
        "plan.json": PlanRecord(
            settings=settings,
            learn_from=("digits train", 9),
            test=("digits test", 3),
            pool="00" * 32,
            seeds=(0, 7),
            digests=digests,
        ).to_json(),
        "teacher.json": TeacherRecord(0.875).to_json(),
        "leakage.json": Leakage(10, 100, 1, 2, 0.3).to_json(),
        "auto-2000.json": auto.to_json(),
        "low-energy-0.1.json": student.to_json(),
        "baselines.json": {
            "settings": {"seed": 0},
            "rows": [
                {
                    "baseline": "int8-head",
                    "name": "INT8 linear head",
                    "bytes": 10_043,
                    "accuracy": 0.5,
                    "seconds": 1.5,
                    "details": {"bits": 8},
                    "setting": {"budget": 2000},
                }
            ],
        },
    }


def records_case(rng: random.Random, folder: Path) -> None:
    written = _records(rng, folder)
    name = rng.choice([*written])
    for other, value in written.items():
        (folder / other).write_text(json.dumps(value), "utf-8")
    if rng.random() < 0.3:
        (folder / name).write_bytes(mutated((folder / name).read_bytes(), rng))
    else:
        value = json.loads(json.dumps(written[name]))
        for _ in range(rng.choice((0, 1, 1, 2))):
            value = changed(value, rng)
        (folder / name).write_bytes(text_of(value, rng))
    run = Run.read(folder)
    said = json.loads((folder / name).read_bytes())
    if name == "plan.json" and said.get("layout") is None:
        said["layout"] = 1  # The first one is not written down.
    if name == "auto-2000.json":  # Nor did an earlier version say these.
        said.setdefault("kinds", [HEAD])
        for one in said["candidates"]:
            one.setdefault("budget", 0)
    found: dict[str, Callable[[], Any]] = {
        "plan.json": lambda: run.plan and run.plan.to_json(),
        "teacher.json": lambda: {"accuracy": run.teacher_accuracy},
        "leakage.json": lambda: run.leakage and run.leakage.to_json(),
        "auto-2000.json": lambda: run.autos[0].to_json(),
        "low-energy-0.1.json": lambda: run.students[0].record.to_json(),
        "baselines.json": lambda: {"rows": [row.to_json() for row in run.baselines]},
    }
    for place, value in _leaves(found[name]()):
        there = _at(said, place)
        if value not in (there, None) and not _is_empty(value, there):
            raise Wrong(f"{name} says {there!r:.100} at {place}, and {value!r:.100} is read")
    if run.plan is not None:
        kinds = run.autos[0].kinds if run.autos else ()
        run.plan.commands([student.record for student in run.students], kinds)
    if name == "baselines.json":
        Record(folder, {"seed": 0})


def _leaves(value: Any, place: tuple[Any, ...] = ()) -> Any:
    if isinstance(value, dict | list) and value:
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(below, (*place, key))
    else:
        yield place, value


def _at(value: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        if isinstance(value, dict):
            value = value.get(key)
        else:
            value = value[key] if isinstance(value, list) and key < len(value) else None
    return value


def _is_empty(value: Any, there: Any) -> bool:
    """Whether both say that there is nothing; a folder of an earlier version lacks fields."""
    return value in ((), {}, []) and not there


CASES: dict[str, Case] = {
    "scores": scores_case,
    "selection": selection_case,
    "part": part_case,
    "records": records_case,
}

if __name__ == "__main__":
    main(CASES, __doc__)
