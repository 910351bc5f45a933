"""Code tables: small integers about each image of a pool (specification, section 17.1)."""

from __future__ import annotations

import os

import numpy as np
import numpy.typing as npt

from ..merkle import CODES_LEAF, TreeHasher

MOST_COLUMNS = 1024

Table = npt.NDArray[np.int8]


class BadCodes(ValueError):
    """A code table that cannot be used; one sentence says why. No payload is at fault."""


class Codes:
    """The codes of a pool's images.

    Args:
        table: shape (M, D), int8, D from 1 to 1,024; it may be mapped from a file.
        ids: ids of the first n rows that are known already, by n. They are believed.

    Raises:
        BadCodes: if the table has another shape or type.
    """

    def __init__(self, table: npt.ArrayLike, ids: dict[int, bytes] | None = None) -> None:
        found = np.asarray(table)
        if found.dtype != np.int8 or found.ndim != 2 or not 1 <= found.shape[1] <= MOST_COLUMNS:
            raise BadCodes(
                f"Codes are a table of int8 with 1 to {MOST_COLUMNS:,} columns, not "
                f"{found.dtype} of the shape {found.shape}."
            )
        self.table: Table = found
        self._ids = dict(ids or {})

    def __len__(self) -> int:
        return len(self.table)

    @property
    def columns(self) -> int:
        """D, the number of codes of each image."""
        return int(self.table.shape[1])

    def id_of(self, images: int) -> bytes:
        """Return the codes id of the first `images` images, 32 bytes.

        It is computed once: a microsecond or two for each image.

        Raises:
            ValueError: if there are not so many.
        """
        if not 0 <= images <= len(self.table):
            raise ValueError(f"codes of {len(self.table)} images are not those of {images}")
        if images not in self._ids:
            tree = TreeHasher(CODES_LEAF, self.columns)
            tree.extend(self.table[:images])
            self._ids[images] = tree.root()
        return self._ids[images]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Codes:
        """Map the table in a file of the layout of section 17.1; rows are read when needed.

        Raises:
            BadCodes: if it is another file, is cut short, or goes on behind its rows.
            OSError: if it cannot be read.
        """
        try:
            table = np.load(path, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise BadCodes(
                f"{os.fspath(path)} is not a code table, or is cut short: a NumPy file of int8 "
                "with a row for each image is needed."
            ) from error
        if not isinstance(table, np.ndarray) or not table.flags.c_contiguous:
            raise BadCodes(f"{os.fspath(path)} is not a code table in the order of C.")
        behind = 0
        if isinstance(table, np.memmap):  # A table of no rows is not.
            behind = os.stat(path).st_size - table.offset - table.nbytes
        if behind:
            raise BadCodes(
                f"{os.fspath(path)} goes on for {behind:,} bytes behind its {len(table):,} rows; a "
                "download may have been appended to another: get it again."
            )
        return cls(table)
