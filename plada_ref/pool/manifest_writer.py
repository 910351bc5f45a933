"""Write a manifest's file, some rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pladafmt.files import replacing

from .columns import digest_array
from .manifest_layout import SCHEMA, Metadata, Rows, encode_metadata

ROWS_PER_GROUP = 1 << 17
"""Rows in a row group: they are written together, and skipped together when reading."""


def write_manifest(
    path: str | os.PathLike[str], pieces: Iterable[Rows], metadata: Metadata
) -> None:
    """Write a manifest whose rows need not all be in memory, whole or not at all."""
    with (
        replacing(path) as temporary,
        # Digests are noise: no dictionary and no compression for them.
        pq.ParquetWriter(
            temporary,
            SCHEMA,
            compression={"key": "zstd", "sha256": "none", "size": "zstd"},
            use_dictionary=False,
            column_encoding={"key": "DELTA_BYTE_ARRAY"},
            store_schema=False,
        ) as writer,
    ):
        for group in _groups(pieces):
            writer.write_table(group)
        writer.add_key_value_metadata(encode_metadata(metadata))


def _groups(pieces: Iterable[Rows]) -> Iterator[pa.Table]:
    """Yield the same rows in tables of `ROWS_PER_GROUP`; the last may be shorter, but not empty."""
    waiting = SCHEMA.empty_table()
    for piece in pieces:
        columns = [
            piece.keys.cast(pa.string()),
            digest_array(piece.digests),
            pa.array(piece.sizes, pa.uint64()),
        ]
        waiting = pa.concat_tables([waiting, pa.Table.from_arrays(columns, schema=SCHEMA)])
        while len(waiting) >= ROWS_PER_GROUP:
            # Combined, so that the file does not show in which pieces its rows came.
            yield waiting.slice(0, ROWS_PER_GROUP).combine_chunks()
            waiting = waiting.slice(ROWS_PER_GROUP)
    if len(waiting):
        yield waiting.combine_chunks()
