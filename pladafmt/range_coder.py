"""Begin and end streams of the range coder: what dense streams and rules share (section 9)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .errors import Malformed, Noncanonical
from .loops import kernels

EMPTY = (0, kernels.FULL, 0)
"""State of an encoder that has written nothing."""

_PROBLEMS = {
    kernels.BAD_START: "A dense stream starts with FF FF FF FF.",
    kernels.BAD_DIRECT: "The range coder meets a value that no encoder writes.",
    kernels.BAD_WIDTH: "A distance exceeds 2^53-1.",
    kernels.BAD_LABEL: "A literal label does not exist, or is in the queue.",
}


def finish(
    state: npt.NDArray[np.int64] | list[int], out: npt.NDArray[np.uint8] | bytearray
) -> bytes:
    """Return the stream that an encoder in this state has written."""
    low, span, size = (int(value) for value in state)
    tail = kernels.tail(low, span)
    written = bytearray(bytes(out[:size]))
    if tail >> 32:
        at = size - 1
        while written[at] == 255:
            written[at] = 0
            at -= 1
        written[at] += 1
    written += (tail & 0xFFFFFFFF).to_bytes(4, "big")
    return bytes(written).rstrip(b"\0")


def check(
    verdict: int, state: npt.NDArray[np.int64] | list[int], stream: bytes, offset: int, field: str
) -> None:
    """Refuse a stream that did not decode, or that has another spelling than an encoder's.

    Args:
        verdict: what the last function of `kernels` returned.
        state: the decoder's state after it.

    Raises:
        PladaError: ``dense-corrupt``, ``dense-tail``.
    """
    if verdict != kernels.GOOD:
        raise Malformed("dense-corrupt", _PROBLEMS[verdict], offset=offset, field=field)
    if not kernels.is_whole(stream, state):
        raise Noncanonical(
            "dense-tail",
            "A dense stream ends in other bytes than its contents call for.",
            offset=offset,
            field=field,
        )
