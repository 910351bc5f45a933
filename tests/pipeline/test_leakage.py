"""Duplicates between a pool and a task are found, and strangers are not."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from plada_ref.compute.progress import Silence
from plada_ref.images import ImageArrays
from plada_ref.tasks.leakage import compare, fingerprints

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
