"""What a payload advises: written by producers, followed by clients, never trusted."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

import plada_ref
from plada_ref.cli import app
from plada_ref.errors import Misuse
from plada_ref.labelling.sight import Sight
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.spec import ModelSpec
from plada_ref.runs.run import Run
from plada_ref.selection import choose, parse
from plada_ref.selection import file as selection_file
from plada_ref.selection.description import PRODUCER, bytes_of, describe
from plada_ref.selection.prune import PayloadOptions
from plada_ref.training.advice import MEMBERS, Advice
from plada_ref.training.advised import MAX_BATCH_PIXELS, MAX_SEEN, MAX_TIMES, Advised, advised
from plada_ref.training.augment import AUGMENTATIONS
from plada_ref.training.read_advice import advice_of
from plada_ref.training.recipe import Tune, recipe
from plada_ref.training.resume import TrainingState
from pladafmt import Payload, PoolRef, dump, load

from ..unchanged.road import write_images
from .conftest import DEVICE, DigitPool
from .test_budget import random_table

SPEC = Path(__file__).parents[2] / "spec" / "plada-1.md"
TRAINED = ModelSpec("plada_convnet_s", Path("weights.safetensors"))
"""A model whose backbone has learned something; the file is not read."""


def _payload(about: dict[str, Any] | None, kept: int = 50) -> Payload:
    labels = np.arange(kept) % 10
    return Payload(PoolRef(bytes(32), 1000), 10, np.arange(kept), labels, metadata=about)


class _Heard:
    """A Progress that remembers."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines.append(text)

    warn = say
    track: Any = None

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def _follow(
    about: dict[str, Any] | None, model: ModelSpec = TRAINED, **given: Any
) -> tuple[Advised, str]:
    heard = _Heard()
    return advised(_payload(about), model, progress=heard, **given), heard.text


# Reading what strangers write.

_NUMBERS = st.sampled_from([-1, 0, 1, 2, 8, 31, 64, 400, 1024, 1025, 4096, 10**6, 2**53 - 1])
_VALUES = st.one_of(
    st.none(), st.booleans(), _NUMBERS, st.floats(allow_nan=False), st.just(0.01), st.text(),
    st.sampled_from([*Tune, *AUGMENTATIONS]), st.lists(st.integers()), st.just({"a": 1}),
)  # fmt: skip


