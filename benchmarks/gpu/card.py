"""What the figures of a GPU were taken on."""

from __future__ import annotations


def name_of(device: str) -> str:
    """What torch calls a device, its memory and its own version."""
    import torch

    where = torch.device(device)
    if where.type != "cuda":
        return f"{where} (torch {torch.__version__})"
    memory = torch.cuda.get_device_properties(where).total_memory >> 30
    return f"{torch.cuda.get_device_name(where)}, {memory} GiB (torch {torch.__version__})"
