"""A rule over the codes of a whole pool: reading its file, against the bare matrix product."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
from plada_conformance import build

from pladafmt import Codes, Limits, Payload, PladaError, PoolRef, Rule, dumps, loads, read_rule
from pladafmt.limits import MAX_CLASSES, MAX_POSITION
from pladafmt.rules.codes import MOST_COLUMNS
from pladafmt.rules.scores import ROWS, Scorer
from pladafmt.threads import share_out

from . import child, material
from .anonymous import Anonymous
from .claim import Claim, Part
from .settings import Settings
from .stopwatch import Times

COLUMNS, TOP = 128, 7
SECONDS = {10: 3, 365: 60}
"""By number of classes, for the full pool."""

CASES = ((10, 0.01), (10, 1.0), (365, 0.01))
"""Number of classes, and part of the pool that is kept."""

BESIDE = 256 * 2**20
"""Anonymous bytes that a reader may take beside what it returns."""

HOSTILE_SECONDS = 0.05
PLAIN_ROWS = 8192
"""Images of one product by NumPy alone."""

SHARE = 1 << 17
"""Images whose products a thread computes in a row."""


def measure(settings: Settings) -> Part:
    """Read files with rules, and refuse a hostile one."""
    part = Part("rule", figures={"images": settings.images, "columns": COLUMNS, "rules": {}})
    codes = str(settings.work / "codes.npy")
    child.run(
        material.write_codes,
        out=codes,
        images=settings.images,
        columns=COLUMNS,
        seed=settings.seed,
    )
    named = child.run(codes_id, codes=codes).value
    part.figures["codes"] = {**named, "bytes": Path(codes).stat().st_size}
    given = {"codes": codes, "known": named["id"]}
    file = str(settings.work / "rule.plada")
    for classes, rate in CASES:
        child.run(write_rule, **given, out=file, classes=classes, rate=rate, seed=settings.seed)
        timed = child.run(time_reading, **given, file=file, rounds=settings.rounds).value
        held = child.run(read_once, **given, file=file).value
        what = f"{classes} classes, {100 * rate:g} % kept"
        part.figures["rules"][what] = {**timed, **held}
        wall = timed["read"]["wall_ms"] / 1000
        part.claims.append(Claim(f"{what}: time", wall, SECONDS[classes], "s"))
        if held["beside"] is not None:
            beside = Claim(
                f"{what}: memory beside the result", held["beside"] / 1e6, BESIDE / 1e6, "MB"
            )
            part.claims.append(beside)
        part.notes.append(
            f"{what}: {timed['ratio']:.2f} times its own bare products, {timed['plain_ratio']:.2f} "
            "times NumPy's"
        )
    refused = child.run(refuse, rounds=10 * settings.rounds).value
    part.figures["hostile"] = refused
    part.claims.append(
        Claim("hostile rule refused: time", refused["most_ms"], 1000 * HOSTILE_SECONDS, "ms")
    )
    part.notes.append(
        f"reading is pladafmt.loads, d = {COLUMNS}, codes mapped and in the page cache, their id "
        f"known (it takes {named['seconds']:.0f} s, once for a pool). Bare products are those of "
        "float32 alone, in the same small blocks and threads; NumPy's are numpy.matmul of "
        f"{PLAIN_ROWS:,} rows at a time in BLAS's own threads. Memory is anonymous (RssAnon), "
        "beyond that after the imports and the arrays that are returned. The hostile file, "
        f"{refused['bytes']} bytes, asks for the most work that one can; the time is the longest, "
        "the first read included"
    )
    return part


def codes_id(codes: str) -> dict[str, Any]:
    """Compute the codes id, and say what it took."""
    table = Codes.load(codes)
    started = time.perf_counter()
    found = table.id_of(len(table))
    return {"id": found.hex(), "seconds": time.perf_counter() - started}


def write_rule(codes: str, known: str, out: str, classes: int, rate: float, seed: int) -> None:
    """Write a file whose rule keeps about this part of the pool."""
    table = _load(codes, known)
    draw = np.random.default_rng(seed)
    weights = draw.integers(-TOP, TOP + 1, (classes, COLUMNS))
    biases = draw.integers(-1000, 1001, classes)
    name = bytes.fromhex(known)[:8]
    everything = Rule(name, weights, biases, np.zeros(classes, np.int32))
    margins = everything.keep(table, min(len(table), 50_000)).margins
    least = 0 if rate == 1 else int(np.quantile(margins, 1 - rate))
    rule = Rule(name, weights, biases, np.full(classes, least))
    kept = rule.keep(table, len(table))
    payload = Payload(PoolRef(bytes(32), len(table)), classes, kept.positions, kept.labels)
    Path(out).write_bytes(dumps(payload, rule=rule, codes=table))


def time_reading(codes: str, known: str, file: str, rounds: int) -> dict[str, Any]:
    """Time reading in turn with matrix products of as many rows."""
    table, data = _load(codes, known), Path(file).read_bytes()
    rule = read_rule(data)
    assert rule is not None
    images, scorer = len(table), Scorer(rule.weights, rule.biases)
    # Always the same rows, which stay in the cache: what is timed is the products alone.
    drawn = np.random.default_rng(0).integers(-128, 128, (PLAIN_ROWS, rule.columns))
    rows = drawn.astype(np.float32)
    blocks = rows[: rule.step].reshape(-1, ROWS, rule.columns)
    weights = np.ascontiguousarray(rule.weights.T, dtype=np.float32)
    out = np.empty((PLAIN_ROWS, rule.classes), np.float32)

    def multiply(first: int) -> None:
        for _ in range(first, min(first + SHARE, images), rule.step):
            scorer.multiply(blocks)

    def plain() -> None:
        for _ in range(0, images, PLAIN_ROWS):
            np.matmul(rows, weights, out=out)

    times = Times()
    for _ in range(rounds):
        times.take("read", lambda: loads(data, codes=table))
        times.take("products", lambda: share_out(multiply, range(0, images, SHARE)))
        times.take("plain products", plain)
    return {
        **times.medians(),
        "bytes": len(data),
        "ratio": times.ratio(["read"], "products"),
        "plain_ratio": times.ratio(["read"], "plain products"),
        "cpu_ratio": times.ratio(["read"], "products", processor=True),
    }


def read_once(codes: str, known: str, file: str) -> dict[str, Any]:
    """Read a file once, for the memory that it takes: all that is anonymous after the imports."""
    with Anonymous() as memory:
        payload = loads(Path(file).read_bytes(), codes=_load(codes, known))
    arrays = payload.positions.nbytes + payload.labels.nbytes
    beside = None
    if memory.before is not None and memory.peak is not None:
        beside = max(0, memory.peak - memory.before - arrays)
    return {"kept": payload.kept, "array_bytes": arrays, "beside": beside}


def refuse(rounds: int) -> dict[str, Any]:
    """Time how long a rule of the most work that a file can ask for lasts."""
    data = hostile()
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        try:
            loads(data)
        except PladaError as error:
            assert error.code == "limit-work"
        else:
            raise SystemExit("A hostile rule was not refused.")
        seconds.append(time.perf_counter() - started)
    return {"bytes": len(data), "most_ms": 1000 * max(seconds), "limit": Limits().work}


def hostile() -> bytes:
    """Return a file with the largest pool, number of classes and number of columns."""
    meaning = build.Meaning(
        pool_size=MAX_POSITION, classes=MAX_CLASSES, names=None, positions=(), labels=()
    )
    fields = {
        "codes_id": bytes(8),
        "columns": build.varint(MOST_COLUMNS),
        "scale": b"\x0f",
        "stream": b"\x80" * 64,
    }
    made: bytes = build.Draft(meaning, chunks=[build.Chunk(build.RULE, fields)]).build().data
    return made


def _load(codes: str, known: str) -> Codes:
    table = Codes.load(codes).table
    return Codes(table, {len(table): bytes.fromhex(known)})