@settings(max_examples=150)
@given(
    st.one_of(
        st.dictionaries(st.sampled_from(MEMBERS), _VALUES),
        st.dictionaries(st.one_of(st.sampled_from(MEMBERS), st.text()), _VALUES),
        _VALUES,
    ),
    st.booleans(),
)
@example({"tune": "slow", "epochs": 3}, True)
def test_any_recipe_is_followed_within_bounds_or_named(found: Any, random: bool) -> None:
    model = replace(TRAINED, weights=None) if random else TRAINED
    how, said = _follow({"recipe": found}, model)
    preparation, trained = how.model.preparation(), how.recipe
    assert max(preparation.img_size, preparation.stored_size) <= 1024
    default = recipe(trained.tune)
    steps = trained.steps or max(trained.epochs * -(-50 // trained.batch_size), trained.min_steps)
    assert steps * trained.batch_size <= max(MAX_SEEN, MAX_TIMES * default.epochs * 50)
    assert trained.batch_size * preparation.img_size**2 <= MAX_BATCH_PIXELS
    assert "\x1b" not in said and len(said) < 4000
    if not isinstance(found, dict):
        assert found is None or "no object, and is ignored" in said
        return
    values = how.to_json()
    for name, value in found.items():
        if name in MEMBERS and values[name]["from"] == "payload":
            assert values[name]["value"] == value
        elif value is not None and (name, value) not in (("grey", False), ("grey", True)):
            # The net sees grey alone. Of settings of another tune, the tune is named.
            named = name in said.replace("-", "_") or name not in MEMBERS
            assert named or "defaults of --tune all" in said, (name, value, said)
    assert ("does not know" in said) == bool(set(found) - set(MEMBERS))


def test_what_is_ignored_is_named() -> None:
    about = {"img_size": 96.5, "lr": 5, "augment": "mix\x1b[2J", "colour": 1, "steps": True}
    how, said = _follow({"recipe": about | {"epochs": 100_000}})
    assert how.recipe == recipe("head")
    assert {each["from"] for each in how.to_json().values()} == {"default"}
    for text in (
        "says img_size 96.5, which is ignored: it is not a whole number from 1 to 1,024.",
        "says lr 5, which is ignored: it is not a number from 1e-06 to 0.1.",
        r'says augment "mix\\u001b[2J", which is ignored: it is not off, flip, light or glyph.',
        "says steps true, ",
        "says epochs 100000, which is ignored: it is not a whole number from 1 to 10,000.",
        'members that this program does not know: "colour". They are ignored.',
    ):
        assert text in said, said
    many = {f"{number}" * 100: 1 for number in range(3000)}
    said = _follow({"recipe": many})[1]
    assert len(said) < 400 and " and 2,995 more" in said


def test_work_is_bounded_and_insisted_on() -> None:
    about = {"recipe": {"tune": "all", "steps": 5000, "batch_size": 256}}
    how, said = _follow(about)
    assert how.recipe == recipe("all", batch_size=256)
    assert "look at 1,280,000 images, more than 1,000,000" in said and "--steps 5000" in said
    assert _follow(about, steps=5000)[0].recipe == recipe("all", batch_size=256, steps=5000)
    # Of a large payload, ten times the default is more.
    large = advised(_payload(about, 1000), TRAINED).recipe.steps, 1000 * 20 * 10
    assert large == (None, 200_000)
    how, said = _follow({"recipe": {"img_size": 1024}})
    assert how.recipe.batch_size == MAX_BATCH_PIXELS // 1024**2 == 18
    assert "Batches of 18 images in place of 64: they are of 1024 px (--batch-size" in said
    assert how.to_json()["batch_size"] == {"value": 18, "from": "fitted"}


# Following it.


def test_what_is_given_wins_and_is_said() -> None:
    about = {
        "teacher": "resnet18",
        "recipe": {
            "img_size": 96, "via_size": 32, "grey": True, "tune": "all", "steps": 400,
            "batch_size": 128, "lr": 0.002, "label_smoothing": 0.1, "augment": "glyph",
        },
    }  # fmt: skip
    net = ModelSpec("resnet18")
    how, said = _follow(about, net)
    assert said == (
        "from the payload: 96 px through 32 px, grey levels alone, --tune all, 400 steps, batches "
        "of 128, a learning rate of 0.002, label smoothing 0.1, augmentation glyph (--img-size, "
        "--via-size, --no-grey, --tune, --steps, --batch-size, --lr, --label-smoothing, --augment "
        "say otherwise)"
    )
    assert how.model == ModelSpec("resnet18", img_size=96, via_size=32, grey=True)
    assert how.recipe == recipe(
        "all", steps=400, batch_size=128, lr=0.002, label_smoothing=0.1, augment="glyph"
    )
    mine = replace(net, img_size=64)
    how, said = _follow(about, mine, grey=False, epochs=5, batch_size=128, seed=3)
    assert how.model == ModelSpec("resnet18", img_size=64, via_size=32)
    assert how.recipe == recipe(
        "all", epochs=5, batch_size=128, lr=0.002, label_smoothing=0.1, augment="glyph", seed=3
    )
    assert said.splitlines()[1:] == [
        "--img-size 64 given; the payload's producer used 96",
        "--no-grey given; the payload's producer used grey levels",
        "--epochs 5 given; the payload's producer used 400 steps",
    ]
    origins = {name: each["from"] for name, each in how.to_json().items()}
    assert origins == dict.fromkeys(MEMBERS, "payload") | {
        "img_size": "given", "grey": "given", "epochs": "given", "batch_size": "given",
        "steps": "default",
    }  # fmt: skip
    # Weights that have learned to see images in one way are shown them so.
    begun = ModelSpec("resnet18", img_size=48, random_backbone=True)
    how, said = _follow(about, begun, settled=True)
    assert how.model == begun and how.recipe.steps == 400 and "px" not in said
    # The settings of one tune are none of another.
    how, said = _follow(about, replace(net, weights=Path("x")), tune="slow")
    assert how.recipe == recipe("slow") and "settings are for --tune all" in said
    assert how.model.img_size == 96
    with pytest.raises(Misuse, match="--steps"):
        _follow(about, net, steps=0)
    assert _follow(None, net, tune="all")[1] == ""


def test_advice_that_does_not_fit_the_model_is_replaced() -> None:
    # Five halvings leave one place of 28 pixels; the teacher's own model is taught as it was.
    small = {"teacher": "plada_convnet_s", "recipe": {"img_size": 28}}
    how, said = _follow(small, ModelSpec("resnet18"), tune="all")
    assert (how.model.img_size, how.model.via_size) == (None, 28)
    assert "28 px, of which 'resnet18' would see a single spot; it gets its own 224 px" in said
    same, said = _follow(small | {"teacher": "resnet18"}, ModelSpec("resnet18"), tune="all")
    assert same.model.img_size == 28 and "single spot" not in said
    given, _ = _follow(small, ModelSpec("resnet18", via_size=20), tune="all")
    assert (given.model.img_size, given.model.via_size) == (None, 20)
    assert how.to_json()["via_size"] == {"value": 28, "from": "fitted"}
    tiny = {"recipe": {"img_size": 2, "via_size": 8}}
    how, said = _follow(tiny)
    assert (how.model.img_size, how.model.via_size) == (None, 8)
    assert "2 px, which 'plada_convnet_s' cannot take; it gets its own 16 px through 8 px" in said
    # Weights that know nothing are not frozen on a stranger's advice; on the client's they may be.
    slow = {"recipe": {"tune": "slow", "epochs": 3}}
    how, said = _follow(slow, replace(TRAINED, weights=None))
    assert how.recipe == recipe("all") and "weights of this one are random" in said
    assert how.to_json()["tune"] == {"value": "all", "from": "fitted"}
    assert "from the payload" not in said
    insisting = replace(TRAINED, weights=None, random_backbone=True)
    assert _follow(slow, insisting)[0].recipe == recipe("slow", epochs=3)
    assert _follow(slow)[0].recipe == recipe("slow", epochs=3)


@given(
    st.sampled_from(Tune),
    st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.integers(1, 40),
            "steps": st.integers(1, 3000),
            "batch_size": st.integers(8, 256),
            "lr": st.floats(1e-5, 0.1),
            "label_smoothing": st.floats(0, 0.9),
            "augment": st.sampled_from(sorted(AUGMENTATIONS)),
        },
    ),
)
def test_a_client_trains_as_the_producer_did(tune: Tune, changes: dict[str, Any]) -> None:
    how = recipe(tune, **changes)
    advice = advice_of(how)
    about = describe(teacher=None, selection="random", advice=advice)
    told = json.loads(json.dumps(about))
    followed = _follow(told)[0].recipe
    if how.steps is not None:  # Passes are not used then.
        how, followed = (replace(each, epochs=1, min_steps=0) for each in (how, followed))
    assert followed == how
    if how == recipe("head"):
        assert advice == Advice()  # What is usual costs no byte.


