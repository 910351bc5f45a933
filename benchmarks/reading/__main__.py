"""What does reading take at each of the default limits? Ours, and the clients in C and JavaScript.

    python -m benchmarks.reading
    python -m benchmarks.reading --only "dense" --json
    python -m benchmarks.reading --quick

Seconds are those of the processor, memory is the peak resident set by the operating system's
account, libraries and interpreter included; the JSON line has wall time as well. Programs count
with their start. A reader that cannot be run here is left out, and the reason printed.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from ..scale import child, machine
from . import files, readers
from .readers import LeftOut, Taken

Reader = Callable[[Path], Taken]
QUICK_SHARE = 1 / 256


def _readers(work: Path, notes: dict[str, str]) -> dict[str, Reader]:
    """Return the readers that can be run here; why others cannot goes into `notes`."""
    found: dict[str, Reader] = {
        "ours, numba": partial(readers.ours, numba=True),
        "ours, plain": partial(readers.ours, numba=False),
    }
    programs: dict[str, Callable[[], list[str]]] = {
        "C": partial(readers.build_c, work),
        "JavaScript": readers.find_javascript,
    }
    for name, find in programs.items():
        try:
            found[name] = partial(readers.by_program, find())
        except LeftOut as reason:
            notes[name] = str(reason)
    return found


def measure(work: Path, *, share: float, only: str, skip: Sequence[str]) -> dict[str, Any]:
    """Return what each reader takes for each file, and why others were left out."""
    notes: dict[str, str] = {}
    found = _readers(work, notes)
    rows: dict[str, Any] = {}
    for name in files.FILES:
        if only not in name:
            continue
        path = work / "file.plada"
        # Made in a child: what this process holds counts in the peaks of the programs it starts.
        size = child.run(files.make, name=name, share=share, path=str(path)).value
        row: dict[str, Any] = {"bytes": size}
        for reader, read in found.items():
            if reader in skip:
                continue
            try:
                row[reader] = asdict(read(path))
            except LeftOut as reason:
                notes[f"{reader}, {name}"] = str(reason)
        rows[name] = row
        print(_line(name, row, list(found)), flush=True)
    return {"benchmark": "reading", "share": share, "files": rows, "left_out": notes}


def _line(name: str, row: dict[str, Any], names: Sequence[str]) -> str:
    """Return a row of the table, in Markdown."""
    cells = [name, f"{row['bytes'] / 1e6:,.2f} MB"]
    for reader in names:
        taken = row.get(reader)
        cells.append(
            f"{taken['processor']:,.2f} s, {taken['peak'] / 1e6:,.0f} MB" if taken else "left out"
        )
    return f"| {' | '.join(cells)} |"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reading", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--quick", action="store_true", help="files of 1/256 of the limits")
    parser.add_argument("--only", default="", help="files whose name holds this text")
    parser.add_argument("--skip", nargs="*", default=(), help="names of readers")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)
    before = machine.facts()
    with tempfile.TemporaryDirectory(prefix="plada-reading-") as work:
        result = measure(
            Path(work),
            share=QUICK_SHARE if options.quick else 1,
            only=options.only,
            skip=options.skip,
        )
    for name, reason in result["left_out"].items():
        print(f"{name}: left out, {reason}")
    if options.json:
        print(json.dumps({**result, "machine": before}))


if __name__ == "__main__":
    main()
