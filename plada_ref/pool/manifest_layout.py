"""The layout of a manifest's file.

A manifest is a Parquet file with the columns ``key`` (string), ``sha256`` (fixed-size binary of
32 bytes, the digest of the stored image bytes) and ``size`` (uint64, bytes), one row per pool
position, and with this file metadata:

==================== =============================================================================
plada.manifest       version of this layout: ``1``
plada.pool_id        the pool id in hexadecimal
plada.order          ``key`` (bytewise order of the UTF-8 key) or another order's name
plada.generations    pool sizes before each growth and now, ascending: ``50000,60000``
plada.order_made_by  how the order was made, a JSON object; absent with the order ``key``
==================== =============================================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pladafmt import PladaError, PoolRef, json_text

from ..errors import PipelineError
from .known_ids import Digests

VERSION = "1"

SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("sha256", pa.binary(32), nullable=False),
        pa.field("size", pa.uint64(), nullable=False),
    ]
)


class Rows(NamedTuple):
    """Images at consecutive positions of a manifest.

    Attributes:
        keys: n keys, an Arrow array of strings.
        digests: SHA-256 of the stored image bytes, shape (n, 32), uint8.
        sizes: stored size of each image in bytes, shape (n,), uint64.
    """

    keys: Any
    digests: Digests
    sizes: npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Metadata:
    """Facts about the whole pool that a manifest's file states.

    Attributes:
        pool: the pool's id, as stated, and size.
        order: name of the order, ``"key"`` by default.
        generations: pool sizes before each growth and now; the last is the pool's size.
        order_made_by: what the publisher says about how the order was made, a JSON object, or None.
    """

    pool: PoolRef
    order: str
    generations: tuple[int, ...]
    order_made_by: Mapping[str, Any] | None


def encode_metadata(metadata: Metadata) -> dict[str, str]:
    """Encode the file metadata, as the docstring of this file lists it."""
    encoded = {
        "plada.manifest": VERSION,
        "plada.pool_id": metadata.pool.id.hex(),
        "plada.order": metadata.order,
        "plada.generations": ",".join(map(str, metadata.generations)),
    }
    if metadata.order_made_by is not None:
        encoded["plada.order_made_by"] = json.dumps(metadata.order_made_by, sort_keys=True)
    return encoded


def decode_metadata(encoded: Mapping[bytes, bytes], name: str) -> Metadata:
    """Decode the file metadata of the manifest that messages call `name`.

    Raises:
        PipelineError: if an entry is missing or unusable.
    """
    try:
        pool_id = bytes.fromhex(encoded[b"plada.pool_id"].decode("ascii"))
        order = encoded[b"plada.order"].decode("utf-8")
        generations = tuple(map(int, encoded[b"plada.generations"].decode("ascii").split(",")))
        if len(pool_id) != 32:
            raise ValueError(f"a pool id has 32 bytes, not {len(pool_id)}")
        if not all(a < b for a, b in zip((-1, *generations), generations, strict=False)):
            raise ValueError(f"pool sizes {', '.join(map(str, generations))} do not ascend")
        made_by = json_text.parse(encoded.get(b"plada.order_made_by", b"null"))
        if made_by is not None and not isinstance(made_by, dict):
            raise ValueError("plada.order_made_by is not a JSON object")
        return Metadata(PoolRef(pool_id, generations[-1]), order, generations, made_by)
    except (KeyError, ValueError, PladaError) as exc:
        raise PipelineError(
            f"The manifest {name!r} has unusable metadata ({exc}); it is damaged."
        ) from exc


def check_layout(schema: pa.Schema, encoded: Mapping[bytes, bytes], name: str) -> None:
    """Check that a Parquet file is a manifest of this layout; messages call it `name`.

    Args:
        schema: its columns.
        encoded: its file metadata.

    Raises:
        PipelineError: if it is not.
    """
    version = encoded.get(b"plada.manifest")
    if version is None:
        raise PipelineError(
            f"{name!r} is a Parquet file but not a pool manifest: it has no plada.manifest "
            "metadata. Make a manifest with: plada pool index"
        )
    if version != VERSION.encode():
        raise PipelineError(
            f"{name!r} is a manifest of layout version {version!r:.60}; this program knows version "
            f"{VERSION}. Update the program."
        )
    types = {field.name: field.type for field in schema}
    # A writer that stores Arrow's own schema may call strings large strings.
    if pa.types.is_large_string(types.get("key", pa.null())):
        types["key"] = pa.string()
    if types != {field.name: field.type for field in SCHEMA}:
        raise PipelineError(
            f"The manifest {name!r} has the columns "
            f"{', '.join(f'{column.name} ({column.type})' for column in schema)}; it needs key "
            "(string), sha256 (32 bytes) and size (uint64)."
        )
