"""What a task is, as one digest: keys, classes, labels and every image.

Results are bound to it. A corrected label, or an image that was changed under its old name, makes
another task of it; a folder that was moved or copied does not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..compute.progress import Progress, Silence
from ..errors import PipelineError
from ..images import ImageArrays, ImageRows, ImageSet
from ..storage.location import filesystem
from .files import StoredImages
from .task import Task


def task_digest(task: Task, progress: Progress | None = None) -> str:
    """SHA-256 (hex) of a task's keys, classes, labels and images.

    Images in files count by their bytes, so every one is read once; others by their pixels. Size
    and time of a file would be quicker to look at, and wrong in both directions: copied files have
    other times, and an image that was replaced may have the same.

    Raises:
        PipelineError: if an image cannot be read.
    """
    state = hashlib.sha256(json.dumps(["plada-task-1", task.classes, task.keys]).encode())
    state.update(task.labels.astype("<u2").tobytes())
    rows = np.arange(len(task), dtype=np.int64)
    with (progress or Silence()).track("Reading the task", len(task)) as advance:
        for one in _image_digests(task.images, rows):
            state.update(one)
            advance(1)
    return state.hexdigest()


def _image_digests(images: ImageSet, rows: npt.NDArray[np.int64]) -> Iterator[bytes]:
    if isinstance(images, ImageRows):
        yield from _image_digests(images.images, images.rows[rows])
        return
    for row in rows.tolist():
        if isinstance(images, StoredImages):
            yield hashlib.sha256(_stored(images, row)).digest()
            continue
        if isinstance(images, ImageArrays):
            pixels = np.ascontiguousarray(images.arrays[row])
            about = str(pixels.shape)
            data = pixels.tobytes()
        else:
            image = images.open_image(row)
            about, data = f"{image.mode} {image.size}", image.tobytes()
        yield hashlib.sha256(about.encode() + b"\0" + data).digest()


def _stored(images: StoredImages, row: int) -> bytes:
    url, offset, size = images.locations[row]
    fs, path = filesystem(url)
    span = {} if offset is None else {"start": offset, "end": offset + size}
    try:
        data: bytes = fs.cat_file(path, **span)
    except OSError as exc:
        raise PipelineError(
            f"The task image {url!r} cannot be read ({exc.strerror or exc}); restore or remove it."
        ) from exc
    return data
