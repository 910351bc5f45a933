"""What a teacher says about every image of a pool: the score table."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pladafmt import PoolRef
from pladafmt.files import replacing

from ..errors import PipelineError, one_line
from .columns_file import Kind, read_columns
from .facts import Facts, Sum, sealed_by
from .histogram import count_labels
from .sight import Sight

Rows = npt.NDArray[np.int64]

_KEY = b"plada-scores"
_LAYOUT = 2

_SCHEMA = pa.schema(
    [
        pa.field("label", pa.uint16(), nullable=False),
        pa.field("energy", pa.float32(), nullable=False),
        pa.field("entropy", pa.float32(), nullable=False),
        pa.field("margin", pa.float32(), nullable=False),
        pa.field("probability", pa.float32(), nullable=False),
    ]
)

ROWS_PER_GROUP = 1 << 17
"""Rows in a row group of a score table: they are written together."""

_KINDS: dict[str, Kind] = {field.name: (str(field.type), field.type.equals) for field in _SCHEMA}


@dataclass(frozen=True, eq=False)
class Scores:
    """Scores of n images, computed from their logits z by `score`.

    An image that could not be read has no score: NaN in all columns, and a label that means
    nothing, 0. `unreadable` says which.

    Attributes:
        labels: the pseudo-label, arg max z, shape (n,); the lowest number among equals.
        energy: -T log sum exp (z / T) at the temperature T (Liu et al., "Energy-based
            out-of-distribution detection", 2020; paper, section 4, with T = 1), shape (n,).
        entropy: Shannon entropy of softmax(z) in nats, shape (n,).
        margin: largest minus second largest probability, 0 to 1, shape (n,); 1 with one class.
        probability: the largest probability, above 0 and up to 1, shape (n,).
    """

    labels: npt.NDArray[np.uint16]
    energy: npt.NDArray[np.float32]
    entropy: npt.NDArray[np.float32]
    margin: npt.NDArray[np.float32]
    probability: npt.NDArray[np.float32]

    @property
    def unreadable(self) -> Rows:
        """Rows of the images that could not be read, ascending."""
        return np.flatnonzero(np.isnan(self.energy))

    def without(self, rows: Rows) -> Scores:
        """The same where the images of `rows` could not be read."""
        if not len(rows):
            return self
        columns = {name: np.array(getattr(self, name)) for name in self.__dataclass_fields__}
        for name, column in columns.items():
            column[rows] = 0 if name == "labels" else np.nan
        return Scores(**columns)


def score(logits: npt.NDArray[np.float32], *, temperature: float = 1.0) -> Scores:
    """The scores of logits of shape (n, C).

    Args:
        temperature: T of the energy, above 0. The other scores do not use it.

    Raises:
        PipelineError: if a logit is not a finite number.
    """
    if not np.isfinite(logits).all():
        raise PipelineError(
            "The teacher gives logits that are not finite numbers; its training has failed, so "
            "teach it again with a smaller --lr."
        )
    z = logits.astype(np.float64)
    labels = z.argmax(axis=1)
    top = z.max(axis=1)
    # Shifting by the maximum keeps exp from overflowing.
    shifted = z - top[:, None]
    log_sum = np.log(np.exp(shifted).sum(axis=1))
    log_p = shifted - log_sum[:, None]
    p = np.exp(log_p)
    if z.shape[1] > 1:
        two = np.partition(p, -2, axis=1)
        margin = two[:, -1] - two[:, -2]
    else:
        margin = np.ones(len(z))
    if temperature == 1.0:
        energy = -(top + log_sum)
    else:
        energy = -(top + temperature * np.log(np.exp(shifted / temperature).sum(axis=1)))
    return Scores(
        labels.astype(np.uint16),
        energy.astype(np.float32),
        np.abs((p * log_p).sum(axis=1)).astype(np.float32),  # abs: no negative zero.
        margin.astype(np.float32),
        p.max(axis=1).astype(np.float32),
    )


@dataclass(frozen=True, eq=False)
class ScoreFacts:
    """What a score table says beside the scores.

    Attributes:
        pool: the pool.
        classes: the teacher's class names.
        teacher: SHA-256 of the teacher's file, in hex.
        temperature: T of the energy.
        seen: the teacher's model and how it sees images; None in tables that do not say it.
        bfloat16: whether the teacher computed with it.
        decoder: what decoded plain JPEG files, see `plada_ref.compute.context.Compute`.
    """

    pool: PoolRef
    classes: tuple[str, ...]
    teacher: str
    temperature: float = field(default=1.0, kw_only=True)
    seen: Sight | None = field(default=None, kw_only=True)
    bfloat16: bool = field(default=False, kw_only=True)
    decoder: str = field(default="cpu", kw_only=True)


@dataclass(frozen=True, eq=False)
class Labelled(ScoreFacts):
    """A score table that has been written to a file.

    Attributes:
        pseudo_labels: images of each class, int64 of shape (C,).
        unreadable: how many images could not be read.
    """

    pseudo_labels: npt.NDArray[np.int64]
    unreadable: int


@dataclass(frozen=True, eq=False)
class ScoreTable(ScoreFacts):
    """The scores of a pool's N images, in pool order.

    Images that could not be read have no scores, see `Scores`; no selection keeps them. How many
    they are is stated in the file, where a NaN is else refused.

    Attributes:
        labels, energy, entropy, margin, probability: as in `Scores`, shape (N,).
    """

    labels: npt.NDArray[np.uint16]
    energy: npt.NDArray[np.float32]
    entropy: npt.NDArray[np.float32]
    margin: npt.NDArray[np.float32]
    probability: npt.NDArray[np.float32]

    @classmethod
    def of(cls, about: ScoreFacts, scores: Scores) -> ScoreTable:
        """The table of the scores of a whole pool."""
        columns = {name: getattr(scores, name) for name in Scores.__dataclass_fields__}
        facts = {name: getattr(about, name) for name in ScoreFacts.__dataclass_fields__}
        return cls(**facts, **columns)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def columns(self) -> dict[str, npt.NDArray[np.float32]]:
        """The scores by name, each of shape (N,): what selections rank by."""
        return {name: getattr(self, name) for name in _SCHEMA.names if name != "label"}

    @cached_property
    def unreadable(self) -> Rows:
        """Positions of the images that could not be read, ascending."""
        return np.flatnonzero(np.isnan(self.energy))

    def histogram(self) -> npt.NDArray[np.int64]:
        """Pseudo-labels of each class, int64 of shape (C,)."""
        found = count_labels(self.labels, len(self.classes))
        return found - count_labels(self.labels[self.unreadable], len(self.classes))

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write a Parquet file, whole or not at all."""
        columns = [getattr(self, name) for name in Scores.__dataclass_fields__]
        spans = (slice(at, at + ROWS_PER_GROUP) for at in range(0, len(self), ROWS_PER_GROUP))
        write_scores(path, self, (Scores(*(each[span] for each in columns)) for span in spans))

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> ScoreTable:
        """Read what `write` made.

        Raises:
            PipelineError: if the file is not there, damaged, or no score table.
        """
        name = os.fspath(path)

        def check(facts: Facts) -> None:
            layout = facts.get("layout")
            if layout != _LAYOUT:
                raise PipelineError(
                    f"The score table {name!r} is of layout {layout!r:.60}; this program knows "
                    f"layout {_LAYOUT}. Label the pool again."
                )

        try:
            facts, columns = read_columns(name, _KEY, _KINDS, check=check)
            table = cls(
                facts.pool(),
                facts.texts("classes"),
                facts.text("teacher"),
                *columns.values(),
                temperature=facts.positive("temperature"),
                seen=Sight.read(facts),
                bfloat16=facts.flag("bfloat16"),
                decoder=facts.text("decoder") if facts.has("decoder") else "cpu",
            )
            table._check(facts.whole("unreadable") if facts.has("unreadable") else 0)
        except FileNotFoundError as exc:
            raise PipelineError(
                f"There is no score table at {name!r}; make one with: plada label"
            ) from exc
        except (OSError, pa.ArrowException, ValueError) as exc:
            raise PipelineError(
                f"{name!r} is no score table, or it is damaged ({one_line(exc)}); label the pool "
                "again."
            ) from exc
        return table

    def _check(self, unreadable: int) -> None:
        if len(self) != self.pool.size:
            raise ValueError(f"{len(self)} rows for a pool of {self.pool.size} images")
        if len(self) and int(self.labels.max()) >= len(self.classes):
            raise ValueError(f"a label lies beyond the {len(self.classes)} classes")
        if len(self.unreadable) != unreadable:
            raise ValueError(
                f"{len(self.unreadable)} images have no energy, and it says that {unreadable} "
                "could not be read"
            )
        for column in self.columns.values():
            finite = np.isfinite(column)
            if unreadable:
                finite[self.unreadable] = np.isnan(column[self.unreadable])
            if not finite.all():
                raise ValueError("a score is not a finite number")


def write_scores(
    path: str | os.PathLike[str], about: ScoreFacts, pieces: Iterable[Scores]
) -> Labelled:
    """Write a Parquet file, whole or not at all, of scores that need not all be in memory.

    Args:
        pieces: the scores of a pool's images in order, those of `ROWS_PER_GROUP` at a time.
    """
    classes = len(about.classes)
    sums = {name: Sum() for name in _SCHEMA.names}
    pseudo_labels, unreadable = np.zeros(classes, np.int64), 0
    with (
        replacing(path) as temporary,
        # Scores are close to noise: compressing them saves little and makes reading slow.
        pq.ParquetWriter(
            temporary,
            _SCHEMA,
            compression={name: "lz4" if name == "label" else "none" for name in _SCHEMA.names},
            use_dictionary=False,
            store_schema=False,
        ) as writer,
    ):
        for piece in pieces:
            columns = [getattr(piece, name) for name in Scores.__dataclass_fields__]
            for total, values in zip(sums.values(), columns, strict=True):
                total.add(values)
            lost = piece.labels[piece.unreadable]
            unreadable += len(lost)
            pseudo_labels += count_labels(piece.labels, classes) - count_labels(lost, classes)
            table = pa.Table.from_arrays([pa.array(each) for each in columns], schema=_SCHEMA)
            writer.write_table(table)
        writer.add_key_value_metadata({_KEY: sealed_by(_facts(about, unreadable), sums)})
    facts = {name: getattr(about, name) for name in ScoreFacts.__dataclass_fields__}
    return Labelled(**facts, pseudo_labels=pseudo_labels, unreadable=unreadable)


def _facts(about: ScoreFacts, unreadable: int) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "layout": _LAYOUT,
        "pool_id": about.pool.id.hex(),
        "pool_size": about.pool.size,
        "classes": about.classes,
        "teacher": about.teacher,
        "temperature": about.temperature,
    }
    if unreadable:
        facts["unreadable"] = unreadable
    if about.seen is not None:
        facts |= about.seen.to_json()
    if about.bfloat16:
        facts["bfloat16"] = True
    if about.decoder != "cpu":
        facts["decoder"] = about.decoder
    return facts
