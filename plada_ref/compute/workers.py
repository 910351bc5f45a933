"""How many worker processes to start; does not import torch."""

from __future__ import annotations

from pladafmt.threads import cores

_MOST = 8
"""Worker processes beyond which storage, not computing, is the limit."""


def default_workers(*, reserved: int = 0) -> int:
    """Choose a number of worker processes: one for each core that this process may use, up to 8.

    Args:
        reserved: cores to leave free, such as one for the model that images are decoded for.
    """
    return max(1, min(_MOST, cores() - reserved))
