"""What a payload means, independent of its bytes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, SupportsIndex

import numpy as np
import numpy.typing as npt

from . import names
from .errors import Unwritable
from .limits import MAX_CLASSES, MAX_POSITION
from .weights import WeightScale

Positions = npt.NDArray[np.uint64]
Labels = npt.NDArray[np.uint16]
Weights = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PoolRef:
    """Which pool: its id (32 bytes, the Merkle tree hash of the images) and its size in images."""

    id: bytes
    size: int

    def __post_init__(self) -> None:
        if not isinstance(self.id, bytes) or len(self.id) != 32:
            raise Unwritable("pool-id", "A pool id is exactly 32 bytes.", field="pool.id")
        if not isinstance(self.size, int) or not 0 <= self.size <= MAX_POSITION:
            raise Unwritable(
                "pool-size", f"A pool has 0 to 2^53-1 images, not {self.size}.", field="pool.size"
            )


@dataclass(frozen=True, eq=False, init=False)
class Payload:
    """A task as pseudo-labels: which images of a pool, and which class each one is.

    Args:
        pool: the pool that positions refer to.
        classes: the class names in label order, or only their number (1 to 65,536).
        positions: strictly increasing pool positions, shape (K,); kept as uint64.
        labels: class numbers, shape (K,); kept as uint16.
        weights: optional positive sample weights, shape (K,); kept as float64.
        metadata: optional JSON object (I-JSON, at most 16 levels deep).
        identifiers: optional external identifiers, such as WordNet ids, one per class ("" where a
            class has none). They need class names.
        weight_scale: how weights become codes; None lets the writer fit one.

    Two payloads are equal when all of these are equal.

    Raises:
        Unwritable: if the parts do not fit together.
    """

    pool: PoolRef
    classes: tuple[str, ...] | int
    positions: Positions
    labels: Labels
    weights: Weights | None
    metadata: Mapping[str, Any] | None
    identifiers: tuple[str, ...] | None
    weight_scale: WeightScale | None

    def __init__(
        self,
        pool: PoolRef,
        classes: Sequence[str] | int,
        positions: npt.ArrayLike,
        labels: npt.ArrayLike,
        weights: npt.ArrayLike | None = None,
        metadata: Mapping[str, Any] | None = None,
        *,
        identifiers: Sequence[str] | None = None,
        weight_scale: WeightScale | None = None,
    ) -> None:
        if isinstance(classes, str):
            raise Unwritable(
                "classes",
                "Classes are a list of names or a number, not one string.",
                field="classes",
            )

        def keep(name: str, value: object) -> None:
            object.__setattr__(self, name, value)

        keep("pool", pool)
        keep("classes", int(classes) if isinstance(classes, SupportsIndex) else tuple(classes))
        keep("identifiers", None if identifiers is None else tuple(identifiers))
        self._check_classes()
        keep("positions", _integers(positions, np.uint64, MAX_POSITION, "positions"))
        keep("labels", _integers(labels, np.uint16, MAX_CLASSES - 1, "labels"))
        self._check_images()
        keep("weights", None if weights is None else _weights(weights, self.kept))
        keep("weight_scale", weight_scale)
        if weights is None and weight_scale is not None:
            raise Unwritable(
                "weight-scale", "A weight scale without weights has no meaning.", field="weights"
            )
        keep("metadata", metadata)

    @classmethod
    def of_checked(cls, **parts: Any) -> Payload:
        """Return a payload of parts that a reader has checked already, in their kept types.

        Checking them again would take a tenth of the time of reading. For `pladafmt` only.
        """
        payload = object.__new__(cls)
        for name, value in parts.items():
            object.__setattr__(payload, name, value)
        return payload

    def _check_classes(self) -> None:
        if not 1 <= self.class_count <= MAX_CLASSES:
            raise Unwritable(
                "class-count",
                f"A payload has 1 to 65,536 classes, not {self.class_count}.",
                field="classes",
            )
        if not isinstance(self.classes, int):
            _check_names(self.classes, "class name", may_be_empty=False)
        if self.identifiers is None:
            return
        if isinstance(self.classes, int) or len(self.identifiers) != self.class_count:
            raise Unwritable(
                "identifiers",
                "Identifiers need class names, one identifier for each.",
                field="identifiers",
            )
        _check_names(self.identifiers, "identifier", may_be_empty=True)

    def _check_images(self) -> None:
        if self.labels.shape != self.positions.shape:
            raise Unwritable(
                "labels-shape",
                f"There are {self.positions.size} positions but {self.labels.size} labels; each "
                "kept image has one label.",
                field="labels",
            )
        if self.positions.size == 0:
            return
        if int(self.positions[-1]) >= self.pool.size:
            raise Unwritable(
                "position-range",
                f"Position {self.positions[-1]} lies outside a pool of {self.pool.size} images.",
                field="positions",
            )
        rises = self.positions[1:] > self.positions[:-1]
        if not rises.all():
            at = int(rises.argmin())
            raise Unwritable(
                "position-order",
                f"Positions must strictly increase: {self.positions[at + 1]} follows "
                f"{self.positions[at]}.",
                field="positions",
            )
        if int(self.labels.max()) >= self.class_count:
            raise Unwritable(
                "label-range",
                f"Label {self.labels.max()} does not exist among {self.class_count} classes.",
                field="labels",
            )

    @property
    def kept(self) -> int:
        """K, the number of kept images."""
        return int(self.positions.size)

    @property
    def class_count(self) -> int:
        """C, the number of classes."""
        return self.classes if isinstance(self.classes, int) else len(self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class names, or "0", "1", ... when the classes are unnamed."""
        if isinstance(self.classes, int):
            return tuple(map(str, range(self.classes)))
        return self.classes

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Payload):
            return NotImplemented
        if (self.weights is None) != (other.weights is None):
            return False
        return (
            (self.pool, self.classes, self.identifiers, self.weight_scale)
            == (other.pool, other.classes, other.identifiers, other.weight_scale)
            and self.metadata == other.metadata
            and np.array_equal(self.positions, other.positions)
            and np.array_equal(self.labels, other.labels)
            and (
                self.weights is None
                or other.weights is None
                or np.array_equal(self.weights, other.weights)
            )
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside: compare, do not hash


def _check_names(values: Sequence[str], what: str, *, may_be_empty: bool) -> None:
    if not all(isinstance(value, str) for value in values):
        raise Unwritable("classes", f"Each {what} is a string.", field="classes")
    found = names.complaint(values, what=what, may_be_empty=may_be_empty)
    if found is not None:
        raise Unwritable(*found, field="classes")


def _integers(values: Any, dtype: type[np.integer[Any]], most: int, what: str) -> npt.NDArray[Any]:
    """Return `values` as a flat, read-only array of `dtype` after checking range and kind."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise Unwritable(f"{what}-shape", f"The {what} form one flat list.", field=what)
    if array.size:
        if array.dtype.kind not in "iu":
            raise Unwritable(
                f"{what}-type", f"The {what} are integers, not {array.dtype}.", field=what
            )
        low = int(array.min()) if array.dtype.kind == "i" else 0
        high = int(array.max()) if np.iinfo(array.dtype).max > most else 0
        if low < 0 or high > most:
            wrong = low if low < 0 else high
            raise Unwritable(
                f"{what}-range", f"The {what} lie in 0 to {most}; {wrong} does not.", field=what
            )
    # A read-only array of the right type is shared: nobody can change it under the payload.
    shared = array.dtype == dtype and not array.flags.writeable
    array = array.astype(dtype, copy=not shared)
    array.setflags(write=False)
    return array


def _weights(values: Any, kept: int) -> Weights:
    array = np.array(values, dtype=np.float64)
    if array.shape != (kept,):
        raise Unwritable(
            "weights-shape",
            f"{kept} kept images need {kept} weights, not {array.size}.",
            field="weights",
        )
    if not (np.isfinite(array) & (array > 0)).all():
        raise Unwritable("weights-range", "Weights are finite and above zero.", field="weights")
    array.setflags(write=False)
    return array
