"""Rules are made: fitted, rounded to small integers, and as large as a budget allows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from plada_ref.codes.projection import SCALE
from plada_ref.errors import Misuse
from plada_ref.labelling.scores import ScoreTable
from plada_ref.selection.rule_record import Trial
from plada_ref.selection.rules.fit import Examples, Linear, fit
from plada_ref.selection.rules.learn_from import divided, pool_examples, together
from plada_ref.selection.rules.produce import CodedTask, find_rule
from plada_ref.selection.rules.quantise import Quantised, Quantiser
from plada_ref.selection.rules.search import (
    Found,
    PoolJudge,
    RuleSearch,
    TaskJudge,
    _best,
    _columns,
)
from plada_ref.selection.rules.thresholds import keep, open_rule
from plada_ref.selection.size import Size
from pladafmt import Codes, Payload, PoolRef, dumps, loads

CLASSES, COLUMNS = 4, 24


def drawn(count: int, seed: int) -> Examples:
    """Four classes of images whose codes go together in pairs."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, CLASSES, count)
    centers = np.random.default_rng(99).normal(size=(CLASSES, COLUMNS)) * 0.8
    x = centers[labels] + random.normal(size=(count, COLUMNS))
    x[:, 1::2] = 0.7 * x[:, ::2] + 0.7 * x[:, 1::2]
    codes = np.rint(x * SCALE).clip(-127, 127).astype(np.int8)
    return Examples(codes, labels.astype(np.uint16), CLASSES)


DATA, OTHER, POOL = drawn(600, 0), drawn(400, 1), drawn(3000, 2)


def accuracy(linear: Linear, test: Examples) -> float:
    x = test.codes[:, : linear.weights.shape[1]] / SCALE
    return float(((x @ linear.weights.T + linear.biases).argmax(axis=1) == test.targets).mean())


def test_a_fit_is_the_convex_optimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plada_ref.selection.rules.fit._CELLS", 24 * 101)
    found = fit(DATA, 10, decay=0.05)
    x = DATA.codes[:, :10] / SCALE
    # scikit-learn sums losses where we take the mean.
    other = LogisticRegression(C=1 / (0.05 * len(DATA)), tol=1e-8, max_iter=1000)
    other.fit(x, DATA.targets)
    np.testing.assert_allclose(found.weights, other.coef_, atol=3e-3)
    np.testing.assert_allclose(found.biases, other.intercept_, atol=3e-3)
    assert np.abs(found.weights.sum(axis=0)).max() < 1e-9

    soft = replace(DATA, targets=np.eye(CLASSES, dtype=np.float32)[DATA.targets])
    twice = DATA.rows(np.concatenate([np.arange(600), np.arange(100)]))
    weighted = replace(DATA, weights=np.where(np.arange(600) < 100, 2.0, 1.0))
    for one, two in ((DATA, soft), (twice, weighted)):
        np.testing.assert_allclose(fit(one, 10).weights, fit(two, 10).weights, atol=3e-3)
    started = fit(DATA, COLUMNS, start=found)
    np.testing.assert_allclose(started.weights, fit(DATA, COLUMNS).weights, atol=5e-3)
    assert accuracy(started, OTHER) > accuracy(found, OTHER) > 0.5


def test_rounding_moves_errors_on() -> None:
    """As one class after the other by the plain formula; and better than rounding alone."""
    linear = fit(DATA, COLUMNS)
    quantiser = Quantiser(linear, DATA)
    found = quantiser.rounded(1, 1.1)
    x = DATA.codes.astype(np.float64) / SCALE
    z = x @ linear.weights.T + linear.biases
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    size = 1.1 * linear.weights.std()
    for label in range(CLASSES):
        curve = p[:, label] * (1 - p[:, label])
        hessian = (x * curve[:, None]).T @ x / len(x) + 0.02 * np.eye(COLUMNS)
        upper = np.linalg.cholesky(np.linalg.inv(hessian)).T
        left = linear.weights[label].copy()
        for column in range(COLUMNS):
            value = np.clip(np.rint(left[column] / size), -1, 1)
            assert found.weights[label, column] == value
            left[column:] -= (
                (left[column] - size * value) / upper[column, column] * upper[column, column:]
            )
    plain = np.rint(linear.weights / size).clip(-1, 1).astype(np.int64)
    loss, again = quantiser.refitted(found)
    assert loss < quantiser.refitted(Quantised(plain, size, linear.biases))[0]
    scores = again.scale * (x @ again.weights.T) + again.biases
    scores -= scores.max(axis=1, keepdims=True)
    best = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(x)), DATA.targets]
    assert loss == pytest.approx(best.mean(), rel=1e-4)


