"""A frozen backbone of random weights is refused, wherever one could be used without saying so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

import plada_ref
from plada_ref.cli import app
from plada_ref.labelling.label import label
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.tasks.task import Task
from pladafmt import Payload, dump

from .conftest import ALONE, NET, DigitPool


def _plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def scores(
    digit_pool: DigitPool, teacher: Checkpoint, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    path = tmp_path_factory.mktemp("scores") / "scores.parquet"
    label(digit_pool.open(), teacher, compute=ALONE).write(path)
    return path


@pytest.mark.parametrize(
    "line",
    [
        "teach TASK NET -o OUT",
        "teach TASK NET --tune slow -o OUT",
        "train PAYLOAD POOL NET -o OUT",
        "train PAYLOAD POOL NET --tune slow -o OUT",
        "transfer TASK POOL NET -o OUT",
        "transfer TASK POOL NET --tune all --student-tune head -o OUT",
        "transfer TASK POOL NET --weights TEACHER --student-model plada_convnet_m -o OUT",
        "transfer TASK POOL NET --tune all --select herding -o OUT",
        "transfer TASK POOL NET --tune all --select auto --budget 400 -o OUT",
        "prune SCORES --by herding --count 9 TASK POOL NET -o OUT",
        "prune SCORES --by auto --budget 400 TASK POOL NET -o OUT",
        "baselines TASK NET -o OUT",
        "baselines TASK NET --tune all --baseline int8-head -o OUT",
        "baselines TASK NET --tune all --baseline images-k-center -o OUT",
        "pool index SHARD --order semantic NET -o OUT",
        "pool order MANIFEST SHARD NET -o OUT",
        "pool codes MANIFEST SHARD NET -o OUT",
    ],
)
def test_commands_refuse(
    line: str,
    digit_pool: DigitPool,
    scores: Path,
    teacher_file: Path,
    tmp_path: Path,
) -> None:
    payload, out = tmp_path / "p.plada", tmp_path / "out"
    if "PAYLOAD" in line:
        dump(Payload(digit_pool.open().ref, 10, [1, 2], [3, 4]), payload)
    values: dict[str, tuple[object, ...]] = {
        "TASK": ("--task", "sklearn:digits"),
        "NET": ("--model", "plada_convnet_s", "--workers", 0),
        "POOL": ("-m", digit_pool.manifest, "--pool", digit_pool.shard),
        "MANIFEST": (digit_pool.manifest,),
        "SHARD": (digit_pool.shard,),
        "PAYLOAD": (payload,),
        "SCORES": (scores,),
        "TEACHER": (teacher_file,),
        "OUT": (out,),
    }
    refused = _plada(*(value for word in line.split() for value in values.get(word, (word,))))
    assert refused.exit_code == 2, refused.output
    said = " ".join(refused.stderr.split())
    assert "weights are random" in said and "--weights or --pretrained" in said
    assert "--random-backbone" in said
    assert not out.exists() or not list(out.iterdir())


def test_the_library_refuses_too(
    digits: Task, digit_pool: DigitPool, teacher_file: Path, tmp_path: Path
) -> None:
    plain = plada_ref.ModelSpec("plada_convnet_s")
    pool = digit_pool.open()
    for freeze in (
        lambda: plada_ref.teach(digits, plain),
        lambda: plada_ref.train(Payload(pool.ref, 10, [1, 2], [3, 4]), pool, plain),
        lambda: plada_ref.Comparison.of(plain, pool, digits, tmp_path),
    ):
        with pytest.raises(plada_ref.Misuse, match=r"weights are random.*insist with --random"):
            freeze()
    replace(plain, weights=teacher_file).check_frozen("--tune head")
    replace(plain, pretrained=True).check_frozen("--tune head")
    NET.check_frozen("--tune head")
