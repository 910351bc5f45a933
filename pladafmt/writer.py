"""Writing: a payload to the bytes of a `.plada` file."""

from __future__ import annotations

import itertools
import os
import unicodedata
from collections.abc import Iterator
from typing import Literal

import numpy as np

from . import block_writer, chunks, classmap, content, encodings, head, layout, metadata
from .errors import LimitExceeded, Unwritable
from .files import write_whole
from .limits import Limits
from .payload import Payload
from .streams import pack

Encoding = Literal["auto", "bitmap", "delta", "rle"]


def dumps(
    payload: Payload,
    *,
    encoding: Encoding = "auto",
    block_span: int | None = None,
    dense: bool = False,
    limits: Limits | None = None,
) -> bytes:
    """Return the `.plada` file of `payload`. The same input gives the same bytes.

    Args:
        payload: what to write.
        encoding: how positions are encoded; ``"auto"`` takes the smallest in each block.
        block_span: pool positions per block, counted from position 0; one block when None. Many
            blocks let a client that holds part of the pool skip the rest.
        dense: also try the dense encoding, for positions with ``encoding="auto"`` and for labels.
            It is smaller, and only readers with the feature ``dense`` can use the file.
        limits: refuse what a reader with these limits would refuse; the specification's defaults
            when None, which every reader accepts.

    Raises:
        LimitExceeded: if the file would exceed `limits`; the code names the limit.
        Unwritable: if the payload has no valid file in this encoding.
    """
    limits = limits or Limits()
    if encoding != "auto" and encoding not in encodings.NUMBERS:
        known = ", ".join(["auto", *encodings.NUMBERS])
        raise Unwritable("encoding", f"Unknown encoding {encoding!r}; choose one of {known}.")
    if block_span is not None and block_span < 1:
        raise Unwritable("block-span", f"A block spans 1 position or more, not {block_span}.")
    if payload.kept > limits.kept:
        raise _over("kept", payload.kept, limits.kept)
    scale, codes = content.quantise(payload)
    used = 0
    text_chunks = []
    if not isinstance(payload.classes, int):
        text_chunks.append((layout.CLASSES, _class_map(payload, limits)))
        if text_chunks[0][1][0] & layout.FORM_ZSTD:
            used |= layout.FEATURE_ZSTD
    if payload.metadata is not None:
        text_chunks.append((layout.METADATA, _metadata(payload, limits)))
    blocks = [
        block_writer.encode(
            payload.positions[part],
            payload.labels[part],
            None if codes is None else codes[part],
            classes=payload.class_count,
            weight_bits=scale.bits if scale else 0,
            encoding=encoding,
            use_dense=dense,
            limits=limits,
        )
        for part in _partition(payload, block_span, limits)
    ]
    for each in blocks:
        used |= each.used
    if scale is not None:
        used |= layout.FEATURE_WEIGHTS
    head_body = head.write(
        head.Head(
            pool=payload.pool,
            kept=payload.kept,
            classes=payload.class_count,
            features=used,
            max_stream=max((each.largest for each in blocks), default=0),
            check=content.hash_content(payload, scale, codes)[: content.CHECK_BYTES],
            weight_scale=scale,
        )
    )
    head_chunk = chunks.write(layout.HEAD, head_body)
    seed = int.from_bytes(head_chunk[-4:], "little")
    parts = [layout.build(layout.PREAMBLE, magic=layout.MAGIC, major=layout.MAJOR), head_chunk]
    parts += [chunks.write(kind, body, seed) for kind, body in text_chunks]
    parts += [chunks.write(layout.BLOCK, each.body, seed) for each in blocks]
    parts.append(chunks.write(layout.END, b"", seed))
    return b"".join(parts)


def dump(
    payload: Payload,
    path: str | os.PathLike[str],
    *,
    encoding: Encoding = "auto",
    block_span: int | None = None,
    dense: bool = False,
    limits: Limits | None = None,
) -> None:
    """Write `payload` to the file at `path`, whole or not at all; see `dumps`."""
    data = dumps(payload, encoding=encoding, block_span=block_span, dense=dense, limits=limits)
    write_whole(path, data)


def _partition(payload: Payload, block_span: int | None, limits: Limits) -> Iterator[slice]:
    """Yield the images of each block that is not empty."""
    if payload.kept == 0:
        return
    if block_span is None:
        yield slice(0, payload.kept)
        return
    numbers = payload.positions // np.uint64(block_span)
    edges = np.flatnonzero(np.diff(numbers)) + 1
    if edges.size + 1 > limits.blocks:
        raise _over("blocks", int(edges.size) + 1, limits.blocks)
    bounds = [0, *map(int, edges), payload.kept]
    for start, end in itertools.pairwise(bounds):
        yield slice(start, end)


def _class_map(payload: Payload, limits: Limits) -> bytes:
    for name in (*payload.class_names, *(payload.identifiers or ())):
        if not unicodedata.is_normalized("NFC", name):
            raise Unwritable(
                "name-not-nfc",
                f"The class name or identifier {name!a} is not in Unicode normalisation form C; "
                "pass it through unicodedata.normalize('NFC', name).",
                field="classes",
            )
    text = classmap.encode(payload.class_names, payload.identifiers)
    if len(text) > limits.class_map:
        raise _over("class_map", len(text), limits.class_map)
    packed = pack([text])
    form = layout.FORM_ZSTD if packed.compressed else 0
    if payload.identifiers is not None:
        form |= layout.FORM_IDENTIFIERS
    return layout.build(layout.CLASSES_BODY, form=form) + packed.stored


def _metadata(payload: Payload, limits: Limits) -> bytes:
    text = metadata.encode(payload.metadata or {})
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
