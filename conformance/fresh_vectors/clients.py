"""Fresh payloads for clients, with pools that fit them or do not."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from ..fuzz import fresh
from ..question import Question
from .asked import Asked
from .readers import reading

PAYLOADS = 24


def questions(asked: Asked) -> Iterator[Question]:
    """Yield payloads of pools of a few images, for clients whose pool is theirs or another one."""
    changes = (_same, _grown, _same, _grown, _short, _swapped, _replaced, _in_front)
    made = 0
    for number in range(20 * PAYLOADS):
        random = asked.random("client", number)
        pool = [random.randbytes(32) for _ in range(random.randint(2, 40))]
        data = fresh.valid_draft(random, pool).build().data
        if not asked.can_read(data):
            continue
        change = changes[made % len(changes)]
        if made % 12 == 11:
            # A damaged payload: its damage comes before the pool.
            data = data[:-1] + bytes((data[-1] ^ 1 << random.randrange(8),))
        yield reading(asked, "client", str(number), data, pool=change(random, pool))
        made += 1
        if made == PAYLOADS:
            return


def _same(random: Random, pool: list[bytes]) -> list[bytes]:
    return pool


def _grown(random: Random, pool: list[bytes]) -> list[bytes]:
    return pool + [random.randbytes(32) for _ in range(random.randint(1, 5))]


def _short(random: Random, pool: list[bytes]) -> list[bytes]:
    return pool[: random.randrange(len(pool))]


def _swapped(random: Random, pool: list[bytes]) -> list[bytes]:
    one, two = random.sample(range(len(pool)), 2)
    changed = list(pool)
    changed[one], changed[two] = pool[two], pool[one]
    return changed


def _replaced(random: Random, pool: list[bytes]) -> list[bytes]:
    changed = list(pool)
    changed[random.randrange(len(pool))] = random.randbytes(32)
    return changed


def _in_front(random: Random, pool: list[bytes]) -> list[bytes]:
    return [random.randbytes(32), *pool]
