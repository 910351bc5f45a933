"""Which numbers a forward pass computes with: float32, or bfloat16 where that is faster."""

from __future__ import annotations

from typing import Any

import torch


def autocast(device: torch.device, bfloat16: bool) -> torch.autocast:
    """A context in which forward passes compute with bfloat16; with float32 if not `bfloat16`.

    Weights stay float32. The range of bfloat16 is that of float32, so a loss needs no scaling, as
    it would with float16.
    """
    return torch.autocast(device.type, torch.bfloat16, enabled=bfloat16)


def trains_in_bfloat16(device: torch.device) -> bool:
    """Whether trainings compute with bfloat16 on a device where nobody says: on GPUs that can."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether a processor has instructions that multiply bfloat16 (AMX, AVX512-BF16).

    Convolutions over all channels take half the time then; those over single channels (depthwise)
    take longer, up to twice as long, so this is for networks without them.
    """
    if device.type != "cpu" or not torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return False  # Not there, or not to be used: ATEN_CPU_CAPABILITY says which.
    # Newer than the oldest torch that will do.
    capabilities: dict[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return any(capabilities.get(name, False) for name in ("amx_bf16", "avx512_bf16"))