# Writing it.


def test_the_specification_lists_what_is_written_and_read() -> None:
    text = SPEC.read_text("utf-8").partition("Members of `recipe` that have a meaning")[2]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text.partition("## Appendix F")[0], re.M))
    assert tuple(rows) == MEMBERS
    for name, known in (("tune", set(Tune)), ("augment", set(AUGMENTATIONS))):
        assert set(re.findall(r"`(\w+)`", rows[name])) == known


def test_metadata_are_small_and_of_the_selection_that_was_made() -> None:
    seen = Sight("tf_efficientnet_lite0", 96, 32)
    table = replace(random_table(3), seen=seen)
    for spelling in ("low-energy", "herding", "random", "rule"):
        options = PayloadOptions(described=True)
        chosen = choose(spelling)
        assert chosen is not None
        about = options.metadata_of(table, chosen)
        assert about == {
            "producer": PRODUCER,
            "teacher": "tf_efficientnet_lite0",
            "selection": spelling,
            "recipe": {"img_size": 96, "via_size": 32},
        }
        assert 90 < bytes_of(about) <= 120
    own = {"licence": "CC0-1.0", "producer": "we", "recipe": {"steps": 9, "via_size": 64}}
    more = PayloadOptions(
        described=True, metadata=own, recipe=Advice(img_size=48, tune="all", grey=False)
    )
    made = more.metadata_of(replace(table, seen=replace(seen, grey=True)), parse("random"))
    assert made is not None and made["producer"] == "we" and made["licence"] == "CC0-1.0"
    assert made["recipe"] == {"img_size": 48, "via_size": 64, "tune": "all", "steps": 9}
    # A table of an older version says less, and nothing is invented.
    bare = PayloadOptions(described=True).metadata_of(random_table(3), parse("random"))
    assert bare == {"producer": PRODUCER, "selection": "random"}
    assert PayloadOptions(metadata=own).metadata_of(table, parse("random")) is own
    assert plada_ref.prune(random_table(3), count=1).payload.metadata == {
        "producer": PRODUCER,
        "selection": "low-energy",
    }


