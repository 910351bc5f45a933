"""Read a task from plain files: class folders, or tar shards with class folders in them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from PIL import Image

from ..errors import Misuse, PipelineError
from ..images import TASK_SUFFIXES, Undecodable, decode
from ..limits import check_image
from ..storage.location import filesystem, reachable
from .listing import (
    Listing,
    Location,
    counted,
    is_hidden,
    list_entries,
    list_folder,
    list_shards,
    url_of,
)
from .splits import find_split, shard_split, split_folders, split_of
from .task import ALL, Task, from_names

AS_IT_IS = "folders"
"""``folders:DIR`` takes the folders of DIR for classes even if they look like something else."""


def holds_files(spec: str) -> bool:
    """Whether `spec` is a directory or a tar shard, by path or URL.

    Raises:
        Misuse: if the protocol of a URL is unknown, or it is a file of another kind.
        PipelineError: if a server cannot be reached.
    """
    fs, path = filesystem(spec)
    with reachable(spec):
        if fs.isdir(path) or _is_shard(spec):
            return True
        is_file = fs.isfile(path)
    if is_file:
        raise Misuse(
            f"The file {spec!r} is no task: a shard is an uncompressed .tar file, so decompress "
            f"it; a zip file with class folders is read as zip://::{spec}"
        )
    return False


def load_files(spec: str, split: str, *, as_it_is: bool = False) -> Task:
    """Load a task from a directory or a shard; see `plada_ref.tasks.load.load_task`.

    Args:
        as_it_is: accept class folders that look like something else: a single one, or folders of
            folders; with the split `ALL`, also ones that are called like splits.

    Raises:
        Misuse: if it has no such split, or its folders do not look like classes.
        PipelineError: if it holds no image, images outside class folders, a class folder without
            images, or a folder that cannot be listed.
    """
    whole = as_it_is and split == ALL
    listing = _list_shard(spec, split, whole) if _is_shard(spec) else _list(spec, split, whole)
    if not as_it_is:
        _check_layout(spec, split, listing)
    return _of_listing(f"{spec} {split}", listing)


def _is_shard(spec: str) -> bool:
    fs, path = filesystem(spec)
    return path.lower().endswith(".tar") and bool(fs.isfile(path))


def _list_shard(spec: str, split: str, whole: bool) -> Listing:
    """List a split of a single shard, ``SPLIT/CLASS/image``, or the whole of it."""
    listing = list_shards([spec])
    if whole:
        return listing
    deep = {key.partition("/")[0]: False for key, _ in listing.images if "/" in key}
    deep |= {key.partition("/")[0]: True for key, _ in listing.images if key.count("/") > 1}
    named = _named(deep, split) or split_folders(deep)
    if not named:
        _check_undivided(spec, split)
        return listing
    folder = find_split(named, split, spec)
    if folder is None:
        raise _no_split(spec, split, list(deep))
    return listing.below(folder)


def _list(spec: str, split: str, whole: bool) -> Listing:
    """List a split of a directory, or the whole of it."""
    if whole:
        return list_folder(spec)
    fs, path = filesystem(spec)
    folders: dict[str, str] = {}
    shards: dict[str, str] = {}
    for name, place, kind in list_entries(fs, path):
        if kind == "folder" and not is_hidden(name):
            folders[name] = place
        elif kind == "file" and (part := shard_split(name)) is not None:
            shards[place] = part
    named = _named(folders, split) or split_folders(
        {name: _holds_folders(fs, place) for name, place in folders.items() if split_of(name)}
    )
    folder = find_split(named, split, spec)
    if folder is not None:
        listing = list_folder(url_of(spec, folders[folder]))
        also = sorted(place for place, of in shards.items() if split_of(of) == split_of(folder))
        if also and split_of(folder):
            listing.warnings.append(
                f"The task {spec!r} has the folder {folder!r} and the shard {_name(also[0])!r} of "
                "the same split: the folder is used, and the shard is not."
            )
        return listing
    part = find_split(shards.values(), split, spec)
    if part is not None:
        chosen = sorted(place for place, of in shards.items() if of == part)
        return list_shards(url_of(spec, place) for place in chosen)
    if named or shards:
        raise _no_split(spec, split, [*folders, *map(_name, shards)])
    _check_undivided(spec, split)
    return list_folder(spec)


def _named(folders: Iterable[str], split: str) -> list[str]:
    """Return the folder that is called so: under its very name, a split may have any name."""
    return [name for name in folders if name == split]


def _name(place: str) -> str:
    return place.rsplit("/", 1)[-1]


def _holds_folders(fs: Any, path: str) -> bool:
    return any(kind == "folder" and not is_hidden(name) for name, _, kind in list_entries(fs, path))


def _no_split(spec: str, split: str, there: Sequence[str]) -> Misuse:
    names = ", ".join(sorted(there)[:8])
    return Misuse(
        f"The task {spec!r} has no split {split!r}; there are {names}. If these are its classes, "
        f"write {AS_IT_IS}:{spec} and --split {ALL}."
    )


def _check_undivided(spec: str, split: str) -> None:
    # No default may lead to evaluating on the images that a model has learned from.
    if split not in ("train", ALL):
        raise Misuse(
            f"The task {spec!r} is not divided into splits, so it has no {split!r}; to use all of "
            f"its images, say --split {ALL}."
        )


def _check_layout(spec: str, split: str, listing: Listing) -> None:
    """Check that the folders look like classes.

    Raises:
        Misuse: if there is a single one, or every image lies deeper than in a class, among several
            folders.
    """
    inner: dict[str, set[tuple[str, ...]]] = {}
    for key, _ in listing.images:
        name, *between, _ = key.split("/") if "/" in key else ("", "")
        inner.setdefault(name, set()).add(tuple(between))
    insist = f"If it is meant to, write {AS_IT_IS}:{spec}."
    if all(() not in folders for folders in inner.values()):
        for name in sorted(inner):
            place, below = _unwrapped(name, inner[name])
            if () not in below:
                raise Misuse(
                    f"The images of the task {spec!r} lie too deep: its classes would be "
                    f"{_some(inner)}, and there are {_some({first for first, *_ in below})} in "
                    f"{place!r}. Name the folder that the class folders lie in. {insist}"
                )
    if len(inner) == 1 and "" not in inner and split != ALL:
        raise Misuse(
            f"The task {spec!r} has a single class, {next(iter(inner))!r}; put the images of each "
            f"class into a folder of its own, as CLASS/image. {insist}"
        )


def _unwrapped(place: str, below: set[tuple[str, ...]]) -> tuple[str, set[tuple[str, ...]]]:
    """Go down from a folder as long as all images lie in a single folder of it.

    Args:
        below: the folders that lead from `place` to images.

    Returns:
        The folder that has images, or several folders, and what lies below it.
    """
    while () not in below and len({first for first, *_ in below}) == 1:
        place += f"/{next(iter(below))[0]}"
        below = {tuple(rest) for _, *rest in below}
    return place, below


def _some(names: Any) -> str:
    ordered = sorted(names)
    return ", ".join(map(repr, ordered[:4])) + (", ..." if len(ordered) > 4 else "")


def load_class_folders(name: str, url: str) -> Task:
    """Load the images in class folders, ``CLASS/image`` below `url`, as a task called `name`.

    Raises:
        PipelineError: if an image lies outside any class folder, there are no images, a class
            folder has none, or a folder cannot be listed.
    """
    return _of_listing(name, list_folder(url))


def _of_listing(name: str, listing: Listing) -> Task:
    found = sorted(listing.images, key=lambda entry: entry[0].encode())
    keys = [key for key, _ in found]
    for key in keys:
        if "/" not in key:
            raise PipelineError(
                f"The task {name!r} holds the image {key!r} outside any class folder; put every "
                "image into a folder with the name of its class, as CLASS/image."
            )
    for one, other in pairwise(keys):
        if one == other:
            raise PipelineError(
                f"The task {name!r} holds the image {one!r} twice, as after tar -r; keep one of "
                "them in its shards."
            )
    skipped = listing.skipped()
    if not keys:
        left_out = f" ({counted(skipped)})" if skipped else ""
        raise PipelineError(
            f"The task {name!r} holds no image{left_out}; put images into CLASS/image."
        )
    empty = listing.empty_folders()
    if empty:
        more = f" (and {len(empty) - 1:,} others have none)" if len(empty) > 1 else ""
        reasons = listing.left_out[empty[0]]
        lies_there = (
            f"what lies there is left out: {counted(reasons)}" if reasons else "it is empty"
        )
        raise PipelineError(
            f"The class folder {empty[0]!r} of the task {name!r} holds no image{more}; "
            f"{lies_there}. Names of images end in {', '.join(sorted(TASK_SUFFIXES))}. Put images "
            "into it, or remove it."
        )
    images = StoredImages([place for _, place in found])
    task = from_names(name, keys, [key.split("/", 1)[0] for key in keys], images)
    return replace(task, skipped=skipped, warnings=tuple(listing.warnings))


class StoredImages:
    """Images in files and in members of tar shards, by number.

    Args:
        locations: the bytes of each image.
        what: what errors call one of them.
    """

    def __init__(self, locations: Sequence[Location], *, what: str = "task image") -> None:
        self.locations = locations
        self.what = what

    def __len__(self) -> int:
        return len(self.locations)

    def called(self, number: int, /) -> str:
        """What a sentence calls an image."""
        url, offset, _ = self.locations[number]
        return f"The {self.what} {url if offset is None else f'{url} at byte {offset}'!r}"

    def open_image(self, position: int, /) -> Image.Image:
        """Decode the image with this number; see `plada_ref.images.decode`.

        Raises:
            PipelineError: if the file cannot be read, or its bytes do not decode.
        """
        url, offset, size = self.locations[position]
        where = url if offset is None else f"{url} at byte {offset}"
        fs, path = filesystem(url)
        try:
            with reachable(url):
                if offset is None:
                    size = int(fs.info(path).get("size") or 0)
                check_image(path, size, where)
                if offset is None:
                    data = fs.cat_file(path)
                else:
                    data = fs.cat_file(path, start=offset, end=offset + size)
        except OSError as exc:
            raise PipelineError(
                f"The {self.what} {where!r} cannot be read ({exc.strerror or exc}); restore or "
                "remove it."
            ) from exc
        try:
            return decode(data)
        except Undecodable as exc:
            raise PipelineError(
                f"The {self.what} {where!r} cannot be decoded ({exc}); restore or remove it."
            ) from exc
