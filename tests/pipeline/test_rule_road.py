"""A rule on its way through files: pool codes, prune, encode, decode, train; digits."""

from __future__ import annotations

import json
import pickle
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.codes.projection import Projection
from plada_ref.errors import PipelineError
from plada_ref.images import ImageRows
from plada_ref.labelling.label import label
from plada_ref.labelling.scores import ScoreTable
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.pool import Manifest, open_pool
from plada_ref.pool.codes import PoolCodes, projection_beside
from plada_ref.selection import file as selection_file
from plada_ref.selection.auto import HELD_OUT
from plada_ref.selection.comparison import Comparison
from plada_ref.selection.producer import Producer
from plada_ref.selection.prune import PayloadOptions
from plada_ref.selection.rules.source import Coder, RuleSource
from plada_ref.tasks.task import Task, held_out_rows
from plada_ref.training.pseudo_labels import PseudoLabels
from pladafmt import Codes, Mismatch, Payload, load, read_rule

from .conftest import ALONE, DEVICE, NET, DigitPool

pytestmark = pytest.mark.slow

SMALL = ("--unnamed", "--no-metadata")
"""For budgets that have no room for names and metadata."""


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments), "--json"])


def result(run: Result) -> Any:
    assert run.exit_code == 0, run.output
    return json.loads(run.stdout.splitlines()[-1])


def error(run: Result, status: int) -> str:
    assert run.exit_code == status, run.output
    return str(json.loads(run.stdout.splitlines()[-1])["error"])


@dataclass(frozen=True)
class Server:
    """A folder with a pool, its codes, a score table, and a file with a rule."""

    folder: Path
    shard: Path
    teacher: Path

    @property
    def manifest(self) -> Path:
        return self.folder / "pool.parquet"

    def prune(self, out: Path, *arguments: object) -> Result:
        return call("prune", self.folder / "scores.parquet", "-o", out, "--by", "rule", *arguments)

    def student(self, payload: Path) -> float:
        """The test accuracy of a student from scratch, whole."""
        run = call(
            "train", payload, "-m", self.manifest, "--pool", self.shard, "--model",
            "plada_convnet_s", "--tune", "all", "--epochs", 3, "--lr", 4e-3, "--workers", 0,
            "--augment", "glyph", "-o", payload.with_suffix(".safetensors"),
            "--task", "sklearn:digits", "--device", DEVICE,
        )  # fmt: skip
        return float(result(run)["accuracy"])


