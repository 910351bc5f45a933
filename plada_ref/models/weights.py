"""Pre-trained weights from a file: read without running what is in it, and loaded whole.

Every tensor of the backbone comes from the file, or there is an error that names what is missing.
Names that another program has put a prefix before, or nested, are recognised; docs/weights.md says
which.
"""

from __future__ import annotations

import argparse
import hashlib
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import nn

from pladafmt.text import for_terminal

from ..errors import PipelineError

State = dict[str, torch.Tensor]
"""Tensors by name."""

NESTINGS = (
    # The averaged weights first, as timm takes them.
    "state_dict_ema",
    "model_ema",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "backbone",
    "encoder",
    "weights",
    "params",
)
"""Entries of a checkpoint that hold its tensors, the first that is there."""

PREFIXES = ("module.", "_orig_mod.", "model.", "backbone.", "encoder.", "net.", "network.")
"""What stands before every name, where the names themselves are not this model's own."""

_DEEPEST = 4
_SHOWN = 4
_CONVERTED = (torch.float16, torch.bfloat16, torch.float64)


def file_digest(path: Path) -> str:
    """SHA-256 of a file, in hex.

    Raises:
        PipelineError: if it cannot be read, or is no file, such as a device without an end.
    """
    if path.exists() and not path.is_file():
        raise PipelineError(f"{str(path)!r} is no file; give a file of weights with --weights.")
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as exc:
        raise PipelineError(
            f"The weights file {str(path)!r} cannot be read ({exc.strerror}); give another file "
            "with --weights."
        ) from exc


def read_weights(path: Path, network_names: set[str], say: Callable[[str], None]) -> State:
    """The tensors of a file, under names without nesting and prefix.

    Args:
        path: a safetensors file or what `torch.save` makes of a state dict; its content decides.
        network_names: names of the tensors of the model's backbone.
        say: hears what was recognised.

    Raises:
        PipelineError: if the file cannot be read, or holds other objects than tensors.
        Exception: of any kind, if it is damaged.
    """
    if not path.is_file():
        raise PipelineError(f"There is no weights file {str(path)!r}.")
    shown = repr(str(path))
    try:
        with open(path, "rb") as file:
            start = file.read(9)
        stored = safetensors.torch.load_file(path) if start[8:] == b"{" else _load_pickled(path)
    except OSError as exc:
        reason = exc.strerror or str(exc)
        raise PipelineError(f"The weights file {shown} cannot be read ({reason}).") from exc
    state, nesting = _unnested(stored, shown)
    largest = path.stat().st_size
    for name, value in state.items():
        if value.numel() * value.element_size() > largest:
            raise PipelineError(
                f"The weights file {shown} is damaged: its tensor {for_terminal(name)} is larger "
                "than the file."
            )
    state, prefix = _without_prefix(state, network_names, shown)
    if nesting:
        say(f"weights: taken from the entry {for_terminal(nesting)!r} of {for_terminal(str(path))}")
    if prefix:
        say(f"weights: the names in {for_terminal(str(path))} begin with {for_terminal(prefix)!r}")
    return state


