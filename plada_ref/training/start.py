"""Start from a student that is there: version 2 of a task from the student of version 1."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import nn

from pladafmt.text import for_terminal

from ..errors import Misuse
from ..models.checkpoint import Checkpoint
from ..models.spec import ModelSpec, classifier

_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Start:
    """A student to begin with: its backbone, and what its classifier knows of the same classes.

    Attributes:
        student: the student.
    """

    student: Checkpoint

    def spec(self, given: ModelSpec) -> ModelSpec:
        """Return what to train: the student's model, with the student's preparation.

        Raises:
            Misuse: if other weights, another model or another preparation is asked for.
        """
        student = self.student
        if given.weights is not None or given.pretrained:
            raise Misuse("--from gives the weights to start from; leave --weights or --pretrained.")
        if given.model != student.model:
            raise Misuse(f"The student of --from is a {student.model!r}, not a {given.model!r}.")
        prepared = student.preparation
        asked = {
            "--img-size": (given.img_size, prepared.img_size),
            "--via-size": (given.via_size, prepared.via_size),
            "--grey": (given.grey or None, prepared.grey),
        }
        for option, (wanted, has) in asked.items():
            if wanted is not None and wanted != has:
                raise Misuse(
                    f"The student of --from was trained with other images than {option} asks for "
                    f"({has}, not {wanted}); leave the option out."
                )
        # Its weights have been learned: freezing them is no accident.
        spec = replace(
            given,
            img_size=prepared.img_size,
            via_size=prepared.via_size,
            grey=prepared.grey,
            random_backbone=True,
        )
        if spec.preparation() != prepared:
            raise Misuse(
                "The student of --from shifts or scales the values of images in another way than "
                "this version of its model does; train without --from."
            )
        return spec

    def give(
        self,
        network: nn.Module,
        classes: tuple[str, ...] | int,
        say: Callable[[str], None],
        *,
        fitted: bool,
    ) -> None:
        """Copy the student's weights into a new network of the same model, and say which.

        Args:
            classes: what the network is to tell apart.
            fitted: the classifier is fitted anew whatever it starts from, so none is copied.
        """
        old, new = self.student.network, network
        layers = classifier(old), classifier(new)
        head = {name for name, module in new.named_modules() if module is layers[1] and module}
        state = {
            name: value
            for name, value in old.state_dict().items()
            if not any(name.startswith(f"{prefix}.") for prefix in head)
        }
        new.load_state_dict(state, strict=False)
        if fitted:
            say("from: the student's backbone; the classifier is fitted to the images of this task")
            return
        rows = self._rows(classes)
        if layers[0] is not None and layers[1] is not None:
            mine, theirs = torch.tensor([row for row, _ in rows]), [row for _, row in rows]
            with torch.no_grad():
                for name in ("weight", "bias"):
                    here, there = getattr(layers[1], name), getattr(layers[0], name)
                    if here is not None and there is not None and rows:
                        here[mine] = there[theirs]
        say(f"from: the student's backbone, and its classifier for {self._told(classes, rows)}")

    def _rows(self, classes: tuple[str, ...] | int) -> list[tuple[int, int]]:
        """Return the numbers of each class here and in the student, where both have it."""
        had = self.student.classes
        if isinstance(classes, int):  # Without names, only the whole list can be meant.
            return [(row, row) for row in range(classes)] if classes == had else []
        if isinstance(had, int):
            return []
        known = {name: row for row, name in enumerate(had)}
        return [(row, known[name]) for row, name in enumerate(classes) if name in known]

    def _told(self, classes: tuple[str, ...] | int, rows: list[tuple[int, int]]) -> str:
        count = classes if isinstance(classes, int) else len(classes)
        said = f"{len(rows):,} of the {count:,} classes"
        if not isinstance(classes, int):
            taken = {row for row, _ in rows}
            new = [name for row, name in enumerate(classes) if row not in taken]
            names = ", ".join(for_terminal(name) for name in new[:_SHOWN])
            more = ", ..." if len(new) > _SHOWN else ""
            said += f"; new: {names}{more}" if new else ""
        return said
