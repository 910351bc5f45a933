"""Options of the commands whose long pass can run on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import Misuse
from ...optional import need
from .compute import BatchedComputeOptions

if TYPE_CHECKING:
    import torch

    from ...compute.context import Compute
    from ...compute.progress import Progress
    from ...features.backbone import FeatureEngine
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

BFloat16Option = Annotated[
    bool,
    typer.Option(
        "--bfloat16",
        help="Compute with bfloat16, which is faster on GPUs and on processors made for it, and "
        "changes the labels of a few images. The table says so.",
    ),
]

DecoderOption = Annotated[
    str,
    typer.Option(
        "--decoder",
        metavar="cpu|gpu",
        help="What decodes JPEG files. gpu: the GPU that the model runs on; other files are left "
        "to --workers. Labels of a few images change. The table says so.",
    ),
]


@dataclass(frozen=True, kw_only=True)
class EngineOptions(BatchedComputeOptions):
    """What a pass over a pool computes on: this process, or a Ray cluster."""

    panel = "Cluster"

    engine: EngineOption = "local"
    address: AddressOption = None

    def on_ray(self) -> bool:
        """Return whether to use Ray, which is then installed.

        Raises:
            Misuse: if there is no such engine, it is not installed, or options are given that it
                does not take.
        """
        if self.engine not in ("local", "ray"):
            raise Misuse(f"--engine is local or ray, not {self.engine!r}.")
        if self.engine == "local":
            if self._only_with_ray():
                raise Misuse("--address and --actors go with --engine ray.")
            return False
        need("ray", extra="ray", for_="--engine ray")
        return True

    def compute_on_cluster(self, progress: Progress) -> Compute:
        """Return what actors compute on, on the cluster that this process is connected to.

        Raises:
            Misuse: if ``--device`` is not a kind of device.
        """
        from ...compute.context import Compute

        return Compute(self._device_of_actors(), self.workers, self.batch_size, progress)

    def features(self, progress: Progress) -> tuple[Compute, FeatureEngine | None]:
        """Return what features are computed on, and their engine; None for this process.

        With ``--engine ray``, this process is connected to the cluster.

        Raises:
            Misuse: if there is no such device.
        """
        if not self.on_ray():
            return self.compute(progress), None
        from ...ray.features import FeatureActors

        return self.compute_on_cluster(progress), FeatureActors()

    def _only_with_ray(self) -> bool:
        return self.address is not None

    def _device_of_actors(self) -> torch.device:
        import torch

        from ...ray.connection import has_gpu

        if self.device not in ("auto", "cpu", "cuda"):
            raise Misuse(f"With --engine ray, --device is auto, cpu or cuda, not {self.device!r}.")
        if self.device == "auto":
            return torch.device("cuda" if has_gpu() else "cpu")
        return torch.device(self.device)


@dataclass(frozen=True, kw_only=True)
class IndexEngineOptions(EngineOptions):
    """The same for an index of a pool: images are hashed, and a model may put them in order."""

    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Processes that read and hash shards, and that decode images for --model; chosen "
            "for this machine by default.",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class ActorOptions(EngineOptions):
    """The same for a pass of one model, with the number and size of its actors."""

    threads: ThreadsOption = None
    actors: ActorsOption = None
    gpus_per_actor: GpusOption = 1.0
    bfloat16: BFloat16Option = False
    decoder: DecoderOption = "cpu"

    @contextmanager
    def labelling(self, progress: Progress) -> Iterator[tuple[Compute, Engine | None]]:
        """Yield what to label on, and the engine that does it; None for this process.

        Raises:
            Misuse: if the engine, its device or its cluster is missing.
        """
        if not self.on_ray():
            yield self._as_asked(self.compute(progress)), None
            return
        from ...ray.connection import connected
        from ...ray.label import LabelActors

        with connected(self.address):
            compute = self._as_asked(self.compute_on_cluster(progress))
            yield compute, LabelActors(self.actors, self.gpus_per_actor)

    def _as_asked(self, compute: Compute) -> Compute:
        if self.decoder not in ("cpu", "gpu"):
            raise Misuse(f"--decoder is cpu or gpu, not {self.decoder!r}.")
        if self.decoder == "gpu" and compute.device.type != "cuda":
            raise Misuse(
                f"--decoder gpu goes with a GPU, and the model runs on {compute.device}; leave it "
                "out, or give --device cuda where there is one."
            )
        return replace(compute, bfloat16=self.bfloat16 or None, decoder=self.decoder)

    def _only_with_ray(self) -> bool:
        return super()._only_with_ray() or self.actors is not None
