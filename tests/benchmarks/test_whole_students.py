"""The README's figure draws the numbers that the table of docs/results.md states."""

from __future__ import annotations

import re
from pathlib import Path

from PIL import Image

from benchmarks.accuracy.whole_students import STUDENTS, STYLES, draw, offers

PAGE = Path(__file__).parents[2] / "docs" / "results.md"


def test_rows_are_those_of_the_table() -> None:
    section = PAGE.read_text("utf-8").partition("## For networks that train whole")[2]
    lines = [line for line in section.partition("\n- ")[0].splitlines() if line.startswith("|")]
    cells = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines[2:]]
    rows = offers()
    assert len(cells) == len(rows) == 10
    for (payload, size, _, _, *accuracies), row in zip(cells, rows, strict=True):
        assert (payload, int(size.replace(",", ""))) == (row.payload, row.bytes)
        for kind, cell in zip(STUDENTS, accuracies, strict=True):
            mean, deviation = re.findall(r"[\d.]+", f"{cell} 0")[:2]
            assert (row.accuracy[kind], row.deviation[kind]) == (float(mean), float(deviation))


def test_every_payload_has_a_style_and_is_drawn(tmp_path: Path) -> None:
    assert {row.payload for row in offers()} == STYLES.keys()
    draw(offers(), tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width > 300 and len(image.convert("RGB").getcolors(1 << 20) or ()) > 10
