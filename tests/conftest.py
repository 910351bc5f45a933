"""Settings for every test."""

from __future__ import annotations

from collections.abc import Iterator

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
settings.load_profile("plada")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the offset indexes of test shards out of the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PLADA_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
