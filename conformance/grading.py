"""What a client's answer to a question is worth."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import zstandard

from . import appendix_b as spec
from .build import META
from .decoders import read_both, settled
from .process import MIB, Reply
from .question import Question

GRADES = ("none", "verdict", "content", "class", "code", "resources")
"""Of readers and clients, each including those before it."""

TOP = len(GRADES) - 1

REFUSAL_SECONDS = 1.0
REFUSAL_MEMORY = 64 * MIB
"""What refusing a file may take: time, and memory above what the worked example needs."""


@dataclass(frozen=True)
class Outcome:
    """How a client did on one question.

    Attributes:
        id: the vector's id, or that of a fresh file.
        role: the role that it was asked in.
        passed: whether everything was right.
        grade: of readers and clients, the highest of `GRADES` that this allows.
        expected: what is right, in a few words.
        found: what the client answered, in a few words.
        trouble: crash, hang, memory, flood or garbage, or None.
        seconds: time until the answer.
        memory: largest resident memory meanwhile, in bytes; 0 where it is not known.
        requirements: what the vector shows.
        fresh: whether the file was made for this run.
        judged: of a fresh file, what each of those said who had to agree about what is right.
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
    fresh: bool
    judged: dict[str, str] = field(default_factory=dict)

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


def expected_of(question: Question, features: set[str]) -> Expected:
    """Return what a reader that knows `features` has to say of a file."""
    data = question.data
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


def judge(question: Question, features: set[str], reply: Reply, *, spare: int) -> Outcome:
    """Judge an answer.

    Args:
        question: what was asked.
        features: the required features that the client knows.
        reply: what came of it.
        spare: memory that the client needs for an easy file, in bytes; 0 if that is not known.
    """
    if question.role in ("reader", "client"):
        return judge_reading(question, features, reply, spare=spare)
    return _JUDGES[question.role](question, reply)


def judge_reading(question: Question, features: set[str], reply: Reply, *, spare: int) -> Outcome:
    """Judge the answer of a reader or client."""
    wanted = expected_of(question, features)
    grade = grade_reading(wanted, reply, spare=spare)
    found = _reading_words(reply)
    if grade == 1:
        found += f" with content id {str((reply.answer or {}).get('content_id'))[:70]}"
    elif grade == TOP - 1:
        found += f" after {reply.seconds:.1f} s with {reply.memory // MIB} MiB"
    return _outcome(question, reply, grade == TOP, wanted.words, found, grade)


def judge_verifier(question: Question, reply: Reply) -> Outcome:
    """Judge the answer of a verifier."""
    data = question.data
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
    return _outcome(question, reply, good, wanted, found)


def judge_writer(question: Question, reply: Reply) -> Outcome:
    """Judge what a writer made of a payload, by both decoders."""
    data = question.data
    if data["verdict"] == "unwritable":
        answer = reply.answer or {}
        good = answer.get("verdict") == "unwritable" and "data" not in answer
        found = str(answer.get("verdict", "a file")) if reply.answer else reply.detail
        return _outcome(question, reply, good, "unwritable", found)
    good, found = _judge_file(reply, data["content_id"])
    return _outcome(question, reply, good, "a valid file with this meaning", found)


def judge_rewriter(question: Question, reply: Reply) -> Outcome:
    """Judge a rewritten file, by both decoders and by the chunks that it has."""
    data = question.data
    if data["verdict"] != "valid":
        wanted = Expected(data["verdict"], data["code"], None)
        good = grade_reading(wanted, reply, spare=0) >= TOP - 1
        return _outcome(question, reply, good, wanted.words, _reading_words(reply))
    good, found = _judge_file(reply, data["content_id"], data.get("codes"))
    if good:
        made, before = file_of(reply), question.file
        assert made is not None and before is not None
        wrong = _wrong_chunks(data, made, before)
        if wrong:
            good, found = False, wrong
        elif critical_chunks(made) == critical_chunks(before):
            good, found = False, "a file with the same critical chunks"
    return _outcome(question, reply, good, "the same meaning, other chunks", found)


def judge_salvager(question: Question, reply: Reply) -> Outcome:
    """Judge what a salvager recovered, by both decoders."""
    data = question.data
    answer = reply.answer or {}
    if data["verdict"] == "unsalvageable":
        good = answer.get("verdict") == "unsalvageable" and "data" not in answer
        found = str(answer.get("verdict", "a file")) if reply.answer else reply.detail
        return _outcome(question, reply, good, "unsalvageable", found)
    good, found = _judge_file(reply, data["content_id"], data.get("codes"))
    if good and answer.get("lost") != data["lost"]:
        good, found = False, f"{answer.get('lost')} images lost"
    elif good and "must_keep" in data:
        made, before = file_of(reply), question.file
        assert made is not None and before is not None
        wrong = _wrong_chunks(data, made, before)
        if wrong:
            good, found = False, wrong
    wanted = f"{data['kept']} images, {data['lost']} lost"
    return _outcome(question, reply, good, wanted, found)


