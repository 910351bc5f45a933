"""Quick readers of fixed fields read what their declaration reads, and refuse what it does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from construct import Array, Bytes, If, Int8ul, Int16sl, Int16ul, Int32ul, Struct
from hypothesis import example, given
from hypothesis import strategies as st

from pladafmt import PladaError, layout, varint
from pladafmt.field_columns import column_reader, longest
from pladafmt.field_reader import field_reader
from pladafmt.layout import VARINT

small = [
    VARINT,
    Int8ul,
    layout.Varint() * "with a comment",
    If(lambda context: context._params.there, VARINT),
]
"""Fields that readers of columns know."""

others = [
    Int16ul,
    Int16sl,
    Int32ul,
    Bytes(3),
    If(lambda context: not context._params.there, Bytes(2)),
]


def layouts(kinds: list[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.sampled_from(kinds), min_size=1, max_size=6).map(
        lambda found: Struct(*(f"field{number}" / kind for number, kind in enumerate(found)))
    )


good = st.one_of(
    st.integers(0, 2**53 - 1).map(varint.write), st.integers(0, 300).map(varint.write), st.binary()
)
bodies = st.one_of(
    st.lists(good, max_size=8).map(b"".join),
    # Varints that are too long, too large or cut short.
    st.lists(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]), max_size=30).map(bytes),
)


def outcomes(declared: Struct, body: bytes, **parameters: Any) -> tuple[Any, Any]:
    """What the quick reader and the declaration make of a body: values and ends, or None."""
    quick = field_reader(declared, **parameters)(body)
    try:
        values, ranges = layout.parse(declared, body, offset=0, name="X", **parameters)
    except PladaError:
        return quick, None
    names = [part.name for part in declared.subcons]
    return quick, (tuple(map(values.get, names)), tuple(ranges[name][1] for name in names))


@given(layouts([*small, *others]), bodies, st.booleans())
def test_any_layout(declared: Struct, body: bytes, there: bool) -> None:
    quick, slow = outcomes(declared, body, there=there)
    assert quick == slow


@given(bodies, st.booleans())
@example(bytes.fromhex("ffffffffffffff0f0101010000"), True)  # 2^53 - 1, the largest.
@example(bytes.fromhex("ffffffffffffff100101010000"), True)
@example(bytes.fromhex("80808080808080800101010000"), True)
def test_the_fields_of_a_block(body: bytes, weights: bool) -> None:
    quick, slow = outcomes(layout.BLOCK_BODY, body, weights=weights)
    assert quick == slow


def check_columns(declared: Struct, several: list[bytes], **parameters: Any) -> None:
    """Compare a reader of columns with the declaration, body after body."""
    octets = np.frombuffer(b"".join(several) + bytes(longest(declared)), dtype=np.uint8)
    sizes = np.array([len(body) for body in several])
    starts = np.cumsum(sizes) - sizes
    found = column_reader(declared, **parameters)(octets, starts)
    good = found.good & (found.ends[-1] <= starts + sizes)
    for number, body in enumerate(several):
        _, slow = outcomes(declared, body, **parameters)
        if not good[number]:
            assert slow is None
            continue
        values = [None if column is None else int(column[number]) for column in found.values]
        ends = [int(column[number] - starts[number]) for column in found.ends]
        assert (tuple(values), tuple(ends)) == slow


@given(layouts(small), st.lists(bodies, min_size=1), st.booleans())
def test_columns_of_any_layout(declared: Struct, several: list[bytes], there: bool) -> None:
    check_columns(declared, several, there=there)


@given(st.lists(bodies, min_size=1), st.booleans())
@example([bytes.fromhex("ffffffffffffff0f0101010000")], True)
@example([bytes.fromhex("ffffffffffffff100101010000")], True)
@example([bytes.fromhex("80808080808080800101010000")], True)
def test_columns_of_the_fields_of_blocks(several: list[bytes], weights: bool) -> None:
    check_columns(layout.BLOCK_BODY, several, weights=weights)


def test_what_it_does_not_know_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="no quick reader"):
        field_reader(Struct("several" / Array(2, Int8ul)))
    with pytest.raises(AttributeError):
        field_reader(Struct("a" / Int8ul, "b" / If(lambda context: context.a, Int8ul)))
    with pytest.raises(TypeError, match="no reader of columns"):
        column_reader(Struct("two bytes" / Int16ul))
