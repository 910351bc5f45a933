"""Labelling a pool: interrupted or not, the table is the same."""

from __future__ import annotations

import io
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from typer.testing import CliRunner

from plada_ref.cli import app
from plada_ref.compute.batches import PreparedImages
from plada_ref.compute.sealed import LENGTH, seal
from plada_ref.errors import PipelineError
from plada_ref.images import stretches
from plada_ref.labelling.chunks import Chunk, label_chunks
from plada_ref.labelling.label import forget_parts, label, parts_folder
from plada_ref.labelling.scores import Scores, ScoreTable, score
from plada_ref.models import limits
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.output import Output
from plada_ref.pool import DiskPool, ManifestFile, VerifiedImages, open_source
from plada_ref.tasks.task import Task
from plada_ref.training.learn import teach
from plada_ref.training.recipe import recipe

from .conftest import ALONE, COMPUTE, DEVICE, NET, DigitPool

COLUMNS = [column.name for column in fields(Scores)]


def _same(one: ScoreTable, other: ScoreTable) -> bool:
    return (one.pool, one.classes, one.teacher) == (
        other.pool,
        other.classes,
        other.teacher,
    ) and all(getattr(one, name).tobytes() == getattr(other, name).tobytes() for name in COLUMNS)


def _command(teacher: Path, pool: DigitPool, out: Path) -> list[str]:
    command = [sys.executable, "-m", "plada_ref", "label", str(teacher)]
    command += ["-m", str(pool.manifest), "--pool", str(pool.shard), "-o", str(out)]
    return [*command, "--device", DEVICE, "--workers", "0", "--json"]


