"""The option that says which images are held out, to measure a model on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ...output import Output

if TYPE_CHECKING:
    from ...training.held_out import HeldOut
    from ...training.recipe import Recipe

ValFractionOption = Annotated[
    float | None,
    typer.Option(
        "--val-fraction",
        min=0,
        max=0.9,
        rich_help_panel="Training",
        help="Hold out this part of every class, chosen by hash, and report the accuracy on it; 0: "
        "nothing. Default: a tenth. With --tune head a second head is measured then, and what is "
        "written learns from all images.",
    ),
]


def part_held_out(given: float | None, recipe: Recipe) -> float:
    """Return which part of the images the model itself must not see."""
    from ...training.held_out import FRACTION
    from ...training.recipe import Tune

    if given is None:
        return 0.0 if recipe.tune is Tune.HEAD else FRACTION
    return given


class Heard:
    """Hears what was measured on held-out images, and tells it."""

    def __init__(self) -> None:
        self._found: HeldOut | None = None

    def __call__(self, found: HeldOut | None) -> None:
        """Hear it; None if too few images are there to hold some out."""
        self._found = found

    def tell(self, output: Output, given: float | None, images: str) -> None:
        """Say the accuracy on held-out images, or why there is none.

        Args:
            given: what ``--val-fraction`` says.
            images: what they are.
        """
        said = "there are too few to hold some out"
        if self._found is not None:
            said = str(self._found)
        elif given == 0:
            said = "not measured (--val-fraction 0)"
        output.say(f"accuracy on held-out {images}: {said}")

    def facts(self) -> dict[str, Any]:
        """Return the same as members of the command's object."""
        found = self._found
        return {
            "validation_images": None if found is None else found.images,
            "validation_accuracy": None if found is None else found.accuracy,
        }
