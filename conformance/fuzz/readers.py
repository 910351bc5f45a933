"""The readers of a mutant, whose answers have to agree: both decoders and perhaps a client."""

from __future__ import annotations

import resource
import sys
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from .. import plain_decoder
from ..conversation import Client, NotScored, feature_bits
from ..decoders import LIBRARY, PLAIN, Answer, Rows, read_library, read_plain, said
from ..desk import Desk
from ..process import MIB, Bounds
from ..vector import LIMITS

MEMORY = 64 * MIB
"""Memory that a decoder may take for a file; what it returns is far less, for what is read here."""

CLIENT, EXPECTED = "client", "expected"


Answers = dict[str, Answer]


def kind_of(answers: Answers) -> str | None:
    """Return what kind of disagreement there is between readers, or None."""
    plain = answers[PLAIN]
    agree = answers[LIBRARY] == plain and not plain.is_trouble
    if CLIENT in answers:
        agree = agree and answers.get(EXPECTED, plain).agrees(answers[CLIENT])
    if agree:
        return None
    words = [f"{reader}: {answer}" for reader, answer in answers.items()]
    if len({answer.content_id for answer in answers.values()} - {None}) > 1:
        words.append("other contents")
    return "; ".join(words)


# ---------------------------------------------------------------- The decoders


def _watched(read: Callable[[], Answer], *, traced: bool) -> Answer:
    """Return what `read` says, or what is wrong with how it runs."""
    if traced:
        tracemalloc.start()
    peak_before = high_water()
    answer = said(read)
    if traced:
        used = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    else:
        # The process's peak only grows, so this sees a file that takes more than all before it.
        used = high_water() - peak_before
    return Answer("memory") if used > MEMORY else answer


def high_water() -> int:
    """Return the most memory that this process has had, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak


# ---------------------------------------------------------------- A client


class _Client:
    """A client as a reader."""

    def __init__(self, command: Sequence[str], bounds: Bounds, env: Sequence[str]) -> None:
        self._desk = Desk(Random(), _quick_folder())
        self._client = Client(command, bounds, self._desk, env)
        try:
            hello = self._client.hello()
            if not {"reader", "client"} & set(hello["roles"]):
                raise NotScored("The client is not a reader.")
        except NotScored:
            self.stop()
            raise
        self.features = feature_bits(hello["features"])
        self.limits: dict[str, int] = hello["limits"]

    def read(self, data: bytes, limits: Mapping[str, int], codes: Rows) -> Answer:
        """Return what the client says of a file."""
        request: dict[str, Any] = {"do": "read", "file": self._desk.lay(data)}
        request |= {"limits": dict(limits), "pool": None}
        if codes is not None:
            request["codes"] = [row.hex() for row in codes]
        reply = self._client.ask(request)
        self._desk.clear()
        answer = reply.answer
        if answer is None:
            return Answer(reply.trouble or "crash")
        if not isinstance(answer.get("verdict"), str):
            self._client.stop()
            return Answer("garbage")
        return Answer(answer["verdict"], answer.get("code"), answer.get("content_id"))

    def stop(self) -> None:
        """End the client."""
        self._client.stop()
        self._desk.remove()


def _quick_folder() -> str | None:
    """Return a folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


# ---------------------------------------------------------------- Readers together


class Readers:
    """Both decoders and perhaps a client, asked about the same files. A context manager.

    Args:
        command: the client's program and arguments, or nothing.
        bounds: what the client may use for each file.
        env: names of environment variables that the client gets besides the usual ones.
    """

    def __init__(
        self,
        command: Sequence[str] = (),
        bounds: Bounds | None = None,
        env: Sequence[str] = (),
    ) -> None:
        self._command, self._bounds, self._env = command, bounds or Bounds(), env
        self._client: _Client | None = None

    def __enter__(self) -> Readers:
        if self._command:
            self._client = _Client(self._command, self._bounds, self._env)
        return self

    def __exit__(self, *_: object) -> None:
        if self._client is not None:
            self._client.stop()

    @property
    def limits(self) -> dict[str, int]:
        """The limits that a file is read with unless its recipe has others."""
        return LIMITS | (self._client.limits if self._client else {})

    @property
    def limits_are_fixed(self) -> bool:
        """Whether the client reads all files with its own limits."""
        return self._client is not None and bool(self._client.limits)

    def ask(
        self, data: bytes, limits: Mapping[str, int], codes: Rows = None, *, traced: bool = False
    ) -> Answers:
        """Return each reader's answer about a file."""
        answers = {
            LIBRARY: _watched(lambda: read_library(data, limits, codes), traced=traced),
            PLAIN: _watched(lambda: read_plain(data, limits, codes), traced=traced),
        }
        client = self._client
        if client is not None:
            answers[CLIENT] = client.read(data, limits, codes)
            if client.features != plain_decoder.KNOWN_FEATURES:
                answers[EXPECTED] = read_plain(data, limits, codes, features=client.features)
        return answers
