"""Soft labels of a rule: probabilities that agree with the payload, of a stated confidence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from plada_ref.features.head import HeadSettings, fit_head
from plada_ref.training.soft_labels import CONFIDENCE, soft_labels
from pladafmt import Codes, Payload, PoolRef, Rule

IMAGES, COLUMNS = 400, 6


def made(seed: int, classes: int) -> tuple[Payload, Rule, Codes]:
    """A random rule over random codes, and the payload that a client reads from its file."""
    chance = np.random.default_rng(seed)
    codes = Codes(chance.integers(-127, 128, (IMAGES, COLUMNS), dtype=np.int8))
    weights = chance.integers(-3, 4, (classes, COLUMNS))
    weights[0, 0] = 3
    nothing = np.zeros(classes, np.int64)
    rule = Rule(codes.id_of(IMAGES)[:8], weights, nothing, nothing + 20)
    every = rule.keep(codes, IMAGES)
    # One image is named by a list, and put into another class than the rule does.
    labels = every.labels.copy()
    labels[0] = (labels[0] + 1) % classes
    payload = Payload(PoolRef(bytes(32), IMAGES), classes, every.positions, labels)
    return payload, rule, codes


@given(st.integers(0, 2**32 - 1), st.integers(2, 12))
def test_probabilities_agree_with_the_payload(seed: int, classes: int) -> None:
    payload, rule, codes = made(seed, classes)
    soft = soft_labels(payload, rule, codes)
    assert soft.shape == (payload.kept, classes) and soft.dtype == np.float32
    np.testing.assert_allclose(soft.sum(axis=1), 1, rtol=1e-5)
    assert (soft.argmax(axis=1) == payload.labels).all()
    assert soft[0].max() == 1  # What a list says is certain.


def test_the_confidence_is_that_of_the_whole_pool() -> None:
    for classes in (2, 10):
        payload, rule, codes = made(1, classes)
        everything = replace(
            payload,
            positions=np.arange(IMAGES, dtype=np.uint64),
            labels=rule.scores(codes.table).argmax(axis=1).astype(np.uint16),
        )
        mean = soft_labels(everything, rule, codes).max(axis=1).mean()
        assert mean == pytest.approx(1 / classes + CONFIDENCE * (1 - 1 / classes), abs=1e-3)


def test_a_head_learns_probabilities() -> None:
    chance = np.random.default_rng(3)
    features = chance.normal(size=(500, 4)).astype(np.float16)
    truth = torch.softmax(torch.from_numpy(features.astype(np.float32)) @ torch.eye(4), dim=1)
    settings = HeadSettings(decay=1e-4)
    head = fit_head([features], truth.numpy(), np.ones(500), 4, settings)
    mine = torch.from_numpy(features.astype(np.float32)) @ head.weight.T + head.bias
    assert float((mine.softmax(dim=1) - truth).abs().max()) < 0.02
