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


LONG = (
    "tests/benchmarks/test_scale.py",
    "tests/pipeline/test_label.py",
    "tests/conformance/test_fuzz.py",
    "tests/pipeline/test_python_api.py",
    "tests/pipeline/test_transfer.py",
    "tests/unchanged/test_unchanged.py",
    "tests/pipeline/test_recipes.py",
    "tests/pipeline/test_batches.py",
    "tests/pipeline/test_standard_output.py",
    "tests/pipeline/test_baselines.py",
    "tests/demo/test_demo.py",
    "tests/pipeline/test_progress.py",
    "tests/conformance/test_fresh.py",
    "tests/conformance/test_selftest.py",
    "tests/conformance/test_runner.py",
    "tests/format/test_rules.py",
    "tests/format/test_round_trip.py",
)
"""Files that take a quarter of a minute and more, longest first: ``pytest --durations=50``."""


class ByFile(LoadFileScheduling):  # type: ignore[misc]
    """Hands out files in the order of `longest_first`."""

    def __init__(self, config: pytest.Config, log: Any) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # It would begin with the file of most tests.

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in TOGETHER if file.startswith(folder)), file)


def longest_first(items: Iterable[pytest.Item]) -> list[pytest.Item]:
    """Return the tests of `TOGETHER`, those of `LONG`, and the others by their slow tests.

    A long file that begins last keeps one worker busy while the others have nothing left to do.
    """
    items = list(items)
    slow: dict[str, int] = {}
    for item in items:
        file = item.nodeid.partition("::")[0]
        slow[file] = slow.get(file, 0) + (item.get_closest_marker("slow") is not None)

    def place(item: pytest.Item) -> tuple[int, int]:
        file = item.nodeid.partition("::")[0]
        if file.startswith(TOGETHER):
            return 0, 0
        if file in LONG:
            return 1, LONG.index(file)
        return 2, -slow[file]

    return sorted(items, key=place)
