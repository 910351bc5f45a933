"""The whole road in one call: teach, label, then prune, encode, decode, train and evaluate.

Every arrow is the function that the single command uses. What a stage has finished stays in the
output folder, so an interrupted transfer goes on where it stopped; one label table serves every
selection, and students of one frozen backbone share the pool's features.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from pladafmt import Codes, Mismatch, dump, load, read_rule
from pladafmt.files import write_whole

from ..compute.context import Compute
from ..compute.progress import Progress
from ..errors import Misuse, PipelineError
from ..features.backbone import Backbone
from ..features.cache import FeatureCache
from ..images import ImagePool, check_early
from ..labelling.label import forget_parts, label, parts_folder
from ..labelling.scores import ScoreTable
from ..models.checkpoint import Checkpoint
from ..pool import UnreadableImages
from ..selection import Choice, RuleSelection, Size
from ..selection.auto_record import AutoSelection
from ..selection.comparison import Comparison
from ..selection.producer import Producer
from ..selection.prune import PayloadOptions
from ..tasks.leakage import fingerprints, look_for
from ..tasks.task import Task
from ..training.advice import Advice
from ..training.evaluate import evaluate
from ..training.learn import teach, train
from ..training.read_advice import advice_of
from ..training.soft_labels import soft_labels
from .fields import Fields
from .folder import LAYOUT, ModelFiles, RunFolder
from .plan import Plan, PlanRecord
from .recommendation import Recommendation, recommend
from .records import Leakage, StudentRecord, TeacherRecord, read_auto, shown_selection

if TYPE_CHECKING:
    from ..selection.rules.source import RuleSource


@dataclass(frozen=True)
class Outcome:
    """What a transfer measured.

    Attributes:
        teacher_accuracy: top-1 on the test images, 0 to 1.
        pseudo_labels: pseudo-labels of each class in the pool.
        students: one for each selection and size, in the order of the plan.
        leakage: how many test images the pool holds, or None if nobody looked.
        recommended: which payload to send.
        unreadable: images of the pool that do not decode; no payload keeps them.
        seconds: duration by stage; a stage that an earlier run had finished counts what it took
            to read its result.
    """

    teacher_accuracy: float
    pseudo_labels: list[int]
    students: list[StudentRecord]
    leakage: Leakage | None
    recommended: Recommendation
    unreadable: int
    seconds: dict[str, float]


def transfer(
    plan: Plan,
    learn_from: Task,
    test: Task,
    pool: ImagePool,
    out: Path,
    *,
    compute: Compute | None = None,
    rules: RuleSource | None = None,
    max_unreadable: float | None = None,
) -> Outcome:
    """Carry out `plan` and leave teacher, score table, payloads and students in the folder `out`.

    Args:
        learn_from: the labelled images that the teacher sees.
        test: the labelled images that teacher and students are compared on; nothing is chosen by
            them.
        rules: codes of the pool's images, for rules; with a coder, the automatic selection tries
            a rule too. They are fitted to what the plan says.
        max_unreadable: the part of the pool's images that may be skipped since they do not decode;
            see `plada_ref.pool.most_unreadable`.

    Raises:
        Misuse: if `out` holds the results of another plan, or a rule is asked for and `rules` is
            None.
        PipelineError: if an image, the weights or the data cannot be used.
    """
    compute = compute or Compute()
    progress = compute.progress
    if rules is None and any(isinstance(each, RuleSelection) for each in plan.selections):
        raise Misuse("A rule is over the codes of the pool's images; give them.")
    if rules is not None:
        rules = replace(rules, fit_to=plan.fit_to)
    check_early(pool)
    folder = RunFolder(out)
    _start(folder, PlanRecord.about(plan, learn_from, test, pool, progress))
    seconds: dict[str, float] = {}

    started = time.monotonic()
    progress.say(f"Teach {plan.teacher.model} on {len(learn_from):,} images of {learn_from.name}")
    teacher = _teacher(plan, learn_from, folder, compute)
    seconds["teach"] = _since(started)

    started = time.monotonic()
    teacher_accuracy = _remembered(
        folder.teacher.record,
        TeacherRecord.of,
        lambda: TeacherRecord(evaluate(teacher, test, compute=compute).accuracy),
    ).accuracy
    progress.say(f"Teacher: {100 * teacher_accuracy:.2f} % of {len(test):,} test images")
    seconds["evaluate teacher"] = _since(started)

    started = time.monotonic()
    cache = FeatureCache.of_pool(folder.features, pool)
    progress.say(f"Label {len(pool):,} pool images")
    table = _table(teacher, pool, folder, cache, compute, max_unreadable)
    unreadable = len(table.unreadable)
    seconds["label"] = _since(started)

    leaked = None
    if plan.leakage:
        started = time.monotonic()
        leaked = _remembered(
            folder.leakage, Leakage.of, lambda: _leakage(test, pool, progress, unreadable)
        )
        progress.say(
            f"The pool holds {leaked.exact + leaked.near:,} of the {len(test):,} test images "
            f"({100 * leaked.fraction:.2f} %), {leaked.exact:,} of them exactly"
        )
        seconds["leakage"] = _since(started)

    started = time.monotonic()
    # What compares images by it was checked with the plan.
    backbone = Backbone.of(replace(plan.student, random_backbone=True), compute)
    options = PayloadOptions(
        dense=plan.dense,
        named=plan.named,
        metadata=plan.metadata,
        described=plan.described,
        recipe=_advice(plan),
    )
    comparison = Comparison(
        backbone, plan.student, pool, learn_from, cache, unreadable, max_unreadable
    )
    producer = Producer(
        table, comparison, options, plan.seed, progress, rules, plan.kinds, plan.hard_labels
    )
    codes = None if rules is None else rules.codes
    clients = _Clients(plan, pool, test, folder, cache, compute, codes)
    students = []
    for selection, size in plan.payloads:
        students.append(clients.student(producer, selection, size))
        progress.say(
            f"{students[-1].selection}, {size}: {students[-1].payload_bytes:,} bytes, student "
            f"{100 * students[-1].accuracy:.2f} %"
        )
    seconds["students"] = _since(started)
    autos = {found.budget: found for found in map(read_auto, map(Fields.read, folder.autos()))}
    recommended = recommend(students, autos, len(test))
    histogram = table.histogram().tolist()
    return Outcome(teacher_accuracy, histogram, students, leaked, recommended, unreadable, seconds)


def _advice(plan: Plan) -> Advice:
    """How the students of this transfer are trained, as it is measured here."""
    seen = plan.student.preparation()
    grey = seen.grey or seen.channels == 1
    sight = Advice(img_size=seen.img_size, via_size=seen.via_size, grey=grey)
    return sight.over(advice_of(plan.train_recipe))


@dataclass(frozen=True, eq=False)
class _Clients:
    """Trains a student on each payload and tests it."""

    plan: Plan
    pool: ImagePool
    test: Task
    folder: RunFolder
    cache: FeatureCache
    compute: Compute
    codes: Codes | None

    def student(self, producer: Producer, selection: Choice, size: Size) -> StudentRecord:
        """Make the payload, train and test its student, or return the record of a finished one."""
        files = self.folder.student(selection, size)
        if files.record.exists() and not _is_complete(files, self.pool, self.codes):
            self.compute.progress.say(f"A file of {files.stem.name} is gone: it is made again")
            files.record.unlink()
        return _remembered(
            files.record, StudentRecord.of, lambda: self._make(producer, selection, size)
        )

    def _make(self, producer: Producer, selection: Choice, size: Size) -> StudentRecord:
        started = time.monotonic()
        pruned = producer.make(selection, size)
        if pruned.auto is not None:
            self._leave(pruned.auto)
        files = self.folder.student(selection, size)
        rule = None if pruned.by_rule is None else pruned.by_rule.rule
        dump(pruned.payload, files.payload, dense=self.plan.dense, rule=rule, codes=self.codes)
        # From here on this is the client: it has the file, its own pool and the pool's codes,
        # nothing else.
        payload = load(files.payload, codes=self.codes)
        sent = None if rule is None else read_rule(files.payload.read_bytes())
        soft = None
        if sent is not None and self.codes is not None and not self.plan.hard_labels:
            soft = soft_labels(payload, sent, self.codes)
        student = train(
            payload,
            self.pool,
            self.plan.student,
            self.plan.train_recipe,
            compute=self.compute,
            resume=files.training,
            cache=self.cache,
            soft=soft,
        )
        student.write(files.model)
        rate = payload.kept / len(self.pool) if size.keep_rate is None else size.keep_rate
        return StudentRecord(
            selection=shown_selection(pruned.selection, chosen=selection is None),
            keep_rate=rate,
            kept=payload.kept,
            payload_bytes=files.payload.stat().st_size,
            accuracy=evaluate(student, self.test, compute=self.compute).accuracy,
            vanished=tuple(pruned.vanished),
            payload=str(files.payload),
            seconds=_since(started),
            budget=size.budget,
            payload_sha256=_sha256(files.payload),
            student_sha256=student.sha256,
        )

    def _leave(self, auto: AutoSelection) -> None:
        progress = self.compute.progress
        (progress.say if auto.carried else progress.warn)(auto.verdict)
        report = json.dumps(auto.to_json(), indent=1)
        write_whole(self.folder.auto(auto.budget), report.encode("utf-8"))


def _is_complete(files: ModelFiles, pool: ImagePool, codes: Codes | None) -> bool:
    """Whether payload and student of a finished record are still there, as they were.

    Raises:
        PipelineError: if one is another file than the record is of, or the payload is a rule over
            other codes than `codes`.
    """
    record = StudentRecord.of(Fields.read(files.record))
    recorded = {files.payload: record.payload_sha256, files.model: record.student_sha256}
    for path, digest in recorded.items():
        if digest is not None and path.exists() and _sha256(path) != digest:
            raise PipelineError(
                f"{path} is not the file that {files.record.name} speaks of: it was changed, "
                "emptied or replaced since. Remove it to have it made again."
            )
    held = record.by_rule and files.payload.exists()
    rule = read_rule(files.payload.read_bytes()) if held else None
    if rule is not None and codes is not None:
        try:
            rule.check(codes, len(pool))
        except Mismatch as exc:
            raise PipelineError(
                f"{files.payload} was made with other codes than those that are given now. "
                "Remove it to have it made again, or give its codes."
            ) from exc
    return all(path.exists() for path, digest in recorded.items() if digest is not None)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _leakage(test: Task, pool: ImagePool, progress: Progress, unreadable: int) -> Leakage:
    found = look_for(
        fingerprints(test.images, what="Looking for test images", progress=progress),
        pool,
        what="Looking for them in the pool",
        progress=progress,
        unreadable=UnreadableImages(pool, len(pool), known=unreadable),
    )
    return Leakage(
        test_images=found.images,
        pool_images=found.pool_size,
        exact=found.exact,
        near=len(found.matches) - found.exact,
        fraction=found.fraction,
    )


def _teacher(plan: Plan, learn_from: Task, folder: RunFolder, compute: Compute) -> Checkpoint:
    files = folder.teacher
    if not files.model.exists():
        teach(
            learn_from,
            plan.teacher,
            plan.teach_recipe,
            compute=compute,
            resume=files.training,
        ).write(files.model)
    return Checkpoint.read(files.model)


def _table(
    teacher: Checkpoint,
    pool: ImagePool,
    folder: RunFolder,
    cache: FeatureCache,
    compute: Compute,
    max_unreadable: float | None,
) -> ScoreTable:
    path = folder.scores
    if path.exists():
        table = ScoreTable.read(path)
        if (table.pool, table.teacher) == (pool.ref, teacher.sha256):
            return table
        raise PipelineError(
            f"The score table {path} is not by this folder's teacher over this pool; remove it to "
            "have the pool labelled again."
        )
    parts = parts_folder(path)
    table = label(
        pool, teacher, compute=compute, parts=parts, cache=cache, max_unreadable=max_unreadable
    )
    table.write(path)
    forget_parts(parts)
    return table


def _start(folder: RunFolder, record: PlanRecord) -> None:
    """Write plan.json, or refuse the folder if another plan is there."""
    folder.path.mkdir(parents=True, exist_ok=True)
    wanted = json.dumps(record.to_json(), indent=1, sort_keys=True)
    if folder.plan.exists():
        found = Fields.read(folder.plan).value
        if found.get("layout") != LAYOUT:
            raise Misuse(
                f"The folder {folder.path} holds a transfer by another version of plada, which "
                "names files differently; use another --out, or remove the folder."
            )
        before = found.get("digests")
        changed = [
            _CHANGED[name]
            for name, digest in record.digests.items()
            if isinstance(before, dict) and before.get(name) != digest
        ]
        if changed:
            raise Misuse(
                f"The folder {folder.path} holds results of other files: {' and '.join(changed)} "
                "changed since; use another --out, or remove the folder."
            )
        if found != json.loads(wanted):
            raise Misuse(
                f"The folder {folder.path} holds a transfer with other settings "
                f"({folder.plan.name} lists them); use another --out, or remove the folder."
            )
    write_whole(folder.plan, wanted.encode("utf-8"))


_CHANGED = {
    "learn_from": "the images or labels that the teacher learns from",
    "test": "the test images or their labels",
    "teacher": "the teacher's weights",
    "student": "the student's weights",
    "metadata": "what --metadata adds",
}


class _Record(Protocol):
    def to_json(self) -> dict[str, Any]: ...


_R = TypeVar("_R", bound=_Record)


def _remembered(path: Path, read: Callable[[Fields], _R], make: Callable[[], _R]) -> _R:
    """Return the record in `path`, after making and writing it if it does not exist."""
    if not path.exists():
        write_whole(path, json.dumps(make().to_json()).encode("utf-8"))
    return read(Fields.read(path))


def _since(started: float) -> float:
    return round(time.monotonic() - started, 1)
