"""``plada transfer``: from a task and a pool to trained students, in one command."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pladafmt.text import for_terminal

from ..errors import Misuse
from ..optional import need
from ..output import Output
from .exit_codes import command, resumes
from .options.address import readable
from .options.common import AsJson
from .options.compute import ComputeOptions, prepare
from .options.encoding import MetadataOption, NoMetadataOption, UnnamedOption, read_metadata
from .options.group import OptionGroup
from .options.out import a_folder
from .options.pool import PoolOptions
from .options.rule import RULE_OPTIONS, RuleOptions
from .options.task import SplitTaskOptions
from .options.training import ShortTrainingOptions

if TYPE_CHECKING:
    from ..compute.context import Compute
    from ..models.spec import ModelSpec
    from ..pool import DiskPool
    from ..runs.plan import Plan
    from ..runs.transfer import Outcome
    from ..selection import Choice
    from ..selection.rules.source import RuleSource
    from ..training.recipe import Recipe

_SELECTIONS = ["low-energy", "safety-net", "random"]


@dataclass(frozen=True, kw_only=True)
class PairTrainingOptions(ShortTrainingOptions):
    """How the teacher is trained, and where the students differ."""

    panel = "Students"

    student_model: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The student's model; the teacher's by default."),
    ] = None
    student_weights: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The student's weights; with another model only.",
            parser=readable(),
        ),
    ] = None
    student_tune: Annotated[
        str | None, typer.Option(help="The student's --tune; the teacher's by default.")
    ] = None
    student_epochs: Annotated[
        int | None, typer.Option(help="The student's --epochs; the teacher's by default.")
    ] = None

    def student_spec(self) -> ModelSpec:
        """Return the students' model."""
        if self.student_model is None:
            return self.spec()
        return self.spec_of(self.student_model, self.student_weights)

    def student_recipe(self) -> Recipe:
        """Return the recipe of the students.

        Raises:
            Misuse: if there is no such tune, or a setting is out of range.
        """
        return replace(
            self,
            tune=self.student_tune or self.tune,
            epochs=self.student_epochs or self.epochs,
        ).recipe()


@dataclass(frozen=True, kw_only=True)
class TrialOptions(OptionGroup):
    """Which payloads are made and compared."""

    panel = "Payloads"
    everyday = frozenset({"keep_rate", "budget", "select"})

    keep_rate: Annotated[
        list[float] | None,
        typer.Option(
            help="Kept images / pool size; 0.01 keeps 1 %. May be repeated. Default, without a "
            "--budget: 0.1 and 0.01."
        ),
    ] = None
    budget: Annotated[
        list[str] | None,
        typer.Option(
            help="Bytes of the whole .plada file, such as 800 or 2KB: what fits is kept. May be "
            "repeated."
        ),
    ] = None
    dense: Annotated[bool, typer.Option("--dense", help="Encode payloads densely.")] = False
    unnamed: UnnamedOption = False
    metadata: MetadataOption = None
    no_metadata: NoMetadataOption = False
    select: Annotated[
        list[str] | None,
        typer.Option(
            "--select",
            metavar="SELECTION",
            help="A ranking as for plada prune --by, safety-net (low energy with half of the "
            "images in equal class quotas), RANKING+safety-net:alpha=A,share=S, rule: by a rule "
            "over the pool's codes, or auto: whichever teaches best within a --budget, a rule too "
            "where the pool has codes. May be repeated. Default: low-energy, safety-net and "
            "random, and auto with a --budget.",
        ),
    ] = None
    students: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="Kinds of students by which auto chooses, as for plada prune; by default that of "
            "this transfer's own.",
        ),
    ] = None
    hard_labels: Annotated[
        bool,
        typer.Option(
            "--hard-labels",
            help="Students of a rule learn each image's class, not the rule's scores of all "
            "classes, as for plada train.",
        ),
    ] = False
    leakage: Annotated[
        bool,
        typer.Option(
            help="Look for the test images in the pool: a student may have learned from them."
        ),
    ] = True

    def selections(self, *, seed: int) -> tuple[Choice, ...]:
        """Return the selections to compare; None is the automatic one.

        Raises:
            Misuse: if one cannot be understood.
        """
        from ..selection import choose
        from ..selection.rule import AUTO

        asked = self.select or [*_SELECTIONS, *([AUTO] if self.budget else [])]
        return tuple(choose(text, seed=seed) for text in asked)

    def keep_rates(self) -> tuple[float, ...]:
        """Return the keep rates at which each selection is tried."""
        return tuple(self.keep_rate or (() if self.budget else (0.1, 0.01)))

    def budgets(self) -> tuple[int, ...]:
        """Return the numbers of bytes at which each selection is tried.

        Raises:
            Misuse: if one cannot be understood.
        """
        from ..selection.budget import parse_bytes

        return tuple(parse_bytes(text) for text in self.budget or ())