def test_classifiers_that_say_nothing() -> None:
    nothing = Linear(np.zeros((CLASSES, 5)), np.zeros(CLASSES))
    found = Quantiser(nothing, DATA).rounded(3, 1.0)
    assert not found.weights.any()
    assert open_rule(found, bytes(32)).shift == 0


def test_thresholds_keep_the_largest_margins() -> None:
    linear = fit(DATA, COLUMNS)
    _, found = (quantiser := Quantiser(linear, DATA)).refitted(quantiser.rounded(7, 0.5))
    codes = Codes(POOL.codes)
    rule = open_rule(found, codes.id_of(len(codes)))
    # Biases in units of a code times a weight.
    exact = SCALE * (found.biases - np.median(found.biases)) / found.scale
    assert np.abs(rule.biases - exact).max() <= 2**rule.shift / 2
    assert 2**rule.shift <= SCALE * np.sqrt((found.weights**2).sum(axis=1).mean()) / 16
    every = rule.keep(codes, len(codes))
    assert len(every.positions) == len(codes)
    supply = np.bincount(every.labels, minlength=CLASSES)
    some = keep(rule, every, np.array([100, 0, 10_000, 1]))
    kept = some.keep(codes, len(codes))
    counts = np.bincount(kept.labels, minlength=CLASSES)
    assert 90 <= counts[0] <= 110 and counts[1] == 0 and counts[2] == supply[2]
    for label in range(CLASSES):
        there = np.isin(every.positions, kept.positions) & (every.labels == label)
        left = ~there & (every.labels == label)
        assert every.margins[left].max(initial=0) <= every.margins[there].min(initial=1 << 20)
    assert (some.thresholds % 2**rule.shift == 0).all()


