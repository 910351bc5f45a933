"""The columns of a pool's scores while they are filled, in any order: in memory, or in a file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ..errors import PipelineError
from .scores import ROWS_PER_GROUP, Scores, score

_LIKE = score(np.zeros((0, 1), np.float32))
_TYPES = {name: getattr(_LIKE, name).dtype for name in Scores.__dataclass_fields__}


class ScoreColumns(Protocol):
    """Takes the scores of chunks of a pool, in any order."""

    def fill(self, positions: range, scores: Scores) -> None:
        """Set those of the images at `positions`, neighbours in ascending order."""
        ...


class ScoresInMemory:
    """The scores of a pool of so many images.

    Attributes:
        scores: what has been filled in; the rest means nothing.
    """

    def __init__(self, images: int) -> None:
        self.scores = Scores(**{name: np.empty(images, kind) for name, kind in _TYPES.items()})

    def fill(self, positions: range, scores: Scores) -> None:
        """See `ScoreColumns.fill`."""
        for name in _TYPES:
            getattr(self.scores, name)[positions.start : positions.stop] = getattr(scores, name)


class ScoresInFile:
    """The scores of a pool of so many images, in a file without a name.

    It goes with this process, even if that is killed.

    Args:
        folder: where the file is, 18 bytes for each image; the system's for such files when None.
        images: how many there are.

    Every method raises PipelineError, with the folder, if there is no room.
    """

    def __init__(self, folder: Path | None, images: int) -> None:
        self._folder = folder or Path(tempfile.gettempdir())
        self._images = images
        with self._room():
            self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115

    def __enter__(self) -> ScoresInFile:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # It would write what nobody reads.
            self._file.close()

    def fill(self, positions: range, scores: Scores) -> None:
        """See `ScoreColumns.fill`."""
        with self._room():
            for name, start, kind in self._places():
                self._file.seek(start + positions.start * kind.itemsize)
                self._file.write(np.ascontiguousarray(getattr(scores, name), kind).data)

    def pieces(self) -> Iterator[Scores]:
        """Yield all scores in order, for `write_scores`."""
        for start in range(0, self._images, ROWS_PER_GROUP):
            count = min(ROWS_PER_GROUP, self._images - start)
            columns: dict[str, npt.NDArray[Any]] = {}
            with self._room():
                for name, place, kind in self._places():
                    self._file.seek(place + start * kind.itemsize)
                    columns[name] = np.frombuffer(self._file.read(count * kind.itemsize), kind)
            yield Scores(**columns)

    def _places(self) -> Iterator[tuple[str, int, np.dtype[Any]]]:
        """Yield where in the file each column begins."""
        start = 0
        for name, kind in _TYPES.items():
            yield name, start, kind
            start += self._images * kind.itemsize

    @contextmanager
    def _room(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            raise PipelineError(
                f"Scores cannot be kept in {str(self._folder)!r} ({exc.strerror or exc}); make "
                "room and call the same command again: what was kept before is used."
            ) from exc
