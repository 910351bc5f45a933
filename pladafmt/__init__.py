"""Read, write and validate `.plada` files: a classification task as pseudo-labels of a shared pool.

>>> from pladafmt import Payload, PoolRef, dumps, loads
>>> pool = PoolRef(id=bytes(32), size=1000)
>>> payload = Payload(pool, ["cat", "dog"], positions=[3, 14, 15], labels=[0, 1, 0])
>>> loads(dumps(payload)) == payload
True
"""

from .content import content_id
from .errors import (
    Corrupt,
    LimitExceeded,
    Malformed,
    Mismatch,
    Noncanonical,
    PladaError,
    Unsupported,
    Untrusted,
    Unwritable,
)
from .limits import Limits
from .payload import Payload, PoolRef
from .pool import check_pool
from .reader import load, loads
from .report import Report, validate
from .weights import WeightScale
from .writer import dump, dumps

__all__ = [
    "Corrupt",
    "LimitExceeded",
    "Limits",
    "Malformed",
    "Mismatch",
    "Noncanonical",
    "Payload",
    "PladaError",
    "PoolRef",
    "Report",
    "Unsupported",
    "Untrusted",
    "Unwritable",
    "WeightScale",
    "check_pool",
    "content_id",
    "dump",
    "dumps",
    "load",
    "loads",
    "validate",
]
