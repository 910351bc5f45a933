"""The semantic order's pass over a pool, on a Ray cluster: the features of one process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from plada_ref.cli import app
from plada_ref.compute.context import Compute
from plada_ref.errors import PipelineError
from plada_ref.features.backbone import POOL_CHUNK, Backbone, Seen
from plada_ref.features.cache import FeatureCache

from .conftest import IMAGES, NET, Cluster, TinyPool, kill

pytestmark = pytest.mark.slow

ALONE = Compute(torch.device("cpu"), workers=0)
WORKING = "ray::_Actor.work"
Engine = Callable[..., Iterator[Seen]]


def _features(pool: TinyPool, folder: Path, engine: Engine | None) -> tuple[np.ndarray, int]:
    """All features, and how many images an engine was asked for."""
    images = pool.open()
    asked: list[range] = []

    def compute(*args: Any, **how: Any) -> Iterator[Seen]:
        asked.extend(args[-1])
        assert engine is not None
        return engine(*args, **how)

    view = Backbone.of(NET, ALONE).pool(
        images,
        FeatureCache.of_pool(folder, images),
        engine=None if engine is None else compute,
    )
    return np.array(view.get(np.arange(len(images)))), sum(map(len, asked))


def test_features_of_one_process(cluster: Cluster, tiny_pool: TinyPool, tmp_path: Path) -> None:
    """One thread here and there; an actor is killed, and what was stored is not computed again."""
    from plada_ref.ray.connection import connected
    from plada_ref.ray.features import FeatureActors

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        local, _ = _features(tiny_pool, tmp_path / "local", None)
        with connected(cluster.address):
            lost = False

            def losing(*args: Any, **how: Any) -> Iterator[Seen]:
                nonlocal lost
                for found in FeatureActors()(*args, **how):
                    yield found
                    working = [found for node in cluster.nodes for found in node.processes(WORKING)]
                    if working and not lost:
                        lost = True
                        kill(working[0])

            there, asked = _features(tiny_pool, tmp_path / "ray", losing)
            assert asked == IMAGES
            again, asked = _features(tiny_pool, tmp_path / "ray", FeatureActors())
            assert asked == 0
    finally:
        torch.set_num_threads(threads)
    assert lost and IMAGES > 2 * POOL_CHUNK
    assert local.any() and there.tobytes() == again.tobytes() == local.tobytes()


def test_an_engine_that_stops_half_way(tiny_pool: TinyPool, tmp_path: Path) -> None:
    """What it has delivered stays, whatever the order, and only the rest is asked for again."""

    def backwards(*args: Any, **how: Any) -> Iterator[Seen]:
        backbone, images, chunks = args
        done = backbone.chunks_of(images, chunks[::-1], **how)
        yield next(done)
        if len(chunks) > 2:
            raise PipelineError("it stops")
        yield from done

    with pytest.raises(PipelineError, match="it stops"):
        _features(tiny_pool, tmp_path, backwards)
    found, asked = _features(tiny_pool, tmp_path, backwards)
    assert asked == 2 * POOL_CHUNK
    assert found.tobytes() == _features(tiny_pool, tmp_path / "local", None)[0].tobytes()


def test_command(cluster: Cluster, tiny_pool: TinyPool, tmp_path: Path) -> None:
    found = {}
    for name, engine in (("local", []), ("ray", ["--engine", "ray", "--address", cluster.address])):
        out = tmp_path / f"{name}.parquet"
        how = ["--order", "semantic", "--model", NET.model, "--random-backbone"]
        how += ["--device", "cpu", "--workers", "0"]
        arguments = ["pool", "index", *map(str, tiny_pool.shards), "-o", str(out), *how, *engine]
        result = CliRunner().invoke(app, [*arguments, "--clusters", "8", "--json"])
        assert result.exit_code == 0, result.output
        found[name] = json.loads(result.stdout.splitlines()[-1])
        assert not list(tmp_path.glob("*.features"))
    assert found["ray"]["images"] == found["local"]["images"] == IMAGES
    assert found["ray"]["order"] == found["local"]["order"] == "semantic"
    key_ids = [facts["key_pool_id"] for facts in found.values()]
    assert key_ids[0] == key_ids[1]
