"""Rankings that compare images: against naive versions, and by what they do for students."""

from __future__ import annotations

from statistics import fmean
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from plada_ref.errors import Misuse
from plada_ref.features.head import fit_default_head
from plada_ref.features.target import Target
from plada_ref.labelling.scores import Scores, score
from plada_ref.selection import RANKINGS, Evidence, Selection, rank_images
from plada_ref.selection.rankings import by_class, space
from plada_ref.selection.rankings import gradient_matching as matching
from plada_ref.selection.rankings import herding as rankings_herding
from plada_ref.selection.rankings.by_class import first_then_rest, shortlist
from plada_ref.selection.rankings.diversity import _farthest
from plada_ref.selection.rankings.herding import AMONG, LEAST, _follow

COMPARING = sorted(name for name, ranking in RANKINGS.items() if ranking.compares)


def of_digits(count: int = 1000) -> tuple[Evidence, Target]:
    """Handwritten digits as a pool, 64 pixels as features; and other digits to test on."""
    data = load_digits()
    features = (data.data / 16).astype(np.float16)
    labels = data.target.astype(np.uint16)
    target = Target(features[:300], labels[:300])
    test = Target(features[300:600], labels[300:600])
    pool = features[600 : 600 + count]
    teacher = fit_default_head(target.features, target.labels, 10)
    scores = score(pool.astype(np.float32) @ teacher.weight.numpy().T + teacher.bias.numpy())
    columns = {name: getattr(scores, name) for name in Scores.__dataclass_fields__}
    return Evidence(columns.pop("labels"), columns, 10, pool, target), test


@settings(max_examples=40)
@given(st.integers(1, 60), st.integers(1, 4), st.none() | st.integers(1, 3), st.integers(0, 2**32))
def test_each_pick_of_herding_brings_the_mean_nearest(
    count: int, width: int, among: int | None, seed: int
) -> None:
    random = np.random.default_rng(seed)
    values = random.normal(size=(count, width)).astype(np.float32)
    mean = random.normal(size=width).astype(np.float32)
    order = _follow(values, mean, count, among)
    assert sorted(order) == list(range(count))
    for number in range(count):
        before = values[order[:number]].sum(axis=0)

        def distance(row: int, before: Any = before, number: int = number) -> float:
            return float(np.linalg.norm(mean - (before + values[row]) / (number + 1)))

        first = count if among is None else min(count, max(LEAST, among * (number + 1)))
        free = set(range(first)) - set(order[:number].tolist())
        assert order[number] in free
        assert distance(order[number]) <= min(map(distance, free)) + 1e-4


def test_herding_among_confident_images_keeps_those_of_large_margin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    evidence, _ = of_digits()
    margin = evidence.scores["margin"]

    def first(name: str, count: int) -> npt.NDArray[np.integer[Any]]:
        return np.argsort(RANKINGS[name].sort_keys(evidence, 0)[:], kind="stable")[:count]

    # Of some 100 images of each class, 10.
    chosen = {name: first(name, 100) for name in ("herding", "herding-confident")}
    assert margin[chosen["herding-confident"]].mean() > margin[chosen["herding"]].mean() + 0.1
    for label in range(10):
        surest = np.flatnonzero(evidence.labels == label)
        surest = surest[np.argsort(-margin[surest], kind="stable")]
        mine = [row for row in chosen["herding-confident"] if evidence.labels[row] == label]
        for number, row in enumerate(mine):
            assert row in surest[: max(LEAST, AMONG * (number + 1))]
    # A pool beyond the shortlist is cut to its surest images, not to a draw.
    monkeypatch.setattr(rankings_herding, "SHORTLIST", 400)
    assert first("herding-confident", 60).tolist() == chosen["herding-confident"][:60].tolist()


def test_mixed_takes_from_two_rankings_alternately() -> None:
    evidence, _ = of_digits(200)

    def of_class(name: str, label: int) -> list[int]:
        order = np.argsort(RANKINGS[name].sort_keys(evidence, 0)[:], kind="stable")
        return [int(row) for row in order if evidence.labels[row] == label]

    for label in range(10):
        lacked, sure = of_class("gradient-matching", label), of_class("herding-confident", label)
        in_turn = (row for pair in zip(lacked, sure, strict=True) for row in pair)
        assert of_class("mixed", label) == list(dict.fromkeys(in_turn))


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(0, 2**32))
def test_each_pick_of_k_center_is_the_farthest(count: int, seed: int) -> None:
    # Whole numbers, so that images coincide.
    values = np.random.default_rng(seed).integers(0, 3, (count, 2)).astype(np.float32)
    order = _farthest(values, np.zeros(2, np.float32))
    assert sorted(order) == list(range(count))
    assert np.linalg.norm(values[order[0]]) == np.linalg.norm(values, axis=1).min()
    for number in range(1, count):

        def nearest(row: int, number: int = number) -> float:
            return float(np.linalg.norm(values[order[:number]] - values[row], axis=1).min())

        free = set(range(count)) - set(order[:number].tolist())
        assert nearest(order[number]) == max(map(nearest, free))


