"""What does another decoder change? Labels that differ, and students that learn from either.

    python -m benchmarks.decoding --manifest pool.parquet --pool 'tiny-imagenet/pool-*.tar' \
        --weights tf_efficientnet_lite0.safetensors --task cifar10=cifar10 --cache features --json

A frozen backbone looks at the pool once with each decoder; what plada's own sees has the pixels of
Pillow alone, which is checked for every image. A teacher, a linear head that has learned from the
task's training images as plada decodes them, labels each of the pools. From each table a payload is
pruned, and a student, a head as well, learns from it and from the pool as plada decodes it.
Features stay in `--cache`: an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from benchmarks.accuracy import teacher
from benchmarks.accuracy.tasks import MODEL, see
from benchmarks.accuracy_per_byte import task_option
from plada_ref.baselines.head_students import HeadStudents
from plada_ref.compute.context import Compute
from plada_ref.features.backbone import Backbone
from plada_ref.features.cache import FeatureCache
from plada_ref.labelling.scores import ScoreTable
from plada_ref.models.spec import ModelSpec
from plada_ref.output import Output
from plada_ref.pool import Manifest, MemoryPool, Source, open_source
from plada_ref.selection.producer import prune

from .decoders import PILLOW_ALONE, PLADA, Decoder, decoders

IMG_SIZE, VIA_SIZE = 64, 32
OTHERS = ("Pillow's draft", "torchvision")
SELECTION = "low-energy+safety-net"
RATES = (0.01, 0.1)


class DecodedPool(MemoryPool):
    """A pool whose images some decoder reads, at one size."""

    def __init__(self, manifest: Manifest, source: Source, decoder: Decoder, size: int) -> None:
        super().__init__(manifest, source)
        self.decoder = decoder
        self.size = size

    def open_image(self, position: int) -> Image.Image:
        """The central square of an image."""
        square = self.decoder(self.read(position), self.size)
        return Image.fromarray(square.permute(1, 2, 0).contiguous().numpy())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.decoding", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("--manifest", type=Path, required=True, help="by plada pool index")
    parser.add_argument("--pool", nargs="+", required=True, help="the pool's images")
    parser.add_argument("--weights", type=Path, required=True, help=f"of {MODEL}")
    parser.add_argument("--task", type=task_option, required=True, metavar="NAME=SPEC")
    parser.add_argument("--cache", type=Path, required=True, help="folder for features")
    parser.add_argument(
        "--decoders", nargs="+", choices=list(decoders()), default=OTHERS, help="compared with ours"
    )
    parser.add_argument("--workers", type=int, help="processes that decode")
    parser.add_argument("--json", action="store_true", help="end with one line of JSON")
    options = parser.parse_args(arguments)
    found = compare(options)
    for name, row in found["decoders"].items():
        students = ", ".join(f"{part}: {value:.1%}" for part, value in row["students"].items())
        print(
            f"{name}: pixels of {row['images_differ']:.1%} of the images differ, "
            f"{row['labels_differ']:.2%} of the labels; students at {students}"
        )
    if options.json:
        print(json.dumps(found))


def compare(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is measured, as a JSON object."""
    compute = Compute(torch.device("cpu"), workers=options.workers, progress=Output(as_json=True))
    manifest, source = Manifest.read(options.manifest), open_source(options.pool)
    every = decoders()
    spec = ModelSpec(MODEL, options.weights, img_size=IMG_SIZE, via_size=VIA_SIZE)
    backbone = Backbone.of(spec, compute)
    name, where = options.task
    seen = see(name, where, backbone, spec, options.cache)
    students = HeadStudents(seen.test_seen, seen.classes)
    tables: dict[str, ScoreTable] = {}
    plain = MemoryPool(manifest, source)
    ours: Any = None
    for decoder in (PLADA, *options.decoders):
        pool = DecodedPool(manifest, source, every[decoder], VIA_SIZE)
        cache = FeatureCache.of_pool(options.cache / decoder.replace(" ", "-"), pool)
        features = backbone.pool(pool, cache).all()
        ours = features if decoder == PLADA else ours
        tables[decoder] = teacher.label(seen.train_seen, features, pool.ref, seen.train.classes)
    rows: dict[str, Any] = {}
    differ = _images_that_differ(plain, {name: every[name] for name in tables})
    for decoder, table in tables.items():
        accuracies = {}
        for rate in RATES:
            payload = prune(table, SELECTION, keep_rate=rate).payload
            learned = students.learn([ours[payload.positions]], payload.labels)
            accuracies[f"{rate:.0%}"] = learned
        rows[decoder] = {
            "images_differ": differ[decoder],
            "labels_differ": float((table.labels != tables[PLADA].labels).mean()),
            "students": accuracies,
        }
    return {
        "benchmark": "decoding",
        "images": len(plain),
        "test_images": len(seen.test),
        "decoders": rows,
    }


def _images_that_differ(pool: MemoryPool, others: dict[str, Decoder]) -> dict[str, float]:
    """The part of the images whose pixels are not those of Pillow alone, by decoder."""
    rival = decoders()[PILLOW_ALONE]
    found = dict.fromkeys(others, 0)
    for position in range(len(pool)):
        data = pool.read(position)
        wanted = rival(data, VIA_SIZE)
        for name, decoder in others.items():
            found[name] += not torch.equal(decoder(data, VIA_SIZE), wanted)
    if found[PLADA]:
        raise SystemExit(f"{PLADA} gives {found[PLADA]:,} images other pixels than Pillow alone.")
    return {name: count / len(pool) for name, count in found.items()}


if __name__ == "__main__":
    main()
