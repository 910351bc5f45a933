"""Some of the files of `python -m tests.pool.fuzz`, which makes thousands."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest

from tests.fuzzing import judge, mutated
from tests.pool import fuzz

FILES = {"tar": 150, "manifest": 60, "parquet": 60, "index": 100, "part": 100}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_right_result_or_a_sentence(name: str) -> None:
    if name == "tar" and shutil.which("tar") is None:
        pytest.skip("no tar program")
    seeds = [f"quick/{number}" for number in range(FILES[name])]
    verdicts = {seed: judge(fuzz.CASES[name], seed) for seed in seeds}
    assert {seed: said for seed, said in verdicts.items() if said not in ("ok", "refused")} == {}
    assert "ok" in verdicts.values()


@pytest.mark.slow
def test_the_judge_notices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that leave out an image, stop early, or ask for no seal do not pass."""

    def judged(name: str) -> set[str]:
        verdicts = {judge(fuzz.CASES[name], f"quick/{number}") for number in range(60)}
        return {said.partition(":")[0] for said in verdicts}

    def ended(*_: object) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr("plada_ref.pool.tar_headers._check_end", ended)
        assert "wrong" in judged("tar")
    with monkeypatch.context() as patch:
        patch.setattr("plada_ref.pool.tar_headers._check_sum", ended)
        assert "wrong" in judged("tar")
    with monkeypatch.context() as patch:
        patch.setattr("plada_ref.pool.sealed._seal", lambda body, about: bytes(32))
        assert judged("index") - {"ok", "refused"}
    assert mutated(b"abc" * 500, random.Random(3)) != b"abc" * 500
