"""Options that say which images are kept, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Misuse
from .common import Seed
from .group import OptionGroup

if TYPE_CHECKING:
    from ...selection import Choice, Size


@dataclass(frozen=True, kw_only=True)
class SizeOptions(OptionGroup):
    """How many images are kept."""

    everyday = frozenset({"keep_rate", "count", "budget"})

    keep_rate: Annotated[
        float | None, typer.Option(help="Kept images / pool size: 0.01 keeps 1 %.")
    ] = None
    count: Annotated[int | None, typer.Option(help="Number of images to keep.")] = None
    budget: Annotated[
        str | None,
        typer.Option(
            help="Bytes of the whole .plada file, such as 800, 20KB or 1.5KiB: what fits is kept."
        ),
    ] = None

    def size(self) -> Size:
        """Return the number of images or bytes.

        Raises:
            Misuse: if none or several are given, or the bytes cannot be understood.
        """
        from ...selection import Size
        from ...selection.budget import parse_bytes

        return Size(
            keep_rate=self.keep_rate,
            count=self.count,
            budget=None if self.budget is None else parse_bytes(self.budget),
        )


@dataclass(frozen=True, kw_only=True)
class SelectionOptions(OptionGroup):
    """Which images are kept."""

    panel = "Selection"
    everyday = frozenset({"by", "safety_net"})

    by: Annotated[
        str,
        typer.Option(
            "--by",
            help="What is kept first: low-energy (the paper's rule), low-entropy, high-margin or "
            "high-probability, what the teacher is surest of; high-energy and so on, the opposite; "
            "consensus of the four; random. Comparing images (see --task): herding, "
            "herding-confident, gradient-matching, mixed (these two in turn), herding-logits, "
            "prototype, k-center. auto: whichever teaches best within --budget, a rule too where "
            "the pool has codes. rule: no list at all but a rule over the pool's codes, in a few "
            "hundred bytes.",
        ),
    ] = "low-energy"
    safety_net: Annotated[
        bool,
        typer.Option(
            "--safety-net", help="Reserve a share of the budget for per-class quotas (see --alpha)."
        ),
    ] = False
    alpha: Annotated[
        float,
        typer.Option(
            help="Safety-Net: quotas are proportional to N_c^alpha, N_c being the class's "
            "pseudo-labels in the pool: 1 proportional, 0 equal, below 0 favours rare classes."
        ),
    ] = 0.0
    share: Annotated[
        float, typer.Option(help="Safety-Net: the share of the kept images that quotas govern.")
    ] = 0.5
    students: Annotated[
        str | None,
        typer.Option(
            metavar="KINDS",
            help="With auto: what the clients train, of head (on a frozen backbone), finetune (a "
            "pre-trained network, all layers) and scratch, with commas between; by default all, "
            "and the choice is the payload that is least behind the best for any of them.",
        ),
    ] = None
    within: Annotated[
        float | None,
        typer.Option(metavar="SECONDS", help="With auto: begin no further trial after this time."),
    ] = None
    seed: Seed = 0

    def kinds(self) -> tuple[str, ...] | None:
        """Return the kinds of ``--students``, None without it.

        Raises:
            Misuse: if there is no such kind.
        """
        from ...selection.students import chosen_kinds

        return chosen_kinds(self.students)

    def selection(self, size: Size) -> Choice:
        """Return the selection, None for the automatic one.

        Args:
            size: how many images are kept.

        Raises:
            Misuse: for an unknown ranking, numbers out of range, or options that do not go
                together.
        """
        from ...selection import RANKINGS, RuleSelection, SafetyNet, Selection
        from ...selection.rule import AUTO, RULE

        if self.students is not None and self.by != AUTO:
            raise Misuse("--students says by whom --by auto chooses; leave it out.")
        if self.by == AUTO:
            if size.budget is None:
                raise Misuse("--by auto chooses within a number of bytes; give --budget.")
            if self.safety_net:
                raise Misuse("--by auto tries the Safety-Net by itself; leave --safety-net out.")
            return None
        if self.by == RULE:
            if self.safety_net or self.within is not None:
                raise Misuse("--safety-net and --within do not go with --by rule; leave them out.")
            return RuleSelection(seed=self.seed)
        if self.within is not None:
            raise Misuse("--within bounds the time of --by auto; leave it out.")
        if self.by not in RANKINGS:
            raise Misuse(
                f"--by takes one of {', '.join(RANKINGS)}, {AUTO} or {RULE}; not {self.by!r}."
            )
        net = SafetyNet(share=self.share, alpha=self.alpha) if self.safety_net else None
        return Selection(ranking=self.by, safety_net=net, seed=self.seed)
