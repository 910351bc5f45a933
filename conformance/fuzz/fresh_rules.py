"""Valid files with a rule, made at random, and the codes of the pool that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from .. import appendix_b as spec
from ..build import RULE, Chunk, Draft, Meaning, changed, class_map, names_chunk, varint
from . import fresh

Rows = tuple[bytes, ...]
"""Codes of a pool: D bytes for each image."""

Weights = Sequence[Sequence[int]]

MOST_SCORE, MOST_THRESHOLD = 2**24 - 1, 2**25


def valid_file(random: Random) -> tuple[bytes, Rows]:
    """Return a valid file with a rule, and the codes of its pool, which may have grown."""
    images = random.choice((0, 1, 2, 7, 8, 20, 40, 60))
    classes = random.choice((2, 2, 3, 4, 10)) if random.random() < 0.9 else random.choice((40, 300))
    columns = random.choice((1, 2, 3)) if classes > 10 else random.choice((1, 2, 4, 16, 64))
    rows = _table(random, images + random.choice((images == 0, 1, 5)), columns)
    codes = [signed(row) for row in rows[:images]]
    top, shift = random.choice((1, 2, 7, 15)), random.choice((0, 1, 4, 15))
    weights = _weights(random, classes, columns, top)
    size = random.choice((0, 1, 5, 300 >> shift, MOST_SCORE))
    biases = [_bias(random, row, size, shift) for row in weights]
    thresholds = _thresholds(random, weights, biases, codes, shift)
    kept = dict(spec.kept_by_rule(weights, biases, thresholds, codes))
    listed = _listed(random, images, classes, kept)
    labels = kept | listed
    meaning = _meaning(random, images, classes, labels)
    draft = Draft(meaning)
    if meaning.names is not None:
        draft.chunks.append(names_chunk(class_map(meaning)))
    draft.chunks.append(chunk(codes_id(rows[:images])[:8], weights, biases, thresholds, top, shift))
    draft.blocks = fresh.blocks(random, _meaning_of_blocks(meaning, listed))
    fresh.dress(random, draft)
    return draft.build().data, rows


def chunk(
    start_of_id: bytes,
    weights: Weights,
    biases: Sequence[int],
    thresholds: Sequence[int],
    top: int,
    shift: int,
) -> Chunk:
    """Return a RULE chunk."""
    parts = {
        "codes_id": start_of_id,
        "columns": varint(len(weights[0])),
        "scale": bytes([top | shift << 4]),
        "stream": bytes(spec.write_rule(weights, biases, thresholds, top, shift)),
    }
    return Chunk(RULE, parts)


def signed(row: bytes) -> list[int]:
    """Return codes as numbers from -128 to 127."""
    return [octet - 256 if octet > 127 else octet for octet in row]


def codes_id(rows: Sequence[bytes]) -> bytes:
    """Return the codes id of these rows."""
    found: bytes = spec.codes_id([signed(row) for row in rows])
    return found


def _table(random: Random, images: int, columns: int) -> Rows:
    """Return codes with some columns more than are used; few values make equal scores."""
    width = min(1024, columns + random.choice((0, 0, 1, 3)))
    values = random.choice((range(256), range(256), (0, 1, 255), (127, 128)))
    return tuple(bytes(random.choices(values, k=width)) for _ in range(images))


def _weights(random: Random, classes: int, columns: int, top: int) -> list[list[int]]:
    low = random.choice((-top, -top, -1, 0))
    dense = random.choice((0.0, 0.2, 0.7, 1.0))
    return [
        [random.randint(low, top) if random.random() < dense else 0 for _ in range(columns)]
        for _ in range(classes)
    ]


def room_for_bias(row: Sequence[int]) -> int:
    """Return the largest bias of a class with these weights."""
    return int(MOST_SCORE - 128 * sum(map(abs, row)))


def _bias(random: Random, row: Sequence[int], size: int, shift: int) -> int:
    """Return a bias of up to so many units, or one that is as large as it may be, or nearly so."""
    most = room_for_bias(row) >> shift
    units = random.randint(-size, size)
    if size > most:
        units = random.choice((-1, 1)) * max(0, most - random.choice((0, 0, 1, 100)))
    return units << shift


def _thresholds(
    random: Random,
    weights: Weights,
    biases: Sequence[int],
    codes: Sequence[Sequence[int]],
    shift: int,
) -> list[int]:
    """Return thresholds, some of which an image just reaches or misses."""
    margins = [0]
    for row in random.sample(list(codes), min(3, len(codes))):
        scores = sorted(
            bias + sum(weight * code for weight, code in zip(each, row, strict=False))
            for each, bias in zip(weights, biases, strict=True)
        )
        margins.append(scores[-1] - scores[-2])
    usual = random.choice(margins)
    found = []
    for _ in weights:
        wanted = usual if random.random() < 0.7 else random.choice(margins)
        if random.random() < 0.05:
            wanted = MOST_THRESHOLD
        units = max(0, (wanted >> shift) + random.choice((0, 0, 1, -1)))
        found.append(min(units, MOST_THRESHOLD >> shift) << shift)
    return found


def _listed(random: Random, images: int, classes: int, kept: dict[int, int]) -> dict[int, int]:
    """Return what blocks name: images that the rule keeps and others, with its labels or others."""
    if not images or random.random() < 0.4:
        return {}
    chosen = random.sample(range(images), random.randint(1, min(images, 12)))
    return {
        position: kept[position]
        if position in kept and random.random() < 0.3
        else random.randrange(classes)
        for position in chosen
    }


def _meaning(random: Random, images: int, classes: int, labels: dict[int, int]) -> Meaning:
    named = classes < 5 and random.random() < 0.4
    positions = tuple(sorted(labels))
    return Meaning(
        random.randbytes(32),
        images,
        classes,
        names=tuple(f"class {n}".encode() for n in range(classes)) if named else None,
        positions=positions,
        labels=tuple(labels[position] for position in positions),
    )


def _meaning_of_blocks(meaning: Meaning, listed: dict[int, int]) -> Meaning:
    positions = tuple(sorted(listed))
    labels = tuple(listed[position] for position in positions)
    return changed(meaning, positions=positions, labels=labels)
