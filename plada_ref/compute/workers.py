"""How many worker processes to start; does not import torch."""

from __future__ import annotations

from pladafmt.threads import cores

_MOST_READERS = 8
"""Processes that hash as fast as storage reads."""

_MOST_DECODERS = 64
"""Processes that decode photographs as fast as a GPU takes them: 16,000 a second with Lite0 at
224 px, of which a core decodes 200 to 290."""

_CORES_FOR_A_DECODER = 4
"""Where the model runs on the same cores: a photograph keeps it busy for five times as long as a
decoder, or longer. Of few cores all decode, since a process that is ahead takes no time."""


def default_workers() -> int:
    """Choose a number of processes that read and hash: one for each core, up to 8."""
    return min(_MOST_READERS, cores())


def default_decoders(*, reserved: int = 0, beside_model: bool = False, share: int = 1) -> int:
    """Choose a number of processes that decode images.

    Args:
        reserved: cores to leave free, such as one for the process that runs the model.
        beside_model: whether that runs on the same cores: then at most 8 processes decode, or a
            quarter of the cores.
        share: how many processes of this computer choose at the same time. Where several leave no
            core, each decodes by itself: 0.
    """
    free = cores() // share - reserved
    most = _MOST_DECODERS
    if beside_model:
        most = min(most, max(_MOST_READERS, free // _CORES_FOR_A_DECODER))
    return max(1 if share == 1 else 0, min(most, free))
