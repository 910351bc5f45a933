"""Follow a payload's recipe: what its producer advises, where the client says nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pladafmt import Payload
from pladafmt.text import for_terminal

from ..compute.progress import Progress, Silence
from ..models.limits import BATCH_PIXELS
from ..models.spec import ModelSpec, check_input, outline, places, rebuild
from .read_advice import read_advice
from .recipe import Recipe, Tune, recipe

MAX_SEEN = 1_000_000
"""Images that a recipe may have a student look at, over all steps, whatever the payload's size."""

MAX_TIMES = 10
"""And more than that, if it is at most so many times what the default recipe looks at."""

MAX_BATCH_PIXELS = 2 * BATCH_PIXELS
"""Pixels of a batch whose images or number are advised."""

_SIGHT = ("img_size", "via_size", "grey")
_TRAINING = ("epochs", "steps", "batch_size", "lr", "label_smoothing", "augment")

Origin = str
"""Where a setting is from: ``given``, ``payload``, ``default``, or ``fitted``, which is what the
payload says, made to fit the model."""


@dataclass(frozen=True)
class Advised:
    """What to train on a payload, and how.

    Attributes:
        model: the model, with how it sees images.
        recipe: how it is trained.
        origins: for each member of a payload's recipe, where its value is from.
    """

    model: ModelSpec
    recipe: Recipe
    origins: dict[str, Origin]

    def to_json(self) -> dict[str, Any]:
        """Each setting with its origin, as JSON values."""
        seen = self.model.preparation()
        values = {name: getattr(seen, name) for name in _SIGHT}
        values |= {name: getattr(self.recipe, name) for name in _TRAINING}
        values["tune"] = self.recipe.tune.value
        return {
            name: {"value": values[name], "from": origin} for name, origin in self.origins.items()
        }


def advised(
    payload: Payload,
    model: ModelSpec,
    *,
    progress: Progress | None = None,
    settled: bool = False,
    **given: Any,
) -> Advised:
    """Return what to train on a payload: what is given, else what it advises, else the defaults.

    The advice is a stranger's. It is followed within bounds (`plada_ref.training.read_advice`), for
    at most `MAX_SEEN` images looked at or `MAX_TIMES` what the default does; what does not fit the
    model is replaced. Every such case is warned of.

    Args:
        model: the client's; sizes that are not None, and ``grey`` if true, are given.
        progress: hears what is taken from the payload, and what is not.
        settled: the model's weights have learned to see images as it says, of whatever size.
        given: settings as for `plada_ref.recipe`, and ``grey``; None is not given.

    Raises:
        Misuse: if a given setting is out of range, or timm does not know the model.
    """
    following = _Following(payload, model, progress or Silence(), given, settled)
    return following.result()


