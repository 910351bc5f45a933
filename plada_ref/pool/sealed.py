"""Tables that are kept for later commands, sealed so that damage is noticed.

A file is a SHA-256 of 32 bytes and a Parquet file. The digest covers the Parquet file and the name
of what the table is about, so that neither a flipped bit nor an entry in another one's place goes
by. It does not protect against forgery: whoever can write the file can seal it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pladafmt.files import replacing

SUFFIX = ".sealed"

_TAG = b"plada-sealed-1\0"


def write_sealed(path: Path, table: pa.Table, about: str) -> None:
    """Write a table, whole or not at all.

    Args:
        about: what the table was made from, such as a fingerprint; `read_sealed` asks for it.

    Raises:
        OSError: if it cannot be written.
    """
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="none")
    body = sink.getvalue()
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(_seal(body, about))
        file.write(body)


def read_sealed(path: Path, about: str, columns: list[str] | None = None) -> pa.Table | None:
    """Read a table, or these columns of it; None if it is damaged, or about another thing.

    Raises:
        OSError: if the file is missing or cannot be read.
    """
    with open(path, "rb") as file:
        seal = file.read(32)
        body = pa.py_buffer(file.read())
    if seal != _seal(body, about):
        return None
    with pq.ParquetFile(pa.BufferReader(body)) as stored:
        return stored.read(columns, use_threads=False)


def _seal(body: pa.Buffer, about: str) -> bytes:
    name = hashlib.sha256(_TAG + about.encode("utf-8", "surrogatepass")).digest()
    state = hashlib.sha256(name)
    state.update(body)
    return state.digest()
