"""Walk the whole road on a small fixed pool and task, and print the digest of every file made.

``python -m tests.unchanged.road FOLDER`` writes into FOLDER and prints a JSON object: what each
command made, by name, as SHA-256. It uses the command line alone, so it runs on any version. The
images are numbers written as BMP files, so that no library's compressor decides their bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

# Instruction sets decide the last bits of a float: the plainest of them are on every computer.
PLAIN = {
    "ATEN_CPU_CAPABILITY": "default",
    "CUDA_VISIBLE_DEVICES": "",
    "MKL_CBWR": "COMPATIBLE",
    "MKL_NUM_THREADS": "1",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX AVX512_CLX AVX512_CNL AVX512_ICL "
    "AVX512_SPR",
    "OMP_NUM_THREADS": "1",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "OPENBLAS_CORETYPE": "Prescott",
    "OPENBLAS_NUM_THREADS": "1",
}
"""Environment in which the digests do not depend on the processor (x86-64)."""

SIDE = 16
CLASSES = ("bar", "disc", "frame")
RANKINGS = (
    "low-energy",
    "high-energy",
    "low-entropy",
    "high-entropy",
    "high-margin",
    "low-margin",
    "high-probability",
    "low-probability",
    "consensus",
    "random",
    "prototype",
    "k-center",
    "herding",
    "herding-logits",
    "herding-confident",
    "gradient-matching",
    "mixed",
)


def _image(kind: int, number: int) -> npt.NDArray[np.uint8]:
    """One of four shapes, moved and shaded by its number, with noise that is the same anywhere."""
    y, x = np.mgrid[:SIDE, :SIDE]
    cy, cx, size = 5 + number % 6, 5 + number // 6 % 6, 2 + number % 3
    shapes = (
        abs(x - cx) < size,
        (x - cx) ** 2 + (y - cy) ** 2 < (size + 1) ** 2,
        np.maximum(abs(x - cx), abs(y - cy)) == size + 1,
        (x + y + number) % 5 < size,
    )
    noise = (np.arange(SIDE * SIDE).reshape(SIDE, SIDE) * 2654435761 + number * 40503) >> 7 & 31
    grey = np.where(shapes[kind], 150 + number * 7 % 100, 20 + number * 3 % 40) + noise
    pixels: npt.NDArray[np.uint8] = grey.clip(0, 255).astype(np.uint8)
    return pixels


def _bmp(pixels: npt.NDArray[np.uint8]) -> bytes:
    """A BMP file of 24 bits per pixel; rows are stored from the bottom up."""
    colour = np.repeat(pixels[::-1, :, None], 3, axis=2).tobytes()
    header = b"BM" + (54 + len(colour)).to_bytes(4, "little") + bytes(4) + b"\x36\0\0\0\x28\0\0\0"
    size = SIDE.to_bytes(4, "little") * 2 + b"\1\0\x18\0" + bytes(4)
    return header + size + len(colour).to_bytes(4, "little") + bytes(16) + colour


def write_images() -> None:
    """Write a task and a pool into the current folder."""
    for kind, name in enumerate(CLASSES):
        for split, first, count in (("train", 0, 24), ("test", 24, 8)):
            folder = Path("task") / split / name
            folder.mkdir(parents=True)
            for number in range(first, first + count):
                (folder / f"{number:03d}.bmp").write_bytes(_bmp(_image(kind, number)))
    for number in range(200):
        folder = Path("pool") / f"f{number % 7}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:03d}.bmp").write_bytes(_bmp(_image(number % 4, 100 + number)))


def walk() -> Iterator[tuple[str, Path]]:
    """Run every command in the current folder; yield what it is called and the file it made."""
    from typer.testing import CliRunner

    from plada_ref.cli import app

    def plada(*arguments: object) -> None:
        result = CliRunner().invoke(app, [*map(str, arguments), "--json"])
        if result.exit_code:
            raise SystemExit(f"plada {' '.join(map(str, arguments))}:\n{result.output}")

    write_images()
    net = ("--random-backbone", "--model", "plada_convnet_s", "--workers", 0, "--device", "cpu")
    local = ("-m", "pool.parquet", "--pool", "pool")
    plada("pool", "index", "pool", "-o", "pool.parquet", "--workers", 1)
    yield "manifest", Path("pool.parquet")
    plada("pool", "index", "pool", "-o", "semantic.parquet", "--order", "semantic", *net,
          "--permutation", "order.plada", "--clusters", 6)  # fmt: skip
    yield "manifest, semantic", Path("semantic.parquet")
    yield "permutation", Path("order.plada")
    tunes = {
        "head": (),
        "slow": ("--steps", 6, "--lr", 0.01, "--val-fraction", 0),
        "all": ("--steps", 30, "--lr", 0.01, "--augment", "light", "--val-fraction", 0),
    }
    for tune, more in tunes.items():
        plada("teach", "--task", "task", *net, "--tune", tune, *more, "-o", f"{tune}.safetensors")
        yield f"teacher, {tune}", Path(f"{tune}.safetensors")
    plada("label", "all.safetensors", *local, "-o", "scores.parquet", *net[3:])
    yield "score table", Path("scores.parquet")
    plada("label", "head.safetensors", *local, "-o", "warm.parquet", *net[3:], "--temperature", 2)
    yield "score table, temperature 2", Path("warm.parquet")
    yield from _selections(plada, net, local)
    for encoding in ("auto", "bitmap", "delta", "rle"):
        plada("encode", "low-energy.parquet", "-o", f"{encoding}.plada", "--encoding", encoding)
        yield f"payload, {encoding}", Path(f"{encoding}.plada")
    plada("encode", "random.parquet", "-o", "dense.plada", "--dense", "--unnamed")
    yield "payload, dense", Path("dense.plada")
    plada("encode", "random.parquet", "-o", "blocks.plada", "--block-span", 64, "--class-counts")
    yield "payload, blocks", Path("blocks.plada")
    plada("decode", "dense.plada", "--manifest", "pool.parquet", "-o", "dense.csv")
    yield "decoded", Path("dense.csv")
    for tune, more in tunes.items():
        plada("train", "auto.plada", *local, *net, "--tune", tune, *more, "--seed", 3,
              "-o", f"student-{tune}.safetensors")  # fmt: skip
        yield f"student, {tune}", Path(f"student-{tune}.safetensors")
    plada("prune", "scores.parquet", "--count", 40, "-o", "described.parquet")
    yield "selection, with metadata", Path("described.parquet")
    plada("encode", "described.parquet", "-o", "described.plada")
    yield "payload, with metadata", Path("described.plada")


def _selections(
    plada: Callable[..., None], net: tuple[object, ...], local: tuple[object, ...]
) -> Iterator[tuple[str, Path]]:
    seen = ("--task", "task", *local, *net)
    bare = "--no-metadata"
    for ranking in RANKINGS:
        more = seen if ranking in RANKINGS[RANKINGS.index("prototype") :] else ()
        out = f"{ranking}.parquet"
        plada("prune", "scores.parquet", "--by", ranking, "--count", 40, *more, bare,
              "-o", out)  # fmt: skip
        yield f"selection, {ranking}", Path(out)
    plada("prune", "scores.parquet", "--keep-rate", 0.2, "--safety-net", "--alpha", -0.2,
          "--share", 0.7, bare, "-o", "net.parquet")  # fmt: skip
    yield "selection, low-energy with a Safety-Net", Path("net.parquet")
    plada("prune", "scores.parquet", "--by", "herding", "--budget", 160, *seen, bare,
          "-o", "few.parquet")  # fmt: skip
    yield "selection, herding within 160 bytes", Path("few.parquet")
    plada("prune", "scores.parquet", "--by", "auto", "--students", "head", "--budget", 170,
          "--dense", *seen, bare, "-o", "chosen.parquet")  # fmt: skip
    yield "selection, auto within 170 bytes", Path("chosen.parquet")


def main() -> None:
    """Print the digests as JSON."""
    os.chdir(sys.argv[1])
    os.environ["PLADA_CACHE"] = str(Path("cache").resolve())
    found = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in walk()}
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
