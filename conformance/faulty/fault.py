"""A fault: a change of the text of the plain decoder or verifier, and the program that it makes."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType

from ..altered import module_of, text_of

Patch = tuple[str, str]
"""A piece of the program's text, which must occur exactly once, and its replacement."""

OMITTED = "pass"
"""What takes the place of a check that is left out."""


@dataclass(frozen=True)
class Fault:
    """A decoder or verifier that breaks one requirement.

    Attributes:
        name: its name on the command line.
        requirement: the requirement that it breaks.
        reason: how somebody comes to write it so.
        patches: changes of the program's text.
        role: reader, client or verifier.
        resources: whether it shows in time and memory alone, and not in what the decoder says.
    """

    name: str
    requirement: str
    reason: str
    patches: tuple[Patch, ...]
    role: str = "reader"
    resources: bool = False

    @property
    def program(self) -> str:
        """The module of this package's parent that is changed."""
        return "plain_verifier" if self.role == "verifier" else "plain_decoder"

    @property
    def text(self) -> str:
        """The program with the fault.

        Raises:
            ValueError: if the program is no longer the one that the patches were made for.
        """
        text = text_of(self.program)
        for old, new in self.patches:
            count = text.count(old)
            if count != 1:
                raise ValueError(
                    f"{self.name}: {old!r} should occur once in {self.program}.py, "
                    f"and occurs {count} times."
                )
            text = text.replace(old, new)
        return text

    def module(self) -> ModuleType:
        """Return the program with the fault as a module of its own."""
        return module_of(self.program, self.text, self.name)
