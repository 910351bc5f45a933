"""Fine-tuned students: whether what holds for linear heads holds for whole networks."""

from __future__ import annotations

import time
from collections.abc import Iterable

from plada_ref.compute.context import Compute
from plada_ref.features.cache import FeatureCache
from plada_ref.features.target import Features
from plada_ref.pool import MemoryPool
from plada_ref.selection import Size, parse
from plada_ref.selection.prune import Pruned
from plada_ref.training.evaluate import evaluate
from plada_ref.training.learn import teach, train
from plada_ref.training.recipe import Recipe, recipe

from .grid import PAPER, selector_for
from .rows import Row, Rows
from .tasks import Seen

RULES = (PAPER[0], PAPER[2], "random")
"""What the automatic selection is compared with: each of these students takes minutes."""

STEPS = 100


def tune(
    seen: Seen,
    features: Features,
    pool: MemoryPool,
    seed: int,
    budgets: Iterable[int],
    rows: Rows,
    cache: FeatureCache,
    compute: Compute,
) -> None:
    """Fine-tune a student on the payload of each rule at each budget, and on the whole target."""
    selector = selector_for(seen, features, pool.ref, seed)
    how = recipe("slow", steps=STEPS, seed=seed)

    def student(name: str, budget: int, pruned: Pruned) -> Row:
        started = time.monotonic()
        model = train(
            pruned.payload,
            pool,
            seen.spec,
            how,
            compute=compute,
            cache=cache,
        )
        reached = evaluate(model, seen.test, compute=compute).accuracy
        assert pruned.payload_bytes is not None
        about = {
            "kept": pruned.payload.kept,
            "steps": STEPS,
            "seconds": round(time.monotonic() - started, 1),
        }
        return Row(seen.name, seed, "tuned", name, budget, pruned.payload_bytes, reached, about)

    def ceiling(how: Recipe) -> Row:
        model = teach(seen.train, seen.spec, how, compute=compute)
        reached = evaluate(model, seen.test, compute=compute).accuracy
        return Row(seen.name, seed, "tuned", "full-target", 0, 0, reached, {"steps": STEPS})

    for budget in budgets:
        for name in RULES:

            def fixed(name: str = name, budget: int = budget) -> Row:
                selection = parse(name, seed=seed)
                return student(name, budget, selector.pruner.prune(selection, Size(budget=budget)))

            rows.once(seen.name, seed, "tuned", name, budget, fixed)

        def auto(budget: int = budget) -> Row:
            return student("auto", budget, selector.select(budget, progress=compute.progress))

        rows.once(seen.name, seed, "tuned", "auto", budget, auto)
    rows.once(seen.name, seed, "tuned", "full-target", 0, lambda: ceiling(how))
