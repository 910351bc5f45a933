"""Labels that change by bfloat16, and when the device decodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.scale.claim import Claim, Part

MODEL, SIZE = "tf_efficientnet_lite0", 96
SHARE = 0.01
"""Of labels that may change, if bfloat16 or decoding there is to be the default on GPUs."""

KEPT = (0.01, 0.1)
"""Keep rates: by energy, a selection is made of scores and not of labels."""


def measure(
    device: str,
    task: str,
    pool: list[str],
    weights: Path,
    *,
    images: int | None = None,
    size: int = SIZE,
) -> Part:
    """Teach a head; label the pool twice as by default, by bfloat16, and decoded by the device.

    Args:
        task: as for ``plada teach --task``.
        pool: shards, as for ``plada pool index``.
        weights: of `MODEL`.
        images: of the pool, from its first one on; all when None.
        size: of the model's input, in pixels.
    """
    from dataclasses import replace

    import numpy as np
    import torch

    from plada_ref.compute.context import Compute
    from plada_ref.labelling.label import label
    from plada_ref.models.spec import ModelSpec
    from plada_ref.pool import Manifest, MemoryPool, open_source
    from plada_ref.pool.hashing import hash_images
    from plada_ref.tasks.load import load_task
    from plada_ref.training.evaluate import evaluate
    from plada_ref.training.learn import teach

    compute = Compute(torch.device(device))
    fast = replace(compute, bfloat16=True)
    spec = ModelSpec(MODEL, weights, img_size=size)
    teacher = teach(load_task(task, "train"), spec, compute=compute)
    source = open_source(pool)
    hashed = hash_images(source)
    every = slice(0, images)
    shown = MemoryPool(
        Manifest.of_images(hashed.keys[every], hashed.digests[every], hashed.sizes[every]), source
    )
    tested = load_task(task, "test")
    ways = {
        "float32": compute,
        "again": compute,
        "bfloat16": fast,
        "decoded by the device": replace(compute, decoder="gpu"),
    }
    tables = {name: label(shown, teacher, compute=how) for name, how in ways.items()}
    exact = tables["float32"]

    def kept_by_both(other: Any, rate: float) -> float:
        count = max(1, int(rate * len(exact)))
        first, second = (np.argsort(table.energy)[:count] for table in (exact, other))
        return len(np.intersect1d(first, second)) / count

    figures: dict[str, Any] = {
        "images": len(exact),
        "accuracy": {
            "float32": evaluate(teacher, tested, compute=compute).accuracy,
            "bfloat16": evaluate(teacher, tested, compute=fast).accuracy,
        },
    }
    for name in list(ways)[1:]:
        other = tables[name]
        changed = other.labels != exact.labels
        figures[name] = {
            "changed": float(changed.mean()),
            "largest_margin": float(exact.margin[changed].max(initial=0.0)),
            "kept_by_both": {str(rate): kept_by_both(other, rate) for rate in KEPT},
        }
    part = Part("labels", figures=figures)
    what = f"{MODEL} at {size} px, {len(exact):,} photographs: labels that change by"
    for name in list(ways)[2:]:
        part.claims.append(Claim(f"{what} {name}", figures[name]["changed"], SHARE, "of all"))
        shares = figures[name]["kept_by_both"].items()
        kept = ", ".join(f"{both:.4f} at a keep rate of {rate}" for rate, both in shares)
        part.notes.append(f"{name}: kept by energy with either: {kept}")
    part.notes.append(
        f"a second pass by float32 changes {figures['again']['changed']:.6f} of the labels; "
        f"accuracy by float32 and bfloat16: {figures['accuracy']['float32']:.4f} and "
        f"{figures['accuracy']['bfloat16']:.4f}"
    )
    return part
