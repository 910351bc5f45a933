"""One trial per selection: a payload, and the student that it teaches."""

from __future__ import annotations

from dataclasses import dataclass

from pladafmt import dump, load

from ..compute.context import Compute
from ..labelling.scores import ScoreTable
from ..models.checkpoint import Checkpoint
from ..models.spec import ModelSpec
from ..pool import MemoryPool
from ..runs.folder import ModelFiles, RunFolder, student_stem
from ..selection import RuleSelection, SafetyNet, Selection, Size
from ..selection.producer import Producer
from ..selection.prune import Pruned
from ..tasks.task import Task
from ..training.evaluate import evaluate
from ..training.learn import train
from ..training.recipe import Recipe


@dataclass(frozen=True, eq=False)
class Trial:
    """One selection, and its student.

    Attributes:
        keep_rate: how many images, as a part of the pool.
        pruned: the payload, and the selection that made it.
        files: where payload and record are written.
        payload_bytes: its size.
        student: trained on the decoded payload.
        validation_accuracy: of the student, percent.
    """

    keep_rate: float
    pruned: Pruned
    files: ModelFiles
    payload_bytes: int
    student: Checkpoint
    validation_accuracy: float

    @property
    def selection(self) -> Selection | RuleSelection:
        """Which images were kept."""
        return self.pruned.selection


@dataclass(frozen=True)
class Bench:
    """What all trials share.

    Attributes:
        table: the teacher's scores of the pool.
        pool: the images.
        validation: labelled images that choose among trials: neither the teacher's nor test data.
        folder: where everything is written.
        student: the students' model.
        recipe: how students are trained.
        compute: where they are trained.
    """

    table: ScoreTable
    pool: MemoryPool
    validation: Task
    folder: RunFolder
    student: ModelSpec
    recipe: Recipe
    compute: Compute

    def trial(self, selection: Selection, keep_rate: float) -> Trial:
        """Prune, encode and write the payload; read it back and train a student on it."""
        size = Size(keep_rate=keep_rate)
        pruned = Producer(self.table).make(selection, size)
        files = payload_files(self.folder, selection, keep_rate)
        dump(pruned.payload, files.payload)
        # The student gets what a client gets: the file and the pool.
        payload = load(files.payload)
        student = train(payload, self.pool, self.student, self.recipe, compute=self.compute)
        accuracy = percent(student, self.validation, self.compute)
        payload_bytes = files.payload.stat().st_size
        return Trial(keep_rate, pruned, files, payload_bytes, student, accuracy)


def payload_files(folder: RunFolder, selection: Selection, keep_rate: float) -> ModelFiles:
    """Return where the demo writes a payload and its record."""
    return ModelFiles(folder.payloads / student_stem(selection, Size(keep_rate=keep_rate)))


def selections(seed: int) -> list[tuple[Selection, float]]:
    """What the demo compares: (selection, keep rate)."""
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
