"""``plada export``: ONNX and torch.export files that say what the original says."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

import plada_ref
from plada_ref.cli import app
from plada_ref.exporting import FORMATS, agreement, export
from plada_ref.exporting.pixels import PixelsToLogits
from plada_ref.exporting.sample import photographs
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.preparation import Preparation
from plada_ref.models.spec import ModelSpec, build, classifier
from plada_ref.tasks.load import load_task
from plada_ref.tasks.task import Task
from plada_ref.training.learn import teach
from plada_ref.training.recipe import recipe

from .conftest import ALONE, COMPUTE, Photos, png

HERE = str(Path(plada_ref.__file__).parents[1])

NO_ONNX = [name for name in FORMATS["onnx"].packages if importlib.util.find_spec(name) is None]
REASON = f"the extra export is not installed: {', '.join(NO_ONNX)}"
ONNX = pytest.param("onnx", marks=pytest.mark.skipif(bool(NO_ONNX), reason=REASON))


def plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _untrained(spec: ModelSpec) -> Checkpoint:
    """A model whose logits are as far apart as those of a trained one."""
    network = build(spec, 4, seed=0).eval()
    head = classifier(network)
    assert head is not None
    with torch.no_grad():
        head.weight.mul_(100)
    names = ("ant", "bee", "cat", "dog")
    return Checkpoint(spec.model, names, spec.preparation(), network, {})


def _described(path: Path) -> dict[str, Any]:
    if path.suffix == ".onnx":
        import onnxruntime

        session = onnxruntime.InferenceSession(path.read_bytes())
        (pixels,), (logits,) = session.get_inputs(), session.get_outputs()
        text = session.get_modelmeta().custom_metadata_map["plada"]
        found: dict[str, Any] = json.loads(text)
        assert (pixels.name, pixels.shape) == ("pixels", found["input"]["shape"])
        assert (logits.name, logits.shape) == ("logits", found["output"]["shape"])
    else:
        extra = {"plada.json": ""}
        torch.export.load(io.BytesIO(path.read_bytes()), extra_files=extra)
        found = json.loads(extra["plada.json"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("format", [ONNX, "pt2"])
def test_a_digits_teacher_is_exported(
    format: str, teacher: Checkpoint, teacher_file: Path, digits_test: Task, tmp_path: Path
) -> None:
    for row in range(40):
        (tmp_path / f"{row}.png").write_bytes(png(digits_test.images.open_image(row)))
    out = tmp_path / f"digits.{format}"
    result = plada("export", teacher_file, "-o", out, "--images", tmp_path, "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout.splitlines()[-1])
    assert (said["format"], said["bytes"]) == (format, out.stat().st_size)
    assert said["agreement"]["images"] == 40 and said["agreement"]["others"] == 0
    assert said["agreement"]["logit"] < 1e-4
    data = out.read_bytes()
    assert HERE.encode() not in data and b"site-packages" not in data, "paths on this machine"

    described = _described(out)
    assert described["classes"] == [str(digit) for digit in range(10)]
    size = teacher.preparation.stored_size
    assert described["input"]["shape"] == ["batch", 1, size, size]
    assert described["inside"]["mean"] == list(teacher.preparation.mean)
    assert described["student_sha256"] == teacher.sha256

    run = FORMATS[format].load(out)
    pixels = torch.stack(
        [teacher.preparation(digits_test.images.open_image(row)) for row in range(40)]
    )
    whole = run(pixels)
    wanted = plada_ref.predict(teacher, digits_test.rows(np.arange(40), "").images, compute=ALONE)
    assert whole.argmax(dim=1).tolist() == wanted.tolist()
    for count in (1, 3):
        assert torch.allclose(run(pixels[:count]), whole[:count], atol=1e-4)


@pytest.mark.slow
def test_attention_and_matched_resolution_agree_on_photographs(tmp_path: Path) -> None:
    made = _untrained(ModelSpec("test_vit", img_size=64, via_size=24, grey=True))
    found = export(made, tmp_path / "out", format="pt2", compute=ALONE).agreement
    assert (found.images, found.others) == (80, 0)
    classes = FORMATS["pt2"].load(tmp_path / "out")(
        torch.stack([made.preparation(photographs().open_image(row)) for row in range(80)])
    )
    assert len(set(classes.argmax(dim=1).tolist())) > 1, "else agreeing says nothing"


@pytest.mark.slow
@pytest.mark.skipif(bool(NO_ONNX), reason=REASON)
def test_a_student_with_real_weights_agrees_on_photographs(photos: Photos, tmp_path: Path) -> None:
    learn, test = (load_task(photos.task, split) for split in ("train", "test"))
    spec = ModelSpec("tf_efficientnet_lite0", photos.weights, img_size=64, via_size=32)
    few = learn.rows(np.arange(0, len(learn), 100), "few")
    student = teach(few, spec, recipe("head", augment="off"), compute=COMPUTE)
    some = test.rows(np.arange(0, len(test), 30), "some")
    out = tmp_path / "student.onnx"
    found = export(student, out, images=some.images, compute=ALONE).agreement
    assert (found.images, found.others) == (len(some), 0)
    assert found.logit < 1e-2 and found.probability < 1e-4


@pytest.mark.slow
def test_what_does_not_agree_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file with another normalisation: every image is there, and most get their class."""
    made = _untrained(ModelSpec("test_resnet", img_size=48))
    other = replace(made, preparation=Preparation(48, None, (0.5,) * 3, (0.3,) * 3))
    pt2 = FORMATS["pt2"]
    monkeypatch.setitem(
        FORMATS,
        "pt2",
        replace(pt2, write=lambda module, *rest: pt2.write(PixelsToLogits(other), *rest)),
    )
    out = tmp_path / "student.pt2"
    out.write_bytes(b"earlier")
    with pytest.raises(plada_ref.PipelineError, match="is not what the model computes: of 80"):
        export(made, out, compute=ALONE)
    assert out.read_bytes() == b"earlier" and list(tmp_path.iterdir()) == [out]


