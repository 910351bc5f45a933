"""Compare the images of a source with a manifest."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..images import why_undecodable
from .hashing import hash_images
from .manifest import Manifest
from .shard import OnProgress
from .source import Source


@dataclass(frozen=True)
class Verdict:
    """The result of comparing a source with a manifest.

    Attributes:
        checked: number of the manifest's images that were compared.
        changed: keys whose stored bytes have another digest, in pool order.
        missing: keys that the source does not hold, in pool order.
        extra: keys that the manifest does not list; None when only a sample was checked.
        unreadable: why images that have not changed do not decode, by key; None if they were not
            decoded.
    """

    checked: int
    changed: list[str]
    missing: list[str]
    extra: list[str] | None
    unreadable: dict[str, str] | None = None

    @property
    def good(self) -> bool:
        """Whether the source can serve every checked image. Extra images do not matter."""
        return not self.changed and not self.missing and not self.unreadable


def verify_all(
    manifest: Manifest,
    source: Source,
    *,
    decode: bool = False,
    on_progress: OnProgress | None = None,
) -> Verdict:
    """Hash every image of `source`; progress counts bytes, ``source.size()`` in all.

    Args:
        decode: decode every image as well.

    Raises:
        PipelineError: if the manifest contradicts its own pool id, or a shard is damaged.
    """
    manifest.check()
    found = hash_images(source, decode=decode, on_progress=on_progress)
    row = pc.index_in(manifest.keys, value_set=found.keys).fill_null(-1).to_numpy()
    here = np.flatnonzero(row >= 0)
    differs = (found.digests[row[here]] != manifest.digests[here]).any(axis=1)
    extra = np.ones(len(found.keys), bool)
    extra[row[here]] = False
    changed = manifest.keys.take(pa.array(here[differs])).to_pylist()
    extra_keys = found.keys.filter(pa.array(extra)).to_pylist()
    other = {*changed, *extra_keys} if found.unreadable else set()
    return Verdict(
        checked=len(manifest),
        changed=changed,
        missing=manifest.keys.filter(pa.array(row < 0)).to_pylist(),
        extra=extra_keys,
        unreadable={key: why for key, why in found.unreadable.items() if key not in other}
        if decode
        else None,
    )


def verify_sample(
    manifest: Manifest,
    source: Source,
    count: int,
    *,
    seed: int | None = None,
    decode: bool = False,
    on_progress: OnProgress | None = None,
) -> Verdict:
    """Hash `count` images drawn at random; different ones each time unless `seed` is given.

    Progress counts images.

    Raises:
        PipelineError: if the manifest contradicts its own pool id, or a shard is damaged.
    """
    manifest.check()
    source.prepare()
    count = min(count, len(manifest))
    drawn = np.random.default_rng(seed).choice(len(manifest), size=count, replace=False)
    changed, missing = [], []
    unreadable: dict[str, str] = {}
    for position in np.sort(drawn).tolist():
        key = manifest.key(position)
        try:
            data = source.read(key)
            if hashlib.sha256(data).digest() != manifest.digest(position):
                changed.append(key)
            elif decode and (reason := why_undecodable(data)) is not None:
                unreadable[key] = reason
        except (KeyError, FileNotFoundError):
            missing.append(key)
        if on_progress is not None:
            on_progress(1)
    return Verdict(count, changed, missing, None, unreadable if decode else None)
