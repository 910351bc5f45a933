"""The compiled loops give Pillow's bytes, or are not used."""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import PIL
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from plada_ref.images import Undecodable, decode, resampling
from plada_ref.models.preparation import Preparation
from tests.fuzzing import mutated


@pytest.fixture(scope="module")
def loops() -> resampling.Loops:
    pytest.importorskip("numba")
    found = resampling.compiled()
    assert found is not None, "they fail, or do not give the bytes of this Pillow"
    return found


@pytest.fixture(autouse=True)
def _a_process_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resampling, "_by_pillow_so_far", 0)


def noise(width: int, height: int, mode: str, seed: int = 0, *, levels: int = 256) -> Image.Image:
    shape = (height, width, 3) if mode == "RGB" else (height, width)
    step = 255 // (levels - 1)
    drawn = np.random.default_rng(seed).integers(0, levels, shape) * step
    return Image.fromarray(drawn.astype(np.uint8))


@given(
    width=st.integers(1, 300),
    height=st.integers(1, 300),
    size=st.integers(1, 130),
    mode=st.sampled_from(["L", "RGB"]),
    levels=st.sampled_from([2, 4, 256]),
    seed=st.integers(0, 9),
)
@example(width=500, height=375, size=224, mode="RGB", levels=256, seed=0)
@example(width=333, height=500, size=224, mode="RGB", levels=2, seed=0)  # Lower first.
@example(width=333, height=500, size=224, mode="L", levels=2, seed=0)
@example(width=32, height=32, size=224, mode="RGB", levels=2, seed=0)
@example(width=1, height=4000, size=3, mode="RGB", levels=2, seed=0)
@example(width=224, height=500, size=224, mode="RGB", levels=256, seed=0)  # A crop, no more.
def test_the_bytes_are_pillows(
    loops: resampling.Loops,
    width: int,
    height: int,
    size: int,
    mode: str,
    levels: int,
    seed: int,
) -> None:
    """Two levels make weights overshoot as far as they can."""
    image = noise(width, height, mode, seed, levels=levels)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    box = (left, top, left + side, top + side)
    theirs = np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box=box))
    for ours in (
        resampling._by_loops(loops, image, size),
        resampling._by_pillow(image, size),
        resampling.central_square(image, size),
    ):
        assert np.array_equal(ours, theirs.reshape(size, size, -1).transpose(2, 0, 1))
        assert (ours.flags.c_contiguous, ours.flags.writeable) == (True, True)


def test_an_image_in_several_pieces_is_copied(loops: resampling.Loops) -> None:
    """Pillow lends the memory of an image that lies in one piece."""
    small, large = noise(30, 20, "RGB"), noise(2200, 2100, "RGB")
    if hasattr(small, "__arrow_c_array__"):
        lent, pixels = resampling._lent(small), small.tobytes("raw", "RGBX")
        del small  # What is lent lives on.
        others = [Image.new("RGB", (30, 20), "white") for _ in range(9)]
        assert lent is not None
        assert (lent.tobytes(), len(others)) == (pixels, 9)
    assert resampling._lent(large) is None
    ours, theirs = resampling._by_loops(loops, large, 9), resampling._by_pillow(large, 9)
    assert np.array_equal(ours, theirs)


def jpeg(image: Image.Image, **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80, **options)
    return stream.getvalue()


PREPARATIONS = [
    Preparation(24, None, (0.5,) * 3, (0.5,) * 3),
    Preparation(24, 9, (0.5,) * 3, (0.5,) * 3),
    Preparation(24, None, (0.5,) * 3, (0.5,) * 3, grey=True),
    Preparation(24, None, (0.5,), (0.5,)),
]


def as_before(preparation: Preparation, image: Image.Image) -> torch.Tensor:
    """How `Preparation` said it while Pillow alone did it."""
    if preparation.grey or preparation.channels == 1:
        image = image.convert("L")
    image = image.convert("L" if preparation.channels == 1 else "RGB")
    size, side = preparation.stored_size, min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    if image.size != (size, size):
        box = (left, top, left + side, top + side)
        image = image.resize((size, size), Image.Resampling.BICUBIC, box=box)
    pixels = np.array(image, dtype=np.uint8).reshape(size, size, preparation.channels)
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


