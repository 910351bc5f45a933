from __future__ import annotations

import io
import tarfile
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib", reason="the demo's pool is rendered from matplotlib's fonts")

from plada_ref.demo.glyphs import IMAGE_SIZE, characters, write_pool
from plada_ref.pool import index_pool, open_source


def _pool_id(folder: Path, *, seed: int) -> str:
    folder.mkdir()
    write_pool(folder / "pool.tar", size=120, seed=seed)
    manifest, _, skipped = index_pool(
        open_source([str(folder / "pool.tar")]), folder / "pool.parquet"
    )
    assert len(manifest) == 120
    assert not sum(skipped.values())
    return manifest.pool.id.hex()


def test_a_seed_decides_the_pool_id(tmp_path: Path) -> None:
    first = _pool_id(tmp_path / "first", seed=3)
    assert _pool_id(tmp_path / "again", seed=3) == first
    assert _pool_id(tmp_path / "other", seed=4) != first


def test_images_are_small_grey_pngs_with_something_on_them(tmp_path: Path) -> None:
    steps: list[int] = []
    write_pool(tmp_path / "pool.tar", size=60, seed=0, advance=steps.append)
    assert sum(steps) == 60
    with tarfile.open(tmp_path / "pool.tar") as shard:
        for member in shard:
            stored = shard.extractfile(member)
            assert stored is not None
            with Image.open(io.BytesIO(stored.read())) as image:
                assert image.format == "PNG"
                assert image.mode == "L"
                assert image.size == (IMAGE_SIZE, IMAGE_SIZE)
                assert np.asarray(image).max() > 64, member.name


def test_no_character_is_a_number() -> None:
    found = characters()
    assert len(found) > 2000
    assert {"o", "S", "Ω", "Я", "?"} <= found.keys()
    assert not [one for one in found if unicodedata.category(one).startswith("N")]
    assert not {"Ƽ", "ƻ"} & found.keys()
    assert all(found.values()), "every character has a font"