def _plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def _json(*arguments: object) -> dict[str, Any]:
    run = _plada(*arguments, "--json")
    assert run.exit_code == 0, run.output
    value: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return value


@pytest.mark.slow
def test_prune_and_encode_write_it_within_the_budget(tmp_path: Path) -> None:
    scores, selection, file = (tmp_path / name for name in ("s.parquet", "p.parquet", "t.plada"))
    own, foreign = tmp_path / "own.json", tmp_path / "foreign.parquet"
    replace(random_table(7), seen=Sight("resnet18", 96, 32)).write(scores)
    own.write_text('{"licence": "CC0-1.0", "recipe": {"epochs": 7}}', "utf-8")
    small = ("--unnamed", "--dense")
    made = _json("prune", scores, "--budget", 700, *small, "-o", selection)
    described = _json("encode", selection, *small, "-o", file)
    assert described["payload_bytes"] == made["payload_bytes"] <= 700 < made["next_payload_bytes"]
    about = dict(load(file).metadata or {})
    assert about["recipe"] == {"img_size": 96, "via_size": 32}
    parts = described["bytes_per_part"]
    assert made["metadata_bytes"] == parts["META"] + parts["META text"]
    shown = _plada("prune", scores, "--budget", 700, *small, "-o", file).output
    assert f"; metadata take {made['metadata_bytes']} (see --no-metadata)" in shown
    assert load(file).metadata == about and file.stat().st_size == made["payload_bytes"]
    assert "metadata    recipe: img_size 96, via_size 32" in _plada("inspect", file).output

    bare = _json("prune", scores, "--budget", 700, *small, "--no-metadata", "-o", file)
    assert load(file).metadata is None and bare["metadata_bytes"] == 0
    assert bare["kept"] > made["kept"]
    _json("encode", selection, "--no-metadata", "-o", file)
    assert load(file).metadata is None
    for more, wanted in (
        ((), about | {"licence": "CC0-1.0", "recipe": {**about["recipe"], "epochs": 7}}),
        (("--no-metadata",), json.loads(own.read_text())),
    ):
        _json("encode", selection, "--metadata", own, *more, "-o", file)
        assert load(file).metadata == wanted
        _json("prune", scores, "--budget", 700, "--unnamed", "--metadata", own, *more, "-o", file)
        assert load(file).metadata == wanted
    # Another tool's selection has none, and none is invented.
    selection_file.write(replace(load(file), metadata=None), foreign)
    _json("encode", foreign, "-o", file)
    assert load(file).metadata is None
    refused = _plada("prune", scores, "--budget", 100, "--unnamed", "-o", file)
    assert refused.exit_code == 2 and "(--no-metadata)" in " ".join(refused.output.split())


