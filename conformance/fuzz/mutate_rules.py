"""Changes to rules, and how many images a file with a rule keeps."""

from __future__ import annotations

from random import Random

from .. import appendix_b as spec
from ..build import Chunk, varint
from . import fresh_rules
from .mutate_fields import Change, flipped
from .mutate_streams import decoded, relative_of
from .sheet import Sheet, value_of

MOST_WEIGHTS = 6000
"""Weights of a rule that is decoded here, and of one that mutants make readers decode."""

Numbers = tuple[list[list[int]], list[int], list[int], int, int]
"""Weights of each class, biases, thresholds, top, shift."""


def weights_of(sheet: Sheet) -> int:
    """Return how many weights the rule of a file has: what reading it may cost."""
    if sheet.rule is None or sheet.head is None:
        return 0
    return value_of(sheet.head.parts["classes"]) * value_of(sheet.rule.parts["columns"])


def _numbers(sheet: Sheet) -> Numbers | None:
    """Return what a rule says, or None of one that is not valid or too large."""
    rule, head = sheet.rule, sheet.head
    if rule is None or head is None or not rule.parts["scale"]:
        return None
    classes, columns = value_of(head.parts["classes"]), value_of(rule.parts["columns"])
    top, shift = rule.parts["scale"][0] & 15, rule.parts["scale"][0] >> 4
    if classes < 2 or top < 1 or not 0 < classes * columns <= MOST_WEIGHTS:
        return None
    try:
        found = spec.read_rule(rule.parts["stream"], classes, columns, top, shift)
    except (spec.Refused, IndexError):
        return None
    return (*found, top, shift)


def images(sheet: Sheet) -> int | None:
    """Return how many images a file with a rule keeps under its codes, or None if that is open."""
    numbers = _numbers(sheet)
    if numbers is None or sheet.head is None or sheet.codes is None:
        return None
    size = value_of(sheet.head.parts["pool_size"])
    weights, biases, thresholds, _, _ = numbers
    if size > len(sheet.codes) or (sheet.codes and len(weights[0]) > len(sheet.codes[0])):
        return None
    rows = [fresh_rules.signed(row) for row in sheet.codes[:size]]
    kept = {position for position, _ in spec.kept_by_rule(weights, biases, thresholds, rows)}
    for block in sheet.blocks:
        relative = relative_of(block)
        if relative is None:
            return None
        kept.update(value_of(block.parts["first"]) + each for each in relative)
    return len(kept)


# ---------------------------------------------------------------- Changes


def _bytes_of_the_stream(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    if sheet.rule is None:
        return False
    old = sheet.rule.parts["stream"]
    at = random.randint(0, len(old))
    new = random.choice(
        (
            flipped(random, old) if old else b"\1",
            flipped(random, old) if old else b"\1",
            old[:at] + random.randbytes(1) + old[at:],
            old[:at] + old[at + 1 :],
            old + b"\0",
            old[:-1],
            old[:at],
            b"\xff\xff\xff\xff" + old,
            bytes(len(old)),
            b"",
        )
    )
    sheet.rule.parts["stream"] = new
    return True


def _numbers_of_the_rule(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Write the rule with another weight, bias or threshold, also one beyond its bounds."""
    numbers = _numbers(sheet)
    if numbers is None or sheet.rule is None:
        return False
    weights, biases, thresholds, top, shift = numbers
    number = random.randrange(len(weights))
    kind = random.randrange(8)
    if kind <= 2:
        weights[number][random.randrange(len(weights[0]))] = random.randint(-top, top)
    elif kind == 3:
        most = fresh_rules.room_for_bias(weights[number]) >> shift
        size = random.choice((most, most + 1, 2**24, 2**37, 2**51, 2**52 - 1)) << shift
        biases[number] = random.choice((-size, size))
    elif kind == 4:
        biases[number] += random.choice((-1, 1, -3, 3)) << shift
    elif kind == 5:
        most = 2**25 >> shift
        thresholds[number] = random.choice((most, most + 1, 2**48, 2**53 - 2)) << shift
    elif kind == 6:
        thresholds[number] = max(0, thresholds[number] + (random.choice((-1, 1, -5, 5)) << shift))
    else:
        biases, thresholds = thresholds, biases
        thresholds = [abs(each) for each in thresholds]
    _write(sheet.rule, (weights, biases, thresholds, top, shift))
    return True


def _top_or_shift(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Change one half of the scale, with the stream that fits it or not."""
    numbers = _numbers(sheet)
    if numbers is None or sheet.rule is None:
        return False
    weights, biases, thresholds, top, shift = numbers
    if random.random() < 0.5:
        top = random.choice((0, 1, top - 1, top + 1, 15)) % 16
    else:
        shift = random.choice((0, shift - 1, shift + 1, 15)) % 16
    largest = max(abs(weight) for row in weights for weight in row)
    if top and largest <= top and random.random() < 0.7:
        rounded = [each >> shift << shift for each in biases]
        _write(
            sheet.rule,
            (weights, rounded, [each >> shift << shift for each in thresholds], top, shift),
        )
    else:
        sheet.rule.parts["scale"] = bytes([top | shift << 4])
    return True


def _write(rule: Chunk, numbers: Numbers) -> None:
    rule.parts |= fresh_rules.chunk(rule.parts["codes_id"], *numbers).parts


def _codes_id(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Name the codes of more or fewer images, with the pool's size or without."""
    rule, head = sheet.rule, sheet.head
    if rule is None or head is None or not sheet.codes:
        return False
    size = random.randint(0, len(sheet.codes))
    rule.parts["codes_id"] = fresh_rules.codes_id(sheet.codes[:size])[:8]
    if random.random() < 0.7:
        head.parts["pool_size"] = varint(size)
    return True


def _another_rule(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Put a small rule before the blocks, over the codes at hand."""
    head = sheet.head
    if head is None or sheet.rule is not None or not sheet.codes or not sheet.chunks[1:]:
        return False
    size = min(value_of(head.parts["pool_size"]), len(sheet.codes))
    classes = value_of(head.parts["classes"])
    if not 2 <= classes <= 300:
        return False
    if random.random() < 0.8:
        head.parts["pool_size"] = varint(size)
    weights = [[random.randint(-3, 3)] for _ in range(classes)]
    biases, thresholds = [random.randint(-99, 99) for _ in weights], [90] * classes
    start = fresh_rules.codes_id(sheet.codes[:size])[:8]
    firsts = [n for n, each in enumerate(sheet.chunks) if each in sheet.blocks]
    at = firsts[0] if firsts else len(sheet.chunks) - 1
    sheet.chunks.insert(at, fresh_rules.chunk(start, weights, biases, thresholds, 3, 0))
    return True


def _listed_again(random: Random, sheet: Sheet, donor: Sheet) -> bool:
    """Change labels of a block, which stand whatever the rule says."""
    found = [
        block
        for block in sheet.blocks
        if sheet.rule is not None and not block.parts["form"][0] >> 5 and decoded(block, "labels")
    ]
    if not found:
        return False
    block = random.choice(found)
    if block.parts["form"][0] & 8:
        return False
    block.parts["labels"] = flipped(random, block.parts["labels"])
    return True


CHANGES: tuple[tuple[int, Change], ...] = (
    (12, _bytes_of_the_stream),
    (20, _numbers_of_the_rule),
    (8, _top_or_shift),
    (8, _codes_id),
    (4, _another_rule),
    (5, _listed_again),
)
"""What this module can do to a sheet, and how often it is chosen where there is a rule."""
