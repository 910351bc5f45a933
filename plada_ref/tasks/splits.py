"""Which folder or shard of a task is a split: ``train``, ``Training`` and ``TRAIN`` are one."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import Misuse

_SPELLINGS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def split_of(name: str) -> str | None:
    """Return ``train``, ``val`` or ``test`` if `name` is a spelling of it, in any case."""
    return _SPELLINGS.get(name.lower())


def find_split(names: Iterable[str], split: str, where: str) -> str | None:
    """Return which of `names` is the split: the one that is spelled so, or another spelling of it.

    Raises:
        Misuse: if there is none that is spelled so, and several that are spelled otherwise.
    """
    listed = sorted(set(names))
    if split in listed:
        return split
    meant = split_of(split) or split.lower()
    found = [name for name in listed if (split_of(name) or name.lower()) == meant]
    if len(found) > 1:
        raise Misuse(
            f"The task {where!r} has {', '.join(map(repr, found))}: say which of them is meant, "
            f"as in --split {found[0]}."
        )
    return found[0] if found else None


def split_folders(holds_folders: dict[str, bool]) -> list[str]:
    """Return which folders are splits, rather than classes that happen to be called so.

    Args:
        holds_folders: whether there are folders in a folder, as in a split, by the folder's name.
    """
    named = [name for name in holds_folders if split_of(name)]
    # "valid" next to "invalid" is a class; "train", or "Training" next to "Testing", never was.
    if any(name == split_of(name) for name in named) or len({*map(split_of, named)}) > 1:
        return named
    return [name for name in named if holds_folders[name]]


def shard_split(name: str) -> str | None:
    """Return the split in a shard's name: ``train`` of ``train.tar`` and of ``train-0003.tar``."""
    stem, dot, suffix = name.rpartition(".")
    if not dot or suffix.lower() != "tar":
        return None
    return stem.partition("-")[0] if split_of(stem.partition("-")[0]) else stem
