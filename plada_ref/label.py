"""One pass of a teacher over a pool, in chunks that an interrupted run need not repeat."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from pladafmt.files import replacing

from .checkpoint import Checkpoint
from .collapse import warnings
from .errors import PipelineError
from .features import CachedView, FeatureCache
from .images import ImagePool
from .loading import PreparedImages, loaded
from .models import classifier, features
from .output import Output
from .recipe import Tune
from .scores import Scores, ScoreTable, score

CHUNK = 1024
"""Images per chunk: what an interrupted run has to label again at most."""

_COLUMNS = ("labels", "energy", "entropy", "margin")


def label(
    pool: ImagePool,
    teacher: Checkpoint,
    *,
    device: torch.device,
    output: Output,
    parts: Path | None = None,
    batch_size: int = 64,
    workers: int | None = None,
    cache: FeatureCache | None = None,
) -> ScoreTable:
    """Stream the pool through the teacher.

    Chunks and the batches in them have fixed borders, so the table does not depend on where a run
    was interrupted. A class that gets few or no pseudo-labels, or most of them, is warned of.

    Args:
        parts: folder for finished chunks; a repeated call with the same pool, teacher and settings
            goes on with them. The caller removes it (`forget_parts`) once the table is written.
        batch_size: images per pass through the model; belongs to the settings.
        workers: processes that decode and verify images; chosen when None.
        cache: where to leave the features of a teacher with a frozen backbone (``--tune head``)
            for students with the same backbone.

    Raises:
        PipelineError: if an image has changed, is missing or unreadable, or the teacher gives
            numbers that are not finite.
    """
    network = teacher.network.to(device).eval()
    chunks = [range(start, min(start + CHUNK, len(pool))) for start in range(0, len(pool), CHUNK)]
    store = _Parts(parts, _binding(pool, teacher, batch_size, device))
    done: dict[int, Scores] = {}
    for number in range(len(chunks)):
        stored = store.load(number)
        if stored is not None:
            done[number] = stored
    view = _view_for(teacher, cache)
    missing = [number for number in range(len(chunks)) if number not in done]
    batches = [
        chunks[number][start : start + batch_size]
        for number in missing
        for start in range(0, len(chunks[number]), batch_size)
    ]
    dataset = PreparedImages(pool, teacher.preparation)
    incoming = loaded(dataset, batches, workers=workers)
    with output.progress("Labelling", len(pool)) as advance, torch.inference_mode():
        advance(sum(len(chunks[number]) for number in done))
        for number in missing:
            logits: list[torch.Tensor] = []
            seen: list[torch.Tensor] = []
            for _ in range(0, len(chunks[number]), batch_size):
                pixels = next(incoming)
                found, z = _forward(network, teacher.preparation.batch(pixels.to(device)))
                logits.append(z.float().cpu())
                seen.append(found.to("cpu", torch.float16))
                advance(len(pixels))
            if view is not None:
                view.put(np.array(chunks[number]), torch.cat(seen).numpy())
            done[number] = score(torch.cat(logits).numpy())
            store.save(number, done[number])
    columns = {
        name: np.concatenate([getattr(done[number], name) for number in range(len(chunks))])
        if chunks
        else getattr(score(np.zeros((0, teacher.class_count), np.float32)), name)
        for name in _COLUMNS
    }
    table = ScoreTable(pool.ref, teacher.class_names, teacher.sha256, **columns)
    for warning in warnings(table.histogram(), table.classes):
        output.warn(warning)
    return table


def parts_folder(out: Path) -> Path:
    """Where the chunks of a score table to be written to `out` are kept meanwhile."""
    return out.with_name(f"{out.name}.parts")


def forget_parts(parts: Path) -> None:
    """Remove the chunks of a table that has been written."""
    shutil.rmtree(parts, ignore_errors=True)


def _forward(network: nn.Module, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """(features, logits). The features are empty for a model without a linear classifier."""
    layer = classifier(network)
    if layer is None:
        return torch.empty(len(x), 0), network(x)
    found = features(network, x)
    return found, layer(found)


def _view_for(teacher: Checkpoint, cache: FeatureCache | None) -> CachedView | None:
    recipe = teacher.facts.get("recipe")
    frozen = isinstance(recipe, dict) and recipe.get("tune") == Tune.HEAD
    # No student begins with a backbone that the teacher has tuned.
    if cache is None or not frozen or classifier(teacher.network) is None:
        return None
    return cache.view(teacher.network, teacher.preparation, flip=False)


def _binding(pool: ImagePool, teacher: Checkpoint, batch_size: int, device: torch.device) -> str:
    """Everything that a score depends on."""
    about = [
        "plada-label-1",
        pool.ref.id.hex(),
        pool.ref.size,
        teacher.sha256,
        CHUNK,
        batch_size,
        device.type,
        torch.get_num_threads(),
        torch.__version__,
    ]
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


class _Parts:
    """Finished chunks on disk, one file each, in a folder named for what they depend on."""

    def __init__(self, folder: Path | None, binding: str) -> None:
        self._folder = None if folder is None else folder / binding[:32]
        if self._folder is not None:
            self._folder.mkdir(parents=True, exist_ok=True)

    def load(self, number: int) -> Scores | None:
        if self._folder is None:
            return None
        try:
            with np.load(self._path(number), allow_pickle=False) as stored:
                return Scores(**{name: stored[name] for name in _COLUMNS})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None  # Not there, or damaged: label the chunk again.

    def save(self, number: int, scores: Scores) -> None:
        if self._folder is None:
            return
        arrays: dict[str, Any] = {name: getattr(scores, name) for name in _COLUMNS}
        with replacing(self._path(number)) as temporary, open(temporary, "wb") as file:
            np.savez(file, **arrays)

    def _path(self, number: int) -> Path:
        if self._folder is None:
            raise PipelineError("There is no folder for parts.")
        return self._folder / f"{number:08d}.npz"
