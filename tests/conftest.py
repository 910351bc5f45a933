"""Settings for every test."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from plada_ref.compute.process import suit_torch

suit_torch()  # Before any test imports torch: it has no effect afterwards.

settings.register_profile(
    "plada",
    deadline=None,  # shared machines are too noisy for a deadline per example
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
# What `make quick` chooses.
settings.register_profile("quick", settings.get_profile("plada"), max_examples=10)
settings.load_profile("plada")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute tests as `scheduling` says where files are to stay whole."""
    if config.getvalue("dist") != "loadfile":
        return None
    from .scheduling import ByFile

    return ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, on a worker of pytest-xdist."""
    if hasattr(config, "workerinput"):
        from .scheduling import longest_first

        items[:] = longest_first(items)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what imports have left: it would look at it again and again.

    Torch, timm and the tests themselves are more than half a million objects.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the offset indexes of test shards out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLADA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
