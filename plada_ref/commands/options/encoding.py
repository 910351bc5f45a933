"""Options that say how a payload is encoded, and what goes into it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from pladafmt import Payload, PoolRef, dumps, json_text
from pladafmt.files import read_at_most
from pladafmt.writer import Encoding

from ...errors import Misuse
from .group import OptionGroup

UnnamedOption = Annotated[
    bool, typer.Option("--unnamed", help="Leave the class names out; they cost bytes.")
]


MetadataOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="A JSON file with an object whose members go into the payload's metadata; they win "
        "over those that are written by default.",
    ),
]
NoMetadataOption = Annotated[
    bool,
    typer.Option(
        "--no-metadata",
        help="Do not say in the metadata which program, teacher and selection made the payload, "
        "and how to train on it, in some 120 bytes. Those of --metadata stay.",
    ),
]

_MOST_METADATA = 16 << 20
"""Bytes of the file that ``--metadata`` names; spaces in it do not count in the payload."""


@dataclass(frozen=True, kw_only=True)
class EncodingOptions(OptionGroup):
    """How positions and labels are encoded."""

    panel = "Encoding"
    everyday = frozenset({"dense"})

    encoding: Annotated[
        str,
        typer.Option(help="Position encoding: auto (the smallest), bitmap, delta or rle."),
    ] = "auto"
    dense: Annotated[
        bool,
        typer.Option(
            "--dense",
            help="Also try the dense encoding: smaller, for readers that have that feature. Not "
            "the default, since others refuse the file, and without numba it is slow to read.",
        ),
    ] = False
    block_span: Annotated[
        int | None,
        typer.Option(help="Pool positions per block; one block if left out."),
    ] = None

    def positions(self) -> Encoding:
        """Return the position encoding.

        Raises:
            Misuse: if there is no such encoding.
        """
        known: tuple[Encoding, ...] = get_args(Encoding)
        chosen = next((each for each in known if each == self.encoding), None)
        if chosen is None:
            raise Misuse(f"--encoding takes one of {', '.join(known)}; not {self.encoding!r}.")
        return chosen


@dataclass(frozen=True, kw_only=True)
class ContentOptions(OptionGroup):
    """What goes into a new payload in addition to the kept images."""

    panel = "Content"
    everyday = frozenset({"unnamed"})

    unnamed: UnnamedOption = False
    metadata: MetadataOption = None
    no_metadata: NoMetadataOption = False

    def read_metadata(self) -> dict[str, Any] | None:
        """Return the metadata, None without ``--metadata``.

        Raises:
            Misuse, OSError: if the metadata cannot be read.
        """
        return None if self.metadata is None else read_metadata(self.metadata)


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the JSON object in the file at `path`, which ``--metadata`` names.

    Raises:
        Misuse: if the file does not hold a JSON object.
        PladaError: if no payload can hold it.
        OSError: if it cannot be read.
    """
    try:
        value = json_text.parse(read_at_most(path, _MOST_METADATA))
    except ValueError as error:
        raise Misuse(f"{path} is not a JSON file: {error}.") from error
    if not isinstance(value, dict):
        raise Misuse(f'{path} does not hold a JSON object, such as {{"licence": ...}}.')
    # What no payload can hold is said now, and not after the work.
    dumps(Payload(PoolRef(bytes(32), 0), 1, [], [], metadata=value))
    return value
