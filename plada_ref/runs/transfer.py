"""The whole road in one call: teach, label, then prune, encode, decode, train and evaluate.

Every arrow is the function that the single command uses. What a stage has finished stays in the
output folder, so an interrupted transfer goes on where it stopped; one label table serves every
selection, and students of one frozen backbone share the pool's features.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pladafmt import dump, load
from pladafmt.files import write_whole

from ..compute.context import Compute
from ..compute.progress import Progress
from ..errors import Misuse, PipelineError
from ..features.backbone import Backbone
from ..features.cache import FeatureCache
from ..labelling.label import forget_parts, label, parts_folder
from ..labelling.scores import ScoreTable
from ..models.checkpoint import Checkpoint
from ..models.spec import ModelSpec
from ..pool import MemoryPool
from ..selection import Selection
from ..selection.producer import Made, Payloads, stem_of
from ..tasks.leakage import compare, fingerprints
from ..tasks.task import Task
from ..training.evaluate import evaluate
from ..training.learn import teach, train
from ..training.recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a transfer does.

    Attributes:
        teacher: the server's model.
        student: the client's model.
        teach_recipe: how the teacher is trained.
        train_recipe: how each student is trained.
        selections: the selections to compare; None is the automatic choice.
        keep_rates: each selection is tried at each of these.
        budgets: and with the bytes of each of these; the automatic choice only so.
        dense: encode payloads densely.
        named: whether payloads hold the class names.
        leakage: look for the test images in the pool.
    """

    teacher: ModelSpec
    student: ModelSpec
    teach_recipe: Recipe
    train_recipe: Recipe
    selections: tuple[Selection | None, ...]
    keep_rates: tuple[float, ...] = ()
    budgets: tuple[int, ...] = ()
    dense: bool = False
    named: bool = True
    leakage: bool = False

    def __post_init__(self) -> None:
        if None in self.selections and not self.budgets:
            raise Misuse("The automatic choice is made within a number of bytes; give --budget.")

    @property
    def seed(self) -> int:
        """Of random selections and held-out images: the recipe's."""
        return self.train_recipe.seed


@dataclass(frozen=True)
class Row:
    """One payload and what a student made of it.

    Attributes:
        selection: the selection's name.
        keep_rate: kept images / pool size.
        kept: number of kept images.
        payload_bytes: size of the whole file.
        student_accuracy: top-1 on the test images, 0 to 1.
        vanished: classes that no kept image stands for.
        payload: path of the file.
        seconds: for pruning to evaluation.
        budget: bytes that were allowed, or None.
    """

    selection: str
    keep_rate: float
    kept: int
    payload_bytes: int
    student_accuracy: float
    vanished: list[str]
    payload: str
    seconds: float
    budget: int | None = None


@dataclass(frozen=True)
class Outcome:
    """What a transfer measured.

    Attributes:
        teacher_accuracy: top-1 on the test images, 0 to 1.
        pseudo_labels: pseudo-labels of each class in the pool.
        rows: one for each selection and keep rate, in the order of the plan.
        leakage: how many test images the pool holds, or None if nobody looked.
        seconds: duration by stage; a stage that an earlier run had finished counts what it took
            to read its result.
    """

    teacher_accuracy: float
    pseudo_labels: list[int]
    rows: list[Row]
    leakage: dict[str, Any] | None
    seconds: dict[str, float]


def transfer(
    plan: Plan,
    learn_from: Task,
    test: Task,
    pool: MemoryPool,
    folder: Path,
    *,
    compute: Compute | None = None,
) -> Outcome:
    """Carry out `plan` and leave teacher, score table, payloads and students in `folder`.

    Args:
        learn_from: the labelled images that the teacher sees.
        test: the labelled images that teacher and students are compared on; nothing is chosen by
            them.

    Raises:
        Misuse: if `folder` holds the results of another plan.
        PipelineError: if an image, the weights or the data cannot be used.
    """
    compute = compute or Compute()
    progress = compute.progress
    _claim(folder, plan, learn_from, test, pool)
    seconds: dict[str, float] = {}

    started = time.monotonic()
    progress.say(f"Teach {plan.teacher.model} on {len(learn_from):,} images of {learn_from.name}")
    teacher = _teacher(plan, learn_from, folder, compute)
    seconds["teach"] = _since(started)

    started = time.monotonic()
    teacher_accuracy = _remembered(
        folder / "teacher.json",
        lambda: {"accuracy": evaluate(teacher, test, compute=compute).accuracy},
    )["accuracy"]
    progress.say(f"Teacher: {100 * teacher_accuracy:.2f} % of {len(test):,} test images")
    seconds["evaluate teacher"] = _since(started)

    started = time.monotonic()
    cache = FeatureCache.of_pool(folder / "features", pool)
    progress.say(f"Label {len(pool):,} pool images")
    table = _table(teacher, pool, folder, cache, compute)
    seconds["label"] = _since(started)

    leaked = None
    if plan.leakage:
        started = time.monotonic()
        leaked = _remembered(folder / "leakage.json", lambda: _leakage(test, pool, progress))
        progress.say(
            f"The pool holds {leaked['exact'] + leaked['near']:,} of the {len(test):,} test images "
            f"({100 * leaked['fraction']:.2f} %), {leaked['exact']:,} of them exactly"
        )
        seconds["leakage"] = _since(started)

    started = time.monotonic()
    backbone = Backbone.of(plan.student, compute)
    payloads = Payloads(
        table,
        pool,
        learn_from,
        backbone,
        cache,
        folder,
        progress,
        plan.dense,
        plan.named,
        plan.seed,
    )
    rows = []
    for size in (*plan.keep_rates, *plan.budgets):
        for rule in plan.selections:
            if rule is None and isinstance(size, float):
                continue
            name = stem_of(rule, size)
            found = _remembered(
                folder / f"{name}.json",
                lambda rule=rule, size=size, name=name: asdict(
                    _student(
                        payloads.make(rule, size),
                        plan,
                        pool,
                        test,
                        folder / name,
                        cache,
                        compute,
                    )
                ),
            )
            rows.append(Row(**found))
            allowed = f"keep rate {size:g}" if isinstance(size, float) else f"{size:,} bytes"
            progress.say(
                f"{rows[-1].selection}, {allowed}: {rows[-1].payload_bytes:,} bytes, student "
                f"{100 * rows[-1].student_accuracy:.2f} %"
            )
    seconds["students"] = _since(started)
    return Outcome(teacher_accuracy, table.histogram().tolist(), rows, leaked, seconds)


