"""The settings of a transfer as plan.json holds them, and the commands that they came from."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..errors import Misuse
from ..selection import parse
from ..training.recipe import Recipe, recipe
from .fields import Fields
from .records import CHOSEN, Student


@dataclass(frozen=True)
class Plan:
    """What plan.json says.

    Attributes:
        settings: everything, as (path of the field, value).
        encoding: how payloads are encoded.
        teacher, student: the models.
        teach_recipe, train_recipe: how they were trained.
        learn_from, test: name and number of the labelled images.
    """

    settings: tuple[tuple[str, str], ...]
    encoding: Fields
    teacher: Fields
    student: Fields
    teach_recipe: Fields
    train_recipe: Fields
    learn_from: tuple[str, int]
    test: tuple[str, int]

    @classmethod
    def of(cls, fields: Fields) -> Plan:
        """The plan of a transfer.

        Raises:
            PipelineError: if a field is missing or wrong.
        """
        plan = fields.inner("plan")
        found = cls(
            settings=tuple(_flat(fields.value)),
            encoding=plan,
            teacher=plan.inner("teacher"),
            student=plan.inner("student"),
            teach_recipe=plan.inner("teach_recipe"),
            train_recipe=plan.inner("train_recipe"),
            learn_from=fields.named_count("learn_from"),
            test=fields.named_count("test"),
        )
        for model in (found.teacher, found.student):
            model.text("model")
        return found

    @property
    def task(self) -> str:
        """The task for people: its name without split and folders."""
        return self.test[0].removesuffix(f" {_split(self.test)}").rstrip("/").rpartition("/")[2]

    def commands(self, students: Sequence[Student]) -> list[list[str]]:
        """The ``plada transfer`` that made these students, each a list of options.

        There are several if not every selection was tried at every size. Words in capitals are to
        be filled in; settings that are the defaults are left out.
        """
        tried: dict[str, list[str]] = {}
        for student in students:
            size = f"--keep-rate {student.keep_rate:g}"
            if student.budget is not None:
                size = f"--budget {student.budget}"
            asked = spelling(student.selection) or student.selection
            tried.setdefault(size, []).append(f"--select {shlex.quote(asked)}")
        together: dict[tuple[str, ...], list[str]] = {}
        for size, selections in tried.items():
            together.setdefault(tuple(selections), []).append(size)
        settings = ["--task TASK", "-m MANIFEST", "--pool SOURCE", *self._models()]
        settings += self._recipes()
        return [
            ["plada transfer", *settings, *sizes, *selections, "-o RUN"]
            for selections, sizes in together.items()
        ]

    def _models(self) -> list[str]:
        """The options for the splits, the models, what they see, and how payloads are encoded."""
        words = _option("--split", _split(self.learn_from), unless="train")
        words += _option("--test-split", _split(self.test), unless="test")
        words += _option("--model", self.teacher.text("model"))
        words += ["--weights WEIGHTS"] if "weights" in self.teacher else []
        for name in ("img_size", "via_size"):
            words += _option(f"--{name}", self.teacher.value.get(name))
        flags = {
            "--pretrained": self.teacher.value.get("pretrained"),
            "--grey": self.teacher.value.get("grey"),
            "--dense": self.encoding.value.get("dense"),
            "--unnamed": self.encoding.value.get("named") is False,
        }
        words += [flag for flag, value in flags.items() if value is True]
        model, weights = self.student.text("model"), self.student.value.get("weights")
        words += _option("--student-model", model, unless=self.teacher.text("model"))
        if weights is not None and weights != self.teacher.value.get("weights"):
            words += ["--student-weights WEIGHTS"]
        return words

    def _recipes(self) -> list[str]:
        """The options that make the recipes of teacher and students of the defaults."""
        teach, train = self.teach_recipe, self.train_recipe
        words = _option("--tune", teach.text("tune"), unless="head")
        words += _option("--student-tune", train.text("tune"), unless=teach.text("tune"))
        epochs, student_epochs = (_own_epochs(how) for how in (teach, train))
        words += _option("--epochs", epochs)
        words += _option("--student-epochs", student_epochs, unless=epochs)
        for name in ("lr", "batch_size", "label_smoothing", "augment", "seed"):
            for how in (teach, train):
                option = _option(
                    f"--{name}", how.value.get(name), unless=getattr(_default(how), name)
                )
                if option:
                    words += option
                    break
        return words


def spelling(name: str) -> str | None:
    """How a selection of this name is asked for with ``--select``; None if that is not known."""
    if name.startswith(CHOSEN):
        return "auto"
    net = re.fullmatch(r"(\S+) \+ safety-net\(s=([^\s,]+), alpha=([^\s,)]+)\)", name)
    text = f"{net[1]}+safety-net:share={net[2]},alpha={net[3]}" if net else name
    try:
        return text if parse(text).name == name else None
    except Misuse:
        return None


def _split(named: tuple[str, int]) -> str:
    """The split of a task, which is the last word of its name."""
    return named[0].rpartition(" ")[2]


def _default(how: Fields) -> Recipe:
    try:
        return recipe(how.text("tune"))
    except Misuse:
        how.refuse("tune", "head, slow or all")


def _own_epochs(how: Fields) -> int | None:
    """The passes of a recipe, if they are not the default's."""
    epochs, default = how.whole("epochs", 1), _default(how)
    same = (epochs, how.value.get("min_steps")) == (default.epochs, default.min_steps)
    return None if same else epochs


def _option(name: str, value: Any, *, unless: Any = None) -> list[str]:
    if value is None or value == unless:
        return []
    return [f"{name.replace('_', '-')} {shlex.quote(str(value))}"]


def _flat(value: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """The leaves of a JSON object, each with its path."""
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{key}.")
        elif item is not None:
            yield f"{prefix}{key}", item if isinstance(item, str) else json.dumps(item)
