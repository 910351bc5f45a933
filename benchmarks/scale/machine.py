"""What the figures were taken on."""

from __future__ import annotations

import importlib.metadata
import os
import platform
from typing import Any


def facts() -> dict[str, Any]:
    """Facts of this machine and of the libraries whose speed is measured."""
    affinity = getattr(os, "sched_getaffinity", None)  # Not on every system.
    return {
        "cores": len(affinity(0)) if affinity is not None else os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: _version(name) for name in ("numpy", "pyarrow", "zstandard", "torch")},
        "numba": _version("numba"),
        "load": [round(load, 2) for load in os.getloadavg()],
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [line.partition(":")[2].strip() for line in file if "model name" in line]
        return names[0]
    except (OSError, IndexError):
        return platform.processor() or platform.machine()


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
