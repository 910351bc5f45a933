"""Writing: a payload to the bytes of a `.plada` file."""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from . import chunks, classmap, content, head, layout, metadata
from .blocks import encodings, write
from .errors import LimitExceeded, Unwritable
from .files import write_whole
from .limits import Limits, work_of_rule
from .loops import backend
from .payload import Payload
from .rules import chunk as rule_chunk
from .rules.codes import Codes
from .rules.rule import Rule
from .streams import pack
from .threads import share_out
from .weights import WeightScale

Encoding = Literal["auto", "bitmap", "delta", "rle"]

MANY = 2**14
"""Images in each block, on average, for which blocks are encoded by several threads."""


def dumps(
    payload: Payload,
    *,
    encoding: Encoding = "auto",
    block_span: int | None = None,
    dense: bool = False,
    limits: Limits | None = None,
    rule: Rule | None = None,
    codes: Codes | None = None,
) -> bytes:
    """Return the `.plada` file of `payload`. The same input gives the same bytes.

    Args:
        payload: what to write.
        encoding: how positions are encoded; ``"auto"`` takes the smallest in each block.
        block_span: pool positions per block, counted from position 0; one block when None. Many
            blocks let a reader that wants some positions skip the rest.
        dense: also try the dense encoding, for positions with ``encoding="auto"`` and for labels.
            It is smaller, and only readers with the feature ``dense`` can use the file.
        limits: refuse what a reader with these limits would refuse; the specification's defaults
            when None, which every reader accepts.
        rule: keeps images of `payload`, and no others; blocks list the rest, and those that have
            another label there. Only readers with the feature ``rule`` and the same codes can use
            the file.
        codes: what `rule` is evaluated with.

    Raises:
        LimitExceeded: if the file would exceed `limits`; the code names the limit.
        Unwritable: if the payload has no valid file in this encoding, or with this rule.
        Mismatch: if the codes are not those of the rule.
    """
    limits = limits or Limits()
    if payload.kept > limits.kept:
        raise _over("kept", payload.kept, limits.kept)
    scale, weight_codes = content.quantise(payload)
    parts = []
    used = 0
    if not isinstance(payload.classes, int):
        _check_names(payload)
        body = class_map_body(payload, limits)
        parts.append((layout.CLASSES, body))
        used |= class_map_features(body)
    if payload.metadata is not None:
        parts.append((layout.METADATA, metadata_body(payload.metadata, limits)))
    listed = payload
    if rule is not None:
        listed = not_kept_by(rule, codes, payload, limits)
        parts.append((layout.RULE, rule_chunk.write(rule)))
        used |= layout.FEATURE_RULE
    blocks = encode_blocks(
        listed,
        scale,
        weight_codes,
        encoding=encoding,
        block_span=block_span,
        dense=dense,
        limits=limits,
    )
    for each in blocks:
        parts.append((layout.BLOCK, each.body))
        used |= each.used
    largest = max((each.largest for each in blocks), default=0)
    return assemble(payload, scale, weight_codes, parts, used=used, largest=largest)


def not_kept_by(rule: Rule, codes: Codes | None, payload: Payload, limits: Limits) -> Payload:
    """Return the images of `payload` that blocks must list beside `rule`, as a payload.

    Raises:
        LimitExceeded, Unwritable, Mismatch: as `dumps` does.
    """
    images = payload.pool.size
    if payload.weights is not None:
        raise Unwritable("feature-conflict", "A file has weights or a rule, not both.")
    if rule.classes != payload.class_count or codes is None:
        raise Unwritable(
            "rule", "A rule needs the payload's number of classes, and codes.", field="RULE"
        )
    work = work_of_rule(images, rule.classes, rule.columns)
    if work > limits.work:
        raise _over("work", work, limits.work)
    rule.check(codes, images)
    kept = rule.keep(codes, images)
    at = np.searchsorted(payload.positions, kept.positions)
    there = np.append(payload.positions, images)[at] == kept.positions
    if not there.all():
        raise Unwritable(
            "rule",
            f"The rule keeps {int((~there).sum())} images that the payload does not; the first is "
            f"at position {int(kept.positions[~there][0])}.",
            field="RULE",
        )
    rest = np.ones(payload.kept, bool)
    rest[at] = payload.labels[at] != kept.labels
    found = {"positions": payload.positions[rest], "labels": payload.labels[rest]}
    return Payload.of_checked(**{**vars(payload), **found})


def assemble(
    payload: Payload,
    scale: WeightScale | None,
    codes: npt.NDArray[np.uint8] | None,
    parts: Iterable[tuple[int, bytes]],
    *,
    used: int,
    largest: int,
) -> bytes:
    """Return the file of `payload` whose chunks between HEAD and END have these bodies.

    Args:
        payload: what the file means; it must be what `parts` hold.
        scale: the weight scale, or None.
        codes: the weight codes, or None.
        parts: type and body of each chunk, in order.
        used: required features that `parts` use; that of weights may be left out.
        largest: the largest decoded stream of any block in `parts`, in bytes.
    """
    first = head.Head(
        pool=payload.pool,
        kept=payload.kept,
        classes=payload.class_count,
        features=used | (0 if scale is None else layout.FEATURE_WEIGHTS),
        max_stream=largest,
        check=content.hash_content(payload, scale, codes)[: content.CHECK_BYTES],
        weight_scale=scale,
    )
    head_chunk = chunks.write(layout.HEAD, head.write(first))
    seed = int.from_bytes(head_chunk[-4:], "little")
    out = [layout.build(layout.PREAMBLE, magic=layout.MAGIC, major=layout.MAJOR), head_chunk]
    out += [chunks.write(kind, body, seed) for kind, body in parts]
    out.append(chunks.write(layout.END, b"", seed))
    return b"".join(out)


