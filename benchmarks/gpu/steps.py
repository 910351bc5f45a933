"""Fine-tuning: steps a second of the training loop, against a bare loop on pixels in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchmarks.scale.claim import Claim, Part

MODEL, SIZE, BATCH, CLASSES = "tf_efficientnet_lite0", 224, 64, 100
IMAGES = 512
STEPS = (40, 240)
"""Both are timed: what a training takes beside its steps is in either."""

QUICK_MODEL, QUICK_SIZE, QUICK_STEPS = "plada_convnet_c", 32, (1, 3)
AUGMENTS = ("off", "flip", "light")
SHARE = 0.9
ROUNDS = 3


def measure(device: str, *, quick: bool = False) -> Part:
    """Time both loops in turn, with each augmentation; the bare loop has none."""
    found = compare(
        device,
        model=QUICK_MODEL if quick else MODEL,
        size=QUICK_SIZE if quick else SIZE,
        steps=QUICK_STEPS if quick else STEPS,
        rounds=1 if quick else ROUNDS,
        augments=AUGMENTS[:2] if quick else AUGMENTS,
    )
    part = Part("steps", figures=found)
    for augment, rate in found["loop"].items():
        what = (
            f"{found['model']}, batches of {BATCH}, augmentation {augment}: {rate} of "
            f"{found['bare']}"
        )
        share = rate / found["bare"]
        part.claims.append(Claim(f"{what} steps/s", share, SHARE, "of a bare loop", at_least=True))
    part.notes.append("both compute with bfloat16 where trainings do so by default on this device")
    return part


def compare(
    device: str,
    model: str,
    size: int,
    steps: tuple[int, int],
    rounds: int,
    augments: tuple[str, ...],
) -> dict[str, Any]:
    """Steps a second of the bare loop, and of the training loop by augmentation."""
    import statistics
    import time

    import numpy as np
    import torch
    from torch.nn import functional

    from plada_ref.compute.context import Compute
    from plada_ref.compute.precision import autocast
    from plada_ref.images import ImageArrays
    from plada_ref.models.spec import ModelSpec, build
    from plada_ref.training.dataset import LabelledImages
    from plada_ref.training.loop import optimise
    from plada_ref.training.recipe import recipe

    draw = np.random.default_rng(0)
    images = ImageArrays(draw.integers(0, 256, (IMAGES, size, size, 3), dtype=np.uint8))
    labels = draw.integers(0, CLASSES, IMAGES)
    spec, compute = ModelSpec(model, img_size=size), Compute(torch.device(device))
    preparation = spec.preparation()
    data = LabelledImages(images, np.arange(IMAGES), labels, classes=CLASSES, transform=preparation)

    def bare(count: int) -> None:
        network = build(spec, CLASSES, seed=0).to(compute.device).train()
        fused = compute.device.type == "cuda"
        optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=fused)
        chosen = torch.arange(BATCH) % IMAGES
        pixels = torch.stack([data[int(row)][0] for row in chosen])
        x = preparation.batch(pixels.to(compute.device))
        y = torch.from_numpy(labels[:BATCH]).to(compute.device)
        for _ in range(count):
            with autocast(compute.device, compute.trains_in_bfloat16):
                loss = functional.cross_entropy(network(x).float(), y)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        float(loss.detach())

    def loop(augment: str) -> Callable[[int], None]:
        def run(count: int) -> None:
            how = recipe("all", steps=count, batch_size=BATCH, augment=augment)
            network = build(spec, CLASSES, seed=0)
            optimise(network, data, preparation, how, compute=compute)

        return run

    def rate(run: Callable[[int], None]) -> float:
        seconds = []
        for count in steps:
            started = time.perf_counter()
            run(count)
            seconds.append(time.perf_counter() - started)
        return (steps[1] - steps[0]) / max(1e-9, seconds[1] - seconds[0])

    runs: dict[str, Callable[[int], None]] = {"bare": bare}
    runs.update({name: loop(name) for name in augments})
    for run in runs.values():
        run(2)
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            taken[name].append(rate(run))
    found = {name: round(statistics.median(rates), 1) for name, rates in taken.items()}
    return {"model": model, "bare": found.pop("bare"), "loop": found}
