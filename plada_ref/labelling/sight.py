"""What a score table says of its teacher: the model, and how it sees images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..training.advice import Advice
from .facts import Facts

if TYPE_CHECKING:
    from ..models.checkpoint import Checkpoint

_MODEL, _SIZES = "teacher_model", "teacher_sees"


@dataclass(frozen=True)
class Sight:
    """A model's name, and how it sees images.

    Attributes:
        model: its name.
        img_size: height and width of its input, in pixels.
        via_size: see `plada_ref.models.preparation.Preparation`.
        grey: whether it sees grey levels alone.
    """

    model: str
    img_size: int
    via_size: int | None = None
    grey: bool = False

    @classmethod
    def of(cls, model: Checkpoint) -> Sight:
        """That of a trained model."""
        seen = model.preparation
        grey = seen.grey or seen.channels == 1
        return cls(model.model, seen.img_size, seen.via_size, grey)

    def advice(self) -> Advice:
        """What this advises students: to see images alike."""
        return Advice(img_size=self.img_size, via_size=self.via_size, grey=self.grey)

    def to_json(self) -> dict[str, Any]:
        """The facts of a table's file."""
        return {_MODEL: self.model, _SIZES: self.advice().to_json()}

    @classmethod
    def read(cls, facts: Facts) -> Sight | None:
        """What `to_json` made; None in tables that do not say it.

        Raises:
            ValueError: if it is something else; the message is a clause.
        """
        if not facts.has(_MODEL):
            return None
        seen = facts.object(_SIZES)
        img_size: Any = seen.get("img_size")
        via_size: Any = seen.get("via_size")
        for size in (img_size, img_size if via_size is None else via_size):
            if type(size) is not int or size < 1:
                raise ValueError(f"the sizes in its {_SIZES} are no numbers of pixels")
        if not isinstance(seen.get("grey", False), bool):
            raise ValueError(f"grey in its {_SIZES} is neither true nor false")
        return cls(facts.text(_MODEL), img_size, via_size, seen.get("grey", False))