@pytest.mark.slow
def test_a_transfer_tells_clients_how_its_students_are_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_images()
    _json("pool", "index", "pool", "-o", "pool.parquet", "--workers", 1)
    machine = ("-m", "pool.parquet", "--workers", 0, "--device", DEVICE)
    asked: tuple[object, ...] = (
        "transfer", "--task", "task", "--model", "plada_convnet_s", "--no-leakage", "--select",
        "random", "--budget", 300, "--img-size", 24, "--via-size", 12, "--tune", "all", "--epochs",
        2, "--student-epochs", 3, "--lr", 0.01, "--batch-size", 16, "-o", "run", *machine,
    )  # fmt: skip
    (made,) = _json(*asked)["selections"]
    payload = load(made["payload"])
    assert made["payload_bytes"] <= 300 and payload.metadata == {
        "producer": PRODUCER,
        "teacher": "plada_convnet_s",
        "selection": "random",
        "recipe": {
            "img_size": 24, "via_size": 12, "grey": True, "tune": "all", "epochs": 3,
            "batch_size": 16, "lr": 0.01,
        },
    }  # fmt: skip
    client = ("train", made["payload"], "--model", "plada_convnet_s", "--val-fraction", 0)
    student = _json(*client, "-o", "student.safetensors", *machine)
    assert student["sha256"] == made["student_sha256"]
    # A folder goes on with the metadata that it began with.
    assert _json(*asked)["selections"] == [made]
    other = " ".join(_plada(*asked, "--no-metadata").output.split())
    assert "a transfer with other settings" in other
    Path("own.json").write_text('{"licence": "CC0-1.0"}', "utf-8")
    elsewhere = ["own" if word == "run" else word for word in asked]
    with_own = (*elsewhere, "--no-metadata", "--metadata", "own.json")
    (made,) = _json(*with_own)["selections"]
    assert load(made["payload"]).metadata == {"licence": "CC0-1.0"}
    assert "described" not in json.loads(Path("own/plan.json").read_text("utf-8"))["plan"]
    run = Run.read(Path("own"))
    assert run.plan is not None
    (again,) = run.plan.commands([student.record for student in run.students])
    assert "--no-metadata" in again and "--metadata METADATA" in again
    Path("own.json").write_text('{"licence": "MIT"}', "utf-8")
    changed = " ".join(_plada(*with_own).output.split())
    assert "what --metadata adds changed since" in changed


TOLD = {
    "img_size": 20, "via_size": 8, "tune": "all", "epochs": 3, "batch_size": 32, "lr": 0.004,
    "label_smoothing": 0.1, "augment": "glyph",
}  # fmt: skip
FLAGS = [
    word for name, value in TOLD.items() for word in (f"--{name.replace('_', '-')}", str(value))
]


@pytest.fixture(scope="module")
def folder(digit_pool: DigitPool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A payload that advises, and the same without metadata."""
    where = tmp_path_factory.mktemp("advised")
    ref, truth = digit_pool.open().ref, digit_pool.truth[:120]
    payload = Payload(ref, 10, np.arange(120), truth, metadata={"recipe": TOLD})
    dump(payload, where / "told.plada")
    dump(replace(payload, metadata=None), where / "bare.plada")
    return where


@pytest.mark.slow
def test_train_with_no_flags_is_train_with_the_producers(
    folder: Path, digit_pool: DigitPool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "student.safetensors"
    state = out.with_name(f"{out.name}.training")

    def command(name: str, *flags: object) -> list[object]:
        local = ("-m", digit_pool.manifest, "--pool", digit_pool.shard, "--model")
        machine = ("--workers", 0, "--device", DEVICE, "--val-fraction", 0, "-o", out)
        return ["train", folder / name, *local, "plada_convnet_s", *machine, *flags]

    producers = _json(*command("bare.plada", *FLAGS))
    followed = _json(*command("told.plada"))
    assert followed["sha256"] == producers["sha256"]
    assert followed["recipe"] == producers["recipe"]
    values = [
        {name: each["value"] for name, each in run["settings"].items()}
        for run in (followed, producers)
    ]
    assert values[0] == values[1]
    assert followed["settings"]["lr"] == {"value": 0.004, "from": "payload"}
    assert producers["settings"]["lr"] == {"value": 0.004, "from": "given"}
    seen = Checkpoint.read(out).preparation
    assert (seen.img_size, seen.via_size) == (20, 8)
    mine = ("--tune", "all", "--steps", 4)
    alone = _json(*command("told.plada", "--no-recipe", *mine))
    assert alone["sha256"] == _json(*command("bare.plada", *mine))["sha256"] != followed["sha256"]

    # An interrupted training goes on with the same settings, wherever they are from.
    save = TrainingState.save

    def once(state: TrainingState, epoch: int) -> None:
        save(state, epoch)
        raise KeyboardInterrupt

    monkeypatch.setattr(TrainingState, "save", once)
    assert _plada(*command("told.plada")).exit_code != 0
    monkeypatch.undo()
    kept = state.read_bytes()
    again = " ".join(_plada(*command("bare.plada", *FLAGS)).output.split())
    assert "goes on after 1 finished epochs" in again, again
    assert Checkpoint.read(out).sha256 == followed["sha256"]
    state.write_bytes(kept)
    other = " ".join(_plada(*command("told.plada", "--lr", 0.003)).output.split())
    assert "Training begins anew" in other
    assert "--lr 0.003 given; the payload's producer used 0.004" in other