@pytest.mark.slow
@pytest.mark.parametrize("tried_on", [200_000, 700])
def test_images_that_may_not_be_kept_are_not(
    tried_on: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even those of the largest margins; what lies below them in their class goes as well."""
    monkeypatch.setattr("plada_ref.selection.rules.search.TRIED_ON", tried_on)
    linear = fit(DATA, COLUMNS)
    _, found = (quantiser := Quantiser(linear, DATA)).refitted(quantiser.rounded(7, 0.5))
    codes = Codes(POOL.codes)
    rule = open_rule(found, codes.id_of(len(codes)))
    every = rule.keep(codes, len(codes))
    by_margin = np.argsort(-every.margins[every.labels == 0])
    never = np.sort(np.flatnonzero(every.labels == 0)[by_margin[[0, 40, 400]]])
    for counts in (np.full(CLASSES, 100), np.full(CLASSES, 10_000)):
        free = keep(rule, every, counts)
        assert np.isin(never, free.keep(codes, len(codes)).positions).any()
        barred = keep(rule, every, counts, never)
        assert not np.isin(never, barred.keep(codes, len(codes)).positions).any()
        assert (barred.thresholds[1:] == free.thresholds[1:]).all()
    # A search that may not keep the middle ones goes on with the best of the others.
    middle = np.sort(np.flatnonzero(every.labels == 0)[by_margin[[300, 400]]])
    looked = search(never=middle)
    for size in (Size(budget=400), Size(count=2000), Size(keep_rate=1)):
        kept = looked.find(size)
        assert kept.payload.kept > 300
        assert not np.isin(middle, kept.payload.positions).any()
        check(kept, looked)


def search(judge: TaskJudge | PoolJudge | None = None, **changes: object) -> RuleSearch:
    empty = Payload(PoolRef(bytes(32), len(POOL)), ["a", "b", "c", "d"], [], [], metadata={"x": 1})
    made = RuleSearch(Codes(POOL.codes), empty, DATA, judge or TaskJudge(OTHER), DATA)
    return replace(made, **changes)  # type: ignore[arg-type]


def check(found: Found, judged: RuleSearch) -> None:
    codes = judged.codes
    data = dumps(found.payload, rule=found.rule, codes=codes)
    assert len(data) == found.payload_bytes and loads(data, codes=codes) == found.payload
    assert (found.payload.metadata, found.payload.class_names) == ({"x": 1}, ("a", "b", "c", "d"))


@pytest.mark.slow
def test_the_best_rule_within_a_budget() -> None:
    reached = []
    for budget in (140, 200, 400):
        found = search().find(Size(budget=budget))
        check(found, search())
        assert found.payload_bytes <= budget
        assert all(trial.payload_bytes <= budget for trial in found.record.trials)
        labels = found.rule.scores(OTHER.codes).argmax(axis=1)
        reached.append(float((labels == OTHER.targets).mean()))
    again = search().find(Size(budget=400))
    assert dumps(again.payload) == dumps(found.payload) and again.record == found.record
    assert reached[0] < reached[1] <= reached[2] + 0.02 and reached[2] > 0.85
    with pytest.raises(Misuse, match=r"too small for a rule: the file takes \d+ without one"):
        search().find(Size(budget=95))
    per_class = {trial.per_class for trial in found.record.trials}
    assert per_class == {225, 75}, "30 % of an equal share, and a third of that"
    assert found.record.judged_by == "task" and found.record.to_json()["trials"][0]["columns"] == 16


@pytest.mark.slow
def test_a_number_of_images(monkeypatch: pytest.MonkeyPatch) -> None:
    found = search(PoolJudge(OTHER)).find(Size(count=400))
    check(found, search())
    assert 380 <= found.payload.kept <= 420 and found.record.judged_by == "pool"
    assert np.bincount(found.payload.labels).tolist() == pytest.approx([100] * 4, abs=8)
    whole = search(PoolJudge(OTHER)).find(Size(keep_rate=1))
    assert whole.payload.kept == len(POOL)
    # Candidates are tried on some images of a large pool, and the rule is made for all.
    monkeypatch.setattr("plada_ref.selection.rules.search.TRIED_ON", 1000)
    sampled = search(PoolJudge(OTHER)).find(Size(count=400))
    assert dumps(sampled.payload) == dumps(found.payload)
    with pytest.raises(Misuse, match="with images, and two classes"):
        search(examples=replace(DATA, classes=1)).find(Size(count=4))


def test_what_held_out_images_cannot_tell() -> None:
    trials = [
        Trial(32, 1, 75, 200, 0.80),
        Trial(64, 1, 225, 250, 0.79),
        Trial(64, 3, 225, 300, 0.795),
        Trial(16, 1, 900, 150, 0.70),
    ]
    assert _best(trials, 400, Size(budget=300)) == trials[2]
    assert _best(trials, 400, Size(count=300)) == trials[0]
    assert _best(trials, 10**6, Size(budget=300)) == trials[0]
    assert [_columns(most) for most in (1, 16, 20, 256)] == [
        [1],
        [16],
        [16, 20],
        [16, 32, 64, 128, 256],
    ]


def test_what_a_rule_is_fitted_to(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    labels = np.array([0] * 100 + [2] * 9 + [3], np.uint16)[random.permutation(110)]
    energy = random.normal(size=110).astype(np.float32)
    zero = np.zeros(110, np.float32)
    table = ScoreTable(
        PoolRef(bytes(32), 110), ("a", "b", "c", "d"), "", labels, energy, zero, zero, zero
    )
    codes = Codes(np.arange(120, dtype=np.int8)[:, None])
    found = pool_examples(codes, table, seed=0)
    rows = found.codes[:, 0]
    assert np.array_equal(labels[rows], found.targets) and (np.diff(rows) > 0).all()
    assert np.bincount(found.targets).tolist() == [30, 0, 3, 1]
    for label in (0, 2):
        there = np.isin(np.arange(110), rows) & (labels == label)
        assert energy[there].max() < energy[~there & (labels == label)].min()
    rest, held = divided(found, seed=1)
    assert (len(rest), len(held)) == (27, 7)
    assert sorted([*rest.codes[:, 0], *held.codes[:, 0]]) == rows.tolist()
    with pytest.raises(Misuse, match=r"codes are of 100 images, and the pool has 110"):
        find_rule(table, Codes(codes.table[:100]), Size(count=4))
    with pytest.raises(Misuse, match="--fit both fits a rule to images of the task; give --task"):
        find_rule(table, codes, Size(count=4), fit_to="both")
    task = CodedTask(DATA, OTHER)
    with pytest.raises(Misuse, match=r"makes 24 codes of an image, and the table has 1"):
        find_rule(table, codes, Size(count=4), task=task)
    both = together([rest, held])
    assert both.shares[:27].sum() == pytest.approx(0.5) == both.shares[27:].sum()
    monkeypatch.setattr("plada_ref.selection.rules.learn_from.MOST", 5)
    few = pool_examples(codes, table, seed=0)
    assert len(few) == 5 and np.isin(few.codes, found.codes).all()