def dump(
    payload: Payload,
    path: str | os.PathLike[str],
    *,
    encoding: Encoding = "auto",
    block_span: int | None = None,
    dense: bool = False,
    limits: Limits | None = None,
    rule: Rule | None = None,
    codes: Codes | None = None,
) -> None:
    """Write `payload` to the file at `path`, whole or not at all; see `dumps`."""
    data = dumps(
        payload,
        encoding=encoding,
        block_span=block_span,
        dense=dense,
        limits=limits,
        rule=rule,
        codes=codes,
    )
    write_whole(path, data)


def encode_blocks(
    payload: Payload,
    scale: WeightScale | None,
    codes: npt.NDArray[np.uint8] | None,
    *,
    encoding: Encoding,
    block_span: int | None,
    dense: bool,
    limits: Limits,
) -> list[write.Encoded]:
    """Return the blocks of `payload`; see `dumps` for the settings.

    Raises:
        LimitExceeded: if a block, or their number, would exceed `limits`.
        Unwritable: if the payload has no valid file in this encoding.
    """
    if encoding != "auto" and encoding not in encodings.NUMBERS:
        known = ", ".join(["auto", *encodings.NUMBERS])
        raise Unwritable("encoding", f"Unknown encoding {encoding!r}; choose one of {known}.")
    if block_span is not None and block_span < 1:
        raise Unwritable("block-span", f"A block spans 1 position or more, not {block_span}.")

    def encode(part: slice) -> write.Encoded:
        return write.encode(
            payload.positions[part],
            payload.labels[part],
            None if codes is None else codes[part],
            classes=payload.class_count,
            weight_bits=scale.bits if scale else 0,
            encoding=encoding,
            use_dense=dense,
            limits=limits,
        )

    parts = list(_partition(payload, block_span, limits))
    if dense:
        backend.expect(0, payload.kept)
    if payload.kept < MANY * len(parts):
        return list(map(encode, parts))
    return share_out(encode, parts)


def _partition(payload: Payload, block_span: int | None, limits: Limits) -> Iterator[slice]:
    """Yield the images of each block that is not empty."""
    if payload.kept == 0:
        return
    if block_span is None or block_span >= payload.pool.size:
        yield slice(0, payload.kept)
        return
    numbers = payload.positions // np.uint64(block_span)
    edges = np.flatnonzero(np.diff(numbers)) + 1
    if edges.size + 1 > limits.blocks:
        raise _over("blocks", int(edges.size) + 1, limits.blocks)
    bounds = [0, *map(int, edges), payload.kept]
    for start, end in itertools.pairwise(bounds):
        yield slice(start, end)


def _check_names(payload: Payload) -> None:
    for name in (*payload.class_names, *(payload.identifiers or ())):
        if not unicodedata.is_normalized("NFC", name):
            raise Unwritable(
                "name-not-nfc",
                f"The class name or identifier {name!a} is not in Unicode normalisation form C; "
                "pass it through unicodedata.normalize('NFC', name).",
                field="classes",
            )


def class_map_body(payload: Payload, limits: Limits) -> bytes:
    """Return the body of the CLASSES chunk of `payload`, whose classes are named."""
    text = classmap.encode(payload.class_names, payload.identifiers)
    if len(text) > limits.class_map:
        raise _over("class_map", len(text), limits.class_map)
    packed = pack([text])
    form = layout.FORM_ZSTD if packed.compressed else 0
    if payload.identifiers is not None:
        form |= layout.FORM_IDENTIFIERS
    return layout.build(layout.CLASSES_BODY, form=form) + packed.stored


def class_map_features(body: bytes) -> int:
    """Return the required features that the body of a CLASSES chunk uses."""
    return layout.FEATURE_ZSTD if body[0] & layout.FORM_ZSTD else 0


def metadata_body(value: Mapping[str, Any], limits: Limits) -> bytes:
    """Return the body of a META chunk that holds `value`.

    Raises:
        LimitExceeded: if it would exceed `limits`.
        Unwritable: if it is not an I-JSON object at most 16 levels deep.
    """
    text = metadata.encode(value)
    if len(text) > limits.metadata:
        raise _over("metadata", len(text), limits.metadata)
    packed = pack([text])
    form = layout.FORM_ZSTD if packed.compressed else 0
    return layout.build(layout.METADATA_BODY, form=form) + packed.stored


def _over(what: str, size: int, limit: int) -> LimitExceeded:
    return LimitExceeded(
        "limit-" + what.replace("_", "-"),
        f"The payload exceeds the limit {what}={limit} with {size}.",
    )