@pytest.fixture(scope="module")
def server(
    digit_pool: DigitPool,
    teacher: Checkpoint,
    teacher_file: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Server:
    folder = tmp_path_factory.mktemp("server")
    shutil.copy(digit_pool.manifest, folder / "pool.parquet")
    label(digit_pool.open(), teacher, compute=ALONE).write(folder / "scores.parquet")
    made = Server(folder, digit_pool.shard, teacher_file)
    run = call(
        "pool", "codes", made.manifest, digit_pool.shard, "--model", "plada_convnet_s",
        "--weights", teacher_file, "--columns", 32, "--workers", 0,
    )  # fmt: skip
    result(run)
    task = ("--task", "sklearn:digits", "--weights", teacher_file, "--workers", 0)
    run = made.prune(
        folder / "rule.parquet", "--budget", 250, "--unnamed", "-m", made.manifest, *task
    )
    pruned = result(run)
    assert pruned["rule"]["judged_by"] == "task" and pruned["rule"]["accuracy"] > 0.85
    encoded = result(call("encode", folder / "rule.parquet", "-o", folder / "rule.plada"))
    size = (folder / "rule.plada").stat().st_size
    assert size == encoded["payload_bytes"] == pruned["payload_bytes"] <= 250
    assert encoded["kept"] == pruned["kept"] and encoded["bytes_per_part"]["RULE"] > 50
    told = load(folder / "rule.plada", codes=PoolCodes(folder / "pool.codes.npy")).metadata
    assert told is not None and (told["teacher"], told["selection"]) == ("plada_convnet_s", "rule")
    assert told["recipe"] == {"img_size": 16, "grey": True}
    return made


def test_a_rule_teaches_as_well_as_a_list_of_four_times_its_size(
    server: Server, tmp_path: Path
) -> None:
    listed = tmp_path / "list.parquet"
    scores = server.folder / "scores.parquet"
    result(call("prune", scores, "--budget", 1000, "--unnamed", "--dense", "-o", listed))
    result(call("encode", listed, "--dense", "-o", tmp_path / "list.plada"))
    assert 900 < (tmp_path / "list.plada").stat().st_size <= 1000
    by_rule = server.student(server.folder / "rule.plada")
    by_list = server.student(tmp_path / "list.plada")
    assert by_rule > by_list - 0.03 and by_rule > 0.8, (by_rule, by_list)


def test_codes_are_found_beside_the_manifest(server: Server, tmp_path: Path) -> None:
    payload = server.folder / "rule.plada"
    codes = PoolCodes(server.folder / "pool.codes.npy")
    wanted = load(payload, codes=codes)
    decoded = result(call("decode", payload, "--manifest", server.manifest))
    assert decoded["positions"] == wanted.positions.tolist()
    assert decoded["labels"] == wanted.labels.tolist()
    truth = np.array([int(key[:5]) for key in decoded["keys"]])
    assert len(truth) == wanted.kept
    named = ("--codes", server.folder / "pool.codes.npy")
    assert result(call("decode", payload, *named))["labels"] == decoded["labels"]
    assert result(call("inspect", payload, *named))["kept_per_class"]
    assert result(call("validate", payload, *named))["ok"]
    pool = open_pool(server.manifest, server.shard)
    assert pool.codes is not None and open_pool(server.manifest, server.shard, in_memory=True).codes
    assert len(pickle.dumps(pool)) < 10_000, "codes do not travel to worker processes"
    data = PseudoLabels(payload, pool)
    assert data.targets == decoded["labels"] and data[0][1] == decoded["labels"][0]

    out = tmp_path / "list.plada"
    rewritten = result(call("rewrite", payload, "-o", out, "--drop-rule", *named))
    assert load(out) == wanted and read_rule(out.read_bytes()) is None
    again = result(call("rewrite", payload, "-o", out, *named))
    assert (
        again["content_id"] == rewritten["content_id"] and out.read_bytes() == payload.read_bytes()
    )

    result(call("keygen", tmp_path / "me"))
    result(call("sign", payload, "--key", tmp_path / "me.key", "-o", out, *named))
    trust = (tmp_path / "me.pub",)
    assert result(call("verify", out, "--key", *trust, *named))["ok"]
    signed = ("decode", out, "--require-signed-by", *trust)
    assert result(call(*signed, "--manifest", server.manifest))["labels"] == decoded["labels"]
    assert "signature" in error(call("decode", payload, *signed[2:], *named), 1)


def test_missing_and_other_codes(server: Server, tmp_path: Path) -> None:
    payload = server.folder / "rule.plada"
    manifest = tmp_path / "pool.parquet"
    shutil.copy(server.manifest, manifest)
    beside = tmp_path / "pool.codes.npy"
    train = ("--pool", server.shard, "--model", "plada_convnet_s", "-o", tmp_path / "s")
    for run in (
        call("decode", payload, "--manifest", manifest),
        call("train", payload, "-m", manifest, *train),
    ):
        said = error(run, 1)
        assert "none were given" in said and f"looked for at {beside}; --codes names" in said
        assert json.loads(run.stdout.splitlines()[-1])["code"] == "codes-mismatch"
    assert "Name their file with --codes" in error(call("decode", payload), 1)
    assert "Name their file with --codes" in error(
        call("rewrite", payload, "-o", tmp_path / "r"), 1
    )
    run = call("validate", payload)
    found = json.loads(run.stdout.splitlines()[-1])["files"][0]
    assert run.exit_code == 1 and found["verdict"] == "mismatch"
    assert call("inspect", payload).exit_code == 1
    with pytest.raises(Mismatch, match="none were given"):
        PseudoLabels(payload, open_pool(manifest, server.shard))

    table = np.array(np.load(server.folder / "pool.codes.npy"))
    table[-1, -1] ^= 1
    np.save(beside, table)
    said = error(call("decode", payload, "--manifest", manifest), 1)
    assert "the codes at hand are others" in said and f"were read from {beside}" in said
    beside.write_bytes(b"x")
    assert "is not a code table" in error(call("decode", payload, "--manifest", manifest), 1)
    # A file with a list does not care what lies there.
    listed = tmp_path / "list.plada"
    named = ("--codes", server.folder / "pool.codes.npy")
    result(call("rewrite", payload, "-o", listed, "--drop-rule", *named))
    assert result(call("decode", listed, "--manifest", manifest))["kept"]
    assert PseudoLabels(listed, open_pool(manifest, server.shard)).targets


def test_salvage(server: Server, tmp_path: Path) -> None:
    data = (server.folder / "rule.plada").read_bytes()
    (tmp_path / "cut.plada").write_bytes(data[:-3])
    named = ("--codes", server.folder / "pool.codes.npy")
    out = tmp_path / "whole.plada"
    found = result(call("salvage", tmp_path / "cut.plada", "-o", out, *named))
    assert found["same"] and out.read_bytes() == data
    run = CliRunner().invoke(app, ["salvage", str(tmp_path / "cut.plada"), "-o", str(out)])
    assert "--codes" in run.output


def test_selections_with_a_rule(server: Server, tmp_path: Path) -> None:
    selection = server.folder / "rule.parquet"
    by = selection_file.read_rule(selection)
    assert by is not None and by.codes == server.folder / "pool.codes.npy"
    payload = selection_file.read(selection)
    kept = by.rule.keep(Codes.load(by.codes), payload.pool.size)
    assert np.array_equal(kept.positions, payload.positions)
    moved = tmp_path / "moved.parquet"
    nowhere = replace(by, codes=tmp_path / "gone.npy")
    selection_file.write(payload, moved, nowhere)
    out = ("-o", tmp_path / "m.plada")
    said = error(call("encode", moved, *out), 1)
    assert "gone.npy" in said and "Name their file with --codes" in said
    result(call("encode", moved, *out, "--manifest", server.manifest))
    assert (tmp_path / "m.plada").read_bytes() == (server.folder / "rule.plada").read_bytes()
    result(call("encode", moved, *out, "--codes", by.codes))
    selection_file.write(payload, moved)
    assert selection_file.read_rule(moved) is None
    table = pq.read_table(selection)
    facts = json.loads(table.schema.metadata[b"plada-selection"])
    for changes in (
        {"weights": [[1], [1, 2]]},
        {"weights": 5},
        {"biases": ["x"] * 10},
        {"codes_id": "00"},
        {"shift": 99},
        {"codes": None},
    ):
        stored = json.dumps(facts | {"rule": facts["rule"] | changes}).encode()
        pq.write_table(table.replace_schema_metadata({b"plada-selection": stored}), moved)
        with pytest.raises(PipelineError, match=r"selection .* does not hold|not a selection"):
            selection_file.read_rule(moved)


def test_what_a_rule_is_fitted_to(server: Server, tmp_path: Path) -> None:
    out = tmp_path / "s.parquet"
    found = result(server.prune(out, "--count", 500, "-m", server.manifest))
    assert 450 <= found["kept"] <= 550 and found["rule"]["judged_by"] == "pool"
    assert found["rule"]["accuracy"] > 0.8 and not found["vanished"]
    task = ("--task", "sklearn:digits", "--weights", server.teacher, "--workers", 0)
    here = ("-m", server.manifest)
    found = result(server.prune(out, "--budget", 150, *SMALL, *here, *task, "--fit", "both"))
    assert found["rule"]["judged_by"] == "task" and found["rule"]["accuracy"] > 0.7
    for arguments, message in (
        ((), "give --manifest, beside which they are found, or --codes"),
        ((*here, "--fit", "target"), "give --task"),
        ((*here, "--fit", "all"), "--fit is one of target, pool, both"),
        ((*here, "--safety-net"), "do not go with --by rule"),
        ((*here, "--model", "resnet18"), "takes model and image sizes from the projection"),
        ((*here, *task, "--grey"), "takes model and image sizes from the projection"),
    ):
        said = error(server.prune(out, "--count", 50, *arguments), 2)
        assert message in said
    assert "too small for a rule" in error(server.prune(out, "--budget", 90, *here), 2)
    run = server.prune(out, "--count", 50, *here, *task[:2])
    assert "other weights of plada_convnet_s" in error(run, 1)
    scores = server.folder / "scores.parquet"
    run = call("prune", scores, "-o", out, "--count", 5, "--fit", "pool")
    assert "go with --by rule" in error(run, 2)


@pytest.fixture
def few_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """The automatic selection tries two lists in place of seven, and the rule."""
    few = ("low-energy", "low-entropy")
    monkeypatch.setattr("plada_ref.selection.producer.CANDIDATES", few)


def prune_auto(server: Server, manifest: Path, out: Path, *arguments: object) -> Result:
    return call(
        "prune", server.folder / "scores.parquet", "--by", "auto", "--budget", 250, "--unnamed",
        "--students", "head",
        "-m", manifest, "--pool", server.shard, "--task", "sklearn:digits", "--workers", 0,
        "--features", server.folder / "seen", "--model", "plada_convnet_s", "--random-backbone",
        *arguments, "-o", out,
    )  # fmt: skip


@pytest.mark.usefixtures("few_lists")
def test_the_automatic_selection_tries_a_rule(server: Server, tmp_path: Path) -> None:
    out, file = tmp_path / "s.parquet", tmp_path / "s.plada"
    weights = ("--weights", server.teacher)
    found = result(prune_auto(server, server.manifest, out, *weights))
    tried = found["auto"]["candidates"]
    assert [one["selection"] for one in tried] == ["low-energy", "low-entropy", "rule"]
    lists = [one for one in tried if one["selection"] != "rule"]
    rule = tried[2]
    assert rule["rule"]["columns"] <= 32 and rule["rule"]["levels"] in (3, 7, 15)
    assert all(one["rule"] is None for one in lists)
    assert rule["held_out_accuracy"] > max(one["held_out_accuracy"] for one in lists)
    assert found["selection"] == found["auto"]["chosen"] == "rule"
    assert f"rule ({rule['rule']['columns']} codes" in found["auto"]["verdict"]
    assert found["rule"]["judged_by"] == "task"
    # It was made again, with the images that were held out.
    kept = selection_file.read(out)
    assert found["kept"] == found["auto"]["kept"] == kept.kept
    assert kept.metadata is not None and kept.metadata["selection"] == "rule"
    by = selection_file.read_rule(out)
    assert by is not None and by.rule.columns == found["rule"]["columns"]
    assert by.rule.top == found["rule"]["top"]
    encoded = result(call("encode", out, "-o", file))
    assert encoded["bytes_per_part"]["RULE"] > 50
    assert file.stat().st_size == found["auto"]["payload_bytes"] == found["payload_bytes"] <= 250


@pytest.mark.usefixtures("few_lists")
def test_what_the_automatic_selection_lacks_for_a_rule(server: Server, tmp_path: Path) -> None:
    manifest, out = tmp_path / "pool.parquet", tmp_path / "s.parquet"
    shutil.copy(server.manifest, manifest)
    weights = ("--weights", server.teacher)
    plain = prune_auto(server, manifest, out, *weights)
    assert len(result(plain)["auto"]["candidates"]) == 2 and "No rule" not in plain.stderr
    without = out.read_bytes()

    codes, projection = tmp_path / "pool.codes.npy", tmp_path / "pool.projection.safetensors"

    def no_rule(*arguments: object) -> str:
        run = prune_auto(server, manifest, out, *arguments)
        assert len(result(run)["auto"]["candidates"]) == 2
        assert not arguments or out.read_bytes() == without
        said = " ".join(run.stderr.split())
        assert said.count("No rule over the codes in ") == 1
        return said

    shutil.copy(server.folder / codes.name, codes)
    assert "their projection is not at" in no_rule(*weights)
    named = ("--codes", server.folder / codes.name)
    shutil.copy(server.folder / projection.name, projection)
    assert "other weights of plada_convnet_s" in no_rule()
    # The projection's backbone codes the task where another one compares images.
    run = prune_auto(server, manifest, out, "--codes-weights", server.teacher)
    assert [one["rule"] is None for one in result(run)["auto"]["candidates"]] == [True, True, False]
    np.save(codes, np.load(codes)[:100])
    assert "The codes are of 100 images" in no_rule(*weights)
    codes.write_bytes(b"x")
    assert "is not a code table" in no_rule(*weights)
    # What an option names has to be usable.
    gone = ("--projection", tmp_path / "gone.safetensors")
    for arguments, status, message in (
        ((*named, *gone), 1, "There is no projection at"),
        ((*named, "--codes-weights", server.teacher.with_name("gone")), 1, "gone"),
        (("--codes", codes), 1, "is not a code table"),
        (("--fit", "all"), 2, "--fit is one of target, pool, both"),
    ):
        assert message in error(prune_auto(server, manifest, out, *weights, *arguments), status)
    shutil.copy(server.folder / codes.name, codes)
    by_labels = result(prune_auto(server, manifest, out, *weights, "--fit", "pool"))
    assert by_labels["auto"]["candidates"][-1]["selection"] == "rule"
    assert "go with --by rule or --by auto" in error(
        call("prune", server.folder / "scores.parquet", "-o", out, "--count", 5, "--fit", "pool"), 2
    )


def test_no_rule_sees_what_the_automatic_selection_holds_out(
    server: Server, digits: Task, digit_pool: DigitPool
) -> None:
    table = ScoreTable.read(server.folder / "scores.parquet")
    codes = PoolCodes(server.folder / "pool.codes.npy")
    spec = replace(NET, weights=server.teacher)
    projection = Projection.read(projection_beside(codes.path))
    coder = Coder.of(codes, table.pool, projection, spec, ALONE)
    rules = RuleSource(codes, coder)
    # The same labels, so the same rows are held out, but another image in each.
    rows = np.where(held_out_rows(digits, HELD_OUT), 0, np.arange(len(digits)))
    other = replace(digits, images=ImageRows(digits.images, rows))
    made: list[Payload] = []
    for task in (digits, other):
        seen = server.folder / "seen"
        comparison = Comparison.of(spec, digit_pool.open(), task, seen, compute=ALONE)
        producer = Producer(table, comparison, PayloadOptions(named=False), rules=rules)
        by_rule = producer._selector.by_rule
        assert by_rule is not None
        made.append(by_rule(150).payload)
    assert made[0] == made[1]


def transfer(server: Server, manifest: Path, out: Path, *arguments: object) -> Result:
    return call(
        "transfer", "--task", "sklearn:digits", "-m", manifest, "--pool", server.shard, "--model",
        "plada_convnet_s", "--weights", server.teacher, "--tune", "head", "--no-leakage",
        *SMALL, "--dense", "--workers", 0, "--device", DEVICE, *arguments, "-o", out,
    )  # fmt: skip


@pytest.mark.usefixtures("few_lists")
def test_a_transfer_by_rule(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, codes = tmp_path / "run", server.folder / "pool.codes.npy"
    asked = ("--budget", 200, "--select", "low-energy", "--select", "rule", "--select", "auto")
    first = result(transfer(server, server.manifest, out, *asked))
    energy, rule, auto = first["selections"]
    assert (rule["selection"], auto["selection"]) == ("rule", "auto: rule")
    assert rule["student_accuracy"] > energy["student_accuracy"] + 10
    for row, name in ((rule, "rule-200B"), (auto, "chosen-200B")):
        file = out / f"{name}.plada"
        assert file.stat().st_size == row["payload_bytes"] <= 200
        assert read_rule(file.read_bytes()) is not None
        assert load(file, codes=PoolCodes(codes)).kept == row["kept"]
        assert Checkpoint.read(out / f"{name}.safetensors").facts["soft_labels"]
    chosen = json.loads((out / "auto-200.json").read_text("utf-8"))
    assert chosen["payload_bytes"] == auto["payload_bytes"]
    tried = chosen["candidates"]
    assert [one["rule"] is not None for one in tried] == [False, False, True]

    # Finished students are not made again; a keep rate and other sizes can be added.
    def never(*_: Any, **__: Any) -> None:
        raise AssertionError("what is finished must not be done again")

    with monkeypatch.context() as patch:
        for name in ("teach", "label", "train"):
            patch.setattr(f"plada_ref.runs.transfer.{name}", never)
        again = result(transfer(server, server.manifest, out, *asked))
    assert again["selections"] == first["selections"]
    by_rate = ("--keep-rate", 0.1, "--select", "rule")
    (row,) = result(transfer(server, server.manifest, out, *by_rate))["selections"]
    assert row["kept"] == pytest.approx(0.1 * len(np.load(codes)), rel=0.1)

    # The report knows the rules with the codes; without, it says what it lacks.
    page = result(call("report", out, "--codes", codes, "-o", tmp_path / "r.html"))
    html = (tmp_path / "r.html").read_text("utf-8")
    assert "without_codes" not in page and html.count("the rule: ") == 3
    assert all(f"<span>--select {name}</span>" in html for name in ("rule", "auto"))
    assert f"rule ({tried[2]['rule']['columns']} codes" in html
    beside = ("-m", server.manifest, "--pool", server.shard)
    assert result(call("report", out, *beside, "-o", tmp_path / "b.html"))["images"] > 0
    bare = call("report", out, "-o", tmp_path / "r.html")
    assert result(bare)["without_codes"] == 3 and "give --codes" in " ".join(bare.stderr.split())
    html = (tmp_path / "r.html").read_text("utf-8")
    assert "3 payloads of the table above keep images by a rule" in html
    assert "not in the folder" not in html

    # Other codes since: what was made with the old ones is not taken for theirs.
    other = tmp_path / "other.codes.npy"
    np.save(other, np.load(codes)[:, :31])
    by = Projection.read(projection_beside(codes))
    table = PoolCodes(other)
    replace(by, basis=by.basis[:, :31]).write(
        projection_beside(other), images=len(table), codes_id=table.id_of(len(table))
    )
    run = transfer(server, server.manifest, out, *asked, "--codes", other)
    assert "rule-200B.plada was made with other codes" in error(run, 1)
    wrong = call("report", out, "--codes", other, "-o", tmp_path / "w.html")
    assert "cannot be read with these codes: The rule is for" in error(wrong, 1)


@pytest.mark.usefixtures("few_lists")
def test_a_transfer_says_what_rules_are_fitted_to_and_teach(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    asked = ("--budget", 200, "--select", "rule", "--select", "auto")
    how = ("--fit", "pool", "--hard-labels", "--students", "head,scratch")
    heard: list[object] = []

    def short(students: Any, payload: Payload, soft: Any) -> float:
        heard.append(soft)
        return 0.5

    monkeypatch.setattr("plada_ref.selection.students.WholeStudents.accuracy", short)
    monkeypatch.setattr("plada_ref.selection.producer.WHOLE_CANDIDATES", ("low-energy",))
    soft = ("--budget", 200, "--select", "auto", "--students", "head,scratch")
    result(transfer(server, server.manifest, tmp_path / "soft", *soft))
    assert any(labels is not None for labels in heard)
    heard.clear()
    result(transfer(server, server.manifest, out, *asked, *how))
    assert heard and all(labels is None for labels in heard), "judged as it is learned"
    for name in ("rule-200B", "chosen-200B"):
        assert "soft_labels" not in Checkpoint.read(out / f"{name}.safetensors").facts
    # The rule is that of the single command, which is fitted to the same.
    alone = tmp_path / "alone.plada"
    scores, manifest = out / "scores.parquet", ("-m", server.manifest)
    fitted = ("--by", "rule", "--fit", "pool", "--task", "sklearn:digits")
    weights = ("--weights", server.teacher)
    size = ("--budget", 200, *SMALL, "--dense")
    result(call("prune", scores, "-o", alone, *size, *manifest, *fitted, *weights))
    sent = (out / "rule-200B.plada").read_bytes()
    assert read_rule(sent) is not None and sent == alone.read_bytes()

    page = result(call("report", out, "-o", tmp_path / "r.html"))
    assert page and all(
        f"<span>{option}</span>" in (tmp_path / "r.html").read_text("utf-8")
        for option in ("--fit pool", "--hard-labels")
    )
    for other in (("--hard-labels",), ("--fit", "pool"), ()):
        run = transfer(server, server.manifest, out, *asked, *other)
        assert "with other settings" in error(run, 2)
    energy = ("--budget", 200, "--select", "low-energy")
    for option, message in (
        (("--hard-labels",), "--hard-labels is about students of a rule"),
        (("--fit", "both"), "go with --select rule or --select auto"),
    ):
        assert message in error(transfer(server, server.manifest, out, *energy, *option), 2)


def test_a_transfer_by_rule_lacks_something(server: Server, tmp_path: Path) -> None:
    manifest, out = tmp_path / "pool.parquet", tmp_path / "run"
    shutil.copy(server.manifest, manifest)
    codes, projection = tmp_path / "pool.codes.npy", tmp_path / "pool.projection.safetensors"

    def said(status: int, *arguments: object) -> str:
        message = error(transfer(server, manifest, out, *arguments), status)
        assert not out.exists(), "it is said before anything is taught"
        return message

    rule = ("--budget", 200, "--select", "rule")
    assert "There are no codes at" in said(1, *rule)
    shutil.copy(server.folder / codes.name, codes)
    assert "There is no projection at" in said(1, *rule)
    shutil.copy(server.folder / projection.name, projection)
    energy = ("--budget", 200, "--select", "low-energy")
    assert "go with --select rule" in said(2, *energy, "--codes", codes)
    # Codes of the same images in another order, and of other images.
    table = np.load(codes)
    Manifest.read(manifest).arranged(np.arange(len(table))[::-1], "semantic").write(manifest)
    assert "are of pool" in said(1, *rule)
    np.save(codes, table[::-1])
    assert "other codes than those in" in said(1, *rule)
    np.save(codes, table[:-1])
    assert "The codes are of" in said(2, *rule)
