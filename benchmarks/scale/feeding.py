"""`label --device cuda`: images a second with default flags, against the bare model on the device.

A GPU takes photographs faster than some cores decode them: what feeds it is what is measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from . import child
from .claim import Claim, Part
from .photos import SIZES, photo_shard
from .settings import Settings
from .stopwatch import Times

MODELS = {"tf_efficientnet_lite0": 0.6, "convnextv2_tiny": 0.9}
"""The part of the bare model's images that `label` is to reach by float32."""

SIZE = 224
"""Of the model's input, one of `SIZES`."""

DISTINCT, COPIES = 256, 64
"""Images that are made, and members of the shard that hold each: to decode one takes as long the
second time."""

QUICK_IMAGES, QUICK_SIZE = 96, 64

DEFAULT = "float32, decoded by processes"
WAYS: dict[str, dict[str, Any]] = {
    DEFAULT: {},
    "bfloat16, decoded by processes": {"bfloat16": True},
    "float32, decoded by the device": {"decoder": "gpu"},
    "bfloat16, decoded by the device": {"bfloat16": True, "decoder": "gpu"},
}
"""By name what differs from the default `Compute`."""

CLASSES = 1000
ROUNDS = 2
SAMPLE = 128
"""Images that the profile is taken of."""


def measure(settings: Settings) -> Part:
    """Label a pool of photographs with each model, in each of `WAYS`."""
    part = Part("label")
    distinct, copies = (QUICK_IMAGES, 1) if settings.quick else (DISTINCT, COPIES)
    shard = photo_shard(settings, SIZE, distinct, copies)
    height, width = SIZES[SIZE]
    for model, share in list(MODELS.items())[: 1 if settings.quick else None]:
        given = settings.weights if model == "tf_efficientnet_lite0" else None
        found = child.run(
            compare,
            shard=shard,
            model=model,
            weights=None if given is None else str(given),
            img_size=QUICK_SIZE if settings.quick else SIZE,
            device=settings.device,
            rounds=1 if settings.quick else min(settings.rounds, ROUNDS),
            environment={"PLADA_CACHE": str(settings.work / "cache")},
        ).value
        part.figures[model] = found
        for name, rates in found["ways"].items():
            what = f"{model} at {found['size']} px, {name}: {_rates(rates)}"
            claim = Claim(what, rates["share"], share, "of the bare model", at_least=True)
            if name == DEFAULT:
                part.claims.append(claim)
            else:
                part.notes.append(f"{what}, {rates['share']} {claim.unit}")
        part.notes.append(f"{model}, microseconds for each image: {_shown(found['profile'])}")
    part.notes.append(
        f"{distinct * copies:,} JPEG files of {height} x {width}, default flags: "
        f"{found['decoders']} processes that decode, batches of {found['batch']}; read, verify, "
        "decode and resize are one core's time, prepare and model the device's, score the main "
        "process's"
    )
    return part


def _rates(figures: dict[str, Any]) -> str:
    label, bare = figures["label_images_per_second"], figures["bare_images_per_second"]
    return f"{label:,} of {bare:,} images/s"


def _shown(profile: dict[str, float]) -> str:
    return ", ".join(f"{stage} {found:,.0f}" for stage, found in profile.items())


