"""How many bytes our own files take, and which part takes how many."""

from __future__ import annotations

from dataclasses import dataclass

from pladafmt import Limits, Payload, PoolRef, dumps, validate

from .scored_pool import Kept


@dataclass(frozen=True)
class File:
    """The size of a `.plada` file.

    Attributes:
        size: bytes in the file.
        streams: bytes of its position and label streams, which is what rivals are counted by.
        parts: bytes by owner, such as ``"BLOCK labels"``; they add up to the size.
    """

    size: int
    streams: int
    parts: dict[str, int]


def measure(kept: Kept, *, dense: bool) -> File:
    """Write the kept images as a `.plada` file with unnamed classes and without metadata.

    The file is read back and compared, so that only bytes that do their work are counted.
    """
    payload = Payload(
        PoolRef(id=bytes(32), size=kept.pool_size), kept.classes, kept.positions, kept.labels
    )
    data = dumps(payload, dense=dense)
    report = validate(data, limits=Limits())
    if report.payload != payload:
        raise AssertionError(f"A file did not come back as it was written: {report.problem}")
    parts = report.bytes_per_part
    streams = parts.get("BLOCK positions", 0) + parts.get("BLOCK labels", 0)
    return File(len(data), streams, parts)


DENSE = "plada, dense"
FORMS = {"plada": False, DENSE: True}
"""What a row is called, and whether the file may use the required feature `dense`."""
