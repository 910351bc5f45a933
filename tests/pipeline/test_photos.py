"""The recipe on real photographs: a small piece of the road from teacher to student."""

from __future__ import annotations

import io
import tarfile
from glob import glob
from pathlib import Path

import numpy as np
import pytest

from plada_ref.features.cache import FeatureCache
from plada_ref.labelling.collapse import find_collapse
from plada_ref.labelling.label import label
from plada_ref.models.spec import ModelSpec
from plada_ref.output import Output
from plada_ref.pool import Manifest, MemoryPool, index_pool, open_source
from plada_ref.tasks.load import load_task
from plada_ref.training.evaluate import evaluate
from plada_ref.training.learn import teach, train
from plada_ref.training.recipe import recipe
from pladafmt import Payload

from .conftest import COMPUTE, Photos


def _some_photographs(pattern: str, path: Path, every: int) -> None:
    """A shard with every n-th image of the pool: all kinds of things, in a moment."""
    with tarfile.open(path, "w") as out:
        for shard in sorted(glob(pattern)):
            with tarfile.open(shard) as archive:
                for info in archive.getmembers()[::every]:
                    stored = archive.extractfile(info) if info.isfile() else None
                    if stored is not None:
                        out.addfile(info, io.BytesIO(stored.read()))


@pytest.mark.slow
def test_photographs_teach_a_student(photos: Photos, tmp_path: Path, output: Output) -> None:
    shard, listed = tmp_path / "pool.tar", tmp_path / "pool.parquet"
    _some_photographs(photos.pool, shard, every=100)
    index_pool(open_source([str(shard)]), listed)
    pool = MemoryPool(Manifest.read(listed), open_source([str(shard)]))
    learn, test = load_task(photos.task, "train"), load_task(photos.task, "test")
    learn = learn.rows(np.arange(0, len(learn), 20), "some")
    test = test.rows(np.arange(0, len(test), 12), "some")
    spec = ModelSpec("tf_efficientnet_lite0", photos.weights, img_size=64, via_size=32)
    how = recipe("head", augment="off")

    teacher = teach(learn, spec, how, compute=COMPUTE)
    best = evaluate(teacher, test, compute=COMPUTE).accuracy
    assert best > 0.45  # Chance is 0.1.

    cache = FeatureCache(tmp_path / "features", name=pool.ref.id.hex(), size=len(pool))
    table = label(pool, teacher, compute=COMPUTE, cache=cache)
    assert find_collapse(table.histogram()).swallowing is None
    kept = np.sort(np.argsort(table.energy)[: len(pool) // 2])
    payload = Payload(pool.ref, table.classes, kept.astype(np.uint64), table.labels[kept])
    # The student's backbone is the teacher's, so all its features are known by now.
    student = train(payload, pool, spec, how, compute=COMPUTE, cache=cache)
    assert evaluate(student, test, compute=COMPUTE).accuracy > 0.35
