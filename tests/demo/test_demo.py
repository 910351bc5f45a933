from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer import Typer
from typer.testing import CliRunner

pytest.importorskip("timm", reason="the demo needs the extra `ref`")
pytest.importorskip("matplotlib", reason="the demo needs the extra `ref`")

import torch

from plada_ref.commands import demo as command
from plada_ref.demo import demo as stages
from plada_ref.pool import Manifest
from plada_ref.runs.run import Run
from pladafmt import load


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """A run of the command with a small pool and little training: (its result, its folder)."""
    out = tmp_path_factory.mktemp("demo") / "out"
    few = {"teacher_steps": 80, "student_steps": 80}
    app = Typer()
    app.command()(command.demo)
    settings = stages.Settings
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "Settings", lambda **asked: settings(**asked, **few))
        result = CliRunner().invoke(
            app, ["--pool-size", "2000", "--seed", "1", "--out", str(out), "--json"]
        )
    torch.set_num_threads(threads)
    assert result.exit_code == 0, result.output
    figures: dict[str, Any] = json.loads(result.stdout.strip().splitlines()[-1])
    return figures, out


@pytest.mark.slow
def test_figures_describe_the_recommended_selection(
    small: tuple[dict[str, Any], Path],
) -> None:
    figures, _ = small
    rows = figures["selections"]
    assert len(rows) == 7
    (chosen,) = [row for row in rows if row["recommended"]]
    assert figures["recommended"] == {"name": chosen["name"], "keep_rate": chosen["keep_rate"]}
    assert figures["student_accuracy"] == chosen["student_accuracy"]
    assert figures["payload_bytes"] == chosen["payload_bytes"]
    assert figures["teacher_accuracy"] > 60
    assert figures["student_accuracy"] > 20  # Chance is 10 %.
    assert figures["seconds"] > 0


@pytest.mark.slow
def test_the_recommendation_follows_from_validation_alone(
    small: tuple[dict[str, Any], Path],
) -> None:
    figures, _ = small
    best = max(row["validation_accuracy"] for row in figures["selections"])
    (chosen,) = [row for row in figures["selections"] if row["recommended"]]
    assert chosen["validation_accuracy"] == best


@pytest.mark.slow
def test_payloads_are_for_the_pool_that_was_written(
    small: tuple[dict[str, Any], Path],
) -> None:
    figures, out = small
    manifest = Manifest.read(out / "pool.parquet")
    for row in figures["selections"]:
        path = Path(row["payload"])
        payload = load(path)
        assert payload.pool == manifest.pool
        assert payload.kept == row["kept"] == round(2000 * row["keep_rate"])
        assert path.stat().st_size == row["payload_bytes"]
    chosen = Path(figures["payload"])
    assert chosen == out / "digits.plada"
    assert chosen.stat().st_size == figures["payload_bytes"]
    assert manifest.pool.id.hex() == figures["pool_id"]
    assert Path(figures["picture"]).read_bytes().startswith(b"\x89PNG")


@pytest.mark.slow
def test_its_folder_is_reported_on(small: tuple[dict[str, Any], Path]) -> None:
    figures, out = small
    run = Run.read(out)
    assert sorted(one.record.selection for one in run.students) == sorted(
        row["name"] for row in figures["selections"]
    )
    assert all(one.file is not None for one in run.students)


def test_payloads_of_another_version_are_not_mixed_in(tmp_path: Path) -> None:
    (tmp_path / "payloads").mkdir()
    old = tmp_path / "payloads" / "low-energy-safety-net-0-10-percent.plada"
    old.touch()
    app = Typer()
    app.command()(command.demo)
    result = CliRunner().invoke(app, ["--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "use another --out" in " ".join(result.output.split())
    assert [path.name for path in tmp_path.iterdir()] == ["payloads"]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [(["--pool-size", "10"], "at least 500"), (["--seed", "-1"], "--seed")],
)
def test_arguments_that_cannot_work_are_misuse(
    arguments: list[str], problem: str, tmp_path: Path
) -> None:
    app = Typer()
    app.command()(command.demo)
    result = CliRunner().invoke(app, [*arguments, "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert problem in result.output
    assert not (tmp_path / "out").exists()
