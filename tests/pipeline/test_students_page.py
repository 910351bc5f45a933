"""docs/students.md: its programs run as they stand there, and agree with `plada predict`."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from plada_ref.exporting import export
from plada_ref.exporting.pixels import describe
from plada_ref.exporting.sample import photographs
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import ModelSpec, build, classifier
from plada_ref.predicting.classes import top_classes
from plada_ref.predicting.named import find_images

from .conftest import ALONE

PAGE = (Path(__file__).parents[2] / "docs" / "students.md").read_text("utf-8")
WITH_ONNX, WITH_TORCH, WITH_TIMM = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
NO_ONNX = [
    name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None
]


def _student() -> Checkpoint:
    spec = ModelSpec("test_resnet", img_size=48, via_size=24)
    network = build(spec, 3, seed=1).eval()
    head = classifier(network)
    assert head is not None
    with torch.no_grad():
        head.weight.mul_(100)
    return Checkpoint(spec.model, ("ant", "bee", "cat"), spec.preparation(), network, {})


@pytest.mark.slow
def test_the_programs_of_the_page_agree(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    student = _student()
    student.write("student.safetensors")
    photograph = photographs().open_image(11).crop((0, 0, 71, 58))
    photograph.save("photo.png")
    found = top_classes(student, find_images(["photo.png"]).images, 1, compute=ALONE)
    best = student.class_names[int(found.labels[0, 0])]

    names: dict[str, Any] = {}
    exec(compile(WITH_TIMM, "with timm", "exec"), names)
    x = student.preparation.batch(student.preparation(photograph)[None])
    with torch.inference_mode():
        assert torch.equal(names["network"](x), student.network(x))

    if NO_ONNX:
        pytest.skip(f"the extra export is not installed: {', '.join(NO_ONNX)}")
    export(student, "student.onnx", compute=ALONE)
    export(student, "student.pt2", compute=ALONE)
    for program in (WITH_ONNX, WITH_TORCH):
        exec(compile(program, "exported", "exec"), names)
        assert capsys.readouterr().out == f"{best}\n"
        assert names["about"] == describe(student)
    with torch.inference_mode():
        assert torch.allclose(names["logits"], student.network(x), atol=1e-4)


def test_every_member_is_on_the_page() -> None:
    student = _student()
    members = re.findall(r"`(\w+)`", PAGE)
    described = describe(student)
    for part in (described, described["input"], described["inside"], described["output"]):
        assert part.keys() <= set(members)
    length = int.from_bytes(student.data[:8], "little")
    header = json.loads(json.loads(student.data[8 : 8 + length])["__metadata__"]["plada"])
    assert {*header, *header["preparation"]} <= set(members)
