"""Structured changes to files: fields, streams, chunks, texts, and the bytes of the whole.

A `Recipe` says how a mutant is made, and can be followed again, in part as well. Everything in it
follows from a seed and a number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate
from random import Random

from pladafmt import Limits, validate

from .. import appendix_b as spec
from .. import watch
from ..build import BLOCK, CLASSES, META, varint
from ..decoders import codes_of
from ..vectors_on_disk import ROOT, vectors
from . import fresh, fresh_rules, mutate_fields, mutate_rules, mutate_streams
from .mutate_fields import flipped
from .mutate_zstd import content_of
from .sheet import Sheet, is_compressed, settle, take_apart, value_of

MUTANTS_PER_BASE = 24
MANY = 20_000
"""Images that a mutant may make a reader decode; it is given a lower limit on kept images."""

LARGEST_LIMIT = 2**53 - 1
"""Every client reads integers of JSON up to this one."""

WORK_OF_A_WEIGHT = 2**18
"""What decoding a weight of a rule counts, in multiplications (specification, section 15)."""

LARGE_FILE, LARGE_STREAM = 2**12, 2**18
"""Sizes beyond which a valid vector is not the start of mutants."""

REPAIRS = ("stale", "checksums", "totals")
"""What is made right after a change: nothing, the CRCs, or these and what HEAD says of the rest."""

_STALE, _CHECKSUMS, _TOTALS = range(3)

# ---------------------------------------------------------------- Where mutants start


@dataclass(frozen=True)
class Start:
    """A valid file, and the codes that it is read with if it has a rule."""

    data: bytes
    codes: Sequence[bytes] | None = None


@lru_cache(maxsize=1)
def _vectors() -> list[Start]:
    """Return the valid vectors but for the few that are larger, or decode to more, than others."""
    found = []
    for vector in vectors(ROOT):
        if vector.path.parts[-3] == "valid" and vector.file is not None:
            data = vector.file.read_bytes()
            head = take_apart(data).head
            if head is None or len(data) > LARGE_FILE:
                continue
            if value_of(head.parts["max_stream"]) <= LARGE_STREAM:
                rows = vector.data.get("codes")
                found.append(Start(data, rows and tuple(map(bytes.fromhex, rows))))
    return found


@lru_cache(maxsize=8)
def base(seed: int, number: int) -> Start:
    """Return a valid file: a vector, or one made for this number."""
    random = Random(f"{seed} base {number}")
    kind = random.random()
    if kind < 0.35:
        return random.choice(_vectors())
    if kind < 0.5:
        return Start(*fresh_rules.valid_file(random))
    return Start(fresh.valid_file(random))


@lru_cache(maxsize=8)
def _sheet(seed: int, number: int) -> Sheet:
    return take_apart(base(seed, number).data)


# ---------------------------------------------------------------- Recipes


@dataclass(frozen=True)
class Recipe:
    """How a mutant is made.

    Attributes:
        seed: of the run.
        number: of the mutant in the run.
        steps: seeds of the changes to fields, streams and chunks.
        cuts: seeds of the changes to the bytes of the whole, made after the repair.
        repair: index in `REPAIRS`.
        repair_cuts: whether checksums are made right after the cuts, too.
        limits: the reader's limits where they are not the default ones.
        reader: what the reader has as codes: those of the file, others, or none.
    """

    seed: int
    number: int
    steps: tuple[int, ...]
    cuts: tuple[int, ...]
    repair: int
    repair_cuts: bool
    limits: str
    reader: str

    @property
    def start(self) -> Start:
        """The valid file that the mutant is made of."""
        return base(self.seed, self.number // MUTANTS_PER_BASE)

    @property
    def codes(self) -> Sequence[bytes] | None:
        """The codes that the mutant is read with: a row or more, or None."""
        theirs = base(self.seed, self.number // MUTANTS_PER_BASE ^ 1).codes
        rows = self.start.codes or theirs  # A file without a rule may be given one.
        if rows is None or self.reader == "none":
            return None
        other = _OTHER_CODES.get(self.reader)
        return rows if other is None else other(rows, theirs)

    def make(self) -> tuple[bytes, list[str]]:
        """Return the mutant, and the names of the changes in order."""
        group = self.number // MUTANTS_PER_BASE
        # The donor of parts is a neighbour, so that few bases are made.
        sheet, donor = _sheet(self.seed, group), _sheet(self.seed, group ^ 1)
        changed = sheet.copy()
        changed.codes = self.codes
        done = []
        if self.repair == _STALE:
            _pin(changed, self.start.data)
        for step in self.steps:
            done.append(change(Random(step), changed, donor))
        data = repaired(changed) if self.repair == _TOTALS else changed.build()
        for cut in self.cuts:
            random = Random(cut)
            name, how = random.choice(_CUTS)
            data = how(random, data, base(self.seed, group ^ 1).data)
            done.append(name)
        if self.cuts and self.repair_cuts:
            data = take_apart(data).unpin().build()
        return data, done


def recipe(seed: int, number: int) -> Recipe:
    """Return the recipe of a mutant."""
    random = Random((seed << 40) + number)
    steps = [random.getrandbits(48) for _ in range(random.choice((1, 1, 1, 2, 2, 3)))]
    cuts = []
    if random.random() < 0.12:
        cuts.append(steps.pop())
    repair = random.choice((_STALE, *(_CHECKSUMS,) * 6, *(_TOTALS,) * 9))
    limits = "default"
    if random.random() < 0.2:
        limits = random.choice(("small", *("near",) * 2)) + f" {random.getrandbits(32)}"
    repair_cuts = random.random() < 0.5
    reader = random.choice((*("right",) * 24, "none", *_OTHER_CODES))
    return Recipe(seed, number, tuple(steps), tuple(cuts), repair, repair_cuts, limits, reader)


_OTHER_CODES: dict[str, Callable[[Sequence[bytes], Sequence[bytes] | None], Sequence[bytes]]] = {
    "theirs": lambda rows, theirs: theirs or rows,
    "fewer": lambda rows, _: rows[:-1] or rows,
    "more": lambda rows, _: (*rows, rows[0]),
    "narrower": lambda rows, _: [row[:-1] or row for row in rows],
    "wider": lambda rows, _: [(row + b"\0")[:1024] for row in rows],
    "reversed": lambda rows, _: rows[::-1],
}
"""Codes that a reader may have in the place of the right ones."""


def without(made: Recipe, step: int) -> Recipe:
    """Return a recipe that lacks one of its changes, by its place among steps and cuts."""
    if step < len(made.steps):
        return replace(made, steps=made.steps[:step] + made.steps[step + 1 :])
    step -= len(made.steps)
    return replace(made, cuts=made.cuts[:step] + made.cuts[step + 1 :])


def _pin(sheet: Sheet, data: bytes) -> None:
    """Keep the checksums that the file has, whatever changes."""
    at = len(sheet.preamble)
    for chunk in sheet.chunks:
        length, start = spec.read_varint(data, at + 1)
        at = start + length + 4
        chunk.crc = int.from_bytes(data[at - 4 : at], "little")


def limits_for(made: Recipe, data: bytes, defaults: dict[str, int]) -> dict[str, int]:
    """Return the limits under which a mutant is read."""
    sheet = take_apart(data)
    chosen = dict(defaults)
    kind, _, seed = made.limits.partition(" ")
    if kind == "small":
        chosen = {"kept": 100, "stream": 64, "blocks": 2, "class_map": 40, "metadata": 40}
        chosen["work"] = 20 * WORK_OF_A_WEIGHT
    elif kind == "near":
        random = Random(int(seed))
        name = random.choice([*chosen, "work"] if mutate_rules.weights_of(sheet) else list(chosen))
        near = _actual(sheet, name) + random.choice((-1, 0, 1))
        chosen[name] = min(max(0, near), LARGEST_LIMIT)
    if sheet.images > MANY:
        chosen["kept"] = min(chosen["kept"], MANY)
    if mutate_rules.weights_of(sheet) > mutate_rules.MOST_WEIGHTS:
        most = mutate_rules.MOST_WEIGHTS * WORK_OF_A_WEIGHT
        chosen["work"] = min(chosen.get("work", most), most)
    return chosen


def _actual(sheet: Sheet, limit: str) -> int:
    """Return how much of what a limit bounds there is in a file."""
    if limit == "work":
        size = value_of(sheet.head.parts["pool_size"]) if sheet.head else 0
        return (size + WORK_OF_A_WEIGHT) * mutate_rules.weights_of(sheet)
    if limit == "blocks":
        return sum(chunk.kind == BLOCK for chunk in sheet.chunks)
    if limit in ("kept", "stream"):
        name = "kept" if limit == "kept" else "max_stream"
        return value_of(sheet.head.parts[name]) if sheet.head else 0
    chunk = sheet.find(CLASSES if limit == "class_map" else META)
    text = chunk.parts.get("text", b"") if chunk else b""
    if chunk and is_compressed(chunk, "text"):
        # Stored and decoded size are bounded both.
        return max(len(content_of(text)), len(text) if len(text) % 2 else 0)
    return len(text)


def repaired(sheet: Sheet) -> bytes:
    """Return a sheet's file with checksums, totals and, if it has a meaning, the check made right.

    The check is the only thing here that a decoder has to say; both are asked afterwards.
    """
    settle(sheet)
    head = sheet.head
    kept = mutate_rules.images(sheet) if sheet.images <= MANY else None
    if head is not None and kept is not None:
        head.parts["kept"] = varint(kept)
    data = sheet.build()
    if head is None or sheet.images > MANY or len(head.parts["check"]) != 4:
        return data
    identity = _content_id(data, sheet.codes)
    if identity is not None:
        head.parts["check"] = identity[:4]
        data = sheet.build()
    return data


def _content_id(data: bytes, codes: Sequence[bytes] | None) -> bytes | None:
    """Return the content id of a file whose check alone may be wrong, else None."""
    try:
        with watch.alarm():
            limits = Limits(kept=MANY, work=mutate_rules.MOST_WEIGHTS * WORK_OF_A_WEIGHT)
            report = validate(data, limits=limits, codes=codes_of(codes))
    except (Exception, watch.Late):
        # The readers' business, who are asked about the same bytes afterwards.
        return None
    if report.ok or "content_id" not in report.facts:
        return None
    return bytes.fromhex(report.facts["content_id"])


# ---------------------------------------------------------------- Changes

_CHANGES = (*mutate_fields.CHANGES, *mutate_streams.CHANGES, *mutate_rules.CHANGES)
_CHANCES = list(accumulate(weight for weight, _ in _CHANGES))


def change(random: Random, sheet: Sheet, donor: Sheet) -> str:
    """Make a change that can be made in `sheet`, and return its name."""
    for _ in range(20):
        ((_, chosen),) = random.choices(_CHANGES, cum_weights=_CHANCES)
        if chosen(random, sheet, donor):
            return chosen.__name__.lstrip("_")
    return "nothing"


# To the bytes of the whole


def _truncate(random: Random, data: bytes, donor: bytes) -> bytes:
    return data[: random.randrange(len(data))] if data else data


def _append(random: Random, data: bytes, donor: bytes) -> bytes:
    return data + random.choice((b"\0", b"\x04\0", donor, random.randbytes(4)))


def _splice(random: Random, data: bytes, donor: bytes) -> bytes:
    """The start of one file and the end of another."""
    return data[: random.randint(0, len(data))] + donor[random.randint(0, len(donor)) :]


def _flip(random: Random, data: bytes, donor: bytes) -> bytes:
    return flipped(random, data) if data else data


def _drop(random: Random, data: bytes, donor: bytes) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + data[at + random.randint(1, 12) :]


def _repeat(random: Random, data: bytes, donor: bytes) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + data[at : at + random.randint(1, 12)] + data[at:]


def _insert(random: Random, data: bytes, donor: bytes) -> bytes:
    at = random.randint(0, len(data))
    return data[:at] + random.randbytes(random.randint(1, 4)) + data[at:]


_CUTS: tuple[tuple[str, Callable[[Random, bytes, bytes], bytes]], ...] = (
    ("truncate", _truncate),
    ("append", _append),
    ("splice", _splice),
    ("flip", _flip),
    ("drop", _drop),
    ("repeat", _repeat),
    ("insert", _insert),
)
