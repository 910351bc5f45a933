"""Varints (section 2)."""

from __future__ import annotations

from .. import appendix_b as spec
from .case import Layer

_VALUES = (
    0,
    1,
    127,
    128,
    129,
    16_383,
    16_384,
    2**21 - 1,
    2**21,
    2**32,
    2**49 - 1,
    2**49,
    2**53 - 1,
)
_BYTES = {
    "with_bytes_behind": ("80 01 ff", "Two bytes; what follows is not looked at."),
    "empty": ("", "There is no byte."),
    "cut_short": ("80", "The last byte asks for another."),
    "cut_short_after_seven": ("ff ff ff ff ff ff ff", "Seven bytes that ask for an eighth."),
    "overlong_zero": ("80 00", "0 in two bytes."),
    "overlong_127": ("ff 00", "127 in two bytes."),
    "overlong_in_eight": ("81 80 80 80 80 80 80 00", "1 in eight bytes."),
    "two_to_53": ("80 80 80 80 80 80 80 10", "2^53, in eight bytes."),
    "two_to_56_less_1": ("ff ff ff ff ff ff ff 7f", "The most that eight bytes hold."),
    "nine_bytes": ("80 80 80 80 80 80 80 80 01", "The eighth byte asks for a ninth."),
    "nine_bytes_overlong": ("80 80 80 80 80 80 80 80 00", "Too long comes before overlong."),
    "eight_that_ask_for_more": ("ff ff ff ff ff ff ff ff", "Too long comes before its end."),
}


def layer() -> Layer:
    """Return the cases; where a field ends inside a body, the code is another: `body-short`."""
    made = Layer(
        "2",
        {
            "data": "the bytes from the varint's first, hexadecimal",
            "value": "the integer",
            "size": "bytes that it takes",
        },
    )

    def add(name: str, about: str, data: bytes) -> None:
        def decode() -> dict[str, int]:
            value, size = spec.read_varint(data, 0)
            return {"value": value, "size": size}

        made.add(name, about, {"data": data.hex()}, decode)

    for value in _VALUES:
        add(f"value_{value}", f"{value:,} in its only spelling.", spec.write_varint(value))
    for name, (data, about) in _BYTES.items():
        add(name, about, bytes.fromhex(data))
    return made
