"""Some of the files of `python -m tests.pipeline.results_fuzz`, which makes thousands."""

from __future__ import annotations

import pytest

from tests.fuzzing import judge
from tests.pipeline import results_fuzz

FILES = {"scores": 40, "selection": 40, "part": 60, "records": 120}


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_right_result_or_a_sentence(name: str) -> None:
    case = results_fuzz.CASES[name]
    verdicts = {seed: judge(case, seed) for seed in (f"quick/{n}" for n in range(FILES[name]))}
    assert {seed: said for seed, said in verdicts.items() if said not in ("ok", "refused")} == {}
    assert "ok" in verdicts.values()


@pytest.mark.slow
def test_the_judge_notices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers that ask for no checksum, no seal, or take any JSON do not pass."""

    def judged(name: str) -> set[str]:
        found = {judge(results_fuzz.CASES[name], f"quick/{number}") for number in range(60)}
        return found - {"ok", "refused"}

    with monkeypatch.context() as patch:
        patch.setattr("plada_ref.labelling.facts.Facts.check", lambda self, columns: None)
        assert judged("scores")
    with monkeypatch.context() as patch:
        patch.setattr("plada_ref.labelling.label.is_sealed", lambda path, what: True)
        assert judged("part")
    with monkeypatch.context() as patch:
        patch.setattr("plada_ref.runs.fields.Fields.number", lambda self, key, most=0: 0.5)
        assert judged("records")
