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
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import nn

from pladafmt.files import write_whole
from pladafmt.names import complaint

from ..errors import Misuse, PipelineError
from .preparation import Preparation
from .spec import rebuild

LAYOUT = 1
_MAX_HEADER = 16 << 20
_MAX_CLASSES = 65_536


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
        """Write the file, whole or not at all."""
        write_whole(path, self.data)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Checkpoint:
        """Read a file that `write` made; runs nothing that is stored in it.

        Raises:
            PipelineError: if it is damaged or no such file.
        """
        name = os.fspath(path)
        try:
            with open(name, "rb") as file:
                data = file.read()
        except FileNotFoundError as exc:
            raise PipelineError(
                f"There is no model at {name!r}; make one with: plada teach"
            ) from exc
        return cls.from_bytes(data, name=name)

    @classmethod
    def from_bytes(cls, data: bytes, *, name: str) -> Checkpoint:
        """As `read`, from the bytes of the file; `name` is for messages."""
        try:
            tensors = safetensors.torch.load(data)
            header = _header(data)
            model, classes, preparation, facts = _parse(header)
            network = rebuild(
                model, classes if isinstance(classes, int) else len(classes), preparation.img_size
            )
            network.load_state_dict(tensors, strict=True)
        except (
            safetensors.SafetensorError,
            ValueError,  # Also what json and UTF-8 decoding raise.
            KeyError,
            TypeError,
            AttributeError,
            RuntimeError,  # load_state_dict
            RecursionError,
            Misuse,
        ) as exc:
            reason = str(exc).strip().splitlines()[:1] or [type(exc).__name__]
            raise PipelineError(
                f"{name!r} is no model of plada, or it is damaged ({reason[0]}); models are made "
                "by plada teach and plada train."
            ) from exc
        if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
            raise PipelineError(
                f"The model {name!r} holds weights that are not finite numbers; train it again."
            )
        checkpoint = cls(model, classes, preparation, network.eval(), facts)
        # The identity is that of the stored bytes, whoever wrote them.
        checkpoint.__dict__["sha256"] = hashlib.sha256(data).hexdigest()
        return checkpoint


def _header(data: bytes) -> dict[str, Any]:
    """The JSON header. safetensors has checked the file's frame, but hides its metadata."""
    length = int.from_bytes(data[:8], "little")
    if length > _MAX_HEADER:
        raise ValueError("its header is too long")
    metadata = json.loads(data[8 : 8 + length]).get("__metadata__") or {}
    if "plada" not in metadata:
        raise ValueError("it is a safetensors file without plada's header")
    header = json.loads(metadata["plada"])
    if not isinstance(header, dict) or header.get("layout") != LAYOUT:
        raise ValueError(f"its header is not of layout {LAYOUT}")
    return header


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
    if not 1 <= count <= _MAX_CLASSES:
        raise ValueError(f"it has {count} classes")
    if type(stored) is int:
        return stored
    if not all(isinstance(name, str) for name in stored):
        raise ValueError("a class name is no text")
    problem = complaint(stored, what="class name", may_be_empty=False)
    if problem is not None:
        raise ValueError(problem[1])
    return tuple(stored)
