"""Options of the commands whose long pass can run on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Misuse
from ...optional import need

if TYPE_CHECKING:
    import torch

    from ...labelling.label import Engine

EngineOption = Annotated[
    str,
    typer.Option(
        "--engine",
        metavar="local|ray",
        help="local: this process. ray: actors on a Ray cluster, with the same result; see "
        "docs/cluster.md.",
    ),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="With ray: the head of the cluster. Default: $RAY_ADDRESS, else the cluster that this "
        "computer is part of, else this computer alone.",
    ),
]
ActorsOption = Annotated[
    int | None,
    typer.Option(
        min=1, help="With ray: how many actors; as many as the cluster has room for by default."
    ),
]
GpusOption = Annotated[
    float,
    typer.Option(
        "--gpus-per-actor",
        min=0.01,
        help="With ray on GPUs: what an actor reserves; 0.5 puts two on each GPU.",
    ),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Threads of the model in each process; the scores' last bits depend on it. Default: "
        "what torch takes on this computer.",
    ),
]


@contextmanager
def labelling(
    engine: str,
    device: str,
    *,
    address: str | None,
    actors: int | None,
    gpus: float,
) -> Iterator[tuple[torch.device, Engine | None]]:
    """Yield the device to label on, and what does it; None for this process.

    Raises:
        Misuse: if the engine, its device or its cluster is not there.
    """
    if not choose(engine, address=address, actors=actors):
        from ...compute.device import find_device

        yield find_device(device), None
        return
    from ...ray.connection import connected
    from ...ray.label import LabelActors

    with connected(address):
        yield device_on_cluster(device), LabelActors(actors, gpus)


def device_on_cluster(device: str) -> torch.device:
    """The device that actors compute on, on the cluster that this process is connected to.

    Raises:
        Misuse: if it is no kind of device.
    """
    import torch

    from ...ray.connection import has_gpu

    if device not in ("auto", "cpu", "cuda"):
        raise Misuse(f"With --engine ray, --device is auto, cpu or cuda, not {device!r}.")
    if device == "auto":
        device = "cuda" if has_gpu() else "cpu"
    return torch.device(device)


def choose(engine: str, *, address: str | None, actors: int | None) -> bool:
    """Whether to use Ray, which is then installed.

    Raises:
        Misuse: if there is no such engine, or options are given that it does not take.
    """
    if engine not in ("local", "ray"):
        raise Misuse(f"--engine is local or ray, not {engine!r}.")
    if engine == "local":
        if address is not None or actors is not None:
            raise Misuse("--address and --actors go with --engine ray.")
        return False
    need("ray", extra="ray", for_="--engine ray")
    return True
