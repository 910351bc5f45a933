"""A run of the suite against one client."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from . import grading
from .canaries import Pair, pairs
from .grading import GRADES, TOP, Outcome
from .process import Bounds, Process, Reply, adopt_orphans
from .vector import LIMITS
from .vectors_on_disk import ROOT, Sidecar, check_manifest, vectors

PROTOCOL = 1
ROLES = ("reader", "client", "verifier", "writer", "rewriter", "salvager")
ALL_FEATURES = ("zstd", "weights", "dense", "rule")
EASY = "worked_example"
"""The vector whose memory is what a client needs for an easy file."""


class NotScored(Exception):
    """The client cannot be scored; a sentence says why."""


@dataclass
class Result:
    """What a run found.

    Attributes:
        client: name, version, roles, features and limits as the client states them.
        command: how it was started.
        outcomes: one for each vector that it was asked, role by role.
        left_out: how many vectors of its roles it was not asked, by reason.
        expected_failures: ids that were expected to fail.
        goodbye: what was wrong with the client's end, or None.
    """

    client: dict[str, Any]
    command: list[str]
    outcomes: list[Outcome] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    expected_failures: frozenset[str] = frozenset()
    goodbye: str | None = None

    @property
    def roles(self) -> list[str]:
        """The roles that were scored."""
        return [role for role in ROLES if any(each.role == role for each in self.outcomes)]

    def grade(self, role: str) -> str:
        """Return the grade that a role reached: the lowest of its vectors."""
        grades = [each.grade for each in self.outcomes if each.role == role]
        return GRADES[min(grades, default=0)]

    @property
    def failures(self) -> list[Outcome]:
        """Vectors that failed and were not expected to."""
        return [
            each
            for each in self.outcomes
            if not each.passed and each.id not in self.expected_failures
        ]

    @property
    def unexpected_passes(self) -> list[str]:
        """Vectors that were expected to fail, and passed or were not asked."""
        failed = {each.id for each in self.outcomes if not each.passed}
        return sorted(self.expected_failures - failed)

    @property
    def ok(self) -> bool:
        """Whether everything went as expected."""
        return not (self.failures or self.unexpected_passes or self.goodbye) and bool(self.outcomes)


def run(
    command: Sequence[str],
    *,
    bounds: Bounds | None = None,
    roles: Sequence[str] | None = None,
    expected_failures: frozenset[str] = frozenset(),
    seed: int | None = None,
    by_file: bool = False,
    progress: Callable[[int, int], None] | None = None,
    root: Path = ROOT,
) -> Result:
    """Run the suite against a client and return what was found.

    Args:
        command: the client's program and arguments.
        bounds: what the client may use for one request.
        roles: the roles to score; all that the client states when None.
        expected_failures: ids of vectors that are known to fail.
        seed: of names, order and canaries; a new one when None.
        by_file: run ``CMD FILE`` for each file instead of the protocol.
        progress: called with the number of vectors done and in all.
        root: the vectors' folder.

    Raises:
        NotScored: if the client does not start, does not shake hands, or fails the canaries.
        ValueError: if the vectors' files do not fit their manifest.
    """
    check_manifest(root)
    adopt_orphans()
    random = Random(seed)
    bounds = bounds or Bounds()
    with _talk(command, bounds, by_file=by_file) as client:
        hello = client.hello()
        wanted = [role for role in ROLES if role in hello["roles"] and (not roles or role in roles)]
        if (
            "client" in hello["roles"]
            and "reader" not in wanted
            and (not roles or "reader" in roles)
        ):
            wanted.insert(0, "reader")
        if not wanted:
            raise NotScored("The client states none of the roles that are to be scored.")
        result = Result(hello, list(command), expected_failures=expected_failures)
        with tempfile.TemporaryDirectory(prefix="plada-run-") as folder:
            desk = _Desk(Path(folder), random)
            if {"reader", "client"} & set(wanted):
                _check_canaries(client, desk, pairs(random))
            chosen = _choose(wanted, hello, result, root, by_file=by_file)
            random.shuffle(chosen)
            # The easy one first: the others' memory is compared with what it took.
            chosen.sort(key=lambda pair: pair[1].id != EASY)
            spare = 0
            for number, (role, vector) in enumerate(chosen):
                outcome = _ask(client, desk, role, vector, set(hello["features"]), spare, root)
                if vector.id == EASY and not spare:
                    spare = outcome.memory
                result.outcomes.append(outcome)
                if progress is not None:
                    progress(number + 1, len(chosen))
        result.goodbye = client.goodbye()
    result.outcomes.sort(key=lambda each: (ROLES.index(each.role), each.id))
    return result


def _choose(
    roles: Sequence[str], hello: dict[str, Any], result: Result, root: Path, *, by_file: bool
) -> list[tuple[str, Sidecar]]:
    """Return the vectors to ask, with the role that each is asked in."""
    chosen = []
    fixed = hello["limits"]
    for vector in vectors(root):
        role = vector.data["role"]
        if role not in roles:
            continue
        usual = vector.data["limits"] == LIMITS
        features = set(vector.data["features"]) & set(ALL_FEATURES) - set(hello["features"])
        reason = None
        if role in ("reader", "client"):
            if by_file and not usual:
                reason = "limits that cannot be passed on"
            elif fixed and (not usual or vector.path.parts[-3] == "limits"):
                reason = "the client's limits are fixed"
            elif features and vector.data["verdict"] != "valid":
                reason = "faults behind a feature that the client does not know"
        if reason is None:
            chosen.append((role, vector))
        else:
            result.left_out[reason] = result.left_out.get(reason, 0) + 1
    return chosen


class _Desk:
    """Where files lie while a client reads them, under names that say nothing."""

    def __init__(self, folder: Path, random: Random) -> None:
        self._folder = folder
        self._random = random

    def lay(self, data: bytes) -> str:
        """Write a file and return its path; the one before it goes."""
        path = self._folder / f"{self._random.randrange(16**12):012x}.plada"
        path.write_bytes(data)
        return str(path)

    def clear(self) -> None:
        """Remove all files."""
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(exist_ok=True)


class _Client:
    """A client that is started again after trouble."""

    def __init__(self, command: Sequence[str], bounds: Bounds) -> None:
        self._command, self._bounds = list(command), bounds
        self._process: Process | None = None
        self._number = 0

    def hello(self) -> dict[str, Any]:
        """Shake hands; return what the client states."""
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

    def goodbye(self) -> str | None:
        """End the client; return what was wrong with that, or None."""
        if self._process is None or not self._process.alive:
            return None
        return self._process.bye()

    def stop(self) -> None:
        """End the client and what it has started."""
        if self._process is not None:
            self._process.stop()

    def _start(self) -> Reply:
        self.stop()
        try:
            self._process = Process(self._command, self._bounds)
        except OSError as error:
            raise NotScored(f"The client cannot be started: {error}.") from error
        return self._process.ask({"do": "hello", "protocol": PROTOCOL})


class _FileClient(_Client):
    """A client that is run once for each file, without the protocol."""

    def hello(self) -> dict[str, Any]:
        """Return what such a client is taken for."""
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

    def ask(self, request: dict[str, Any]) -> Reply:
        """Run the client on the request's file."""
        command = list(self._command)
        if request.get("pool"):
            digests = Path(request["file"]).with_suffix(".pool")
            digests.write_text("".join(f"{each}\n" for each in request["pool"]), "ascii")
            command += ["--pool", str(digests)]
        if request.get("codes"):
            codes = Path(request["file"]).with_suffix(".codes")
            codes.write_text("".join(f"{each}\n" for each in request["codes"]), "ascii")
            command += ["--codes", str(codes)]
        process = Process([*command, request["file"]], self._bounds)
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

    def goodbye(self) -> str | None:
        """Nothing is left to end."""
        return None


