"""The environment that a client is started with: a short list, and what the caller adds by name."""

from __future__ import annotations

import os
from collections.abc import Iterable

PASSED = ("PATH", "LANG", "LC_ALL", "TMPDIR")
"""Variables that every client gets, where the runner has them. HOME is the desk."""

OWN = tuple(name for name in ("PYTHONPATH",) if name in os.environ)
"""What the suite's own clients in Python need besides, to find the package where it was found."""


def environment(home: str, more: Iterable[str] = ()) -> dict[str, str]:
    """Return the variables of a client.

    Args:
        home: the client's home folder, unless `more` names HOME.
        more: names of further variables of this process to pass on.

    Raises:
        ValueError: if this process lacks one of `more`.
    """
    found = {name: os.environ[name] for name in PASSED if name in os.environ}
    found["HOME"] = home
    for name in more:
        if name not in os.environ:
            raise ValueError(
                f"The environment has no variable {name!r} to pass on; set it, or leave out "
                f"--env {name}."
            )
        found[name] = os.environ[name]
    return found
