from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("timm", reason="the demo needs the extra `ref`")

from plada_ref.demo.trials import Trial, recommended, selections
from plada_ref.runs.folder import ModelFiles


def _trial(validation_accuracy: float, payload_bytes: int) -> Trial:
    unused: Any = None
    return Trial(0.1, unused, ModelFiles(Path()), payload_bytes, unused, validation_accuracy)


def test_validation_accuracy_decides() -> None:
    best = _trial(91.0, 1600)
    assert recommended([_trial(90.0, 500), best, _trial(89.0, 400)]) is best


def test_among_equals_the_smallest_payload_is_recommended() -> None:
    best = _trial(91.0, 500)
    assert recommended([_trial(91.0, 1600), best, _trial(91.0, 501)]) is best


def test_no_selection_is_compared_twice() -> None:
    compared = [(str(selection), keep_rate) for selection, keep_rate in selections(0)]
    assert len(set(compared)) == len(compared) == 7
