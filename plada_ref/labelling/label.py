"""One pass of a teacher over a pool, in chunks that an interrupted run need not repeat."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from pladafmt.files import is_stream, replacing

from ..compute.context import Compute
from ..compute.device import suitable_batch
from ..compute.ended import ended
from ..compute.progress import Advance
from ..compute.sealed import LENGTH, is_sealed, seal
from ..errors import PipelineError
from ..features.cache import CachedView, FeatureCache
from ..images import PIXELS, ImagePool
from ..limits import limits
from ..models.checkpoint import Checkpoint
from ..models.limits import bounded_batch
from ..models.spec import check_input, classifier
from ..pool import UnreadableImages
from ..training.recipe import Tune
from .chunks import Chunk, label_chunks
from .collapse import warnings
from .score_columns import ScoreColumns, ScoresInFile, ScoresInMemory
from .scores import Labelled, ScoreFacts, Scores, ScoreTable, write_scores
from .sight import Sight

CHUNK = 1024
"""Images per chunk: what an interrupted run, or a lost worker, has to label again at most."""

_MAX_PART = 1 << 20
"""Bytes of a file with a finished chunk; it takes 22 kB."""

_COLUMNS = tuple(column.name for column in fields(Scores))


class Engine(Protocol):
    """Labels chunks somewhere else than in this process, see `plada_ref.ray`."""

    def __call__(
        self,
        pool: ImagePool,
        teacher: Checkpoint,
        chunks: Sequence[range],
        *,
        compute: Compute,
        temperature: float,
        advance: Advance,
    ) -> Iterator[Chunk]:
        """Yield every chunk, in any order.

        Scores are bit for bit those of `label_chunks` with as many threads as torch has here.
        """
        ...


def label(
    pool: ImagePool,
    teacher: Checkpoint,
    *,
    compute: Compute | None = None,
    parts: Path | None = None,
    cache: FeatureCache | None = None,
    engine: Engine | None = None,
    temperature: float = 1.0,
    max_unreadable: float | None = None,
) -> ScoreTable:
    """Stream the pool through the teacher.

    Chunks and the batches in them have fixed borders, so the table does not depend on where a run
    was interrupted, or on who labelled which chunk. A class that gets few or no pseudo-labels, or
    most of them, is warned of.

    Args:
        parts: folder for finished chunks; a repeated call with the same pool, teacher and settings
            goes on with them, on whatever engine. The caller removes it (`forget_parts`) once the
            table is written.
        compute: its batch size belongs to the settings, as do its `departures` and the number of
            torch's threads.
        cache: where to leave the features of a teacher with a frozen backbone (``--tune head``)
            for students with the same backbone; an `engine` leaves none.
        engine: what labels the chunks; this process when None.
        temperature: of the energy, see `plada_ref.labelling.scores.score`.
        max_unreadable: the part of the images that may be skipped since they do not decode; see
            `plada_ref.pool.most_unreadable`.

    Raises:
        PipelineError: if an image has changed or is missing, too many do not decode, the teacher
            gives numbers that are not finite, or `parts` cannot be written.
    """
    compute = compute or Compute()
    columns = ScoresInMemory(len(pool))
    about = _label_into(
        columns, pool, teacher, compute, parts, cache, engine, temperature, max_unreadable
    )
    table = ScoreTable.of(about, columns.scores)
    _warn(compute, table.histogram(), about)
    return table


def label_to(
    path: Path,
    pool: ImagePool,
    teacher: Checkpoint,
    *,
    compute: Compute | None = None,
    parts: Path | None = None,
    cache: FeatureCache | None = None,
    engine: Engine | None = None,
    temperature: float = 1.0,
    max_unreadable: float | None = None,
) -> Labelled:
    """Stream the pool through the teacher into a file: that of `label` and `ScoreTable.write`.

    The scores are never in memory. They take 18 bytes for each image beside the file until it is
    written.

    Args:
        path: of the score table.
        pool, teacher, compute, parts, cache, engine, temperature, max_unreadable: as of `label`.

    Raises:
        PipelineError: as `label` does, or if there is no room for the scores.
        OSError: if the file cannot be written.
    """
    compute = compute or Compute()
    with ScoresInFile(None if is_stream(path) else path.parent, len(pool)) as columns:
        about = _label_into(
            columns, pool, teacher, compute, parts, cache, engine, temperature, max_unreadable
        )
        found = write_scores(path, about, columns.pieces())
    _warn(compute, found.pseudo_labels, about)
    return found


def _warn(compute: Compute, pseudo_labels: npt.NDArray[np.int64], about: ScoreFacts) -> None:
    for warning in warnings(pseudo_labels, about.classes):
        compute.progress.warn(warning)


def _label_into(
    columns: ScoreColumns,
    pool: ImagePool,
    teacher: Checkpoint,
    compute: Compute,
    parts: Path | None,
    cache: FeatureCache | None,
    engine: Engine | None,
    temperature: float,
    max_unreadable: float | None,
) -> ScoreFacts:
    img_size = teacher.preparation.img_size
    asked = compute.batch_size or suitable_batch(compute.device, img_size)
    size = bounded_batch(asked, img_size)
    if size < asked:
        compute.progress.say(
            f"batches of {size} images in place of {asked}: they are of {img_size} pixels"
        )
    compute = replace(compute, batch_size=size)
    if engine is None:
        check_input(teacher.network, teacher.model, teacher.preparation, compute.device)
    chunks = [range(start, min(start + CHUNK, len(pool))) for start in range(0, len(pool), CHUNK)]
    store = _Parts(parts, _binding(pool, teacher, compute, temperature))
    unreadable = UnreadableImages(pool, len(pool), max_unreadable)
    missing = []
    for number, chunk in enumerate(chunks):
        stored = store.load(number)
        if stored is None or len(stored.labels) != len(chunk):
            missing.append(chunk)
        else:
            columns.fill(chunk, stored)
            unreadable.add(stored.unreadable + chunk.start)
    labelled = len(pool) - sum(map(len, missing))
    if labelled:
        compute.progress.say(f"{labelled:,} of {len(pool):,} images are labelled already")
    elif parts is not None and parts.exists() and any(parts.iterdir()):
        compute.progress.say(
            f"Labelling begins anew: what is in {parts} is of another pool, teacher or setting, or "
            "damaged"
        )
    view = _view_for(teacher, cache, compute)
    with compute.progress.track("Labelling", len(pool) - labelled) as advance:
        if engine is None:
            results = label_chunks(
                pool,
                teacher,
                missing,
                compute=compute,
                temperature=temperature,
                keep_features=view is not None,
                advance=advance,
            )
        else:
            results = engine(
                pool, teacher, missing, compute=compute, temperature=temperature, advance=advance
            )
        with ended(results):
            for found in results:
                lost = found.scores.unreadable
                if view is not None and found.features is not None:
                    view.put(np.array(found.positions), found.features, unreadable=lost)
                columns.fill(found.positions, found.scores)
                store.save(found.positions.start // CHUNK, found.scores)
                unreadable.add(lost + found.positions.start)
    unreadable.tell(compute.progress)
    return ScoreFacts(
        pool.ref,
        teacher.class_names,
        teacher.sha256,
        temperature=temperature,
        seen=Sight.of(teacher),
        **compute.departures,
    )


def parts_folder(out: Path) -> Path:
    """Where the chunks of a score table to be written to `out` are kept meanwhile."""
    return out.with_name(f"{out.name}.parts")


def forget_parts(parts: Path) -> None:
    """Remove the chunks of a table that has been written."""
    shutil.rmtree(parts, ignore_errors=True)


def leaves_features(teacher: Checkpoint) -> bool:
    """Whether what a teacher's backbone sees is of use: no student begins with a tuned one."""
    recipe = teacher.facts.get("recipe")
    frozen = isinstance(recipe, dict) and recipe.get("tune") == Tune.HEAD
    return frozen and classifier(teacher.network) is not None


