"""`--pretrained` without a connection: what is cached is used at once, or an error says why not."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest
from huggingface_hub import constants

from plada_ref.errors import PipelineError
from plada_ref.models.hub import fetched
from plada_ref.models.spec import ModelSpec, build

HERE = "127.0.0.1"


@pytest.fixture
def listening(monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """A server that takes connections; once it is closed, none can be made."""
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    server = socket.create_server((HERE, 0))
    monkeypatch.setattr(constants, "ENDPOINT", f"http://{HERE}:{server.getsockname()[1]}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    return server


def test_offline_is_said_at_once(
    listening: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listening.close()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    started = time.monotonic()
    with pytest.raises(PipelineError, match=r"'test_resnet' are not in the cache.*127\.0\.0\.1.*"):
        build(ModelSpec("test_resnet", pretrained=True), 3, seed=0)
    assert time.monotonic() - started < 5  # It was a minute; importing timm takes some seconds.
    assert not constants.HF_HUB_OFFLINE


def test_what_is_cached_is_used_offline(listening: socket.socket) -> None:
    listening.close()
    with fetched("x"):
        assert constants.HF_HUB_OFFLINE
    assert not constants.HF_HUB_OFFLINE


def test_a_connection_or_a_proxy_changes_nothing(
    listening: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with listening, fetched("x"):
        assert not constants.HF_HUB_OFFLINE
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    with pytest.raises(KeyError, match="as it is"), fetched("x"):
        assert not constants.HF_HUB_OFFLINE
        raise KeyError("as it is")
