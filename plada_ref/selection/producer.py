"""The one way from a score table to payloads: by any selection, of any size."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from ..compute.progress import Progress, Silence
from ..errors import Misuse
from ..labelling.scores import ScoreTable
from .auto import AUTO, HELD_OUT, AutoSelector
from .comparison import Comparison
from .prune import PayloadOptions, Pruned, Pruner
from .rankings.registry import RANKINGS
from .rule import Selection, parse
from .size import Size


def prune(
    table: ScoreTable,
    selection: Selection | str = "low-energy",
    *,
    keep_rate: float | None = None,
    count: int | None = None,
    budget: int | None = None,
    comparison: Comparison | None = None,
    options: PayloadOptions | None = None,
) -> Pruned:
    """Return the payload that a selection makes of a score table, and what it did to each class.

    Args:
        table: the pool's scores.
        selection: a `Selection`, its spelling as `plada_ref.selection.parse` reads it, or ``auto``.
        keep_rate: kept images / pool size; exactly one of this, `count` and `budget` is given.
        count: number of kept images.
        budget: bytes of the whole file, of which as many images are kept as fit.
        comparison: the images, for rankings that compare them, and for ``auto``.
        options: class names, metadata, and whether a budget counts on the dense encoding.

    Raises:
        Misuse: for an unknown selection or a size out of range; if images are needed and there is
            no `comparison`; if a budget has no room for the empty file.
        PipelineError: if an image cannot be read or is not the one that the pool lists.
    """
    producer = Producer(table, comparison, options or PayloadOptions())
    chosen = parse(selection) if isinstance(selection, str) and selection != AUTO else selection
    size = Size(keep_rate=keep_rate, count=count, budget=budget)
    return producer.make(None if isinstance(chosen, str) else chosen, size)


@dataclass(frozen=True, eq=False)
class Producer:
    """Makes payloads from one score table.

    Attributes:
        table: the pool's scores.
        comparison: the images, for rankings that compare them and the automatic selection; None
            allows the other rankings only.
        options: of the payloads.
        seed: of held-out images and random candidates.
        progress: hears how far the work is.
    """

    table: ScoreTable
    comparison: Comparison | None = None
    options: PayloadOptions = field(default_factory=PayloadOptions)
    seed: int = 0
    progress: Progress = field(default_factory=Silence)

    def make(
        self, selection: Selection | None, size: Size, *, within: float | None = None
    ) -> Pruned:
        """Return the payload by `selection`, or by the automatic selection when None, of a size.

        Args:
            within: seconds after which the automatic selection begins no further trial.

        Raises:
            Misuse: if images are needed and there are none, if a budget has no room for the empty
                file, or if an automatic selection is not given a budget.
            PipelineError: if an image cannot be read or is not the one that the pool lists.
        """
        if selection is None:
            if size.budget is None:
                raise Misuse("The automatic selection needs a number of bytes; give --budget.")
            return self._selector.select(size.budget, progress=self.progress, within=within)
        pruner = self._comparing if RANKINGS[selection.ranking].compares else self._by_score
        pruner.ranked(selection)  # Before the search, which would count it as a size.
        if size.budget is None:
            return pruner.prune(selection, size)
        with self.progress.track("Trying sizes", None) as advance:
            return pruner.prune(selection, size, advance=advance)

    @cached_property
    def _by_score(self) -> Pruner:
        return Pruner(self.table, self.options)

    @cached_property
    def _comparing(self) -> Pruner:
        if self.comparison is None:
            return self._by_score  # It says which images a ranking lacks.
        return Pruner(self.table, self.options, self.comparison.features, self.comparison.target)

    @cached_property
    def _selector(self) -> AutoSelector:
        if self.comparison is None:
            raise Misuse(
                "The automatic selection compares pool images with images of the task: give "
                "--task, --manifest, --pool and --model."
            )
        from ..tasks.task import hold_out  # PIL: other selections do without.

        rest, held_out = hold_out(self.comparison.task, HELD_OUT, seed=self.seed)
        backbone = self.comparison.backbone
        features, target = self.comparison.features, backbone.target(rest)
        pruner = Pruner(self.table, self.options, features, target)
        return AutoSelector(pruner, backbone.target(held_out), self.seed)
