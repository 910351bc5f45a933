"""The demo: a teacher of handwritten digits, a pool of characters, and students taught by files.

Every stage goes through the functions that the other commands use. A student learns from the bytes
of a payload and the local pool, and from nothing else.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from pladafmt.files import write_whole

from ..compute.context import Compute
from ..errors import Misuse
from ..labelling.label import label
from ..labelling.scores import ScoreTable
from ..models.spec import ModelSpec
from ..output import Output
from ..pool import Manifest, MemoryPool, index_pool, open_source
from ..runs.folder import RunFolder
from ..runs.records import StudentRecord, TeacherRecord
from ..tasks.load import load_task
from ..tasks.task import hold_out
from ..training.learn import teach
from ..training.recipe import Tune, recipe
from .figure import Point, draw
from .glyphs import IMAGE_SIZE, write_pool
from .trials import Bench, Trial, payload_files, percent, recommended, selections

DIGITS = "sklearn:digits"
DIGIT_SIZE = 8
"""Width and height of scikit-learn's digits in pixels. Pool images go through this size as well, or
the student would learn to tell sharp images apart."""

MODEL = ModelSpec("plada_convnet_s", img_size=IMAGE_SIZE, via_size=DIGIT_SIZE)
"""The teacher's model and the students'."""

VALIDATION = 0.25
"""Part of the target's training images that the teacher never sees: they choose the selection."""

SMALLEST_POOL = 500
SHOWN = 14
"""Pool images per class in the picture."""

_CPU = torch.device("cpu")  # The models are too small for a GPU to be worth starting.


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the demo can be asked to do otherwise.

    Attributes:
        pool_size: images in the pool.
        seed: of the pool, the validation images, the training and the random selection.
        teacher_steps: optimiser steps of the teacher.
        student_steps: optimiser steps of each student, the same for every selection.
    """

    pool_size: int = 15_000
    seed: int = 0
    teacher_steps: int = 500
    student_steps: int = 350

    def __post_init__(self) -> None:
        if self.pool_size < SMALLEST_POOL:
            raise Misuse(
                f"The demo needs a pool of at least {SMALLEST_POOL} images, not {self.pool_size}: "
                "its selections keep as little as 2 % of them."
            )


def run(out: Path, settings: Settings, output: Output) -> dict[str, Any]:
    """Run all stages, write what they make into the folder `out`, and return the figures.

    Returns:
        A JSON object: teacher_accuracy; student_accuracy and payload_bytes of the recommended
        selection (percent and bytes); selections, one object each; recommended, payload, picture,
        seconds and facts about the run.
    """
    started = time.monotonic()
    compute = Compute(_CPU, progress=output)
    how = recipe(
        Tune.ALL, lr=2e-3, augment="glyph", seed=settings.seed
    )  # A wrong seed is found here.
    folder = RunFolder(out)
    _check_payloads(folder, settings.seed)
    folder.payloads.mkdir(parents=True, exist_ok=True)

    output.say(f"1. Pool: rendering {settings.pool_size:,} characters; no digit is among them")
    pool = _make_pool(out, settings, output)
    output.say(f"   pool id {pool.ref.id.hex()}")

    learn, validation = hold_out(load_task(DIGITS, "train"), VALIDATION, seed=settings.seed)
    output.say(f"2. Teach: {len(learn):,} handwritten digits of {DIGIT_SIZE} px")
    teacher = teach(
        learn,
        MODEL,
        replace(how, steps=settings.teacher_steps),
        compute=compute,
    )
    teacher.write(folder.teacher.model)

    output.say("3. Label: which digit does each character look like most, says the teacher")
    table = label(pool, teacher, compute=compute)
    table.write(folder.scores)

    output.say("4. Prune, encode, decode, train: one payload and one student for each selection,")
    output.say(f"   compared on {len(validation)} digits that the teacher has not seen")
    bench = Bench(
        table,
        pool,
        validation,
        folder,
        MODEL,
        replace(how, steps=settings.student_steps),
        # A worker process would take longer to start than these few images take to decode.
        replace(compute, workers=0),
    )
    trials = []
    for selection, keep_rate in selections(settings.seed):
        trials.append(bench.trial(selection, keep_rate))
        output.say(
            f"   {trials[-1].validation_accuracy:5.1f} %  {selection}, keep rate {keep_rate:g}"
        )
    best = recommended(trials)
    payload = out / "digits.plada"
    payload.write_bytes(best.files.payload.read_bytes())

    # The choice has been made. From here on test images may be looked at.
    test = load_task(DIGITS, "test")
    output.say(f"5. Evaluate: {len(test)} test digits that nothing has seen so far")
    teacher_accuracy = percent(teacher, test, bench.compute)
    rows: list[dict[str, Any]] = [
        {
            "name": str(trial.selection),
            "keep_rate": trial.keep_rate,
            "kept": trial.pruned.payload.kept,
            "payload_bytes": trial.payload_bytes,
            "validation_accuracy": trial.validation_accuracy,
            "student_accuracy": percent(trial.student, test, bench.compute),
            "vanished": trial.pruned.vanished,
            "recommended": trial is best,
            "payload": str(trial.files.payload),
        }
        for trial in trials
    ]
    _write_records(folder, teacher_accuracy, trials, rows)
    picture = out / "demo.png"
    draw(
        picture,
        classes=table.classes,
        best=_best_images(table, pool),
        points=[
            Point(
                row["name"],
                row["keep_rate"],
                row["payload_bytes"],
                row["student_accuracy"],
                row["recommended"],
            )
            for row in rows
        ],
        teacher_accuracy=teacher_accuracy,
    )
    return {
        "teacher_accuracy": teacher_accuracy,
        "student_accuracy": rows[trials.index(best)]["student_accuracy"],
        "payload_bytes": best.payload_bytes,
        "recommended": {"name": str(best.selection), "keep_rate": best.keep_rate},
        "selections": rows,
        "student_model_bytes": len(best.student.data),
        "validation_images": len(validation),
        "test_images": len(test),
        "pool_size": len(pool),
        "pool_id": pool.ref.id.hex(),
        "seed": settings.seed,
        "payload": str(payload),
        "picture": str(picture),
        "seconds": round(time.monotonic() - started, 1),
    }


def _check_payloads(folder: RunFolder, seed: int) -> None:
    """Refuse a folder with payloads of another run, which would be taken for this one's."""
    own = {payload_files(folder, *one).stem.name for one in selections(seed)}
    for file in sorted([*folder.payloads.glob("*.plada"), *folder.payloads.glob("*.json")]):
        if file.name.removesuffix(file.suffix) not in own:
            raise Misuse(
                f"The folder {folder.payloads} holds {file.name}, which this version of plada demo "
                "does not write; use another --out, or remove the folder."
            )


