"""Check that the keys of a manifest in key order ascend, some keys at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow.compute as pc

from ..errors import PipelineError


class KeyOrder:
    """Checks that the keys of each generation ascend strictly, which also makes them unique in it.

    Args:
        generations: pool sizes before each growth and now.
        name: what messages call the manifest.
    """

    def __init__(self, generations: Sequence[int], name: str) -> None:
        self._name = name
        self._ends = list(generations)
        self._position = 0
        self._previous: Any = None

    def follow(self, keys: Any) -> None:
        """Check the next keys, any number of them.

        Raises:
            PipelineError: if one does not ascend.
        """
        while len(keys):
            while self._position == self._ends[0]:  # Several: the first generation may be empty.
                self._ends.pop(0)
                self._previous = None
            here = keys.slice(0, self._ends[0] - self._position)
            keys = keys.slice(len(here))
            if self._previous is not None and here[0].as_py() <= self._previous.as_py():
                self._fail(here[0], self._previous)
            unordered = pc.less_equal(here.slice(1), here.slice(0, len(here) - 1))
            row = pc.index(unordered, True).as_py()
            if row >= 0:
                self._fail(here[row + 1], here[row])
            self._position += len(here)
            self._previous = here[-1]

    def _fail(self, key: Any, previous: Any) -> None:
        raise PipelineError(
            f"The manifest {self._name!r} says that its images are in key order, but the key "
            f"{key.as_py()!r} comes after {previous.as_py()!r}; it was edited or damaged."
        )
