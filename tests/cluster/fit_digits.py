"""Train on handwritten digits, alone or under torchrun: ``... fit_digits RESULT``.

Writes the gradients of each step and the final weights of the first process, and the number of
threads that it has left to talk to the others when all is done.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.optim.optimizer import register_optimizer_step_pre_hook

from plada_ref.compute.context import Compute
from plada_ref.compute.torchrun import joined, ranks
from plada_ref.models.convnets import NETS, ConvNet
from plada_ref.models.spec import ModelSpec
from plada_ref.tasks.load import load_task
from plada_ref.training.dataset import LabelledImages
from plada_ref.training.loop import optimise
from plada_ref.training.recipe import recipe

IMAGES, BATCH = 129, 32
"""The last batch has one image, which cannot be shared."""


def main(result: str) -> None:
    torch.set_num_threads(1)
    digits = load_task("sklearn:digits", "train")
    preparation = ModelSpec("plada_convnet_s").preparation()
    rows = np.arange(IMAGES)
    # Weights that differ: an average of the processes' own averages would be another.
    weights = np.random.default_rng(0).uniform(0.1, 10, IMAGES)
    labels = digits.labels[:IMAGES]
    data = LabelledImages(
        digits.images, rows, labels, weights, classes=digits.classes, transform=preparation
    )
    torch.manual_seed(0)
    network = ConvNet(NETS["plada_convnet_s"].widths, num_classes=10, drop_rate=0.0)
    # Small steps: AdamW divides by the gradient's size, which makes much of the rounding of a
    # gradient near zero, and two runs with usual steps soon go separate ways.
    how = recipe("all", epochs=3, batch_size=BATCH, lr=1e-6, augment="off", freeze_bn=True)
    steps: list[list[torch.Tensor]] = []

    def note(*_: Any) -> None:
        gradients = [parameter.grad for parameter in network.parameters()]
        steps.append([each.clone() for each in gradients if each is not None])

    hook = register_optimizer_step_pre_hook(note)
    with joined(torch.device("cpu")) as device:
        if not ranks().first:
            torch.nn.init.zeros_(network.head.weight)  # What the first one has counts.
        optimise(network, data, preparation, how, compute=Compute(device, workers=0))
        first = ranks().first
    if first:
        hook.remove()
        learned = network.state_dict()
        torch.save({"steps": steps, "weights": learned, "threads": _threads_of_gloo()}, result)


def _threads_of_gloo() -> int:
    """Threads of this process that talk to the others; 0 where the system does not tell."""
    names = Path("/proc/self/task").glob("*/comm")
    return sum("gloo_runloop" in name.read_text() for name in names)


if __name__ == "__main__":
    main(sys.argv[1])
