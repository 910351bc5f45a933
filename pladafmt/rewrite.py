"""Write another file with the same meaning (specification, Rewriting)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import chunks, content, layout, varint, writer
from .blocks.write import Encoded
from .errors import Unwritable
from .limits import Limits
from .reader import Reader
from .rules.codes import Codes
from .writer import Encoding

_TEXT = (layout.CLASSES, layout.METADATA)
_BEFORE, _KNOWN, _BEHIND = range(3)


@dataclass(frozen=True)
class Rewritten:
    """The outcome of `rewrite`.

    Attributes:
        data: the new file.
        content_id: what it means, as the file before.
        kept: names of the chunks that were kept without being known.
        dropped: names of the chunks that were left out: SIGN, and unknown ones that may not be
            copied.
    """

    data: bytes = field(repr=False)
    content_id: bytes
    kept: tuple[str, ...]
    dropped: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """A chunk between HEAD and END, and its place among the others."""

    name: str
    type: int
    body: bytes
    place: tuple[int, int, int]
    """Rank among the known chunks, pool position, and side: before, known, or behind."""


def rewrite(
    data: bytes,
    *,
    encoding: Encoding = "auto",
    block_span: int | None = None,
    dense: bool = False,
    metadata: Mapping[str, Any] | None = None,
    drop_metadata: bool = False,
    limits: Limits | None = None,
    codes: Codes | None = None,
    drop_rule: bool = False,
) -> Rewritten:
    """Return the file in `data` in another encoding, with the same meaning and `content_id`.

    Class map and metadata stay as they are, unless the class map can be made smaller. Unknown
    ancillary chunks stay in their place if they may: those that are not safe to copy only where no
    critical chunk changes. A signature stays only where nothing changes at all.

    Args:
        data: the bytes of a valid `.plada` file.
        encoding: how positions are encoded, as in `dumps`.
        block_span: pool positions per block; one block when None, as in `dumps`.
        dense: also try the dense encoding, as in `dumps`.
        metadata: new metadata; the file's own stays when None.
        drop_metadata: leave metadata out.
        limits: bounds to read and to write with; the specification's defaults when None.
        codes: what a rule in the file is evaluated with.
        drop_rule: list the images that a rule keeps.

    Raises:
        PladaError: if `data` is not a valid file, or has no valid file in this encoding.
    """
    if metadata is not None and drop_metadata:
        raise Unwritable("metadata", "Metadata is either replaced or dropped, not both.")
    limits = limits or Limits()
    data = bytes(data)
    reader = Reader(data, limits, codes=codes)
    payload = reader.read()
    assert reader.contents is not None
    old = _parts(data, reader)
    copied = _TEXT if drop_rule else (*_TEXT, layout.RULE)
    texts = {part.type: part.body for part in old if part.type in copied}
    if drop_metadata:
        texts.pop(layout.METADATA, None)
    elif metadata is not None:
        texts[layout.METADATA] = writer.metadata_body(metadata, limits)
    if layout.CLASSES in texts:
        smaller = writer.class_map_body(payload, limits)
        texts[layout.CLASSES] = min(texts[layout.CLASSES], smaller, key=len)
    scale, weight_codes = content.quantise(payload)
    blocks = writer.encode_blocks(
        reader.contents.listed()[0] if layout.RULE in texts else payload,
        scale,
        weight_codes,
        encoding=encoding,
        block_span=block_span,
        dense=dense,
        limits=limits,
    )
    known = _known(texts, blocks)

    def assemble(parts: Iterable[_Part]) -> bytes:
        used = writer.class_map_features(texts.get(layout.CLASSES, b"\0"))
        used |= layout.FEATURE_RULE if layout.RULE in texts else 0
        for each in blocks:
            used |= each.used
        bodies = [(part.type, part.body) for part in sorted(parts, key=lambda part: part.place)]
        largest = max((each.largest for each in blocks), default=0)
        return writer.assemble(payload, scale, weight_codes, bodies, used=used, largest=largest)

    extra = [part for part in old if part.type not in (*_TEXT, layout.RULE, layout.BLOCK)]
    whole = assemble([*known, *extra])
    if whole == data:
        stay = extra
    else:
        same = _critical(whole) == _critical(data)
        stay = [part for part in extra if _may_stay(part.type, nothing_critical_changed=same)]
        whole = assemble([*known, *stay])
    again = Reader(whole, limits, codes=codes)
    again.read()
    if again.content_id is None or again.content_id != reader.content_id:
        raise Unwritable(
            "content-changed", "The file would not mean the same; nothing is written. Report this."
        )
    return Rewritten(
        data=whole,
        content_id=again.content_id,
        kept=tuple(part.name for part in stay if part.type != layout.SIGNATURE),
        dropped=tuple(part.name for part in extra if part not in stay),
    )


def _may_stay(kind: int, *, nothing_critical_changed: bool) -> bool:
    """Return whether an ancillary chunk of this type stays in a file that is not quite the same."""
    if kind == layout.SIGNATURE:
        return False
    return bool(kind & layout.SAFE_TO_COPY) or nothing_critical_changed


def _headers(data: bytes) -> Iterable[chunks.Header]:
    """Yield the chunks of a valid file."""
    at = int(layout.PREAMBLE.sizeof())
    while at < len(data):
        header = chunks.read_header(data, at)
        yield header
        at = header.after


def _critical(data: bytes) -> list[tuple[int, bytes]]:
    """Return type and body of the critical chunks of a valid file."""
    return [
        (header.type, data[header.body : header.end])
        for header in _headers(data)
        if not header.ancillary
    ]


def _parts(data: bytes, reader: Reader) -> list[_Part]:
    """Return the chunks between HEAD and END of the file `data`, which `reader` has read."""
    assert reader.contents is not None
    parts = []
    rank, position = 0, 0
    ends = iter(reader.contents.ends)
    for header in _headers(data):
        side = _BEHIND
        if header.type in layout.CHUNK_NAMES:
            side = _KNOWN
            rank = chunks.Order.RANK[header.type]
            position = next(ends) if header.type == layout.BLOCK else position
        elif position:
            # Before the first new block that starts where the old one before it ends, or later.
            side = _BEFORE
        if header.type not in (layout.HEAD, layout.END):
            body = data[header.body : header.end]
            parts.append(_Part(header.name, header.type, body, (rank, position, side)))
    return parts


def _known(texts: Mapping[int, bytes], blocks: list[Encoded]) -> list[_Part]:
    """Return the known chunks of the new file."""
    parts = [
        _Part(layout.CHUNK_NAMES[kind], kind, body, (chunks.Order.RANK[kind], 0, _KNOWN))
        for kind, body in texts.items()
    ]
    for each in blocks:
        first, _ = varint.read(each.body, 0)
        place = (chunks.Order.RANK[layout.BLOCK], first, _KNOWN)
        parts.append(_Part("BLOCK", layout.BLOCK, each.body, place))
    return parts