def test_gains_are_the_product_of_gradients() -> None:
    random = np.random.default_rng(3)
    values = random.normal(size=(40, 5)).astype(np.float32)
    labels = random.integers(0, 3, 40).astype(np.uint16)
    goal = random.normal(size=(30, 5)).astype(np.float32)
    goal_labels = random.integers(0, 3, 30).astype(np.uint16)
    rows = np.arange(12)
    inverse = np.diag(random.uniform(0.5, 2, 5)).astype(np.float32)
    gains = matching._gains(values, labels, goal, goal_labels, inverse, rows, 3)

    head = matching.proxy_head(values[rows], labels[rows], 3)

    def gradients(x: npt.NDArray[np.float32], y: npt.NDArray[np.uint16]) -> tuple[Any, Any]:
        weight = head.weight.clone().requires_grad_()
        bias = head.bias.clone().requires_grad_()
        logits = torch.from_numpy(x) @ weight.T + bias
        loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(y.astype(np.int64)))
        loss.backward()  # type: ignore[no-untyped-call]
        return weight.grad.numpy(), bias.grad.numpy()  # type: ignore[union-attr]

    wanted_weight, wanted_bias = gradients(goal, goal_labels)
    for row in range(40):
        weight, bias = gradients(values[row : row + 1], labels[row : row + 1])
        product = (weight * (wanted_weight @ inverse)).sum() + (bias * wanted_bias).sum()
        assert gains[row] == pytest.approx(product, rel=1e-3, abs=1e-5)


@pytest.mark.parametrize("name", COMPARING)
@pytest.mark.slow
def test_classes_take_turns_and_every_image_has_its_place(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Fewer images are compared than there are, as in a large pool.
    monkeypatch.setattr(by_class.shortlist, "__defaults__", (400,))
    monkeypatch.setattr(matching, "MOST", 300)
    evidence, _ = of_digits()
    ranked = rank_images(evidence, Selection(ranking=name))
    assert len(np.unique(ranked.sort_keys[:])) == len(evidence), "no ties: an order"
    supply = np.bincount(evidence.labels, minlength=10)
    for count in (10, 57, 300, 500, 900):
        kept = np.bincount(evidence.labels[ranked.keep(count)], minlength=10)
        open_classes = kept[kept < supply]
        assert kept.sum() == count and open_classes.max() - open_classes.min() <= 1
    again = rank_images(evidence, Selection(ranking=name))
    assert (again.sort_keys[:] == ranked.sort_keys[:]).all()
    smaller, larger = set(ranked.keep(57)), set(ranked.keep(300))
    assert smaller < larger


def test_what_is_picked_comes_before_the_rest() -> None:
    labels = np.array([0, 1, 0, 1, 0], np.uint16)
    values = np.array([3.0, 2.0, 1.0, 1.0, 2.0])
    keys = first_then_rest(labels, 2, {0: np.array([4])}, values)
    assert np.argsort(keys).tolist() == [4, 3, 2, 1, 0]


def test_the_shortlist_is_balanced() -> None:
    labels = np.repeat([0, 1, 2], [1000, 30, 500]).astype(np.uint16)
    listed = shortlist(labels, 3, seed=1, most=230)
    assert np.bincount(labels[listed]).tolist() == [100, 30, 100]
    assert (np.diff(listed) > 0).all()
    assert shortlist(labels, 3, seed=1).tolist() == list(range(1530))


def test_projections_are_what_they_say() -> None:
    evidence, _ = of_digits()
    assert evidence.target is not None
    values = space.standard(evidence.target)(evidence.target.features)
    assert abs(values.mean(axis=0)).max() < 1e-3
    changing = evidence.target.features.astype(np.float32).std(axis=0) > 1e-3
    assert values.std(axis=0)[changing] == pytest.approx(1, abs=1e-2)
    axes = space.principal(evidence.target, 5)(evidence.target.features)
    spread = np.cov(axes.T)
    assert abs(spread - np.diag(np.diag(spread))).max() < 1e-2 * spread[0, 0]
    assert (np.diff(np.diag(spread)) <= 0).all()
    logits = space.logits(evidence.target, 10)(evidence.target.features)
    assert (logits.argmax(axis=1) == evidence.target.labels).mean() > 0.95


@pytest.mark.slow
def test_gradient_matching_teaches_more_than_chance_and_low_energy() -> None:
    evidence, test = of_digits()
    assert evidence.features is not None

    def student(name: str, seed: int = 0) -> float:
        kept = rank_images(evidence, Selection(ranking=name, seed=seed)).keep(300)
        assert evidence.features is not None
        head = fit_default_head(evidence.features[kept], evidence.labels[kept], 10)
        return head.accuracy(test)

    chance = fmean(student("random", seed) for seed in range(5))
    assert student("gradient-matching") > max(chance, student("low-energy"))


@pytest.mark.parametrize("name", COMPARING)
def test_without_images_they_say_what_is_missing(name: str) -> None:
    evidence, _ = of_digits(50)
    blind = Evidence(evidence.labels, evidence.scores, 10)
    with pytest.raises(Misuse, match=r"compares pool images.*--task"):
        rank_images(blind, Selection(ranking=name))
