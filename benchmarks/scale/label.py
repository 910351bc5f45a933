"""`label`: images a second, against the bare model on batches that are in memory already."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import child, feeding
from .claim import Claim, Part
from .photos import SIZES, photo_shard
from .settings import Settings
from .stopwatch import Times

MODEL = "tf_efficientnet_lite0"
SHARE = 0.9
BATCH = 64
CLASSES = 10
IMAGES = {64: 8192, 224: 2048}
ROUNDS = {64: 5, 224: 3}
"""Repetitions at most: a run takes 15 and 48 s, and the shares of runs differ by a tenth."""

QUICK_IMAGES = {64: 128}
"""A quick run takes the smaller size; the larger one takes the same code, and twice as long."""


def measure(settings: Settings) -> Part:
    """Label a pool at each input size, with one thread for the model and one decoding process.

    On another device than the CPU, see `feeding`.
    """
    if settings.device != "cpu":
        return feeding.measure(settings)
    part = Part("label")
    every = QUICK_IMAGES if settings.quick else IMAGES
    for size, images in every.items():
        shard = photo_shard(settings, size, images)
        about: dict[str, Any] = {
            "shard": shard,
            "img_size": size,
            "weights": None if settings.weights is None else str(settings.weights),
            "environment": {"PLADA_CACHE": str(settings.work / "cache")},
        }
        times, peak = Times(), 0
        for _ in range(min(settings.rounds, ROUNDS[size])):
            times.note("bare", *child.run(bare_model, **about).value)
            labelled = child.run(label_pool, **about)
            times.note("label", *labelled.value)
            peak = max(peak, labelled.peak)
        seconds = {name: found["wall_ms"] / 1000 for name, found in times.medians().items()}
        found = {
            "images": images,
            "share": times.ratio(["bare"], "label"),
            "cpu_share": times.ratio(["bare"], "label", processor=True),
            "bare_images_per_second": round(images / seconds["bare"], 1),
            "label_images_per_second": round(images / seconds["label"], 1),
            "peak_mb": peak / 1e6,
            **child.run(profile, rounds=1 if settings.quick else 5, **about).value,
        }
        part.figures[str(size)] = found
        for clock, share in (("wall", "share"), ("CPU", "cpu_share")):
            what = f"{MODEL} at {size} px: {clock}"
            part.claims.append(Claim(what, found[share], SHARE, "of the bare model", at_least=True))
    part.notes.append(
        "one thread for the model, one process that reads, verifies and decodes, which the CPU "
        "share leaves out: it is what the wall share tends to with a core for each; stored images "
        "of "
        + " and ".join(f"{h} x {w} for {size} px" for size, (h, w) in SIZES.items())
        + "; the profile in the JSON line has microseconds of one core for each image and step"
    )
    return part


class _Ready:
    """A pool, a teacher, and two of its batches in memory; one of them has gone through it."""

    def __init__(self, shard: str, img_size: int, weights: str | None) -> None:
        from plada_ref.compute.process import suit_torch

        suit_torch()
        import torch

        from plada_ref.compute.batches import PreparedImages
        from plada_ref.models.checkpoint import Checkpoint
        from plada_ref.models.spec import ModelSpec, build
        from plada_ref.pool import Manifest, MemoryPool, open_source
        from plada_ref.pool.hashing import hash_images

        torch.set_num_threads(1)
        source = open_source([shard])
        found = hash_images(source)
        self.pool = MemoryPool(Manifest.of_images(found.keys, found.digests, found.sizes), source)
        spec = ModelSpec(MODEL, None if weights is None else Path(weights), img_size=img_size)
        self.network = build(spec, CLASSES, seed=0).eval()
        self.teacher = Checkpoint(MODEL, CLASSES, spec.preparation(), self.network, {})
        self.dataset = PreparedImages(self.pool, self.teacher.preparation)
        self.count = min(len(self.pool), 2 * BATCH)
        stored = torch.stack([self.dataset[i] for i in range(self.count)])
        self.pixels = torch.split(stored, BATCH)
        self.batches = [self.teacher.preparation.batch(each) for each in self.pixels]
        with torch.inference_mode():
            self.network(self.batches[0])


def bare_model(shard: str, img_size: int, weights: str | None) -> tuple[float, float]:
    """Wall and processor seconds of the model alone, for as many images as the pool has."""
    import torch

    ready = _Ready(shard, img_size, weights)

    def run() -> None:
        with torch.inference_mode():
            for start in range(0, len(ready.pool), BATCH):
                batch = ready.batches[start // BATCH % len(ready.batches)]
                ready.network(batch[: len(ready.pool) - start])

    return _seconds(run)


def label_pool(shard: str, img_size: int, weights: str | None) -> tuple[float, float]:
    """Wall and processor seconds of labelling the pool; the latter of this process alone."""
    import torch

    from plada_ref.compute.context import Compute
    from plada_ref.labelling.label import label

    ready = _Ready(shard, img_size, weights)
    compute = Compute(torch.device("cpu"), workers=1, batch_size=BATCH)
    return _seconds(lambda: label(ready.pool, ready.teacher, compute=compute))


def profile(shard: str, img_size: int, weights: str | None, rounds: int) -> dict[str, Any]:
    """What each step takes by itself."""
    import torch

    from plada_ref.compute.batches import in_order, loaded
    from plada_ref.labelling.scores import score

    ready = _Ready(shard, img_size, weights)
    prepare, expression = ready.teacher.preparation.batch, ready.teacher.preparation.expression
    one_batch = in_order(len(ready.pixels[0]), BATCH)
    with torch.inference_mode():
        logits = [ready.network(batch).numpy() for batch in ready.batches]
        steps: dict[str, Callable[[], Any]] = {
            "read": lambda: [ready.pool.read(i) for i in range(ready.count)],
            "decode": lambda: [ready.dataset[i] for i in range(ready.count)],
            "prepare": lambda: [prepare(each) for each in ready.pixels],
            "prepare, as one expression": lambda: [expression(each) for each in ready.pixels],
            "model": lambda: [ready.network(batch) for batch in ready.batches],
            "score": lambda: [score(each) for each in logits],
        }
        times = Times()
        for _ in range(rounds):
            for name, step in steps.items():
                times.take(name, step)
            # One batch: what remains is the start of the process that decodes.
            times.take("start", lambda: list(loaded(ready.dataset, one_batch, workers=1)))
    medians = times.medians()
    return {
        "start_seconds": round(medians["start"]["wall_ms"] / 1000, 3),
        "cpu_us_per_image": {
            name: round(1000 * medians[name]["cpu_ms"] / ready.count) for name in steps
        },
    }


def _seconds(step: Callable[[], Any]) -> tuple[float, float]:
    started, used = time.perf_counter(), time.process_time()
    step()
    return time.perf_counter() - started, time.process_time() - used
