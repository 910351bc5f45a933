"""The way from a score table, codes and perhaps a task to a rule and its payload."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pladafmt import Codes, Payload, PoolRef

from ...codes.projection import CodeRows
from ...compute.progress import Progress, Silence
from ...errors import Misuse
from ...labelling.scores import ScoreTable
from ...tasks.task import Task, held_out_rows
from ..auto import HELD_OUT
from ..prune import PayloadOptions
from ..rule import FitTo, RuleSelection
from ..size import Size
from .fit import Examples
from .learn_from import divided, joined, pool_examples, together
from .search import Found, Judge, PoolJudge, RuleSearch, TaskJudge


@dataclass(frozen=True, eq=False)
class CodedTask:
    """A task's images, as codes of the pool's kind.

    Attributes:
        rest: what a rule may be fitted to while it is chosen.
        held_out: what it is chosen by.
    """

    rest: Examples
    held_out: Examples

    @classmethod
    def of(cls, task: Task, codes: CodeRows, *, seed: int) -> CodedTask:
        """Divide a task whose images have these codes.

        Args:
            codes: shape (n, D), int8.
            seed: of the images that are held out.

        Raises:
            Misuse: if so few images cannot be divided.
        """
        held = held_out_rows(task, HELD_OUT, seed=seed)
        whole = Examples(codes, task.labels, len(task.classes))
        return cls(whole.rows(np.flatnonzero(~held)), whole.rows(np.flatnonzero(held)))


def find_rule(
    table: ScoreTable,
    codes: Codes,
    size: Size,
    *,
    task: CodedTask | None = None,
    fit_to: FitTo | None = None,
    options: PayloadOptions | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Found:
    """Find the rule that teaches a task best within a size, and the payload that it stands for.

    With a task, rules are chosen by its held-out images, as `TaskJudge` says; without one by how
    often they say what the teacher says, as `PoolJudge` does.

    Args:
        table: the teacher's labels of the pool.
        codes: of the pool's images.
        size: bytes of the whole file, or a number of images, which is met nearly.
        task: its images as codes; columns as `codes`.
        fit_to: what the rule is fitted to; the task if there is one, else the pool.
        options: of the payload.
        seed: of images that are drawn.

    Raises:
        NoRoom: if the budget has no room for a rule.
        Misuse: if `fit_to` wants a task and there is none, or the codes have too few rows.
    """
    options = options or PayloadOptions()
    wanted = fit_to or ("pool" if task is None else "target")
    if task is None and wanted != "pool":
        raise Misuse(f"--fit {wanted} fits a rule to images of the task; give --task.")
    if task is not None and task.rest.codes.shape[1] != codes.columns:
        raise Misuse(
            f"The projection makes {task.rest.codes.shape[1]} codes of an image, and the table has "
            f"{codes.columns}; give the projection that the codes were made with."
        )
    check_rows(codes, table.pool)
    judge: Judge
    if task is None:
        final = pool_examples(codes, table, seed=seed)
        if len(final) < 2:
            raise Misuse("A rule needs a pool with images, and two classes or more.")
        examples, held_out = divided(final, seed=seed)
        judge = PoolJudge(held_out)
    else:
        judge = TaskJudge(task.held_out)
        whole = joined([task.rest, task.held_out])
        if wanted == "target":
            examples, final = task.rest, whole
        else:
            labelled = pool_examples(codes, table, seed=seed)
            if wanted == "pool":
                examples = final = labelled
            else:
                examples, final = together([task.rest, labelled]), together([whole, labelled])
    classes = table.classes if options.named else len(table.classes)
    metadata = options.metadata_of(table, RuleSelection(seed=seed))
    empty = Payload(table.pool, classes, [], [], metadata=metadata)
    never = table.unreadable
    search = RuleSearch(codes, empty, examples, judge, final, seed, progress or Silence(), never)
    return search.find(size)


def check_rows(codes: Codes, ref: PoolRef) -> None:
    """Check that there are codes of every image of a pool.

    Raises:
        Misuse: if there are not.
    """
    if len(codes) < ref.size:
        raise Misuse(
            f"The codes are of {len(codes):,} images, and the pool has {ref.size:,}; get "
            "this pool's, or make those of a grown pool with: plada pool codes --extend"
        )
