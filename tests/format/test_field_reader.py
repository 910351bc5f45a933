"""The quick reader of fixed fields reads what their declaration reads, and refuses what it does."""

from __future__ import annotations

from typing import Any

import pytest
from construct import Array, Bytes, If, Int8ul, Int16sl, Int16ul, Int32ul, Struct
from hypothesis import example, given
from hypothesis import strategies as st

from pladafmt import PladaError, layout, varint
from pladafmt.field_reader import field_reader
from pladafmt.layout import VARINT

fields = st.sampled_from(
    [
        VARINT,
        Int8ul,
        Int16ul,
        Int16sl,
        Int32ul,
        Bytes(3),
        layout.Varint() * "with a comment",
        If(lambda context: context._params.there, VARINT),
        If(lambda context: not context._params.there, Bytes(2)),
    ]
)
layouts = st.lists(fields, min_size=1, max_size=6).map(
    lambda kinds: Struct(*(f"field{number}" / kind for number, kind in enumerate(kinds)))
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


@given(layouts, bodies, st.booleans())
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


def test_what_it_does_not_know_is_refused_when_it_is_made() -> None:
    with pytest.raises(TypeError, match="no quick reader"):
        field_reader(Struct("several" / Array(2, Int8ul)))
    with pytest.raises(AttributeError):
        field_reader(Struct("a" / Int8ul, "b" / If(lambda context: context.a, Int8ul)))