def test_only_ties_may_be_other_classes() -> None:
    one = torch.tensor([[0.0, 1.0], [0.5, 0.50005], [2.0, 0.0]])
    tie = torch.tensor([[0.0, 1.0], [0.50005, 0.5], [2.0, 0.0]])

    def against(other: torch.Tensor) -> agreement.Agreement:
        return agreement.compare(one.__getitem__, other.__getitem__, [torch.arange(3)])

    found = against(tie)
    assert (found.images, found.ties, found.others) == (3, 1, 0)
    assert found.logit == pytest.approx(5e-5, rel=1e-2)
    found.insist("it")
    for bad in (tie * 1.01, tie.flip(1), tie * torch.nan):
        with pytest.raises(plada_ref.PipelineError, match="Nothing is written"):
            against(bad).insist("it")


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("student.bin", "end in .onnx or .pt2, or say --format onnx or pt2"),
        ("student.torchscript", "TorchScript is deprecated in torch"),
        ("student.pt", "write a .pt2 file, or ONNX"),
        ("student.pt2 --format tflite", "--format is one of onnx, pt2; not 'tflite'"),
        ("-", "Nothing says which format is wanted"),
    ],
)
def test_other_formats_are_refused_before_the_work(
    out: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = plada("export", "none.safetensors", "-o", *out.split())
    assert result.exit_code == 2 and words in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_what_lacks_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    result = plada("export", "none.safetensors", "-o", tmp_path / "student.onnx")
    assert (
        result.exit_code == 2 and "plada export to ONNX needs the Python package" in result.stderr
    )
    assert "[export]" in result.stderr
    result = plada("export", "none.safetensors", "-o", tmp_path / "student.pt2")
    assert result.exit_code == 1 and "There is no model at" in result.stderr


def test_an_unreadable_image_to_compare_on_is_an_error(teacher_file: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.png").write_bytes(b"\x89PNG")
    out = tmp_path / "student.pt2"
    for name, words in (("cut.png", "cannot be decoded"), ("none.png", "There is nothing at")):
        result = plada("export", teacher_file, "-o", out, "--images", tmp_path / name)
        assert result.exit_code == 1 and words in result.stderr and not out.exists()
