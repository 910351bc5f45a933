"""JPEG files that the device decodes: the same code here with the CPU as the device."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from plada_ref.cli import app
from plada_ref.compute.context import Compute
from plada_ref.errors import Misuse
from plada_ref.features.cache import FeatureCache
from plada_ref.images import ImageArrays, ImageRows, is_plain_jpeg
from plada_ref.labelling.label import label
from plada_ref.labelling.scores import ScoreTable
from plada_ref.models import on_device
from plada_ref.models.checkpoint import Checkpoint
from plada_ref.models.image_batches import image_batches
from plada_ref.models.preparation import Preparation
from plada_ref.pool import Manifest, MemoryPool, UnreadableImage, index_pool, open_source

from .conftest import DEVICE, DigitPool, png, write_tar

ALONE = Compute(torch.device("cpu"), workers=0)
ON_DEVICE = replace(ALONE, decoder="gpu")
SIZE = 40
COLOUR = Preparation(SIZE, None, (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def photograph(width: int, height: int, seed: int) -> Image.Image:
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 256, (6, 6, 3), dtype=np.uint8))
    grain = draw.integers(-16, 17, (height, width, 1))
    smooth = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))


def jpeg(image: Image.Image, **how: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", **({"quality": 90} | how))
    return stream.getvalue()


def _turned() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return jpeg(photograph(60, 48, 5), exif=exif)


WHOLE = jpeg(photograph(90, 70, 3))
PLAIN = {
    "wide.jpg": jpeg(photograph(100, 75, 0)),
    "tall.jpg": jpeg(photograph(75, 100, 1), subsampling="4:4:4"),
    "square.jpg": jpeg(photograph(SIZE, SIZE, 2), subsampling="4:2:2"),
    "same side.jpg": jpeg(photograph(75, 90, 4)),
    "exif.jpg": jpeg(photograph(64, 64, 6), exif=Image.Exif()),
}
FOR_PILLOW = {
    "not jpeg.png": png(photograph(50, 40, 7)),
    "turned.jpg": _turned(),
    "cmyk.jpg": jpeg(photograph(50, 40, 8).convert("CMYK")),
    "grey.jpg": jpeg(photograph(50, 40, 9).convert("L")),
    "rgb.jpg": jpeg(photograph(50, 40, 10), keep_rgb=True),
    "progressive.jpg": jpeg(photograph(50, 40, 11), progressive=True),
    "with more behind.jpg": WHOLE + b"more",
    "long.jpg": jpeg(photograph(5000, 8, 12)),
}
UNREADABLE = {
    "cut.jpg": WHOLE[: len(WHOLE) // 2],
    "head alone.jpg": WHOLE[:200] + b"\xff\xd9",
    "no image.jpg": b"\xff\xd8\xff\xe0 nothing \xff\xd9",
}
# What no head tells: the data ends too early, or the last corner is of one colour.
LOST = {"lost.jpg": WHOLE[: len(WHOLE) // 2] + b"\xff\xd9"}
FLAT = {"flat.jpg": jpeg(Image.new("RGB", (60, 50), (10, 200, 30)))}
EVERY = PLAIN | FOR_PILLOW | UNREADABLE | LOST | FLAT


def pool_of(folder: Path, members: dict[str, bytes]) -> MemoryPool:
    source = open_source([str(write_tar(folder / "pool.tar", members))])
    index_pool(source, folder / "pool.parquet")
    return MemoryPool(Manifest.read(folder / "pool.parquet"), source)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> MemoryPool:
    return pool_of(tmp_path_factory.mktemp("kinds"), EVERY)


def stored(
    pool: MemoryPool, preparation: Preparation, compute: Any, size: int = 5
) -> tuple[dict[str, np.ndarray], dict[str, int]]:
    """Pixels and readability of every image, by key."""
    batches = [range(at, min(at + size, len(pool))) for at in range(0, len(pool), size)]
    found = image_batches(pool, preparation, batches, compute, skipped=UnreadableImage)
    pixels, readable = (
        torch.cat([each.cpu() for each in column]) for column in zip(*found, strict=True)
    )
    keys = [pool.key(row) for row in range(len(pool))]
    return dict(zip(keys, pixels.numpy(), strict=True)), dict(
        zip(keys, readable.tolist(), strict=True)
    )


@pytest.mark.parametrize("name", EVERY)
def test_which_files_the_device_is_given(name: str) -> None:
    assert is_plain_jpeg(EVERY[name]) == (name in PLAIN | LOST | FLAT)


def test_what_is_beyond_our_limits_is_refused_by_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    remark = b"\xff\xda\0\x08\x01 looks like a scan"
    two_scans = WHOLE[:2] + b"\xff\xfe\0" + bytes([len(remark) + 2]) + remark + WHOLE[2:]
    assert is_plain_jpeg(two_scans)
    for limit in ("pixels=1000", "scans=1"):
        monkeypatch.setenv("PLADA_LIMITS", limit)
        assert not is_plain_jpeg(two_scans)
    monkeypatch.setenv("PLADA_LIMITS", "nonsense")
    with pytest.raises(Misuse):
        is_plain_jpeg(WHOLE)


@pytest.mark.parametrize(
    "preparation",
    [
        COLOUR,
        replace(COLOUR, grey=True),
        replace(COLOUR, via_size=16),
        replace(COLOUR, img_size=150),
        Preparation(SIZE, None, (0.5,), (0.25,)),
    ],
    ids=["colour", "grey", "via", "larger", "one channel"],
)
@pytest.mark.parametrize("workers", [0, 2])
def test_pixels_are_those_of_pillow_but_for_rounding(
    pool: MemoryPool, preparation: Preparation, workers: int
) -> None:
    exact, readable = stored(pool, preparation, ALONE)
    found, there = stored(pool, preparation, replace(ON_DEVICE, workers=workers))
    assert there == readable
    assert {name for name, is_there in there.items() if not is_there} == {*UNREADABLE, *LOST}
    for name, pixels in found.items():
        apart = np.abs(pixels.astype(int) - exact[name])
        if name not in PLAIN:
            assert not apart.any(), name
        assert apart.max() <= 1 and apart.mean() < 0.01, name


@pytest.mark.skipif(not DEVICE.startswith("cuda"), reason="needs PLADA_TEST_DEVICE=cuda")
def test_a_gpu_makes_nearly_the_same_pixels(pool: MemoryPool) -> None:
    """It interpolates colours otherwise, which shows at the edges of so coarse images."""
    exact, readable = stored(pool, COLOUR, ALONE)
    found, there = stored(pool, COLOUR, replace(ON_DEVICE, device=torch.device(DEVICE)))
    assert there == readable
    for name, pixels in found.items():
        apart = np.abs(pixels.astype(int) - exact[name])
        assert apart.mean() < (3 if name in PLAIN else 0.01), name


def test_what_the_device_fails_on_goes_through_pillow(
    pool: MemoryPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One file of a batch, which the device then returns nothing of."""
    import torchvision.io

    decode = torchvision.io.decode_jpeg
    asked: list[int] = []

    def failing(files: Sequence[torch.Tensor], *how: Any) -> Any:
        asked.append(len(files))
        if any(len(file) == len(PLAIN["tall.jpg"]) for file in files):
            raise RuntimeError("nvjpegDecodeBatched failed: 5")
        return [255 - image for image in decode(files, *how)]

    exact, _ = stored(pool, COLOUR, ALONE)
    monkeypatch.setattr("torchvision.io.decode_jpeg", failing)
    found, readable = stored(pool, COLOUR, ON_DEVICE, size=len(pool))
    count = len(PLAIN | LOST | FLAT)
    assert asked == [count, *count * [1]]
    assert readable["tall.jpg"] and np.array_equal(found["tall.jpg"], exact["tall.jpg"])
    assert not np.array_equal(found["wide.jpg"], exact["wide.jpg"])

    def without(*_: Any) -> Any:
        raise RuntimeError("decode_jpegs_cuda: torchvision not compiled with nvJPEG support")

    monkeypatch.setattr("torchvision.io.decode_jpeg", without)
    with pytest.raises(Misuse, match=r"--decoder gpu.*nvJPEG"):
        stored(pool, COLOUR, ON_DEVICE)


