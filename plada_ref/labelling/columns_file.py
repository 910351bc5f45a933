"""Read Parquet files of facts and columns of numbers: score tables and selections.

They may come from a stranger, or from a program that took another type for a column.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..limits import limits
from ..parquet.footer import read_groups
from ..parquet.pages import rows_at_a_time
from .facts import Facts

Kind = tuple[str, Callable[[pa.DataType], bool]]
"""What the values of a column must be, in words and as a question."""


def read_columns(
    path: str | os.PathLike[str],
    key: bytes,
    kinds: Mapping[str, Kind],
    *,
    may_lack: tuple[str, ...] = (),
    check: Callable[[Facts], None] = lambda facts: None,
) -> tuple[Facts, dict[str, npt.NDArray[Any]]]:
    """Read the facts, and the columns as arrays of shape (rows,) of the type that they have.

    Types and sizes are checked before a value is read, and the checksum when all are.

    Args:
        path: the file.
        key: under which the schema's metadata holds the facts.
        kinds: the columns; others are left alone.
        may_lack: those that need not be there.
        check: refuses the facts, by any exception, before the columns are looked at.

    Raises:
        FileNotFoundError: if there is no file.
        OSError, pyarrow.ArrowException, ValueError: if the file is another or damaged, or its
            columns take more memory than `Limits.expansion` allows; the message is a clause.
    """
    name = os.fspath(path)
    state = os.stat(name)
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("it is no file")
    # Mapped: the columns are as large as what is made of them.
    with pq.ParquetFile(name, memory_map=True, pre_buffer=False) as file:
        schema = file.schema_arrow
        facts = Facts(schema, key)
        check(facts)
        types = {field.name: field.type for field in schema}
        columns = [name for name in kinds if name in types or name not in may_lack]
        for column in columns:
            words, is_right = kinds[column]
            if column not in types:
                raise ValueError(f"it has no column {column}")
            if schema.names.count(column) > 1:
                raise ValueError(f"it has the column {column} twice")
            if not is_right(types[column]):
                raise ValueError(f"its column {column} is of {types[column]}, not of {words}")
        _check_size(name, state.st_size, {each: types[each].bit_width for each in columns})
        # One at a time: a column is held twice while it becomes an array.
        arrays = {column: _array(file, column) for column in columns}
    facts.check(arrays)
    return facts, arrays


def _array(file: pq.ParquetFile, column: str) -> npt.NDArray[Any]:
    stored = file.read([column]).column(0)
    if stored.null_count:
        raise ValueError(f"its column {column} has empty cells")
    values: npt.NDArray[Any] = stored.to_numpy()
    return values


def _check_size(name: str, length: int, bits: Mapping[str, int]) -> None:
    with open(name, "rb") as file:
        groups = read_groups(file, length)
        for group in groups:
            rows_at_a_time(file, group, list(bits), 1)  # It checks every page's header.
    rows = sum(group.rows for group in groups)
    size = rows * sum(bits.values()) // 8
    if size > limits().page + limits().expansion * length:
        raise ValueError(
            f"its {length:,} bytes hold {rows:,} rows of {size:,} bytes; if it comes from someone "
            "you trust, raise the limit: PLADA_LIMITS=expansion=1000"
        )
    for group in groups:
        for chunk in group.of(list(bits)):
            if chunk.values != group.rows:
                raise ValueError(f"its column {chunk.column} has not {group.rows} rows in a group")
