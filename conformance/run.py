"""A run of the suite against one client: every vector of its roles, and fresh files among them."""

from __future__ import annotations

import hashlib
import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from .conversation import ALL_FEATURES, ROLES, Client, FileClient, NotScored
from .desk import Desk
from .fresh_vectors.asked import Asked
from .fresh_vectors.make import fresh_questions
from .grading import GRADES, TOP, Outcome, judge
from .process import Bounds, Reply, adopt_orphans
from .question import Question, of_vector
from .vector import LIMITS, WORK
from .vectors_on_disk import ROOT, check_manifest, vectors

EASY = "worked_example"
"""The vector whose memory is what a client needs for an easy file."""

OPENING = 4
"""Fresh valid files, and broken ones, that a reader is asked first."""

_SEED_BITS = 53
"""Bits of a seed, so that every reader of JSON can read it."""


@dataclass
class Result:
    """What a run found.

    Attributes:
        client: name, version, roles, features and limits as the client states them.
        command: how it was started.
        seed: of names, order and fresh files.
        seed_chosen: whether the caller chose it, so that a client may have known it.
        outcomes: one for each question that it was asked, role by role.
        left_out: how many vectors of its roles it was not asked, by reason.
        unused: fresh files that were not asked, as those who judge them do not agree.
        failed: what it failed on, each with its answer.
        expected_failures: ids that were expected to fail.
        goodbye: what was wrong with the client's end, or None.
    """

    client: dict[str, Any]
    command: list[str]
    seed: int
    seed_chosen: bool
    outcomes: list[Outcome] = field(default_factory=list)
    left_out: dict[str, int] = field(default_factory=dict)
    unused: list[Question] = field(default_factory=list)
    failed: list[tuple[Question, Outcome, Reply]] = field(default_factory=list)
    expected_failures: frozenset[str] = frozenset()
    goodbye: str | None = None

    @property
    def roles(self) -> list[str]:
        """The roles that were scored."""
        return [role for role in ROLES if any(each.role == role for each in self.outcomes)]

    def asked(self, role: str, *, fresh: bool) -> list[Outcome]:
        """Return what came of a role's vectors, or of its fresh files."""
        return [each for each in self.outcomes if (each.role, each.fresh) == (role, fresh)]

    def grade(self, role: str) -> str:
        """Return the grade that a role reached: the lowest of its vectors and fresh files."""
        grades = [each.grade for each in self.outcomes if each.role == role]
        return GRADES[min(grades, default=0)]

    @property
    def failures(self) -> list[Outcome]:
        """What failed and was not expected to."""
        return [
            each
            for each in self.outcomes
            if not each.passed and each.id not in self.expected_failures
        ]

    @property
    def unexpected_passes(self) -> list[str]:
        """What was expected to fail, and passed or was not asked."""
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
    fresh: bool = True,
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
        seed: of names, order and fresh files; a secret one when None.
        fresh: whether to ask fresh files; without them nothing is certified.
        by_file: run ``CMD FILE`` for each file instead of the protocol.
        env: names of environment variables that the client gets besides the usual ones.
        progress: called with the number of questions done and in all.
        root: the vectors' folder.

    Raises:
        NotScored: if the client does not start, does not shake hands, or says the same of valid and
            of broken files.
        ValueError: if the vectors' files do not fit their manifest.
    """
    check_manifest(root)
    adopt_orphans()
    chosen = secrets.randbits(_SEED_BITS) if seed is None else seed
    random = Random(chosen)
    kind = FileClient if by_file else Client
    with Desk(random) as desk, kind(command, bounds or Bounds(), desk, env) as client:
        hello = client.hello()
        wanted = _wanted(hello, roles)
        result = Result(
            hello, list(command), chosen, seed is not None, expected_failures=expected_failures
        )
        questions = _of_vectors(wanted, result, root, by_file=by_file)
        if fresh:
            questions += _of_fresh_files(wanted, result, root, by_file=by_file)
        random.shuffle(questions)
        opening = _opening(questions)
        # The easy one first: the others' memory is compared with what it took.
        questions.sort(key=lambda each: (each.id != EASY, each.id not in opening))
        _ask_all(client, desk, questions, opening, result, progress)
        result.goodbye = client.goodbye()
    result.outcomes.sort(key=lambda each: (ROLES.index(each.role), each.id))
    return result


def _wanted(hello: dict[str, Any], roles: Sequence[str] | None) -> list[str]:
    """Return the roles to score."""
    wanted = [role for role in ROLES if role in hello["roles"] and (not roles or role in roles)]
    if "client" in hello["roles"] and "reader" not in wanted and (not roles or "reader" in roles):
        wanted.insert(0, "reader")
    if not wanted:
        raise NotScored("The client states none of the roles that are to be scored.")
    return wanted


def _of_vectors(
    roles: Sequence[str], result: Result, root: Path, *, by_file: bool
) -> list[Question]:
    """Return the vectors to ask."""
    chosen = []
    fixed, known = result.client["limits"], set(result.client["features"])
    for vector in vectors(root):
        role = vector.data["role"]
        if role not in roles:
            continue
        usual = vector.data["limits"] == LIMITS
        features = set(vector.data["features"]) & set(ALL_FEATURES) - known
        reason = None
        if role in ("reader", "client"):
            if by_file and not usual:
                reason = "limits that cannot be passed on"
            elif fixed and (not usual or vector.path.parts[-3] == "limits"):
                reason = "the client's limits are fixed"
            elif features and vector.data["verdict"] != "valid":
                reason = "faults behind a feature that the client does not know"
        if reason is None:
            chosen.append(of_vector(vector, root))
        else:
            result.left_out[reason] = result.left_out.get(reason, 0) + 1
    return chosen


def _of_fresh_files(
    roles: Sequence[str], result: Result, root: Path, *, by_file: bool
) -> list[Question]:
    """Return the fresh files to ask, and count the others."""
    limits = result.client["limits"]
    asked = Asked(
        seed=result.seed,
        features=frozenset(result.client["features"]),
        limits=LIMITS | {name: limits[name] for name in (*LIMITS, WORK) if name in limits},
        fixed=by_file or bool(limits),
    )
    shipped = json.loads((root / "manifest.json").read_text("utf-8"))["sha256"]
    made = list(fresh_questions(asked, roles, frozenset(shipped.values())))
    result.unused = [each for each in made if not each.usable]
    return [each for each in made if each.usable]


def _opening(questions: Sequence[Question]) -> frozenset[str]:
    """Return the ids of a few fresh files for a reader, valid and broken ones."""
    for role in ("reader", "client"):
        fresh = [each for each in questions if each.fresh and each.role == role]
        valid = [each for each in fresh if each.valid]
        broken = [each for each in fresh if each.data["verdict"] not in ("valid", "mismatch")]
        if valid and broken:
            return frozenset(each.id for each in valid[:OPENING] + broken[:OPENING])
    return frozenset()


def _ask_all(
    client: Client,
    desk: Desk,
    questions: Sequence[Question],
    opening: frozenset[str],
    result: Result,
    progress: Callable[[int, int], None] | None,
) -> None:
    """Ask everything, and add what comes of it to the result."""
    features = set(result.client["features"])
    spare = 0
    accepted = {}
    for number, question in enumerate(questions):
        reply = _ask(client, desk, question)
        outcome = judge(question, features, reply, spare=spare)
        if question.id == EASY and not spare:
            spare = outcome.memory
        result.outcomes.append(outcome)
        if not outcome.passed:
            result.failed.append((question, outcome, reply))
        if question.id in opening:
            accepted[question.id] = (reply.answer or {}).get("verdict") == "valid"
            if len(accepted) == len(opening):
                _check_opening(accepted)
        if progress is not None:
            progress(number + 1, len(questions))


def _check_opening(accepted: dict[str, bool]) -> None:
    """Refuse to score a client that does not look at its files."""
    # One broken file accepted is a fault that the vectors will name; all alike is no reader.
    if len(set(accepted.values())) == 1:
        does = "accepts" if any(accepted.values()) else "refuses"
        raise NotScored(
            f"The client {does} all of {len(accepted)} files that were made for this run, of which "
            "some are valid and some are broken; what it says of others would mean nothing. Look "
            "at a valid file first: vectors/v1/valid/container/worked_example.plada."
        )


def _ask(client: Client, desk: Desk, question: Question) -> Reply:
    try:
        return client.ask(question.request(desk.lay))
    except OSError as error:
        problem = desk.problem()
        if problem is None:
            raise NotScored(f"Files for the client cannot be written: {error}.") from error
        client.stop()
        desk.renew()
        return Reply(None, "desk", problem, 0.0, 0)
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
