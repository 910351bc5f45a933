"""The readers of a mutant, whose answers have to agree: both decoders and perhaps a client.

Compared are verdict, error code and, of valid files, the content id. What else a decoder does (an
exception that is not one of its errors, no end, much memory) is an answer too, and agrees with no
other.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pladafmt

from .. import plain_decoder
from ..grading import codes_of
from ..process import MIB, Bounds, Process
from ..run import ALL_FEATURES, PROTOCOL, NotScored
from ..vector import FEATURES, LIMITS
from . import watch

MEMORY = 64 * MIB
"""Memory that a decoder may take for a file; what it returns is far less, for what is read here."""

LIBRARY, PLAIN, CLIENT, EXPECTED = "pladafmt", "plain_decoder", "client", "expected"


@dataclass(frozen=True)
class Answer:
    """What a reader says of a file, or does with it.

    Attributes:
        verdict: ``valid``, an error class, ``refused`` (a client that says no more), or ``crash``,
            ``hang``, ``memory``, ``garbage``, ``flood``.
        code: error code, or what crashed; None where there is none.
        content_id: of a valid file, in hexadecimal.
    """

    verdict: str
    code: str | None = None
    content_id: str | None = None

    def agrees(self, other: Answer) -> bool:
        """Whether a client's answer, which may leave codes out, fits this one."""
        if self.verdict == "valid" or other.verdict not in ("refused", self.verdict):
            return self == other
        return other.code in (None, self.code)

    def __str__(self) -> str:
        return self.verdict if self.code is None else f"{self.verdict}, {self.code}"


Answers = dict[str, Answer]


def kind_of(answers: Answers) -> str | None:
    """Return what kind of disagreement there is between readers, or None."""
    plain = answers[PLAIN]
    agree = answers[LIBRARY] == plain and not is_trouble(plain)
    if CLIENT in answers:
        agree = agree and answers.get(EXPECTED, plain).agrees(answers[CLIENT])
    if agree:
        return None
    words = [f"{reader}: {answer}" for reader, answer in answers.items()]
    if len({answer.content_id for answer in answers.values()} - {None}) > 1:
        words.append("other contents")
    return "; ".join(words)


def is_trouble(answer: Answer) -> bool:
    """Whether a reader failed rather than answered."""
    return answer.verdict in ("crash", "hang", "memory", "garbage", "flood")


# ---------------------------------------------------------------- The decoders


def _watched(read: Callable[[], Answer], *, traced: bool) -> Answer:
    """Return what `read` says, or what is wrong with how it runs."""
    if traced:
        tracemalloc.start()
    peak_before = high_water()
    try:
        with watch.alarm():
            answer = read()
    except watch.Late:
        answer = Answer("hang")
    except Exception as error:
        answer = Answer("crash", type(error).__name__)
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


Rows = Sequence[bytes] | None
"""Codes of the reader's pool, D bytes for each image, or None if it has none."""


@lru_cache(maxsize=64)
def _limits(named: tuple[tuple[str, int], ...]) -> tuple[pladafmt.Limits, plain_decoder.Limits]:
    return pladafmt.Limits(**dict(named)), plain_decoder.Limits(**dict(named))


def read_library(data: bytes, limits: Mapping[str, int], codes: Rows = None) -> Answer:
    """Return what pladafmt says of a file."""
    chosen = _limits(tuple(limits.items()))[0]
    report = pladafmt.validate(data, limits=chosen, codes=codes_of(codes))
    return Answer(report.verdict, report.code, report.facts["content_id"] if report.ok else None)


def read_plain(
    data: bytes,
    limits: Mapping[str, int],
    codes: Rows = None,
    *,
    features: int = plain_decoder.KNOWN_FEATURES,
) -> Answer:
    """Return what the plain decoder, with these features, says of a file."""
    chosen = _limits(tuple(limits.items()))[1]
    try:
        content = plain_decoder.decode(data, limits=chosen, known_features=features, codes=codes)
    except plain_decoder.Refused as refused:
        return Answer(refused.error_class, refused.code)
    return Answer("valid", None, content.content_id.hex())


# ---------------------------------------------------------------- A client


class _Client:
    """A client that speaks the protocol; after trouble it is started again."""

    def __init__(self, command: Sequence[str], bounds: Bounds) -> None:
        self._command, self._bounds = list(command), bounds
        self._folder = tempfile.TemporaryDirectory(prefix="plada-fuzz-", dir=_quick_folder())
        self._file = Path(self._folder.name) / "mutant.plada"
        self._number = 0
        self._process: Process | None = None
        hello = self._start()
        self.features = sum(
            1 << FEATURES.index(name) for name in ALL_FEATURES if name in hello["features"]
        )
        self.limits: dict[str, int] = hello["limits"]

    def _start(self) -> dict[str, Any]:
        try:
            self._process = Process(self._command, self._bounds)
        except OSError as error:
            raise NotScored(f"The client cannot be started: {error}.") from error
        reply = self._process.ask({"do": "hello", "protocol": PROTOCOL})
        if reply.answer is None:
            raise NotScored(f"The client does not answer the greeting: {reply.detail}")
        if "reader" not in reply.answer.get("roles", ()) and "client" not in reply.answer["roles"]:
            raise NotScored("The client is not a reader.")
        return reply.answer

    def read(self, data: bytes, limits: Mapping[str, int], codes: Rows) -> Answer:
        """Return what the client says of a file."""
        if self._process is None or not self._process.alive:
            self._start()
        assert self._process is not None
        self._file.write_bytes(data)
        self._number += 1
        request = {
            "do": "read",
            "id": self._number,
            "file": str(self._file),
            "limits": dict(limits),
            "pool": None,
        }
        if codes is not None:
            request["codes"] = [row.hex() for row in codes]
        reply = self._process.ask(request)
        answer = reply.answer
        if answer is None:
            return Answer(reply.trouble or "crash")
        if answer.get("id") != self._number or not isinstance(answer.get("verdict"), str):
            self._process.stop()
            return Answer("garbage")
        return Answer(answer["verdict"], answer.get("code"), answer.get("content_id"))

    def stop(self) -> None:
        """End the client."""
        if self._process is not None:
            self._process.stop()
        self._folder.cleanup()


def _quick_folder() -> str | None:
    """Return a folder in memory, where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


# ---------------------------------------------------------------- Readers together


class Readers:
    """Both decoders and perhaps a client, asked about the same files. A context manager.

    Args:
        command: the client's program and arguments, or nothing.
        bounds: what the client may use for each file.
    """

    def __init__(self, command: Sequence[str] = (), bounds: Bounds | None = None) -> None:
        self._command, self._bounds = command, bounds or Bounds()
        self._client: _Client | None = None

    def __enter__(self) -> Readers:
        if self._command:
            self._client = _Client(self._command, self._bounds)
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
