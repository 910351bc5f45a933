"""From a backbone's features to codes: principal components, whitened, as int8."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy
from threadpoolctl import threadpool_limits

from pladafmt.files import write_whole

from ..errors import PipelineError

SCALE = 32
"""Codes that make one standard deviation of a component."""

MOST_CODE = 127

CHUNK = 4096
"""Images whose features are in memory at a time, as float64."""

_KEY = "plada_projection"
_LAYOUT = 1

_LEAST_DEVIATION = 1e-3
"""Of the mean deviation of all features. A feature that hardly changes is rounding, and would be
blown up."""

_LEAST_VARIANCE = 1e-6
"""Of the largest component's; below it, components are rounding as well."""

Features = npt.NDArray[np.float16]
CodeRows = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Origin:
    """Where a projection comes from: what is needed to give other images codes of its kind.

    Attributes:
        model: timm's name of the model.
        backbone: SHA-256 of its backbone, in hex, see `plada_ref.models.spec.backbone_digest`.
        preparation: the fields of its `plada_ref.models.preparation.Preparation`.
        seed: of the sample, and of weights that came from no file.
        sample: images that the projection was fitted to.
        pool_id: of the pool whose images they are, in hex.
        versions: of the libraries that made it, by name.
    """

    model: str
    backbone: str
    preparation: Mapping[str, Any]
    seed: int
    sample: int
    pool_id: str
    versions: Mapping[str, str]