_JUDGES = {
    "verifier": judge_verifier,
    "writer": judge_writer,
    "rewriter": judge_rewriter,
    "salvager": judge_salvager,
}


def chunk_types(data: bytes) -> set[str]:
    """Return the types of the chunks of a valid file, in hexadecimal."""
    return {f"{kind:02X}" for kind, _ in _chunks(data)}


def _wrong_chunks(data: dict[str, Any], made: bytes, before: bytes) -> str | None:
    """Say what is wrong with the chunks of a file that was made of another, or return None."""
    wrong = sorted(chunk_types(made) & set(data["must_drop"]))
    wrong += [kind for kind in data["must_keep"] if not _keeps(kind, made, before)]
    copied = [kind for kind in data["must_keep"] if int(kind, 16) != META]
    order = [f"{kind:02X}" for kind, _ in _chunks(made)]
    if not wrong and sorted(copied, key=order.index) != copied:
        return "a file that copies chunks in another order"
    return f"a file that keeps, lacks or alters the chunk {wrong[0]}" if wrong else None


def _keeps(kind: str, made: bytes, before: bytes) -> bool:
    """Return whether a file has a chunk as another has it, or at least META's members."""
    there, wanted = (_first_body(int(kind, 16), data) for data in (made, before))
    if there is None or wanted is None or int(kind, 16) != META:
        return there == wanted
    members = _members(there)
    return all(members.get(name) == value for name, value in _members(wanted).items())


def _members(body: bytes) -> dict[str, Any]:
    """Return the members of the metadata in the body of a META chunk of a valid file."""
    text = zstandard.ZstdDecompressor().decompress(body[1:]) if body[0] & 1 else body[1:]
    found: dict[str, Any] = json.loads(text)
    return found


def critical_chunks(data: bytes) -> list[tuple[int, bytes]]:
    """Return type and body of the critical chunks of a valid file."""
    return [(kind, body) for kind, body in _chunks(data) if not kind & 0x80]


def _first_body(kind: int, data: bytes) -> bytes | None:
    return next((body for found, body in _chunks(data) if found == kind), None)


def _chunks(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield type and body of each chunk of a file that is whole as far as it is read."""
    at = 9
    while at < len(data):
        length, body = spec.read_varint(data, at + 1)
        yield data[at], data[body : body + length]
        at = body + length + 4


def file_of(reply: Reply) -> bytes | None:
    """Return the file in an answer, or None if there is none that can be decoded."""
    try:
        return base64.b64decode((reply.answer or {}).get("data", ""), validate=True)
    except (binascii.Error, TypeError, ValueError):
        return None


def _judge_file(
    reply: Reply, identity: str, codes: Sequence[str] | None = None
) -> tuple[bool, str]:
    """Return whether both decoders read this meaning in an answer's file, and what they found."""
    if reply.answer is None:
        return False, reply.detail
    if "data" not in reply.answer:
        return False, _reading_words(reply)
    data = file_of(reply)
    if data is None:
        return False, "data that is not base64"
    rows = None if codes is None else [bytes.fromhex(row) for row in codes]
    answers = read_both(data, codes=rows)
    right = settled(answers)
    if right is None:
        said = "; ".join(f"{reader}: {answer}" for reader, answer in answers.items())
        return False, f"a file that the suite's decoders read differently ({said}): report this"
    if right.verdict != "valid":
        return False, f"a file that both decoders refuse: {right}"
    if right.content_id != identity:
        return False, f"a file with another meaning, content id {right.content_id}"
    return True, "a valid file with this meaning"


def _reading_words(reply: Reply) -> str:
    if reply.answer is None:
        return f"{reply.trouble}: {reply.detail}"
    verdict, code = reply.answer.get("verdict"), reply.answer.get("code")
    return f"{str(verdict)[:40]}" + (f" ({str(code)[:40]})" if code is not None else "")


def _outcome(
    question: Question,
    reply: Reply,
    passed: bool,
    expected: str,
    found: str,
    grade: int | None = None,
) -> Outcome:
    return Outcome(
        id=question.id,
        role=question.role,
        passed=passed,
        grade=(TOP if passed else 0) if grade is None else grade,
        expected=expected,
        found=found,
        trouble=reply.trouble,
        seconds=reply.seconds,
        memory=reply.memory,
        requirements=tuple(question.data["requirements"]),
        fresh=question.fresh,
        judged={who: str(answer) for who, answer in (question.judged or {}).items()},
    )
