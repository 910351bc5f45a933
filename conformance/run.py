"""A run of the suite against one client."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from . import grading
from .canaries import Pair, pairs
from .conversation import ALL_FEATURES, ROLES, Client, FileClient, NotScored
from .desk import Desk
from .grading import GRADES, TOP, Outcome
from .process import Bounds, adopt_orphans
from .vector import LIMITS
from .vectors_on_disk import ROOT, Sidecar, check_manifest, vectors

EASY = "worked_example"
"""The vector whose memory is what a client needs for an easy file."""


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
    env: Sequence[str] = (),
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
        env: names of environment variables that the client gets besides the usual ones.
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
    kind = FileClient if by_file else Client
    with Desk(random) as desk, kind(command, bounds, desk, env) as client:
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


def _check_canaries(client: Client, desk: Desk, chosen: list[Pair]) -> None:
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
    client: Client,
    desk: Desk,
    role: str,
    vector: Sidecar,
    features: set[str],
    spare: int,
    root: Path,
) -> Outcome:
    data = vector.data
    file = None if vector.file is None else desk.lay(vector.file.read_bytes())
    try:
        if role in ("reader", "client"):
            request = {"do": "read", "file": file, "limits": data["limits"], "pool": data["pool"]}
            reply = client.ask(request)
            return grading.judge_reading(vector, role, features, reply, spare=spare)
        if role == "verifier":
            reply = client.ask({"do": "verify", "file": file, "keys": data["keys"]})
            return grading.judge_verifier(vector, reply)
        if role == "writer":
            return grading.judge_writer(
                vector, client.ask({"do": "write", "payload": data["payload"]})
            )
        if role == "rewriter":
            return grading.judge_rewriter(vector, client.ask({"do": "rewrite", "file": file}))
        head = data["head_from"] and desk.lay((root / f"{data['head_from']}.plada").read_bytes())
        reply = client.ask({"do": "salvage", "file": file, "head_file": head})
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
