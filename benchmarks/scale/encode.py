"""`encode` and `decode`: time against Zstandard alone on the same streams, and memory."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import zstandard

from pladafmt import Limits, chunks, dump, layout, load, loads
from pladafmt.blocks import read as block
from pladafmt.loops import backend
from pladafmt.reader import Reader
from pladafmt.streams import Stored

from . import child, command, material
from .claim import Claim, Part
from .settings import Settings
from .stopwatch import Times

RATES = [0.001, 0.01, 0.1, 1.0]
TIMES = 6
"""How many times as long as Zstandard alone a reader may take."""

FLOOR = 0.003
"""Seconds that a reader may take whatever Zstandard takes."""

ARRAYS, BESIDE = 2, 64 * 2**20
"""Peak memory of a reader: twice the arrays it returns, and 64 MiB."""

SECONDS = 60


def measure(settings: Settings) -> Part:
    """Encode and decode the images of lowest energy at every rate."""
    part = Part("encode", figures={"images": settings.images, "rates": {}})
    folder = str(settings.work)
    child.run(
        material.write_selections,
        folder=folder,
        counts=str(settings.counts),
        images=settings.images,
        rates=RATES,
        seed=settings.seed,
    )
    for rate in RATES:
        part.figures["rates"][f"{rate:g}"] = _at(part, settings, rate)
    selection = settings.work / "1.parquet"
    ran = command.plada("encode", selection, "-o", settings.work / "all.plada", cache=folder)
    part.figures["command"] = ran.to_json()
    part.notes.append(
        "decode is pladafmt.load with every check; its limit is the larger of "
        f"{TIMES} x Zstandard and {1000 * FLOOR:g} ms. `numpy` runs without numba, which reading "
        "never imports for plain files; `numba` with it imported before. Peaks are those of whole "
        f"processes. plada encode of all labels takes {ran.seconds:.0f} s, for it tries every "
        "encoding, dense too, to compare their sizes"
    )
    return part


def _at(part: Part, settings: Settings, rate: float) -> dict[str, Any]:
    file = str(settings.work / f"{rate:g}.plada")
    encoded = child.run(encode, selection=file.replace(".plada", ".parquet"), out=file, dense=False)
    read = child.run(decode, file=file)
    found: dict[str, Any] = {
        "encode": {**encoded.value, "peak_mb": encoded.peak / 1e6},
        "decode": {**read.value, "peak_mb": read.peak / 1e6},
    }
    what = f"at {100 * rate:g} %"
    if rate == 1:
        part.claims.append(
            Claim("encode all labels: time", encoded.value["wall_ms"] / 1000, SECONDS, "s")
        )
    limit = ARRAYS * read.value["array_bytes"] + BESIDE
    part.claims.append(Claim(f"decode {what}: peak memory", read.peak / 1e6, limit / 1e6, "MB"))
    for path in ["numpy", *(["numba"] if backend.compiled() is not None else [])]:
        timed = child.run(
            time_decoding, file=file, rounds=3 * settings.rounds, compiled=path == "numba"
        ).value
        found[path] = timed
        alone = timed["zstd"]["wall_ms"]
        # The ratio of rounds is steadier than that of medians.
        measured = timed["ratio"] * alone
        most = max(TIMES * alone, 1000 * FLOOR)
        part.claims.append(Claim(f"decode {what}, {path}: time", measured, most, "ms"))
    if rate < 1:
        dense = file.replace(".plada", "-dense.plada")
        slow = child.run(
            encode, selection=file.replace(".plada", ".parquet"), out=dense, dense=True
        )
        again = child.run(decode, file=dense)
        found["dense"] = {
            "encode": {**slow.value, "peak_mb": slow.peak / 1e6},
            "decode": {**again.value, "peak_mb": again.peak / 1e6},
        }
    return found


def encode(selection: str, out: str, dense: bool) -> dict[str, Any]:
    """Encode a selection, and say what it took."""
    from plada_ref.selection import file as selection_file

    payload = selection_file.read(selection)
    times = Times()
    times.take("encode", lambda: dump(payload, out, dense=dense))
    return {**times.medians()["encode"], "bytes": Path(out).stat().st_size}


def decode(file: str) -> dict[str, Any]:
    """Read a file once, for the memory that it takes."""
    times = Times()
    payload = times.take("decode", lambda: load(file))
    arrays = payload.positions.nbytes + payload.labels.nbytes
    return {**times.medians()["decode"], "kept": payload.kept, "array_bytes": arrays}


def time_decoding(file: str, rounds: int, compiled: bool) -> dict[str, Any]:
    """Time reading in turn with Zstandard alone."""
    if compiled:
        backend.compiled()
    data = Path(file).read_bytes()
    streams = [stream for stream in _streams(data) if stream.compressed]
    rival: Callable[[], Any] = partial(_decompress, streams)
    for warm in range(2):
        times = Times()
        for _ in range(rounds if warm else 1):
            times.take("zstd", rival)
            times.take("plada", lambda: loads(data))
    return {
        **times.medians(),
        "ratio": times.ratio(["plada"], "zstd"),
        "cpu_ratio": times.ratio(["plada"], "zstd", processor=True),
    }


def _decompress(streams: list[Stored]) -> None:
    for stream in streams:
        zstandard.ZstdDecompressor().decompress(stream.data)


def _streams(data: bytes) -> list[Stored]:
    """The streams of every block of a valid file."""
    reader = Reader(data, Limits())
    reader.read()
    assert reader.contents is not None
    found: list[Stored] = []
    offset = int(layout.PREAMBLE.sizeof())
    while offset < len(data):
        header = chunks.read_header(data, offset)
        if header.type == layout.BLOCK:
            body = data[header.body : header.end]
            found += block.read_fields(body, header.body, reader.contents.head).streams
        offset = header.after
    return found
