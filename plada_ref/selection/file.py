"""Selections on disk: what `prune` keeps, before `encode` makes a payload of it.

A Parquet file with the columns ``position`` (uint64), ``label`` (uint16) and, when there are
weights, ``weight`` (float64), one row per kept image, and the rest of the payload as JSON in the
schema's metadata. If the images are kept by a rule over codes, the JSON has a member ``rule`` as
well, with the rule's numbers and the file of the codes. Other tools can write one, so it is checked
like any input.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pladafmt import Payload, PladaError, Rule
from pladafmt.files import replacing

from ..errors import PipelineError, one_line
from ..labelling.columns_file import Kind, read_columns
from ..labelling.facts import Facts, sealed

_KEY = b"plada-selection"
_KINDS: dict[str, Kind] = {
    "position": ("whole numbers", pa.types.is_integer),
    "label": ("whole numbers", pa.types.is_integer),
    "weight": ("numbers", lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind)),
}
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
    table = pa.table(columns).replace_schema_metadata({_KEY: sealed(facts, columns)})
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
        facts, columns = _contents(path)
        classes, metadata = facts.get("classes"), facts.get("metadata")
        return Payload(
            pool=facts.pool(),
            classes=facts.whole("classes") if type(classes) is int else facts.texts("classes"),
            positions=columns["position"],
            labels=columns["label"],
            weights=columns.get("weight"),
            metadata=metadata if metadata is None else facts.object("metadata"),
        )


def read_rule(path: str | os.PathLike[str]) -> ByRule | None:
    """Return the rule of the selection in the file at `path`, None if it has none.

    Raises:
        PipelineError: if the file is not a selection.
    """
    with _checked(path):
        facts, _ = _contents(path)
        if not facts.has("rule"):
            return None
        stored = facts.object("rule")
        shift, codes, codes_id = (stored.get(name) for name in ("shift", "codes", "codes_id"))
        if type(shift) is not int or not isinstance(codes, str) or not isinstance(codes_id, str):
            raise ValueError("its rule does not say its shift and its codes")
        weights, biases, thresholds = (_integers(stored, name) for name in _NUMBERS)
        rule = Rule(bytes.fromhex(codes_id), weights, biases, thresholds, shift)
        return ByRule(rule, Path(codes))


def _contents(path: str | os.PathLike[str]) -> tuple[Facts, dict[str, npt.NDArray[Any]]]:
    return read_columns(path, _KEY, _KINDS, may_lack=("weight",))


def _integers(stored: dict[str, Any], name: str) -> npt.NDArray[np.int64]:
    found = np.array(stored.get(name))  # Ragged lists are a ValueError, other things no integers.
    if found.dtype != np.int64:
        raise ValueError(f"the {name} of its rule are no whole numbers")
    return found


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
    except (OSError, pa.ArrowException, ValueError) as error:
        raise PipelineError(
            f"{path} is not a selection written by plada prune, or it is damaged "
            f"({one_line(error)}); make it again."
        ) from error
