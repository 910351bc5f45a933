"""The formats of exported models: how each is written, and run again."""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import Misuse
from ..optional import need
from .pixels import INPUT, OUTPUT

ENTRY = "plada"
"""Under this name an ONNX file's metadata hold the description; a .pt2 file's, with ``.json``."""

Run = Callable[[torch.Tensor], torch.Tensor]
"""From pixels to logits, on the CPU."""


@dataclass(frozen=True)
class Format:
    """A format of exported models.

    Attributes:
        name: as ``--format`` has it.
        title: what people call it.
        packages: that writing and checking it needs, beyond those of the extra ``ref``.
        write: the bytes of a file, of a module, an example of its input, and the description.
        load: makes a file run again.
    """

    name: str
    title: str
    packages: tuple[str, ...]
    write: Callable[[nn.Module, torch.Tensor, dict[str, Any]], bytes]
    load: Callable[[Path], Run]


def choose(path: Path, name: str | None) -> Format:
    """Return the format that is asked for by name, or by the suffix of the file.

    Raises:
        Misuse: if there is none, or a package is missing.
    """
    wanted = (name or path.suffix.removeprefix(".")).lower()
    if wanted in ("torchscript", "ts", "pt", "pth"):
        raise Misuse(
            "TorchScript is deprecated in torch, which asks for torch.export in its place: write a "
            ".pt2 file, or ONNX."
        )
    if wanted not in FORMATS:
        known = " or ".join(f".{each}" for each in FORMATS)
        raise Misuse(
            f"Nothing says which format is wanted: let the name of the file end in {known}, or "
            f"say --format {' or '.join(FORMATS)}."
            if name is None
            else f"--format is one of {', '.join(FORMATS)}; not {name!r}."
        )
    for package in FORMATS[wanted].packages:
        need(package, extra="export", for_=f"plada export to {FORMATS[wanted].title}")
    return FORMATS[wanted]


def _program(module: nn.Module, pixels: torch.Tensor) -> torch.export.ExportedProgram:
    batch = torch.export.Dim("batch")
    program = torch.export.export(module, (pixels,), dynamic_shapes={INPUT: {0: batch}})
    for node in program.graph.nodes:
        node.meta.pop("stack_trace", None)  # Paths on this machine.
    return program


def _write_program(module: nn.Module, pixels: torch.Tensor, description: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    with _quiet():
        extra = {f"{ENTRY}.json": json.dumps(description, sort_keys=True)}
        torch.export.save(_program(module, pixels), stream, extra_files=extra)
    return stream.getvalue()


def _load_program(path: Path) -> Run:
    with _quiet(), open(path, "rb") as file:
        run: Run = torch.export.load(io.BytesIO(file.read())).module()
    return run


def _write_onnx(module: nn.Module, pixels: torch.Tensor, description: dict[str, Any]) -> bytes:
    with _quiet():
        program = torch.onnx.export(
            module,
            (pixels,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes={INPUT: {0: torch.export.Dim("batch")}},
            external_data=False,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    for node in proto.graph.node:
        del node.metadata_props[:]  # Paths on this machine, among other things.
    for entry in (*proto.graph.value_info, *proto.graph.input, *proto.graph.output):
        del entry.metadata_props[:]
    del proto.graph.metadata_props[:]
    del proto.metadata_props[:]
    proto.metadata_props.add(key=ENTRY, value=json.dumps(description, sort_keys=True))
    data: bytes = proto.SerializeToString(deterministic=True)
    return data


def _load_onnx(path: Path) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(path.read_bytes(), providers=["CPUExecutionProvider"])

    def run(pixels: torch.Tensor) -> torch.Tensor:
        (logits,) = session.run([OUTPUT], {INPUT: pixels.numpy()})
        return torch.from_numpy(logits)

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what torch's exporters say to their own developers."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = logging.root.manager.disable
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(before)


FORMATS = {
    each.name: each
    for each in (
        Format("onnx", "ONNX", ("onnx", "onnxscript", "onnxruntime"), _write_onnx, _load_onnx),
        Format("pt2", "torch.export", (), _write_program, _load_program),
    )
}
"""Every format by its name, which is also its suffix."""
