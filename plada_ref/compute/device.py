"""Where a model runs."""

from __future__ import annotations

import torch

from ..errors import Misuse


def find_device(name: str = "auto") -> torch.device:
    """The device called `name`; ``auto`` takes a GPU when torch sees one.

    Raises:
        Misuse: if there is no such device here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(name)
        # And back: there are devices, such as "meta", that hold no numbers.
        torch.zeros(1, device=chosen).cpu()
    except (RuntimeError, AssertionError) as exc:
        reason = str(exc).strip().splitlines()[0].split(". ")[0]
        raise Misuse(f"--device {name} cannot be used here ({reason}); try cpu.") from exc
    return chosen