def _write_records(
    folder: RunFolder, teacher_accuracy: float, trials: list[Trial], rows: list[dict[str, Any]]
) -> None:
    """Write the records that `plada report` reads, as a transfer does: accuracies as fractions."""
    teacher = TeacherRecord(teacher_accuracy / 100)
    write_whole(folder.teacher.record, json.dumps(teacher.to_json()).encode("utf-8"))
    for trial, row in zip(trials, rows, strict=True):
        record = StudentRecord(
            selection=row["name"],
            keep_rate=trial.keep_rate,
            kept=row["kept"],
            payload_bytes=trial.payload_bytes,
            accuracy=row["student_accuracy"] / 100,
            vanished=tuple(row["vanished"]),
            payload=row["payload"],
        )
        write_whole(trial.files.record, json.dumps(record.to_json()).encode("utf-8"))


def _make_pool(out: Path, settings: Settings, output: Output) -> MemoryPool:
    shard = out / "pool.tar"
    with output.track("Rendering", settings.pool_size) as advance:
        write_pool(shard, size=settings.pool_size, seed=settings.seed, advance=advance)
    source = open_source([str(shard)])
    with output.track("Indexing", source.size()) as advance:
        index_pool(source, out / "pool.parquet", on_progress=advance)
    return MemoryPool(Manifest.read(out / "pool.parquet"), source)


def _best_images(table: ScoreTable, pool: MemoryPool) -> list[list[npt.NDArray[np.uint8]]]:
    """For each class the pool images of lowest energy, greyscale, the lowest first."""
    order = np.argsort(table.energy, kind="stable")
    return [
        [
            np.asarray(pool.open_image(int(position)).convert("L"))
            for position in order[table.labels[order] == number][:SHOWN]
        ]
        for number in range(len(table.classes))
    ]
