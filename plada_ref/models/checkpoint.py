"""Trained models as safetensors files: tensors and one JSON header, never pickled objects.

The header is the metadata entry ``plada``, a JSON object:

============ ======================================================================
layout       1
model        timm's name of the model
classes      list of class names, or the number of unnamed classes
preparation  img_size, via_size (or null), mean, std, grey (false when absent)
facts        how the model was trained
============ ======================================================================
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import safetensors.torch
import torch
from torch import nn

from pladafmt import json_text
from pladafmt.files import write_whole
from pladafmt.names import complaint

from ..errors import PipelineError
from .limits import MAX_CLASSES, MAX_HEADER, check_img_size
from .preparation import Preparation
from .spec import outline, rebuild

LAYOUT = 1
_FLOATS, _INTEGERS = ("F16", "BF16", "F32", "F64"), ("I64", "I32")


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A trained classifier, in evaluation mode.

    Attributes:
        model: timm's name of the model.
        classes: class names in the order of the outputs, or only their number.
        preparation: how its input is made.
        network: the model itself.
        facts: JSON object: recipe, number of images, digests of the weights it began with.
    """

    model: str
    classes: tuple[str, ...] | int
    preparation: Preparation
    network: nn.Module
    facts: dict[str, Any]

    @property
    def class_count(self) -> int:
        """Number of classes C."""
        return self.classes if isinstance(self.classes, int) else len(self.classes)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names, or ``0`` to ``C-1`` when the classes are unnamed."""
        if isinstance(self.classes, int):
            return tuple(str(number) for number in range(self.classes))
        return self.classes

    @cached_property
    def data(self) -> bytes:
        """The bytes of the file; the same model gives the same bytes."""
        header = {
            "layout": LAYOUT,
            "model": self.model,
            "classes": self.classes,
            "preparation": asdict(self.preparation),
            "facts": self.facts,
        }
        tensors = {
            name: value.detach().cpu().contiguous()
            for name, value in self.network.state_dict().items()
        }
        text = json.dumps(header, sort_keys=True, allow_nan=False)
        return safetensors.torch.save(tensors, {"plada": text})

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file, in hex: the model's identity."""
        return hashlib.sha256(self.data).hexdigest()

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file, whole or not at all.

        Raises:
            PipelineError: if there is no room or no such folder.
        """
        try:
            write_whole(path, self.data)
        except OSError as exc:
            raise PipelineError(
                f"The model cannot be written to {os.fspath(path)!r} ({exc.strerror or exc}); a "
                "file that was there before is as it was."
            ) from exc

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read a file that `write` made; runs nothing that is stored in it.

        Raises:
            PipelineError: if it is damaged or no such file.
        """
        name = os.fspath(path)
        try:
            with open(name, "rb") as file, _damage_in(name):
                start = file.read(8)
                start += file.read(_header_length(start))
                stated = _Stated.of(start)
                if os.fstat(file.fileno()).st_size != stated.size:
                    raise ValueError("it is longer or shorter than its header says")
                # Not before: what is read into memory is what this model needs.
                data = start + file.read(stated.size - len(start))
        except FileNotFoundError as exc:
            raise PipelineError(
                f"There is no model at {name!r}; make one with: plada teach"
            ) from exc
        return cls._load(data, stated, name)

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str) -> Checkpoint:
        """As `read`, from the bytes of the file; `name` is for messages."""
        with _damage_in(name):
            stated = _Stated.of(data[: 8 + _header_length(data[:8])])
        return cls._load(data, stated, name)

    @classmethod
    def _load(cls, data: bytes, stated: _Stated, name: str) -> Checkpoint:
        with _damage_in(name):
            tensors = safetensors.torch.load(data)
            network = rebuild(stated.model, stated.class_count, stated.preparation.img_size)
            network.load_state_dict(tensors, strict=True)
        if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
            raise PipelineError(
                f"The model {name!r} holds weights that are not finite numbers; train it again."
            )
        checkpoint = cls(
            stated.model, stated.classes, stated.preparation, network.eval(), stated.facts
        )
        # The identity is that of the stored bytes, whoever wrote them.
        checkpoint.__dict__["sha256"] = hashlib.sha256(data).hexdigest()
        return checkpoint