def _student(
    made: Made,
    plan: Plan,
    pool: MemoryPool,
    test: Task,
    stem: Path,
    cache: FeatureCache,
    compute: Compute,
) -> Row:
    started = time.monotonic()
    path = stem.with_name(f"{stem.name}.plada")
    dump(made.pruned.payload, path, dense=plan.dense)
    # From here on this is the client: it has the file and its own pool, nothing else.
    payload = load(path)
    student = train(
        payload,
        pool,
        plan.student,
        plan.train_recipe,
        compute=compute,
        resume=stem.with_name(f"{stem.name}.training"),
        cache=cache,
    )
    student.write(stem.with_name(f"{stem.name}.safetensors"))
    accuracy = evaluate(student, test, compute=compute).accuracy
    return Row(
        selection=made.name,
        keep_rate=made.keep_rate,
        kept=payload.kept,
        payload_bytes=path.stat().st_size,
        student_accuracy=accuracy,
        vanished=made.pruned.vanished,
        payload=str(path),
        seconds=_since(started),
        budget=made.budget,
    )


def _leakage(test: Task, pool: MemoryPool, progress: Progress) -> dict[str, Any]:
    found = compare(
        fingerprints(test.images, what="Looking for test images", progress=progress),
        fingerprints(pool, what="Looking for them in the pool", progress=progress),
    )
    return {
        "test_images": found.images,
        "pool_images": found.pool_size,
        "exact": found.exact,
        "near": len(found.matches) - found.exact,
        "fraction": found.fraction,
    }


def _teacher(
    plan: Plan,
    learn_from: Task,
    folder: Path,
    compute: Compute,
) -> Checkpoint:
    path = folder / "teacher.safetensors"
    if not path.exists():
        teach(
            learn_from,
            plan.teacher,
            plan.teach_recipe,
            compute=compute,
            resume=folder / "teacher.training",
        ).write(path)
    return Checkpoint.read(path)


def _table(
    teacher: Checkpoint,
    pool: MemoryPool,
    folder: Path,
    cache: FeatureCache,
    compute: Compute,
) -> ScoreTable:
    path = folder / "scores.parquet"
    if path.exists():
        table = ScoreTable.read(path)
        if (table.pool, table.teacher) == (pool.ref, teacher.sha256):
            return table
        raise PipelineError(
            f"The score table {path} is not by this folder's teacher over this pool; remove it to "
            "have the pool labelled again."
        )
    parts = parts_folder(path)
    table = label(pool, teacher, compute=compute, parts=parts, cache=cache)
    table.write(path)
    forget_parts(parts)
    return table


def _claim(folder: Path, plan: Plan, learn_from: Task, test: Task, pool: MemoryPool) -> None:
    """Mark `folder` as this plan's, or refuse it if it is another's."""
    about = json.dumps(
        {
            "plan": _plain(
                asdict(plan), leave_out=("selections", "keep_rates", "budgets", "leakage")
            ),
            "learn_from": [learn_from.name, len(learn_from)],
            "test": [test.name, len(test)],
            "pool": pool.ref.id.hex(),
            # Selections, keep rates and budgets may be added later: each has files of its own.
            "seeds": sorted({plan.seed, *(rule.seed for rule in plan.selections if rule)}),
        },
        indent=1,
        sort_keys=True,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "plan.json"
    if path.exists() and path.read_text("utf-8") != about:
        raise Misuse(
            f"The folder {folder} holds a transfer with other settings ({path.name} lists them); "
            "use another --out, or remove the folder."
        )
    write_whole(path, about.encode("utf-8"))


def _plain(value: Any, leave_out: Sequence[str] = ()) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items() if key not in leave_out}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, int | float | str | None) else str(value)


def _remembered(path: Path, compute: Any) -> dict[str, Any]:
    """Return what `path` holds, after computing and writing it if it does not exist."""
    if not path.exists():
        write_whole(path, json.dumps(compute()).encode("utf-8"))
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
    except ValueError as error:
        raise PipelineError(f"{path} is damaged; remove it to have it made again.") from error
    return found


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)
