"""The pool: the ordered, unlabelled images that every client stores already.

::

    source (folders, tar or Parquet shards) -> index_pool -> Manifest
    Manifest + source -> MemoryPool -> verified images by position
    ManifestFile + source -> DiskPool -> the same, with some images at a time in memory
"""

from pladafmt.merkle import TreeHasher

from .disk_pool import DiskPool
from .image_errors import BadImage, ChangedImage, MissingImage, UnreadableImage
from .index import IndexedPool, index_pool
from .manifest import Manifest
from .manifest_file import ManifestFile
from .memory_pool import MemoryPool
from .open import open_pool, open_remembered
from .source import Source, open_source
from .sources_file import remember, remembered, sources_beside
from .unreadable import UnreadableImages, most_unreadable
from .verified import VerifiedImages
from .verify import Verdict, verify_all, verify_sample

__all__ = [
    "BadImage",
    "ChangedImage",
    "DiskPool",
    "IndexedPool",
    "Manifest",
    "ManifestFile",
    "MemoryPool",
    "MissingImage",
    "Source",
    "TreeHasher",
    "UnreadableImage",
    "UnreadableImages",
    "Verdict",
    "VerifiedImages",
    "index_pool",
    "most_unreadable",
    "open_pool",
    "open_remembered",
    "open_source",
    "remember",
    "remembered",
    "sources_beside",
    "verify_all",
    "verify_sample",
]
