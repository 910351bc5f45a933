"""The decoders that are compared make the same squares, and the rival is what Pillow makes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.decoding import __main__ as decoding
from benchmarks.decoding.decoders import PILLOW_ALONE, PLADA, decoders
from benchmarks.scale.material import write_photo_shard
from plada_ref.pool import Manifest, MemoryPool, open_source
from plada_ref.pool.hashing import hash_images


@pytest.fixture
def pool(tmp_path: Path) -> MemoryPool:
    shard = tmp_path / "photos.tar"
    write_photo_shard(str(shard), 4, 60, 90, seed=0)
    source = open_source([str(shard)])
    found = hash_images(source)
    return MemoryPool(Manifest.of_images(found.keys, found.digests, found.sizes), source)


def test_decoders_agree_but_for_some_values(pool: MemoryPool) -> None:
    """A wrong crop or order of channels would differ everywhere, and by much."""
    pytest.importorskip("numba")
    data = pool.read(0)
    with Image.open(io.BytesIO(data)) as image:
        theirs = image.resize((20, 20), Image.Resampling.BICUBIC, box=(15, 0, 75, 60))
    for name, decoder in decoders().items():
        square = decoder(data, 20)
        gaps = np.abs(square.permute(1, 2, 0).numpy().astype(int) - np.asarray(theirs))
        assert square.is_contiguous()
        assert gaps.mean() < 12, name
        if name in (PILLOW_ALONE, PLADA, "plada without numba"):
            assert gaps.max() == 0, name


def test_images_that_differ_are_counted(pool: MemoryPool, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    monkeypatch.setattr(decoding, "VIA_SIZE", 20)
    every = {name: decoders()[name] for name in (PLADA, "torchvision")}
    every["white"] = lambda data, size: every[PLADA](data, size) | 255
    found = decoding._images_that_differ(pool, every)
    assert (found[PLADA], found["white"]) == (0, 1) and found["torchvision"] > 0
    shown = decoding.DecodedPool(pool.manifest, pool.source, every["white"], 20).open_image(0)
    assert (shown.size, shown.getextrema()) == ((20, 20), ((255, 255),) * 3)
    with pytest.raises(SystemExit, match="4 images other pixels"):
        decoding._images_that_differ(pool, {PLADA: every["white"]})
