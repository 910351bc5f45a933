"""Selections on disk: what `prune` keeps, before `encode` makes a payload of it.

A Parquet file with the columns ``position`` (uint64), ``label`` (uint16) and, when there are
weights, ``weight`` (float64), one row per kept image, and the rest of the payload as JSON in the
schema's metadata. Other tools can write one, so it is checked like any input.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pladafmt import Payload, PladaError, PoolRef
from pladafmt.files import replacing

from ..errors import PipelineError

_KEY = b"plada-selection"


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
    try:
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
    except FileNotFoundError:
        raise PipelineError(
            f"There is no selection at {path}; make one with plada prune."
        ) from None
    except PladaError as error:
        raise PipelineError(f"The selection {path} does not hold together: {error}") from error
    except (
        pa.ArrowException,
        KeyError,
        TypeError,
        ValueError,
    ) as error:
        raise PipelineError(
            f"{path} is not a selection written by plada prune: {type(error).__name__}."
        ) from error
