"""Give memory that was freed back to the system."""

from __future__ import annotations

import ctypes
from contextlib import suppress

import pyarrow as pa


def give_back() -> None:
    """Have Arrow and the C library (glibc) give back what they hold and nobody uses.

    They keep it for later; `plada_ref.compute.process` has the C library do so for the sake of
    torch. But to find a pool's images takes other pieces than to compute with them, and what both
    keep adds up. It takes milliseconds, and is meant for work that takes seconds.
    """
    pa.default_memory_pool().release_unused()
    with suppress(AttributeError, OSError, TypeError):  # Another C library.
        ctypes.CDLL(None).malloc_trim(0)
