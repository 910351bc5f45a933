"""Read, write and validate `.plada` files: a classification task as pseudo-labels of a shared pool.

Write a payload and read it back; `dump` and `load` do the same with a file:

>>> from pladafmt import Payload, PoolRef, dumps, loads
>>> pool = PoolRef(id=bytes(32), size=1000)
>>> payload = Payload(pool, ["cat", "dog"], positions=[3, 14, 15], labels=[0, 1, 0])
>>> data = dumps(payload)
>>> loads(data) == payload
True

Find out what is wrong with a file, or which part of it owns which bytes, without an exception:

>>> from pladafmt import validate
>>> validate(data).ok, validate(data[:-1]).code
(True, 'truncated')

Write a file in another encoding that means the same; save what is left of a damaged one:

>>> from pladafmt import content_id, rewrite, salvage
>>> smaller = rewrite(data, dense=True)
>>> smaller.content_id == content_id(payload)
True
>>> rescued = salvage(data[:-1])
>>> rescued.same, rescued.images
(True, 3)

Sign, and accept only what a key that you trust has signed (``pip install "pladafmt[sign]"``;
importing `pladafmt` and reading signed files need no extra package):

>>> from pladafmt import PrivateKey, sign, verify
>>> private = PrivateKey.generate()
>>> verify(sign(data, private), [private.public]) == payload
True

Check, before images are used, that the pool is the one that the payload was made for: `check_pool`.

Whatever is wrong with bytes is a `PladaError`. Its subclass says what kind of fault it is, its
``code`` which check of the specification failed, its ``offset`` where:

- `Malformed`, `Noncanonical`, `Corrupt`: the bytes are not a valid file
- `Unsupported`: the file needs a newer reader
- `LimitExceeded`: the file is larger than the caller's `Limits`
- `Unwritable`: no valid file can say this
- `Mismatch`: the pool is not the one that the payload was made for
- `Untrusted`: no key that the caller trusts has signed the file

A key that cannot be used is a `BadKey`, an extra package that is missing an `ImportError`, a file
that cannot be opened an `OSError`. Where numba is missing and would save much time, a
`SlowWarning` says so.

More for those who need it: `pladafmt.signature` tells *who* signed a file, and `pladafmt.testing`
has Hypothesis strategies for payloads and damaged files. `salvage` and `rewrite` are functions of
this package and modules of it as well: import from the modules with ``from pladafmt.salvage import
Salvaged``, for ``import pladafmt.salvage as name`` binds the function.
"""

from .content import content_id
from .errors import (
    Corrupt,
    LimitExceeded,
    Malformed,
    Mismatch,
    Noncanonical,
    PladaError,
    SlowWarning,
    Unsupported,
    Untrusted,
    Unwritable,
)
from .keys import BadKey, PrivateKey, PublicKey
from .limits import Limits
from .payload import Payload, PoolRef
from .pool import check_pool
from .reader import load, loads, read_rule
from .report import Report, validate
from .rewrite import Rewritten, rewrite
from .rules.codes import BadCodes, Codes
from .rules.rule import Rule
from .salvage import Salvaged, salvage
from .signature import sign, verify
from .version import __version__
from .weights import WeightScale
from .writer import dump, dumps

__all__ = [
    "BadCodes",
    "BadKey",
    "Codes",
    "Corrupt",
    "LimitExceeded",
    "Limits",
    "Malformed",
    "Mismatch",
    "Noncanonical",
    "Payload",
    "PladaError",
    "PoolRef",
    "PrivateKey",
    "PublicKey",
    "Report",
    "Rewritten",
    "Rule",
    "Salvaged",
    "SlowWarning",
    "Unsupported",
    "Untrusted",
    "Unwritable",
    "WeightScale",
    "__version__",
    "check_pool",
    "content_id",
    "dump",
    "dumps",
    "load",
    "loads",
    "read_rule",
    "rewrite",
    "salvage",
    "sign",
    "validate",
    "verify",
]
