"""Read and write the RULE chunk (specification, section 17.2)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import layout
from ..errors import Malformed, Mismatch
from ..head import Head, over_limit
from ..ledger import Ledger
from ..limits import Limits, work_of_rule
from . import stream
from .codes import MOST_COLUMNS
from .rule import MOST_SCORE, MOST_THRESHOLD, Rule

FIELD = "RULE.stream"


@dataclass(frozen=True)
class Found:
    """A rule that a file holds, and where its codes id is, for errors."""

    rule: Rule
    offset: int


def codes_missing(found: Found, images: int) -> Mismatch:
    """Return the error for a reader that has no codes."""
    return Mismatch(
        "codes-mismatch",
        f"The file keeps images by a rule over the codes {found.rule.codes_id.hex()}... of "
        f"{images} images, and none were given; get those that the pool's publisher ships.",
        offset=found.offset,
        field="RULE.codes_id",
    )


def read(body: bytes, offset: int, head: Head, limits: Limits, ledger: Ledger) -> Found:
    """Return what the body of a RULE chunk, at `offset` in the file, says.

    Raises:
        PladaError: if it breaks a rule or exceeds `limits`.
    """
    values, ranges = layout.parse(layout.RULE_BODY, body, offset=offset, name="RULE")
    top, shift = values.scale & 15, values.scale >> 4
    notes = {
        "codes_id": values.codes_id.hex(),
        "columns": f"{values.columns} columns",
        "scale": f"weights up to {top}, shift {shift}",
    }
    for key, (start, end) in ranges.items():
        ledger.add(f"RULE.{key}", start, end, notes[key])
    at = ranges["scale"][1]
    ledger.add(FIELD, at, offset + len(body), f"{head.classes} x {values.columns} weights")
    if not 1 <= values.columns <= MOST_COLUMNS or top == 0 or head.classes < 2:
        raise Malformed(
            "rule-shape",
            f"A rule of {values.columns} columns and weights up to {top} for {head.classes} "
            "classes; there must be 1 to 1,024 columns, a largest weight from 1, and 2 classes.",
            offset=ranges["columns"][0],
            field="RULE.columns",
        )
    if work_of_rule(head.pool.size, head.classes, values.columns) > limits.work:
        raise over_limit("work", limits.work, ranges["columns"][0])
    weights, biases, thresholds = stream.decode(
        body[at - offset :], head.classes, values.columns, top, offset=at, field=FIELD
    )
    # Before they are shifted: they may be as large as 2^53.
    sums = 128 * np.abs(weights).sum(axis=1)
    too_large = (np.abs(biases) > (MOST_SCORE - sums) >> shift) | (
        thresholds > MOST_THRESHOLD >> shift
    )
    if too_large.any():
        raise Malformed(
            "rule-range",
            f"The scores of class {int(too_large.argmax())} may exceed 2^24 - 1, or its threshold "
            "does 2^25.",
            offset=at,
            field=FIELD,
        )
    rule = Rule(
        values.codes_id,
        weights.astype(np.int8),
        (biases << shift).astype(np.int32),
        (thresholds << shift).astype(np.int32),
        shift,
    )
    return Found(rule, ranges["codes_id"][0])


def write(rule: Rule) -> bytes:
    """Return the body of a RULE chunk."""
    fields = layout.build(
        layout.RULE_BODY,
        codes_id=rule.codes_id,
        columns=rule.columns,
        scale=rule.top | rule.shift << 4,
    )
    return fields + stream.encode(
        rule.weights.astype(np.int64),
        rule.biases.astype(np.int64),
        rule.thresholds.astype(np.int64),
        rule.top,
        rule.shift,
    )
