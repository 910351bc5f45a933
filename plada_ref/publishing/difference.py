"""What changed from one payload to another: classes, images, labels, metadata."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pladafmt import Payload


@dataclass(frozen=True)
class Difference:
    """The differences of a new payload from an old one.

    Attributes:
        classes_added, classes_removed: names, in the order of their files.
        images: whether images can be compared: both files are for one pool.
        kept: by class, images that both keep, with the same class.
        added: by class, images that only the new one keeps.
        removed: by class, images that only the old one keeps.
        relabelled: by (class before, class now), images that both keep.
        reweighted: images of `kept` whose weight is another.
        metadata: by path, such as ``teacher.model``: value before and now, None where there is
            none.
    """

    classes_added: tuple[str, ...]
    classes_removed: tuple[str, ...]
    images: bool
    kept: Mapping[str, int]
    added: Mapping[str, int]
    removed: Mapping[str, int]
    relabelled: Mapping[tuple[str, str], int]
    reweighted: int
    metadata: Mapping[str, tuple[Any, Any]]

    @property
    def nothing(self) -> bool:
        """Whether the two mean the same, metadata included."""
        changed = (self.added, self.removed, self.relabelled, self.metadata)
        names = self.classes_added or self.classes_removed
        return self.images and not any(changed) and not names and not self.reweighted

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        relabelled = [
            {"from": before, "to": now, "images": count}
            for (before, now), count in sorted(self.relabelled.items())
        ]
        return {
            "classes_added": list(self.classes_added),
            "classes_removed": list(self.classes_removed),
            "images_compared": self.images,
            "kept": dict(self.kept),
            "added": dict(self.added),
            "removed": dict(self.removed),
            "relabelled": relabelled,
            "reweighted": self.reweighted,
            "metadata": {
                path: {"old": before, "new": now} for path, (before, now) in self.metadata.items()
            },
            "same": self.nothing,
        }


def compare(old: Payload, new: Payload, *, one_pool: bool) -> Difference:
    """Compare two payloads; classes are the same where their names are.

    Args:
        one_pool: a position means the same image in both.
    """
    before, now = old.class_names, new.class_names
    kept: Counter[str] = Counter()
    added: Counter[str] = Counter()
    removed: Counter[str] = Counter()
    relabelled: Counter[tuple[str, str]] = Counter()
    reweighted = 0
    if one_pool:
        _, here, there = np.intersect1d(
            old.positions, new.positions, assume_unique=True, return_indices=True
        )
        was, is_now = old.labels[here].astype(np.int64), new.labels[there].astype(np.int64)
        pairs, counts = np.unique(np.stack([was, is_now], axis=1), axis=0, return_counts=True)
        for (first, second), count in zip(pairs.tolist(), counts.tolist(), strict=True):
            if before[first] == now[second]:
                kept[now[second]] += count
            else:
                relabelled[before[first], now[second]] += count
        added = _by_class(new, there)
        removed = _by_class(old, here)
        reweighted = int((_weights(old)[here] != _weights(new)[there]).sum())
    return Difference(
        tuple(name for name in now if name not in set(before)),
        tuple(name for name in before if name not in set(now)),
        one_pool,
        kept,
        added,
        removed,
        relabelled,
        reweighted,
        _changed(dict(_flat(old.metadata or {})), dict(_flat(new.metadata or {}))),
    )


def _by_class(payload: Payload, common: Any) -> Counter[str]:
    """Count by class the images of a payload that are not among the common ones."""
    alone = np.ones(len(payload.labels), bool)
    alone[common] = False
    counts = np.bincount(payload.labels[alone], minlength=payload.class_count).tolist()
    return Counter(
        {name: count for name, count in zip(payload.class_names, counts, strict=True) if count}
    )


def _weights(payload: Payload) -> Any:
    return np.ones(len(payload.labels)) if payload.weights is None else payload.weights


def _flat(value: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        if isinstance(inner, Mapping) and inner:
            yield from _flat(inner, f"{path}{key}.")
        else:
            yield f"{path}{key}", inner


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    paths = sorted(old.keys() | new.keys())
    return {
        path: (old.get(path), new.get(path)) for path in paths if old.get(path) != new.get(path)
    }
