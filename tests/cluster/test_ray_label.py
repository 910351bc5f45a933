"""Labelling on a Ray cluster: the table of one process, whatever is lost on the way."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.compute.context import Compute
from plada_ref.compute.progress import Advance
from plada_ref.labelling.label import label, parts_folder
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.output import Output

from .conftest import IMAGES, NET, Cluster, TinyPool, kill, wait_until

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
WORKING = "ray::_Actor.work"


def _arguments(pool: TinyPool, out: Path, cluster: Cluster | None = None) -> list[str]:
    arguments = ["label", str(pool.teacher), "-m", str(pool.manifest), "-o", str(out)]
    for shard in pool.shards:
        arguments += ["--pool", str(shard)]
    if cluster is not None:
        arguments += ["--engine", "ray", "--address", cluster.address]
    return [*arguments, "--device", "cpu", "--workers", "0", "--threads", "1", "--json"]


def _plada(arguments: list[str]) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture(scope="module")
def local_table(tiny_pool: TinyPool, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    out = tmp_path_factory.mktemp("local") / "scores.parquet"
    assert _plada(_arguments(tiny_pool, out)).exit_code == 0
    return out.read_bytes()


class _Watching(Output):
    """Calls `after_chunk` whenever a chunk is done, and keeps the warnings."""

    def __init__(self, after_chunk: Callable[[], None]) -> None:
        super().__init__(as_json=True)
        self.after_chunk = after_chunk
        self.warnings: list[str] = []
        self.done: list[int] = []

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Advance]:
        def advance(images: int) -> None:
            if images:
                self.done.append(images)
                self.after_chunk()

        yield advance

    def warn(self, text: str) -> None:
        self.warnings.append(text)


def _label(pool: TinyPool, cluster: Cluster, output: _Watching, out: Path) -> bytes:
    from plada_ref.ray.connection import connected
    from plada_ref.ray.label import LabelActors

    teacher = Checkpoint.read(pool.teacher)
    with connected(cluster.address):
        compute = Compute(torch.device("cpu"), progress=output)
        table = label(pool.open(), teacher, compute=compute, engine=LabelActors())
    table.write(out)
    return out.read_bytes()


def test_same_table_though_an_actor_is_killed(
    cluster: Cluster,
    tiny_pool: TinyPool,
    local_table: bytes,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    killed: list[int] = []

    def kill_one() -> None:
        if not killed:
            working = [process for node in cluster.nodes for process in node.processes(WORKING)]
            kill(working[0])
            killed.append(working[0].pid)

    output = _Watching(kill_one)
    assert _label(tiny_pool, cluster, output, tmp_path / "scores.parquet") == local_table
    assert killed
    assert [text for text in output.warnings if "an actor was lost" in text]
    assert sum(output.done) == IMAGES  # No chunk was taken twice.
    assert not capfd.readouterr().out  # Ray has its own words about it, and prints them there.


def test_killed_driver_resumes_to_the_same_table(
    cluster: Cluster, tiny_pool: TinyPool, local_table: bytes, tmp_path: Path
) -> None:
    out = tmp_path / "scores.parquet"
    parts = parts_folder(out)
    driver = subprocess.Popen(
        [sys.executable, "-m", "plada_ref", *_arguments(tiny_pool, out, cluster)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_until(lambda: len(list(parts.glob("*/*.npz"))) >= 2 or driver.poll() is not None, "chunks")
    os.kill(driver.pid, signal.SIGKILL)
    assert driver.wait() == -signal.SIGKILL
    assert not out.exists()
    finished = len(list(parts.glob("*/*.npz")))
    assert 2 <= finished < 10

    resumed = _plada(_arguments(tiny_pool, out, cluster))
    assert resumed.exit_code == 0
    assert f"{finished * 1024:,} of {IMAGES:,} images are labelled already" in resumed.stderr
    assert out.read_bytes() == local_table
    assert not parts.exists()


def test_changed_image_stops_the_run_with_the_local_sentence(
    cluster: Cluster, tiny_pool: TinyPool, tmp_path: Path
) -> None:
    shards = [Path(shutil.copy(shard, tmp_path)) for shard in tiny_pool.shards]
    with tarfile.open(shards[0]) as archive:
        image = archive.getmembers()[1000]
    data = bytearray(shards[0].read_bytes())
    data[image.offset_data + image.size - 1] ^= 1
    shards[0].write_bytes(data)
    damaged = TinyPool(shards, tiny_pool.manifest, tiny_pool.teacher)
    local = _plada(_arguments(damaged, tmp_path / "local.parquet"))
    there = _plada(_arguments(damaged, tmp_path / "ray.parquet", cluster))
    assert local.exit_code == there.exit_code == 1
    assert f"The image {image.name!r} at position 3000 has changed: SHA-256" in local.stderr
    said = [json.loads(result.stdout.splitlines()[-1]) for result in (local, there)]
    assert said[0] == said[1]
    assert said[0]["code"] == "changed-image"


def test_arguments_that_cannot_work(cluster: Cluster, tiny_pool: TinyPool, tmp_path: Path) -> None:
    good = _arguments(tiny_pool, tmp_path / "scores.parquet", cluster)
    too_large = _plada([*good, "--threads", "64"])
    assert too_large.exit_code == 2
    assert "No node of the cluster has the 64 CPUs" in too_large.stderr
    nobody = _plada([*good, "--address", "127.0.0.1:1"])
    assert nobody.exit_code == 2
    assert "There is no Ray cluster at '127.0.0.1:1'" in nobody.stderr


def test_same_table_though_a_node_is_lost(
    cluster: Cluster, tiny_pool: TinyPool, local_table: bytes, tmp_path: Path
) -> None:
    node = cluster.add_node()
    killed: list[int] = []

    def kill_node() -> None:
        if not killed and node.processes(WORKING):
            killed.append(node.starter.pid)
            node.kill()

    # The others may be done before the new node's actor has begun: then once more.
    for attempt in range(8):
        output = _Watching(kill_node)
        assert _label(tiny_pool, cluster, output, tmp_path / f"{attempt}.parquet") == local_table
        if killed:
            break
    assert killed
    assert [text for text in output.warnings if "an actor was lost" in text]


def test_images_that_do_not_decode(cluster: Cluster, tiny_pool: TinyPool, tmp_path: Path) -> None:
    """Scores and codes as of one process; too many stop the run, and its actors with it."""
    import ray

    with tarfile.open(tiny_pool.shards[0]) as whole:
        members = {each.name: whole.extractfile(each) for each in whole.getmembers()[:1100]}
        stored = {name: file.read() for name, file in members.items() if file is not None}
    lost = [3, 1050]
    for position, data in zip(lost, (b"", b"<html>"), strict=True):
        stored[sorted(stored)[position]] = data
    shard = tmp_path / "broken.tar"
    with tarfile.open(shard, "w") as archive:
        for name, data in stored.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    manifest = tmp_path / "pool.parquet"
    assert _plada(["pool", "index", str(shard), "-o", str(manifest)]).exit_code == 0
    pool = TinyPool([shard], manifest, tiny_pool.teacher)
    tables, codes = [], []
    for name, engine in (("local", None), ("ray", cluster)):
        out = tmp_path / f"{name}.parquet"
        ran = _plada(_arguments(pool, out, engine))
        assert ran.exit_code == 0, ran.output
        assert json.loads(ran.stdout.splitlines()[-1])["unreadable"] == 2
        tables.append(out.read_bytes())
        command = ["pool", "codes", str(manifest), str(shard), "--model", NET.model, "--columns=8"]
        command += ["-o", str(tmp_path / f"{name}.codes.npy"), "--device", "cpu", "--json"]
        command += ["--random-backbone"]
        command += [] if engine is None else ["--engine", "ray", "--address", engine.address]
        ran = _plada(command)
        assert ran.exit_code == 0, ran.output
        assert json.loads(ran.stdout.splitlines()[-1])["unreadable"] == 2
        codes.append(np.load(tmp_path / f"{name}.codes.npy"))
    assert tables[0] == tables[1]
    assert (codes[0] == codes[1]).all() and not codes[0][lost].any()
    refused = _plada([*_arguments(pool, tmp_path / "no.parquet", cluster), "--max-unreadable=0"])
    assert refused.exit_code == 1 and "do not decode so far" in refused.stderr
    assert not ray.is_initialized()
    del refused  # The error holds what was under way, and letting go of that starts no Ray.
    assert not ray.is_initialized()
