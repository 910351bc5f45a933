"""Symmetric quantisation by rows: a few bits per value, and one scale per row."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..errors import Misuse, PipelineError
from .frames import Reader

BITS = range(2, 9)

CANDIDATES = 32
"""Scales that are tried per row, evenly spaced up to the one that clips nothing. With 8 bits that
one is nearly always best; with 2 bits it would round nearly all values to zero."""

Values = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Rows:
    """Quantised rows; a value is its code times its row's scale.

    Attributes:
        codes: whole numbers from -m to m with m = 2^(bits-1) - 1, int8 of shape (n, d).
        scales: float16 of shape (n,).
    """

    codes: npt.NDArray[np.int8]
    scales: npt.NDArray[np.float16]

    @property
    def values(self) -> Values:
        """The weights that the codes mean, float32 of shape (n, d)."""
        found: Values = self.codes * self.scales.astype(np.float32)[:, None]
        return found

    def parts(self) -> list[bytes]:
        """The codes, one byte each (what `frames.compress` makes of few different bytes is no
        larger than of packed bits), then the scales.
        """
        return [self.codes.tobytes(), self.scales.astype("<f2").tobytes()]

    @classmethod
    def read(cls, reader: Reader, rows: int, width: int) -> Rows:
        """Read what `parts` gave.

        Raises:
            PipelineError: if it ends too early, or is something else.
        """
        codes = reader.array("i1", rows * width).reshape(rows, width)
        scales = reader.array("<f2", rows).astype(np.float16)
        if not np.isfinite(scales).all():
            raise reader.refuse("a scale is not a finite number")
        return cls(codes, scales)


def quantise(values: Values, bits: int) -> Rows:
    """Quantise the rows of `values`, shape (n, d), each with the scale of least squared error.

    Raises:
        Misuse: if `bits` is not 2 to 8.
        PipelineError: if a value is not a finite number, or too large for a float16 scale.
    """
    if bits not in BITS:
        raise Misuse(f"Values are quantised to 2 to 8 bits, not {bits}.")
    most = 2 ** (bits - 1) - 1
    widest = half(np.abs(values).max(axis=1, initial=0.0) / most)
    best = Rows(np.zeros(values.shape, dtype=np.int8), np.zeros_like(widest))
    least = np.square(values).sum(axis=1, dtype=np.float64)
    for step in range(CANDIDATES, 0, -1):
        scales = (widest * np.float16(step / CANDIDATES)).astype(np.float16)
        # A row of zeros, or of values below what a float16 can scale, stays zero.
        divisor = np.where(scales > 0, scales, np.float16(np.inf)).astype(np.float32)[:, None]
        codes = np.rint(values / divisor).clip(-most, most).astype(np.int8)
        tried = Rows(codes, scales)
        error = np.square(tried.values - values).sum(axis=1, dtype=np.float64)
        better = error < least
        best.codes[better], best.scales[better] = codes[better], scales[better]
        least = np.where(better, error, least)
    return best


def half(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float16]:
    """The values as float16.

    Raises:
        PipelineError: if one is not a finite number as float16, which ends at 65,504.
    """
    with np.errstate(over="ignore"):
        found = values.astype(np.float16)
    if not np.isfinite(found).all():
        raise PipelineError(
            "A weight is not a finite number, or is too large for float16; train the model again, "
            "with a smaller --lr or a larger --head-decay."
        )
    return found
