"""The range coder alone (section 9): bits by adaptive models, and bits without a model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import appendix_b as spec
from .case import Layer

Takes = Sequence[tuple[str, int]]

_SIXTY_FOUR = ((2**32 - 1 >> 6) * 64).to_bytes(4, "big")
"""64 times what 6 direct bits leave of the whole range, which is no multiple of 64."""

_MODELS = 3

_ALTERNATING = [("bit", 0)] * 40
_MIXED = [
    ("bit", number % 3) if number % 4 else ("direct", 1 + number % 16) for number in range(60)
]


def _encoded(takes: Takes, values: Sequence[int]) -> spec.Encoder:
    coder, models = spec.Encoder(), spec.models(_MODELS)
    for (kind, number), value in zip(takes, values, strict=True):
        if kind == "bit":
            coder.bit(models[number], value)
        else:
            coder.direct(number, value)
    return coder


def _stream(takes: Takes, values: Sequence[int]) -> bytes:
    stream: bytes = _encoded(takes, values).finish()
    return stream


def _pseudo_random(takes: Takes, seed: int) -> list[int]:
    state, values = seed, []
    for kind, number in takes:
        state = (1103515245 * state + 12345) % 2**31
        values.append((state >> 12) % (2 if kind == "bit" else 2**number))
    return values


def _carry_at_the_end() -> list[int]:
    """Values of `_MIXED` after which the roundest end carries into what is written."""
    for seed in range(10_000):
        values = _pseudo_random(_MIXED, seed)
        coder = _encoded(_MIXED, values)
        if spec.tail(coder.low, coder.range) == 2**32 and coder.low <= 2**32 - 2**24:
            return values
    raise ValueError("no carry at the end was found")


_STREAMS: dict[str, tuple[Takes, Sequence[int], str]] = {
    "nothing": ([], [], "Nothing is taken: the empty stream."),
    "one_0": ([("bit", 0)], [0], "A bit 0: the upper part of the range, but its roundest value."),
    "one_1": ([("bit", 0)], [1], "A bit 1: the lower part, which zeros are in."),
    "forty_1": (_ALTERNATING, [1] * 40, "Forty bits 1: the model grows old, the stream is empty."),
    "forty_0": (_ALTERNATING, [0] * 40, "Forty bits 0."),
    "alternating": (_ALTERNATING, [0, 1] * 20, "Bits in turn: a model that has seen both."),
    "three_models": (
        [("bit", number % 3) for number in range(90)],
        _pseudo_random([("bit", 0)] * 90, 5),
        "Three models, each with a state of its own.",
    ),
    "direct": ([("direct", 16), ("direct", 6), ("direct", 1)], [0xBEEF, 37, 1], "Without models."),
    "largest_direct": ([("direct", 16)] * 3, [65535] * 3, "The largest values of 16 bits."),
    "mixed": (_MIXED, _pseudo_random(_MIXED, 9), "Both in turn, of every width."),
    "carry": (
        [("direct", 8)] * 4 + [("direct", 16)] * 2 + [("bit", 0)] * 8,
        [255, 255, 255, 254, 65535, 65535, *[0] * 8],
        "A carry runs through bytes that were written before.",
    ),
    "carry_at_the_end": (
        _MIXED,
        _carry_at_the_end(),
        "The value with most zeros that ends the stream is 2^32: a carry, and four zero bytes.",
    ),
}


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "9",
        {
            "data": "the stream, hexadecimal",
            "take": "what is taken of it in turn: a bit by the model of this number, which is new "
            "at first, or this many direct bits; then the stream ends, as `finish` checks",
            "values": "what each taking gives",
        },
    )

    def add(name: str, about: str, data: bytes, takes: Takes) -> None:
        def decode() -> dict[str, Any]:
            coder, models = spec.Decoder(data), spec.models(_MODELS)
            values = [
                coder.bit(models[number]) if kind == "bit" else coder.direct(number)
                for kind, number in takes
            ]
            coder.finish()
            return {"values": values}

        given = {"data": data.hex(), "take": [list(take) for take in takes]}
        made.add(name, about, given, decode)

    for name, (takes, values, about) in _STREAMS.items():
        stream = _stream(takes, values)
        add(name, about, stream, takes)
        if made.cases[-1].get("values") != list(values):
            raise ValueError(f"the range coder does not give back {name}")
    mixed = _stream(_MIXED, _pseudo_random(_MIXED, 9))
    add("ones", "No encoder begins with FF FF FF FF.", b"\xff" * 4, [("bit", 0)])
    add("direct_out_of_range", "6 direct bits that decode to 64.", _SIXTY_FOUR, [("direct", 6)])
    add("zero_behind", "A zero byte behind, which is read anyway.", mixed + b"\0", _MIXED)
    add("byte_behind", "A byte behind that changes no value.", mixed + b"\x01", _MIXED)
    add("many_behind", "More bytes than a decoder reads.", mixed + b"\x01" * 9, _MIXED)
    other = mixed[:-1] + bytes([mixed[-1] ^ 1])
    add("another_last_byte", "Another last byte, with which all decodes as well.", other, _MIXED)
    return made
