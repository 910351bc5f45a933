"""A pool of tiny images through every command, and the memory of each as the pool grows."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from typing import Any

from . import child, command, material
from .claim import Claim, Part
from .settings import Settings

MODEL = ("--model", "plada_convnet_s", "--tune", "all", "--lr", 0.004)
PER_SHARD = 10_000
KEEP_RATE = 0.01
SECONDS = 3600
"""For `FULL` images, made-up images not counted."""

FULL = 1_000_000
GROWTH, SLACK = 40, 32 * 2**20
"""Bytes by which a command may grow for each further image, and beside: chance moves a peak.

A row of a score table takes 18 bytes, and some more while rows are ranked.
"""


def measure(settings: Settings) -> Part:
    """Take a pool of each size through every command."""
    part = Part("million")
    cache = str(settings.work / "cache")
    teacher = settings.work / "teacher.safetensors"
    taught = command.plada(
        *("teach", "--task", "sklearn:digits", *MODEL, "--epochs", 3, "-o", teacher), cache=cache
    )
    part.figures = {"teach": taught.to_json(), "pools": {}}
    curves: dict[str, list[int]] = {}
    for images in sorted(settings.pools):
        ran, making = _through(settings, images, teacher, cache)
        seconds = sum(each.seconds for each in ran.values())
        part.figures["pools"][str(images)] = {
            "seconds": round(seconds, 1),
            "making_seconds": round(making, 1),
            "commands": {name: each.to_json() for name, each in ran.items()},
        }
        for name, each in ran.items():
            curves.setdefault(name, []).append(each.peak)
        if images >= FULL:
            part.claims.append(Claim(f"{images:,} images: time", seconds, SECONDS, "s"))
    smallest, largest = min(settings.pools), max(settings.pools)
    if largest > smallest:
        for name, curve in curves.items():
            what = f"{name}: memory, growth from {smallest:,} to {largest:,} images"
            most = GROWTH * (largest - smallest) + SLACK
            part.claims.append(Claim(what, max(0, curve[-1] - curve[0]) / 1e6, most / 1e6, "MB"))
        part.figures["bytes_per_further_image"] = {
            name: round((curve[-1] - curve[0]) / (largest - smallest), 1)
            for name, curve in curves.items()
        }
    part.notes.append(
        "grey JPEG files of 32 px in tar shards; memory is the peak of a command's largest "
        "process, together_mb in the JSON line that of all its processes. transfer teaches and "
        "labels anew, with heads on a random backbone as teacher and students. The limit, "
        f"{GROWTH} bytes for each further image and {SLACK >> 20} MiB, is this benchmark's own: "
        "scores do grow by the image"
    )
    return part


def _through(
    settings: Settings, images: int, teacher: Path, cache: str
) -> tuple[dict[str, command.Ran], float]:
    """What each command took, and the seconds that making the pool took."""
    folder = settings.work / f"pool-{images}"
    folder.mkdir()
    started = time.monotonic()
    child.run(
        material.write_digit_shards,
        folder=str(folder),
        images=images,
        per_shard=PER_SHARD,
        seed=settings.seed,
    )
    making = time.monotonic() - started
    manifest, scores = folder / "pool.parquet", folder / "scores.parquet"
    selection, payload = folder / "selection.parquet", folder / "task.plada"
    pool: tuple[Any, ...] = ("-m", manifest, "--pool", folder / "pool-*.tar")
    digits = ("--task", "sklearn:digits")
    commands: dict[str, tuple[Any, ...]] = {
        "index": ("pool", "index", folder / "pool-*.tar", "-o", manifest),
        "label": ("label", teacher, *pool, "-o", scores),
        "prune": ("prune", scores, "--keep-rate", KEEP_RATE, "--safety-net", "-o", selection),
        "encode": ("encode", selection, "-o", payload),
        "decode": ("decode", payload, "--manifest", manifest, "-o", folder / "task.csv"),
        "train": (
            *("train", payload, *pool, *MODEL, "--epochs", 1),
            *("-o", folder / "student.safetensors"),
        ),
        "leakage": ("leakage", *digits, *pool),
        # Once more from a teacher to students, by what no other command has left.
        "transfer": (
            *("transfer", *digits, *pool, *MODEL[:2], "--random-backbone", "--tune", "head"),
            *("--keep-rate", KEEP_RATE, "--no-leakage", "-o", folder / "run"),
        ),
    }
    ran = {name: command.plada(*words, cache=cache) for name, words in commands.items()}
    shutil.rmtree(folder)  # A million images take gigabytes; the next pool is larger.
    return ran, making