def _view_for(
    teacher: Checkpoint, cache: FeatureCache | None, compute: Compute
) -> CachedView | None:
    if cache is None or not leaves_features(teacher):
        return None
    return cache.view(
        teacher.network, teacher.preparation, flip=False, departures=compute.departures
    )


def _binding(pool: ImagePool, teacher: Checkpoint, compute: Compute, temperature: float) -> str:
    """Everything that a score depends on."""
    about = [
        "plada-label-2",
        pool.ref.id.hex(),
        pool.ref.size,
        teacher.sha256,
        CHUNK,
        compute.batch_size,
        temperature,
        compute.device.type,
        torch.get_num_threads(),
        torch.__version__,
        # Whether an image decodes.
        PIXELS,
        limits().pixels,
        limits().scans,
    ]
    if compute.departures:
        about.append(compute.departures)
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


class _Parts:
    """Finished chunks on disk, one sealed file each, in a folder named for what they depend on."""

    def __init__(self, folder: Path | None, binding: str) -> None:
        self._name = binding[:32]
        self._folder = None if folder is None else folder / self._name

    def load(self, number: int) -> Scores | None:
        if self._folder is None:
            return None
        path = self._path(self._folder, number)
        try:
            if path.stat().st_size > _MAX_PART or not is_sealed(path, self._what(number)):
                return None  # Damaged: label the chunk again.
            with np.load(io.BytesIO(path.read_bytes()[:-LENGTH]), allow_pickle=False) as stored:
                return Scores(**{name: stored[name] for name in _COLUMNS})
        except OSError:
            return None  # Not there.

    def save(self, number: int, scores: Scores) -> None:
        if self._folder is None:
            return
        arrays: dict[str, Any] = {name: getattr(scores, name) for name in _COLUMNS}
        path = self._path(self._folder, number)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                with open(temporary, "wb") as file:
                    np.savez(file, **arrays)
                seal(temporary, self._what(number))
        except FileNotFoundError:
            pass  # Another run with this table as its --out is through, and has tidied up.
        except OSError as exc:
            raise PipelineError(
                f"Finished images cannot be kept in {str(path)!r} ({exc.strerror or exc}); make "
                "room and call the same command again: what was kept before is used."
            ) from exc

    def _what(self, number: int) -> str:
        return f"{self._name} {number}"

    def _path(self, folder: Path, number: int) -> Path:
        return folder / f"{number:08d}.npz"