@command
@resumes
def transfer(
    *,
    task: SplitTaskOptions,
    local: PoolOptions,
    training: PairTrainingOptions,
    out: Annotated[
        Path,
        typer.Option("--out", "-o", help="Folder for everything it makes.", callback=a_folder),
    ],
    trials: TrialOptions,
    codes: RuleOptions,
    machine: ComputeOptions,
    as_json: AsJson = False,
) -> None:
    """Teach, label, and for each selection prune, encode, decode, train and evaluate.

    The pool is labelled once, for all selections. An interrupted transfer goes on where it stopped
    when it is called again with the same folder; more selections and keep rates can be added so.

    Codes that lie beside the manifest (plada pool codes) are found: with --select rule the payload
    holds a rule over them, fitted to the task (--fit: to something else), and auto tries one too.
    Students of a rule learn its scores of all classes, as soft labels, unless --hard-labels.

    Ends with a recommendation: the automatic choice where --select has auto, else the smallest
    payload that is about as good as the best.

    Example: `plada transfer --task cifar10 -m pool.parquet --pool 'shards/*.tar' --model
    tf_efficientnet_lite0 --weights lite0.safetensors --img-size 96 --via-size 32 -o run`
    """
    prepare("plada transfer")
    if trials.leakage:
        need("imagehash", extra="ref", for_="plada transfer --leakage")
    from ..runs.plan import Plan
    from ..runs.transfer import transfer as carry_out
    from ..selection.students import chosen_kinds

    output = Output(as_json=as_json)
    started = time.monotonic()
    plan = Plan(
        teacher=training.spec(),
        student=training.student_spec(),
        teach_recipe=training.recipe(),
        train_recipe=training.student_recipe(),
        selections=trials.selections(seed=training.seed),
        keep_rates=trials.keep_rates(),
        budgets=trials.budgets(),
        dense=trials.dense,
        named=not trials.unnamed,
        described=not trials.no_metadata,
        fit_to=codes.fit_to(),
        hard_labels=trials.hard_labels,
        metadata=None if trials.metadata is None else read_metadata(trials.metadata),
        leakage=trials.leakage,
        students=chosen_kinds(trials.students),
    )
    compute = machine.compute(output)
    pool = local.open()
    rules = _rules(plan, local.listed, pool, codes, compute)
    learned = task.load(task.split, output)
    tested = task.load(task.test_split, output)
    outcome = carry_out(
        plan,
        learned,
        tested,
        pool,
        out,
        compute=compute,
        rules=rules,
        max_unreadable=local.max_unreadable,
    )
    _show(output, outcome)
    output.say(outcome.recommended.reason)
    output.result(
        {
            "teacher_accuracy": _percent(outcome.teacher_accuracy),
            "pseudo_labels_per_class": outcome.pseudo_labels,
            "selections": [
                student.to_json()
                | {
                    "student_accuracy": _percent(student.accuracy),
                    "of_teacher": _of_teacher(student.accuracy, outcome),
                }
                for student in outcome.students
            ],
            "recommended": outcome.recommended.to_json(),
            "leakage": None if outcome.leakage is None else outcome.leakage.to_json(),
            "unreadable": outcome.unreadable,
            "skipped": dict(learned.skipped),
            "test_skipped": dict(tested.skipped),
            "stages": outcome.seconds,
            "out": str(out),
            "seconds": round(time.monotonic() - started, 1),
        }
    )


def _rules(
    plan: Plan, manifest: Path, pool: DiskPool, codes: RuleOptions, compute: Compute
) -> RuleSource | None:
    """Open what rules are made from, before hours of teaching; None if none is made."""
    from ..models.spec import ModelSpec
    from ..selection import RuleSelection

    def weights(model: str) -> ModelSpec:
        known = (one for one in (plan.student, plan.teacher) if one.model == model)
        return next(known, ModelSpec(model, pretrained=plan.teacher.pretrained))

    if any(isinstance(selection, RuleSelection) for selection in plan.selections):
        purpose = "plada transfer --select rule"
        return codes.source(purpose, manifest, pool.ref, weights, compute)
    if None in plan.selections:
        purpose = "--select auto, which tries a rule over the pool's codes,"
        return codes.source_if_there(purpose, manifest, pool.ref, weights, compute)
    if codes.given():
        raise Misuse(f"{RULE_OPTIONS} go with --select rule or --select auto.")
    return None


def _percent(value: float) -> float:
    return round(100 * value, 2)


def _of_teacher(accuracy: float, outcome: Outcome) -> float | None:
    """A student's accuracy in percent of the teacher's; None if the teacher is never right."""
    return _percent(accuracy / outcome.teacher_accuracy) if outcome.teacher_accuracy else None


def _show(output: Output, outcome: Outcome) -> None:
    table = Table(title="Students", title_justify="left")
    table.add_column("selection")
    for heading in ("keep rate", "kept", "payload bytes", "accuracy", "of the teacher's"):
        table.add_column(heading, justify="right")
    table.add_column("vanished classes")
    for student in outcome.students:
        of_teacher = _of_teacher(student.accuracy, outcome)
        table.add_row(
            Text(student.selection),
            f"{100 * student.keep_rate:g} %",
            f"{student.kept:,}",
            f"{student.payload_bytes:,}",
            f"{100 * student.accuracy:.2f} %",
            "" if of_teacher is None else f"{of_teacher:.1f} %",
            Text(for_terminal(", ".join(student.vanished))),
        )
    output.show(table)
