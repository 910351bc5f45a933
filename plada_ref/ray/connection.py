"""The Ray cluster that a command runs on."""

from __future__ import annotations

import logging
import math
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

import ray
from ray.exceptions import RayError

from ..errors import Misuse

_CONNECT_S = 10.0


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be a driver of the cluster at `address` while the block runs.

    Args:
        address: ``host:port`` of the head. None takes $RAY_ADDRESS, else the cluster that this
            computer is part of, else starts Ray on this computer alone.

    Raises:
        Misuse: if there is no cluster at `address`.
    """
    if address is not None:
        _knock(address)
    # A command that labels images has nothing to report to anybody.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError, ValueError, RayError) as exc:
        raise _no_cluster(address or "the default address", exc) from exc
    # Ray prints what befalls its processes on standard output, which is for results.
    with redirect_stdout(sys.stderr):
        try:
            yield
        finally:
            ray.shutdown()


def room(*, cpus: float, gpus: float) -> int:
    """How many actors of this size the nodes of the cluster hold.

    Raises:
        Misuse: if not one.
    """
    found = 0
    for node in ray.nodes():
        if node["Alive"]:
            there = node["Resources"]
            found += min(
                math.floor(there.get(name, 0) / wanted)
                for name, wanted in (("CPU", cpus), ("GPU", gpus))
                if wanted
            )
    if not found:
        raise Misuse(
            f"No node of the cluster has the {cpus:g} CPUs and {gpus:g} GPUs that one actor "
            "takes; lower --threads, --workers or --gpus-per-actor, or add a node."
        )
    return found


def has_gpu() -> bool:
    """Whether a node of the cluster has a GPU."""
    return bool(ray.cluster_resources().get("GPU", 0))


def _knock(address: str) -> None:
    """Refuse an address where nobody listens: Ray itself would try for ten minutes."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
    except (OSError, ValueError, OverflowError) as exc:
        raise _no_cluster(repr(address), exc) from exc


def _no_cluster(where: str, exc: Exception) -> Misuse:
    reason = (str(exc).strip().splitlines() or [type(exc).__name__])[0]
    return Misuse(
        f"There is no Ray cluster at {where} ({reason}); start one with: ray start --head; "
        "where one runs, set RAY_AUTH_MODE and its token as there."
    )
