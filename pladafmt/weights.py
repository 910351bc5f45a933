"""Sample weights as 4- or 8-bit codes on a logarithmic scale (specification, section 8.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from .errors import Noncanonical, Unwritable

Count = TypeVar("Count", int, npt.NDArray[np.int64])

OCTAVE = 256
"""Scale units per factor of two."""

MAX_EXPONENT = 1023 * OCTAVE
"""Largest exponent of a weight, in 1/256 octaves: every weight is a finite double."""


@dataclass(frozen=True)
class WeightScale:
    """Weight of a code: ``2 ** ((low + code * step) / 256)``.

    Attributes:
        bits: width of a code, 4 or 8.
        low: log2 of code 0's weight, in 1/256 octaves; -32,768 to 32,767.
        step: distance between neighbouring codes, in 1/256 octaves; 1 to 65,535.
    """

    bits: int
    low: int
    step: int

    def __post_init__(self) -> None:
        if self.bits not in (4, 8):
            raise Unwritable("weight-bits", f"Weight codes have 4 or 8 bits, not {self.bits}.")
        if not -32_768 <= self.low <= 32_767:
            raise Unwritable("weight-low", f"A weight scale's low is an int16, not {self.low}.")
        if not 1 <= self.step <= 65_535:
            raise Unwritable("weight-step", f"A weight scale's step is 1 to 65535: {self.step}.")
        if self.low + (2**self.bits - 1) * self.step > MAX_EXPONENT:
            raise Unwritable(
                "weight-step", "A weight scale's largest code lies beyond 2^1023, a double's range."
            )

    @classmethod
    def fit(cls, weights: npt.NDArray[np.float64], *, bits: int = 8) -> WeightScale:
        """Return the finest scale that reaches from the smallest to the largest weight."""
        if weights.size == 0:
            return cls(bits, 0, 1)
        low, high = OCTAVE * np.log2([weights.min(), weights.max()])
        floor = int(np.floor(low))
        step = int(np.ceil((high - floor) / (2**bits - 1)))
        return cls(bits, floor, max(step, 1))

    def encode(self, weights: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
        """Return the code nearest to each weight, on the logarithmic scale; shape kept, uint8.

        Raises:
            Unwritable: if a weight lies more than half a step outside the scale.
        """
        codes = np.rint((OCTAVE * np.log2(weights) - self.low) / self.step)
        if codes.size and (codes.min() < 0 or codes.max() >= 2**self.bits):
            raise Unwritable(
                "weight-range",
                "A weight lies outside the payload's weight scale; leave weight_scale out to have "
                "one fitted.",
                field="weights",
            )
        return codes.astype(np.uint8)

    def decode(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
        """Return the weight of each code; shape kept, float64."""
        exponents = self.low + codes.astype(np.float64) * self.step
        return np.exp2(exponents / OCTAVE)


def pack(codes: npt.NDArray[np.uint8], bits: int) -> bytes:
    """Return the weight stream: one byte per code, or two 4-bit codes per byte, low half first."""
    if bits == 8:
        return codes.tobytes()
    padded = np.zeros(codes.size + codes.size % 2, dtype=np.uint8)
    padded[: codes.size] = codes
    return (padded[0::2] | (padded[1::2] << 4)).tobytes()


def unpack(stream: bytes, count: int, bits: int, offset: int) -> npt.NDArray[np.uint8]:
    """Return the `count` codes of a weight stream of the right size.

    Raises:
        Noncanonical: if the unused half of the last byte is not zero.
    """
    data = np.frombuffer(stream, dtype=np.uint8)
    if bits == 8:
        return data
    codes = np.empty(2 * data.size, dtype=np.uint8)
    codes[0::2] = data & 15
    codes[1::2] = data >> 4
    if codes.size > count and codes[count]:
        raise Noncanonical(
            "padding-bits",
            "The unused half of the last weight byte is not zero.",
            offset=offset,
            field="BLOCK.weights",
        )
    return codes[:count]


def packed_size(count: Count, bits: int) -> Count:
    """Return the size of a weight stream of `count` codes in bytes; of many if that is an array."""
    return count if bits == 8 else (count + 1) // 2
