"""Salvage: from a damaged file a valid one with every block that is whole, and what was lost.

How often bytes are read, whatever the file holds: once for the CRCs of all ranges, at most once to
find HEAD, once to find the other chunks, and those of each block, class map and metadata once more
to decode them. Memory grows with the file, its table of CRCs being as large, and with what the
limits allow to decode.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import content, layout, writer
from ..errors import Corrupt, PladaError
from ..limits import Limits
from ..payload import Payload
from ..rules.codes import Codes
from .gather import Gathering, IntactHead, find_head
from .losses import CLASS_COUNTS, lost_per_class, lost_ranges, names_of
from .outcome import Salvaged
from .search import Search

MARK = "plada_salvage"
"""Member of the metadata of a file that is not all of another."""


def salvage(
    data: bytes,
    *,
    other: bytes | None = None,
    limits: Limits | None = None,
    codes: Codes | None = None,
) -> Salvaged:
    """Return every block that is whole in `data` as a new, valid file, and what was lost.

    Args:
        data: the bytes of a damaged file.
        other: another file that starts with the same HEAD, whole or damaged, such as an earlier
            download that was cut off. HEAD is taken from it, and where the class map or the
            metadata of `data` are gone, these as well.
        limits: bounds to apply, as in reading; the specification's defaults when None.
        codes: what a rule in the file is evaluated with; without them it is left out, and what it
            kept counts as lost.

    Raises:
        PladaError: if nothing can be recovered, or HEAD or a limit forbids it.
    """
    limits = limits or Limits()
    data = bytes(data)
    gathering, found = _gather(data, None if other is None else bytes(other), limits, codes)
    first = found.head
    contents = gathering.contents
    if not contents.blocks and contents.rule is None and first.kept:
        raise _nothing(gathering, from_other=other is not None)
    payload, weight_codes = contents.payload(codes)
    scale = first.weight_scale
    lost = max(0, first.kept - payload.kept)
    content_id = content.hash_content(payload, scale, weight_codes)
    same = lost == 0 and content_id[: content.CHECK_BYTES] == first.check
    parts = gathering.parts
    if not same:
        mark = {"lost_images": lost, "content_check": first.check.hex()}
        kept = _with_counts_of(payload, contents.metadata or {})
        marked = _mark(parts, {**kept, MARK: mark}, limits)
        if marked is None and CLASS_COUNTS in kept:
            marked = _mark(parts, kept, limits)
        if marked is not None:
            payload = Payload.of_checked(**{**vars(payload), "metadata": marked})
    used = 0 if contents.rule is None else layout.FEATURE_RULE
    for kind, body in parts:
        used |= writer.class_map_features(body) if kind == layout.CLASSES else 0
    for each in contents.blocks:
        used |= each.used
    per_class = np.bincount(payload.labels, minlength=first.classes).astype(np.int64)
    lost_by_class, source = lost_per_class(gathering, per_class, lost)
    return Salvaged(
        data=writer.assemble(
            payload, scale, weight_codes, parts, used=used, largest=contents.largest
        ),
        payload=payload,
        content_id=content_id,
        blocks=len(contents.blocks),
        lost_images=lost,
        same=same,
        names=names_of(gathering, lost, same=same),
        lost_ranges=tuple(lost_ranges(gathering, lost)),
        per_class=per_class,
        lost_per_class=lost_by_class,
        lost_per_class_from=source,
        unread=tuple(gathering.unread.listed),
        unread_count=gathering.unread.count,
        unread_bytes=gathering.unread.total,
        refused=tuple(gathering.refused),
        refused_count=gathering.refused_count,
        dropped=tuple(gathering.dropped),
    )


def _gather(
    data: bytes, other: bytes | None, limits: Limits, codes: Codes | None
) -> tuple[Gathering, IntactHead]:
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
        gathering = Gathering(data, limits, search, found, codes)
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
    gathering = Gathering(data, limits, search, found, codes, own=False)
    gathering.gather()
    if any(gathering.broken_before[:1] or [gathering.broken_behind]):
        # Something is missing between HEAD and the first block: it may be text.
        texts = Gathering(other, limits, other_search, found)
        texts.gather(text_only=True)
        bodies = dict(texts.parts)
        mine, theirs = gathering.contents, texts.contents
        if mine.names is None and theirs.names is not None:
            mine.names, mine.identifiers = theirs.names, theirs.identifiers
            gathering.parts.insert(0, (layout.CLASSES, bodies[layout.CLASSES]))
        if mine.metadata is None and theirs.metadata is not None:
            mine.metadata = theirs.metadata
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


def _put_metadata(parts: list[tuple[int, bytes]], body: bytes) -> None:
    """Make `body` that of the META chunk in `parts`; a new one comes after CLASSES."""
    kinds = [kind for kind, _ in parts]
    if layout.METADATA in kinds:
        parts[kinds.index(layout.METADATA)] = (layout.METADATA, body)
        return
    at = kinds.index(layout.CLASSES) + 1 if layout.CLASSES in kinds else 0
    parts.insert(at, (layout.METADATA, body))


def _with_counts_of(payload: Payload, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return metadata whose counts of the classes, if it has any, are those of `payload`."""
    if CLASS_COUNTS not in metadata:
        return metadata
    counts = np.bincount(payload.labels, minlength=payload.class_count).tolist()
    return {**metadata, CLASS_COUNTS: counts}


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
