"""A plain rewriter of `.plada` files: section 13.1 of the specification.

It reads with the plain decoder and writes with the plain writer: all images as one block of
distances, or of run lengths where the file was that already. `clients/plain.py` serves it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from . import plain_decoder, plain_writer

__all__ = ["rewrite"]

_META = 0xC1
_PREAMBLE_SIZE = 9


def rewrite(data: bytes, *, codes: Sequence[bytes] | None = None) -> bytes:
    """Return another file that says the same; a rule becomes the list of what it keeps.

    Args:
        data: the whole file.
        codes: the codes of the pool's images, for a file with a rule.

    Raises:
        Refused: a reader refuses the file.
    """
    content = plain_decoder.decode(data, codes=codes)
    payload = plain_writer.Payload(
        pool_id=content.pool_id,
        pool_size=content.pool_size,
        classes=content.classes,
        names=content.names,
        identifiers=content.identifiers,
        weight_scale=content.weight_scale,
        positions=content.positions,
        labels=content.labels,
        codes=content.codes or b"",
    )
    before = list(_chunks(data))
    metadata = next((body for kind, body in before if kind == _META), None)
    # Of the ancillary chunks that are safe to copy, META alone is known.
    copied = [(kind, body) for kind, body in before if kind & 0xC0 == 0xC0 and kind != _META]
    made = plain_writer.write(payload, metadata=metadata, more=copied)
    if _critical(made) == _critical(data):
        made = plain_writer.write(payload, runs=True, metadata=metadata, more=copied)
    return made


def _critical(data: bytes) -> list[plain_writer.Chunk]:
    return [(kind, body) for kind, body in _chunks(data) if not kind & 0x80]


def _chunks(data: bytes) -> Iterator[plain_writer.Chunk]:
    """Yield type and body of each chunk of a valid file (section 4.1)."""
    at = _PREAMBLE_SIZE
    while at < len(data):
        kind, length, start = plain_decoder._read_header(data, at)
        yield kind, data[start : start + length]
        at = start + length + 4
