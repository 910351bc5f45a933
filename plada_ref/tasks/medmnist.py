"""Load the sets of MedMNIST from their .npz files, through the package medmnist."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import Misuse, PipelineError
from ..optional import need
from .library import first_line, library_task
from .task import Task

SIZES = (28, 64, 128, 224)
"""Heights and widths of the sets' images, in pixels; names without a suffix mean 28."""


def load_medmnist(flag: str, root: Path, split: str, *, download: bool = False) -> Task:
    """Load a single-label set of MedMNIST from the file ``FLAG.npz`` in the folder `root`.

    Args:
        flag: the file's name: ``bloodmnist`` is of 28 px, ``bloodmnist_224`` of 224 px.

    Raises:
        Misuse: if medmnist has no such set or split, or the set is not a single-label
            classification.
        PipelineError: if the set is missing or damaged.
    """
    dataset_module, known = _import_medmnist(f"the task medmnist:{flag}")
    base, _, suffix = flag.lower().partition("_")
    about = known.get(base)
    if about is None:
        raise Misuse(f"medmnist has no set {flag!r}; there are {', '.join(sorted(known))}.")
    if suffix and suffix not in {str(size) for size in SIZES[1:]}:
        raise Misuse(
            f"medmnist has no {flag!r}; its sizes are {base} (28 px), "
            f"{', '.join(f'{base}_{size}' for size in SIZES[1:])}."
        )
    if about["task"] not in ("multi-class", "binary-class", "ordinal-regression"):
        raise Misuse(f"medmnist's {flag} gives an image several labels; plada needs one each.")
    if "3d" in base:
        raise Misuse(f"medmnist's {flag} holds volumes, not images.")
    if split not in about["n_samples"]:
        raise Misuse(f"medmnist's {flag} has the splits train, val and test, not {split!r}.")
    factory = getattr(dataset_module, about["python_class"])
    try:
        dataset = factory(
            split=split, root=str(root), download=download, size=int(suffix) if suffix else None
        )
        len(dataset)  # Here medmnist compares the number of images with its list.
    except AssertionError as exc:
        raise PipelineError(
            f"medmnist's {flag} in {str(root)!r} does not hold the {about['n_samples'][split]:,} "
            f"images that its split {split} has; fetch the set again."
        ) from exc
    except Exception as exc:  # zip, zlib and numpy raise all kinds on a damaged file.
        raise PipelineError(
            f"medmnist's {flag} cannot be loaded from {str(root)!r} ({first_line(exc)}); put it "
            "there, or let medmnist fetch it with --download."
        ) from exc
    labels = np.asarray(dataset.labels).reshape(-1)
    names = [about["label"][str(number)] for number in range(len(about["label"]))]
    return library_task(f"medmnist:{flag} {split}", dataset, labels, names)


def _import_medmnist(for_: str) -> tuple[Any, Any]:
    """Import the datasets of medmnist and its list of sets.

    Without pandas and scikit-image, which only its evaluator needs, the package prints advice and
    hides its datasets, but they can be imported from their own module.
    """
    with redirect_stdout(io.StringIO()):
        need("medmnist", extra="medmnist", for_=for_)
        from medmnist import dataset
        from medmnist.info import INFO
    return dataset, INFO
