"""The plain writer, rewriter and salvager, where vectors do not reach."""

from __future__ import annotations

import random
import sys
import time
import zlib

import pytest
from plada_conformance import plain_decoder, plain_salvager
from plada_conformance.build import Made
from plada_conformance.environment import OWN
from plada_conformance.fuzz import fresh
from plada_conformance.generators.salvage import whole
from plada_conformance.grading import GRADES, TOP
from plada_conformance.run import run

from pladafmt import PladaError
from pladafmt.salvage import salvage

WRITERS = ("writer", "rewriter", "salvager")


@pytest.mark.slow
def test_the_plain_client_plays_the_roles_of_writers() -> None:
    command = [sys.executable, "-m", "plada_conformance.clients.plain"]
    result = run(command, roles=WRITERS, seed=1, env=OWN)
    assert [each for each in result.outcomes if not each.passed] == []
    assert {result.grade(role) for role in WRITERS} == {GRADES[TOP]}
    assert {role for role in WRITERS if result.asked(role, fresh=True)} == set(WRITERS)


def damaged(seed: int) -> bytes:
    """A valid file with its chunks cut, moved, repeated, overwritten or brought in."""
    chance = random.Random(seed)
    made = fresh.valid_draft(chance).build()
    data = bytearray(made.data)
    for _ in range(chance.randint(1, 3)):
        start, end = _chunk(chance, made)
        to, _ = _chunk(chance, made)
        at = chance.randrange(len(data) + 1)
        match chance.randrange(7):
            case 0:
                del data[at:]
            case 1:
                data[at : at + 1] = chance.randbytes(1)
            case 2:
                data[at:at] = chance.randbytes(chance.randint(1, 8))
            case 3:
                del data[at : at + chance.randint(1, 8)]
            case 4:
                data[to:to] = made.data[start:end]
            case 5:
                data[start:end] = b"" if chance.random() < 0.5 else chance.randbytes(end - start)
            case 6:
                other = fresh.valid_draft(chance).build()
                data[to:to] = other.data[9 : other.ranges["HEAD.crc"][1]]
    return bytes(data)


def _chunk(chance: random.Random, made: Made) -> tuple[int, int]:
    owner = chance.choice([name[:-4] for name in made.ranges if name.endswith(".crc")])
    return made.ranges[f"{owner}.type"][0], made.ranges[f"{owner}.crc"][1]


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 600, 200))
def test_salvagers_agree(start: int) -> None:
    # 3,000 such files were compared when this was written; these meet every verdict.
    seen = set()
    for seed in range(start, start + 200):
        data = damaged(seed)
        answers = [_by_library(data), _by_plain(data)]
        assert answers[0] == answers[1], seed
        seen.add("none" if answers[0] is None else answers[0][1] > 0)
    assert seen == {"none", True, False}


def _by_library(data: bytes) -> tuple[bytes, int] | None:
    try:
        found = salvage(data)
    except PladaError:
        return None
    return bytes(found.content_id), found.lost_images


def _by_plain(data: bytes) -> tuple[bytes, int] | None:
    try:
        made, lost = plain_salvager.salvage(data)
    except plain_salvager.Unsalvageable:
        return None
    return plain_decoder.decode(made).content_id, lost


def test_the_crc_of_a_range() -> None:
    chance = random.Random(1)
    data = chance.randbytes(3000)
    crcs = plain_salvager._Crcs(data)
    for _ in range(300):
        start, end = sorted(chance.choices(range(len(data) + 1), k=2))
        seed = chance.getrandbits(32)
        assert crcs.of(start, end, seed) == zlib.crc32(data[start:end], seed)


@pytest.mark.slow
@pytest.mark.parametrize("bait", [b"\xc1\x80\x80\x04", b"\x03\x83\x80\x10"])
def test_the_scan_is_linear(bait: bytes) -> None:
    # Every fourth byte looks like the start of a chunk of 64 KB and more.
    data = whole().build().data
    seconds = []
    for count in (2**14, 2**16):
        start = time.process_time()
        plain_salvager.salvage(data[:100] + bait * count + data[100:])
        seconds.append(time.process_time() - start)
    assert seconds[1] < 10 * seconds[0]  # it would be 16 times as long
