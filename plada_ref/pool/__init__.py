"""The pool: the ordered, unlabelled images that every client stores already.

::

    source (folders, tar or Parquet shards) -> index_pool -> Manifest
    Manifest + source -> LocalPool -> verified images by position
    ManifestFile + source -> StoredPool -> the same for some positions, without the rest in memory
"""

from pladafmt.merkle import TreeHasher

from .index import index_pool
from .local import (
    BadImage,
    ChangedImage,
    LocalPool,
    MissingImage,
    StoredPool,
    UnreadableImage,
    VerifiedImages,
)
from .manifest import Manifest
from .manifest_file import ManifestFile
from .source import Source, open_source
from .verify import Verdict, verify_all, verify_sample

__all__ = [
    "BadImage",
    "ChangedImage",
    "LocalPool",
    "Manifest",
    "ManifestFile",
    "MissingImage",
    "Source",
    "StoredPool",
    "TreeHasher",
    "UnreadableImage",
    "Verdict",
    "VerifiedImages",
    "index_pool",
    "open_source",
    "verify_all",
    "verify_sample",
]
