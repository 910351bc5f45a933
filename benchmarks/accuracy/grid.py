"""Every rule and baseline on one task: students are linear heads on cached features."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
import torch

from plada_ref.baselines import (
    Baseline,
    HeadStudents,
    NothingFits,
    full_target,
    int8_student,
    quantised_head,
    target_images,
    whole_pool,
)
from plada_ref.baselines.quantised_head import decode_head, encode_best
from plada_ref.compute.context import Compute
from plada_ref.features.backbone import Backbone
from plada_ref.features.head import fit_default_head
from plada_ref.features.target import Features, Target
from plada_ref.images import ImageSet
from plada_ref.labelling.scores import ScoreTable
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import build, classifier
from plada_ref.selection import Size, parse
from plada_ref.selection.auto import HELD_OUT, AutoSelector
from plada_ref.selection.prune import PayloadOptions, Pruner
from plada_ref.tasks.task import hold_out
from plada_ref.training.evaluate import evaluate
from pladafmt import PoolRef

from .rows import Row, Rows
from .tasks import Seen
from .teacher import label

RULES = (
    "low-energy",
    "high-energy",
    "random",
    "low-energy+safety-net:alpha=0.5,share=0.5",
    "low-energy+safety-net:alpha=-0.2,share=0.5",
    "low-energy+safety-net:alpha=0,share=0.5",
    "low-entropy",
    "high-margin",
    "consensus",
    "prototype",
    "k-center",
    "herding",
    "herding-logits",
    "herding-confident",
    "gradient-matching",
    "mixed",
)
"""The fixed rules that the automatic selection is compared with."""

PAPER = (RULES[0], RULES[3], RULES[4])
"""What the paper takes the best of: low energy, Safety-Net 0.5, Safety-Net -0.2."""


def selector_for(seen: Seen, features: Features, pool: PoolRef, seed: int) -> AutoSelector:
    """A teacher that is a linear head, its scores of the pool, and the selection by them.

    The held-out fifth of the training images is unknown to the teacher as well.
    """
    rest_task, held_task = hold_out(seen.train, HELD_OUT, seed=seed)
    row_of = {key: row for row, key in enumerate(seen.train.keys)}

    def part(keys: Iterable[str]) -> Target:
        rows = np.array([row_of[key] for key in keys])
        return Target(seen.train_seen.features[rows], seen.train_seen.labels[rows])

    rest, held = part(rest_task.keys), part(held_task.keys)
    table = label(rest, features, pool, seen.train.classes)
    pruner = Pruner(table, PayloadOptions(dense=True, named=False), features, rest)
    return AutoSelector(pruner, held, seed)


def measure(
    seen: Seen,
    features: Features,
    pool: PoolRef,
    seed: int,
    budgets: Iterable[int],
    rows: Rows,
    backbone: Backbone,
) -> None:
    """Measure everything on one task with one seed.

    Args:
        features: of the pool.
        pool: id and size.
        budgets: bytes of the whole file, dense and without class names.
        rows: where results are kept.
        backbone: for images that were compressed.
    """
    selector = selector_for(seen, features, pool, seed)
    table, rest = selector.pruner.table, selector.pruner.target
    assert rest is not None
    put = partial(rows.once, seen.name, seed)

    def row(
        kind: str, name: str, budget: int, size: int, reached: float, details: dict[str, Any]
    ) -> Row:
        return Row(seen.name, seed, kind, name, budget, size, reached, details)

    def teacher() -> Row:
        head = fit_default_head(rest.features, rest.labels, seen.classes)
        counts = table.histogram().tolist()
        return row(
            "teacher", "head", 0, 0, head.accuracy(seen.test_seen), {"pseudo_labels": counts}
        )

    def fixed(name: str, budget: int) -> Row:
        started = time.monotonic()
        pruned = selector.pruner.prune(parse(name, seed=seed), Size(budget=budget))
        assert pruned.payload_bytes is not None
        student = selector.student(pruned.payload)
        reached = 0.0 if student is None else student.accuracy(seen.test_seen)
        return row(
            "rule",
            name,
            budget,
            pruned.payload_bytes,
            reached,
            {
                "kept": pruned.payload.kept,
                "vanished": len(pruned.vanished),
                "seconds": round(time.monotonic() - started, 1),
            },
        )

    def auto(budget: int) -> Row:
        pruned = selector.select(budget, progress=backbone.compute.progress)
        found = pruned.auto
        assert found is not None
        student = selector.student(pruned.payload)
        reached = 0.0 if student is None else student.accuracy(seen.test_seen)
        return row("auto", "auto", budget, found.payload_bytes, reached, found.to_json())

    put("teacher", "head", 0, teacher)
    for name, budget, make in _baselines(seen, features, table, seed, budgets, backbone):

        def baseline(name: str = name, budget: int = budget, make: object = make) -> Row:
            assert callable(make)
            try:
                found: Baseline = make()
            except NothingFits as nothing:
                return row("baseline", name, budget, 0, 0.0, {"note": str(nothing)})
            return row("baseline", name, budget, found.bytes, found.accuracy, dict(found.details))

        put("baseline", name, budget, baseline)
    head = next(row for row in rows if row.key == (seen.name, seed, "baseline", "int8-head", 0))
    for budget in (*budgets, head.bytes // 2):
        for name in RULES if budget in budgets else ():
            put("rule", name, budget, partial(fixed, name, budget))
        put("auto", "auto", budget, partial(auto, budget))


def _baselines(
    seen: Seen,
    features: Features,
    table: ScoreTable,
    seed: int,
    budgets: Iterable[int],
    backbone: Backbone,
) -> list[tuple[str, int, object]]:
    train, test, classes = seen.train_seen, seen.test_seen, seen.classes
    students = HeadStudents(test, classes)
    on_pool = students.on_pool(features)

    def on_images(images: ImageSet, their_labels: np.ndarray) -> float:
        return students.learn([backbone.features(images)], their_labels)

    def ceiling(images: ImageSet, their_labels: np.ndarray) -> float:
        return students.learn([train.features], train.labels)  # The same images, seen already.

    found: list[tuple[str, int, object]] = [
        (
            f"int{bits}-head",
            0,
            partial(quantised_head, train, test, classes, bits),
        )
        for bits in (8, 4, 2)
    ]
    found.append(("whole-pool", 0, partial(whole_pool, table, learn=on_pool)))
    everything = partial(full_target, seen.train, learn=ceiling)
    found.append(("full-target", 0, everything))
    if seed == 0:  # It does not depend on the seed, and runs the whole network.
        found.append(("int8-student", 0, partial(_int8_student, seen, students, backbone.compute)))
    for budget in budgets:
        for key, seen_features in (("random", None), ("k-center", train.features)):
            images = partial(
                target_images,
                seen.train,
                Size(budget=budget),
                learn=on_images,
                features=seen_features,
                seed=seed,
            )
            found.append((f"images-{key}", budget, images))
    return found


def _int8_student(seen: Seen, students: HeadStudents, compute: Compute) -> Baseline:
    """The frozen backbone with the head of the target's own images, all of it quantised."""
    train = seen.train_seen
    fitted = students.fit([train.features], train.labels)
    # Clipped as the INT8 head is, or weights of dead features would spoil its rows.
    head = decode_head(encode_best(fitted, 8, train))
    network = build(seen.spec, seen.classes, seed=0).eval()
    layer = classifier(network)
    assert layer is not None
    with torch.no_grad():
        layer.weight.copy_(head.weight)
        layer.bias.copy_(head.bias)
    student = Checkpoint(
        seen.spec.model, seen.train.classes, seen.spec.preparation(), network, facts={}
    )

    def tested(model: Checkpoint) -> float:
        return evaluate(model, seen.test, compute=compute).accuracy

    return int8_student(student, accuracy=tested)
