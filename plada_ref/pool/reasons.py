"""Why files are left out of a pool, and images refused, in words for people."""

from __future__ import annotations

_WHY = {
    "hidden": "their names or folders begin with a dot",
    "link": "links are not part of a pool; copy the images themselves, with cp -rL",
    "linked-folder": "links are not part of a pool; name the folder itself as a source",
    "no-bytes": "the rows name a file instead of holding the image; in Hugging Face datasets, "
    "push_to_hub embeds the images, and to_parquet after datasets.table.embed_table_storage",
    "not-a-file": "links, devices and the like",
    "not-an-image": "by the ending of their names",
    "unsafe-name": "absolute, with .. or control characters, or not UTF-8",
}

BASE_NAMES = (
    "If they are different images that have lost their folders, as in shards that Hugging Face "
    "datasets wrote, add #rows to the shards, as in 'data/*.parquet#rows': keys are then made of "
    "the shard's name and the row's number."
)


ONLY_BASE_NAMES = (
    "Parquet shards name their images without folders, as those of Hugging Face datasets do. The "
    "pool is in the order of these names, so it is another pool than that of a folder which sorts "
    "the same images by class."
)

UNUSABLE_PATHS = (
    "Some rows of Parquet shards name their image by a path that is no key: absolute, with .. or "
    "with control characters. Their keys are made of the shard's name and the row's number."
)


def why(reason: str) -> str:
    """Return what the reason to leave a file out means, as a clause."""
    return _WHY[reason]
