"""`teach` and `train` say how often a model is right on images that it has not learned from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from plada_ref.cli import app
from plada_ref.tasks.task import Task
from plada_ref.training.held_out import (
    MOST,
    HeldOut,
    measure_head,
    rows_to_hold_out,
    standard_error,
)
from pladafmt import Payload, dump

from .conftest import DigitPool


def _plada(*arguments: object) -> tuple[dict[str, object], str]:
    ran = CliRunner().invoke(app, [*map(str, arguments), "--json"])
    assert ran.exit_code == 0, ran.output
    found: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
    return found, ran.stderr


def test_a_head_is_measured_and_learns_from_everything(
    digits: Task, digit_pool: DigitPool, teacher_file: Path, tmp_path: Path
) -> None:
    payload = tmp_path / "digits.plada"
    positions = np.arange(0, len(digit_pool.truth), 8)
    labels = digit_pool.truth[positions]
    dump(Payload(digit_pool.open().ref, 10, positions, labels), payload)
    net = ("--model", "plada_convnet_s", "--weights", teacher_file, "--workers", 0)
    local = ("-m", digit_pool.manifest, "--pool", digit_pool.shard)
    for command, count in (
        (("teach", "--task", "sklearn:digits", *net), len(digits)),
        (("train", payload, *local, *net), len(positions)),
    ):
        one, two = tmp_path / "one", tmp_path / "two"
        found, said = _plada(*command, "-o", one)
        assert found["images"] == count
        assert found["validation_images"] == pytest.approx(count / 10, abs=5)
        accuracy = float(str(found["validation_accuracy"]))
        assert 0.7 < accuracy <= 1
        shown = re.search(r"accuracy on held-out .*: ([\d.]+) ± ([\d.]+) % of (\d+)", said)
        assert shown is not None, said
        assert float(shown[1]) == pytest.approx(100 * accuracy, abs=0.05)
        assert int(shown[3]) == found["validation_images"]
        found, said = _plada(*command, "-o", two, "--val-fraction", 0)
        assert one.read_bytes() == two.read_bytes()
        assert found["validation_accuracy"] is None and "not measured" in said


@pytest.mark.slow
def test_what_trains_everything_does_not_see_the_held_out_part(
    digits: Task, digit_pool: DigitPool, tmp_path: Path
) -> None:
    payload = tmp_path / "digits.plada"
    positions = np.arange(0, len(digit_pool.truth), 8)
    dump(
        Payload(digit_pool.open().ref, 10, positions, digit_pool.truth[positions]),
        payload,
    )
    net = ("--model", "plada_convnet_s", "--tune", "all", "--epochs", 2, "--lr", 0.004)
    local = ("-m", digit_pool.manifest, "--pool", digit_pool.shard)
    for command, count in (
        (("teach", "--task", "sklearn:digits", *net), len(digits)),
        (("train", payload, *local, *net), len(positions)),
    ):
        found, said = _plada(*command, "-o", tmp_path / "model")
        assert found["images"] == pytest.approx(0.9 * count, abs=5)
        held = int(str(found["validation_images"]))
        assert held == count - int(str(found["images"]))
        assert float(str(found["validation_accuracy"])) > 0.15  # Chance is 10 %.
        assert "accuracy on held-out" in said
    found, said = _plada(*command, "-o", tmp_path / "whole", "--task", "sklearn:digits")
    assert found["images"] == count and found["accuracy"] is not None
    assert "held-out" not in said


def test_few_images_are_all_learned_from(
    digit_pool: DigitPool, teacher_file: Path, tmp_path: Path
) -> None:
    payload = tmp_path / "few.plada"
    dump(Payload(digit_pool.open().ref, 10, [1, 2, 9], [3, 4, 3]), payload)
    net = ("--model", "plada_convnet_s", "--weights", teacher_file, "--workers", 0)
    local = ("-m", digit_pool.manifest, "--pool", digit_pool.shard)
    for tune in ("head", "slow"):
        more = ("--steps", 1) if tune == "slow" else ()
        out = tmp_path / tune
        found, said = _plada("train", payload, *local, *net, "--tune", tune, *more, "-o", out)
        assert (found["images"], found["validation_accuracy"]) == (3, None)
        assert "too few to hold some out" in said


def test_which_rows_are_held_out() -> None:
    labels = np.repeat([0, 1, 5], [100, 30, 3])
    held = rows_to_hold_out(labels, range(len(labels)))
    assert [int(held[labels == label].sum()) for label in (0, 1, 5)] == [10, 3, 0]
    assert (held == rows_to_hold_out(labels, range(len(labels)))).all()
    assert (held != rows_to_hold_out(labels, range(len(labels)), seed=1)).any()
    # The same images wherever they stand.
    order = np.random.default_rng(0).permutation(len(labels))
    assert (rows_to_hold_out(labels[order], order.tolist()) == held[order]).all()
    assert not rows_to_hold_out(labels[:1], ["a"], fraction=0.9).any()


def test_a_head_is_measured_on_images_that_it_has_not_seen() -> None:
    from plada_ref.features.head import Head
    from plada_ref.training.dataset import LabelledImages

    count = MOST + 5000
    images: object = None
    data = LabelledImages(images, np.arange(count), np.arange(count) % 4, classes=4)  # type: ignore[arg-type]
    seen: list[set[int]] = []
    views = [np.arange(count, dtype=np.float64).reshape(-1, 1)] * 2

    class Knows(Head):
        def __init__(self) -> None: ...

        def predict(self, features: object) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
            rows = np.asarray(features).reshape(-1).astype(np.int64)
            seen.append(set(rows.tolist()))
            return np.where(rows % 2 == 0, rows % 4, 9)

    def fit(parts: object, targets: object, weights: object) -> Head:
        first, second = (np.asarray(part).reshape(-1) for part in parts)  # type: ignore[attr-defined]
        assert (first == second).all() and (np.asarray(targets) == first % 4).all()
        seen.append(set(first.astype(int).tolist()))
        return Knows()

    found = measure_head(views, data, fit)  # type: ignore[arg-type]
    assert found is not None and not seen[0] & seen[1]
    assert len(seen[0] | seen[1]) == MOST and found.images == len(seen[1])
    assert found.accuracy == pytest.approx(0.5, abs=0.03)
    assert str(found).endswith(f" ± 1.1 % of {found.images:,}")
    assert standard_error(0.5, 100) == pytest.approx(0.5 / 104**0.5)
    assert standard_error(0.9, 10_000) == pytest.approx(0.003, rel=0.01)
    assert str(HeldOut(1.0, 1)) == "100.0 ± 21.9 % of 1"
