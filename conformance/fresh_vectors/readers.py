"""Fresh valid and broken files for readers."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterator, Mapping

from ..decoders import PLAIN, Answer, Rows, read_both, read_plain, said, settled
from ..fuzz import fresh, fresh_rules, mutate
from ..question import Question
from ..vector import LIMITS, WORK
from .asked import Asked

VALID = 40
RULES = 10
MUTANTS = 240
"""Mutants that are made; most are of a few kinds, and of each kind some are asked."""

STEP = 4
"""One mutant in so many of the fuzzer's numbers, so that they start from more valid files."""

PER_CODE = 3
VALID_MUTANTS = 20


def questions(asked: Asked, known: Collection[str]) -> Iterator[Question]:
    """Yield valid files, and mutants of which some are valid.

    Args:
        asked: the client.
        known: SHA-256 of files, in hexadecimal, that are not fresh.
    """
    yield from _valid(asked)
    if asked.knows_rules:
        yield from _with_rules(asked)
    yield from broken(asked, known, role="reader", mutants=MUTANTS, per_code=PER_CODE)


def _valid(asked: Asked) -> Iterator[Question]:
    made = 0
    for number in range(20 * VALID):
        data = fresh.valid_file(asked.random("reader", number))
        if asked.can_read(data):
            yield reading(asked, "reader", f"valid_{number}", data)
            made += 1
        if made == VALID:
            return


def _with_rules(asked: Asked) -> Iterator[Question]:
    """Yield valid files with a rule, of which one is for a reader without the codes."""
    made = 0
    for number in range(20 * RULES):
        data, codes = fresh_rules.valid_file(asked.random("rule", number))
        if asked.can_read(data):
            at_hand = codes if made else None
            yield reading(asked, "reader", f"rule_{number}", data, codes=at_hand)
            made += 1
        if made == RULES:
            return


def broken(
    asked: Asked, known: Collection[str], *, role: str, mutants: int, per_code: int
) -> Iterator[Question]:
    """Yield mutants of valid files: for readers a few of each error code and some that are valid.

    Rewriters go by the default limits, and get those that are refused.

    Args:
        asked: the client.
        known: SHA-256 of files, in hexadecimal, that are not fresh.
        role: the role that it is asked in.
        mutants: how many to choose from.
        per_code: how many with the same error code.
    """
    codes = Counter[str | None]()
    usual, first, valid = asked.limits, 0, VALID_MUTANTS
    if role != "reader":
        usual, first, valid = LIMITS, STEP // 2, 0
    for number in range(mutants):
        recipe = mutate.recipe(asked.seed, first + number * STEP)
        data, _ = recipe.make()
        limits = mutate.limits_for(recipe, data, dict(usual))
        if (asked.fixed or role != "reader") and limits != usual:
            continue
        if hashlib.sha256(data).hexdigest() in known or data == recipe.start.data:
            continue
        question = reading(asked, role, f"mutant_{number}", data, limits, recipe.codes)
        if question.usable:
            code = question.data["code"]
            most = per_code if code else valid
            if codes[code] == most:
                continue
            codes[code] += 1
        yield question


def reading(
    asked: Asked,
    role: str,
    name: str,
    data: bytes,
    limits: Mapping[str, int] | None = None,
    codes: Rows = None,
    pool: list[bytes] | None = None,
) -> Question:
    """Return a question about a file of which both decoders have to say the same."""
    limits = dict(asked.limits if limits is None else limits)
    if not asked.knows_rules:
        limits.pop(WORK, None)
        codes = None
    judged = read_both(data, limits, codes, pool=pool)
    right = settled(judged) or Answer("unsettled")
    if right.verdict != "unsettled" and not asked.can_read(data):
        # What a reader says that lacks a feature is for the one decoder that can do without.
        right = said(lambda: read_plain(data, limits, codes, features=asked.bits, pool=pool))
        judged = {PLAIN: right}
    return Question(
        id=f"fresh_{role}_{name}",
        role=role,
        data={
            "role": role,
            "verdict": right.verdict,
            "code": right.code,
            "content_id": right.content_id,
            "requirements": [],
            "features": [],
            "limits": limits,
            "pool": None if pool is None else [digest.hex() for digest in pool],
            **({} if codes is None else {"codes": [row.hex() for row in codes]}),
        },
        file=data,
        judged=judged,
    )
