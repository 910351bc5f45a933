"""Options that say which task a payload is, and in which version: keys of its metadata."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date as Date  # noqa: N812
from typing import Annotated, Any

import typer

from ...errors import Misuse
from ...publishing.names import Version, check_name
from .group import OptionGroup


@dataclass(frozen=True, kw_only=True)
class AboutOptions(OptionGroup):
    """Name, version and licence of a task that lives on."""

    panel = "Publishing"

    name: Annotated[
        str | None,
        typer.Option("--name", metavar="NAME", help="The task's name, the same in all versions."),
    ] = None
    version: Annotated[
        str | None,
        typer.Option("--version", metavar="N", help="The task's version, such as 2 or 1.10."),
    ] = None
    supersedes: Annotated[
        str | None,
        typer.Option("--supersedes", metavar="N", help="The version that this one replaces."),
    ] = None
    date: Annotated[
        str | None, typer.Option("--date", metavar="YYYY-MM-DD", help="When it was made.")
    ] = None
    licence: Annotated[
        str | None,
        typer.Option(
            "--licence", metavar="SPDX|URL", help="The licence of class names and labels."
        ),
    ] = None

    def metadata(self) -> dict[str, Any]:
        """Return the keys that were given, to be merged into a payload's metadata.

        Raises:
            Misuse: if a value is none of its kind, or a version does not come after the one that
                it supersedes.
        """
        given = {
            "name": self.name,
            "version": self.version,
            "supersedes": self.supersedes,
            "date": self.date,
            "licence": self.licence,
        }
        found = {key: value for key, value in given.items() if value is not None}
        try:
            if self.name is not None:
                check_name(self.name)
            versions = [
                Version.of(each) for each in (self.supersedes, self.version) if each is not None
            ]
            if self.date is not None and Date.fromisoformat(self.date).isoformat() != self.date:
                raise ValueError(f"{self.date!r} is no date such as 2025-03-01")
        except ValueError as exc:
            raise Misuse(f"{exc}.") from exc
        if len(versions) == 2 and not versions[0] < versions[1]:
            raise Misuse(
                f"Version {self.version} does not come after {self.supersedes}, which it is to "
                "supersede."
            )
        return found
