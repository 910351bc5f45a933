"""What suits a process that computes with torch: its threads and its memory."""

from __future__ import annotations

import ctypes
import os

_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
"""Parameters of mallopt(3)."""

_MOST = 2**31 - 1


def suit_torch() -> None:
    """Call it before torch is imported; a setting that somebody has made is kept.

    Idle OpenMP threads sleep instead of spin. torch's threads wait for each other many times per
    image. Where other programs use the same cores, waiting threads that spin keep the core from
    the thread that they wait for: on a busy machine with two cores this made a convolutional net
    ten times slower.

    Freed memory stays with the process (glibc). Between its layers a model frees hundreds of
    megabytes and takes them again. glibc hands such pieces back to the system, which then clears
    every page anew: of the time of a forward pass at 224 px, that was half. Peak memory grows by
    up to a fifth.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if any(name.startswith("MALLOC_") for name in os.environ):
        return
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return  # Another C library.
    mallopt(_TRIM_THRESHOLD, _MOST)
    mallopt(_MMAP_MAX, 0)