def compare(
    shard: str, model: str, weights: str | None, img_size: int, device: str, rounds: int
) -> dict[str, Any]:
    """Images a second of the bare model and of `label`, in turn; and a profile by stage."""
    from plada_ref.compute.process import suit_torch

    suit_torch()
    import torch

    from plada_ref.compute.batches import PreparedImages
    from plada_ref.compute.context import Compute
    from plada_ref.compute.precision import autocast
    from plada_ref.compute.workers import default_decoders
    from plada_ref.labelling.label import label
    from plada_ref.models.checkpoint import Checkpoint
    from plada_ref.models.limits import batch_of
    from plada_ref.models.spec import ModelSpec, build
    from plada_ref.pool import Manifest, MemoryPool, open_source
    from plada_ref.pool.hashing import hash_images

    source = open_source([shard])
    hashed = hash_images(source)
    pool = MemoryPool(Manifest.of_images(hashed.keys, hashed.digests, hashed.sizes), source)
    spec = ModelSpec(model, None if weights is None else Path(weights), img_size=img_size)
    network = build(spec, CLASSES, seed=0).eval()
    teacher = Checkpoint(model, CLASSES, spec.preparation(), network, {})
    compute = Compute(torch.device(device))
    where, size = compute.device, batch_of(compute, img_size)
    dataset = PreparedImages(pool, teacher.preparation)
    stored = torch.stack([dataset[i] for i in range(min(SAMPLE, len(pool)))])
    whole = stored.repeat(-(-size // len(stored)), 1, 1, 1)[: min(size, len(pool))].to(where)
    batch = teacher.preparation.batch(whole)

    def bare(fast: bool) -> None:
        with torch.inference_mode():
            for start in range(0, len(pool), size):
                with autocast(where, fast):
                    network(batch[: len(pool) - start])
        _finish(device)

    times = Times()
    for _ in range(rounds):
        for name, differs in WAYS.items():
            how = replace(compute, **differs)
            network.to(where)
            _warm_up(network, batch, how.passes_in_bfloat16, device)
            times.take(f"bare {name}", partial(bare, how.passes_in_bfloat16))
            times.take(f"label {name}", partial(label, pool, teacher, compute=how))
    medians = times.medians()

    def per_second(name: str) -> int:
        return round(1000 * len(pool) / medians[name]["wall_ms"])

    return {
        "images": len(pool),
        "size": img_size,
        "batch": size,
        "decoders": default_decoders(reserved=1, beside_model=where.type != "cuda"),
        "ways": {
            name: {
                "share": round(times.ratio([f"bare {name}"], f"label {name}"), 3),
                "bare_images_per_second": per_second(f"bare {name}"),
                "label_images_per_second": per_second(f"label {name}"),
            }
            for name in WAYS
        },
        "profile": _profile(pool, teacher, whole, device),
    }


def _warm_up(network: Any, batch: Any, fast: bool, device: str) -> None:
    """Choose kernels and fill caches: a pass takes seconds the first time."""
    import torch

    from plada_ref.compute.precision import autocast

    with torch.inference_mode(), autocast(batch.device, fast):
        network(batch)
    _finish(device)


def _finish(device: str) -> None:
    import torch

    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()


def _profile(pool: Any, teacher: Any, whole: Any, device: str) -> dict[str, float]:
    """Microseconds for each image of every stage by itself."""
    import torch

    from plada_ref.compute.copies import lent
    from plada_ref.images import decode
    from plada_ref.labelling.scores import score
    from plada_ref.models.on_device import DeviceDecoder, Packed, PackedFiles
    from plada_ref.pool import UnreadableImage

    count = min(SAMPLE, len(pool))
    keys = [pool.key(row) for row in range(count)]
    files = [pool.source.read(key) for key in keys]
    images = [decode(data) for data in files]
    network, preparation, where = teacher.network, teacher.preparation, torch.device(device)
    decoder = DeviceDecoder(PackedFiles(pool, preparation, UnreadableImage), preparation, where)
    with lent(network, where), torch.inference_mode():
        packed = Packed(*PackedFiles.collate([decoder.files[row] for row in range(count)]))
        x = preparation.batch(whole)
        logits = network(x).float().cpu().numpy()

        def on_device(step: Callable[[], Any]) -> Callable[[], Any]:
            def run() -> None:
                for _ in range(4):  # So that starting and waiting weigh little.
                    step()
                _finish(device)

            return run

        many = 4 * len(whole)
        stages: dict[str, tuple[int, Callable[[], Any]]] = {
            "read": (count, lambda: [pool.source.read(key) for key in keys]),
            "verify": (count, lambda: [hashlib.sha256(data).digest() for data in files]),
            "decode": (count, lambda: [decode(data) for data in files]),
            "resize": (count, lambda: [preparation(image) for image in images]),
            "decode and resize on the device": (4 * count, on_device(lambda: decoder(packed))),
            "prepare": (many, on_device(lambda: preparation.batch(whole))),
            "model": (many, on_device(lambda: network(x))),
            "score": (len(logits), lambda: score(logits)),
        }
        times = Times()
        for _ in range(3):
            for name, (_, step) in stages.items():
                times.take(name, step)
    medians = times.medians()
    return {
        name: round(1000 * medians[name]["wall_ms"] / images_, 1)
        for name, (images_, _) in stages.items()
    }
