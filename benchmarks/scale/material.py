"""Made-up input of any size: only the number of images in each synset is real."""

from __future__ import annotations

import csv
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks import simulated
from pladafmt import Payload, PoolRef, dump

CLASSES = 1000
SETTING = simulated.Setting(CLASSES, 3, 0.4)
"""The task that is pruned; the one that is encoded is `simulated.SETTINGS[2]`, as elsewhere."""

JPEG_MEAN = 110_000
"""Bytes of an image of ImageNet, about."""


def synsets(counts: str, images: int) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The synsets of the CSV file `counts` (columns synset, images), scaled to `images` in all."""
    with open(counts, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    edges = np.cumsum([0] + [int(row["images"]) for row in rows])
    # In integers: sums of floors of a ramp end exactly at `images`.
    return [row["synset"] for row in rows], np.diff(edges * images // edges[-1])


def write_scores(out: str, counts: str, images: int, seed: int) -> None:
    """Write the score table of a simulated task of `CLASSES` classes."""
    from plada_ref.labelling.scores import ScoreTable

    pool = simulated.simulate(SETTING, seed=seed, images=synsets(counts, images)[1])
    draw = np.random.default_rng(seed)
    others = [draw.random(images, dtype=np.float32) for _ in range(3)]
    names = tuple(map(str, range(CLASSES)))
    energy = pool.energy.astype(np.float32)
    table = ScoreTable(PoolRef(bytes(32), images), names, "0" * 64, pool.labels, energy, *others)
    table.write(out)


def write_selections(folder: str, counts: str, images: int, rates: list[float], seed: int) -> None:
    """Write the images of lowest energy as selections called ``RATE.parquet``."""
    from plada_ref.selection import file as selection_file

    pool = simulated.simulate(simulated.SETTINGS[2], seed=seed, images=synsets(counts, images)[1])
    for rate in rates:
        kept = pool.keep(rate)
        payload = Payload(PoolRef(bytes(32), images), kept.classes, kept.positions, kept.labels)
        selection_file.write(payload, Path(folder) / f"{rate:g}.parquet")


def write_manifest(out: str, counts: str, images: int, seed: int) -> dict[str, Any]:
    """Write a manifest of random digests, and beside it a payload for its pool."""
    import pyarrow as pa

    from plada_ref.pool import Manifest

    names, sizes = synsets(counts, images)
    keys = pa.concat_arrays(
        [
            # In bytewise order, as an index lists them: _10 before _2.
            pa.array(sorted(f"{name}/{name}_{i}.JPEG" for i in range(size)), pa.large_string())
            for name, size in zip(names, sizes.tolist(), strict=True)
        ]
    )
    draw = np.random.default_rng(seed)
    digests = draw.integers(0, 256, (images, 32), dtype=np.uint8)
    lengths = draw.integers(1000, 2 * JPEG_MEAN, images).astype(np.uint64)
    manifest = Manifest.of_images(keys, digests, lengths)
    manifest.write(out)
    positions = np.arange(0, images, 100)
    labels = (positions % CLASSES).astype(np.uint16)
    dump(Payload(manifest.pool, CLASSES, positions, labels), f"{out}.plada")
    return {"bytes": Path(out).stat().st_size}


def write_codes(out: str, images: int, columns: int, seed: int) -> None:
    """Write a code table of noise, a stretch after the other."""
    table = np.lib.format.open_memmap(out, "w+", np.int8, (images, columns))
    draw = np.random.default_rng(seed)
    for first in range(0, images, 1 << 16):
        stretch = table[first : first + (1 << 16)]
        stretch[:] = draw.integers(-128, 128, stretch.shape, dtype=np.int8)
    table.flush()


def write_noise_shards(folder: str, shards: int, size: int, seed: int) -> list[str]:
    """Write tar shards of about `size` bytes, of noise in members as long as ImageNet's images."""
    draw = np.random.default_rng(seed)
    paths = []
    for shard in range(shards):
        members = (
            (f"n{shard:08d}/n{shard:08d}_{i}.JPEG", draw.bytes(int(length)))
            for i, length in enumerate(draw.gamma(4, JPEG_MEAN / 4, max(1, size // JPEG_MEAN)))
        )
        paths.append(str(_write_tar(Path(folder) / f"noise-{shard}.tar", members)))
    return paths


def write_photo_shard(
    out: str, images: int, height: int, width: int, seed: int, copies: int = 1
) -> None:
    """Write a tar shard of JPEG files: smooth shapes under grain, so that they decode as photos do.

    At 375 x 500, about the size of ImageNet's, an image takes about 100 kB.

    Args:
        copies: members with the same bytes.
    """
    from PIL import Image

    draw = np.random.default_rng(seed)

    def members() -> Iterator[tuple[str, bytes]]:
        for i in range(images):
            coarse = draw.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            smooth = np.asarray(Image.fromarray(coarse).resize((width, height), 3), np.int16)
            grain = draw.integers(-16, 17, (height, width, 1), dtype=np.int16)
            image = Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8))
            data = io.BytesIO()
            image.save(data, "JPEG", quality=90)
            for copy in range(copies):
                yield f"photo-{i:06d}-{copy}.jpg", data.getvalue()

    _write_tar(Path(out), members())


def write_digit_shards(folder: str, images: int, per_shard: int, seed: int) -> None:
    """Write tar shards of grey JPEG files of 32 px: scikit-learn's digits under grain."""
    from PIL import Image
    from sklearn.datasets import load_digits

    digits = np.kron(load_digits().images, np.ones((4, 4))) * 15  # 8 x 8, 0..16.

    def members(shard: int) -> Iterator[tuple[str, bytes]]:
        draw = np.random.default_rng([seed, shard])
        for i in range(shard * per_shard, min(images, (shard + 1) * per_shard)):
            digit = digits[draw.integers(len(digits))]
            pixels = (digit + draw.normal(0, 24, (32, 32))).clip(0, 255).astype(np.uint8)
            data = io.BytesIO()
            Image.fromarray(pixels).save(data, "JPEG", quality=75)
            yield f"{i // 1000:06d}/{i:09d}.jpg", data.getvalue()

    for shard in range(-(-images // per_shard)):
        _write_tar(Path(folder) / f"pool-{shard:05d}.tar", members(shard))


def _write_tar(path: Path, members: Iterator[tuple[str, bytes]]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
            vars(archive)["members"].clear()  # tarfile keeps every header otherwise.
    return path
