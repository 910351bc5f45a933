"""Fresh payloads for writers, of which some cannot be written."""

from __future__ import annotations

import base64
import unicodedata
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from ..build import Meaning
from ..clients import reference
from ..decoders import LIBRARY, Answer, read_both, said, settled
from ..fuzz import fresh
from ..generators.writer import payload
from ..question import Question
from .asked import Asked

WRITABLE, UNWRITABLE = 16, 16
CONSTRUCTION = "construction"
"""Who says what follows from how a file was made, among those who have to agree."""

Members = dict[str, Any]


def questions(asked: Asked) -> Iterator[Question]:
    """Yield payloads to write, and others to refuse."""
    made = 0
    for number in range(40 * (WRITABLE + UNWRITABLE)):
        random = asked.random("writer", number)
        draft = fresh.valid_draft(random)
        meaning = draft.meaning
        # A payload says nothing of blocks: what it needs is the feature of weights.
        if not _normal(meaning) or (meaning.scale and "weights" not in asked.features):
            continue
        wanted = payload(meaning)
        if made < WRITABLE:
            yield _writable(str(number), wanted, meaning, draft.build().data)
        else:
            change = _FAULTS[made % len(_FAULTS)]
            if not change(random, wanted):
                continue
            yield _unwritable(str(number), wanted)
        made += 1
        if made == WRITABLE + UNWRITABLE:
            return


def _normal(meaning: Meaning) -> bool:
    """Whether a writer may write the names, which readers accept in any form."""
    texts = [each.decode() for each in (*(meaning.names or ()), *(meaning.identifiers or ()))]
    return all(unicodedata.is_normalized("NFC", each) for each in texts)


def _writable(name: str, wanted: Members, meaning: Meaning, file: bytes) -> Question:
    judged = {CONSTRUCTION: Answer("valid", None, meaning.content_id.hex()), **read_both(file)}
    written = said(lambda: _by_library(wanted))
    judged[f"{LIBRARY} as a writer"] = written
    right = settled(judged) or Answer("unsettled")
    return _question(name, wanted, right, judged)


def _unwritable(name: str, wanted: Members) -> Question:
    judged = {CONSTRUCTION: Answer("unwritable"), LIBRARY: said(lambda: _by_library(wanted))}
    return _question(name, wanted, settled(judged) or Answer("unsettled"), judged)


def _by_library(wanted: Members) -> Answer:
    answer = reference.write({"payload": wanted})
    if "data" not in answer:
        return Answer(answer["verdict"])
    return settled(read_both(base64.b64decode(answer["data"]))) or Answer("unsettled")


def _question(name: str, wanted: Members, right: Answer, judged: dict[str, Answer]) -> Question:
    data: Members = {
        "role": "writer",
        "verdict": right.verdict,
        "code": None,
        "content_id": right.content_id,
        "requirements": [],
        "payload": wanted,
    }
    return Question(f"fresh_writer_{name}", "writer", data, judged=judged)


# ---------------------------------------------------------------- What cannot be written


def _equal_positions(random: Random, wanted: Members) -> bool:
    positions = wanted["positions"]
    if len(positions) < 2:
        return False
    at = random.randrange(1, len(positions))
    positions[at] = positions[at - 1]
    return True


def _descending_positions(random: Random, wanted: Members) -> bool:
    positions = wanted["positions"]
    if len(positions) < 2:
        return False
    at = random.randrange(1, len(positions))
    positions[at - 1], positions[at] = positions[at], positions[at - 1]
    return True


def _position_beyond_pool(random: Random, wanted: Members) -> bool:
    if not wanted["positions"]:
        return False
    wanted["positions"][-1] = wanted["pool_size"] + random.choice((0, 1, 2**20))
    return True


def _negative_position(random: Random, wanted: Members) -> bool:
    if not wanted["positions"]:
        return False
    wanted["positions"][0] = -random.choice((1, 2, 2**31, 2**52))
    return True


def _label_beyond_classes(random: Random, wanted: Members) -> bool:
    classes, labels = wanted["classes"], wanted["labels"]
    if not labels:
        return False
    count = classes if isinstance(classes, int) else len(classes)
    labels[random.randrange(len(labels))] = count + random.choice((0, 1, 255, 2**16))
    return True


def _another_number_of_labels(random: Random, wanted: Members) -> bool:
    if random.random() < 0.5 and wanted["labels"]:
        wanted["labels"].pop()
    else:
        wanted["labels"].append(0)
    return True


def _a_name(random: Random, wanted: Members, change: Callable[[str], str]) -> bool:
    names = wanted["classes"]
    if isinstance(names, int):
        return False
    at = random.randrange(len(names))
    names[at] = change(names[at])
    return True


def _forbidden_character(random: Random, wanted: Members) -> bool:
    forbidden = random.choice("\u202e\u2066\u0000\u0007\u007f\u0085\ud800\udfff")
    return _a_name(random, wanted, lambda name: name + forbidden)


def _decomposed_name(random: Random, wanted: Members) -> bool:
    return _a_name(random, wanted, lambda name: name + "e\u0301")


def _long_name(random: Random, wanted: Members) -> bool:
    return _a_name(random, wanted, lambda name: name + "x" * 256)


def _empty_name(random: Random, wanted: Members) -> bool:
    return _a_name(random, wanted, lambda name: "")


def _same_name_twice(random: Random, wanted: Members) -> bool:
    names = wanted["classes"]
    if isinstance(names, int) or len(names) < 2:
        return False
    one, two = random.sample(range(len(names)), 2)
    names[one] = names[two]
    return True


def _code_beyond_its_bits(random: Random, wanted: Members) -> bool:
    if not wanted["codes"]:
        return False
    codes = wanted["codes"]
    codes[random.randrange(len(codes))] = 2 ** wanted["weight_scale"][0]
    return True


def _pool_too_large(random: Random, wanted: Members) -> bool:
    wanted["pool_size"] = 2**53 + random.choice((0, 1, 2**10))
    return True


def _too_many_classes(random: Random, wanted: Members) -> bool:
    if not isinstance(wanted["classes"], int):
        return False
    wanted["classes"] = 65_536 + random.choice((1, 2, 2**16))
    return True


_FAULTS: tuple[Callable[[Random, Members], bool], ...] = (
    _equal_positions,
    _descending_positions,
    _position_beyond_pool,
    _negative_position,
    _label_beyond_classes,
    _another_number_of_labels,
    _forbidden_character,
    _decomposed_name,
    _long_name,
    _empty_name,
    _same_name_twice,
    _code_beyond_its_bits,
    _pool_too_large,
    _too_many_classes,
)
