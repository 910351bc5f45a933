"""Whom fresh files are made for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from ..conversation import ALL_FEATURES, feature_bits
from ..vector import features_of


@dataclass(frozen=True)
class Asked:
    """A client, as far as its fresh files depend on it.

    Attributes:
        seed: of the run.
        features: the required features that it knows.
        limits: the limits that it reads with unless a request has others.
        fixed: whether it reads all files with these limits.
    """

    seed: int
    features: frozenset[str]
    limits: Mapping[str, int]
    fixed: bool = False

    @property
    def bits(self) -> int:
        """The features as a set of bits."""
        return feature_bits(self.features)

    @property
    def knows_rules(self) -> bool:
        """Whether its requests may have what only files with rules need."""
        return "rule" in self.features

    def random(self, role: str, number: int) -> Random:
        """Return what the file with this number is made with, whatever the others are."""
        return Random(f"{self.seed} {role} {number}")

    def can_read(self, data: bytes) -> bool:
        """Whether it has those of the format's features that a file requires."""
        return not set(features_of(data)) & set(ALL_FEATURES) - self.features