@contextmanager
def _talk(command: Sequence[str], bounds: Bounds, *, by_file: bool) -> Iterator[_Client]:
    client = _FileClient(command, bounds) if by_file else _Client(command, bounds)
    try:
        yield client
    finally:
        client.stop()


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
    return None


def _check_canaries(client: _Client, desk: _Desk, chosen: list[Pair]) -> None:
    """Refuse to score a client that does not look at its files."""
    said = []
    for pair in chosen:
        for data in (pair.good, pair.bad):
            request = {"do": "read", "file": desk.lay(data), "limits": LIMITS, "pool": None}
            reply = client.ask(request)
            said.append((reply.answer or {}).get("verdict") == "valid" and not reply.trouble)
            desk.clear()
    # One damaged file accepted is a fault that the vectors will name; all alike is no reader.
    if said[0::2] == said[1::2]:
        does = "accepts" if said[0] else "refuses"
        raise NotScored(
            f"The client {does} both a valid file and a copy with {chosen[0].sentence}, and so on "
            "for every canary; what it says of other files would mean nothing. Look at the valid "
            "file first: vectors/v1/valid/container/worked_example.plada."
        )


def _ask(
    client: _Client,
    desk: _Desk,
    role: str,
    vector: Sidecar,
    features: set[str],
    spare: int,
    root: Path,
) -> Outcome:
    data = vector.data
    file = None if vector.file is None else desk.lay(vector.file.read_bytes())
    codes = {"codes": data["codes"]} if "codes" in data else {}
    try:
        if role in ("reader", "client"):
            request = {"do": "read", "file": file, "limits": data["limits"], "pool": data["pool"]}
            reply = client.ask({**request, **codes})
            return grading.judge_reading(vector, role, features, reply, spare=spare)
        if role == "verifier":
            reply = client.ask({"do": "verify", "file": file, "keys": data["keys"]})
            return grading.judge_verifier(vector, reply)
        if role == "writer":
            return grading.judge_writer(
                vector, client.ask({"do": "write", "payload": data["payload"]})
            )
        if role == "rewriter":
            reply = client.ask({"do": "rewrite", "file": file, **codes})
            return grading.judge_rewriter(vector, reply)
        head = data["head_from"] and desk.lay((root / f"{data['head_from']}.plada").read_bytes())
        reply = client.ask({"do": "salvage", "file": file, "head_file": head, **codes})
        return grading.judge_salvager(vector, reply)
    finally:
        desk.clear()


def digests(command: Sequence[str], root: Path = ROOT) -> dict[str, Any]:
    """Return what a certificate is bound to: the suite, the specification, the client's files."""
    manifest = (root / "manifest.json").read_bytes()
    files = {}
    for word in command:
        found = shutil.which(word) or word
        path = Path(found)
        if path.is_file():
            files[Path(word).name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return {
        "suite_sha256": hashlib.sha256(manifest).hexdigest(),
        "specification_sha256": json.loads(manifest)["specification_sha256"],
        "client_files_sha256": files,
    }


def top(result: Result) -> bool:
    """Whether every role reached the top grade."""
    return all(result.grade(role) == GRADES[TOP] for role in result.roles) and bool(result.roles)
