"""A Ray cluster of two node processes on this computer, and a pool to label on it."""

from __future__ import annotations

import contextlib
import io
import os
import secrets
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from PIL import Image

from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import ModelSpec, build
from plada_ref.output import Output
from plada_ref.pool import Manifest, MemoryPool, index_pool, open_source

IMAGES = 9 * 1024 + 100
SHARDS = 3
NET = ModelSpec("plada_convnet_s", random_backbone=True)


def wait_until(condition: Callable[[], object], what: str, seconds: float = 60) -> None:
    """Wait for `condition`; the limit only keeps a broken test from hanging."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.01)


@dataclass
class Node:
    """The processes that ``ray start --block`` has started; they share its session."""

    starter: subprocess.Popen[bytes]
    log: Path

    def processes(self, title: str = "") -> list[psutil.Process]:
        """The node's processes whose command line begins with `title`."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or [])
            try:
                if os.getsid(process.pid) == self.starter.pid and line.startswith(title):
                    found.append(process)
            except ProcessLookupError:
                continue
        return found

    def kill(self) -> None:
        """End all of them at once, as when the plug is pulled."""
        while processes := self.processes():
            for process in processes:
                if process.pid != self.starter.pid:
                    with contextlib.suppress(psutil.NoSuchProcess):  # It may have ended meanwhile.
                        process.kill()
            self.starter.kill()
            self.starter.wait()
            psutil.wait_procs(processes, timeout=10)


@dataclass
class Cluster:
    """A head and further nodes, one CPU each."""

    folder: Path
    address: str = ""
    nodes: list[Node] = field(default_factory=list)

    def add_node(self) -> Node:
        where = [f"--address={self.address}"] if self.nodes else ["--head", "--port=0"]
        if not self.nodes:
            where += [f"--temp-dir={self.folder}", "--include-dashboard=false"]
        log = self.folder / f"node-{len(self.nodes)}.log"
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", *where, "--block"]
        command += ["--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats"]
        quick = {"period_ms": "500", "timeout_ms": "2000", "failure_threshold": "3"}
        environment = os.environ | {f"RAY_health_check_{k}": v for k, v in quick.items()}
        with open(log, "wb") as out:
            starter = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env=environment,
            )
        node = Node(starter, log)
        self.nodes.append(node)
        wait_until(lambda: b"Ray runtime started" in log.read_bytes() or starter.poll(), "ray")
        assert starter.poll() is None, log.read_text()
        if not self.address:
            written = self.folder / "ray_current_cluster"
            wait_until(lambda: written.is_file() and written.read_text().strip(), "an address")
            self.address = written.read_text().strip()
        return node


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    # Not under tmp_path: the path of a Unix socket has at most 107 bytes, and Ray adds 70.
    with (
        tempfile.TemporaryDirectory(prefix="plada-", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        # Before Ray is imported, and whatever this user has set up for other clusters.
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN", secrets.token_hex(32))
        pytest.importorskip("ray", reason='needs Ray: pip install "pladafmt[ray]"')
        found = Cluster(Path(folder))
        try:
            found.add_node()
            found.add_node()
            yield found
        finally:
            for node in found.nodes:
                node.kill()


@dataclass(frozen=True)
class TinyPool:
    """Images of noise in tar shards, and a teacher that nobody has taught."""

    shards: list[Path]
    manifest: Path
    teacher: Path

    def open(self) -> MemoryPool:
        return MemoryPool(Manifest.read(self.manifest), open_source(list(map(str, self.shards))))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="package")
def tiny_pool(tmp_path_factory: pytest.TempPathFactory) -> TinyPool:
    folder = tmp_path_factory.mktemp("tiny-pool")
    noise = np.random.default_rng(0).integers(0, 256, (IMAGES, 12, 12), dtype=np.uint8)
    shards = [folder / f"{number}.tar" for number in range(SHARDS)]
    for first, shard in enumerate(shards):
        with tarfile.open(shard, "w") as archive:
            for number in range(first, IMAGES, SHARDS):
                stream = io.BytesIO()
                Image.fromarray(noise[number]).save(stream, "PNG", compress_level=1)
                info = tarfile.TarInfo(f"{number:05d}.png")
                info.size = stream.tell()
                stream.seek(0)
                archive.addfile(info, stream)
    manifest = folder / "pool.parquet"
    index_pool(open_source(list(map(str, shards))), manifest)
    teacher = folder / "teacher.safetensors"
    network = build(NET, 10, seed=0).eval()
    Checkpoint(NET.model, 10, NET.preparation(), network, {}).write(teacher)
    return TinyPool(shards, manifest, teacher)


@pytest.fixture
def output() -> Output:
    return Output(as_json=True)


def kill(process: psutil.Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