@dataclass(frozen=True, eq=False)
class Projection:
    """What makes codes of features: ``round((features - center) @ basis)``, clipped to int8.

    Attributes:
        center: shape (F,), float32.
        basis: shape (F, D), float32; columns by falling variance, so a rule may use the first ones.
        origin: where it comes from.
        images: rows of the code table that it was written with; 0 before that.
        codes_id: id of that table, in hex; empty before that.
        pool_id: of the pool whose images have these codes, in hex; empty where that is not stated.
        unreadable: images among them that do not decode; their codes are zeros.
    """

    center: npt.NDArray[np.float32]
    basis: npt.NDArray[np.float32]
    origin: Origin
    images: int = 0
    codes_id: str = ""
    pool_id: str = ""
    unreadable: int = 0

    @property
    def columns(self) -> int:
        """D, the number of codes of each image."""
        return int(self.basis.shape[1])

    @classmethod
    def fit(
        cls,
        read: Callable[[npt.NDArray[np.int64]], Features],
        rows: npt.NDArray[np.int64],
        columns: int,
        origin: Origin,
    ) -> Projection:
        """Fit a projection to the features of some images.

        Each feature is standardised over the images; the principal components of that are scaled to
        a standard deviation of `SCALE`. There are fewer than `columns` if the features have fewer
        directions. Sums are of float64 in a fixed order and in one thread: the same features and
        libraries on the same processor give the same bytes. Elsewhere the last bits may differ, so
        publishers ship codes, and no client makes them again.

        Args:
            read: gives the features of some of the images, shape (n, F).
            rows: numbers of the images, shape (n,).

        Raises:
            PipelineError: if a feature is not a finite number, or all images look the same.
        """
        with threadpool_limits(limits=1):
            total, products = None, None
            for x in _chunks(read, rows):
                total = x.sum(axis=0) if total is None else total + x.sum(axis=0)
            mean = np.zeros(0) if total is None else total / len(rows)
            for x in _chunks(read, rows):
                x -= mean
                products = x.T @ x if products is None else products + x.T @ x
            if products is None or not products.any():
                raise PipelineError(
                    "All images of the pool look the same to the model, so no codes tell them "
                    "apart; take another --model or other images."
                )
            deviation = np.sqrt(np.diag(products) / len(rows))
            deviation = np.maximum(deviation, _LEAST_DEVIATION * deviation.mean())
            values, vectors = np.linalg.eigh(products / len(rows) / np.outer(deviation, deviation))
        values, vectors = values[::-1], vectors[:, ::-1]
        count = min(columns, int((values > _LEAST_VARIANCE * values[0]).sum()))
        values, vectors = values[:count], vectors[:, :count]
        # A component's sign is the library's choice; this one is ours.
        largest = vectors[np.abs(vectors).argmax(axis=0), np.arange(count)]
        basis = vectors * np.sign(largest) * SCALE / np.sqrt(values) / deviation[:, None]
        return cls(mean.astype(np.float32), basis.astype(np.float32), origin)

    def codes(self, features: Features) -> CodeRows:
        """Return the codes of images with these features, int8 of shape (n, D).

        An image's codes do not depend on what is computed with them, nor on the processor: sums are
        of float64. Only where one lies within its rounding error, some 1e-13, of the border between
        two codes, another library may give the other.

        Args:
            features: shape (n, F).

        Raises:
            PipelineError: if they are not finite, or of another number.
        """
        if features.shape[1:] != self.center.shape:
            raise PipelineError(
                f"The projection is for {len(self.center)} features of {self.origin.model}; these "
                f"are {features.shape[1]}."
            )
        found = np.empty((len(features), self.columns), np.int8)
        basis = self.basis.astype(np.float64)
        with threadpool_limits(limits=1):
            for start in range(0, len(features), CHUNK):
                x = _finite(features[start : start + CHUNK]) - self.center
                x = np.rint(x @ basis).clip(-MOST_CODE, MOST_CODE)
                found[start : start + CHUNK] = x
        return found

    def write(
        self,
        path: str | os.PathLike[str],
        *,
        images: int,
        codes_id: bytes,
        pool_id: str = "",
    ) -> Projection:
        """Write the file, whole or not at all, and return what it holds.

        Args:
            images: rows of the code table that it goes with.
            codes_id: that table's id.
            pool_id: of the pool of these images, in hex.
        """
        stated = replace(self, images=images, codes_id=codes_id.hex(), pool_id=pool_id)
        header: dict[str, Any] = {
            "layout": _LAYOUT,
            "columns": self.columns,
            "codes": {"images": images, "id": stated.codes_id, "pool_id": pool_id},
            **vars(self.origin),
        }
        if self.unreadable:
            header["codes"]["unreadable"] = self.unreadable
        tensors = {"basis": np.ascontiguousarray(self.basis), "center": self.center}
        text = json.dumps(header, sort_keys=True, allow_nan=False)
        write_whole(path, safetensors.numpy.save(tensors, {_KEY: text}))
        return stated

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Projection:
        """Read what `write` made.

        Raises:
            PipelineError: if the file is not there, damaged, or no projection.
        """
        name = os.fspath(path)
        try:
            with safetensors.safe_open(name, framework="numpy") as file:
                header = json.loads((file.metadata() or {})[_KEY])
                center, basis = file.get_tensor("center"), file.get_tensor("basis")
            if header["layout"] != _LAYOUT:
                raise ValueError(f"it is of layout {header['layout']!r:.60}, not {_LAYOUT}")
            if (center.dtype, basis.dtype, center.ndim, basis.ndim) != ("f4", "f4", 1, 2):
                raise ValueError("its numbers are of another kind")
            if len(center) != len(basis) or not (
                np.isfinite(basis).all() and np.isfinite(center).all()
            ):
                raise ValueError("its numbers do not fit together, or are not finite")
            origin = Origin(
                model=str(header["model"]),
                backbone=str(header["backbone"]),
                preparation=dict(header["preparation"]),
                seed=int(header["seed"]),
                sample=int(header["sample"]),
                pool_id=str(header["pool_id"]),
                versions=dict(header["versions"]),
            )
            codes = header["codes"]
            images, codes_id = int(codes["images"]), str(codes["id"])
            pool_id = str(codes.get("pool_id", ""))
            unreadable = int(codes.get("unreadable", 0))
        except FileNotFoundError as exc:
            raise PipelineError(
                f"There is no projection at {name!r}; plada pool codes writes it beside the codes."
            ) from exc
        # safetensors has an error of its own.
        except (safetensors.SafetensorError, OSError, KeyError, TypeError, ValueError) as exc:
            raise PipelineError(
                f"{name!r} is no projection, or it is damaged ({exc}); plada pool codes writes one."
            ) from exc
        return cls(center, basis, origin, images, codes_id, pool_id, unreadable)


def _chunks(
    read: Callable[[npt.NDArray[np.int64]], Features], rows: npt.NDArray[np.int64]
) -> Iterator[npt.NDArray[np.float64]]:
    for start in range(0, len(rows), CHUNK):
        yield _finite(read(rows[start : start + CHUNK]))


def _finite(features: Features) -> npt.NDArray[np.float64]:
    if not np.isfinite(features).all():
        raise PipelineError(
            "The backbone gives features that are not finite numbers of 16 bits; choose other "
            "--weights or another --model."
        )
    return features.astype(np.float64)
