"""Mutants of valid files, read by both decoders and perhaps a client, whose answers have to agree.

Compared are verdict, error code and, of valid files, the content id. What else a decoder does (an
exception that is none of its errors, no end, much memory) is an answer too, and agrees with none.
"""

from __future__ import annotations

import hashlib
import json
import resource
import sys
import tempfile
import time
import tracemalloc
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pladafmt

from . import mutate, plain_decoder, watch
from .minimise import minimise
from .process import MIB, Bounds, Process
from .run import ALL_FEATURES, PROTOCOL, NotScored
from .vector import LIMITS, features_of

MEMORY = 64 * MIB
"""Memory that a decoder may take for a file; what it returns is far less, for what is read here."""

TRACED_EVERY = 500
"""One file in so many is read under tracemalloc, which takes several times as long."""

MINIMISING = 60.0
"""Seconds that one file may take to be made smaller."""

FILES_PER_KIND = 2
"""Files of each kind of disagreement that are minimised and written; others are counted."""

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


@lru_cache(maxsize=64)
def _limits(values: tuple[int, ...]) -> tuple[pladafmt.Limits, plain_decoder.Limits]:
    named = dict(zip(LIMITS, values, strict=True))
    return pladafmt.Limits(**named), plain_decoder.Limits(**named)


def read_library(data: bytes, limits: Mapping[str, int]) -> Answer:
    """Return what pladafmt says of a file."""
    report = pladafmt.validate(data, limits=_limits(tuple(limits.values()))[0])
    return Answer(report.verdict, report.code, report.facts["content_id"] if report.ok else None)


def read_plain(
    data: bytes, limits: Mapping[str, int], features: int = plain_decoder.KNOWN_FEATURES
) -> Answer:
    """Return what the plain decoder, with these features, says of a file."""
    chosen = _limits(tuple(limits.values()))[1]
    try:
        content = plain_decoder.decode(data, limits=chosen, known_features=features)
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
            1 << bit for bit, name in enumerate(ALL_FEATURES) if name in hello["features"]
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
            raise NotScored("The client is no reader.")
        return reply.answer

    def read(self, data: bytes, limits: Mapping[str, int]) -> Answer:
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

    def ask(self, data: bytes, limits: Mapping[str, int], *, traced: bool = False) -> Answers:
        """Return each reader's answer about a file."""
        answers = {
            LIBRARY: _watched(lambda: read_library(data, limits), traced=traced),
            PLAIN: _watched(lambda: read_plain(data, limits), traced=traced),
        }
        client = self._client
        if client is not None:
            answers[CLIENT] = client.read(data, limits)
            if client.features != plain_decoder.KNOWN_FEATURES:
                answers[EXPECTED] = read_plain(data, limits, client.features)
        return answers


# ---------------------------------------------------------------- A run


@dataclass
class Finding:
    """A file that readers do not agree about."""

    number: int
    kind: str
    data: bytes
    limits: dict[str, int]
    changes: list[str]
    answers: Answers


@dataclass
class Tally:
    """What a run found.

    Attributes:
        seed: of the run.
        files: how many were read.
        unchanged: how many of them were, after all, the valid file that they started as.
        verdicts: how many had each answer, by the plain decoder.
        kinds: how many disagreements there were of each kind.
        findings: the first few files of each kind.
        seconds: time, the longest of all jobs.
        high_water: memory at the start and at the end, in bytes, the largest of all jobs.
    """

    seed: int
    files: int = 0
    unchanged: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    high_water: tuple[int, int] = (0, 0)

    @property
    def accepted(self) -> int:
        """How many files were changed and are valid all the same."""
        return self.verdicts["valid"] - self.unchanged

    def add(self, other: Tally) -> None:
        """Add what a job found that read later files."""
        self.files += other.files
        self.unchanged += other.unchanged
        self.verdicts += other.verdicts
        self.kinds += other.kinds
        for finding in other.findings:
            self._keep(finding)
        self.seconds = max(self.seconds, other.seconds)
        self.high_water = max(self.high_water, other.high_water, key=lambda pair: pair[1])

    def _keep(self, finding: Finding) -> None:
        if sum(each.kind == finding.kind for each in self.findings) < FILES_PER_KIND:
            self.findings.append(finding)

    def count(self, finding: Finding) -> None:
        """Count a disagreement, and keep it if it is one of the first of its kind."""
        self.kinds[finding.kind] += 1
        self._keep(finding)

    def as_json(self) -> dict[str, Any]:
        """Return the tally as a JSON object."""
        return {
            "seed": self.seed,
            "files": self.files,
            "accepted": self.accepted,
            "unchanged": self.unchanged,
            "verdicts": dict(sorted(self.verdicts.items())),
            "disagreements": dict(sorted(self.kinds.items())),
            "seconds": round(self.seconds, 1),
            "high_water_mib": [round(each / MIB) for each in self.high_water],
        }


Progress = Callable[[int], None]


