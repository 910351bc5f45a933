"""Salvage: from a damaged file a valid one with every block that is whole, and what was lost.

How often bytes are read, whatever the file holds: once for the CRCs of all ranges, at most once to
find HEAD, once to find the other chunks, and those of each block, class map and metadata once more
to decode them. Memory grows with the file, its table of CRCs being as large, and with what the
limits allow to decode.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from .. import content, layout, writer
from ..errors import Corrupt, PladaError
from ..limits import Limits
from ..payload import Payload
from .gather import LISTED, Gathering, IntactHead, Refused, find_head
from .search import Search

MARK = "plada_salvage"
"""Member of the metadata of a file that is not all of another."""

CLASS_COUNTS = "class_counts"
"""Member of metadata: kept images of each class, an array of C integers."""

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


def salvage(data: bytes, *, other: bytes | None = None, limits: Limits | None = None) -> Salvaged:
    """Return every block that is whole in `data` as a new, valid file, and what was lost.

    Args:
        data: the bytes of a damaged file.
        other: another file that starts with the same HEAD, whole or damaged, such as an earlier
            download that was cut off. HEAD is taken from it, and where the class map or the
            metadata of `data` are gone, these as well.
        limits: bounds to apply, as in reading; the specification's defaults when None.

    Raises:
        PladaError: if nothing can be recovered, or HEAD or a limit forbids it.
    """
    limits = limits or Limits()
    data = bytes(data)
    gathering, found = _gather(data, None if other is None else bytes(other), limits)
    first = found.head
    blocks = gathering.blocks
    if not blocks and first.kept:
        raise _nothing(gathering, from_other=other is not None)
    scale = first.weight_scale
    codes = None if scale is None else _join([each.codes for each in blocks], np.uint8)
    meaning: dict[str, Any] = {
        "pool": first.pool,
        "classes": first.classes if gathering.names is None else gathering.names,
        "positions": _join([each.positions for each in blocks], np.uint64),
        "labels": _join([each.labels for each in blocks], np.uint16),
        "weights": None if scale is None or codes is None else scale.decode(codes),
        "identifiers": gathering.identifiers,
        "weight_scale": scale,
    }
    payload = Payload.of_checked(**meaning, metadata=gathering.metadata)
    lost = first.kept - payload.kept
    content_id = content.hash_content(payload, scale, codes)
    same = lost == 0 and content_id[: content.CHECK_BYTES] == first.check
    parts = gathering.parts
    if not same:
        mark = {"lost_images": lost, "content_check": first.check.hex()}
        marked = _mark(parts, {**(gathering.metadata or {}), MARK: mark}, limits)
        payload = Payload.of_checked(**meaning, metadata=marked or gathering.metadata)
    used = 0
    for kind, body in parts:
        used |= writer.class_map_features(body) if kind == layout.CLASSES else 0
    for each in blocks:
        used |= each.used
    largest = max((each.largest for each in blocks), default=0)
    per_class = np.bincount(payload.labels, minlength=first.classes).astype(np.int64)
    lost_per_class, source = _lost_per_class(gathering, per_class, lost)
    return Salvaged(
        data=writer.assemble(payload, scale, codes, parts, used=used, largest=largest),
        payload=payload,
        content_id=content_id,
        blocks=len(blocks),
        lost_images=lost,
        same=same,
        names=_names(gathering, lost, same),
        lost_ranges=tuple(_lost_ranges(gathering, lost)),
        per_class=per_class,
        lost_per_class=lost_per_class,
        lost_per_class_from=source,
        unread=tuple(gathering.unread.listed),
        unread_count=gathering.unread.count,
        unread_bytes=gathering.unread.total,
        refused=tuple(gathering.refused),
        refused_count=gathering.refused_count,
        dropped=tuple(gathering.dropped),
    )


def _gather(data: bytes, other: bytes | None, limits: Limits) -> tuple[Gathering, IntactHead]:
    """Return everything that is whole in `data`, with what only `other` has, and the HEAD."""
    search = Search(data)
    if other is None:
        found = find_head(data, search, limits)
        if found is None:
            raise Corrupt(
                "head-lost",
                "No HEAD is whole in the file, and no block can be checked without it; pass "
                "another copy of the file, or the beginning of one, with --head (in Python: "
                "other=).",
            )
        gathering = Gathering(data, limits, search, found)
        gathering.gather()
        return gathering, found
    other_search = Search(other)
    found = find_head(other, other_search, limits)
    if found is None:
        raise Corrupt(
            "head-lost",
            "No HEAD is whole in the other file that was given for it; pass a copy whose first "
            "100 bytes or so are undamaged.",
        )
    gathering = Gathering(data, limits, search, found)
    gathering.gather()
    if any(gathering.broken_before[:1] or [gathering.broken_behind]):
        # Something is missing between HEAD and the first block: it may be text.
        texts = Gathering(other, limits, other_search, found)
        texts.gather(text_only=True)
        bodies = dict(texts.parts)
        if gathering.names is None and texts.names is not None:
            gathering.names, gathering.identifiers = texts.names, texts.identifiers
            gathering.parts.insert(0, (layout.CLASSES, bodies[layout.CLASSES]))
        if gathering.metadata is None and texts.metadata is not None:
            gathering.metadata = texts.metadata
            _put_metadata(gathering.parts, bodies[layout.METADATA])
    return gathering, found


def _nothing(gathering: Gathering, *, from_other: bool) -> PladaError:
    if from_other:
        return Corrupt(
            "nothing-whole",
            "No block of the file fits the HEAD of the other file: that one is of another "
            "payload, or no block is whole.",
        )
    problem = "HEAD is whole, but no block; get the file again."
    if gathering.refused:
        first = gathering.refused[0]
        problem += f" The first chunk that was refused: {first.name}. {first.problem}"
    return Corrupt("nothing-whole", problem)


def _join(arrays: list[Any], dtype: type[np.unsignedinteger[Any]]) -> npt.NDArray[Any]:
    joined = np.concatenate([np.empty(0, dtype=dtype), *arrays])
    joined.setflags(write=False)
    return joined


def _put_metadata(parts: list[tuple[int, bytes]], body: bytes) -> None:
    """Make `body` that of the META chunk in `parts`; a new one stands behind CLASSES."""
    kinds = [kind for kind, _ in parts]
    if layout.METADATA in kinds:
        parts[kinds.index(layout.METADATA)] = (layout.METADATA, body)
        return
    at = kinds.index(layout.CLASSES) + 1 if layout.CLASSES in kinds else 0
    parts.insert(at, (layout.METADATA, body))


def _mark(
    parts: list[tuple[int, bytes]], marked: dict[str, Any], limits: Limits
) -> dict[str, Any] | None:
    """Put `marked` into META and return it, or None if that would exceed the limit."""
    try:
        body = writer.metadata_body(marked, limits)
    except PladaError:
        return None
    _put_metadata(parts, body)
    return marked


def _names(gathering: Gathering, lost: int, same: bool) -> Names:
    if gathering.names is not None:
        return "kept"
    if same:
        return "none"
    return "unknown" if lost else "lost"


def _lost_ranges(gathering: Gathering, lost: int) -> list[tuple[int, int]]:
    """Return the positions between recovered blocks among which the lost images lie."""
    assert gathering.head is not None
    if lost == 0:
        return []
    starts = [0, *(each.end for each in gathering.blocks)]
    ends = [*(int(each.positions[0]) for each in gathering.blocks), gathering.head.pool.size]
    gaps = list(zip(starts, ends, strict=True))
    broken = [*gathering.broken_before, gathering.broken_behind]
    found = [gap for gap, is_broken in zip(gaps, broken, strict=True) if is_broken]
    if gathering.disordered or sum(end - start for start, end in found) < lost:
        found = gaps
    return [(start, end) for start, end in found if start < end]


def _lost_per_class(
    gathering: Gathering, per_class: Counts, lost: int
) -> tuple[Counts | None, Literal["metadata", "estimate"] | None]:
    """Return the lost images of each class, if that can be told, and what tells it."""
    assert gathering.head is not None
    kept = gathering.head.kept
    if lost == 0:
        return np.zeros_like(per_class), None
    told = (gathering.metadata or {}).get(CLASS_COUNTS)
    if (
        isinstance(told, list)
        and len(told) == per_class.size
        and all(type(count) is int and 0 <= count <= kept for count in told)
        and sum(told) == kept
    ):
        counts = np.array(told, dtype=np.int64) - per_class
        if int(counts.min()) >= 0:
            return counts, "metadata"
    if int(gathering.estimate.sum()) == lost:
        return gathering.estimate, "estimate"
    return None, None
