"""Progress on a terminal and in a log, and what an interruption says."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from rich.console import Console
from rich.table import Table

from plada_ref.cli import app
from plada_ref.commands.exit_codes import command, resumes
from plada_ref.labelling.label import parts_folder
from plada_ref.output import Output

from .conftest import DEVICE, DigitPool


def listening(*, terminal: bool) -> tuple[Output, io.StringIO]:
    stream = io.StringIO()
    output = Output(as_json=True)
    output._stderr = Console(file=stream, force_terminal=terminal, width=200, soft_wrap=True)
    return output, stream


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    # Not time.monotonic itself: whoever waits in another thread, or in a finaliser, would wait on.
    clock = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("plada_ref.output.time", clock)
    output, stream = listening(terminal=False)
    with output.track("Labelling", 10_000) as advance:
        for _ in range(5):
            now[0] += 20
            advance(500)
    assert stream.getvalue().splitlines() == [
        "Labelling: 1,000 of 10,000, 25/s, 0:06:00 left",
        "Labelling: 2,000 of 10,000, 25/s, 0:05:20 left",
    ]
    with output.track("Trying sizes", None) as advance:
        now[0] += 60
        advance(3)
    assert stream.getvalue().splitlines()[2:] == ["Trying sizes: 3, 0.05/s"]


def test_a_terminal_gets_a_bar_with_rate_and_remaining_time() -> None:
    output, stream = listening(terminal=True)
    with output.track("Labelling", 100) as advance:
        for _ in range(4):
            time.sleep(0.02)
            advance(20)
    shown = stream.getvalue()
    assert "Labelling" in shown and "80/100" in shown and "/s" in shown and "0:00:0" in shown


def test_interruptions_say_how_to_go_on(capsys: pytest.CaptureFixture[str]) -> None:
    def short(*, as_json: bool) -> None:
        raise KeyboardInterrupt

    def long(*, as_json: bool) -> None:
        raise KeyboardInterrupt

    for function, sentence in (
        (command(short), "the same command starts over"),
        (command(resumes(long)), "the same command goes on where it stopped"),
    ):
        with pytest.raises(typer.Exit) as exit_:
            function(as_json=True)
        assert exit_.value.exit_code == 130
        said = capsys.readouterr()
        assert sentence in said.err
        assert json.loads(said.out)["code"] == "interrupted"


def test_every_long_command_that_says_so_resumes() -> None:
    marked = {
        command.callback.__name__
        for command in app.registered_commands
        if command.callback is not None and command.callback.__dict__.get("resumes")
    }
    assert marked == {"teach", "label", "prune", "train", "transfer", "baselines"}


@pytest.mark.slow
def test_an_interrupted_run_goes_on(
    teacher_file: Path, digit_pool: DigitPool, tmp_path: Path
) -> None:
    out = tmp_path / "scores.parquet"
    line = [sys.executable, "-m", "plada_ref", "label", str(teacher_file)]
    line += ["-m", str(digit_pool.manifest), "--pool", str(digit_pool.shard), "-o", str(out)]
    line += ["--device", DEVICE, "--workers", "0", "--json"]
    # In a group of its own, as a shell starts it. A test run that a script has put into the
    # background ignores interrupts, and so would its children.
    run = subprocess.Popen(
        line,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    parts = parts_folder(out)
    while run.poll() is None and len(list(parts.glob("*/*.npz"))) < 2:
        time.sleep(0.002)
    run.send_signal(signal.SIGINT)
    printed, said = run.communicate(timeout=60)
    assert run.returncode == 130
    assert "interrupted; the same command goes on where it stopped" in said
    assert json.loads(printed.splitlines()[-1])["code"] == "interrupted"
    assert not out.exists()
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.suffix != ".npz"]
    finished = len(list(parts.glob("*/*.npz")))
    again = subprocess.run(line, check=True, capture_output=True, text=True)
    assert f"{finished * 1024:,} of {len(digit_pool.truth):,} images are labelled" in again.stderr
    assert out.exists() and not parts.exists()


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_a_table_is_never_cut(width: int) -> None:
    stream = io.StringIO()
    output = Output()
    output.console = Console(file=stream, width=width, soft_wrap=True, markup=False)
    table = Table(title="Students", title_justify="left")
    table.add_column("selection")
    table.add_column("payload bytes", justify="right")
    table.add_column("vanished classes")
    name, lost = "low-energy+safety-net:alpha=-0.2,share=0.5", "a long name, and a further one"
    table.add_row(name, "1,234,567", lost)
    with pytest.MonkeyPatch.context() as patch:
        wide = partial(Console, file=stream)
        patch.setattr("plada_ref.output.Console", lambda **how: wide(**how | {"stderr": False}))
        output.show(table)
    shown = stream.getvalue()
    assert "…" not in shown and "1,234,567" in shown and "payload" in shown
    cells = [line.split("│")[1:-1] for line in shown.splitlines() if line.startswith("│")]
    columns = ["".join(cell.strip() for cell in column) for column in zip(*cells, strict=True)]
    assert columns[0] == name and columns[2].replace(" ", "") == lost.replace(" ", "")
    assert width < 200 or len(cells) == 1
