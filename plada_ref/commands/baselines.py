"""``plada baselines``: what else a server could send, at its true size."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from ..errors import Misuse
from ..output import Output
from .exit_codes import command, resumes
from .options.address import readable
from .options.common import AsJson
from .options.compute import ComputeOptions, prepare
from .options.group import OptionGroup
from .options.out import a_folder
from .options.pool import OptionalPoolOptions
from .options.task import SplitTaskOptions
from .options.training import ShortTrainingOptions

if TYPE_CHECKING:
    from ..baselines import Baseline
    from ..baselines.experiment import LabelledPool
    from ..baselines.study import Request

_IMAGES = (100, 500)
"""As in the paper."""


@dataclass(frozen=True, kw_only=True)
class LabelledPoolOptions(OptionalPoolOptions):
    """A pool with a teacher's labels, or none."""

    everyday = frozenset({"scores"})

    scores: Annotated[
        Path | None,
        typer.Option(
            metavar="SCORES",
            help="A score table by plada label, for random and whole-pool; with the pool's "
            "--manifest.",
        ),
    ] = None

    def labelled(self) -> LabelledPool | None:
        """Return the pool and its labels, None if no option names them.

        Raises:
            Misuse: if some of the options are missing.
            PipelineError, Misuse: if something cannot be opened.
        """
        from ..baselines.experiment import LabelledPool
        from ..images import check_early
        from ..labelling.scores import ScoreTable

        if self.scores is None and not self.given:
            return None
        if self.scores is None or not self.given:
            raise Misuse("Give --scores, --manifest and --pool together, or none of them.")
        labelled = LabelledPool(ScoreTable.read(self.scores), self.open())
        check_early(labelled.pool)
        return labelled


@dataclass(frozen=True, kw_only=True)
class RequestOptions(OptionGroup):
    """Which baselines to compute, and at which sizes."""

    baseline: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="int8-head, int4-head, int2-head, images-random, images-k-center, random, "
            "whole-pool, full-target or int8-student. May be repeated. Default: all that the other "
            "options allow.",
        ),
    ] = None
    budget: Annotated[
        list[str] | None,
        typer.Option(
            metavar="BYTES",
            help="Such as 800, 20KB or 1.5KiB: send as many training images, or random images of "
            "the pool, as fit. May be repeated.",
        ),
    ] = None
    images: Annotated[
        list[int] | None,
        typer.Option(
            metavar="K",
            help="Send this many training images. May be repeated. Default without --budget: 100 "
            "and 500.",
        ),
    ] = None
    student: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The trained model that int8-student sends; by default one is trained on all "
            "training images.",
            parser=readable(),
        ),
    ] = None

    def budgets(self) -> tuple[int, ...]:
        """Return the numbers of bytes of ``--budget``.

        Raises:
            Misuse: if one cannot be understood.
        """
        from ..selection.budget import parse_bytes

        return tuple(parse_bytes(text) for text in self.budget or [])

    def request(self, target_size: int, *, labelled: bool) -> Request:
        """Return the baselines, all that are possible by default.

        Args:
            target_size: number of training images.
            labelled: whether there is a labelled pool.

        Raises:
            PipelineError: if the student of ``--student`` cannot be read.
        """
        from ..baselines.study import Request, allowed
        from ..models.checkpoint import Checkpoint

        budgets = self.budgets()
        counts = tuple(self.images or ())
        if not counts and not budgets:
            counts = tuple(count for count in _IMAGES if count <= target_size)
        return Request(
            keys=tuple(self.baseline or allowed(labelled, budgets, counts)),
            budgets=budgets,
            images=counts,
            student=None if self.student is None else Checkpoint.read(self.student),
        )


@command
@resumes
def baselines(
    *,
    task: SplitTaskOptions,
    training: ShortTrainingOptions,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "-o",
            help="Folder for baselines.json; that of a plada transfer will do.",
            callback=a_folder,
        ),
    ],
    requested: RequestOptions,
    labelled: LabelledPoolOptions,
    machine: ComputeOptions,
    as_json: AsJson = False,
) -> None:
    """Measure what a client reaches with something other than a payload, and what that costs.

    Every row gives bytes that were really encoded, and the test accuracy of the same student
    trained on, or made of, what was decoded from them. docs/baselines.md says what is counted.
    Called again with the same folder and settings, it computes only what is missing.

    Example: `plada baselines --task cifar10 --model tf_efficientnet_lite0 --weights
    lite0.safetensors --img-size 96 --via-size 32 --budget 2KB --budget 8KB -o run`
    """
    prepare("plada baselines")
    from ..baselines.experiment import Experiment
    from ..baselines.study import compute

    output = Output(as_json=as_json)
    started = time.monotonic()
    requested.budgets()  # A mistyped one should not cost the time to load a pool.
    pool = labelled.labelled()
    target = task.load(task.split, output)
    tested = task.load(task.test_split, output)
    request = requested.request(len(target), labelled=pool is not None)
    experiment = Experiment(
        spec=training.spec(),
        how=training.recipe(),
        target=target,
        test=tested,
        labelled=pool,
        folder=out,
        compute=machine.compute(output, batch_size=training.batch_size),
    )
    rows = compute(experiment, request)
    _show(output, rows)
    output.result(
        {
            "rows": [row.to_json() for row in rows],
            "skipped": dict(target.skipped),
            "test_skipped": dict(tested.skipped),
            "out": str(out),
            "seconds": round(time.monotonic() - started, 1),
        }
    )


def _show(output: Output, rows: list[Baseline]) -> None:
    table = Table(title="Baselines", title_justify="left")
    table.add_column("baseline")
    for heading in ("bytes", "accuracy", "images", "seconds"):
        table.add_column(heading, justify="right")
    for row in rows:
        sent: Any = row.details.get("images", "")
        table.add_row(
            Text(row.name),
            f"{row.bytes:,}",
            f"{100 * row.accuracy:.2f} %",
            f"{sent:,}" if isinstance(sent, int) else "",
            "" if row.seconds is None else f"{row.seconds:.1f}",
        )
    output.show(table)
