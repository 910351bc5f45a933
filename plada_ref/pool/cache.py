"""Where results that can be computed again are kept between runs."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(kind: str) -> Path:
    """The folder for one kind of result; it need not exist yet.

    It lies in $PLADA_CACHE, else in $XDG_CACHE_HOME/plada, else in ~/.cache/plada.
    """
    own = os.environ.get("PLADA_CACHE")
    if own:
        return Path(own) / kind
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "plada" / kind
