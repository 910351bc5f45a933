"""What a Parquet file of ours says of itself: a JSON object in its schema's metadata, checked."""

from __future__ import annotations

import math
from typing import Any

import pyarrow as pa

from pladafmt import PoolRef, json_text


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
        self._value = value

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
