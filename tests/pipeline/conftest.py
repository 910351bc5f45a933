"""Small real data for the pipeline: scikit-learn's handwritten digits, as a task and as a pool."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from plada_ref.compute.context import Compute
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import ModelSpec
from plada_ref.output import Output
from plada_ref.pool import Manifest, MemoryPool, index_pool, open_source
from plada_ref.tasks.load import load_task
from plada_ref.tasks.task import Task
from plada_ref.training.learn import teach
from plada_ref.training.recipe import recipe

DEVICE = os.environ.get("PLADA_TEST_DEVICE", "cpu")
"""What models run on in the tests of the pipeline, such as ``cuda``."""

COMPUTE = Compute(torch.device(DEVICE))
ALONE = Compute(torch.device(DEVICE), workers=0)
NET = ModelSpec("plada_convnet_s", random_backbone=True)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def write_tar(path: Path, members: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@dataclass(frozen=True)
class DigitPool:
    """A pool on disk: each training digit four times, turned a little."""

    manifest: Path
    shard: Path
    truth: np.ndarray[tuple[int], np.dtype[np.int64]]

    def open(self) -> MemoryPool:
        return MemoryPool(Manifest.read(self.manifest), open_source([str(self.shard)]))


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Nets this small gain nothing from a second thread, and lose much on a busy machine."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def output() -> Output:
    return Output(as_json=True)


@pytest.fixture(scope="session")
def digits() -> Task:
    return load_task("sklearn:digits", "train")


@pytest.fixture(scope="session")
def digits_test() -> Task:
    return load_task("sklearn:digits", "test")


@pytest.fixture(scope="session")
def digit_pool(digits: Task, tmp_path_factory: pytest.TempPathFactory) -> DigitPool:
    folder = tmp_path_factory.mktemp("digit-pool")
    members, truth = {}, []
    for row in range(len(digits)):
        image = digits.images.open_image(row).resize((16, 16), Image.Resampling.BICUBIC)
        for turn in range(4):
            members[f"{row:05d}-{turn}.png"] = png(
                image.rotate(6 * turn - 9, Image.Resampling.BICUBIC)
            )
            truth.append(int(digits.labels[row]))
    shard = write_tar(folder / "pool.tar", members)
    manifest = folder / "pool.parquet"
    index_pool(open_source([str(shard)]), manifest)
    return DigitPool(manifest, shard, np.array(truth))


@pytest.fixture(scope="session")
def teacher(digits: Task, output: Output) -> Checkpoint:
    how = recipe("all", epochs=4, lr=4e-3, augment="glyph")
    return teach(digits, NET, how, compute=COMPUTE)


@pytest.fixture(scope="session")
def teacher_file(teacher: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    teacher.write(path)
    return path


@dataclass(frozen=True)
class Photos:
    """Real photographs and real weights."""

    pool: str
    task: str
    weights: Path


@pytest.fixture(scope="session")
def photos() -> Photos:
    """What PLADA_TEST_POOL, PLADA_TEST_TASK and PLADA_TEST_WEIGHTS name, or a skip."""
    pool, task, weights = (
        os.environ.get(f"PLADA_TEST_{name}", "") for name in ("POOL", "TASK", "WEIGHTS")
    )
    if not list(Path(pool or ".").glob("pool-*.tar")):
        pytest.skip("PLADA_TEST_POOL names no folder with pool-*.tar shards of real images")
    if not all((Path(task or ".") / f"{split}.tar").is_file() for split in ("train", "test")):
        pytest.skip("PLADA_TEST_TASK names no folder with train.tar and test.tar")
    if not Path(weights).is_file():
        pytest.skip("PLADA_TEST_WEIGHTS names no file with weights of tf_efficientnet_lite0")
    return Photos(str(Path(pool) / "pool-*.tar"), task, Path(weights))
