"""Fresh files for verifiers, signed or not, with fresh keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from ..build import SIGN, Draft
from ..decoders import Answer, settled, verify_both
from ..fuzz import fresh
from ..question import Question
from ..signing import key_id, public_key, signed
from .asked import Asked

FILES = 26
ORDER = 2**252 + 27742317777372353535851937790883648493

STATUS = ("unsigned", "unverified", "bad", "verified")
"""Answers of a verifier; another one is that of a reader who refuses the file."""


def questions(asked: Asked) -> Iterator[Question]:
    """Yield files, each signed by a key of its own or by somebody else."""
    made = 0
    for number in range(20 * FILES):
        random = asked.random("verifier", number)
        draft = fresh.valid_draft(random)
        draft.after = [each for each in draft.after if each.kind != SIGN]
        if not asked.can_read(draft.build().data):
            continue
        key = f"{random.getrandbits(128)}"
        data = _KINDS[made % len(_KINDS)](random, draft, key)
        keys = [public_key(key)]
        for _ in range(random.choice((0, 0, 1, 2))):
            keys.insert(random.randint(0, len(keys)), public_key(f"other {random.random()}"))
        yield _question(str(number), data, keys)
        made += 1
        if made == FILES:
            return


def _question(name: str, data: bytes, keys: list[bytes]) -> Question:
    judged = verify_both(data, keys)
    right = settled(judged) or Answer("unsettled")
    of_reader = right.verdict not in STATUS
    return Question(
        id=f"fresh_verifier_{name}",
        role="verifier",
        data={
            "role": "verifier",
            "verdict": right.verdict if of_reader else "valid",
            "answer": None if of_reader else right.verdict,
            "code": right.code,
            "requirements": [],
            "keys": [each.hex() for each in keys],
        },
        file=data,
        judged=judged,
    )


# ---------------------------------------------------------------- Files


def _verified(random: Random, draft: Draft, key: str) -> bytes:
    return signed(key, draft).build().data


def _unsigned(random: Random, draft: Draft, key: str) -> bytes:
    return draft.build().data


def _of_another(random: Random, draft: Draft, key: str) -> bytes:
    return signed(f"another {random.random()}", draft).build().data


def _forged(random: Random, draft: Draft, key: str) -> bytes:
    """Signed by another key, under the key id of the caller's."""
    made = signed(f"another {random.random()}", draft)
    made.chunk(SIGN).parts["key_id"] = key_id(public_key(key))
    return made.build().data


def _flipped(random: Random, draft: Draft, key: str) -> bytes:
    """A bit of the signature is flipped, in either half of it."""
    parts = signed(key, draft).chunk(SIGN).parts
    signature = bytearray(parts["signature"])
    signature[random.randrange(64)] ^= 1 << random.randrange(8)
    parts["signature"] = bytes(signature)
    return draft.build().data


def _larger(random: Random, draft: Draft, key: str) -> bytes:
    """S is larger by the group's order."""
    parts = signed(key, draft).chunk(SIGN).parts
    s = int.from_bytes(parts["signature"][32:], "little") + ORDER
    parts["signature"] = parts["signature"][:32] + s.to_bytes(32, "little")
    return draft.build().data


def _for_another_pool(random: Random, draft: Draft, key: str) -> bytes:
    """The file was altered after it was signed, and is valid all the same."""
    made = signed(key, draft)
    made.meaning = replace(made.meaning, pool_id=random.randbytes(32))
    return made.build().data


def _of_another_file(random: Random, draft: Draft, key: str) -> bytes:
    made = signed(key, draft)
    made.after[-1] = signed(key, fresh.valid_draft(random)).after[-1]
    return made.build().data


def _damaged(random: Random, draft: Draft, key: str) -> bytes:
    data = bytearray(signed(key, draft).build().data)
    data[random.randrange(9, len(data))] ^= 1 << random.randrange(8)
    return bytes(data)


_KINDS: tuple[Callable[[Random, Draft, str], bytes], ...] = (
    _verified,
    _unsigned,
    _flipped,
    _verified,
    _of_another,
    _for_another_pool,
    _verified,
    _forged,
    _larger,
    _verified,
    _of_another_file,
    _flipped,
    _damaged,
)
