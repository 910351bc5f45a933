"""Which tests run beside each other under pytest-xdist, and which begin.

A worker takes a file at a time, so that what the tests of a file share is made once. Each file of
`TOGETHER` waits for the others of its folder, on one worker.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

TOGETHER = ("tests/cluster/",)
"""Folders whose tests share a Ray cluster: it has one CPU for each node, whoever asks."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Hands out files in the order of `longest_first`."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # It would begin with the file of most tests.

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def longest_first(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests of `TOGETHER`, then the files by their number of slow tests.

    A long file that begins last keeps one worker busy while the others have nothing left to do.
    """
    items = list(items)
    slow: dict[str, int] = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        slow[file] = slow.get(file, 0) + (item.get_closest_marker("slow") is not None)

    def place(item: pytest.Item) -> tuple[bool, int]:
        file = item.nodeid.partition("::")[0]
        together = file.startswith(TOGETHER)
        return not together, 0 if together else -slow[file]

    return sorted(items, key=place)
