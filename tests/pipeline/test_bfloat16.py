"""Labels and features by bfloat16: nearly the same, and never mixed with those by float32."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from plada_ref.compute.batches import PreparedImages
from plada_ref.compute.copies import lent
from plada_ref.compute.precision import autocast, multiplies_bfloat16
from plada_ref.features.backbone import Backbone
from plada_ref.features.cache import FeatureCache
from plada_ref.labelling.chunks import Chunk, label_chunks
from plada_ref.labelling.label import label
from plada_ref.labelling.scores import ScoreTable, score
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import classifier, features
from plada_ref.pool import Manifest, MemoryPool, index_pool, open_source
from plada_ref.tasks.task import Task
from plada_ref.training.evaluate import evaluate

from .conftest import ALONE, png, write_tar

FAST = replace(ALONE, bfloat16=True)
COUNT = 200


@pytest.fixture(scope="module")
def few(digits: Task, tmp_path_factory: pytest.TempPathFactory) -> MemoryPool:
    folder = tmp_path_factory.mktemp("few")
    members = {f"{row:04d}.png": png(digits.images.open_image(row)) for row in range(COUNT)}
    shard = write_tar(folder / "few.tar", members)
    source = open_source([str(shard)])
    index_pool(source, folder / "few.parquet")
    return MemoryPool(Manifest.read(folder / "few.parquet"), source)


@pytest.mark.slow
def test_finished_chunks_of_float32_are_not_taken_up(
    few: MemoryPool, teacher: Checkpoint, tmp_path: Path
) -> None:
    asked: list[int] = []

    def counting(
        pool: Any, teacher: Checkpoint, chunks: Sequence[range], **how: Any
    ) -> Iterator[Chunk]:
        asked.append(len(chunks))
        yield from label_chunks(pool, teacher, chunks, **how)

    def table(compute: Any) -> ScoreTable:
        return label(few, teacher, compute=compute, parts=tmp_path / "parts", engine=counting)

    exact, fast, again = table(ALONE), table(FAST), table(FAST)
    assert asked == [1, 1, 0]
    assert (fast.labels == exact.labels).mean() > 0.95
    assert not np.array_equal(fast.energy, exact.energy)
    assert np.array_equal(fast.energy, again.energy)
    assert (exact.bfloat16, fast.bfloat16) == (False, True)
    fast.write(tmp_path / "scores.parquet")
    assert ScoreTable.read(tmp_path / "scores.parquet").bfloat16


@pytest.mark.slow
def test_the_classifier_computes_with_float32(few: MemoryPool, teacher: Checkpoint) -> None:
    images = PreparedImages(few, teacher.preparation)
    pixels = torch.stack([images[row] for row in range(64)]).to(ALONE.device)
    with lent(teacher.network, ALONE.device) as network, torch.inference_mode():
        layer = classifier(network)
        assert layer is not None
        with autocast(ALONE.device, True):
            seen = features(network, teacher.preparation.batch(pixels))
        assert seen.dtype == torch.bfloat16
        expected = score(layer(seen.float()).cpu().numpy())
    (found,) = label_chunks(few, teacher, [range(64)], compute=FAST)
    np.testing.assert_allclose(found.scores.energy, expected.energy, rtol=1e-5)


@pytest.mark.slow
def test_features_are_kept_apart(few: MemoryPool, teacher: Checkpoint, tmp_path: Path) -> None:
    cache = FeatureCache.of_pool(tmp_path, few)
    exact, fast = (
        Backbone(teacher.network, teacher.preparation, compute).features(few, cache=cache)
        for compute in (ALONE, FAST)
    )
    assert not np.array_equal(exact, fast)
    assert np.abs(exact.astype(np.float32) - fast).max() < 0.05 * np.abs(exact).max()
    # What labelling leaves is what a backbone would have computed.
    left = FeatureCache.of_pool(tmp_path / "left", few)
    view = left.view(teacher.network, teacher.preparation, flip=False, departures=FAST.departures)
    for chunk in label_chunks(few, teacher, [range(COUNT)], compute=FAST, keep_features=True):
        assert chunk.features is not None
        view.put(np.arange(COUNT), chunk.features)
    assert np.array_equal(view.get(np.arange(COUNT)), fast)


@pytest.mark.slow
def test_predictions_too(teacher: Checkpoint, digits_test: Task) -> None:
    exact, fast = (evaluate(teacher, digits_test, compute=compute) for compute in (ALONE, FAST))
    assert abs(exact.accuracy - fast.accuracy) < 0.02


def test_who_says_nothing_trains_with_it_on_gpus_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    gpu = replace(ALONE, device=torch.device("cuda"))
    assert gpu.trains_in_bfloat16 and not gpu.passes_in_bfloat16
    assert not ALONE.trains_in_bfloat16 and not ALONE.passes_in_bfloat16
    assert FAST.trains_in_bfloat16 and FAST.passes_in_bfloat16
    assert not replace(gpu, bfloat16=False).trains_in_bfloat16


@pytest.mark.parametrize(
    ("capability", "known", "fast"),
    [
        ("AVX512", {"amx_bf16": True, "avx512_bf16": True}, True),
        ("AVX512", {"amx_bf16": False, "avx512_bf16": True}, True),
        ("AVX512", {"amx_bf16": False, "avx512_bf16": False}, False),
        ("AVX512", {}, False),
        ("AVX2", {"amx_bf16": True, "avx512_bf16": True}, False),
    ],
)
def test_which_processors_multiply_bfloat16(
    monkeypatch: pytest.MonkeyPatch, capability: str, known: dict[str, bool], fast: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    assert multiplies_bfloat16(torch.device("cpu")) is fast
    assert not multiplies_bfloat16(torch.device("cuda"))
