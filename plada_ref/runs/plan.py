"""What a transfer does, and what plan.json says of it: the settings of everything in a folder."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..compute.progress import Progress
from ..errors import Misuse, PipelineError
from ..images import ImagePool
from ..models.spec import ModelSpec
from ..selection import RANKINGS, Choice, Selection, Size, choose, spell
from ..selection.rule import AUTO, FitTo, chosen_fit
from ..selection.students import FINETUNE, HEAD, SCRATCH, check_kinds
from ..tasks.content import task_digest
from ..tasks.task import Task
from ..training.recipe import Recipe, Tune, recipe
from .fields import Fields
from .folder import LAYOUT
from .records import StudentRecord


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What all results of a transfer depend on.

    Attributes:
        teacher: the server's model.
        student: the client's model.
        teach_recipe: how the teacher is trained.
        train_recipe: how each student is trained.
        dense: encode payloads densely.
        named: whether payloads hold the class names.
        described: whether payloads say what made them and how to train on them; see
            `plada_ref.selection.prune.PayloadOptions`.
        fit_to: what rules are fitted to; the task when None.
        hard_labels: students of a rule learn each image's class, not the scores of all classes.
    """

    teacher: ModelSpec
    student: ModelSpec
    teach_recipe: Recipe
    train_recipe: Recipe
    dense: bool = False
    named: bool = True
    described: bool = False
    fit_to: FitTo | None = None
    hard_labels: bool = False

    def to_json(self) -> dict[str, Any]:
        """The settings as JSON values."""
        # What is as it was before there was a choice is not in it, so that older folders stand.
        more: dict[str, Any] = {"described": True} if self.described else {}
        if self.fit_to is not None:
            more["fit_to"] = self.fit_to
        if self.hard_labels:
            more["hard_labels"] = True
        return more | {
            "teacher": _model_to_json(self.teacher),
            "student": _model_to_json(self.student),
            "teach_recipe": self.teach_recipe.to_json(),
            "train_recipe": self.train_recipe.to_json(),
            "dense": self.dense,
            "named": self.named,
        }

    @property
    def kind(self) -> str:
        """The kind of its students, see `plada_ref.selection.students`."""
        if self.train_recipe.tune is Tune.HEAD:
            return HEAD
        return SCRATCH if self.student.is_random else FINETUNE

    def frozen(self, selections: Iterable[Choice]) -> Iterator[tuple[ModelSpec, str]]:
        """Yield each model whose backbone is used as it is, and by what."""
        for model, how in ((self.teacher, self.teach_recipe), (self.student, self.train_recipe)):
            if how.tune is not Tune.ALL:
                yield model, f"--tune {how.tune}"
        for selection in selections:
            if selection is None:
                yield self.student, f"--select {AUTO}"
            elif isinstance(selection, Selection) and RANKINGS[selection.ranking].compares:
                yield self.student, f"--select {selection}"

    @classmethod
    def of(cls, stored: Fields) -> Settings:
        """The settings that `to_json` wrote.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        return cls(
            teacher=_read_model(stored.inner("teacher")),
            student=_read_model(stored.inner("student")),
            teach_recipe=_read_recipe(stored.inner("teach_recipe")),
            train_recipe=_read_recipe(stored.inner("train_recipe")),
            dense=stored.flag("dense"),
            named=stored.flag("named"),
            described="described" in stored and stored.flag("described"),
            fit_to=_read_fit(stored) if "fit_to" in stored else None,
            hard_labels="hard_labels" in stored and stored.flag("hard_labels"),
        )


@dataclass(frozen=True, kw_only=True)
class Plan(Settings):
    """What a transfer does.

    Attributes:
        selections: the selections to compare; None is the automatic one.
        keep_rates: each selection is tried at each of these.
        budgets: and with the bytes of each of these; the automatic selection only so.
        leakage: look for the test images in the pool.
        students: kinds of students that decide about the automatic selection; when None, the kind
            of this transfer's own.
        metadata: what else the payloads' metadata hold; None for nothing.

    Raises:
        Misuse: if a selection is to be chosen automatically, and there is no budget; if a backbone
            is frozen whose weights are random, and nobody asked for that.
    """

    selections: tuple[Choice, ...]
    keep_rates: tuple[float, ...] = ()
    budgets: tuple[int, ...] = ()
    leakage: bool = False
    students: tuple[str, ...] | None = None
    metadata: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        if None in self.selections and not self.budgets:
            raise Misuse("The automatic selection needs a number of bytes; give --budget.")
        for model, by in self.frozen(self.selections):
            model.check_frozen(by)
        if None in self.selections:
            check_kinds(self.kinds, self.student)
        elif self.students is not None:
            raise Misuse(
                "--students says by whom the automatic selection chooses; ask for --select auto, "
                "or leave it out."
            )
        if self.hard_labels and all(isinstance(each, Selection) for each in self.selections):
            raise Misuse(
                "--hard-labels is about students of a rule; ask for --select rule or --select "
                "auto, or leave it out."
            )

    @property
    def seed(self) -> int:
        """Of random selections and held-out images: the recipe's."""
        return self.train_recipe.seed

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of the students that decide, see `plada_ref.selection.students`."""
        return (self.kind,) if self.students is None else self.students

    @property
    def payloads(self) -> Iterator[tuple[Choice, Size]]:
        """Every payload that is made, by size and then by selection."""
        sizes = [Size(keep_rate=rate) for rate in self.keep_rates]
        sizes += [Size(budget=budget) for budget in self.budgets]
        for size in sizes:
            for selection in self.selections:
                if selection is not None or size.budget is not None:
                    yield selection, size


@dataclass(frozen=True, kw_only=True)
class PlanRecord:
    """What plan.json says. Selections and sizes are not in it: more of them may be added later.

    Attributes:
        settings: what all results depend on.
        learn_from, test: name and number of the labelled images.
        pool: the pool id in hex.
        seeds: of the recipe and all selections, ascending.
        digests: SHA-256 in hex of what may change under the same name: ``learn_from`` and ``test``
            (`plada_ref.tasks.content.task_digest`), the weights of ``teacher`` and ``student``
            (empty without a file), and what users put into the ``metadata``, if they do. Empty in
            folders by an older version.
        layout: of the folder, see `plada_ref.runs.folder.LAYOUT`.
    """

    settings: Settings
    learn_from: tuple[str, int]
    test: tuple[str, int]
    pool: str
    seeds: tuple[int, ...]
    digests: dict[str, str]
    layout: int = LAYOUT

    @classmethod
    def about(
        cls,
        plan: Plan,
        learn_from: Task,
        test: Task,
        pool: ImagePool,
        progress: Progress | None = None,
    ) -> PlanRecord:
        """The record of a transfer; every image of its tasks is read once.

        Raises:
            PipelineError: if an image or a weights file cannot be read.
        """
        settings = Settings(**{one.name: getattr(plan, one.name) for one in fields(Settings)})
        return cls(
            settings=settings,
            learn_from=(learn_from.name, len(learn_from)),
            test=(test.name, len(test)),
            pool=pool.ref.id.hex(),
            seeds=tuple(sorted({plan.seed, *(one.seed for one in plan.selections if one)})),
            digests={
                "learn_from": task_digest(learn_from, progress),
                "test": task_digest(test, progress),
                "teacher": plan.teacher.weights_digest() or "",
                "student": plan.student.weights_digest() or "",
            }
            | _metadata_digest(plan.metadata),
        )

    def to_json(self) -> dict[str, Any]:
        """The record as JSON values."""
        return {
            "layout": self.layout,
            "plan": self.settings.to_json(),
            "learn_from": list(self.learn_from),
            "test": list(self.test),
            "pool": self.pool,
            "seeds": list(self.seeds),
            "digests": self.digests,
        }

    @classmethod
    def of(cls, stored: Fields) -> PlanRecord:
        """The record that `to_json` wrote.

        Raises:
            PipelineError: if a field is missing or wrong, or a later version wrote the file.
        """
        layout = stored.whole("layout", 1) if "layout" in stored else 1
        if layout > LAYOUT:
            raise PipelineError(
                f"{stored.file} was written by a later version of plada; use that version."
            )
        return cls(
            settings=Settings.of(stored.inner("plan")),
            learn_from=stored.named_count("learn_from"),
            test=stored.named_count("test"),
            pool=stored.text("pool"),
            seeds=stored.wholes("seeds"),
            digests=_read_digests(stored.inner("digests")) if "digests" in stored else {},
            layout=layout,
        )

    @property
    def task(self) -> str:
        """The task for people: its name without split and folders."""
        return self.test[0].removesuffix(f" {_split(self.test)}").rstrip("/").rpartition("/")[2]

    @property
    def listed(self) -> list[tuple[str, str]]:
        """Everything in it that is set, as (path of the field, value)."""
        return list(_flat(self.to_json()))

    def commands(
        self, students: Sequence[StudentRecord], kinds: Sequence[str] = ()
    ) -> list[list[str]]:
        """Return the ``plada transfer`` that made these students, each a list of options.

        There are several if not every selection was tried at every size. Words in capitals are to
        be filled in; settings that are the defaults are left out.

        Args:
            kinds: of the students that decided about an automatic selection.
        """
        tried: dict[str, list[str]] = {}
        for student in students:
            size = f"--keep-rate {spell(student.keep_rate)}"
            if student.budget is not None:
                size = f"--budget {student.budget}"
            asked = select_option(student) or student.selection
            tried.setdefault(size, []).append(f"--select {shlex.quote(asked)}")
        together: dict[tuple[str, ...], list[str]] = {}
        for size, selections in tried.items():
            together.setdefault(tuple(selections), []).append(size)
        settings = ["--task TASK", "-m MANIFEST", "--pool SOURCE", *self._models()]
        chosen = [choose(asked) for asked in map(select_option, students) if asked is not None]
        if any(model.is_random for model, _ in self.settings.frozen(chosen)):
            settings += ["--random-backbone"]
        settings += self._recipes()
        if kinds and tuple(kinds) != (self.settings.kind,):
            settings.append(f"--students {','.join(kinds)}")
        return [
            ["plada transfer", *settings, *sizes, *selections, "-o RUN"]
            for selections, sizes in together.items()
        ]

    def _models(self) -> list[str]:
        """The options for the splits, the models, what they see, and how payloads are encoded."""
        teacher, student = self.settings.teacher, self.settings.student
        words = _option("--split", _split(self.learn_from), unless="train")
        words += _option("--test-split", _split(self.test), unless="test")
        words += _option("--model", teacher.model)
        words += [] if teacher.weights is None else ["--weights WEIGHTS"]
        words += _option("--img-size", teacher.img_size) + _option("--via-size", teacher.via_size)
        flags = {
            "--pretrained": teacher.pretrained,
            "--grey": teacher.grey,
            "--dense": self.settings.dense,
            "--unnamed": not self.settings.named,
            "--no-metadata": not self.settings.described,
            "--metadata METADATA": "metadata" in self.digests,
            "--hard-labels": self.settings.hard_labels,
        }
        words += [flag for flag, given in flags.items() if given]
        words += _option("--fit", self.settings.fit_to)
        words += _option("--student-model", student.model, unless=teacher.model)
        if student.weights is not None and student.weights != teacher.weights:
            words += ["--student-weights WEIGHTS"]
        return words

    def _recipes(self) -> list[str]:
        """The options that turn the default recipes into those of teacher and students."""
        teach, train = self.settings.teach_recipe, self.settings.train_recipe
        words = _option("--tune", teach.tune.value, unless="head")
        words += _option("--student-tune", train.tune.value, unless=teach.tune.value)
        epochs, student_epochs = _epochs_option(teach), _epochs_option(train)
        words += _option("--epochs", epochs)
        words += _option("--student-epochs", student_epochs, unless=epochs)
        for name in ("lr", "batch_size", "label_smoothing", "augment", "seed"):
            for how in (teach, train):
                value, default = getattr(how, name), getattr(recipe(how.tune), name)
                option = _option(f"--{name.replace('_', '-')}", value, unless=default)
                if option:
                    words += option
                    break
        return words


def select_option(student: StudentRecord) -> str | None:
    """Return how ``--select`` asks for a student's selection; None if that is not known.

    Folders of layout 1 hold selections in another spelling.
    """
    if student.chosen:
        return AUTO
    try:
        asked = choose(student.selection)
    except Misuse:
        return None
    return AUTO if asked is None else str(asked)


def _model_to_json(model: ModelSpec) -> dict[str, Any]:
    settings = asdict(model) | {"weights": None if model.weights is None else str(model.weights)}
    del settings["random_backbone"]  # A permission, which changes no result.
    return settings


def _metadata_digest(metadata: dict[str, Any] | None) -> dict[str, str]:
    if metadata is None:
        return {}
    text = json.dumps(metadata, sort_keys=True)
    return {"metadata": hashlib.sha256(text.encode()).hexdigest()}


def _read_digests(stored: Fields) -> dict[str, str]:
    return {name: stored.text(name) for name in sorted(stored.value)}


def _read_model(stored: Fields) -> ModelSpec:
    return ModelSpec(
        model=stored.text("model"),
        weights=Path(stored.text("weights")) if "weights" in stored else None,
        pretrained=stored.flag("pretrained"),
        img_size=stored.whole("img_size", 1) if "img_size" in stored else None,
        via_size=stored.whole("via_size", 1) if "via_size" in stored else None,
        grey=stored.flag("grey"),
    )


def _read_fit(stored: Fields) -> FitTo:
    try:
        return chosen_fit(stored.text("fit_to"))
    except Misuse:
        stored.refuse("fit_to", "target, pool or both")


def _read_recipe(stored: Fields) -> Recipe:
    tune = stored.text("tune")
    if tune not in list(Tune):
        stored.refuse("tune", "head, slow or all")
    return Recipe(
        tune=Tune(tune),
        epochs=stored.whole("epochs", 1),
        lr=stored.number("lr", 100),
        batch_size=stored.whole("batch_size", 1),
        weight_decay=stored.number("weight_decay", 100),
        head_decay=stored.number("head_decay", 1e6),
        label_smoothing=stored.number("label_smoothing", 1),
        augment=stored.text("augment"),
        freeze_bn=stored.flag("freeze_bn"),
        steps=stored.whole("steps", 1) if "steps" in stored else None,
        min_steps=stored.whole("min_steps"),
        seed=stored.whole("seed", most=2**63 - 1),
    )


def _split(named: tuple[str, int]) -> str:
    """The split of a task, which is the last word of its name."""
    return named[0].rpartition(" ")[2]


def _epochs_option(how: Recipe) -> int | None:
    """The passes of a recipe, if they are not the default's."""
    default = recipe(how.tune)
    same = (how.epochs, how.min_steps) == (default.epochs, default.min_steps)
    return None if same else how.epochs


def _option(name: str, value: Any, *, unless: Any = None) -> list[str]:
    if value is None or value == unless:
        return []
    return [f"{name} {shlex.quote(spell(value) if isinstance(value, float) else str(value))}"]


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a JSON object, each with its path."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{key}.")
        elif item is not None:
            yield f"{prefix}{key}", item if isinstance(item, str) else json.dumps(item)
