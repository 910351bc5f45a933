"""Decoders and verifiers with one deliberate fault each, with which the suite is tested.

Each breaks one requirement in a way in which somebody might well write it, and the suite has to
catch every one: `plada-conformance selftest`. They are changes of the text of `plain_decoder.py`
and `plain_verifier.py`, one table for each room of the specification, and real clients:

    plada-conformance run -- python -m plada_conformance.faulty overlong-varints
"""

from __future__ import annotations

from . import (
    blocks,
    container,
    dense,
    head,
    limits,
    order,
    pool,
    rule_chunks,
    rules,
    signature,
    streams,
    text,
)
from .fault import Fault

__all__ = ["BY_NAME", "CONTROLS", "FAULTS", "Fault"]

FAULTS: tuple[Fault, ...] = (
    *container.FAULTS,
    *head.FAULTS,
    *text.FAULTS,
    *streams.FAULTS,
    *blocks.FAULTS,
    *dense.FAULTS,
    *signature.FAULTS,
    *pool.FAULTS,
    *order.FAULTS,
    *limits.FAULTS,
    *rule_chunks.FAULTS,
    *rules.FAULTS,
)

CONTROLS = tuple(
    Fault(f"no-fault-of-a-{role}", "", "The program as it is, made in the same way.", (), role=role)
    for role in ("reader", "client", "verifier")
)

BY_NAME = {fault.name: fault for fault in (*CONTROLS, *FAULTS)}
