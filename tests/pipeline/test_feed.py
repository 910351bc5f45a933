"""What feeds a model: how many processes, how large batches, and who waits for whom."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.utils.data import Dataset

from plada_ref.compute import batches, feed, workers
from plada_ref.compute.copies import awaited, lent
from plada_ref.compute.device import suitable_batch
from plada_ref.compute.feed import fed
from plada_ref.compute.workers import default_decoders, default_workers
from plada_ref.features.backbone import Backbone
from plada_ref.labelling.chunks import label_chunks
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.tasks.task import Task
from plada_ref.training.learn import teach
from plada_ref.training.recipe import recipe

from .conftest import ALONE, DEVICE, NET, DigitPool

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("cores", "hashing", "for_gpu", "beside_model", "each_of_eight"),
    [
        (1, 1, 1, 1, 0), (2, 2, 1, 1, 0), (9, 8, 8, 8, 0), (16, 8, 15, 8, 1), (96, 8, 64, 23, 11),
    ],
)  # fmt: skip
def test_processes_by_the_machine(
    monkeypatch: pytest.MonkeyPatch,
    cores: int,
    hashing: int,
    for_gpu: int,
    beside_model: int,
    each_of_eight: int,
) -> None:
    monkeypatch.setattr(workers, "cores", lambda: cores)
    assert default_workers() == hashing
    assert default_decoders(reserved=1) == for_gpu
    assert default_decoders(reserved=1, beside_model=True) == beside_model
    assert default_decoders(reserved=1, share=8) == each_of_eight


@pytest.mark.parametrize(
    ("gigabytes", "sizes"),
    [(141, [1024, 256, 64]), (80, [1024, 256, 64]), (40, [1024, 128, 64]), (8, [256, 64, 64])],
)
def test_batches_by_the_memory_of_a_gpu(
    monkeypatch: pytest.MonkeyPatch, gigabytes: int, sizes: list[int]
) -> None:
    found = SimpleNamespace(total_memory=gigabytes * 10**9)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: found)
    assert [suitable_batch(GPU, size) for size in (64, 224, 384)] == sizes
    assert [suitable_batch(CPU, size) for size in (64, 224, 384)] == [64, 64, 64]
    # The GPUs of a cluster may be other computers'.
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert suitable_batch(GPU, 224) == 64


class Numbered(Dataset[Any]):
    def __len__(self) -> int:
        return 23

    def __getitem__(self, index: int) -> Any:
        return torch.full((1, 2, 2), index, dtype=torch.uint8), index % 2


def test_batches_for_a_gpu_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = [range(0, 10), range(10, 11), range(11, 23)]
    whole = list(fed(Numbered(), wanted, ALONE))
    assert [batch[0][:, 0, 0, 0].tolist() for batch in whole] == [list(each) for each in wanted]
    monkeypatch.setattr(feed, "PART", 4)
    on_gpu = [feed._parts(batch, GPU) for batch in wanted]
    assert [[len(part) for part in batch] for batch in on_gpu] == [[4, 4, 2], [1], [4, 4, 4]]
    monkeypatch.setattr(feed, "_parts", lambda batch, _: on_gpu[wanted.index(batch)])
    for one, other in zip(fed(Numbered(), wanted, ALONE), whole, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_a_gpu_has_the_next_chunk_before_the_last_is_fetched() -> None:
    given: list[int] = []

    def work() -> Iterator[int]:
        for chunk in range(3):
            given.append(chunk)
            yield chunk

    assert [(chunk, given[-1]) for chunk in awaited(work(), GPU)] == [(0, 1), (1, 2), (2, 2)]
    assert [(chunk, given[-1]) for chunk in awaited(work(), CPU)] == [(0, 0), (1, 1), (2, 2)]


def test_a_network_is_where_it_was_when_it_has_been_used() -> None:
    been: list[str] = []

    class Net(torch.nn.Linear):
        def to(self, *args: Any, **how: Any) -> Any:
            been.append(str(args[0]))
            return self

    network = Net(1, 1)
    with pytest.raises(KeyError), lent(network, GPU) as there:
        assert there is network and not there.training and been == ["cuda"]
        raise KeyError
    assert been == ["cuda", "cpu"]


@pytest.mark.parametrize(("free", "by_pipe"), [(60 << 20, True), (64 << 20, False)])
def test_large_batches_ask_for_more_shared_memory(
    monkeypatch: pytest.MonkeyPatch, free: int, by_pipe: bool
) -> None:
    """Two processes, each two batches of 16 images ahead."""
    asked: list[bool] = []
    monkeypatch.setattr(batches, "_shared_memory", lambda: free)

    def guarded(data: Any, pipe: bool) -> Any:
        asked.append(pipe)
        return data

    monkeypatch.setattr(batches, "_Guarded", guarded)
    monkeypatch.setattr(batches, "DataLoader", lambda *_, **__: [])
    list(batches.loaded(Numbered(), batches.in_order(64, 16), workers=2))
    assert asked == [by_pipe]


@pytest.mark.skipif(not DEVICE.startswith("cuda"), reason="needs PLADA_TEST_DEVICE=cuda")
@pytest.mark.parametrize("what", ["labels", "features", "training"])
def test_nothing_waits_for_a_gpu_at_every_batch(
    what: str, digit_pool: DigitPool, teacher: Checkpoint, digits: Task
) -> None:
    """As often with many batches as with few."""

    def waits(batches: int) -> int:
        few, network = replace(ALONE, batch_size=16), teacher.network
        torch.cuda.synchronize()
        torch.cuda.set_sync_debug_mode("warn")
        try:
            with warnings.catch_warnings(record=True) as seen:
                warnings.simplefilter("always")
                if what == "labels":
                    list(label_chunks(pool, teacher, [range(16 * batches)], compute=few))
                elif what == "features":
                    backbone = Backbone(network, teacher.preparation, few)
                    list(backbone.chunks_of(pool, [range(16 * batches)]))
                else:
                    teach(digits, NET, recipe("all", steps=batches, augment="light"), compute=ALONE)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        return len(seen)

    pool = digit_pool.open()
    waits(2)  # The first time kernels are chosen.
    assert waits(6) == waits(18)
