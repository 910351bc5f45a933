"""Batches from worker processes: with little shared memory, and when something goes wrong there."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from plada_ref.compute import batches
from plada_ref.compute.batches import in_order, loaded
from plada_ref.errors import PipelineError
from plada_ref.pool import ChangedImage
from pladafmt import Mismatch, PladaError


class Numbers(Dataset[Any]):
    """Items as in training: an image, a label and a weight."""

    def __len__(self) -> int:
        return 30

    def __getitem__(self, index: int) -> Any:
        return torch.full((3, 64, 64), index, dtype=torch.uint8), index, index / 7


class Images(Numbers):
    def __getitem__(self, index: int) -> Any:
        return super().__getitem__(index)[0]


@pytest.mark.parametrize("data", [Numbers(), Images()])
def test_batches_are_the_same_by_pipe(data: Numbers, monkeypatch: pytest.MonkeyPatch) -> None:
    here = list(loaded(data, in_order(30, 8), workers=0))
    shared = list(loaded(data, in_order(30, 8), workers=1))
    monkeypatch.setattr(batches, "ROOM", 1 << 60)
    piped = list(loaded(data, in_order(30, 8), workers=1, device=torch.device("cuda")))
    for one, other, third in zip(here, shared, piped, strict=True):
        columns = [[x] if isinstance(x, torch.Tensor) else x for x in (one, other, third)]
        for a, b, c in zip(*columns, strict=True):
            assert a.dtype == b.dtype == c.dtype
            assert torch.equal(a, b) and torch.equal(a, c)


IN_A_BOX = """
import torch
from plada_ref.compute.batches import loaded, in_order
class Images(torch.utils.data.Dataset):
    def __len__(self): return 64
    def __getitem__(self, index): return torch.full((3, 512, 512), index, dtype=torch.uint8)
sums = [int(batch.long().sum()) for batch in loaded(Images(), in_order(64, 16), workers=2)]
print(sums == [3 * 512 * 512 * sum(range(start, start + 16)) for start in (0, 16, 32, 48)])
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="mounts a file system")
def test_a_shared_memory_of_eight_megabytes_will_do(tmp_path: Path) -> None:
    program = tmp_path / "box.py"
    program.write_text(IN_A_BOX)
    mount = 'mount -t tmpfs -o size=8m tmpfs /dev/shm && exec "$@"'
    command = ["unshare", "-m", "sh", "-c", mount, "sh", sys.executable, str(program)]
    if subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("this system does not let us mount a file system")
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "True"


class Odd(Exception):
    """It cannot be unpickled: its arguments are not those of its constructor."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


class OddPipelineError(PipelineError):
    def __init__(self, one: str, other: str) -> None:
        super().__init__(one + other)


ERRORS: dict[str, tuple[BaseException, type[Exception], str]] = {
    "sentence": (PipelineError("A sentence."), PipelineError, "^A sentence.$"),
    "sentence that does not travel": (OddPipelineError("A sen", "tence."), PipelineError, "^A sen"),
    "format": (
        Mismatch("wrong-pool", "A sentence.", offset=8, field="HEAD"),
        Mismatch,
        r"^A sentence\. \[mismatch: wrong-pool in HEAD at byte 8\]$",
    ),
    "image": (ChangedImage("It changed.", key="a.png", position=3), ChangedImage, "^It changed"),
    "file": (FileNotFoundError(2, "No such file", "a.png"), FileNotFoundError, "a.png"),
    "value": (ValueError("bad\nvalue"), PipelineError, "cannot be prepared .ValueError bad value"),
    "key": (KeyError("x"), PipelineError, "cannot be prepared .KeyError 'x'"),
    "memory": (MemoryError(), PipelineError, "cannot be prepared .MemoryError"),
    "does not travel": (Odd("a", "b"), PipelineError, "cannot be prepared .Odd ab"),
    "deep": (RecursionError("too deep"), PipelineError, "cannot be prepared .RecursionError"),
}


class Failing(Numbers):
    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def __getitem__(self, index: int) -> Any:
        if index == 13:
            if self.error is None:
                os.kill(os.getpid(), signal.SIGKILL)
            else:
                raise self.error
        return index


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("name", ERRORS)
def test_an_error_in_a_worker_is_one_sentence(name: str, workers: int) -> None:
    error, kind, words = ERRORS[name]
    with pytest.raises((kind, PipelineError), match=words) as caught:
        list(loaded(Failing(error), in_order(30, 8), workers=workers))
    travels = workers == 0 or not isinstance(error, OddPipelineError)
    assert isinstance(caught.value, kind if travels else PipelineError)
    if isinstance(error, PipelineError | PladaError) and travels:
        assert vars(caught.value) == vars(error)
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)
    pickle.loads(pickle.dumps(PipelineError(str(caught.value))))
    if type(error) is ValueError:
        # For whoever mends it, the place is still known.
        assert "in __getitem__" in str(caught.value.__cause__)


def test_a_killed_worker_is_one_sentence() -> None:
    with pytest.raises(PipelineError, match=r"was killed.*fewer --workers, or --workers 0"):
        list(loaded(Failing(None), in_order(30, 8), workers=1))


def test_full_shared_memory_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    error = RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: (28)")
    with pytest.raises(PipelineError, match=r"shared memory .* is full.*--workers 0"):
        list(loaded(Failing(error), in_order(30, 8), workers=1))
    other = RuntimeError("something else")
    with pytest.raises(PipelineError, match=r"cannot be prepared .RuntimeError something else"):
        list(loaded(Failing(other), in_order(30, 8), workers=0))


def test_no_more_workers_than_batches() -> None:
    processes = torch.multiprocessing.active_children
    before = set(processes())  # Those of other tests may be ending.
    incoming = loaded(Numbers(), in_order(30, 20), workers=9999)
    next(incoming)
    assert len(set(processes()) - before) == 2
    assert len(list(incoming)) == 1