@pytest.mark.slow
def test_killed_label_resumes_to_the_same_table(
    teacher_file: Path, digit_pool: DigitPool, tmp_path: Path
) -> None:
    whole, out = tmp_path / "whole.parquet", tmp_path / "scores.parquet"
    subprocess.run(_command(teacher_file, digit_pool, whole), check=True, capture_output=True)

    killed = subprocess.Popen(
        _command(teacher_file, digit_pool, out),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    parts = parts_folder(out)
    while killed.poll() is None and len(list(parts.glob("*/*.npz"))) < 2:
        time.sleep(0.002)
    os.kill(killed.pid, signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in parts.glob("*/*.npz")}
    assert 2 <= len(finished) < 6
    assert not out.exists()

    resumed = subprocess.run(
        _command(teacher_file, digit_pool, out), check=True, capture_output=True, text=True
    )
    result = json.loads(resumed.stdout.splitlines()[-1])
    assert sum(result["pseudo_labels_per_class"]) == len(digit_pool.truth)
    assert out.read_bytes() == whole.read_bytes()
    assert not parts.exists()


@pytest.mark.slow
def test_a_pool_known_stretch_by_stretch_gets_the_same_table(
    teacher: Checkpoint,
    digit_pool: DigitPool,
    output: Output,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    whole = label(digit_pool.open(), teacher, compute=ALONE)
    monkeypatch.setattr(stretches, "STRETCH", 2500)
    stored = DiskPool(ManifestFile(digit_pool.manifest), open_source([str(digit_pool.shard)]))
    asked: list[np.ndarray] = []

    class Spy:
        def __getattr__(self, name: str) -> Any:
            return getattr(stored, name)

        def __len__(self) -> int:
            return len(stored)

        def only(self, positions: npt.ArrayLike) -> VerifiedImages:
            asked.append(np.asarray(positions))
            return stored.only(positions)

    table = label(Spy(), teacher, compute=ALONE)
    assert _same(table, whole)
    assert [len(positions) for positions in asked] == [2048, 2048, len(whole) - 4096]
    assert (np.concatenate(asked) == np.arange(len(whole))).all()
    # What is known of one stretch does not serve another.
    with pytest.raises(IndexError):
        stored.only(asked[1]).open_image(0)


@pytest.mark.slow
def test_table_is_the_teachers_word_and_parts_are_bound_to_it(
    teacher: Checkpoint, digits: Task, digit_pool: DigitPool, output: Output, tmp_path: Path
) -> None:
    pool = digit_pool.open()
    parts = tmp_path / "parts"

    def table(model: Checkpoint, parts: Path | None) -> ScoreTable:
        return label(pool, model, compute=ALONE, parts=parts)

    first = table(teacher, parts)
    assert first.teacher == teacher.sha256
    assert first.pool == pool.ref
    assert (first.labels == digit_pool.truth).mean() > 0.9

    # Against one plain pass without chunks.
    rows = np.arange(1000, 1100)
    images = PreparedImages(pool, teacher.preparation)
    pixels = torch.stack([images[int(row)] for row in rows])
    with torch.inference_mode():
        plain = score(teacher.network.eval()(teacher.preparation.batch(pixels)).numpy())
    assert (first.labels[rows] == plain.labels).all()
    np.testing.assert_allclose(first.energy[rows], plain.energy, rtol=1e-4, atol=1e-4)

    # Finished parts are used, damaged ones are not.
    stored = sorted(parts.glob("*/*.npz"))
    assert len(stored) == 6
    stored[1].write_bytes(stored[1].read_bytes()[:100])

    def plant(number: int, change: Callable[[np.ndarray], np.ndarray], name: str = "") -> Any:
        """Change a column, or all, of a part, and seal it again."""
        with np.load(io.BytesIO(stored[number].read_bytes()[:-LENGTH])) as arrays:
            planted = dict(arrays)
        for column in [name] if name else list(planted):
            planted[column] = change(planted[column])
        with open(stored[number], "wb") as file:
            np.savez(file, **planted)
        seal(stored[number], f"{stored[0].parent.name} {number}")
        return planted

    planted = plant(2, lambda column: column + 1, "energy")
    plant(4, lambda column: column[:10])
    again = table(teacher, parts)
    assert again.energy[4096:5120].tobytes() == first.energy[4096:5120].tobytes()
    assert again.energy[2048:3072].tobytes() == planted["energy"].tobytes()
    assert again.energy[1024:2048].tobytes() == first.energy[1024:2048].tobytes()

    # Another temperature does not see them, and changes the energy alone.
    warm = label(pool, teacher, compute=ALONE, parts=parts, temperature=3.0)
    with torch.inference_mode():
        logits = teacher.network(teacher.preparation.batch(pixels)).numpy()
    np.testing.assert_allclose(
        warm.energy[rows], score(logits, temperature=3.0).energy, rtol=1e-4, atol=1e-4
    )
    assert warm.temperature == 3.0 and (warm.entropy == first.entropy).all()
    # Another teacher does not see the first one's parts.
    other = teach(digits, NET, recipe("all", steps=20, seed=1), compute=COMPUTE)
    assert _same(table(other, parts), table(other, None))


@pytest.mark.slow
def test_flipped_bits_in_parts_are_not_used(
    teacher: Checkpoint, digit_pool: DigitPool, tmp_path: Path
) -> None:
    pool, parts = digit_pool.open(), tmp_path / "parts"
    asked: list[int] = []

    def counting(
        pool: Any, teacher: Checkpoint, chunks: Sequence[range], **how: Any
    ) -> Iterator[Chunk]:
        asked.extend(chunk.start // 1024 for chunk in chunks)
        yield from label_chunks(pool, teacher, chunks, **how)

    def again() -> ScoreTable:
        asked.clear()
        return label(pool, teacher, compute=ALONE, parts=parts, engine=counting)

    first = again()
    stored = sorted(parts.glob("*/*.npz"))
    last = stored[-1]  # The shortest.
    whole = last.read_bytes()
    for at in range(0, len(whole), len(whole) // 12):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << at % 8
        last.write_bytes(flipped)
        assert _same(again(), first) and asked == [5]
    # Nor is one chunk taken for another, or a file that would fill the memory.
    stored[1].write_bytes(stored[0].read_bytes())
    os.truncate(stored[2], 1 << 40)
    assert _same(again(), first) and asked == [1, 2]
    assert _same(again(), first) and not asked


@pytest.mark.slow
def test_two_runs_with_the_same_out_come_to_the_same_table(
    teacher: Checkpoint, digit_pool: DigitPool, tmp_path: Path
) -> None:
    pool, parts = digit_pool.open(), tmp_path / "parts"
    whole = label(pool, teacher, compute=ALONE)

    def overtaken(
        pool: Any, teacher: Checkpoint, chunks: Sequence[range], **how: Any
    ) -> Iterator[Chunk]:
        for number, chunk in enumerate(label_chunks(pool, teacher, chunks, **how)):
            if number == 3:
                # Another run is through, and removes what it takes for its own.
                forget_parts(parts)
            yield chunk

    table = label(pool, teacher, compute=ALONE, parts=parts, engine=overtaken)
    assert _same(table, whole)
    assert len(list(parts.glob("*/*.npz"))) == 3


@pytest.mark.slow
def test_parts_that_find_no_room(
    teacher: Checkpoint, digit_pool: DigitPool, tmp_path: Path
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(PipelineError, match=r"cannot be kept in .*00000000\.npz.*make room"):
            label(digit_pool.open(), teacher, compute=ALONE, parts=tmp_path / "parts")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.slow
def test_large_images_go_in_small_batches(
    teacher: Checkpoint, digit_pool: DigitPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []

    class Listening(Output):
        def say(self, text: str) -> None:
            said.append(text)

    assert limits.bounded_batch(1024, 512) == 1024
    assert [limits.bounded_batch(64, size) for size in (1024, 2048, 4096)] == [9, 2, 1]
    monkeypatch.setattr(limits, "LARGE", 15)
    monkeypatch.setattr(limits, "BATCH_PIXELS", 40 * 16**2)
    compute = replace(ALONE, progress=Listening(as_json=True))
    table = label(digit_pool.open(), teacher, compute=compute)
    assert said[0].startswith("batches of 40 images in place of 64")
    assert _same(table, label(digit_pool.open(), teacher, compute=replace(ALONE, batch_size=40)))


@pytest.mark.slow
def test_chunks_of_an_engine_may_come_in_any_order(
    teacher: Checkpoint, digit_pool: DigitPool, output: Output, tmp_path: Path
) -> None:
    asked: list[Sequence[range]] = []

    def backwards(
        pool: Any, model: Checkpoint, chunks: Sequence[range], **how: Any
    ) -> Iterator[Chunk]:
        asked.append(chunks)
        # Not through to the end: the run breaks off after four chunks.
        yield from label_chunks(pool, model, chunks[::-1][:4], **how)
        if len(chunks) > 4:
            raise KeyboardInterrupt

    def table(**how: Any) -> ScoreTable:
        return label(digit_pool.open(), teacher, compute=ALONE, **how)

    parts = tmp_path / "parts"
    with pytest.raises(KeyboardInterrupt):
        table(engine=backwards, parts=parts)
    resumed = table(engine=backwards, parts=parts)
    assert [[chunk.start // 1024 for chunk in chunks] for chunks in asked] == [
        [0, 1, 2, 3, 4, 5],
        [0, 1],
    ]
    assert _same(resumed, table())


@pytest.mark.slow
def test_a_teacher_that_sees_one_class_everywhere_is_warned_of(
    teacher: Checkpoint, digit_pool: DigitPool, output: Output
) -> None:
    said: list[str] = []

    class Listening(Output):
        def warn(self, text: str) -> None:
            said.append(text)

    collapsed = Checkpoint.from_bytes(teacher.data, name="teacher")
    with torch.no_grad():
        collapsed.network.get_parameter("head.bias")[7] += 1000
    compute = replace(ALONE, progress=Listening(as_json=True))
    label(digit_pool.open(), collapsed, compute=compute)
    assert any("7 has 100 %" in text for text in said)
    assert any("9 of 10 classes" in text for text in said)


def test_an_engine_that_is_not_there(
    teacher_file: Path, digit_pool: DigitPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)  # As if it were not installed.
    command = _command(teacher_file, digit_pool, tmp_path / "scores.parquet")[3:]

    def sentence(*options: str) -> str:
        result = CliRunner().invoke(app, [*command, *options])
        assert result.exit_code == 2
        return result.stderr

    assert 'pip install "pladafmt[ray]"' in sentence("--engine", "ray")
    assert "--engine is local or ray, not 'spark'" in sentence("--engine", "spark")
    assert "go with --engine ray" in sentence("--actors", "2")