@pytest.mark.parametrize("preparation", PREPARATIONS)
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_preparation_is_what_it_was(
    loops: resampling.Loops,
    preparation: Preparation,
    mode: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Pillow's images and those of the loops, in a process that changes over between them."""
    images = [noise(40, 33, mode, seed) for seed in range(6)] + [noise(24, 24, mode)]
    used: list[int] = []

    def counted(*args: Any) -> Any:
        used.append(1)
        return loops(*args)

    monkeypatch.setattr(resampling, "compiled", lambda: counted)
    monkeypatch.setattr(resampling, "WORTH", 3 * 40 * 33)
    for image in images:
        prepared = preparation(image)
        assert torch.equal(prepared, as_before(preparation, image))
        assert (prepared.dtype, prepared.is_contiguous()) == (torch.uint8, True)
    assert len(used) == 3 + (preparation.stored_size == 9)


def test_small_work_is_left_to_pillow(monkeypatch: pytest.MonkeyPatch) -> None:
    """To load numba takes longer than it would save; and there is a bound to what loops take."""
    monkeypatch.setattr(resampling, "compiled", lambda: pytest.fail("not worth it"))
    for size in (5, 20):
        assert resampling.central_square(noise(30, 20, "RGB"), size).shape == (3, size, size)
    monkeypatch.setattr(resampling, "WORTH", 0)
    monkeypatch.setattr(resampling, "MOST", 599)
    for size in (5, 20):
        assert resampling.central_square(noise(30, 20, "RGB"), size).shape == (3, size, size)


@pytest.mark.usefixtures("loops")
def test_loops_are_those_of_the_pillow_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before version 13 Pillow made every image narrower first. Another one is not imitated."""
    from plada_ref.images import bicubic

    def old(image: Image.Image, size: int) -> Any:
        words, square = resampling._words(image), resampling._square(image)
        channels = len(image.getbands())
        return bicubic.resample(words, channels, *square, size, taller_first=False)

    found: Any = resampling.compiled.__wrapped__()
    assert found.keywords == {"taller_first": int(PIL.__version__.split(".")[0]) >= 13}
    monkeypatch.setattr(resampling, "_by_pillow", old)
    found = resampling.compiled.__wrapped__()
    assert found.keywords == {"taller_first": False}
    monkeypatch.setattr(resampling, "_by_pillow", lambda *args: old(*args) ^ 1)
    assert resampling.compiled.__wrapped__() is None


def test_without_numba_pillow_does_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plada_ref.images.bicubic", None)
    monkeypatch.delattr("plada_ref.images.bicubic", raising=False)
    monkeypatch.setattr(resampling, "compiled", resampling.compiled.__wrapped__)
    monkeypatch.setattr(resampling, "WORTH", 0)
    assert resampling.compiled() is None
    image = noise(40, 33, "RGB")
    assert torch.equal(PREPARATIONS[0](image), as_before(PREPARATIONS[0], image))


def _hostile() -> Iterator[bytes]:
    draw = random.Random(0)
    photo = noise(9, 7, "RGB").resize((90, 70), Image.Resampling.BICUBIC)
    exif = Image.Exif()
    exif[274] = 6
    whole = [
        jpeg(photo),
        jpeg(photo, progressive=True, exif=exif),
        jpeg(photo.convert("L")),
        jpeg(photo.convert("CMYK")),
    ]
    for seed in range(400):
        yield mutated(whole[seed % 4], draw)


@pytest.mark.usefixtures("loops")
def test_hostile_files_give_the_same_pixels_or_the_same_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whatever the bytes are, the loops neither change an answer nor fail."""

    def outcome(data: bytes) -> str | list[int]:
        try:
            return PREPARATIONS[0](decode(data)).flatten().tolist()
        except Undecodable as exc:
            return str(exc)

    kinds = set()
    for data in _hostile():
        monkeypatch.setattr(resampling, "WORTH", sys.maxsize)
        pillow = outcome(data)
        monkeypatch.setattr(resampling, "WORTH", 0)
        assert outcome(data) == pillow
        kinds.add(type(pillow))
    assert kinds == {str, list}


def test_a_decoded_image_holds_nothing_of_its_file() -> None:
    data = jpeg(noise(30, 20, "RGB"), comment=b"holiday")
    image = decode(data)
    assert type(image) is Image.Image
    assert image.info == {}
    with Image.open(io.BytesIO(data)) as opened:
        assert image.tobytes() == opened.tobytes()
    image.putpixel((0, 0), (1, 2, 3))  # It can be written to, and is nobody else's.
    assert decode(data).tobytes() != image.tobytes()
