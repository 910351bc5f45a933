"""Teachers and students that learn, and what stops them."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from plada_ref.compute.progress import Advance
from plada_ref.errors import Misuse, PipelineError
from plada_ref.features.cache import FeatureCache
from plada_ref.features.head import HeadSettings, fit_head
from plada_ref.images import ImageArrays
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.preparation import Preparation
from plada_ref.models.spec import ModelSpec, build
from plada_ref.output import Output
from plada_ref.pool import ChangedImage, Manifest, MemoryPool, open_source
from plada_ref.tasks.task import Task
from plada_ref.training import loop
from plada_ref.training.augment import AUGMENTATIONS
from plada_ref.training.dataset import LabelledImages
from plada_ref.training.evaluate import evaluate
from plada_ref.training.learn import teach, train
from plada_ref.training.recipe import recipe
from plada_ref.training.resume import TrainingState
from pladafmt import Payload, PoolRef, loads
from pladafmt.errors import Mismatch

from .conftest import ALONE, COMPUTE, NET, DigitPool, write_tar


def _payload(pool: MemoryPool, truth: np.ndarray, every: int = 5) -> Payload:
    positions = np.arange(0, len(pool), every)
    return Payload(
        pool.ref,
        [str(digit) for digit in range(10)],
        positions.astype(np.uint64),
        truth[positions].astype(np.uint16),
    )


def test_teacher_learns(teacher: Checkpoint, digits_test: Task, output: Output) -> None:
    found = evaluate(teacher, digits_test, compute=COMPUTE)
    assert found.accuracy > 0.9
    assert found.images == len(digits_test)
    assert found.per_class.shape == (10,)
    # A task with its classes in another order is matched by name.
    order = np.arange(10)[::-1]
    turned = Task(
        "turned",
        tuple(digits_test.classes[c] for c in order),
        (9 - digits_test.labels).astype(np.uint16),
        digits_test.keys,
        digits_test.images,
    )
    again = evaluate(teacher, turned, compute=COMPUTE)
    assert (again.confusion == found.confusion).all()
    foreign = Task("f", ("cat",), turned.labels * 0, turned.keys, turned.images)
    with pytest.raises(Misuse, match="cat"):
        evaluate(teacher, foreign, compute=COMPUTE)


@pytest.mark.slow
def test_student_learns_from_a_payload(
    digit_pool: DigitPool, digits_test: Task, output: Output
) -> None:
    pool = digit_pool.open()
    how = recipe("all", epochs=5, lr=4e-3, augment="glyph")
    student = train(_payload(pool, digit_pool.truth), pool, NET, how, compute=COMPUTE)
    assert evaluate(student, digits_test, compute=COMPUTE).accuracy > 0.85


@pytest.mark.slow
def test_few_images_are_learned_long_enough(digit_pool: DigitPool, digits_test: Task) -> None:
    """Twenty passes over sixty images are twenty steps, in which a network learns less."""
    pool = digit_pool.open()
    payload = _payload(pool, digit_pool.truth, every=24)

    def accuracy(**changes: Any) -> float:
        student = train(payload, pool, NET, recipe("all", **changes), compute=COMPUTE)
        return evaluate(student, digits_test, compute=COMPUTE).accuracy

    assert accuracy() > accuracy(epochs=20) + 0.05


def test_head_on_frozen_features(
    teacher_file: Path, digit_pool: DigitPool, digits_test: Task, output: Output, tmp_path: Path
) -> None:
    pool = digit_pool.open()
    payload = _payload(pool, digit_pool.truth, every=40)
    # Our own checkpoint serves as pre-trained weights: its tensors have timm's names.
    spec = replace(NET, weights=teacher_file)
    how = recipe("head", augment="off")

    def student(cache: FeatureCache | None) -> Checkpoint:
        return train(payload, pool, spec, how, compute=COMPUTE, cache=cache)

    plain = student(None)
    assert evaluate(plain, digits_test, compute=COMPUTE).accuracy > 0.8
    before = Checkpoint.read(teacher_file).network.state_dict()
    for name, value in plain.network.state_dict().items():
        assert torch.equal(value, before[name]) != name.startswith("head."), name

    cache = FeatureCache(tmp_path / "features", name=pool.ref.id.hex(), size=len(pool))
    assert student(cache).sha256 == plain.sha256
    # All that the second student needs is in the cache: the pool's images may be gone.
    broken = MemoryPool(pool.manifest, _NoImages())  # type: ignore[arg-type]
    again = train(payload, broken, spec, how, compute=COMPUTE, cache=cache)
    assert again.sha256 == plain.sha256


class _NoImages:
    def prepare(self) -> None:
        pass

    def read(self, key: str) -> bytes:
        raise AssertionError(f"{key} was read")


def test_the_head_solves_its_problem() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(3, 5, (300, 8)).astype(np.float16)
    x[:, 7] = 1  # A dimension that carries nothing.
    labels = (x[:, 0] > 3).astype(np.int64) + (x[:, 1] > 3)
    weights = rng.uniform(0.5, 2, 300)
    head = fit_head([x], labels, weights, 3, HeadSettings(decay=0.01, passes=200))
    # At the minimum of the objective its gradient vanishes.
    scaled = torch.tensor((x - x.mean(0)) / np.where(x.std(0) > 0, x.std(0), 1)).double()
    mean, deviation = x.astype(np.float64).mean(0), x.astype(np.float64).std(0)
    deviation[7] = 1
    scaled = torch.tensor((x - mean) / deviation)
    w = (head.weight.double() * torch.tensor(deviation)).requires_grad_()
    b = (head.bias.double() + head.weight.double() @ torch.tensor(mean)).requires_grad_()
    losses = torch.nn.functional.cross_entropy(
        scaled @ w.T + b, torch.tensor(labels), reduction="none"
    )
    share = torch.tensor(weights / weights.sum())
    ((losses * share).sum() + 0.005 * w.square().sum()).backward()  # type: ignore[no-untyped-call]
    assert w.grad is not None and b.grad is not None
    assert float(w.grad.abs().max()) < 1e-4
    assert float(b.grad.abs().max()) < 1e-4


class _Stop(Exception):
    pass


class _StoppingOutput(Output):
    """Interrupts the training at a step."""

    def __init__(self, step: int) -> None:
        super().__init__(as_json=True)
        self.left = step

    @contextmanager
    def track(self, description: str, total: int | None) -> Iterator[Advance]:
        def advance(steps: int) -> None:
            self.left -= steps if description == "Training" else 0
            if self.left < 0:
                raise _Stop

        yield advance


@pytest.mark.parametrize("tune", ["all", "slow"])
@pytest.mark.slow
def test_interrupted_training_goes_on(
    digits: Task,
    output: Output,
    tmp_path: Path,
    tune: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    few = digits.rows(np.arange(0, len(digits), 6), "few")
    how = recipe(tune, epochs=3, lr=1e-3, batch_size=32, augment="glyph")
    state = tmp_path / "teacher.training"

    def learn(output: Output, resume: Path | None) -> Checkpoint:
        return teach(few, NET, how, compute=replace(COMPUTE, progress=output), resume=resume)

    whole = learn(output, None)
    with pytest.raises(_Stop):
        learn(_StoppingOutput(2 * 8 + 3), state)
    stored = state.read_bytes()
    assert "Training" not in capsys.readouterr().err
    assert learn(output, state).sha256 == whole.sha256
    assert "Training goes on after 2 finished epochs" in capsys.readouterr().err
    assert not state.exists()
    # The state of another run, or a damaged one, is not taken up.
    state.write_bytes(stored)
    other = teach(few, NET, replace(how, seed=1), compute=COMPUTE, resume=state)
    assert other.sha256 != whole.sha256
    state.write_bytes(stored[: len(stored) // 2])
    assert learn(output, state).sha256 == whole.sha256
    assert "Training begins anew: the state in" in capsys.readouterr().err


@pytest.mark.slow
def test_a_state_is_bound_to_the_images_themselves(
    digits: Task, output: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    few = digits.rows(np.arange(0, len(digits), 12), "few")
    how = recipe("all", epochs=3, lr=1e-3, batch_size=32, augment="off")
    epoch = -(-len(few) // 32)
    state = tmp_path / "teacher.training"

    def learn(task: Task, output: Output = output) -> tuple[Checkpoint, int]:
        """The teacher, and the steps that it took now."""
        steps = []

        class Counting(Output):
            @contextmanager
            def track(self, description: str, total: int | None) -> Iterator[Advance]:
                def advance(count: int) -> None:
                    if description == "Training":
                        steps.append(count)
                        output_advance(count)

                with output.track(description, total) as output_advance:
                    yield advance

        compute = replace(ALONE, progress=Counting(as_json=True))
        found = teach(task, NET, how, compute=compute, resume=state)
        return found, sum(steps[1:])  # The first are those of an earlier call.

    arrays = [np.asarray(few.images.open_image(row).convert("L")) for row in range(len(few))]
    other_images = ImageArrays([array[::-1].copy() for array in arrays])
    changed = Task(few.name, few.classes, few.labels, few.keys, other_images)
    for held in (True, False):
        # Images that are too many to hold are told apart by the task's digest.
        monkeypatch.setattr(loop, "HELD_BYTES", 1 << 30 if held else 0)
        with pytest.raises(_Stop):
            learn(few, _StoppingOutput(epoch + 2))
        stored = state.read_bytes()
        same, steps = learn(few)
        assert steps == 2 * epoch  # The first was there.
        state.write_bytes(stored)
        other, steps = learn(changed)
        assert steps == 3 * epoch
        assert learn(changed)[0].sha256 == other.sha256 != same.sha256
    # No bit of the file is believed that was flipped.
    for at in range(0, len(stored), len(stored) // 3):
        flipped = bytearray(stored)
        flipped[at] ^= 1
        state.write_bytes(flipped)
        assert learn(few)[1] == 3 * epoch


def test_a_state_that_finds_no_room(tmp_path: Path) -> None:
    state = tmp_path / "teacher.training"
    network = build(NET, 10, seed=0)
    optimiser = torch.optim.AdamW(network.parameters())
    schedule = torch.optim.lr_scheduler.ConstantLR(optimiser)
    kept = TrainingState(state, network, optimiser, schedule, "b")
    kept.save(1)
    before = state.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(PipelineError, match=r"cannot be written to .*make room") as caught:
            kept.save(2)
        model = Checkpoint(NET.model, 10, NET.preparation(), network, {})
        (tmp_path / "model").write_bytes(b"old")
        with pytest.raises(PipelineError, match=r"model cannot be written to .*as it was"):
            model.write(tmp_path / "model")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(state) in str(caught.value) and "\n" not in str(caught.value)
    assert (tmp_path / "model").read_bytes() == b"old"
    assert state.read_bytes() == before and kept.load(torch.device("cpu")) == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "teacher.training"]
    assert sum(weight.numel() for weight in network.parameters()) * 4 > 100_000


def test_one_image_per_step(digits: Task, digits_test: Task) -> None:
    few = digits.rows(np.arange(0, len(digits), 30), "few")

    def changed(model: ModelSpec, task: Task = few, **changes: Any) -> int:
        """Tensors that the training changed."""
        how = recipe("all", **({"steps": 30, "lr": 1e-3, "augment": "off"} | changes))
        trained = teach(task, model, how, compute=ALONE).network.state_dict()
        start = build(model, 10, seed=0).state_dict()
        return sum(not torch.equal(trained[name], start[name]) for name in start)

    vit = ModelSpec("test_vit", img_size=32)
    assert changed(vit, batch_size=1) == len(build(vit, 10, seed=0).state_dict())
    with pytest.raises(Misuse, match=r"batch norm.*larger --batch-size, or --freeze-bn"):
        changed(NET, batch_size=1)
    assert changed(NET, batch_size=1, freeze_bn=True) > 10
    # The last image of an epoch is learned from too, where the model can.
    odd = digits.rows(np.arange(5), "odd")
    assert changed(vit, odd, batch_size=4, steps=None, epochs=1) > 10
    one = digits.rows(np.arange(1), "one")
    assert changed(vit, one, steps=3) > 10
    with pytest.raises(PipelineError, match="cannot be trained with 1 image of 32 pixels"):
        changed(ModelSpec("resnet10t", img_size=32), one)


def test_another_pool_is_a_mismatch(digit_pool: DigitPool, output: Output) -> None:
    pool = digit_pool.open()
    foreign = Payload(PoolRef(bytes(range(32)), 10), 10, [1, 2], [3, 4])
    with pytest.raises(Mismatch) as caught:
        train(foreign, pool, NET, recipe("all"), compute=COMPUTE)
    assert bytes(range(32)).hex() in str(caught.value)
    assert pool.ref.id.hex() in str(caught.value)
    with pytest.raises(PipelineError, match="keeps no image"):
        LabelledImages.of_payload(Payload(pool.ref, 10, [], []), pool)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_changed_image_is_named(
    digit_pool: DigitPool, output: Output, tmp_path: Path, workers: int
) -> None:
    shard = tmp_path / "pool.tar"
    shutil.copy(digit_pool.shard, shard)
    manifest = Manifest.read(digit_pool.manifest)
    data = bytearray(shard.read_bytes())
    source = open_source([str(shard)])
    where = data.index(source.read(manifest.key(70)))
    data[where + 60] ^= 1
    shard.write_bytes(data)
    pool = MemoryPool(manifest, open_source([str(shard)]))
    payload = Payload(pool.ref, 10, [10, 70, 90], [1, 2, 3])
    with pytest.raises(ChangedImage) as caught:
        train(payload, pool, NET, recipe("all"), compute=replace(COMPUTE, workers=workers))
    assert caught.value.position == 70
    sentence = str(caught.value)
    assert repr(manifest.key(70)) in sentence
    assert "Traceback" not in sentence


@pytest.mark.slow
def test_settings_that_cannot_work(digits: Task, output: Output, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="knows no model 'resnet81'"):
        teach(digits, ModelSpec("resnet81"), recipe("all"), compute=COMPUTE)
    with pytest.raises(Misuse, match="choose one of off"):
        teach(digits, NET, recipe("all", augment="rain"), compute=COMPUTE)
    for changes in ({"lr": -1.0}, {"epochs": 0}, {"label_smoothing": 2.0}, {"seed": -1}):
        with pytest.raises(Misuse, match="--"):
            recipe("all", **changes)
    for tune, name, value in (("all", "lr", 0), ("slow", "lr", 0), ("head", "label_smoothing", 1)):
        with pytest.raises(Misuse, match=rf"With --\S+ {value} nothing is learned"):
            recipe(tune, **{name: value})
    with pytest.raises(Misuse, match="head, slow or all"):
        recipe("tail")
    write_tar(tmp_path / "weights.safetensors", {})
    wrong = replace(NET, weights=tmp_path / "weights.safetensors")
    with pytest.raises(PipelineError, match="cannot be loaded into 'plada_convnet_s'"):
        teach(digits, wrong, recipe("all"), compute=COMPUTE)


def test_preparation_crops_and_matches_resolution(digits: Task) -> None:
    image = digits.images.open_image(0).resize((60, 40))
    direct = Preparation(48, None, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
    assert direct(image).shape == (3, 48, 48)
    via = replace(direct, via_size=8)
    stored = via(image)
    assert stored.shape == (3, 8, 8)
    assert stored.dtype == torch.uint8
    x = via.batch(stored[None])
    assert x.shape == (1, 3, 48, 48)
    assert float(x.min()) >= -2 and float(x.max()) <= 2
    # A flat image stays what it is at any size.
    flat = via.batch(torch.full((1, 3, 8, 8), 51, dtype=torch.uint8))
    assert torch.allclose(flat, torch.full((1, 3, 48, 48), (0.2 - 0.5) / 0.25), atol=1e-5)
    # Grey: three channels of the same levels, whatever the colours.
    colours = Image.effect_noise((60, 40), 90).convert("RGB").rotate(5, fillcolor=(200, 0, 90))
    grey = replace(direct, grey=True)(colours)
    assert grey.shape == (3, 48, 48)
    assert torch.equal(grey[0], grey[1]) and torch.equal(grey[0], grey[2])
    assert torch.equal(grey, direct(colours.convert("L")))
    assert not torch.equal(grey, direct(colours))


def test_augmentations_keep_shape_and_depend_on_the_generator_alone() -> None:
    pixels = torch.randint(0, 256, (8, 3, 12, 12), dtype=torch.uint8)
    for name, change in AUGMENTATIONS.items():
        one, same, other = (
            change(pixels, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
        )
        assert one.shape == pixels.shape
        assert torch.equal(one, same)
        assert torch.equal(one, other) == (name == "off")
    flipped = AUGMENTATIONS["flip"](pixels, torch.Generator().manual_seed(3))
    for before, after in zip(pixels.float(), flipped, strict=True):
        assert torch.allclose(after, before, atol=0.01) or torch.allclose(
            after, before.flip(-1), atol=0.01
        )


def test_a_permutation_is_no_payload_to_learn_from(digit_pool: DigitPool) -> None:
    from plada_ref.order import Permutation

    pool = digit_pool.open()
    bins = (np.arange(len(pool)) % 142).astype(np.uint16)
    made = Permutation.of_bins(pool.manifest, bins, order="semantic", made_by={})
    file = loads(made.encoded())
    with pytest.raises(PipelineError, match=r"is a permutation.*plada pool order --apply.*task's"):
        train(file, pool, NET, compute=COMPUTE)
