"""The folder for results that are kept for later commands and can be computed again."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """Return the folder for one kind of result; it need not exist yet.

    It lies in $PLADA_CACHE, else in $XDG_CACHE_HOME/plada, else in ~/.cache/plada. For a user
    without a home folder, as in some containers, it is one that can never exist: nothing is kept.
    """
    chosen = os.environ.get("PLADA_CACHE")
    if chosen:
        return Path(chosen) / kind
    shared = os.environ.get("XDG_CACHE_HOME")
    if shared:
        return Path(shared) / "plada" / kind
    try:
        return Path.home() / ".cache" / "plada" / kind
    except RuntimeError:
        return Path(os.devnull) / "plada" / kind
