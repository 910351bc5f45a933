"""Pre-trained weights: every tensor of the backbone comes from the file, or an error says why."""

from __future__ import annotations

import argparse
import copy
import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch

from plada_ref.compute.device import find_device
from plada_ref.errors import Misuse, PipelineError
from plada_ref.models.spec import ModelSpec, backbone_digest, build, check_input
from plada_ref.models.weights import file_digest
from plada_ref.tasks.task import Task
from plada_ref.training.learn import teach
from plada_ref.training.recipe import recipe

from .conftest import ALONE, COMPUTE, NET, Photos

State = dict[str, torch.Tensor]
Write = Callable[[Path, State], object]


@pytest.fixture(scope="module")
def state() -> State:
    """Weights as if trained: with the head of another task."""
    network = build(NET, 7, seed=5)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)  # type: ignore[arg-type]
    return {
        name: value.clone(memory_format=torch.contiguous_format)
        for name, value in network.state_dict().items()
    }


def _loaded(path: Path, model: ModelSpec = NET) -> tuple[str, list[str]]:
    """The digest of the backbone that is built from a file, and what was said."""
    said: list[str] = []
    network = build(replace(model, weights=path), 10, seed=1, say=said.append)
    return backbone_digest(network), said


def _digest_of(state: State) -> str:
    network = build(NET, 7, seed=0)
    network.load_state_dict(state)
    return backbone_digest(network)


def _flat(change: Callable[[State], State]) -> Write:
    return lambda path, state: safetensors.torch.save_file(change(state), path)


def _prefixed(prefix: str) -> Write:
    return _flat(lambda state: {prefix + name: value for name, value in state.items()})


def _pickled(nest: Callable[[State], Any], **how: Any) -> Write:
    return lambda path, state: torch.save(nest(state), path, **how)


def _as(dtype: torch.dtype) -> Write:
    return _flat(
        lambda state: {
            name: value.to(dtype) if value.is_floating_point() else value
            for name, value in state.items()
        }
    )


def _noise(state: State) -> State:
    return {name: torch.rand_like(value.float()) for name, value in state.items()}


RECOGNISED: dict[str, tuple[Write, str]] = {
    "plain": (_flat(dict), ""),
    "model": (_prefixed("model."), "begin with 'model.'"),
    "two prefixes": (_prefixed("module.backbone."), "begin with 'module.backbone.'"),
    "encoder": (_prefixed("encoder."), "begin with 'encoder.'"),
    "compiled": (_prefixed("_orig_mod."), "begin with '_orig_mod.'"),
    "unusual prefix": (_prefixed("learner.trunk_0."), "begin with 'learner.trunk_0.'"),
    "head outside of the prefix": (
        _flat(
            lambda state: (
                {f"backbone.{name}": value for name, value in state.items() if "head" not in name}
                | {"fc.weight": torch.zeros(3, 64)}
            )
        ),
        "begin with 'backbone.'",
    ),
    "model_state_dict": (_pickled(lambda s: {"model_state_dict": s, "epoch": 3}), "'model_state"),
    "net": (_pickled(lambda s: {"net": s, "acc": 0.5}), "the entry 'net'"),
    "nested twice, and prefixed": (
        _pickled(lambda s: {"model": {"state_dict": {f"module.{n}": v for n, v in s.items()}}}),
        "the entry 'model.state_dict'",
    ),
    "timm's checkpoint": (
        _pickled(lambda s: {"state_dict": s, "args": argparse.Namespace(lr=0.1), "arch": "x"}),
        "the entry 'state_dict'",
    ),
    "averaged weights first": (
        _pickled(lambda s: {"state_dict": _noise(s), "state_dict_ema": s}),
        "the entry 'state_dict_ema'",
    ),
    "torch before 1.6": (_pickled(dict, _use_new_zipfile_serialization=False), ""),
    "tensors beside other things": (_pickled(lambda s: {**s, "epoch": 3}), ""),
    "without batch counts": (
        _flat(lambda s: {n: v for n, v in s.items() if not n.endswith("num_batches_tracked")}),
        "",
    ),
    "another part too": (
        _flat(lambda s: {**s, "decoder.weight": torch.zeros(3)}),
        "1 tensors of the file are not this model's: decoder.weight",
    ),
}


@pytest.mark.parametrize("name", RECOGNISED)
def test_recognised(state: State, tmp_path: Path, name: str) -> None:
    write, word = RECOGNISED[name]
    path = tmp_path / "weights.bin"  # The content decides.
    write(path, state)
    digest, said = _loaded(path)
    assert digest == _digest_of(state)
    assert any(word in line for line in said) if word else not said


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted_and_said(
    state: State, tmp_path: Path, dtype: torch.dtype
) -> None:
    _as(dtype)(tmp_path / "w", state)
    rounded = {n: v.to(dtype).to(v.dtype) for n, v in state.items()}
    digest, said = _loaded(tmp_path / "w")
    assert digest == _digest_of(rounded)
    assert [line for line in said if "converted" in line and "to float32" in line]


