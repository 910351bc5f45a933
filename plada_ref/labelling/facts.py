"""What a Parquet file of ours says of itself: a JSON object in its schema's metadata, checked.

Nothing in a Parquet file protects its footer and the headers of its pages: so the object has a
checksum of itself and of the columns.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pladafmt import PoolRef, json_text
from pladafmt.crc_shift import joined

Columns = Mapping[str, npt.NDArray[Any]]
"""The columns of a file by name, in the order in which they are read."""

_CHECKSUM = "crc32"


class Sum:
    """The checksum of a column, whose values come some at a time."""

    def __init__(self) -> None:
        self._crc = 0
        self._length = 0

    @classmethod
    def of(cls, values: npt.NDArray[Any]) -> Sum:
        """That of a whole column."""
        found = cls()
        found.add(values)
        return found

    def add(self, values: npt.NDArray[Any]) -> None:
        """Take the next values."""
        octets = np.ascontiguousarray(values).data
        self._crc = zlib.crc32(octets, self._crc)
        self._length += octets.nbytes

    def behind(self, crc: int) -> int:
        """The checksum of what has the checksum `crc` and this column behind it."""
        return joined(crc, self._crc, self._length)


def sealed(facts: Mapping[str, Any], columns: Columns) -> bytes:
    """Return facts as they are stored: with a checksum of all of them and of the columns."""
    return sealed_by(facts, {name: Sum.of(values) for name, values in columns.items()})


def sealed_by(facts: Mapping[str, Any], sums: Mapping[str, Sum]) -> bytes:
    """As `sealed`, by the checksum of each column."""
    return json.dumps({**facts, _CHECKSUM: _checksum(facts, sums)}).encode()


def _checksum(facts: Mapping[str, Any], sums: Mapping[str, Sum]) -> int:
    found = zlib.crc32(json.dumps(facts, sort_keys=True).encode())
    for name, column in sums.items():
        found = column.behind(zlib.crc32(name.encode(), found))
    return found


class Facts:
    """The object, whose fields are asked for by name and kind.

    Every method raises ValueError, with a clause, if the field is missing or of another kind.

    Args:
        schema: of the file.
        key: under which its metadata holds the object.

    Raises:
        ValueError: if there is no such object; the message is a clause that says why.
    """

    def __init__(self, schema: pa.Schema, key: bytes) -> None:
        stored = (schema.metadata or {}).get(key)
        if stored is None:
            raise ValueError(f"its metadata has no {key.decode()}")
        value = json_text.parse(stored)
        if not isinstance(value, dict):
            raise ValueError(f"{key.decode()} in its metadata is no object")
        self._checksum = value.pop(_CHECKSUM, None)
        self._value = value

    def check(self, columns: Columns) -> None:
        """Compare facts and columns with their checksum; another program need not write one.

        Raises:
            ValueError: if they are others.
        """
        sums = {name: Sum.of(values) for name, values in columns.items()}
        if self._checksum not in (None, _checksum(self._value, sums)):
            raise ValueError(
                "it does not fit its checksum; a program that changes it leaves "
                f"{_CHECKSUM} out of the metadata"
            )

    def has(self, name: str) -> bool:
        """Whether there is a field of this name."""
        return name in self._value

    def get(self, name: str) -> Any:
        """A field of any kind."""
        if name not in self._value:
            raise ValueError(f"it does not say its {name}")
        return self._value[name]

    def text(self, name: str) -> str:
        """A text."""
        value = self.get(name)
        if not isinstance(value, str):
            raise ValueError(f"its {name} is no text")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """A list of texts."""
        value = self.get(name)
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise ValueError(f"its {name} is no list of texts")
        return tuple(value)

    def object(self, name: str) -> dict[str, Any]:
        """An object."""
        value = self.get(name)
        if not isinstance(value, dict):
            raise ValueError(f"its {name} is no object")
        return value

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self.get(name)
        if type(value) is not int:
            raise ValueError(f"its {name} is no whole number")
        return value

    def flag(self, name: str) -> bool:
        """A truth value, which is not there when it is false."""
        value = self.get(name) if self.has(name) else False
        if not isinstance(value, bool):
            raise ValueError(f"its {name} is neither true nor false")
        return value

    def positive(self, name: str) -> float:
        """A finite number above 0."""
        value = self.get(name)
        if type(value) not in (int, float) or not 0 < value <= 1e300 or not math.isfinite(value):
            raise ValueError(f"its {name} is no number above 0")
        return float(value)

    def pool(self) -> PoolRef:
        """The pool that ``pool_id`` and ``pool_size`` name.

        Raises:
            ValueError: if they name none; it may be a `PladaError`.
        """
        return PoolRef(bytes.fromhex(self.text("pool_id")), self.whole("pool_size"))
