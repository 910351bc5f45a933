"""Valid files and damaged copies of them, made afresh for each run.

They are in no list that a client could know by heart. A client that says the same of a good file
and of its damaged copy has not looked, and is not scored.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from .build import BITMAP, DELTA, RLE, Meaning, Stream, draft


@dataclass(frozen=True)
class Pair:
    """A valid file, what it means, and a copy of it that is not valid."""

    good: bytes
    content_id: bytes
    bad: bytes
    sentence: str


def pairs(random: Random) -> list[Pair]:
    """Return a pair for each way of damaging a file."""
    found = []
    for encoding, damage in zip((BITMAP, DELTA, RLE, DELTA), range(4), strict=True):
        meaning = _meaning(random)
        made = draft(meaning, encoding)
        good = made.build()
        if damage == 0:
            at = random.randrange(*good.ranges["BLOCK 0.labels"])
            data = bytearray(good.data)
            data[at] ^= 1 << random.randrange(8)
            bad, sentence = bytes(data), "a flipped bit"
        elif damage == 1:
            bad, sentence = good.data[: -1 - random.randrange(9)], "a missing end"
        elif damage == 2:
            labels = bytearray(made.block.labels.stored)
            labels[random.randrange(len(labels))] = meaning.classes
            made.block.labels = Stream(bytes(labels))
            bad, sentence = made.build().data, "a label that is no class"
        else:
            labels = bytearray(made.block.labels.stored)
            at = random.randrange(len(labels))
            labels[at] = (labels[at] + 1) % meaning.classes
            made.block.labels = Stream(bytes(labels))
            bad, sentence = made.build().data, "a changed label under a right checksum"
        found.append(Pair(good.data, meaning.content_id, bad, sentence))
    return found


def _meaning(random: Random) -> Meaning:
    size = random.randrange(500, 5000)
    count = random.randrange(5, 60)
    classes = random.randrange(2, 9)
    return Meaning(
        pool_id=random.randbytes(32),
        pool_size=size,
        classes=classes,
        names=tuple(f"class {random.randrange(10**6)}-{n}".encode() for n in range(classes)),
        positions=tuple(sorted(random.sample(range(size), count))),
        labels=tuple(random.randrange(classes) for _ in range(count)),
    )
