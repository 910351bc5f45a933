"""What a client's answer to a vector is worth."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pladafmt import Codes, PladaError, content_id, loads

from . import appendix_b as spec
from . import plain_decoder
from .process import MIB, Reply
from .vectors_on_disk import Sidecar

GRADES = ("none", "verdict", "content", "class", "code", "resources")
"""Of readers and clients, each including those before it."""

TOP = len(GRADES) - 1

REFUSAL_SECONDS = 1.0
REFUSAL_MEMORY = 64 * MIB
"""What refusing a file may take: time, and memory above what the worked example needs."""


@dataclass(frozen=True)
class Outcome:
    """How a client did on one vector.

    Attributes:
        id: the vector's id.
        role: the role that it was asked in.
        passed: whether everything was right.
        grade: of readers and clients, the highest of `GRADES` that this vector allows.
        expected: what the vector calls for, in a few words.
        found: what the client answered, in a few words.
        trouble: crash, hang, memory, flood or garbage, or None.
        seconds: time until the answer.
        memory: largest resident memory meanwhile, in bytes; 0 where it is not known.
        requirements: what the vector shows.
    """

    id: str
    role: str
    passed: bool
    grade: int
    expected: str
    found: str
    trouble: str | None
    seconds: float
    memory: int
    requirements: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the outcome as a JSON object."""
        return {**asdict(self), "grade": GRADES[self.grade], "seconds": round(self.seconds, 4)}


@dataclass(frozen=True)
class Expected:
    """What a reader has to say of a file."""

    verdict: str
    code: str | None
    content_id: str | None

    @property
    def words(self) -> str:
        """The expectation in a few words."""
        return "valid" if self.verdict == "valid" else f"{self.verdict} ({self.code})"


def expected_of(vector: Sidecar, features: set[str]) -> Expected:
    """Return what a reader that knows `features` has to say of a vector."""
    data = vector.data
    if data["verdict"] == "valid" and not set(data["features"]) <= features:
        return Expected("unsupported", "unknown-feature", None)
    return Expected(data["verdict"], data["code"], data["content_id"])


def grade_reading(wanted: Expected, reply: Reply, *, spare: int) -> int:
    """Return the highest grade that an answer allows; `spare` is the memory of an easy vector."""
    answer = reply.answer
    if answer is None:
        return 0
    accepted = answer.get("verdict") == "valid"
    if accepted != (wanted.verdict == "valid") or not isinstance(answer.get("verdict"), str):
        return 0
    if accepted:
        return TOP if answer.get("content_id") == wanted.content_id else 1
    if answer["verdict"] != wanted.verdict:
        return 2
    if answer.get("code") != wanted.code:
        return 3
    slow = reply.seconds > REFUSAL_SECONDS
    large = bool(spare) and reply.memory > spare + REFUSAL_MEMORY
    return 4 if slow or large else TOP


def judge_reading(
    vector: Sidecar, role: str, features: set[str], reply: Reply, *, spare: int
) -> Outcome:
    """Judge the answer of a reader or client."""
    wanted = expected_of(vector, features)
    grade = grade_reading(wanted, reply, spare=spare)
    found = _reading_words(reply)
    if grade == 1:
        found += f" with content id {str((reply.answer or {}).get('content_id'))[:70]}"
    elif grade == TOP - 1:
        found += f" after {reply.seconds:.1f} s with {reply.memory // MIB} MiB"
    return _outcome(vector, role, reply, grade == TOP, wanted.words, found, grade)


def judge_verifier(vector: Sidecar, reply: Reply) -> Outcome:
    """Judge the answer of a verifier."""
    data = vector.data
    answer = reply.answer or {}
    if data["answer"] is None:
        wanted = f"{data['verdict']} ({data['code']})"
        good = (answer.get("verdict"), answer.get("code")) == (data["verdict"], data["code"])
        good = good and "answer" not in answer
        found = _reading_words(reply)
    else:
        wanted = f"{data['answer']} ({data['code']})"
        good = (answer.get("answer"), answer.get("code")) == (data["answer"], data["code"])
        found = f"{answer.get('answer')} ({answer.get('code')})" if reply.answer else reply.detail
    return _outcome(vector, "verifier", reply, good, wanted, found)


def judge_writer(vector: Sidecar, reply: Reply) -> Outcome:
    """Judge what a writer made of a payload, by both decoders."""
    data = vector.data
    if data["verdict"] == "unwritable":
        answer = reply.answer or {}
        good = answer.get("verdict") == "unwritable" and "data" not in answer
        found = str(answer.get("verdict", "a file")) if reply.answer else reply.detail
        return _outcome(vector, "writer", reply, good, "unwritable", found)
    good, found = _judge_file(reply, data["content_id"])
    return _outcome(vector, "writer", reply, good, "a valid file with this meaning", found)


