"""Fresh files for rewriters: valid ones to write anew, and broken ones to refuse."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..build import SIGN, Chunk, Draft
from ..decoders import Answer, read_both, settled
from ..fuzz import fresh
from ..question import Question
from .asked import Asked
from .readers import broken
from .writers import CONSTRUCTION

VALID = 10
MUTANTS = 60
KNOWN_ANCILLARY = (SIGN, 0xC1)
SAFE_TO_COPY = 0x40


def questions(asked: Asked, known: Collection[str]) -> Iterator[Question]:
    """Yield valid files whose blocks are of several encodings, and mutants that are refused.

    A file of one encoding may be what a rewriter that always writes this one would write. The
    arguments are those of `readers.questions`.
    """
    made = 0
    for number in range(60 * VALID):
        draft = fresh.valid_draft(asked.random("rewriter", number))
        data = draft.build().data
        if len({block.encoding for block in draft.blocks}) > 1 and asked.can_read(data):
            yield _question(str(number), draft, data)
            made += 1
        if made == VALID:
            break
    yield from broken(asked, known, role="rewriter", mutants=MUTANTS, per_code=1)


def _question(name: str, draft: Draft, data: bytes) -> Question:
    identity = draft.meaning.content_id.hex()
    judged = {CONSTRUCTION: Answer("valid", None, identity), **read_both(data)}
    right = settled(judged) or Answer("unsettled")
    return Question(
        id=f"fresh_rewriter_valid_{name}",
        role="rewriter",
        data={
            "role": "rewriter",
            "verdict": right.verdict,
            "code": right.code,
            "content_id": right.content_id,
            "requirements": [],
            "must_drop": sorted(
                f"{each.kind:02X}" for each in draft.chunks + draft.after if _goes(each)
            ),
            "must_keep": [],
        },
        file=data,
        judged=judged,
    )


def _goes(chunk: Chunk) -> bool:
    """Whether a chunk may not stay where a critical chunk changes (section 13.1)."""
    unknown = bool(chunk.kind & 0x80) and chunk.kind not in KNOWN_ANCILLARY
    return chunk.kind == SIGN or (unknown and not chunk.kind & SAFE_TO_COPY)
