"""A file cut at every boundary of its parts, and one byte before and after it."""

from __future__ import annotations

from ..build import Made, changed, draft, metadata_chunk
from ..vector import Case, invalid


def whole() -> Made:
    """Return the file that is cut: named classes, metadata, weights and two blocks."""
    made = draft(changed(scale=(8, 0, 32), codes=(1, 2, 3, 4, 5)), parts=(slice(0, 3), slice(3, 5)))
    made.chunks.append(metadata_chunk(b"{}"))
    return made.build()


def _register() -> None:
    file = whole()
    cuts: dict[int, str] = {}
    for part, (_, end) in file.ranges.items():
        for cut, where in ((end - 1, "a byte before"), (end, "at"), (end + 1, "a byte after")):
            if 0 < cut < len(file.data):
                cuts.setdefault(cut, f"The file is cut {where} the end of {part}.")
    for cut, sentence in sorted(cuts.items()):

        def make(cut: int = cut) -> Case:
            return Case(file.data[:cut], (cut, cut))

        make.__name__ = f"cut_at_{cut:03d}"
        make.__doc__ = sentence
        invalid("truncated", "PLADA-CON-008", area="truncation", twin=False)(make)


_register()
