"""Split integers (section 7.3)."""

from __future__ import annotations

from .. import appendix_b as spec
from .case import Layer

_VALUES = {
    "none": ([], "No integer: no byte."),
    "one_1": ([1], "One integer of width 0."),
    "pair": ([1, 2], "Widths 0 and 1 share a byte; one low bit follows."),
    "widths_0_to_14": ([2**width for width in range(15)], "Every width that a half byte holds."),
    "width_15": ([2**15], "The least integer that needs a wide byte."),
    "widths_14_and_15": ([2**15 - 1, 2**15], "The half byte 14, and 15 with a wide byte."),
    "widest": ([2**53 - 1], "The largest integer, of width 52."),
    "wide_and_narrow": ([3, 2**40 + 5, 1, 2**20], "Wide bytes stand behind all half bytes."),
    "odd": ([5, 6, 7], "An odd number: the last half byte is empty, and two low bits are."),
}
_BYTES = {
    "no_widths": ("", 1, "The stream ends where the widths should be."),
    "widths_cut_short": ("00", 3, "One byte of widths of two."),
    "half_byte_set": ("10", 1, "The unused half byte is set."),
    "wide_missing": ("0f", 1, "The wide byte is missing."),
    "wide_14": ("0f 0e 00 00", 1, "A wide byte says 14, which has a half byte of its own."),
    "wide_53": ("0f 35 00 00 00 00 00 00 00", 1, "A wide byte says 53."),
    "wide_255": ("0f ff", 1, "A wide byte says 255: a width, before any size is computed."),
    "low_missing": ("01", 1, "The low bits are missing."),
    "low_too_long": ("01 00 00", 1, "A byte follows the low bits."),
    "byte_after_no_low_bits": ("00 00", 1, "A byte follows where no low bit is due."),
    "padding": ("01 02", 1, "An unused bit of the last low byte is set."),
    "half_byte_before_size": ("11", 1, "The half byte is set and low bits are missing."),
    "size_before_padding": ("01 02 00", 1, "A padding bit is set and a byte follows."),
}


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "7.3",
        {
            "data": "the stream, hexadecimal",
            "n": "how many integers it is to hold",
            "values": "the integers",
        },
    )

    def add(name: str, about: str, data: bytes, n: int) -> None:
        given = {"data": data.hex(), "n": n}
        made.add(name, about, given, lambda: {"values": spec.read_split(data, n)})

    for name, (values, about) in _VALUES.items():
        add(name, about, spec.write_split(values), len(values))
    for name, (data, n, about) in _BYTES.items():
        add(name, about, bytes.fromhex(data), n)
    return made
