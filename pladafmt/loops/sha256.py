"""SHA-256 (FIPS 180-4, section 6.2) of many short messages side by side.

A library takes half a microsecond for a message of some bytes, most of it to begin and to end. Here
each loop over `LANES` messages takes one step for all of them, and compilers make vector
instructions of such loops. For numba alone (`pladafmt.loops.backend`): as plain Python it would
take a thousand times as long, and its sums would not wrap.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np

LANES = 32
"""Messages that are hashed side by side: two to four vectors, so that none waits for itself."""

ROUNDS = 64
BLOCK = 16
"""Words of a block."""

WORDS = 8
"""Words of a digest."""

if "jit" not in globals():

    def jit(function: Any) -> Any:
        """Leave a function as it is; numba's decorator where this is compiled."""
        return function

    inlined = jit


def _primes() -> Any:
    found: list[int] = []
    number = 2
    while True:
        if all(number % prime for prime in found):
            found.append(number)
            yield number
        number += 1


def _fraction(root: float) -> int:
    """The first 32 bits behind the point."""
    return int(root % 1 * 2**32)


FIRST = np.array([_fraction(p ** (1 / 2)) for p in islice(_primes(), WORDS)], np.uint32)
CONSTANTS = np.array([_fraction(p ** (1 / 3)) for p in islice(_primes(), ROUNDS)], np.uint32)
"""Of FIPS 180-4, sections 5.3.3 and 4.2.2: from the square and cube roots of the first primes."""

# numba makes 64-bit integers of sums and shifts of 32-bit ones.
_u32 = np.uint32


@inlined
def _rotate(x: Any, bits: int) -> Any:
    return _u32((x >> _u32(bits)) | (x << _u32(32 - bits)))


@inlined
def _round(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, g: Any, h: Any, x: Any) -> Any:
    """Return the new `d` and `h`: those that become `e` and `a` as the letters move on by one."""
    h = _u32(h + (_rotate(e, 6) ^ _rotate(e, 11) ^ _rotate(e, 25)) + (g ^ (e & (f ^ g))) + x)
    mixed = (_rotate(a, 2) ^ _rotate(a, 13) ^ _rotate(a, 22)) + ((a & b) | (c & (a | b)))
    return _u32(d + h), _u32(h + mixed)


@inlined
def _taken(w: Any, constants: Any, t: int, n: int) -> Any:
    return constants[t] + w[t * LANES + n]


@jit
def digests(words: Any, constants: Any, first: Any, w: Any, v: Any, out: Any) -> None:
    """Hash padded messages.

    Args:
        words: uint32 of shape (n, 16 * blocks), `n` a multiple of `LANES`: messages with their
            padding, as big-endian words.
        constants, first: `CONSTANTS` and `FIRST`.
        w, v: room for the words of all rounds, and for two states, of every lane: uint32 of shapes
            (64 * LANES,) and (16 * LANES,). They are two arrays, each of one axis, for the
            compiler to see that no loop writes what it reads elsewhere.
        out: for the digests, as words, uint32 of shape (n, 8).
    """
    for message in range(0, words.shape[0], LANES):
        for i in range(WORDS):
            for n in range(LANES):
                v[i * LANES + n] = first[i]
        for block in range(0, words.shape[1], BLOCK):
            for n in range(LANES):
                for t in range(BLOCK):
                    w[t * LANES + n] = words[message + n, block + t]
            for t in range(BLOCK, ROUNDS):
                for n in range(LANES):
                    x = w[(t - 15) * LANES + n]
                    y = w[(t - 2) * LANES + n]
                    w[t * LANES + n] = (
                        w[(t - 16) * LANES + n]
                        + (_rotate(x, 7) ^ _rotate(x, 18) ^ (x >> _u32(3)))
                        + w[(t - 7) * LANES + n]
                        + (_rotate(y, 17) ^ _rotate(y, 19) ^ (y >> _u32(10)))
                    )
            for i in range(WORDS * LANES):
                v[WORDS * LANES + i] = v[i]
            for t in range(0, ROUNDS, 8):
                for n in range(LANES):
                    a = v[n]
                    b = v[LANES + n]
                    c = v[2 * LANES + n]
                    d = v[3 * LANES + n]
                    e = v[4 * LANES + n]
                    f = v[5 * LANES + n]
                    g = v[6 * LANES + n]
                    h = v[7 * LANES + n]
                    # Instead of moving eight words after each round, the letters move.
                    d, h = _round(a, b, c, d, e, f, g, h, _taken(w, constants, t, n))
                    c, g = _round(h, a, b, c, d, e, f, g, _taken(w, constants, t + 1, n))
                    b, f = _round(g, h, a, b, c, d, e, f, _taken(w, constants, t + 2, n))
                    a, e = _round(f, g, h, a, b, c, d, e, _taken(w, constants, t + 3, n))
                    h, d = _round(e, f, g, h, a, b, c, d, _taken(w, constants, t + 4, n))
                    g, c = _round(d, e, f, g, h, a, b, c, _taken(w, constants, t + 5, n))
                    f, b = _round(c, d, e, f, g, h, a, b, _taken(w, constants, t + 6, n))
                    e, a = _round(b, c, d, e, f, g, h, a, _taken(w, constants, t + 7, n))
                    v[n] = a
                    v[LANES + n] = b
                    v[2 * LANES + n] = c
                    v[3 * LANES + n] = d
                    v[4 * LANES + n] = e
                    v[5 * LANES + n] = f
                    v[6 * LANES + n] = g
                    v[7 * LANES + n] = h
            for i in range(WORDS * LANES):
                v[i] += v[WORDS * LANES + i]
        for n in range(LANES):
            for i in range(WORDS):
                out[message + n, i] = v[i * LANES + n]
