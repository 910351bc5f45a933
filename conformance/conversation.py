"""A conversation with a client: started, greeted, asked, and started again after trouble."""

from __future__ import annotations

import shutil
from collections.abc import Container, Sequence
from pathlib import Path
from typing import Any

from .desk import Desk
from .environment import environment
from .process import Bounds, Process, Reply
from .vector import FEATURES

PROTOCOL = 1
ROLES = ("reader", "client", "verifier", "writer", "rewriter", "salvager")
ALL_FEATURES = ("zstd", "weights", "dense", "rule")


class NotScored(Exception):
    """The client cannot be scored; a sentence says why."""


def feature_bits(names: Container[str]) -> int:
    """Return those of the format's features that are among these names, as a set of bits."""
    return sum(1 << FEATURES.index(name) for name in ALL_FEATURES if name in names)


class Client:
    """A client that speaks the protocol. A context manager, which ends it.

    Args:
        command: its program and arguments.
        bounds: what it may use for each request.
        desk: where its files lie, and its home folder.
        more: names of environment variables that it gets besides the usual ones.
    """

    def __init__(
        self, command: Sequence[str], bounds: Bounds, desk: Desk, more: Sequence[str] = ()
    ) -> None:
        self._command, self._bounds, self._desk = list(command), bounds, desk
        self._more = tuple(more)
        self._process: Process | None = None
        self._number = 0

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def hello(self) -> dict[str, Any]:
        """Shake hands; return what the client states.

        Raises:
            NotScored: if it does not start, or does not greet as the protocol has it.
        """
        reply = self._start()
        answer = reply.answer
        if answer is None:
            raise NotScored(f"The client does not answer the greeting: {reply.detail}")
        problem = _wrong_hello(answer)
        if problem:
            raise NotScored(f"The client's greeting cannot be used: {problem}")
        return answer

    def ask(self, request: dict[str, Any]) -> Reply:
        """Ask one question; a client that has ended is started again before."""
        reply = self._ask(request)
        problem = self._desk.problem()
        if problem is None:
            return reply
        self.stop()
        self._desk.renew()
        return Reply(None, "desk", problem, reply.seconds, reply.memory)

    def goodbye(self) -> str | None:
        """End the client; return what was wrong with that, or None."""
        if self._process is None or not self._process.alive:
            return None
        return self._process.bye()

    def stop(self) -> None:
        """End the client and what it has started."""
        if self._process is not None:
            self._process.stop()

    def _ask(self, request: dict[str, Any]) -> Reply:
        if self._process is None or not self._process.alive:
            reply = self._start()
            if reply.answer is None:
                return Reply(None, "crash", f"It does not start again: {reply.detail}", 0.0, 0)
        assert self._process is not None
        self._number += 1
        reply = self._process.ask({**request, "id": self._number})
        if reply.answer is not None and reply.answer.get("id") != self._number:
            self._process.stop()
            wrong = "The answer does not repeat the request's id."
            return Reply(None, "garbage", wrong, reply.seconds, reply.memory)
        return reply

    def _start(self) -> Reply:
        self.stop()
        self._process = self._run(self._command)
        return self._process.ask({"do": "hello", "protocol": PROTOCOL})

    def _run(self, command: Sequence[str]) -> Process:
        try:
            variables = environment(self._desk.folder, self._more)
            return Process(command, self._bounds, variables)
        except (OSError, ValueError) as error:
            raise NotScored(f"The client cannot be started: {error}") from error


class FileClient(Client):
    """A client that is run once for each file, without the protocol."""

    def hello(self) -> dict[str, Any]:
        """Return what such a client is taken for.

        Raises:
            NotScored: if there is no such program.
        """
        program = shutil.which(self._command[0])
        if program is None:
            raise NotScored(f"The client cannot be started: there is no {self._command[0]}.")
        return {
            "protocol": None,
            "name": Path(self._command[-1]).name,
            "version": "",
            "roles": ["reader", "client"],
            "features": list(ALL_FEATURES),
            "limits": {},
        }

    def goodbye(self) -> str | None:
        """Nothing is left to end."""
        return None

    def _ask(self, request: dict[str, Any]) -> Reply:
        command = list(self._command)
        if request.get("pool") is not None:
            digests = "".join(f"{each}\n" for each in request["pool"])
            command += ["--pool", self._desk.lay(digests.encode("ascii"), ".pool")]
        if request.get("codes") is not None:
            rows = "".join(f"{each}\n" for each in request["codes"])
            command += ["--codes", self._desk.lay(rows.encode("ascii"), ".codes")]
        process = self._run([*command, request["file"]])
        reply = process.finish()
        if reply.trouble is not None:
            return reply
        answer = reply.answer or {}
        accepted = answer.get("verdict") == "valid"
        if (reply.status, accepted) == (0, True):
            return reply
        if reply.status == 1 and not accepted:
            return Reply({"verdict": "refused", **answer}, None, "", reply.seconds, reply.memory)
        problem = f"The client ends with exit status {reply.status} and says {str(answer)[:100]}."
        said = process.errors.decode("utf-8", "replace").strip().splitlines()
        problem += f" It said last: {said[-1][:200]}" if said else ""
        return Reply(None, "crash", problem, reply.seconds, reply.memory, reply.status)


def _wrong_hello(answer: dict[str, Any]) -> str | None:
    if answer.get("protocol") != PROTOCOL:
        return f"it speaks protocol {answer.get('protocol')!r}, and this runner speaks 1."
    for name, kind in (("name", str), ("version", str), ("limits", dict)):
        if not isinstance(answer.get(name), kind):
            return f"its member {name} is missing or of another type."
    for name, known in (("roles", ROLES), ("features", None)):
        values = answer.get(name)
        if not isinstance(values, list) or not all(isinstance(each, str) for each in values):
            return f"its member {name} is not a list of words."
        if known and not set(values) <= set(known):
            return f"its member {name} has words other than {', '.join(known)}."
    if not all(type(each) is int for each in answer["limits"].values()):
        return "its member limits has values that are not whole numbers."
    return None
