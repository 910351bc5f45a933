"""Errors reach another process as they were raised."""

from __future__ import annotations

import copy
import pickle

import pytest

from pladafmt import errors
from pladafmt.errors import PladaError

KINDS = [kind for kind in vars(errors).values() if isinstance(kind, type)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if issubclass(kind, PladaError)])
def test_an_error_that_crosses_to_another_process_is_the_same(kind: type[PladaError]) -> None:
    for error in (kind("a-code", "What was wrong."), kind("b", "Why.", offset=7, field="HEAD.n")):
        error.__notes__ = ["said later"]
        for level in range(pickle.HIGHEST_PROTOCOL + 1):
            found = pickle.loads(pickle.dumps(error, level))
            assert type(found) is kind
            assert vars(found) == vars(error)
            assert (str(found), found.args) == (str(error), error.args)
        assert vars(copy.copy(error)) == vars(error)