def fuzz(
    seed: int,
    count: int,
    *,
    command: Sequence[str] = (),
    bounds: Bounds | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> Tally:
    """Read the first `count` mutants of `seed`, and return what was found, minimised.

    Args:
        seed: of everything that is chosen at random.
        count: how many mutants.
        command: a client that reads them too.
        bounds: what the client may use for each file.
        jobs: processes to share the work among; the findings are the same for any number.
        progress: called with the number of files read, now and then, if there is one job.

    Raises:
        NotScored: if the client does not start.
    """
    if jobs <= 1:
        tally = _share(seed, 0, count, command, bounds, progress)
    else:
        edges = [count * job // jobs for job in range(jobs + 1)]
        tally = Tally(seed)
        with ProcessPoolExecutor(jobs) as pool:
            shares = [
                pool.submit(_share, seed, start, stop, command, bounds)
                for start, stop in pairwise(edges)
            ]
            for share in shares:
                tally.add(share.result())
    if tally.findings:
        with Readers(command, bounds) as readers:
            for finding in tally.findings:
                _minimise(readers, seed, finding)
    return tally


def _share(
    seed: int,
    start: int,
    stop: int,
    command: Sequence[str],
    bounds: Bounds | None,
    progress: Progress | None = None,
) -> Tally:
    """Read the mutants with these numbers."""
    tally = Tally(seed)
    began, memory = time.monotonic(), high_water()
    with Readers(command, bounds) as readers:
        for number in range(start, stop):
            _one(readers, tally, number)
            if progress is not None and tally.files % 10_000 == 0:
                progress(tally.files)
    tally.seconds = time.monotonic() - began
    tally.high_water = memory, high_water()
    return tally


def _one(readers: Readers, tally: Tally, number: int) -> None:
    recipe = mutate.recipe(tally.seed, number)
    data, changes = recipe.make()
    limits = _limits_of(readers, recipe, data)
    answers = readers.ask(data, limits, traced=number % TRACED_EVERY == 0)
    plain = answers[PLAIN]
    tally.files += 1
    tally.verdicts[plain.code or plain.verdict] += 1
    tally.unchanged += plain.verdict == "valid" and data == recipe.start
    kind = kind_of(answers)
    if kind is not None:
        tally.count(Finding(number, kind, data, limits, changes, answers))


def _limits_of(readers: Readers, recipe: mutate.Recipe, data: bytes) -> dict[str, int]:
    if readers.limits_are_fixed:
        return readers.limits
    return mutate.limits_for(recipe, data, readers.limits)


def _minimise(readers: Readers, seed: int, finding: Finding) -> None:
    """Make a finding's file as small as it gets with the same disagreement."""

    def keep(data: bytes) -> bool:
        return kind_of(readers.ask(data, finding.limits, traced=traced)) == finding.kind

    traced = any(answer.verdict == "memory" for answer in finding.answers.values())
    if not keep(finding.data):
        # It does not happen again, as with the memory that a first time takes.
        return
    recipe = mutate.recipe(seed, finding.number)
    step = 0
    while step < len(recipe.steps) + len(recipe.cuts):
        fewer = mutate.without(recipe, step)
        data, changes = fewer.make()
        if keep(data):
            recipe, finding.data, finding.changes = fewer, data, changes
        else:
            step += 1
    finding.data = minimise(finding.data, keep, seconds=MINIMISING)
    finding.answers = readers.ask(finding.data, finding.limits, traced=traced)


# ---------------------------------------------------------------- Findings as candidate vectors


def write_findings(tally: Tally, folder: Path) -> list[Path]:
    """Write each finding as FILE.plada and FILE.json, a sidecar with all answers.

    Raises:
        OSError: if a file cannot be written.
    """
    written = []
    for finding in tally.findings:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"fuzz_{hashlib.sha256(finding.data).hexdigest()[:12]}"
        path = folder / f"{name}.plada"
        if path in written:
            # Two findings came down to the same file.
            continue
        path.write_bytes(finding.data)
        text = json.dumps(_sidecar(tally.seed, name, finding), indent=1, ensure_ascii=True)
        path.with_suffix(".json").write_text(text + "\n", "utf-8")
        written.append(path)
    return written


def _sidecar(seed: int, name: str, finding: Finding) -> dict[str, Any]:
    answers = finding.answers
    plain = answers[PLAIN]
    # The suite's own decoders have to be of one mind before a vector is made of it.
    settled = answers[LIBRARY] == plain and not is_trouble(plain)
    refused = settled and plain.verdict != "valid"
    return {
        "id": name,
        "sentence": f"Found by fuzzing: {finding.kind}.",
        "role": "reader",
        "verdict": plain.verdict if settled else None,
        "code": plain.code if settled else None,
        "error_class": plain.verdict if refused else None,
        "requirements": [],
        "features": features_of(finding.data),
        "limits": finding.limits,
        "pool": None,
        "fault": None,
        "content_id": plain.content_id if settled else None,
        "answers": {reader: asdict(answer) for reader, answer in answers.items()},
        "fuzz": {"seed": seed, "number": finding.number, "changes": finding.changes},
    }


def table(tally: Tally) -> str:
    """Return what a run found, for people."""
    rate = tally.files / tally.seconds if tally.seconds else 0.0
    share = 100 * tally.accepted / tally.files if tally.files else 0.0
    lines = [
        f"{tally.files} files of seed {tally.seed} in {tally.seconds:.0f} s, {rate:.0f} a second; "
        f"{share:.1f} % changed and valid.",
        f"Memory: {tally.high_water[0] / MIB:.0f} MiB at the start, "
        f"{tally.high_water[1] / MIB:.0f} MiB at most.",
    ]
    lines += [f"{number:9}  {word}" for word, number in tally.verdicts.most_common()]
    lines.append(f"Disagreements: {sum(tally.kinds.values())}")
    lines += [f"{number:9}  {kind}" for kind, number in tally.kinds.most_common()]
    return "\n".join(lines)
