"""A frozen backbone: the one place where features of images are computed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ..compute.batches import in_order
from ..compute.context import Compute
from ..compute.copies import Coming, awaited, lent
from ..compute.ended import ended
from ..compute.precision import autocast
from ..compute.progress import Advance
from ..errors import PipelineError
from ..images import ImagePool, ImageRows, ImageSet, in_stretches
from ..models.image_batches import image_batches
from ..models.limits import batch_of
from ..models.preparation import Preparation
from ..models.spec import ModelSpec, build, features
from ..pool import UnreadableImage, UnreadableImages
from ..pool.fetch_ahead import fetch_ahead
from ..tasks.task import Task
from .cache import CachedView, FeatureCache
from .target import Features, Target

STORED = 1024
"""Images whose features are stored together: at most these are lost with an interrupted run."""

POOL_CHUNK = 4096
"""The same where a whole pool is seen, by this process or by others."""

Rows = npt.NDArray[np.int64]


class Seen(NamedTuple):
    """What a backbone sees in some images.

    Attributes:
        positions: their numbers in the set.
        features: shape (n, D), float16; those of unreadable images mean nothing.
        unreadable: which of them do not decode, as numbers from 0, ascending.
    """

    positions: range
    features: Features
    unreadable: Rows


class FeatureEngine(Protocol):
    """Computes features in other processes, see `plada_ref.ray.features`."""

    def __call__(
        self, backbone: Backbone, images: ImageSet, chunks: Sequence[range], *, advance: Advance
    ) -> Iterator[Seen]:
        """Yield every chunk with its features, in any order; bit for bit those of `chunks_of`."""
        ...


@dataclass(frozen=True, eq=False)
class Backbone:
    """A frozen network with its image preparation.

    Attributes:
        network: as `plada_ref.models.spec.build` makes it; its classifier is not used.
        preparation: how its input is made.
        compute: where it runs.
    """

    network: nn.Module
    preparation: Preparation
    compute: Compute

    @property
    def batch_size(self) -> int:
        """Images per pass."""
        return batch_of(self.compute, self.preparation.img_size)

    @classmethod
    def of(cls, spec: ModelSpec, compute: Compute, *, seed: int = 0) -> Backbone:
        """The backbone that a model begins with.

        Args:
            seed: of weights that are drawn because `spec` names none.

        Raises:
            Misuse: if its weights are random, and `spec` does not allow that.
            Misuse, PipelineError: as `plada_ref.models.spec.build` does.
        """
        spec.check_frozen("Comparing images by features")
        return cls(build(spec, 1, seed=seed), spec.preparation(), compute)

    def features(
        self,
        images: ImageSet,
        rows: Rows | None = None,
        *,
        flip: bool = False,
        cache: FeatureCache | None = None,
    ) -> Features:
        """The features of some images of a set, shape (n, D), float16.

        Args:
            rows: numbers of images in `images`, shape (n,); all of them when None.
            flip: see the mirror images.
            cache: of this very set; what it lacks is computed and stored. An interrupted call is
                taken up by the next.

        Raises:
            PipelineError: if an image has changed, is missing or does not decode.
        """
        chosen = np.arange(len(images)) if rows is None else rows
        if cache is not None:
            view = cache.view(
                self.network, self.preparation, flip=flip, departures=self.compute.departures
            )
            self._fill(view, images, chosen, flip)
            return view.get(chosen)
        fetch_ahead(images, chosen, self.compute.progress)
        return np.concatenate(list(self._seen(ImageRows(images, chosen), flip, len(chosen))))

    def views(
        self,
        images: ImageSet,
        rows: Rows | None = None,
        *,
        mirrored: bool,
        cache: FeatureCache | None = None,
    ) -> list[Features]:
        """What a head is fitted to: the features of images and, if `mirrored`, of their mirrors."""
        flips = (False, True) if mirrored else (False,)
        return [self.features(images, rows, flip=flip, cache=cache) for flip in flips]

    def target(self, task: Task, cache: FeatureCache | None = None) -> Target:
        """The features and labels of a task's images."""
        return Target(self.features(task.images, cache=cache), task.labels)

    def pool(
        self,
        pool: ImagePool,
        cache: FeatureCache,
        *,
        engine: FeatureEngine | None = None,
        since: int = 0,
        max_unreadable: float | None = None,
        known_unreadable: int = 0,
    ) -> CachedView:
        """The features of a whole pool in its cache, all of them present but unreadable images'.

        An interrupted call is taken up by the next.

        Args:
            engine: computes the features; this process when None.
            since: the first position that is asked for; those before it may be missing.
            max_unreadable: the part of the images that may be skipped since they do not decode;
                see `plada_ref.pool.most_unreadable`.
            known_unreadable: how many may be skipped whatever the part.

        Raises:
            PipelineError: if an image has changed or is missing, or too many do not decode.
        """
        view = cache.view(
            self.network, self.preparation, flip=False, departures=self.compute.departures
        )
        unreadable = UnreadableImages(pool, len(pool), max_unreadable, known=known_unreadable)
        seen_before = view.unreadable()
        unreadable.add(seen_before)
        chunks = []
        for at in range(since // POOL_CHUNK * POOL_CHUNK, len(pool), POOL_CHUNK):
            chunk = range(max(at, since), min(at + POOL_CHUNK, len(pool)))
            missing = view.missing(np.array(chunk))
            if len(np.setdiff1d(missing, seen_before, assume_unique=True)):
                chunks.append(chunk)
        if not chunks:
            unreadable.tell(self.compute.progress)
            return view
        with self.compute.progress.track("Features", len(pool) - since) as advance:
            advance(len(pool) - since - sum(map(len, chunks)))
            if engine is None:
                results = self._in_stretches(pool, chunks, advance)
            else:
                images = pool.only(np.arange(since, len(pool)))
                results = engine(self, images, chunks, advance=advance)
            with ended(results):
                for chunk, found, lost in results:
                    view.put(np.array(chunk), found, unreadable=lost)
                    unreadable.add(lost + chunk.start)
        unreadable.tell(self.compute.progress)
        return view

    def _in_stretches(
        self, pool: ImagePool, chunks: Sequence[range], advance: Advance
    ) -> Iterator[Seen]:
        on_gpu = self.compute.device.type == "cuda"
        for stretch, images in in_stretches(pool, chunks, long=on_gpu):
            yield from self.chunks_of(images, stretch, advance=advance)

    def chunks_of(
        self,
        images: ImageSet,
        chunks: Sequence[range],
        *,
        flip: bool = False,
        advance: Advance = lambda images: None,
    ) -> Iterator[Seen]:
        """Yield each chunk with the features of its images, in order.

        Batches have fixed borders within a chunk, so features do not depend on where a run was
        interrupted: the last bit of a float may depend on what else is in the batch.

        Raises:
            PipelineError: if an image has changed or is missing.
        """
        computed = self._computed(images, chunks, flip, advance)
        for chunk, found, lost in awaited(computed, self.compute.device):
            yield Seen(chunk, np.concatenate([each.get().numpy() for each in found]), lost)

    def _computed(
        self, images: ImageSet, chunks: Sequence[range], flip: bool, advance: Advance
    ) -> Iterator[tuple[range, list[Coming], Rows]]:
        """As `chunks_of`, with features of each batch, which the device may still compute."""
        compute, size = self.compute, self.batch_size
        batches = [
            chunk[start : start + size] for chunk in chunks for start in range(0, len(chunk), size)
        ]
        incoming = image_batches(
            images, self.preparation, batches, compute, skipped=UnreadableImage
        )
        with lent(self.network, compute.device) as network:
            for chunk in chunks:
                found: list[Coming] = []
                readable: list[torch.Tensor] = []
                # Not around the yield: the caller is not to find itself in inference mode.
                with torch.inference_mode():
                    for _ in range(0, len(chunk), size):
                        pixels, decoded = next(incoming)
                        readable.append(decoded)
                        x = self.preparation.batch(pixels)
                        x = x.flip(-1) if flip else x
                        with autocast(compute.device, compute.passes_in_bfloat16):
                            seen = features(network, x)
                        found.append(Coming(seen.to(torch.float16)))
                        advance(len(pixels))
                yield chunk, found, np.flatnonzero(torch.cat(readable).numpy() == 0)

    def _seen(self, images: ImageSet, flip: bool, stored: int) -> Iterator[Features]:
        """The features of all images of a set in order, `stored` at a time."""
        what = "Features of mirror images" if flip else "Features"
        # A whole number of batches: borders between batches are the same, stored or not.
        size = max(1, stored // self.batch_size) * self.batch_size
        with self.compute.progress.track(what, len(images)) as advance:
            chunks = in_order(len(images), size)
            for chunk, found, lost in self.chunks_of(images, chunks, flip=flip, advance=advance):
                for row in lost.tolist():
                    _refuse(images, chunk[row])
                yield found

    def _fill(self, view: CachedView, images: ImageSet, rows: Rows, flip: bool) -> None:
        """Compute those of `rows` that `view` lacks."""
        missing = view.missing(rows)
        done = 0
        if not len(missing):
            return
        fetch_ahead(images, missing, self.compute.progress)
        for found in self._seen(ImageRows(images, missing), flip, STORED):
            view.put(missing[done : done + len(found)], found)
            done += len(found)


def _refuse(images: ImageSet, row: int) -> None:
    """Raise the error of an image that could not be read."""
    images.open_image(row)
    raise PipelineError("An image could not be read, and now it can; run the command again.")
