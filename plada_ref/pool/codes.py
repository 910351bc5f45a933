"""The files of a pool's codes, and where they are found: beside the manifest, without a flag."""

from __future__ import annotations

import os
from pathlib import Path

from pladafmt import BadCodes, Codes

from ..errors import PipelineError
from ..storage.fetched import sibling
from .known_ids import codes_id

_MANIFEST, _CODES, _PROJECTION = ".parquet", ".codes.npy", ".projection.safetensors"


def codes_beside(manifest: str | os.PathLike[str]) -> Path:
    """Where the codes of a pool are looked for: ``pool.parquet`` has ``pool.codes.npy``."""
    path = Path(manifest)
    return path.with_name(path.name.removesuffix(_MANIFEST) + _CODES)


def projection_beside(codes: str | os.PathLike[str]) -> Path:
    """Where a table's projection is: ``pool.codes.npy`` has ``pool.projection.safetensors``."""
    path = Path(codes)
    name = path.name.removesuffix(".npy").removesuffix(".codes")
    return path.with_name(name + _PROJECTION)


def stored_codes(manifest: str | os.PathLike[str]) -> Path:
    """Where the codes beside a manifest are, which need not be there.

    Those of a manifest that was fetched are fetched now, so this is for who needs them.
    """
    return sibling(Path(manifest), codes_beside(manifest).name)


def stored_projection(codes: str | os.PathLike[str]) -> Path:
    """The same for the projection beside codes."""
    return sibling(Path(codes), projection_beside(codes).name)


class PoolCodes(Codes):
    """Codes in a file, mapped. Ids are computed once on a machine, see `plada_ref.pool.known_ids`.

    Args:
        path: the file.

    Raises:
        PipelineError: if it is not there, or is no table of codes.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            super().__init__(Codes.load(path).table)
        except FileNotFoundError as exc:
            raise PipelineError(
                f"There are no codes at {str(path)!r}; get those that the pool's publisher ships, "
                "or make them with: plada pool codes"
            ) from exc
        except BadCodes as exc:
            raise PipelineError(f"{exc} Get it again.") from exc

    def id_of(self, images: int) -> bytes:
        """Return the codes id of the first `images` images, 32 bytes.

        Raises:
            ValueError: if there are not so many.
        """
        if 0 <= images <= len(self) and images not in self._ids:
            self._ids[images] = codes_id(self.table[:images])
        return super().id_of(images)


def codes_of(manifest: str | os.PathLike[str]) -> PoolCodes | None:
    """The codes beside a manifest, None if there are none.

    Raises:
        PipelineError: if something else is there.
    """
    path = stored_codes(manifest)
    return PoolCodes(path) if path.exists() else None
