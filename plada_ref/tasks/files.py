"""Tasks in plain files: class folders, and tar shards with class folders in them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fnmatch import fnmatch
from itertools import pairwise

from PIL import Image

from ..errors import Misuse, PipelineError
from ..images import ImageSet
from ..pool.keys import reason_to_skip
from ..pool.location import filesystem
from ..pool.tar import locate
from .task import ALL, Task, from_names


def load_files(spec: str, split: str) -> Task:
    """The task in a directory or a shard; see `plada_ref.tasks.task.load_task`.

    Raises:
        Misuse: if nothing is there, or it has no such split.
        PipelineError: if it holds no image, or images outside class folders.
    """
    name = f"{spec} {split}"
    fs, path = filesystem(spec)
    if path.lower().endswith(".tar") and fs.isfile(path):
        return _undivided(spec, split, _of_shards(name, [spec]))
    if not fs.isdir(path):
        from .known import SETS

        raise Misuse(
            f"There is no task at {spec!r}: give NAME:ROOT with one of the names "
            f"{', '.join(SETS)}; a directory with class folders or with SPLIT.tar files; a .tar "
            "file; torchvision:NAME:ROOT or medmnist:FLAG:ROOT."
        )
    entries = fs.ls(path, detail=True)
    listed = {entry["name"].rstrip("/").rsplit("/", 1)[-1]: entry for entry in entries}
    if listed.get(split, {}).get("type") == "directory":
        return of_folders(name, f"{spec.rstrip('/')}/{split}")
    shards = sorted(
        entry for entry in listed if entry == f"{split}.tar" or fnmatch(entry, f"{split}-*.tar")
    )
    if shards:
        return _of_shards(name, [f"{spec.rstrip('/')}/{shard}" for shard in shards])
    divided = any(entry in ("train", "test", "val") or fnmatch(entry, "*.tar") for entry in listed)
    if divided:
        there = ", ".join(sorted(listed)[:8])
        raise Misuse(f"The task {spec!r} has no split {split!r}; there are {there}.")
    return _undivided(spec, split, of_folders(name, spec))


def _undivided(spec: str, split: str, task: Task) -> Task:
    # Evaluating on the images one has trained on must not happen by a default.
    if split not in ("train", ALL):
        raise Misuse(
            f"The task {spec!r} is not divided into splits, so it has no {split!r}; to use all of "
            f"its images, say --split {ALL}."
        )
    return task


def of_folders(name: str, url: str) -> Task:
    """The images in class folders: ``CLASS/image`` below `url`.

    Raises:
        PipelineError: if an image lies outside any class folder, or there is none.
    """
    fs, base = filesystem(url)
    found: list[tuple[str, str]] = []
    for path in fs.find(base):
        key = path[len(base) :].lstrip("/")
        if reason_to_skip(key) is None:
            found.append((key, path))
    found.sort(key=lambda entry: entry[0].encode())
    prefix = "" if "://" not in url else url.split("://", 1)[0] + "://"
    places = [(prefix + path, None, 0) for _, path in found]
    return _by_folder(name, [key for key, _ in found], StoredImages(places))


def _of_shards(name: str, urls: list[str]) -> Task:
    members = sorted(
        ((member, url) for url in urls for member in locate(url)),
        key=lambda entry: entry[0].key.encode(),
    )
    places = [(url, member.offset, member.size) for member, url in members]
    return _by_folder(name, [member.key for member, _ in members], StoredImages(places))


def _by_folder(name: str, keys: list[str], images: ImageSet) -> Task:
    for key in keys:
        if "/" not in key:
            raise PipelineError(
                f"The task {name!r} holds the image {key!r} outside any class folder; images lie "
                "in CLASS/image."
            )
    for one, other in pairwise(keys):
        if one == other:
            raise PipelineError(f"The task {name!r} holds the image {one!r} twice.")
    if not keys:
        raise PipelineError(f"The task {name!r} holds no image; images lie in CLASS/image.")
    return from_names(name, keys, [key.split("/", 1)[0] for key in keys], images)


class StoredImages:
    """Images in files and in members of tar shards: (url, byte offset, byte size) each.

    An offset of None stands for the whole file.
    """

    def __init__(self, places: Sequence[tuple[str, int | None, int]]) -> None:
        self.places = places

    def __len__(self) -> int:
        return len(self.places)

    def open_image(self, position: int, /) -> Image.Image:
        """The decoded image, in its own mode.

        Raises:
            PipelineError: if the bytes do not decode.
        """
        url, offset, size = self.places[position]
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
