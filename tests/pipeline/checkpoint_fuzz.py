"""Mutated model files: each is read as what it says, or refused in one sentence.

``python -m tests.pipeline.checkpoint_fuzz 3000`` prints what became of them, the slowest file and
the most memory. The pipeline's tests go through fewer.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import timm
import torch

from plada_ref.errors import PipelineError
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.preparation import Preparation
from plada_ref.models.spec import build
from tests.pipeline.conftest import NET

SECONDS, BYTES = 30.0, 2 << 30
ODD: tuple[Any, ...] = (
    *(None, True, -1, 0, 1, 3, 16, 31, 1024, 4096, 65_536, 2**31, 2**63, 10**400, 1.5, 1e308),
    *("", "plada_convnet_m", "hf-hub:a/b", "\u202e", "F8_E4M3", "I8", "BOOL", "F16", "F64"),
    *([], [[]], {}, {"a": 1}, ["0"] * 10, ["a"] * 65_536, [0.5], [0, 4], [2**62, 2**62]),
)


def checkpoint() -> bytes:
    """A small model's file, with untrained weights."""
    network = build(NET, 10, seed=0)
    names = tuple(str(digit) for digit in range(10))
    return Checkpoint(NET.model, names, Preparation(16, None, (0.5,), (0.5,)), network, {}).data


def mutants(data: bytes, count: int, seed: int = 0) -> Iterator[bytes]:
    """Yield changed copies: bytes, lengths, and entries of both JSON headers."""
    draw = random.Random(seed)
    models = timm.list_models()
    length = int.from_bytes(data[:8], "little")
    for number in range(count):
        kind = number % 6
        if kind == 0:
            yield _flip(data, draw, 8 + length)
        elif kind == 1:
            at = draw.randrange(len(data))
            yield draw.choice([data[:at], data + data[:at], data[:at] + data[at + 1 :]])
        elif kind == 2:
            stated = draw.choice([0, 1, length - 1, length + 1, 2**24, 2**40, 2**64 - 1])
            yield stated.to_bytes(8, "little") + data[8:]
        else:
            outer = json.loads(data[8 : 8 + length])
            inner = json.loads(outer["__metadata__"]["plada"])
            if kind == 3:
                inner["model"] = draw.choice(models)
            elif kind == 4:
                _change(inner, draw)
            outer["__metadata__"]["plada"] = json.dumps(inner)
            if kind == 5:
                _change(outer, draw)
            text = json.dumps(outer).encode()
            yield len(text).to_bytes(8, "little") + text + data[8 + length :]


def _flip(data: bytes, draw: random.Random, below: int) -> bytes:
    changed = bytearray(data)
    for _ in range(draw.choice([1, 1, 4, 30])):
        changed[draw.randrange(below)] ^= 1 << draw.randrange(8)
    return bytes(changed)


def _change(value: Any, draw: random.Random) -> None:
    """Replace, remove or copy an entry somewhere in a JSON value."""
    while True:
        keys = list(value) if isinstance(value, dict) else list(range(len(value)))
        if not keys:
            return
        key = draw.choice(keys)
        below = value[key]
        if isinstance(below, dict | list) and below and draw.random() < 0.7:
            value = below
            continue
        what = draw.random()
        if what < 0.15:
            del value[key]
        elif what < 0.3:
            value[key] = value[draw.choice(keys)]
        else:
            value[key] = draw.choice(ODD)
        return


def outcome(data: bytes, path: Path) -> str:
    """Read a file and use the model; what became of it.

    Raises:
        AssertionError: if the model is not the one in the file, or the error is not one sentence.
    """
    path.write_bytes(data)
    try:
        model = Checkpoint.read(path)
    except PipelineError as exc:
        assert "\n" not in str(exc) and len(str(exc)) < 1000 + len(str(path)), str(exc)
        return "refused"
    stored = safetensors.torch.load(data)
    length = int.from_bytes(data[:8], "little")
    header = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["plada"])
    assert model.model == header["model"]
    assert list(model.class_names) == header["classes"] or model.classes == header["classes"]
    own = model.network.state_dict()
    assert stored.keys() == own.keys()
    for name, value in stored.items():
        assert torch.equal(own[name], value.to(own[name].dtype))
    return "read"


def main() -> None:
    """Go through as many mutants as the first argument says."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for data in mutants(checkpoint(), int(sys.argv[1])):
            started = time.monotonic()
            found[outcome(data, Path(folder) / "model")] += 1
            slowest = max(slowest, time.monotonic() - started)
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(dict(found), f"slowest {slowest:.2f} s, most memory {most >> 10} MB from {before >> 10}")


if __name__ == "__main__":
    main()
