"""Shards of photographs for the parts that decode them."""

from __future__ import annotations

from . import child, material
from .settings import Settings

SIZES = {64: (64, 64), 224: (375, 500)}
"""Input size in pixels: height and width of the stored images, as Tiny-ImageNet and ImageNet."""


def photo_shard(settings: Settings, size: int, images: int, copies: int = 1) -> str:
    """Write a shard of photographs for one of `SIZES`, and return its path.

    Args:
        images: that are made.
        copies: members of the shard that hold each.
    """
    height, width = SIZES[size]
    shard = str(settings.work / f"photos-{size}.tar")
    child.run(
        material.write_photo_shard,
        out=shard,
        images=images,
        height=height,
        width=width,
        seed=settings.seed,
        copies=copies,
    )
    return shard
