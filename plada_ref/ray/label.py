"""``plada label --engine ray``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..compute.context import Compute
from ..compute.progress import Advance
from ..images import ImagePool
from ..labelling.chunks import Chunk, label_chunks
from ..labelling.scores import Scores
from ..models.checkpoint import Checkpoint
from .model_actors import ModelActors, Setting, processor


@dataclass(frozen=True)
class LabelActors(ModelActors):
    """Labels chunks with actors on the Ray cluster that this process is connected to."""

    def __call__(
        self,
        pool: ImagePool,
        teacher: Checkpoint,
        chunks: Sequence[range],
        *,
        compute: Compute,
        temperature: float,
        advance: Advance,
    ) -> Iterator[Chunk]:
        """Yield the labelled chunks, in the order in which they are finished.

        Raises:
            PipelineError: as `label_chunks` does, or if actor after actor is lost.
            Misuse: if no node has room for an actor.
        """
        job = _LabelJob(pool, teacher.data, Setting.here(compute), temperature)
        for positions, scores in self.work(job, chunks, compute, made="scores"):
            advance(len(positions))
            yield Chunk(positions, scores, None)


@dataclass
class _LabelJob:
    """See `actors.Job`.

    The pool travels whole, with its manifest and the index of its shards: Ray keeps one copy on
    each node, which all actors there share, and no actor walks the shards again. What has to be
    reachable from a node are the images themselves.
    """

    pool: ImagePool
    model: bytes
    setting: Setting
    temperature: float
    teacher: Checkpoint | None = None

    def start(self) -> str:
        device = self.setting.enter().device
        self.teacher = Checkpoint.from_bytes(self.model, name="the teacher")
        return processor(device)

    def work(self, chunks: Sequence[range]) -> Iterator[tuple[range, Scores]]:
        assert self.teacher is not None  # Ray runs `start` first.
        for chunk in label_chunks(
            self.pool,
            self.teacher,
            chunks,
            compute=self.setting.enter(),  # Once more: this is another thread than `start`'s.
            temperature=self.temperature,
        ):
            yield chunk.positions, chunk.scores