@contextmanager
def _damage_in(name: str) -> Iterator[None]:
    """Turn what goes wrong with the bytes of a file into one sentence."""
    try:
        yield
    # json, safetensors, timm and torch raise all kinds.
    except Exception as exc:
        if isinstance(exc, OSError) and not isinstance(exc, UnicodeError):
            raise
        reason = str(exc).strip().splitlines()[:1] or [type(exc).__name__]
        raise PipelineError(
            f"{name!r} is no model of plada, or it is damaged ({reason[0][:300]}); models are "
            "made by plada teach and plada train."
        ) from exc


@dataclass(frozen=True)
class _Stated:
    """What the header of a file states, compared with the model that it names.

    The model is drawn up without its numbers, so a small file that names a giant model costs
    nothing.

    Attributes:
        size: bytes of the whole file.
    """

    model: str
    classes: tuple[str, ...] | int
    preparation: Preparation
    facts: dict[str, Any]
    size: int

    @property
    def class_count(self) -> int:
        return self.classes if isinstance(self.classes, int) else len(self.classes)

    @classmethod
    def of(cls, start: bytes) -> _Stated:
        """What a file states that begins with `start`, its whole header."""
        stored = json_text.parse(start[8:])
        if not isinstance(stored, dict):
            raise ValueError("its header is not an object")
        model, classes, preparation, facts = _parse(_header(stored.pop("__metadata__", None)))
        check_img_size(preparation.img_size)
        if preparation.via_size is not None:
            check_img_size(preparation.via_size)
        count = classes if isinstance(classes, int) else len(classes)
        network = outline(model, count, preparation.img_size)
        ends = _compare(stored, network.state_dict(), model)
        return cls(model, classes, preparation, facts, len(start) + ends)


def _header_length(start: bytes) -> int:
    length = int.from_bytes(start, "little")
    if len(start) < 8 or not 0 < length <= MAX_HEADER:
        raise ValueError("it is not a safetensors file, or its header is too long")
    return length


def _header(metadata: Any) -> dict[str, Any]:
    """Our own JSON header among the metadata of safetensors."""
    if not isinstance(metadata, dict) or "plada" not in metadata:
        raise ValueError("it is a safetensors file without plada's header")
    header = json_text.parse(metadata["plada"])
    if not isinstance(header, dict) or header.get("layout") != LAYOUT:
        raise ValueError(f"its header is not of layout {LAYOUT}")
    return header


def _compare(stored: dict[str, Any], own: dict[str, torch.Tensor], model: str) -> int:
    """See that the tensors in a file are a model's; returns where the last of them ends."""
    missing = sorted(own.keys() - stored.keys())
    unknown = sorted(stored.keys() - own.keys())
    if missing or unknown:
        what = f"lacks {missing[0]}" if missing else f"has {unknown[0]}"
        raise ValueError(
            f"of the tensors of {model}, {len(missing)} are missing and {len(unknown)} are too "
            f"many: it {what}"
        )
    for name, value in own.items():
        shape, kind = stored[name]["shape"], stored[name]["dtype"]
        if shape != list(value.shape):
            raise ValueError(f"{name} is of shape {shape}, in {model} of {list(value.shape)}")
        if kind not in (_FLOATS if value.is_floating_point() else _INTEGERS):
            raise ValueError(f"{name} is stored as {kind}")
    ends = [about["data_offsets"][1] for about in stored.values()]
    if not all(type(end) is int for end in ends):
        raise ValueError("an offset is not a whole number")
    return max(ends, default=0)


def _parse(
    header: dict[str, Any],
) -> tuple[str, tuple[str, ...] | int, Preparation, dict[str, Any]]:
    model, facts, stored = header["model"], header["facts"], header["preparation"]
    if not isinstance(model, str) or not isinstance(facts, dict):
        raise ValueError("its header has wrong types")
    sizes = (stored["img_size"], stored["via_size"] or 1)
    if not all(type(size) is int for size in sizes):
        raise ValueError("its image sizes are no whole numbers")
    preparation = Preparation(
        stored["img_size"],
        stored["via_size"],
        tuple(float(value) for value in stored["mean"]),
        tuple(float(value) for value in stored["std"]),
        bool(stored.get("grey", False)),
    )
    return model, _classes(header["classes"]), preparation, facts


def _classes(stored: Any) -> tuple[str, ...] | int:
    count = stored if type(stored) is int else len(stored)
    if not 1 <= count <= MAX_CLASSES:
        raise ValueError(f"it has {count} classes")
    if type(stored) is int:
        return stored
    if not all(isinstance(name, str) for name in stored):
        raise ValueError("a class name is no text")
    problem = complaint(stored, what="class name", may_be_empty=False)
    if problem is not None:
        raise ValueError(problem[1])
    return tuple(stored)