def test_resampling_takes_pillows_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """On noise, whose sums leave the range of levels and are cut."""
    monkeypatch.setattr(on_device, "_TOGETHER", 3 * 256**2)
    draw = np.random.default_rng(1)
    shapes = [(1, 1), (250, 40), (40, 250), (31, 100), (100, 31), (7, 9), (256, 256), (131, 254)]
    images = [draw.integers(0, 256, (*shape, 3), dtype=np.uint8) for shape in shapes]
    given = {row: torch.from_numpy(image).permute(2, 0, 1) for row, image in enumerate(images)}
    for size in (7, 31, 96, 224):
        how = replace(COLOUR, img_size=size)
        pixels = torch.zeros(len(images), 3, size, size, dtype=torch.uint8)
        on_device._fill(pixels, given, how)
        exact = torch.stack([how(Image.fromarray(image)) for image in images])
        apart = (pixels.int() - exact.int()).abs()
        assert apart.max() <= 1 and (apart > 0).float().mean() < 1e-3


def test_squares_of_many_sizes_are_put_where_they_belong() -> None:
    images: dict[int, torch.Tensor | None] = {
        9 - row: torch.full((3, 8 + row % 3, 12), row, dtype=torch.uint8) for row in range(9)
    }
    pixels = torch.full((10, 3, SIZE, SIZE), 77, dtype=torch.uint8)
    on_device._fill(pixels, images | {5: None}, COLOUR)
    assert pixels[:, 0, 0, 0].tolist() == [77, 8, 7, 6, 5, 77, 3, 2, 1, 0]


