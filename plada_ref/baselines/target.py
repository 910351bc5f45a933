"""The ceiling: all training images of the target, as they are stored."""

from __future__ import annotations

import io

from ..images import ImageRows, ImageSet
from ..storage.location import filesystem
from ..tasks.files import StoredImages
from ..tasks.task import Task
from .baseline import Baseline, LearnImages


def full_target(task: Task, *, learn: LearnImages) -> Baseline:
    """Send the target's training set itself (``full-target``).

    Its bytes are those of the image files, or of lossless PNG files where a library hands out
    arrays; and of the labels, one byte each up to 256 classes, else two. No Zstandard over them:
    PNG and JPEG files are compressed (of the PNG files of CIFAR-10 it saves 2.4 %).

    Args:
        task: the target's training images.
        learn: the student.
    """
    images, labels = task.images, task.labels
    size = sum(stored_size(images, row) for row in range(len(images)))
    return Baseline(
        name="Full target",
        key="full-target",
        bytes=size + len(labels) * (1 if len(task.classes) <= 256 else 2),
        accuracy=learn(images, labels),
        details={"images": len(images)},
    )


def stored_size(images: ImageSet, row: int) -> int:
    """Return the bytes of one image's file; of a PNG file, where a library has no file of it.

    Raises:
        PipelineError: if the image cannot be read.
    """
    if isinstance(images, ImageRows):
        return stored_size(images.images, int(images.rows[row]))
    if isinstance(images, StoredImages):
        url, offset, size = images.locations[row]
        if offset is not None:
            return size
        fs, path = filesystem(url)
        return int(fs.size(path))
    stream = io.BytesIO()
    images.open_image(row).save(stream, "PNG", optimize=True)
    return stream.tell()
