"""``plada label --engine ray``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ..checkpoint import Checkpoint
from ..errors import PipelineError
from ..images import ImagePool
from ..output import Advance, Output
from ..scores import Scores
from . import cluster, crew
from .labelling import Chunk, label_chunks


@dataclass(frozen=True)
class RayEngine:
    """Labels chunks with actors on the Ray cluster that this process is connected to.

    Attributes:
        output: for warnings.
        actors: how many; as many as the cluster has room for when None.
        workers: processes beside each actor that decode and verify images.
        gpus: what an actor reserves of a GPU, when it runs on one.
    """

    output: Output
    actors: int | None = None
    workers: int = 0
    gpus: float = 1.0

    def __call__(
        self,
        pool: ImagePool,
        teacher: Checkpoint,
        chunks: Sequence[range],
        *,
        device: torch.device,
        batch_size: int,
        temperature: float,
        advance: Advance,
    ) -> Iterator[Chunk]:
        """Yield the labelled chunks, in the order in which they are finished.

        Raises:
            PipelineError: as `label_chunks` does, or if actor after actor is lost.
            Misuse: if no node has room for an actor.
        """
        threads = torch.get_num_threads()
        gpus = self.gpus if device.type == "cuda" else 0.0
        # On a GPU the actor's own threads have next to nothing to do.
        cpus = float(self.workers + (1 if gpus else threads))
        room = cluster.room(cpus=cpus, gpus=gpus)
        job = _LabelJob(
            pool,
            teacher.data,
            device.type,
            batch_size,
            temperature,
            self.workers,
            threads,
            torch.__version__,
        )
        seen = set() if device.type == "cuda" else {_kind(device)}

        def on_start(kind: str) -> None:
            seen.add(kind)
            if len(seen) > 1:
                self.output.warn(
                    f"the processors are not all alike ({', '.join(sorted(seen))}), so the last "
                    "bits of the scores depend on which of them labelled an image"
                )

        terms = crew.Terms(self.actors or room, cpus, gpus)
        results = crew.work(job, chunks, terms, on_start=on_start, warn=self.output.warn)
        for positions, scores in results:
            advance(len(positions))
            yield Chunk(positions, scores, None)


@dataclass
class _LabelJob:
    """See `crew.Job`.

    The pool travels whole, with its manifest and the index of its shards: Ray keeps one copy on
    each node, which all actors there share, and no actor walks the shards again. What has to be
    reachable from a node are the images themselves.
    """

    pool: ImagePool
    model: bytes
    device: str
    batch_size: int
    temperature: float
    workers: int
    threads: int
    torch_version: str
    teacher: Checkpoint | None = None

    def start(self) -> str:
        if torch.__version__ != self.torch_version:
            raise PipelineError(
                f"A node has torch {torch.__version__}, this computer {self.torch_version}; "
                "install the same version on every node, or the scores differ."
            )
        self.teacher = Checkpoint.from_bytes(self.model, name="the teacher")
        return _kind(torch.device(self.device))

    def work(self, chunks: Sequence[range]) -> Iterator[tuple[range, Scores]]:
        assert self.teacher is not None  # Ray runs `start` first.
        torch.set_num_threads(self.threads)
        for chunk in label_chunks(
            self.pool,
            self.teacher,
            chunks,
            device=torch.device(self.device),
            batch_size=self.batch_size,
            workers=self.workers,
            temperature=self.temperature,
        ):
            yield chunk.positions, chunk.scores


def _kind(device: torch.device) -> str:
    """The kind of processor, on which the last bits of a logit depend."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return torch.backends.cpu.get_cpu_capability()