class _Following:
    def __init__(
        self,
        payload: Payload,
        model: ModelSpec,
        progress: Progress,
        given: Mapping[str, Any],
        settled: bool,
    ) -> None:
        self.payload, self.model, self.progress = payload, model, progress
        seen = {"img_size": model.img_size, "via_size": model.via_size, "grey": model.grey or None}
        both = seen | {name: value for name, value in given.items() if value is not None}
        self.given = {name: value for name, value in both.items() if value is not None}
        self.advice, problems = read_advice(payload)
        if settled:
            self._without(*_SIGHT)
            self.given |= {"via_size": model.via_size, "grey": model.grey}
        self.said = self.advice
        for problem in problems:
            progress.warn(problem)

    def result(self) -> Advised:
        self._fit_sight()
        self._fit_tune()
        self._fit_work()
        advice = {
            name: value
            for name, value in vars(self.advice).items()
            if value is not None and name not in self.given
        }
        settings = advice | self.given
        model = self._seeing(settings)
        if "batch_size" not in self.given and ("img_size" in advice or "batch_size" in advice):
            size = model.preparation().img_size
            usual = settings.get("batch_size", recipe(Tune.HEAD).batch_size)
            fitting = max(1, MAX_BATCH_PIXELS // size**2)
            if fitting < usual:
                self.progress.warn(
                    f"Batches of {fitting} images in place of {usual}: they are of {size} px "
                    "(--batch-size says otherwise)."
                )
                settings["batch_size"] = advice["batch_size"] = fitting
        trained = {name: value for name, value in settings.items() if name not in _SIGHT}
        how = recipe(trained.pop("tune", Tune.HEAD), **trained)
        taken = {name for name, value in advice.items() if value == getattr(self.said, name)}
        self._tell({name: advice[name] for name in advice if name in taken})
        origins = dict.fromkeys((*_SIGHT, "tune", *_TRAINING), "default")
        origins |= dict.fromkeys(advice, "fitted") | dict.fromkeys(taken, "payload")
        origins |= {name: "given" for name in self.given if name in origins}
        return Advised(model, how, origins)

    def _seeing(self, settings: Mapping[str, Any]) -> ModelSpec:
        return replace(
            self.model,
            img_size=settings.get("img_size"),
            via_size=settings.get("via_size"),
            grey=bool(settings.get("grey")),
        )

    def _fit_sight(self) -> None:
        """Take the model's own size where it cannot use the advised one."""
        usual = replace(self.model, img_size=None).preparation()
        if usual.channels == 1:
            self._without("grey")  # It sees nothing else.
        size, own = self.advice.img_size, usual.img_size
        if size == own:
            self._without("img_size")  # As without advice.
        if size is None or "img_size" in self.given or size == own:
            return
        why = self._useless(size)
        if why is None:
            return
        # As much as the teacher sees, at the size that the model is made for.
        via = self.advice.via_size or (size if size < own else None)
        self._without("img_size", via_size=via)
        through = "" if via is None or "via_size" in self.given else f" through {via} px"
        self.progress.warn(
            f"The payload's producer used {size} px, {why}; it gets its own {own} px{through} "
            "(--img-size says otherwise)."
        )

    def _useless(self, size: int) -> str | None:
        """Why the model can make nothing of images of a size, as a clause; None if it can."""
        model, name = self.model.model, for_terminal(self.model.model)
        preparation = replace(self.model, img_size=size).preparation()
        # Shapes alone tell it at next to no cost, but of some models.
        for make in (outline, rebuild):
            try:
                network = make(model, 2, size)
                device = next(network.parameters()).device
                check_input(network, model, preparation, device)
                break
            except Exception:  # Networks raise all kinds.
                continue
        else:
            return f"which {name!r} cannot take"
        # The teacher's own model is taught as the teacher was.
        if model == (self.payload.metadata or {}).get("teacher"):
            return None
        if places(network, preparation) == 1:
            return f"of which {name!r} would see a single spot"
        return None

    def _fit_tune(self) -> None:
        """Drop the settings of a tune that is not used, and a tune that random weights forbid."""
        tune = self.advice.tune
        if tune is None:
            return
        chosen = self.given.get("tune")
        if chosen is not None:
            if chosen != tune and self._advises(*_TRAINING):
                self.progress.warn(
                    f"The payload's other settings are for --tune {tune}, and are not taken."
                )
            if chosen != tune:
                self._without(*_TRAINING)
        elif tune != Tune.ALL and self.model.is_random and not self.model.random_backbone:
            self.progress.warn(
                f"The payload's producer used --tune {tune}, which takes a backbone that has "
                "learned something. The weights of this one are random, so all of it is trained "
                "with the defaults of --tune all; give it --weights or --pretrained."
            )
            self._without(*_TRAINING, tune=Tune.ALL.value)

    def _fit_work(self) -> None:
        """Drop passes or steps that somebody else gives, or that are too many."""
        advice = self.advice
        if "epochs" in self.given or "steps" in self.given:
            self._without("epochs", "steps")
            return
        if advice.epochs is None and advice.steps is None:
            return
        tune = self.given.get("tune") or advice.tune or Tune.HEAD
        if tune not in list(Tune):
            return  # `recipe` refuses what is given.
        usual, images = recipe(tune), max(1, len(self.payload.positions))
        batch = advice.batch_size or usual.batch_size
        steps = advice.steps or (advice.epochs or 0) * -(-images // batch)
        most = max(MAX_SEEN, MAX_TIMES * usual.epochs * images)
        if steps * batch <= most:
            return
        asked = {"--epochs": advice.epochs, "--steps": advice.steps}
        flags = " ".join(f"{flag} {value}" for flag, value in asked.items() if value is not None)
        self._without("epochs", "steps")
        self.progress.warn(
            f"The payload's recipe has a student look at {steps * batch:,} images, more than "
            f"{most:,}, and the default is taken; {flags} insists."
        )

    def _without(self, *names: str, **instead: Any) -> None:
        self.advice = replace(self.advice, **dict.fromkeys(names), **instead)

    def _advises(self, *names: str) -> bool:
        return any(getattr(self.advice, name) is not None for name in names)

    def _tell(self, advice: Mapping[str, Any]) -> None:
        """Say what is taken from the payload, and where something else was given."""
        if advice:
            flags = ", ".join(map(_flag, advice))
            verb = "says" if len(advice) == 1 else "say"
            what = ", ".join(_said(advice))
            self.progress.say(f"from the payload: {what} ({flags} {verb} otherwise)")
        used = {name: str(value) for name, value in vars(self.said).items() if value is not None}
        if self.said.steps is not None:
            used["epochs"] = f"{self.said.steps} steps"
        elif self.said.epochs is not None:
            used["steps"] = f"{self.said.epochs} epochs"
        for name, value in self.given.items():
            if name in used and used[name] != str(value):
                shown = "" if name == "grey" else f" {value}"
                what = "grey levels" if name == "grey" else used[name]
                self.progress.say(f"{_flag(name)}{shown} given; the payload's producer used {what}")


def _flag(name: str) -> str:
    return "--no-grey" if name == "grey" else f"--{name.replace('_', '-')}"


def _said(advice: Mapping[str, Any]) -> Iterator[str]:
    """Settings in words, as they are said together."""
    if "img_size" in advice:
        through = f" through {advice['via_size']} px" if "via_size" in advice else ""
        yield f"{advice['img_size']} px{through}"
    elif "via_size" in advice:
        yield f"images through {advice['via_size']} px"
    if advice.get("grey"):
        yield "grey levels alone"
    words = {
        "tune": "--tune {}",
        "epochs": "{} epochs",
        "steps": "{:,} steps",
        "batch_size": "batches of {}",
        "lr": "a learning rate of {:g}",
        "label_smoothing": "label smoothing {:g}",
        "augment": "augmentation {}",
    }
    for name, phrase in words.items():
        if name in advice:
            yield phrase.format(advice[name])
