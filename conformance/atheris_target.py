"""A target for Atheris: pladafmt, guided by coverage, against the plain decoder.

Needs ``pip install 'pladafmt[fuzz]'``. Options and folders are libFuzzer's::

    python -m plada_conformance.atheris_target -max_total_time=3600 -max_len=1024 corpus

The first folder, `plada-corpus` if none is named, is where inputs go that reach something new; if
it is empty, the valid vectors go there first. The run stops at the first input on which pladafmt
raises anything but a `PladaError` or disagrees with the plain decoder, and leaves it in
a file ``crash-...``; to see it again::

    python -m plada_conformance.atheris_target crash-...

A third of the mutants have one of the changes of `plada_conformance.fuzz.mutate` instead of
libFuzzer's. Half of the others have their checksums made right, and half of all what HEAD says of
the rest: no search guided by coverage guesses a CRC.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

SLOW_IMAGES = 20_000
"""Images that a file may make the decoders decode."""

SLOW_WORK = 6000 * 2**18
"""Work of a rule that decoders may be asked for: some thousand weights."""


def _instrumented() -> Any:
    """Import pladafmt with its branches counted, and return atheris."""
    try:
        import atheris
    except ImportError:
        sys.exit("Atheris is not installed: pip install 'pladafmt[fuzz]'.")
    with atheris.instrument_imports(include=["pladafmt"]):
        import pladafmt.report  # noqa: F401
    return atheris


def _codes() -> list[bytes]:
    """Return the codes that most vectors with a rule are read with, and so is every input."""
    from .vectors_on_disk import vectors

    (rows,) = (vector.data["codes"] for vector in vectors() if vector.id == "rule_alone")
    return [bytes.fromhex(row) for row in rows]


def _mutator(atheris: Any) -> Callable[[bytes, int, int], bytes]:
    """Return libFuzzer's mutator with repairs behind it."""
    from .fuzz.mutate import change, repaired
    from .fuzz.sheet import take_apart

    codes = _codes()

    def mutate(data: bytes, max_size: int, seed: int) -> bytes:
        random = Random(seed)
        if random.random() < 1 / 3:
            sheet = take_apart(data, codes)
            change(random, sheet, sheet.copy())
        else:
            sheet = take_apart(bytes(atheris.Mutate(data, max_size)), codes)
        if random.random() < 0.5:
            sheet.unpin()
        return (repaired(sheet) if random.random() < 0.5 else sheet.build())[:max_size]

    return mutate


def _target() -> Callable[[bytes], None]:
    """Return the function that reads one input both ways."""
    from .decoders import LIBRARY, PLAIN, read_library, read_plain
    from .vector import LIMITS

    limits, codes = {**LIMITS, "kept": SLOW_IMAGES, "work": SLOW_WORK}, _codes()

    def read(data: bytes) -> None:
        library, plain = read_library(data, limits, codes), read_plain(data, limits, codes)
        if library != plain:
            raise AssertionError(f"{LIBRARY}: {library}; {PLAIN}: {plain}")

    return read


def _fill(folder: Path) -> None:
    """Write the valid vectors into a folder."""
    from .vectors_on_disk import vectors

    folder.mkdir(parents=True, exist_ok=True)
    for vector in vectors():
        if vector.path.parts[-3] == "valid" and vector.file is not None:
            (folder / vector.file.name).write_bytes(vector.file.read_bytes())


def main(arguments: list[str] | None = None) -> None:
    """Fuzz until something is found, or as long as the options say."""
    given = sys.argv[1:] if arguments is None else arguments
    atheris = _instrumented()
    places = [Path(each) for each in given if not each.startswith("-")]
    if not places:
        places = [Path("plada-corpus")]
        given = [*given, str(places[0])]
    if not places[0].is_file() and not (places[0].exists() and any(places[0].iterdir())):
        _fill(places[0])
    atheris.Setup([sys.argv[0], *given], _target(), custom_mutator=_mutator(atheris))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