@contextmanager
def whole(model: str, path: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Within it, a model that loads tensors gets all of its backbone's, or an error is raised.

    timm renames and reshapes tensors before it loads them, by a function of each family of models,
    and is then content with any part of them. So the check is made where torch loads.

    Args:
        model, path: for messages.
        say: hears what was converted and left over.
    """
    load = nn.Module.load_state_dict

    def checked(network: nn.Module, given: Mapping[str, Any], *_: Any, **__: Any) -> Any:
        nn.Module.load_state_dict = load  # type: ignore[method-assign]
        return load(network, _fitting(network, given, model, path, say), strict=False)

    nn.Module.load_state_dict = checked  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        nn.Module.load_state_dict = load  # type: ignore[method-assign]


def head_prefixes(network: nn.Module) -> tuple[str, ...]:
    """What the names of the tensors begin with that make logits of features."""
    model: Any = network
    named = (getattr(model, "pretrained_cfg", None) or {}).get("classifier") or ()
    names = {named} if isinstance(named, str) else set(named)
    get = getattr(model, "get_classifier", None)
    last = get() if callable(get) else None
    names |= {name for name, module in network.named_modules() if module is last and name}
    return tuple(sorted(f"{name}." for name in names))


def _load_pickled(path: Path) -> Any:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
                raise ValueError("it is a compressed archive, or a program of TorchScript")
    # Training scripts leave their arguments beside the weights. A namespace runs nothing.
    with torch.serialization.safe_globals([argparse.Namespace]):
        try:
            return torch.load(path, map_location="cpu", weights_only=True)
        except OSError:
            raise
        except Exception as exc:  # torch and pickle raise all kinds.
            said = str(exc).lower()  # Some of the sentences have an "Unsupported", others not.
            if "unsupported global" in said or "unsupported class" in said:
                raise PipelineError(
                    f"The weights file {str(path)!r} holds Python objects beside tensors; reading "
                    "them would run code from the file, so it is refused. Save the model's "
                    "state_dict() alone, best as safetensors."
                ) from exc
            raise ValueError(
                "it is neither a safetensors file nor a state dict by torch.save, or it is damaged"
            ) from exc


def _unnested(stored: Any, shown: str) -> tuple[State, str]:
    """The tensors in what a file holds, and the path of entries to them."""
    path: list[str] = []
    while isinstance(stored, Mapping) and len(path) < _DEEPEST:
        below = next((name for name in NESTINGS if _holds_tensors(stored.get(name))), None)
        if below is None:
            break
        path.append(below)
        stored = stored[below]
    state = (
        {name: value for name, value in stored.items() if _is_tensor(name, value)}
        if isinstance(stored, Mapping)
        else {}
    )
    if not state:
        entries = list(stored) if isinstance(stored, Mapping) else [type(stored).__name__]
        raise PipelineError(
            f"The weights file {shown} holds no tensors where they are looked for; it has "
            f"{_some([str(entry) for entry in entries])}. Save the model's state_dict() alone."
        )
    return state, ".".join(path)


def _is_tensor(name: Any, value: Any) -> bool:
    return isinstance(name, str) and isinstance(value, torch.Tensor)


def _holds_tensors(value: Any, depth: int = 0) -> bool:
    if not isinstance(value, Mapping) or depth > _DEEPEST:
        return False
    return any(
        _is_tensor(name, item) or (name in NESTINGS and _holds_tensors(item, depth + 1))
        for name, item in value.items()
    )


def _without_prefix(state: State, wanted: set[str], shown: str) -> tuple[State, str]:
    """The tensors under the prefix below which most of the wanted ones are, and that prefix."""
    counts: Counter[str] = Counter()
    for name in state:
        at = 0
        while True:
            if name[at:] in wanted:
                counts[name[:at]] += 1
            at = name.find(".", at) + 1
            if not at:
                break
    best = max(counts.values(), default=0)
    if 2 * best >= len(wanted) and best > counts[""]:
        found = sorted(prefix for prefix, count in counts.items() if count == best)
        if len(found) > 1:
            raise PipelineError(
                f"The weights file {shown} holds this model more than once, below "
                f"{_some(found)}; keep one of them."
            )
        (prefix,) = found
        return {
            name.removeprefix(prefix): value
            for name, value in state.items()
            if name.startswith(prefix)
        }, prefix
    # The names of another program, which timm may know how to translate.
    prefix = ""
    while not counts[""]:
        more = next(
            (some for some in PREFIXES if all(name.startswith(prefix + some) for name in state)), ""
        )
        if not more:
            break
        prefix += more
    return {name.removeprefix(prefix): value for name, value in state.items()}, prefix


def _fitting(
    network: nn.Module,
    given: Mapping[str, Any],
    model: str,
    path: Path,
    say: Callable[[str], None],
) -> State:
    """Those of the given tensors that the network takes; all of its backbone's are among them."""
    heads = head_prefixes(network)
    own = network.state_dict()
    where = f"The weights in {str(path)!r} are not those of {model!r}"
    advice = "give weights of this model with --weights"
    missing = [
        name
        for name in own
        if name not in given
        and not name.startswith(heads)
        # Absent from files of torch before 0.4.1; nothing is computed with it.
        and not name.endswith("num_batches_tracked")
    ]
    backbone = sum(not name.startswith(heads) for name in own)
    left = [name for name in given if name not in own and not name.startswith(heads)]
    if missing:
        instead = f", while the file has {_some(left)}" if left else ""
        raise PipelineError(
            f"{where}: {len(missing)} of the {backbone} tensors of its backbone are missing, "
            f"{_some(missing)}{instead}; {advice}."
        )
    taken: State = {}
    converted: Counter[str] = Counter()
    for name, value in given.items():
        if name not in own:
            continue
        if value.shape != own[name].shape:
            if name.startswith(heads):
                continue
            raise PipelineError(
                f"{where}: {for_terminal(name)} is of shape {_shape(value)} in the file and of "
                f"shape {_shape(own[name])} in the model; {advice}."
            )
        if own[name].is_floating_point() and value.dtype != own[name].dtype:
            if value.dtype not in _CONVERTED:
                raise PipelineError(
                    f"The weights in {str(path)!r} are quantised: {for_terminal(name)} is stored "
                    f"as {_dtype(value)}, which means nothing without its scale; give weights of "
                    "16 or 32 bits."
                )
            converted[_dtype(value)] += 1
        if value.is_floating_point() and not bool(torch.isfinite(value).all()):
            raise PipelineError(
                f"The weights in {str(path)!r} cannot be used: {for_terminal(name)} holds numbers "
                "that are not finite."
            )
        taken[name] = value
    # A deeper model of the same family: its first layers alone would fit.
    stems = {name.split(".", 1)[0] for name in own if "." in name}
    further = [
        name for name in left if name.split(".", 1)[0] in stems and given[name].is_floating_point()
    ]
    if further:
        raise PipelineError(
            f"{where}, but of a larger one: the file has {len(further)} more tensors, "
            f"{_some(further)}; {advice}."
        )
    zeros = [name for name, value in taken.items() if value.ndim > 1 and not bool(value.any())]
    if zeros:
        part = sum(taken[name].numel() for name in zeros) / sum(map(torch.numel, taken.values()))
        found = (
            f"{len(zeros)} tensors, {100 * part:.0f} % of the numbers, hold nothing but zeros, as "
            f"where a download was never finished: {_some(zeros)}"
        )
        if part >= 0.1:
            raise PipelineError(
                f"The weights in {str(path)!r} cannot be used: {found}; fetch the file again."
            )
        say(f"weights: {found}")
    for name, count in sorted(converted.items()):
        say(f"weights: {count} tensors converted from {name} to float32")
    if left:
        say(f"weights: {len(left)} tensors of the file are not this model's: {_some(left)}")
    return taken


def _shape(value: torch.Tensor) -> str:
    return "x".join(map(str, value.shape)) or "()"


def _dtype(value: torch.Tensor) -> str:
    return str(value.dtype).removeprefix("torch.")


def _some(names: list[str]) -> str:
    shown = ", ".join(for_terminal(name[:80]) for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more:,} more" if more > 0 else shown
