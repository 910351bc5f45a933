"""Selections on disk: what `prune` keeps, before `encode` makes a payload of it.

A Parquet file with the columns ``position`` (uint64), ``label`` (uint16) and, when there are
weights, ``weight`` (float64), one row per kept image, and the rest of the payload as JSON in the
schema's metadata. Other tools can write one, so it is checked like any input.
"""

from __future__ import annotations

import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pladafmt import Payload, PladaError
from pladafmt.files import replacing

from ..errors import PipelineError, one_line
from ..labelling.columns_file import Kind, read_columns
from ..labelling.facts import sealed

_KEY = b"plada-selection"
_KINDS: dict[str, Kind] = {
    "position": ("whole numbers", pa.types.is_integer),
    "label": ("whole numbers", pa.types.is_integer),
    "weight": ("numbers", lambda kind: pa.types.is_floating(kind) or pa.types.is_integer(kind)),
}


def write(payload: Payload, path: str | os.PathLike[str]) -> None:
    """Write the selection in `payload` to `path`, whole or not at all."""
    columns: dict[str, Any] = {"position": payload.positions, "label": payload.labels}
    if payload.weights is not None:
        columns["weight"] = payload.weights
    facts = {
        "pool_id": payload.pool.id.hex(),
        "pool_size": payload.pool.size,
        "classes": payload.classes if isinstance(payload.classes, int) else list(payload.classes),
        "metadata": payload.metadata,
    }
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
    try:
        facts, columns = read_columns(path, _KEY, _KINDS, may_lack=("weight",))
        classes, metadata = facts.get("classes"), facts.get("metadata")
        return Payload(
            pool=facts.pool(),
            classes=facts.whole("classes") if type(classes) is int else facts.texts("classes"),
            positions=columns["position"],
            labels=columns["label"],
            weights=columns.get("weight"),
            metadata=metadata if metadata is None else facts.object("metadata"),
        )
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
