"""The scores of a rule, as matrix products small enough to stay in their thread and its cache."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

ROWS = 32
"""Images of one product."""

_PRODUCT = 1 << 18
"""Most multiplications of one product. OpenBLAS has kernels for so few, which copy nothing. For
more it starts threads, which hold each other up where several threads ask for products."""

Floats = npt.NDArray[np.float32]
Integers = npt.NDArray[np.signedinteger[Any]]


class Scorer:
    """Computes scores. Threads may share it.

    Args:
        weights: shape (C, d).
        biases: shape (C,). Every partial sum of a score is below 2^24 (`Rule.is_exact`), so it is
            exact in single precision, whatever the order.
    """

    def __init__(self, weights: Integers, biases: Integers) -> None:
        self._classes, self._columns = weights.shape
        most = _PRODUCT // (ROWS * self._columns)
        # Each a copy in the order of C: a view of all classes would have the cache read in strides.
        self._strips = [
            weights[first : first + most].T.astype(np.float32, order="C")
            for first in range(0, self._classes, most)
        ]
        self._biases = biases.astype(np.float32)

    def __call__(self, codes: npt.NDArray[np.int8]) -> Floats:
        """Return the score of each class for each image, shape (n, C).

        Args:
            codes: rows of a code table, shape (n, D), D at least d.
        """
        images = len(codes)
        products = -(-images // ROWS)
        inputs = np.empty((products * ROWS, self._columns), np.float32)
        inputs[:images] = codes[:, : self._columns]
        inputs[images:] = 0
        scores = self.multiply(inputs.reshape(products, ROWS, self._columns))
        scores += self._biases
        return scores.reshape(-1, self._classes)[:images]

    def multiply(self, inputs: Floats) -> Floats:
        """Return the sums of weight times code, shape (products, ROWS, C).

        Args:
            inputs: codes as float32, shape (products, ROWS, d).
        """
        scores = np.empty((*inputs.shape[:2], self._classes), np.float32)
        first = 0
        for strip in self._strips:
            after = first + strip.shape[1]
            np.matmul(inputs, strip, out=scores[:, :, first:after])
            first = after
        return scores
