"""`prune`: low energy with a Safety-Net over a score table, against one argpartition."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from . import child, command, material
from .claim import Claim, Part
from .settings import Settings
from .stopwatch import Times

RATES = (0.001, 0.01, 0.1, 1.0)
SHARE, ALPHA = 0.5, 0.5
TIMES = 10
"""How many argpartitions of the scores a prune may take."""

PEAK = 1_500_000_000
BUDGET = "20KB"
STEPS = ["read", "select", "write"]


def measure(settings: Settings) -> Part:
    """Prune a table of C = 1,000 classes at every rate."""
    part = Part("prune")
    table, out = str(settings.work / "scores.parquet"), str(settings.work / "selection.parquet")
    made = child.run(
        material.write_scores,
        out=table,
        counts=str(settings.counts),
        images=settings.images,
        seed=settings.seed,
    )
    part.figures = {
        "images": settings.images,
        "classes": material.CLASSES,
        "table_bytes": Path(table).stat().st_size,
        "making_peak_mb": made.peak / 1e6,
        "rates": {},
    }
    for rate in RATES:
        timed = child.run(time_steps, table=table, out=out, rate=rate, rounds=settings.rounds)
        once = child.run(prune_once, table=table, out=out, rate=rate)
        part.figures["rates"][f"{rate:g}"] = {**timed.value, "peak_mb": once.peak / 1e6}
        what = f"read, select, write at {100 * rate:g} %"
        ratio = timed.value["ratio"]
        part.claims += [
            Claim(f"{what}: time", ratio, TIMES, "argpartitions"),
            Claim(f"{what}: peak memory", once.peak / 1e6, PEAK / 1e6, "MB"),
        ]
    net = ("--safety-net", "--share", SHARE, "--alpha", ALPHA)
    ran = command.plada(
        *("prune", table, "--keep-rate", 0.01, *net, "-o", out), cache=str(settings.work)
    )
    part.figures["command"] = ran.to_json()
    part.claims.append(Claim("plada prune at 1 %: peak memory", ran.peak / 1e6, PEAK / 1e6, "MB"))
    searched = command.plada(
        *("prune", table, "--budget", BUDGET, *net, "-o", out), cache=str(settings.work)
    )
    part.figures["budget"] = searched.to_json()
    what = f"plada prune --budget {BUDGET}: peak memory"
    part.claims.append(Claim(what, searched.peak / 1e6, PEAK / 1e6, "MB"))
    part.notes.append(
        f"energy, Safety-Net with share {SHARE} and alpha {ALPHA}; an argpartition is that of the "
        "same energies at the same count, in the same process, in turn; files are in the page "
        f"cache; the command takes {ran.seconds:.1f} s, importing included, and with --budget "
        f"{searched.seconds:.0f} s, since it encodes what it tries"
    )
    return part


def time_steps(table: str, out: str, rate: float, rounds: int) -> dict[str, Any]:
    """Time the steps in turn with an argpartition."""
    times = Times()
    for _ in range(rounds + 1):
        _prune(table, out, rate, times)
    ratio = times.ratio(STEPS, "argpartition")
    return {
        **times.medians(),
        "ratio": ratio,
        "cpu_ratio": times.ratio(STEPS, "argpartition", processor=True),
    }


def prune_once(table: str, out: str, rate: float) -> None:
    """Prune once, for the memory that it takes."""
    _prune(table, out, rate, None)


def _prune(table: str, out: str, rate: float, times: Times | None) -> None:
    from plada_ref.labelling.scores import ScoreTable
    from plada_ref.selection import SafetyNet, Selection, Size, count_of
    from plada_ref.selection import file as selection_file
    from plada_ref.selection.producer import Producer

    selection = Selection(safety_net=SafetyNet(share=SHARE, alpha=ALPHA))
    if times is None:
        scores = ScoreTable.read(table)
        pruned = Producer(scores).make(selection, Size(keep_rate=rate))
        selection_file.write(pruned.payload, out)
        return
    scores = times.take("read", lambda: ScoreTable.read(table))
    keep = count_of(len(scores), keep_rate=rate)
    pruned = times.take("select", lambda: Producer(scores).make(selection, Size(count=keep)))
    times.take("write", lambda: selection_file.write(pruned.payload, out))
    times.take("argpartition", lambda: np.argpartition(scores.energy, keep - 1))
