"""One trial per selection: a payload, and the student that it teaches."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pladafmt import dump, load

from ..compute.context import Compute
from ..labelling.scores import ScoreTable
from ..models.checkpoint import Checkpoint
from ..models.spec import ModelSpec
from ..pool import MemoryPool
from ..selection import SafetyNet, Selection, count_of
from ..selection.prune import Pruned, prune
from ..tasks.task import Task
from ..training.evaluate import evaluate
from ..training.learn import train
from ..training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Trial:
    """What came of one selection.

    Attributes:
        rule: which images.
        keep_rate: how many, as a part of the pool.
        pruned: what was kept.
        path: the payload.
        payload_bytes: its size.
        student: trained on the decoded payload.
        validation_accuracy: of the student, percent.
    """

    rule: Selection
    keep_rate: float
    pruned: Pruned
    path: Path
    payload_bytes: int
    student: Checkpoint
    validation_accuracy: float


@dataclass(frozen=True)
class Bench:
    """What every trial has in common.

    Attributes:
        table: the teacher's scores of the pool.
        pool: the images.
        validation: labelled images that choose among trials: neither the teacher's nor test data.
        folder: where payloads are written.
        student: the students' model.
        recipe: how students are trained.
        compute: where they are trained.
    """

    table: ScoreTable
    pool: MemoryPool
    validation: Task
    folder: Path
    student: ModelSpec
    recipe: Recipe
    compute: Compute

    def trial(self, rule: Selection, keep_rate: float) -> Trial:
        """Prune, encode and write the payload; read it back and train a student on it."""
        pruned = prune(self.table, rule, count_of(len(self.pool), keep_rate=keep_rate))
        path = self.folder / _file_name(rule, keep_rate)
        dump(pruned.payload, path)
        # The student gets what a client gets: the file and the pool.
        student = train(load(path), self.pool, self.student, self.recipe, compute=self.compute)
        accuracy = percent(student, self.validation, self.compute)
        return Trial(rule, keep_rate, pruned, path, path.stat().st_size, student, accuracy)


def selections(seed: int) -> list[tuple[Selection, float]]:
    """What the demo compares: (rule, keep rate)."""
    low = Selection()
    net = Selection(safety_net=SafetyNet(share=0.5, alpha=0.0))
    mild_net = Selection(safety_net=SafetyNet(share=0.5, alpha=0.5))
    chance = Selection(ranking="random", seed=seed)
    return [
        (low, 0.1),
        (net, 0.1),
        (mild_net, 0.1),
        (chance, 0.1),
        (low, 0.02),
        (net, 0.02),
        (chance, 0.02),
    ]


def recommended(trials: list[Trial]) -> Trial:
    """The trial of the highest validation accuracy; among equals the smallest payload."""
    return max(trials, key=lambda trial: (trial.validation_accuracy, -trial.payload_bytes))


def percent(model: Checkpoint, task: Task, compute: Compute) -> float:
    """The model's accuracy on a task, percent to two places."""
    return round(100 * evaluate(model, task, compute=compute).accuracy, 2)


def _file_name(rule: Selection, keep_rate: float) -> str:
    net = "" if rule.safety_net is None else f"-safety-net-{rule.safety_net.alpha:g}"
    return f"{rule.ranking}{net}-{100 * keep_rate:g}-percent.plada"
