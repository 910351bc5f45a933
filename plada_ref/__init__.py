"""The pipeline as a library: from a teacher to a student by way of a `.plada` file.

::

    import plada_ref

    pool = plada_ref.open_pool("pool.parquet", "pool/*.tar")
    data = plada_ref.PseudoLabels("task.plada", pool, transform=my_transform)

Every name below is imported when it is first used, so that ``import plada_ref`` is quick and needs
nothing that is not used. ``docs/python.md`` has examples of all of them. Functions are silent and
choose a device by themselves; a `Compute` says otherwise.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from pladafmt import __version__

if TYPE_CHECKING:
    from pladafmt import dump as encode
    from pladafmt import load as decode

    from .compute.context import Compute
    from .compute.progress import Progress
    from .errors import Misuse, PipelineError
    from .exporting import export
    from .labelling.label import label
    from .labelling.scores import ScoreTable
    from .models.checkpoint import Checkpoint
    from .models.classifier import Classifier, load_model
    from .models.preparation import Preparation
    from .models.spec import ModelSpec
    from .pool import index_pool, open_pool, open_source
    from .selection import Selection
    from .selection.comparison import Comparison
    from .selection.producer import prune
    from .selection.prune import PayloadOptions, Pruned
    from .selection.rules.source import RuleSource
    from .tasks.load import load_task
    from .tasks.task import Task, hold_out
    from .training.advice import Advice
    from .training.advised import Advised, advised
    from .training.evaluate import Evaluation, evaluate
    from .training.learn import teach, train
    from .training.predict import predict
    from .training.pseudo_labels import PseudoLabels
    from .training.read_advice import advice_of
    from .training.recipe import Recipe, recipe

_HOMES = {
    "Advice": "plada_ref.training.advice",
    "Advised": "plada_ref.training.advised",
    "Checkpoint": "plada_ref.models.checkpoint",
    "Classifier": "plada_ref.models.classifier",
    "Comparison": "plada_ref.selection.comparison",
    "Compute": "plada_ref.compute.context",
    "Evaluation": "plada_ref.training.evaluate",
    "Misuse": "plada_ref.errors",
    "ModelSpec": "plada_ref.models.spec",
    "PayloadOptions": "plada_ref.selection.prune",
    "PipelineError": "plada_ref.errors",
    "Preparation": "plada_ref.models.preparation",
    "Progress": "plada_ref.compute.progress",
    "Pruned": "plada_ref.selection.prune",
    "PseudoLabels": "plada_ref.training.pseudo_labels",
    "Recipe": "plada_ref.training.recipe",
    "RuleSource": "plada_ref.selection.rules.source",
    "ScoreTable": "plada_ref.labelling.scores",
    "Selection": "plada_ref.selection",
    "Task": "plada_ref.tasks.task",
    "advice_of": "plada_ref.training.read_advice",
    "advised": "plada_ref.training.advised",
    "decode": "pladafmt:load",
    "encode": "pladafmt:dump",
    "evaluate": "plada_ref.training.evaluate",
    "export": "plada_ref.exporting",
    "hold_out": "plada_ref.tasks.task",
    "index_pool": "plada_ref.pool",
    "label": "plada_ref.labelling.label",
    "load_model": "plada_ref.models.classifier",
    "load_task": "plada_ref.tasks.load",
    "open_pool": "plada_ref.pool",
    "open_source": "plada_ref.pool",
    "predict": "plada_ref.training.predict",
    "prune": "plada_ref.selection.producer",
    "recipe": "plada_ref.training.recipe",
    "teach": "plada_ref.training.learn",
    "train": "plada_ref.training.learn",
}
"""Where each name lives: a module, and after a colon its name there if it has another."""

__all__ = [
    "Advice",
    "Advised",
    "Checkpoint",
    "Classifier",
    "Comparison",
    "Compute",
    "Evaluation",
    "Misuse",
    "ModelSpec",
    "PayloadOptions",
    "PipelineError",
    "Preparation",
    "Progress",
    "Pruned",
    "PseudoLabels",
    "Recipe",
    "RuleSource",
    "ScoreTable",
    "Selection",
    "Task",
    "__version__",
    "advice_of",
    "advised",
    "decode",
    "encode",
    "evaluate",
    "export",
    "hold_out",
    "index_pool",
    "label",
    "load_model",
    "load_task",
    "open_pool",
    "open_source",
    "predict",
    "prune",
    "recipe",
    "teach",
    "train",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'plada_ref' has no attribute {name!r}")
    module, _, other = home.partition(":")
    return getattr(importlib.import_module(module), other or name)


def __dir__() -> list[str]:
    return __all__