@pytest.mark.slow
def test_a_table_says_so_and_is_not_mixed(tmp_path: Path, teacher: Checkpoint) -> None:
    few = pool_of(tmp_path, EVERY)

    def table(compute: Any) -> ScoreTable:
        return label(few, teacher, compute=compute, parts=tmp_path / "parts", max_unreadable=1)

    exact, found = table(ALONE), table(ON_DEVICE)
    assert len(list((tmp_path / "parts").iterdir())) == 2
    assert (exact.decoder, found.decoder) == ("cpu", "gpu")
    assert not np.array_equal(exact.energy, found.energy)
    assert np.array_equal(exact.unreadable, found.unreadable)
    found.write(tmp_path / "scores.parquet")
    assert ScoreTable.read(tmp_path / "scores.parquet").decoder == "gpu"
    cache = FeatureCache.of_pool(tmp_path / "features", few)
    for compute in (ALONE, ON_DEVICE):
        cache.view(teacher.network, teacher.preparation, flip=False, departures=compute.departures)
    assert len(list((tmp_path / "features").glob("*.f16"))) == 2


def test_some_rows_of_a_pool_are_decoded_there_too(
    pool: MemoryPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a cache of features would hold some of either kind."""
    rows = np.array([row for row in range(len(pool)) if pool.key(row) in PLAIN])[::-1]
    whole, _ = stored(pool, COLOUR, ON_DEVICE)
    decode, given = on_device._decode, []

    def counting(files: list[torch.Tensor], device: torch.device) -> Any:
        given.append(len(files))
        return decode(files, device)

    monkeypatch.setattr(on_device, "_decode", counting)
    for images in (ImageRows(pool, rows), ImageArrays([np.zeros((9, 9, 3), np.uint8)])):
        batches = [range(len(images))]
        found = image_batches(images, COLOUR, batches, ON_DEVICE, skipped=UnreadableImage)
        ((pixels, readable),) = found
        assert readable.all()
        if isinstance(images, ImageRows):
            exact = np.stack([whole[pool.key(int(row))] for row in rows])
            assert np.array_equal(pixels.numpy(), exact)
    assert given == [len(PLAIN)]


@pytest.mark.slow
def test_it_goes_with_a_gpu(teacher_file: Path, digit_pool: DigitPool, tmp_path: Path) -> None:
    command = ["label", str(teacher_file), "-m", str(digit_pool.manifest), "--device", "cpu"]
    command += ["--pool", str(digit_pool.shard), "-o", str(tmp_path / "scores.parquet")]
    for decoder, words in (("gpu", "goes with a GPU"), ("nvjpeg", "cpu or gpu, not 'nvjpeg'")):
        result = CliRunner().invoke(app, [*command, "--decoder", decoder])
        assert result.exit_code == 2 and words in " ".join(result.stderr.split())
