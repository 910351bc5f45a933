"""Weights that timm fetches from the Hugging Face hub, and what happens without a connection."""

from __future__ import annotations

import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from ..errors import PipelineError

WAIT = 5.0
"""Seconds to wait for the server's answer to a connection."""


@contextmanager
def fetched(model: str) -> Iterator[None]:
    """Within it, timm gets weights from the hub; without a connection, from the cache at once.

    The hub's own client would ask again and again for a minute.

    Args:
        model: timm's name, for the message.

    Raises:
        PipelineError: if there is no connection, and the model cannot be made of what is cached.
    """
    from huggingface_hub import constants

    reason = _unreachable(constants.ENDPOINT)
    if reason is None:
        yield
        return
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    except Exception as exc:  # Of the hub's client, of many kinds.
        raise PipelineError(
            f"The weights of {model!r} are not in the cache and cannot be fetched: {reason}. Give "
            "a file with --weights, or connect and call again."
        ) from exc
    finally:
        constants.HF_HUB_OFFLINE = before


def _unreachable(url: str) -> str | None:
    """Why no connection to a server can be made; None if one can, or if a proxy makes it."""
    if urllib.request.getproxies():
        return None
    place = urlsplit(url)
    host = place.hostname or ""
    port = place.port or (80 if place.scheme == "http" else 443)
    try:
        socket.create_connection((host, port), timeout=WAIT).close()
    except OSError as exc:
        return f"{host} cannot be reached ({exc.strerror or exc})"
    return None
