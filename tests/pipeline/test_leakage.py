"""Duplicates between a pool and a task are found, and strangers are not."""

from __future__ import annotations

import io
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from plada_ref.compute.progress import Silence
from plada_ref.images import ImageArrays
from plada_ref.tasks import leakage
from plada_ref.tasks.leakage import (
    NEAR,
    Fingerprints,
    Leakage,
    Match,
    Search,
    fingerprints,
)

from ..commands.test_format_commands import last_json, plada
from .conftest import png, write_tar

QUIET = Silence()


def picture(seed: int, side: int = 64) -> Image.Image:
    """Soft blobs, as little like one another as photographs are."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality)
    return Image.open(io.BytesIO(stream.getvalue()))


class Pictures:
    def __init__(self, images: list[Image.Image]) -> None:
        self.images = images

    def __len__(self) -> int:
        return len(self.images)

    def open_image(self, position: int, /) -> Image.Image:
        return self.images[position]


def compare(task: Fingerprints, pool: Fingerprints) -> Leakage:
    search = Search(task)
    search.see(pool)
    return search.found()


def test_what_is_found() -> None:
    pool = [picture(seed) for seed in range(40)]
    pool[7] = pool[3].copy()
    task = [
        pool[3],  # exact, twice in the pool: the lower position
        jpeg(pool[5], 50),  # near: compressed
        pool[6].resize((32, 32), Image.Resampling.LANCZOS),  # near: scaled
        Image.eval(pool[8], lambda level: min(255, level + 12)),  # near: brighter
        picture(1000),  # a stranger
        Image.new("RGB", (64, 64), (200, 200, 200)),  # flat, and not in the pool
    ]
    flat = Image.new("RGB", (64, 64), (90, 90, 90))
    found = compare(
        fingerprints(Pictures(task), what="task", progress=QUIET),
        fingerprints(Pictures([*pool, flat]), what="pool", progress=QUIET),
    )
    assert [(match.row, match.position, match.exact) for match in found.matches] == [
        (0, 3, True), (1, 5, False), (2, 6, False), (3, 8, False)
    ]  # fmt: skip
    assert (found.exact, found.flat, found.images) == (1, 1, 6)
    assert found.fraction == 4 / 6


def test_flat_images_are_found_by_their_pixels() -> None:
    grey = np.full((3, 16, 16, 3), 77, np.uint8)
    prints = fingerprints(ImageArrays(grey[:1]), what="x", progress=QUIET)
    found = compare(prints, fingerprints(ImageArrays(grey), what="x", progress=QUIET))
    assert [(match.position, match.exact) for match in found.matches] == [(0, True)]


def test_strangers_stay_strangers() -> None:
    pool = fingerprints(Pictures([picture(n) for n in range(300)]), what="p", progress=QUIET)
    task = fingerprints(Pictures([picture(n) for n in range(900, 1100)]), what="t", progress=QUIET)
    assert compare(task, pool).matches == ()


def naive(task: Fingerprints, pool: Fingerprints) -> list[Match]:
    """Every image against the whole pool."""
    matches = []
    for row in range(len(task)):
        same = [p for p in range(len(pool)) if (pool.pixels[p] == task.pixels[row]).all()]
        near = [
            (int(task.hashes[row] ^ pool.hashes[p]).bit_count(), p)
            for p in range(len(pool))
            if not pool.flat[p]
        ]
        if same:
            matches.append(Match(row, same[0], True, 0))
        elif near and not task.flat[row] and min(near)[0] <= NEAR:
            distance, position = min(near)
            matches.append(Match(row, position, False, distance))
    return matches


@given(st.data())
def test_a_pool_seen_in_blocks(data: st.DataObject) -> None:
    """Few digests and hashes: images are equal, or equally near, across blocks."""

    def prints(count: int) -> Fingerprints:
        pixels = data.draw(st.lists(st.integers(1, 9), min_size=count, max_size=count))
        hashes = data.draw(st.lists(st.integers(0, 255), min_size=count, max_size=count))
        flat = data.draw(st.lists(st.booleans(), min_size=count, max_size=count))
        return Fingerprints(
            np.repeat(np.array(pixels, np.uint8)[:, None], 32, 1).reshape(count, 32),
            np.array(hashes, np.uint64),
            np.array(flat, np.bool_),
        )

    task, pool = prints(data.draw(st.integers(0, 7))), prints(data.draw(st.integers(0, 12)))
    cuts = [0, *sorted(data.draw(st.lists(st.integers(0, len(pool))))), len(pool)]
    search = Search(task)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(leakage, "ROWS", data.draw(st.integers(1, 8)))
        patch.setattr(leakage, "BLOCK", data.draw(st.integers(1, 8)))
        for start, stop in pairwise(cuts):
            part = slice(start, stop)
            search.see(Fingerprints(pool.pixels[part], pool.hashes[part], pool.flat[part]))
    found = search.found()
    assert list(found.matches) == naive(task, pool)
    assert (found.pool_size, found.flat) == (len(pool), int(task.flat.sum()))


def test_the_command(tmp_path: Path) -> None:
    shard = write_tar(tmp_path / "pool.tar", {f"{n:03d}.png": png(picture(n)) for n in range(12)})
    members = {"a/x.png": png(picture(4)), "a/y.png": png(picture(50)), "b/z.png": png(picture(60))}
    write_tar(tmp_path / "test.tar", members)
    manifest = tmp_path / "pool.parquet"
    assert plada("pool", "index", shard, "-o", manifest).exit_code == 0
    options = ["--task", tmp_path / "test.tar", "--split", "all", "-m", manifest, "--pool", shard]
    result = last_json(plada("leakage", *options, "--json"))
    assert (result["images"], result["exact"], result["near"]) == (3, 1, 0)
    assert result["matches"][0] | {"distance": 0} == {
        "image": "a/x.png", "position": 4, "key": "004.png", "exact": True, "distance": 0
    }  # fmt: skip
    said = plada("leakage", *options).stdout
    assert said.endswith("1 of 3 images found (1 exact, 0 near); 0 too uniform to hash\n")
