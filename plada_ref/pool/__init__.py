"""The pool: the ordered, unlabelled images that every client stores already.

::

    source (folders, tar or Parquet shards) -> index_pool -> Manifest
    Manifest + source -> LocalPool -> verified images by position
"""

from pladafmt.merkle import TreeHasher

from .index import index_pool
from .local import BadImage, ChangedImage, LocalPool, MissingImage, UnreadableImage
from .manifest import Manifest
from .source import Source, open_source
from .verify import Verdict, verify_all, verify_sample

__all__ = [
    "BadImage",
    "ChangedImage",
    "LocalPool",
    "Manifest",
    "MissingImage",
    "Source",
    "TreeHasher",
    "UnreadableImage",
    "Verdict",
    "index_pool",
    "open_source",
    "verify_all",
    "verify_sample",
]
