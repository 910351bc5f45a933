"""The outcome of salvage: the new file, and everything that is known of what was lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from ..payload import Payload
from .gather import LISTED, Refused

Names = Literal["kept", "none", "lost", "unknown"]

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Salvaged:
    """The outcome of `salvage`.

    Attributes:
        data: the new file.
        payload: what it means.
        content_id: its content id.
        blocks: blocks recovered.
        lost_images: images that HEAD promises and no whole block holds.
        same: whether the new file means what the damaged one meant, by the check in HEAD.
        names: class names: ``"kept"``; ``"none"``, the file never had any; ``"lost"``; or
            ``"unknown"``, there are none, and images are missing as well, so nothing tells whether
            there were any.
        lost_ranges: pool positions, half-open, among which the lost images lie: between recovered
            blocks where the file is damaged; between all of them if that cannot account for the
            loss, or if blocks are out of order.
        per_class: recovered images of each class, shape (C,).
        lost_per_class: lost images of each class, shape (C,), or None if that is not known.
        lost_per_class_from: ``"metadata"``: it is known exactly, from ``class_counts``;
            ``"estimate"``: from blocks whose CRC does not fit, so nothing vouches for it; or None,
            also when nothing was lost.
        unread: ranges of bytes, half-open, that no whole chunk holds; the first 100.
        unread_count: how many such ranges there are.
        unread_bytes: bytes in all of them.
        refused: whole chunks that were not taken; the first 100.
        refused_count: how many there are.
        dropped: whole ancillary chunks that may not be copied into another file, by name.
    """

    data: bytes = field(repr=False)
    payload: Payload
    content_id: bytes
    blocks: int
    lost_images: int
    same: bool
    names: Names
    lost_ranges: tuple[tuple[int, int], ...]
    per_class: Counts
    lost_per_class: Counts | None
    lost_per_class_from: Literal["metadata", "estimate"] | None
    unread: tuple[tuple[int, int], ...]
    unread_count: int
    unread_bytes: int
    refused: tuple[Refused, ...]
    refused_count: int
    dropped: tuple[str, ...]

    @property
    def images(self) -> int:
        """Images recovered."""
        return self.payload.kept

    def as_json(self) -> dict[str, Any]:
        """Return the report as a JSON object."""
        lost = self.lost_per_class
        return {
            "content_id": self.content_id.hex(),
            "same": self.same,
            "blocks": self.blocks,
            "images": self.images,
            "lost_images": self.lost_images,
            "lost_ranges": [list(each) for each in self.lost_ranges[:LISTED]],
            "lost_ranges_count": len(self.lost_ranges),
            "names": self.names,
            "class_names": list(self.payload.class_names),
            "per_class": self.per_class.tolist(),
            "lost_per_class": None if lost is None else lost.tolist(),
            "lost_per_class_from": self.lost_per_class_from,
            "unread": [list(each) for each in self.unread],
            "unread_count": self.unread_count,
            "unread_bytes": self.unread_bytes,
            "refused": [
                {
                    "name": each.name,
                    "offset": each.offset,
                    "code": each.code,
                    "problem": each.problem,
                }
                for each in self.refused
            ],
            "refused_count": self.refused_count,
            "dropped": list(self.dropped),
        }
