"""Model files: what is written comes back, and nothing else is believed."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import time
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from plada_ref.errors import PipelineError
from plada_ref.models.checkpoint import Checkpoint

from .checkpoint_fuzz import checkpoint, mutants, outcome


def test_round_trip(teacher: Checkpoint, teacher_file: Path) -> None:
    again = Checkpoint.read(teacher_file)
    assert again.sha256 == teacher.sha256 == hashlib.sha256(teacher_file.read_bytes()).hexdigest()
    assert again.data == teacher_file.read_bytes()
    assert (again.model, again.classes, again.preparation, again.facts) == (
        teacher.model,
        teacher.classes,
        teacher.preparation,
        teacher.facts,
    )
    x = torch.rand(3, 1, 16, 16)
    with torch.inference_mode():
        assert torch.equal(again.network(x), teacher.network.eval()(x))


def _change(data: bytes, **changes: Any) -> bytes:
    """The same tensors under a header with other entries; None removes one."""
    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["plada"])
    header = {key: value for key, value in (header | changes).items() if value is not None}
    return safetensors.torch.save(safetensors.torch.load(data), {"plada": json.dumps(header)})


HEADERS: dict[str, dict[str, Any]] = {
    "other-layout": {"layout": 99},
    "no-model": {"model": None},
    "model-from-the-network": {"model": "hf-hub:somebody/something"},
    "other-model": {"model": "resnet18"},
    "fewer-classes": {"classes": ["a", "b"]},
    "duplicate-classes": {"classes": ["a"] * 10},
    "too-many-classes": {"classes": 10**9},
    "classes-not-text": {"classes": [[]] * 10},
    "override-in-class": {"classes": [f"\u202e{n}" for n in range(10)]},
    "huge-image": {
        "preparation": {"img_size": 10**9, "via_size": None, "mean": [0.5], "std": [0.5]}
    },
    "zero-std": {"preparation": {"img_size": 16, "via_size": None, "mean": [0.5], "std": [0]}},
    "size-not-a-number": {
        "preparation": {"img_size": "16", "via_size": None, "mean": [0.5], "std": [0.5]}
    },
    "preparation-is-a-list": {"preparation": []},
    "facts-not-an-object": {"facts": 1},
}


@pytest.mark.parametrize("name", HEADERS)
def test_hostile_headers(teacher_file: Path, name: str) -> None:
    with pytest.raises(PipelineError, match="no model of plada"):
        Checkpoint.from_bytes(_change(teacher_file.read_bytes(), **HEADERS[name]), name="x")


def test_a_giant_model_costs_nothing(teacher_file: Path, tmp_path: Path) -> None:
    data = teacher_file.read_bytes()
    path = tmp_path / "giant"
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.monotonic()
    for name in ("vit_giant_patch14_224", "convnext_xxlarge", "regnety_2560"):
        path.write_bytes(_change(data, model=name))
        with pytest.raises(PipelineError, match=f"tensors of {name}"):
            Checkpoint.read(path)
    assert time.monotonic() - started < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1 << 20  # KiB
    # A file that is longer than its model is not read.
    path.write_bytes(data)
    os.truncate(path, 1 << 40)
    with pytest.raises(PipelineError, match="longer or shorter than its header says"):
        Checkpoint.read(path)


def test_an_input_of_many_pixels_is_allowed_on_request(
    teacher_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = {"img_size": 4096, "via_size": None, "mean": [0.5], "std": [0.5]}
    data = _change(teacher_file.read_bytes(), preparation=about)
    with pytest.raises(PipelineError, match=r"4,096 pixels .*PLADA_LIMITS=img-size=4096"):
        Checkpoint.from_bytes(data, name="x")
    monkeypatch.setenv("PLADA_LIMITS", "img-size=4096")
    assert Checkpoint.from_bytes(data, name="x").preparation.img_size == 4096


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float16, torch.bool])
def test_other_types_of_numbers(teacher_file: Path, dtype: torch.dtype) -> None:
    data = teacher_file.read_bytes()
    length = int.from_bytes(data[:8], "little")
    tensors = safetensors.torch.load(data)
    tensors["head.weight"] = tensors["head.weight"].to(dtype)
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    changed = safetensors.torch.save(tensors, metadata)
    if dtype is torch.float16:
        found = Checkpoint.from_bytes(changed, name="x").network.get_parameter("head.weight")
        assert torch.equal(found.half(), tensors["head.weight"])
    else:
        with pytest.raises(PipelineError, match=r"head\.weight is stored as"):
            Checkpoint.from_bytes(changed, name="x")


@pytest.mark.slow
def test_mutated_files(tmp_path: Path) -> None:
    for data in mutants(checkpoint(), int(os.environ.get("PLADA_FUZZ", "120"))):
        outcome(data, tmp_path / "model")


def test_damaged_and_foreign_files(teacher_file: Path, tmp_path: Path) -> None:
    data = teacher_file.read_bytes()
    foreign = safetensors.torch.save({"a": torch.zeros(2)})
    deep = b'{"__metadata__":{"plada":"' + b"[" * 100_000 + b'"}}'
    for bad in (b"", b"x" * 100, data[:-1], data + b"0", data[:500], foreign):
        with pytest.raises(PipelineError, match="no model of plada"):
            Checkpoint.from_bytes(bad, name="x")
    with pytest.raises(PipelineError, match="no model of plada"):
        Checkpoint.from_bytes(len(deep).to_bytes(8, "little") + deep, name="x")
    with pytest.raises(PipelineError, match="plada teach"):
        Checkpoint.read(tmp_path / "absent")
    tensors = safetensors.torch.load(data)
    tensors["head.bias"][0] = float("nan")
    length = int.from_bytes(data[:8], "little")
    metadata = json.loads(data[8 : 8 + length])["__metadata__"]
    with pytest.raises(PipelineError, match="not finite"):
        Checkpoint.from_bytes(safetensors.torch.save(tensors, metadata), name="x")
