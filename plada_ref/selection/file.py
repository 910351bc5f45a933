"""Selections on disk: what `prune` keeps, before `encode` makes a payload of it.

A Parquet file with the columns ``position`` (uint64), ``label`` (uint16) and, when there are
weights, ``weight`` (float64), one row per kept image, and the rest of the payload as JSON in the
schema's metadata. If the images are kept by a rule over codes, the JSON has a member ``rule`` as
well, with the rule's numbers and the file of the codes. Other tools can write one, so it is checked
like any input.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pladafmt import Payload, PladaError, PoolRef, Rule
from pladafmt.files import replacing

from ..errors import PipelineError

_KEY = b"plada-selection"
_NUMBERS = ("weights", "biases", "thresholds")


@dataclass(frozen=True, eq=False)
class ByRule:
    """The rule by which a selection keeps its images.

    Attributes:
        rule: the rule.
        codes: the file of the codes that it was made with.
    """

    rule: Rule
    codes: Path


def write(payload: Payload, path: str | os.PathLike[str], by: ByRule | None = None) -> None:
    """Write the selection in `payload`, and its rule, to `path`, whole or not at all."""
    columns: dict[str, Any] = {"position": payload.positions, "label": payload.labels}
    if payload.weights is not None:
        columns["weight"] = payload.weights
    facts = {
        "pool_id": payload.pool.id.hex(),
        "pool_size": payload.pool.size,
        "classes": payload.classes if isinstance(payload.classes, int) else list(payload.classes),
        "metadata": payload.metadata,
    }
    if by is not None:
        facts["rule"] = _rule_to_json(by)
    table = pa.table(columns).replace_schema_metadata({_KEY: json.dumps(facts).encode()})
    with replacing(path) as temporary:
        # Positions ascend, so their distances are small; packed labels take ten bits for a thousand
        # classes. Compressing both again would take longer than all the rest.
        pq.write_table(
            table,
            temporary,
            compression="none",
            use_dictionary=False,
            column_encoding=dict.fromkeys(("position", "label"), "DELTA_BINARY_PACKED"),
        )


def read(path: str | os.PathLike[str]) -> Payload:
    """Return the selection in the file at `path`.

    Raises:
        PipelineError: if the file is not a selection.
    """
    with _checked(path):
        table = pq.read_table(path)
        facts = json.loads(table.schema.metadata[_KEY])
        return Payload(
            pool=PoolRef(bytes.fromhex(facts["pool_id"]), facts["pool_size"]),
            classes=facts["classes"],
            positions=table.column("position").to_numpy(),
            labels=table.column("label").to_numpy(),
            weights=table.column("weight").to_numpy() if "weight" in table.column_names else None,
            metadata=facts["metadata"],
        )


def read_rule(path: str | os.PathLike[str]) -> ByRule | None:
    """Return the rule of the selection in the file at `path`, None if it has none.

    Raises:
        PipelineError: if the file is not a selection.
    """
    with _checked(path):
        stored = json.loads(pq.read_schema(path).metadata[_KEY]).get("rule")
        if stored is None:
            return None
        weights, biases, thresholds = (np.array(stored[name], np.int64) for name in _NUMBERS)
        codes_id = bytes.fromhex(stored["codes_id"])
        rule = Rule(codes_id, weights, biases, thresholds, stored["shift"])
        return ByRule(rule, Path(stored["codes"]))


def _rule_to_json(by: ByRule) -> dict[str, Any]:
    numbers = {name: getattr(by.rule, name).tolist() for name in _NUMBERS}
    about = {"codes_id": by.rule.codes_id.hex(), "shift": by.rule.shift}
    return about | numbers | {"codes": str(by.codes.resolve())}


@contextmanager
def _checked(path: str | os.PathLike[str]) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise PipelineError(
            f"There is no selection at {path}; make one with plada prune."
        ) from None
    except PladaError as error:
        raise PipelineError(f"The selection {path} does not hold together: {error}") from error
    except (
        pa.ArrowException,
        AttributeError,
        KeyError,
        OverflowError,
        TypeError,
        ValueError,
    ) as error:
        raise PipelineError(
            f"{path} is not a selection written by plada prune: {type(error).__name__}."
        ) from error
