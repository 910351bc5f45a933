"""The spaces in which images are compared: few dimensions, in the target task's own units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ...errors import Misuse
from ...features.target import Target
from ..evidence import Evidence, FeatureRows, Positions

COMPONENTS = 64
"""Dimensions of the principal space. 32 and 256 were measured and are no better."""

_ROWS = 16_384

Vectors = npt.NDArray[np.float32]


def need(evidence: Evidence, ranking: str) -> tuple[FeatureRows, Target]:
    """Return the features and the target images that `ranking` compares.

    Raises:
        Misuse: if there are none.
    """
    if evidence.features is None or evidence.target is None:
        raise Misuse(
            f"The ranking {ranking!r} compares pool images with images of the task: give --task, "
            "--manifest, --pool and --model, so that it can see them."
        )
    return evidence.features, evidence.target


@dataclass(frozen=True, eq=False)
class Projection:
    """An affine map from features to a small space: ``x @ matrix + offset``.

    Attributes:
        matrix: shape (D, d), float32.
        offset: shape (d,), float32.
    """

    matrix: Vectors
    offset: Vectors

    def __call__(self, features: FeatureRows, rows: Positions | None = None) -> Vectors:
        """Map `features` (N, D), or some rows of them; shape (n, d)."""
        count = len(features) if rows is None else len(rows)
        found = np.empty((count, len(self.offset)), dtype=np.float32)
        for start in range(0, count, _ROWS):
            part = slice(start, start + _ROWS)
            some = features[part] if rows is None else features[rows[part]]
            found[part] = some.astype(np.float32) @ self.matrix + self.offset
        return found


def standard(target: Target) -> Projection:
    """To features with the target's mean 0 and deviation 1 in every dimension; d = D."""
    values = target.features.astype(np.float32)
    deviation = values.std(axis=0)
    # A dimension that hardly changes among the target's images must not blow up in the pool's.
    scale = 1 / (deviation + 1e-6 * max(1.0, float(deviation.max())))
    return Projection(np.diag(scale), -values.mean(axis=0) * scale)


def principal(target: Target, components: int = COMPONENTS) -> Projection:
    """To the first principal components of the target's standardised features."""
    base = standard(target)
    values = base(target.features)
    # eigh sorts ascending.
    vectors = np.linalg.eigh(values.T @ values / len(values))[1][:, ::-1][:, :components]
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    return Projection(base.matrix @ vectors, base.offset @ vectors)


def logits(target: Target, classes: int) -> Projection:
    """To the logits of a linear head that is fitted to the target; d = C."""
    from ...features.head import fit_default_head  # torch: other rankings do without.

    head = fit_default_head(target.features, target.labels, classes)
    return Projection(np.ascontiguousarray(head.weight.numpy().T), head.bias.numpy())
