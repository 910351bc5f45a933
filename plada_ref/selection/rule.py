"""A selection says which images are kept: a ranking, and perhaps a Safety-Net over it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ..errors import Misuse
from .rankings.registry import RANKINGS

AUTO = "auto"
"""Spelled in place of a selection: the automatic one."""

RULE = "rule"
"""Spelled in place of a selection: images are kept by a rule over the pool's codes."""

FitTo = Literal["target", "pool", "both"]
"""What a rule is fitted to: the task's own images, the teacher's labels of the pool, or both."""


@dataclass(frozen=True, kw_only=True)
class SafetyNet:
    """A share of the budget that is given to classes by quota (paper, section 4.3).

    Attributes:
        share: s, the part of the kept images that the quotas govern, 0 to 1.
        alpha: quotas are proportional to N_c ** alpha, where N_c counts the class's pseudo-labels
            in the whole pool: 1 is proportional, 0 is equal, below 0 favours rare classes.
    """

    share: float = 0.5
    alpha: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise Misuse(f"The Safety-Net's share lies in 0 to 1, not {self.share}.")
        if not -8 <= self.alpha <= 8:
            raise Misuse(f"The Safety-Net's alpha lies in -8 to 8, not {self.alpha}.")

    def __str__(self) -> str:
        if self == SafetyNet():
            return "safety-net"
        return f"safety-net:alpha={spell(self.alpha)},share={spell(self.share)}"


@dataclass(frozen=True, kw_only=True)
class Selection:
    """A rule that says which images are kept.

    ``str`` gives its spelling, such as ``"low-energy+safety-net:alpha=-0.2,share=0.5"``, without
    the seed; `parse` reads it back.

    Attributes:
        ranking: what comes first, one of `RANKINGS`.
        safety_net: per-class quotas, or None.
        seed: decides the order of `random`, and which images of a large pool are compared.
    """

    ranking: str = "low-energy"
    safety_net: SafetyNet | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.ranking not in RANKINGS:
            raise Misuse(f"Unknown ranking {self.ranking!r}; choose one of {', '.join(RANKINGS)}.")

    def __str__(self) -> str:
        return self.ranking if self.safety_net is None else f"{self.ranking}+{self.safety_net}"


@dataclass(frozen=True, kw_only=True)
class RuleSelection:
    """Images are kept by a rule over the pool's codes, which is looked for (docs/rules.md).

    ``str`` gives its spelling, ``"rule"``.

    Attributes:
        seed: of images that are held out or drawn.
    """

    seed: int = 0

    def __str__(self) -> str:
        return RULE


Choice = Selection | RuleSelection | None
"""How images are chosen; None is the automatic selection."""


def choose(text: str, *, seed: int = 0) -> Choice:
    """Return the choice that is spelled `text`: ``auto``, ``rule``, or a selection as for `parse`.

    Raises:
        Misuse: for anything else.
    """
    if text == AUTO:
        return None
    return RuleSelection(seed=seed) if text == RULE else parse(text, seed=seed)


def chosen_fit(text: str) -> FitTo:
    """Return what `text` says that a rule is fitted to.

    Raises:
        Misuse: if there is no such thing.
    """
    known: tuple[FitTo, ...] = get_args(FitTo)
    for each in known:
        if each == text:
            return each
    raise Misuse(f"--fit is one of {', '.join(known)}; not {text!r}.")


def parse(text: str, *, seed: int = 0) -> Selection:
    """Return the selection that is spelled `text`.

    A spelling is a name of `RANKINGS`, alone or followed by a Safety-Net: ``random+safety-net``,
    ``low-energy+safety-net:alpha=0.5,share=0.5``. A setting that is not given has its default.
    ``safety-net`` alone means ``low-energy+safety-net``.

    Raises:
        Misuse: for anything else.
    """
    ranking, _, net = text.partition("+")
    if ranking.startswith("safety-net"):
        ranking, net = "low-energy", text
    word, _, settings = net.partition(":")
    if ranking not in RANKINGS or word not in ("", "safety-net") or ("+" in text and not word):
        raise Misuse(
            f"{text!r} is not a selection; write {AUTO}, {RULE}, {', '.join(RANKINGS)}, or one of "
            "the latter followed by +safety-net or +safety-net:alpha=0.5,share=0.5."
        )
    if not word:
        return Selection(ranking=ranking, seed=seed)
    values: dict[str, float] = {}
    for setting in filter(None, settings.split(",")):
        key, _, number = setting.partition("=")
        try:
            values[{"alpha": "alpha", "share": "share"}[key]] = float(number)
        except (KeyError, ValueError):
            raise Misuse(
                f"A Safety-Net has the settings alpha=NUMBER and share=NUMBER, not {setting!r}."
            ) from None
    return Selection(ranking=ranking, safety_net=SafetyNet(**values), seed=seed)


def spell(number: float) -> str:
    """Return the shortest decimal text that reads back as `number`: ``"1"`` rather than 1.0."""
    short = f"{number:g}"
    return short if float(short) == number else repr(float(number))
