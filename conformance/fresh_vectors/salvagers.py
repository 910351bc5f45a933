"""Fresh damaged files for salvagers, whose damage leaves one right answer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random

from pladafmt import PladaError
from pladafmt.salvage import salvage

from .. import plain_salvager
from ..build import Draft, Made, Meaning
from ..decoders import LIBRARY, Answer, read_both, said, settled
from ..decoders import PLAIN as PLAIN_DECODER
from ..fuzz import fresh
from ..question import Question
from .asked import Asked
from .writers import CONSTRUCTION

FILES = 24
PLAIN = "plain_salvager"
UNSALVAGEABLE = Answer("unsalvageable")


def questions(asked: Asked) -> Iterator[Question]:
    """Yield files of several blocks with chunks damaged, cut off, repeated or brought in."""
    made = 0
    for number in range(40 * FILES):
        random = asked.random("salvager", number)
        draft = fresh.valid_draft(random)
        whole = draft.build()
        if len(draft.blocks) < 2 or not asked.can_read(whole.data):
            continue
        data = _DAMAGES[made % len(_DAMAGES)](random, whole.data, whole)
        if random.random() < 0.3:
            data = random.choice(_ANYWHERE)(random, data, whole)
        other = None
        if made % 6 == 5:
            # Of the file that the caller names HEAD is whole and nothing else: whether a salvager
            # takes names from there as well is its own affair.
            start = _range(whole, "HEAD")[1]
            behind = _range(whole, _owners(whole)[1])[1]
            other = whole.data[: random.randrange(start, behind)]
        yield _question(str(number), draft.meaning, draft, whole, data, other)
        made += 1
        if made == FILES:
            return


def _question(
    name: str, meaning: Meaning, draft: Draft, whole: Made, data: bytes, other: bytes | None
) -> Question:
    left, expected = _expected(meaning, draft, whole, data, other)
    judged = {CONSTRUCTION: expected, **_by_library(data, other), PLAIN: _by_plain(data, other)}
    right = settled(judged) or Answer("unsettled")
    nothing = right == UNSALVAGEABLE
    return Question(
        id=f"fresh_salvager_{name}",
        role="salvager",
        data={
            "role": "salvager",
            "verdict": right.verdict,
            "code": None,
            "content_id": right.content_id,
            "requirements": [],
            "kept": 0 if nothing else len(left.positions),
            "lost": None if nothing else len(meaning.positions) - len(left.positions),
        },
        file=data,
        head_file=other,
        judged=judged,
    )


def _expected(
    meaning: Meaning, draft: Draft, whole: Made, data: bytes, other: bytes | None
) -> tuple[Meaning, Answer]:
    """Return what is left, by looking for each chunk of the file as it was."""
    stays = {owner: whole.data[slice(*_range(whole, owner))] in data for owner in _owners(whole)}
    kept: list[int] = []
    at = 0
    for number, block in enumerate(draft.blocks):
        if stays[f"BLOCK {number}"]:
            kept += range(at, at + block.count)
        at += block.count
    named = stays.get("CLASSES", False)
    left = replace(
        meaning,
        names=meaning.names if named else None,
        identifiers=meaning.identifiers if named else None,
        positions=tuple(meaning.positions[each] for each in kept),
        labels=tuple(meaning.labels[each] for each in kept),
        codes=None if meaning.codes is None else tuple(meaning.codes[each] for each in kept),
    )
    if not kept or not (stays["HEAD"] or other):
        return left, UNSALVAGEABLE
    return left, _salvaged(at - len(kept), left.content_id.hex())


def _salvaged(lost: int, identity: str | None) -> Answer:
    return Answer("salvaged", f"{lost} images lost", identity)


def _by_plain(data: bytes, other: bytes | None) -> Answer:
    """Return what the plain salvager salvages."""
    try:
        made, lost = plain_salvager.salvage(data, head_file=other)
    except plain_salvager.Unsalvageable:
        return UNSALVAGEABLE
    except Exception as error:
        return Answer("crash", type(error).__name__)
    return _salvaged(lost, said(lambda: read_both(made)[LIBRARY]).content_id)


def _by_library(data: bytes, other: bytes | None) -> dict[str, Answer]:
    """Return what pladafmt salvages, and what the plain decoder reads in that."""
    try:
        found = salvage(data, other=other)
    except PladaError:
        return {LIBRARY: UNSALVAGEABLE}
    except Exception as error:
        return {LIBRARY: Answer("crash", type(error).__name__)}
    read = said(lambda: read_both(found.data)[PLAIN_DECODER])
    lost = found.lost_images
    return {
        LIBRARY: _salvaged(lost, found.content_id.hex()),
        f"{PLAIN_DECODER} of what {LIBRARY} salvages": _salvaged(lost, read.content_id),
    }


# ---------------------------------------------------------------- Damage


def _owners(whole: Made) -> list[str]:
    """Return the names of the chunks."""
    return [name.removesuffix(".crc") for name in whole.ranges if name.endswith(".crc")]


def _range(whole: Made, owner: str) -> tuple[int, int]:
    return whole.ranges[f"{owner}.type"][0], whole.ranges[f"{owner}.crc"][1]


def _blocks(whole: Made) -> list[str]:
    return [owner for owner in _owners(whole) if owner.startswith("BLOCK ")]


def _noise(random: Random, data: bytes, whole: Made) -> bytes:
    """Noise over some chunks, HEAD not among them."""
    owners = [each for each in _owners(whole) if each != "HEAD"]
    for owner in random.sample(owners, random.randint(1, min(3, len(owners)))):
        start, end = _range(whole, owner)
        data = data[:start] + random.randbytes(end - start) + data[end:]
    return data


def _all_blocks(random: Random, data: bytes, whole: Made) -> bytes:
    """A bit flipped in every block."""
    changed = bytearray(data)
    for owner in _blocks(whole):
        changed[random.randrange(*_range(whole, owner))] ^= 1 << random.randrange(8)
    return bytes(changed)


def _flip(random: Random, data: bytes, whole: Made) -> bytes:
    """A bit flipped behind the preamble, HEAD not left out."""
    at = random.randrange(9, len(data))
    return data[:at] + bytes((data[at] ^ 1 << random.randrange(8),)) + data[at + 1 :]


def _cut(random: Random, data: bytes, whole: Made) -> bytes:
    return data[: random.randrange(_range(whole, "HEAD")[1], len(data))]


def _insert(random: Random, data: bytes, whole: Made) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + random.randbytes(random.randint(1, 8)) + data[at:]


def _between(random: Random, data: bytes, whole: Made) -> bytes:
    """Bytes between two chunks."""
    at = _range(whole, random.choice(_owners(whole)))[1]
    return data[:at] + random.randbytes(random.randint(1, 8)) + data[at:]


def _drop(random: Random, data: bytes, whole: Made) -> bytes:
    at = random.randrange(len(data))
    return data[:at] + data[at + random.randint(1, 8) :]


def _preamble(random: Random, data: bytes, whole: Made) -> bytes:
    return random.randbytes(9) + data[9:]


def _behind(random: Random, data: bytes, whole: Made) -> bytes:
    return data + random.randbytes(random.randint(1, 20))


def _repeat(random: Random, data: bytes, whole: Made) -> bytes:
    """A block that stands twice, one behind the other."""
    start, end = _range(whole, random.choice(_blocks(whole)))
    return data[:end] + data[start:end] + data[end:]


def _foreign(random: Random, data: bytes, whole: Made) -> bytes:
    """A block in place of another, from the same file but for its pool."""
    start, end = _range(whole, random.choice(_blocks(whole)))
    other = fresh.valid_draft(random).build()
    blocks = _blocks(other)
    brought = other.data[slice(*_range(other, random.choice(blocks)))] if blocks else b"\3\0\0"
    return data[:start] + brought + data[end:]


Damage = Callable[[Random, bytes, Made], bytes]

_ANYWHERE: tuple[Damage, ...] = (_flip, _insert, _drop, _behind)
"""Damage that asks nothing of where chunks are, and can follow another."""

_DAMAGES: tuple[Damage, ...] = (
    _noise,
    _cut,
    _flip,
    _insert,
    _between,
    _noise,
    _repeat,
    _foreign,
    _drop,
    _preamble,
    _all_blocks,
    _behind,
)