def _zip_again(path: Path, state: State) -> None:
    torch.save(state, path)
    with zipfile.ZipFile(path) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)


def _larger_than_the_file(path: Path, state: State) -> None:
    torch.save({**state, "stages.0.weight": torch.zeros(1).expand(1 << 40)}, path)


def _begun(data: bytes) -> bytes:
    """The header and some of the tensors, in a file of the full size."""
    return data[: len(data) // 8].ljust(len(data), b"\0")


REFUSED: dict[str, tuple[Write, str]] = {
    "a block is missing": (
        _flat(
            lambda s: {n: v for n, v in s.items() if not n.startswith(("stages.3.", "stages.4."))}
        ),
        r"of its backbone are missing, stages\.3\.weight",
    ),
    "one statistic is missing": (
        _flat(lambda s: {n: v for n, v in s.items() if n != "stages.4.running_var"}),
        r"1 of the \d+ tensors of its backbone are missing, stages\.4\.running_var",
    ),
    "head only": (
        _flat(lambda s: {n: v for n, v in s.items() if n.startswith("head.")}),
        "tensors of its backbone are missing",
    ),
    "other names": (_prefixed("x"), r"missing.*while the file has x"),
    "other widths": (
        lambda path, _: safetensors.torch.save_file(
            {
                name: value.contiguous()
                for name, value in build(ModelSpec("plada_convnet_m"), 7, seed=0)
                .state_dict()
                .items()
            },
            path,
        ),
        r"stages\.0\.weight is of shape 32x1x3x3 in the file and of shape 16x1x3x3",
    ),
    "a deeper model": (
        _flat(lambda s: {**s, "stages.99.weight": torch.zeros(3)}),
        r"of a larger one: the file has 1 more tensors, stages\.99\.weight",
    ),
    "8-bit floats": (_as(torch.float8_e4m3fn), "quantised.*float8_e4m3fn"),
    "8-bit integers": (_as(torch.int8), "quantised.*int8"),
    "not finite": (
        _flat(lambda s: s | {"stages.0.weight": s["stages.0.weight"] * float("nan")}),
        "not finite",
    ),
    "a download that was never finished": (
        lambda path, s: path.write_bytes(_begun(safetensors.torch.save(s))),
        r"\d tensors, \d+ % of the numbers, hold nothing but zeros.*fetch the file again",
    ),
    "the model twice": (
        _flat(lambda s: {p + n: v.clone() for p in ("student.", "teacher.") for n, v in s.items()}),
        "more than once, below student., teacher.",
    ),
    "no tensors": (_pickled(lambda s: {"epoch": 3, "config": {}}), "it has epoch, config"),
    "a list": (_pickled(lambda s: list(s.values())), "it has list"),
    "larger than the file": (_larger_than_the_file, "larger than the file"),
    "compressed": (_zip_again, "compressed archive"),
    "empty": (lambda path, _: path.write_bytes(b""), "cannot be loaded into"),
    "text": (lambda path, _: path.write_text("<html>"), "neither a safetensors file nor"),
    "cut": (
        lambda path, s: path.write_bytes(safetensors.torch.save(s)[:-5]),
        "cannot be loaded into",
    ),
    "numpy": (
        lambda path, s: np.savez(path.open("wb"), **{n: v.numpy() for n, v in s.items()}),  # type: ignore[arg-type]
        "cannot be loaded into",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(state: State, tmp_path: Path, name: str) -> None:
    write, word = REFUSED[name]
    path = tmp_path / "weights.safetensors"
    write(path, state)
    with pytest.raises(PipelineError, match=word) as caught:
        _loaded(path)
    assert "\n" not in str(caught.value) and "Traceback" not in str(caught.value)
    assert str(path) in str(caught.value)


class _Trap:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.path), "w")


class _Shell:
    """Unpickled, it runs a command: torch says that in other words."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("exit 1",)


def test_nothing_in_a_file_is_run(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = _Trap(tmp_path / "sprung")
    torch.save({"state_dict": state, "extra": trap}, tmp_path / "zip.pth")
    legacy: dict[str, Any] = {"_use_new_zipfile_serialization": False}
    torch.save({"state_dict": state, "extra": trap}, tmp_path / "legacy.pth", **legacy)
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"state_dict": trap}, protocol=2))
    torch.save(build(NET, 7, seed=0), tmp_path / "module.pth")
    for name in ("zip", "legacy", "plain", "module"):
        with pytest.raises(PipelineError, match=r"run code|neither a safetensors"):
            _loaded(tmp_path / f"{name}.pth")
    assert not trap.path.exists()
    torch.save({"state_dict": state, "extra": _Shell()}, tmp_path / "shell.pth")
    with pytest.raises(PipelineError, match="run code"):
        _loaded(tmp_path / "shell.pth")
    torch.load(tmp_path / "zip.pth", weights_only=False)["extra"].close()
    assert trap.path.exists()  # The trap is one.

    # timm is given tensors: some of its versions unpickle what a path leads to.
    from timm.models import _builder

    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("timm was given a path")

    monkeypatch.setattr(_builder, "load_state_dict", never)
    torch.save(state, tmp_path / "good.pth")
    assert _loaded(tmp_path / "good.pth")[0] == _digest_of(state)


def test_the_model_keeps_no_second_copy(state: State, tmp_path: Path) -> None:
    safetensors.torch.save_file(state, tmp_path / "w")
    network: Any = build(replace(NET, weights=tmp_path / "w"), 10, seed=1)
    assert "state_dict" not in network.pretrained_cfg
    load = torch.nn.Module.load_state_dict
    assert load.__module__ == "torch.nn.modules.module" and load.__name__ == "load_state_dict"
    # The head is new: it is not read from the file, and drawn by the seed.
    other: Any = build(NET, 10, seed=1)
    assert torch.equal(network.head.weight, other.head.weight)


def test_a_file_that_changes_while_it_is_read(
    state: State, digits: Task, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from plada_ref.training import learn

    path = tmp_path / "w"
    safetensors.torch.save_file(state, path)

    def slow(*args: Any, **how: Any) -> torch.nn.Module:
        network = build(*args, **how)
        safetensors.torch.save_file(_noise(state), path)
        return network

    monkeypatch.setattr(learn, "build", slow)
    with pytest.raises(PipelineError, match="changed while it was read"):
        teach(digits, replace(NET, weights=path), recipe("head"), compute=COMPUTE)
    path.unlink()
    with pytest.raises(PipelineError, match=r"cannot be read.*--weights"):
        teach(digits, replace(NET, weights=path), recipe("head"), compute=COMPUTE)


def test_models_and_sizes_that_cannot_work(digits: Task) -> None:
    def learn(model: str, **how: Any) -> None:
        teach(digits, ModelSpec(model, random_backbone=True, **how), recipe("head"), compute=ALONE)

    for wrong, right in (
        ("tf_efficientnet_lit0", "tf_efficientnet_lite0"),
        ("resnet_18", "resnet18"),
        ("plada_convnet-s", "plada_convnet_s"),
    ):
        with pytest.raises(Misuse, match=f"knows no model '{wrong}'; similar names: {right}"):
            learn(wrong)
    with pytest.raises(Misuse, match="knows no weights 'nonexistent_tag' of the model 'resnet18'"):
        learn("resnet18.nonexistent_tag")
    with pytest.raises(Misuse, match="'inception_v3' cannot take images of 32 pixels"):
        learn("inception_v3", img_size=32)
    with pytest.raises(Misuse, match="'test_vit' cannot take images of 1 pixels"):
        learn("test_vit", img_size=1)
    with pytest.raises(Misuse, match="from 1 to 4096, not 0"):
        learn(NET.model, img_size=0)
    check_input(build(NET, 3, seed=0), NET.model, NET.preparation(), torch.device("cpu"))


def test_large_inputs_are_allowed_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    large = replace(NET, img_size=2048)
    with pytest.raises(
        Misuse, match=r"2,048 pixels .* more than 1,024.*PLADA_LIMITS=img-size=2048"
    ):
        large.preparation()
    monkeypatch.setenv("PLADA_LIMITS", "img-size=2048")
    assert large.preparation().img_size == 2048
    monkeypatch.setenv("PLADA_LIMITS", "img-size=many")
    with pytest.raises(Misuse, match="PLADA_LIMITS has the entry 'img-size=many'"):
        large.preparation()


@pytest.mark.parametrize("name", ["meta", "cuda:99", "abacus", ""])
def test_devices_that_hold_no_numbers(name: str) -> None:
    with pytest.raises(Misuse, match="cannot be used here"):
        find_device(name)


def test_real_weights(photos: Photos, tmp_path: Path) -> None:
    model = ModelSpec("tf_efficientnet_lite0")
    stored = safetensors.torch.load_file(photos.weights)
    plain, said = _loaded(photos.weights, model)
    assert not said
    wrapped = {f"module.encoder.{name}": value for name, value in stored.items()}
    torch.save({"model": copy.deepcopy(wrapped)}, tmp_path / "w")
    assert _loaded(tmp_path / "w", model)[0] == plain
    with pytest.raises(PipelineError, match="not those of 'tf_efficientnet_lite1'"):
        _loaded(photos.weights, ModelSpec("tf_efficientnet_lite1"))
    with pytest.raises(PipelineError, match="not those of 'mobilenetv3_small_050'"):
        _loaded(photos.weights, ModelSpec("mobilenetv3_small_050"))


def test_a_device_is_no_file_of_weights(tmp_path: Path) -> None:
    for path in (Path("/dev/zero"), tmp_path):
        with pytest.raises(PipelineError, match="is no file"):
            file_digest(path)
