"""Results that come from elsewhere, whose work ends with the block that uses them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def ended(results: Iterator[T]) -> Iterator[Iterator[T]]:
    """Yield `results`; end what makes them when the block ends, by an error as well.

    An error keeps the frames that it went through, and the generators in them. Actors would be
    dismissed only when it is forgotten: after their cluster, which Ray would start anew for that.
    """
    try:
        yield results
    finally:
        if isinstance(results, Generator):
            results.close()
