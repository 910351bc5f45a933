"""Every byte of a file beside its owner, as Appendix A of the specification prints its example."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .ledger import Part
from .stored import StoredBytes

_ROW = 16
_MOST_WHOLE = 6 * _ROW
"""Bytes of a part that is printed whole. Of a longer one the first rows and the last are."""

_FIRST_ROWS = 2


def annotation(
    data: bytes | StoredBytes,
    parts: Iterable[Part],
    fault: tuple[int | None, str] | None = None,
) -> Iterator[str]:
    """Yield lines: where a part starts, its bytes in hexadecimal, whose they are, what they say.

    A part of more than 96 bytes is abbreviated, with its size.

    Args:
        data: the file.
        parts: of the file in its order, all or the first of them.
        fault: byte offset, or None, and what is wrong there; said below the part that holds the
            byte, or at the end of the file.
    """
    digits, size, end = max(3, len(str(len(data)))), len(data), 0
    for part in parts:
        end = part.offset + part.size
        says = [_note(data, part)]
        if part.size > _MOST_WHOLE:
            says.append(f"{part.size:,} bytes")
        owner = f"{part.name}  {', '.join(filter(None, says))}"
        for number, row in enumerate(_rows(data, part)):
            if number == 0:
                yield f"{part.offset:{digits}d}  {row:<{3 * _ROW}} {owner}".rstrip()
            else:
                yield f"{'':{digits}}  {row}"
        if fault is not None and fault[0] is not None and part.offset <= fault[0] < end:
            yield f"{'':{digits}}  ^ byte {fault[0]}: {fault[1]}"
    if fault is not None and end == size and (fault[0] is None or fault[0] >= size):
        yield f"{'':{digits}}  ^ end: {fault[1]}"


def _note(data: bytes | StoredBytes, part: Part) -> str:
    """What a part says, unless it is more than a row of the bytes that stand beside it."""
    if part.size > _ROW and len(part.note) == 2 * part.size:
        return "" if part.note == data[part.offset : part.offset + part.size].hex() else part.note
    return part.note


def _rows(data: bytes | StoredBytes, part: Part) -> Iterator[str]:
    end = part.offset + part.size
    if part.size <= _MOST_WHOLE:
        for start in range(part.offset, end, _ROW):
            yield data[start : min(start + _ROW, end)].hex(" ")
        return
    for start in range(part.offset, part.offset + _FIRST_ROWS * _ROW, _ROW):
        yield data[start : start + _ROW].hex(" ")
    yield f"... {part.size - (_FIRST_ROWS + 1) * _ROW:,} bytes ..."
    yield data[end - _ROW : end].hex(" ")
