"""Read a task from plain files: class folders, or tar shards with class folders in them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fnmatch import fnmatch
from itertools import pairwise
from typing import NamedTuple

from PIL import Image

from ..errors import Misuse, PipelineError
from ..images import ImageSet
from ..pool.keys import reason_to_skip
from ..pool.location import filesystem
from ..pool.tar import locate
from .task import ALL, Task, from_names


def holds_files(spec: str) -> bool:
    """Whether `spec` is a directory or a tar shard, by path or URL.

    Raises:
        Misuse: if the protocol of a URL is unknown.
    """
    fs, path = filesystem(spec)
    return bool(fs.isdir(path)) or _is_shard(spec)


def load_files(spec: str, split: str) -> Task:
    """Load a task from a directory or a shard; see `plada_ref.tasks.load.load_task`.

    Raises:
        Misuse: if it has no such split.
        PipelineError: if it holds no image, or images outside class folders.
    """
    name = f"{spec} {split}"
    fs, path = filesystem(spec)
    if _is_shard(spec):
        return _undivided(spec, split, _of_shards(name, [spec]))
    entries = fs.ls(path, detail=True)
    listed = {entry["name"].rstrip("/").rsplit("/", 1)[-1]: entry for entry in entries}
    if listed.get(split, {}).get("type") == "directory":
        return load_class_folders(name, f"{spec.rstrip('/')}/{split}")
    shards = sorted(
        entry for entry in listed if entry == f"{split}.tar" or fnmatch(entry, f"{split}-*.tar")
    )
    if shards:
        return _of_shards(name, [f"{spec.rstrip('/')}/{shard}" for shard in shards])
    divided = any(entry in ("train", "test", "val") or fnmatch(entry, "*.tar") for entry in listed)
    if divided:
        names = ", ".join(sorted(listed)[:8])
        raise Misuse(f"The task {spec!r} has no split {split!r}; there are {names}.")
    return _undivided(spec, split, load_class_folders(name, spec))


def _is_shard(spec: str) -> bool:
    fs, path = filesystem(spec)
    return path.lower().endswith(".tar") and bool(fs.isfile(path))


def _undivided(spec: str, split: str, task: Task) -> Task:
    # No default may lead to evaluating on the images that a model has learned from.
    if split not in ("train", ALL):
        raise Misuse(
            f"The task {spec!r} is not divided into splits, so it has no {split!r}; to use all of "
            f"its images, say --split {ALL}."
        )
    return task


def load_class_folders(name: str, url: str) -> Task:
    """Load the images in class folders, ``CLASS/image`` below `url`, as a task called `name`.

    Raises:
        PipelineError: if an image lies outside any class folder, or there are no images.
    """
    fs, base = filesystem(url)
    found: list[tuple[str, str]] = []
    for path in fs.find(base):
        key = path[len(base) :].lstrip("/")
        if reason_to_skip(key) is None:
            found.append((key, path))
    found.sort(key=lambda entry: entry[0].encode())
    prefix = "" if "://" not in url else url.split("://", 1)[0] + "://"
    images = StoredImages([Location(prefix + path) for _, path in found])
    return _by_folder(name, [key for key, _ in found], images)


def _of_shards(name: str, urls: list[str]) -> Task:
    members = sorted(
        ((member, url) for url in urls for member in locate(url)),
        key=lambda entry: entry[0].key.encode(),
    )
    locations = [Location(url, member.offset, member.size) for member, url in members]
    return _by_folder(name, [member.key for member, _ in members], StoredImages(locations))


def _by_folder(name: str, keys: list[str], images: ImageSet) -> Task:
    for key in keys:
        if "/" not in key:
            raise PipelineError(
                f"The task {name!r} holds the image {key!r} outside any class folder; put every "
                "image into a folder with the name of its class, as CLASS/image."
            )
    for one, other in pairwise(keys):
        if one == other:
            raise PipelineError(f"The task {name!r} holds the image {one!r} twice.")
    if not keys:
        raise PipelineError(f"The task {name!r} holds no image; put images into CLASS/image.")
    return from_names(name, keys, [key.split("/", 1)[0] for key in keys], images)


class Location(NamedTuple):
    """The bytes of an image: a whole file, or a range of bytes in one.

    Attributes:
        url: path or URL of the file.
        offset: first byte of the range, None for the whole file.
        size: bytes in the range; not used without an offset.
    """

    url: str
    offset: int | None = None
    size: int = 0


class StoredImages:
    """Images in files and in members of tar shards, by number.

    Args:
        locations: the bytes of each image.
    """

    def __init__(self, locations: Sequence[Location]) -> None:
        self.locations = locations

    def __len__(self) -> int:
        return len(self.locations)

    def open_image(self, position: int, /) -> Image.Image:
        """Decode the image with this number, in its own mode.

        Raises:
            PipelineError: if the bytes do not decode.
        """
        url, offset, size = self.locations[position]
        fs, path = filesystem(url)
        if offset is None:
            data = fs.cat_file(path)
        else:
            data = fs.cat_file(path, start=offset, end=offset + size)
        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                return image.copy()
        except Exception as exc:  # Pillow's decoders raise nearly anything on odd bytes.
            where = url if offset is None else f"{url} at byte {offset}"
            raise PipelineError(
                f"The task image {where!r} cannot be decoded ({exc}); restore or remove it."
            ) from exc
