"""Find the task that a spec names: a set by name, class folders, shards, or a library's set."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import Misuse
from .files import AS_IT_IS, holds_files, load_files
from .known import SETS, is_known, load_known
from .medmnist import load_medmnist
from .task import Task
from .torchvision import load_torchvision

_LIBRARIES = {"torchvision": load_torchvision, "medmnist": load_medmnist}
_EXAMPLES = {
    "torchvision": "torchvision:CIFAR10:data",
    "medmnist": "medmnist:bloodmnist:data",
}


def load_task(spec: str, split: str = "train", *, download: bool = False) -> Task:
    """Load the labelled images that `spec` names.

    ============================ ===================================================================
    ``NAME:ROOT``                a set that plada knows by name, such as ``cifar10``, in its own
                                 layout in the folder ROOT; docs/tasks.md lists names and splits
    ``NAME``                     the same in the folder that $PLADA_DATA names; ``digits``
                                 (scikit-learn's) needs none
    ``DIR``                      class folders ``DIR/SPLIT/CLASS/image``, or shards
                                 ``DIR/SPLIT.tar`` or ``DIR/SPLIT-*.tar`` with members
                                 ``CLASS/image``; undivided ``DIR/CLASS/image`` is the split
                                 ``train`` or ``all``
    ``FILE.tar``                 one shard, with members ``CLASS/image`` or ``SPLIT/CLASS/image``
    ``folders:DIR``              DIR or FILE.tar with folders that do not look like classes, such as
                                 a single one, or with ``all`` ones that are called like splits
    ``torchvision:NAME:ROOT``    any classification set of torchvision, such as SVHN, in its own
                                 layout below ROOT, with torchvision's own splits
    ``medmnist:FLAG:ROOT``       a set of the package medmnist, such as ``pathmnist`` (28 px) or
                                 ``pathmnist_224``
    ``sklearn:digits``           ``digits``
    ============================ ===================================================================

    A word that is both a NAME and a DIR is the DIR when $PLADA_DATA is not set, else the NAME.

    Args:
        split: ``train``, ``test`` and so on, as the data is divided; ``val`` where there is one.
            Folders and shards may spell them in other ways: ``Training``, ``valid``, ``TEST``.
        download: let torchvision or medmnist fetch what is missing.

    Raises:
        Misuse: if the spec or the split does not exist.
        PipelineError: if the data is damaged.
    """
    kind, _, rest = spec.partition(":")
    if kind in _LIBRARIES:
        name, _, root = rest.partition(":")
        if not name or not root:
            raise Misuse(
                f"{spec!r} lacks a part: write {kind}:NAME:ROOT, such as {_EXAMPLES[kind]}"
            )
        return _LIBRARIES[kind](name, Path(root), split, download=download)
    if kind == "sklearn":
        if rest != "digits":
            raise Misuse(f"There is no task sklearn:{rest}; scikit-learn's set is sklearn:digits.")
        return load_known("digits", None, split)
    is_path = os.path.exists(spec) and not os.environ.get("PLADA_DATA")
    if is_known(kind) and not is_path:
        return load_known(kind, Path(rest) if rest else None, split, download=download)
    path = rest if kind == AS_IT_IS else spec
    if not holds_files(path):
        raise Misuse(
            f"There is no task at {spec!r}: give NAME:ROOT with one of the names "
            f"{', '.join(SETS)}; a directory with class folders or with SPLIT.tar files; a .tar "
            "file; torchvision:NAME:ROOT or medmnist:FLAG:ROOT."
        )
    return load_files(path, split, as_it_is=kind == AS_IT_IS)
