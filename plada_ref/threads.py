"""Threads that share a machine with others."""

from __future__ import annotations

import os


def patient_threads() -> None:
    """Let idle OpenMP threads sleep instead of spin; call it before torch is imported.

    torch's threads wait for each other many times per image. Where other programs use the same
    cores, waiting threads that spin keep the core from the thread that they wait for: on a busy
    machine with two cores this made a convolutional net ten times slower. Somebody who has set
    the variable keeps their setting.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
