"""Ray actors that share out the chunks of a pool; with an actor only its current chunk is lost.

Ray Data would be the obvious engine. It is not used, because a table may not depend on it: see
docs/cluster.md.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import ray
from ray.exceptions import RayError, RayTaskError

from ..compute.process import suit_torch
from ..errors import PipelineError, one_line

SHIFT = 64
"""Chunks that an actor is given at a time, at most: decoding processes are started once each."""

_ATTEMPTS = 4
_PATIENCE_S = 60.0


class Job(Protocol):
    """What an actor does. It travels to the actor by pickle."""

    def start(self) -> str:
        """Load what is loaded once; returns what results depend on on that computer."""
        ...

    def work(self, chunks: Sequence[range]) -> Iterator[Any]:
        """Yield one result for each chunk, in order.

        Raises:
            PipelineError: which ends the whole run.
        """
        ...


@dataclass(frozen=True)
class Reservation:
    """How many actors there are, and what one reserves."""

    actors: int
    cpus: float
    gpus: float


def share_out(
    job: Job,
    chunks: Sequence[range],
    reservation: Reservation,
    *,
    on_start: Callable[[str], None],
    warn: Callable[[str], None],
) -> Iterator[Any]:
    """Yield the job's result for every chunk, in the order in which they are finished.

    An actor that is lost, with its process or with its node, is replaced, and the chunks that it
    has not finished go to whoever is free. Each actor holds one shift of at most `SHIFT` chunks,
    and results are taken as they come, so the memory needed does not grow with the pool.

    Args:
        on_start: called with what `Job.start` returned, for each actor.
        warn: called with a sentence about a lost actor, or a cluster that has no room.

    Raises:
        PipelineError: the job's own, or if a chunk, or starting, ends one actor after another.
    """
    team = _Team(job, chunks, reservation)
    try:
        yield from team.results(on_start, warn)
    finally:
        team.dismiss()


class _Actor:
    """Runs a `Job`. Errors for the user are values: Ray would bury the sentence in a traceback."""

    def __init__(self, box: list[Any]) -> None:
        self._box = box

    def start(self) -> str | PipelineError:
        suit_torch()  # Before the job, whose modules import torch.
        try:
            job: Job = ray.get(self._box[0])
            self._job = job
            return job.start()
        except PipelineError as exc:
            return exc

    def work(self, chunks: list[range]) -> Iterator[Any]:
        try:
            yield from self._job.work(chunks)
        except PipelineError as exc:
            yield exc


@dataclass
class _Shift:
    """An actor and the chunks that it has not finished; none while it starts."""

    actor: Any
    left: deque[range]


class _Team:
    def __init__(self, job: Job, chunks: Sequence[range], reservation: Reservation) -> None:
        # In a list: Ray would unpickle a bare reference before the actor has set anything up.
        self._box = [ray.put(job)]
        self._actor_class = ray.remote(_Actor).options(
            num_cpus=reservation.cpus, num_gpus=reservation.gpus, max_restarts=0
        )
        self._size = reservation.actors
        self._waiting = deque(chunks)
        self._unfinished = len(chunks)
        self._losses: Counter[int] = Counter()
        self._running: dict[Any, _Shift] = {}
        """By what Ray is waited on for: the reply of `start`, or the stream of a shift."""

    def results(
        self, on_start: Callable[[str], None], warn: Callable[[str], None]
    ) -> Iterator[Any]:
        for _ in range(min(self._size, self._unfinished)):
            self._start()
        while self._unfinished:
            ready, _ = ray.wait(list(self._running), num_returns=1, timeout=_PATIENCE_S)
            if not ready and not any(shift.left for shift in self._running.values()):
                warn("no actor has started yet; the cluster has no room, or is starting nodes")
            for event in ready:
                shift = self._running[event]
                try:
                    result = self._next(event)
                except RayTaskError:
                    raise  # An error of the program, with its traceback.
                except RayError as exc:
                    warn(self._replace(event, exc))
                    continue
                if isinstance(result, PipelineError):
                    raise result
                if result is _SHIFT_OVER:
                    self._give_shift(event)
                elif isinstance(event, ray.ObjectRef):
                    on_start(result)
                    self._losses.pop(_STARTING, None)
                    self._give_shift(event)
                else:
                    shift.left.popleft()
                    self._unfinished -= 1
                    yield result

    def dismiss(self) -> None:
        for shift in self._running.values():
            ray.kill(shift.actor)

    def _next(self, event: Any) -> Any:
        if isinstance(event, ray.ObjectRef):
            return ray.get(event)
        try:
            return ray.get(next(event))
        except StopIteration:
            return _SHIFT_OVER

    def _start(self) -> None:
        actor = self._actor_class.remote(self._box)
        self._running[actor.start.remote()] = _Shift(actor, deque())

    def _give_shift(self, event: Any) -> None:
        """Give the actor that `event` was about its next chunks, or let it go."""
        actor = self._running.pop(event).actor
        if not self._waiting:
            ray.kill(actor)
            return
        # Shrinking shifts: at the end of the pool no actor sits on chunks that others could do.
        count = min(SHIFT, max(1, len(self._waiting) // (2 * self._size)))
        chunks = [self._waiting.popleft() for _ in range(count)]
        stream = actor.work.options(num_returns="streaming").remote(chunks)
        self._running[stream] = _Shift(actor, deque(chunks))

    def _replace(self, event: Any, exc: Exception) -> str:
        """Take back the chunks of a lost actor, and start another one; says so."""
        shift = self._running.pop(event)
        ray.kill(shift.actor)  # It may only have lost a result.
        self._waiting.extendleft(reversed(shift.left))
        # An actor works in order, so the first chunk is the one that it was lost with.
        cause = shift.left[0].start if shift.left else _STARTING
        self._losses[cause] += 1
        last_words = one_line(exc)
        if cause != _STARTING and self._losses[cause] >= _ATTEMPTS:
            first, last = shift.left[0].start, shift.left[0].stop - 1
            raise PipelineError(
                f"{_ATTEMPTS} actors were lost one after another with the images at positions "
                f"{first} to {last} (the last: {last_words}); look for the reason, most often "
                "too little memory, in the logs of Ray."
            )
        if cause == _STARTING and self._losses[cause] >= _ATTEMPTS * self._size:
            raise PipelineError(
                f"The actors end before they have begun ({last_words}); see that plada, with its "
                "extras ref and ray, is installed on every node."
            )
        self._start()
        return f"an actor was lost; {len(shift.left)} chunks go to others"


_SHIFT_OVER = object()
_STARTING = -1
"""Stands for the first chunk of an actor that has none yet."""