def judge_rewriter(vector: Sidecar, reply: Reply) -> Outcome:
    """Judge a rewritten file, by both decoders and by the chunks that it has."""
    data = vector.data
    if data["verdict"] != "valid":
        wanted = Expected(data["verdict"], data["code"], None)
        good = grade_reading(wanted, reply, spare=0) >= TOP - 1
        return _outcome(vector, "rewriter", reply, good, wanted.words, _reading_words(reply))
    good, found = _judge_file(reply, data["content_id"], data.get("codes"))
    if good:
        assert vector.file is not None
        made, before = _file_of(reply), vector.file.read_bytes()
        assert made is not None
        kinds = chunk_types(made)
        wrong = sorted(kinds & set(data["must_drop"])) + sorted(set(data["must_keep"]) - kinds)
        if wrong:
            good, found = False, f"a file that keeps or lacks the chunk {wrong[0]}"
        elif _critical(made) == _critical(before):
            good, found = False, "a file with the same critical chunks"
    return _outcome(vector, "rewriter", reply, good, "the same meaning, other chunks", found)


def judge_salvager(vector: Sidecar, reply: Reply) -> Outcome:
    """Judge what a salvager recovered, by both decoders."""
    data = vector.data
    answer = reply.answer or {}
    if data["verdict"] == "unsalvageable":
        good = answer.get("verdict") == "unsalvageable" and "data" not in answer
        found = str(answer.get("verdict", "a file")) if reply.answer else reply.detail
        return _outcome(vector, "salvager", reply, good, "unsalvageable", found)
    good, found = _judge_file(reply, data["content_id"], data.get("codes"))
    if good and answer.get("lost") != data["lost"]:
        good, found = False, f"{answer.get('lost')} images lost"
    wanted = f"{data['kept']} images, {data['lost']} lost"
    return _outcome(vector, "salvager", reply, good, wanted, found)


def chunk_types(data: bytes) -> set[str]:
    """Return the types of the chunks of a valid file, in hexadecimal."""
    return {f"{kind:02X}" for kind, _ in _chunks(data)}


def _critical(data: bytes) -> list[tuple[int, bytes]]:
    return [(kind, body) for kind, body in _chunks(data) if not kind & 0x80]


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each chunk of a valid file."""
    at = 9
    while at < len(data):
        length, body = spec.read_varint(data, at + 1)
        yield data[at], data[body : body + length]
        at = body + length + 4


def _file_of(reply: Reply) -> bytes | None:
    try:
        return base64.b64decode((reply.answer or {}).get("data", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None


def _judge_file(reply: Reply, identity: str, rows: list[str] | None = None) -> tuple[bool, str]:
    """Return whether both decoders read this meaning in an answer's file, and what they found."""
    if reply.answer is None:
        return False, reply.detail
    if "data" not in reply.answer:
        return False, _reading_words(reply)
    data = _file_of(reply)
    if data is None:
        return False, "data that is not base64"
    try:
        codes = None if rows is None else list(map(bytes.fromhex, rows))
        first = content_id(loads(data, codes=codes_of(codes))).hex()
        second = plain_decoder.decode(data, codes=codes).content_id.hex()
    except (PladaError, plain_decoder.Refused) as error:
        return False, f"a file that is refused: {error.code}"
    if first != second:
        return False, "a file that the suite's decoders read differently: report this"
    if first != identity:
        return False, f"a file with another meaning, content id {first}"
    return True, "a valid file with this meaning"


def codes_of(rows: Sequence[bytes] | None) -> Codes | None:
    """Return rows of codes as `pladafmt` takes them."""
    if rows is None:
        return None
    columns = len(rows[0]) if rows else 1
    return Codes(np.frombuffer(b"".join(rows), np.int8).reshape(len(rows), columns))


def _reading_words(reply: Reply) -> str:
    if reply.answer is None:
        return f"{reply.trouble}: {reply.detail}"
    verdict, code = reply.answer.get("verdict"), reply.answer.get("code")
    return f"{str(verdict)[:40]}" + (f" ({str(code)[:40]})" if code is not None else "")


def _outcome(
    vector: Sidecar,
    role: str,
    reply: Reply,
    passed: bool,
    expected: str,
    found: str,
    grade: int | None = None,
) -> Outcome:
    return Outcome(
        id=vector.id,
        role=role,
        passed=passed,
        grade=(TOP if passed else 0) if grade is None else grade,
        expected=expected,
        found=found,
        trouble=reply.trouble,
        seconds=reply.seconds,
        memory=reply.memory,
        requirements=tuple(vector.data["requirements"]),
    )
