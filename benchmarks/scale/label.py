"""`label`: images a second, against the bare model on batches that are in memory already."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import child, material
from .claim import Claim, Part
from .settings import Settings
from .stopwatch import Times

MODEL = "tf_efficientnet_lite0"
SHARE = 0.9
BATCH = 64
CLASSES = 10
SIZES = {64: (64, 64), 224: (375, 500)}
"""Input size in pixels: height and width of the stored images, as Tiny-ImageNet and ImageNet."""

IMAGES = {64: 4096, 224: 512}
QUICK_IMAGES = {64: 128, 224: 32}


def measure(settings: Settings) -> Part:
    """Label a pool at each input size, with one thread for the model and one decoding process."""
    part = Part("label")
    for size, (height, width) in SIZES.items():
        images = (QUICK_IMAGES if settings.quick else IMAGES)[size]
        shard = str(settings.work / f"photos-{size}.tar")
        child.run(
            material.write_photo_shard,
            out=shard,
            images=images,
            height=height,
            width=width,
            seed=settings.seed,
        )
        measured = child.run(
            label_pool,
            shard=shard,
            img_size=size,
            weights=None if settings.weights is None else str(settings.weights),
            rounds=min(settings.rounds, 3),
            environment={"PLADA_CACHE": str(settings.work / "cache")},
        )
        part.figures[str(size)] = {**measured.value, "peak_mb": measured.peak / 1e6}
        for clock, share in (("wall", "share"), ("CPU", "cpu_share")):
            what = f"{MODEL} at {size} px: {clock}"
            found = measured.value[share]
            part.claims.append(Claim(what, found, SHARE, "of the bare model", at_least=True))
    part.notes.append(
        "one thread for the model, one process that reads, verifies and decodes, which the CPU "
        "share leaves out: it is what the wall share tends to with a core for each; stored images "
        "of "
        + " and ".join(f"{h} x {w} for {size} px" for size, (h, w) in SIZES.items())
        + "; the profile in the JSON line has microseconds of one core for each image and step"
    )
    return part


def label_pool(shard: str, img_size: int, weights: str | None, rounds: int) -> dict[str, Any]:
    """Time labelling a pool in turn with the bare model, and each step by itself."""
    from plada_ref.threads import patient_threads

    patient_threads()
    import torch

    from plada_ref.checkpoint import Checkpoint
    from plada_ref.label import label
    from plada_ref.loading import PreparedImages, in_order, loaded
    from plada_ref.models import ModelSpec, build
    from plada_ref.output import Output
    from plada_ref.pool import LocalPool, Manifest, open_source
    from plada_ref.pool.hashing import hash_images
    from plada_ref.scores import score

    torch.set_num_threads(1)
    source = open_source([shard])
    found = hash_images(source)
    pool = LocalPool(Manifest.of_images(found.keys, found.digests, found.sizes), source)
    spec = ModelSpec(MODEL, None if weights is None else Path(weights), img_size=img_size)
    network = build(spec, CLASSES, seed=0).eval()
    teacher = Checkpoint(MODEL, CLASSES, spec.preparation(), network, {})
    dataset = PreparedImages(pool, teacher.preparation)
    count = min(len(pool), 2 * BATCH)
    stored = torch.stack([dataset[i] for i in range(count)])
    pixels = [stored[start : start + BATCH] for start in range(0, count, BATCH)]
    batches = [teacher.preparation.batch(batch) for batch in pixels]
    first_batch = in_order(len(pixels[0]), BATCH)
    cpu, output = torch.device("cpu"), Output(as_json=True)
    steps: dict[str, Callable[[], Any]] = {
        "read": lambda: [pool.read(i) for i in range(count)],
        "decode": lambda: [dataset[i] for i in range(count)],
        "prepare": lambda: [teacher.preparation.batch(each) for each in pixels],
        "model": lambda: [network(batch) for batch in batches],
        "score": lambda: [score(each.numpy()) for each in logits],
    }

    def bare() -> None:
        for start in range(0, len(pool), BATCH):
            network(batches[start // BATCH % len(batches)][: len(pool) - start])

    def whole() -> None:
        label(pool, teacher, device=cpu, output=output, batch_size=BATCH, workers=1)

    times = Times()
    with torch.inference_mode():
        logits = [network(batch) for batch in batches]
        bare()  # Warms caches.
        for _ in range(rounds):
            times.take("bare", bare)
            times.take("label", whole)
            for name, step in steps.items():
                times.take(name, step)
            # One batch: what remains is the start of the process that decodes.
            times.take("start", lambda: list(loaded(dataset, first_batch, workers=1)))
    medians = times.medians()
    seconds = {name: medians[name]["wall_ms"] / 1000 for name in ("bare", "label", "start")}
    return {
        "images": len(pool),
        "share": times.ratio(["bare"], "label"),
        "cpu_share": times.ratio(["bare"], "label", processor=True),
        "bare_images_per_second": round(len(pool) / seconds["bare"], 1),
        "label_images_per_second": round(len(pool) / seconds["label"], 1),
        "start_seconds": round(seconds["start"], 3),
        "cpu_us_per_image": {name: round(1000 * medians[name]["cpu_ms"] / count) for name in steps},
    }
