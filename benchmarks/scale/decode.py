"""From the bytes of JPEG files to a model's pixels: images a second of one core, by decoder."""

from __future__ import annotations

from functools import partial
from typing import Any

from . import child
from .claim import Claim, Part
from .photos import SIZES, photo_shard
from .settings import Settings
from .stopwatch import Times

LEAST = {64: 1.0, 224: 1.5}
"""Images of each size that plada has to make for one of Pillow's alone."""

IMAGES = {64: 256, 224: 128}
QUICK_IMAGES = 16
PIECE = 16
"""Images that a decoder takes in a row, before the next has its turn."""


def measure(settings: Settings) -> Part:
    """Read, verify, decode and resample the same images by each decoder in turn."""
    from benchmarks.decoding.decoders import PILLOW_ALONE, PLADA

    part = Part("decode")
    for size, (height, width) in SIZES.items():
        images = QUICK_IMAGES if settings.quick else IMAGES[size]
        shard = photo_shard(settings, size, images)
        found = child.run(
            every_decoder,
            shard=shard,
            size=size,
            rounds=settings.rounds,
            environment={"PLADA_CACHE": str(settings.work / "cache")},
        ).value
        part.figures[str(size)] = {"images": images, "stored": [height, width], "decoders": found}
        what = f"JPEG of {height} x {width} to {size} px: {PLADA}"
        unit = f"of {PILLOW_ALONE}'s images per core second"
        part.claims.append(Claim(what, found[PLADA]["ratio"], LEAST[size], unit, at_least=True))
    part.notes.append(
        "one thread; CPU time of reading, verifying, decoding and resampling, in turn with "
        f"{PILLOW_ALONE}, {PIECE} images each; medians of the ratios; the JSON line has every "
        "decoder, with the part of the pixel values that differ and by how much at most"
    )
    return part


def every_decoder(shard: str, size: int, rounds: int) -> dict[str, Any]:
    """What each decoder takes, and how its pixels differ from Pillow's."""
    from plada_ref.compute.process import suit_torch

    suit_torch()
    import torch

    from benchmarks.decoding.decoders import PILLOW_ALONE, Decoder, decoders
    from plada_ref.pool import Manifest, MemoryPool, open_source
    from plada_ref.pool.hashing import hash_images

    torch.set_num_threads(1)
    source = open_source([shard])
    hashed = hash_images(source)
    pool = MemoryPool(Manifest.of_images(hashed.keys, hashed.digests, hashed.sizes), source)
    every = decoders()

    def decoded(decoder: Decoder, positions: range) -> list[torch.Tensor]:
        return [decoder(pool.read(position), size) for position in positions]

    everything = range(len(pool))
    wanted = torch.stack(decoded(every[PILLOW_ALONE], everything)).int()
    found: dict[str, Any] = {}
    for name, decoder in every.items():
        gaps = (torch.stack(decoded(decoder, everything)) - wanted).abs()
        differ = {"values_differ": float((gaps > 0).double().mean()), "at_most": int(gaps.max())}
        found[name] = differ
    times = Times()
    pieces = [everything[start : start + PIECE] for start in range(0, len(pool), PIECE)]
    for piece in pieces * rounds:
        for name, decoder in every.items():
            times.take(name, partial(decoded, decoder, piece))
    for name, median in times.medians().items():
        found[name] |= {
            "cpu_us_per_image": round(1000 * median["cpu_ms"] / PIECE),
            "ratio": times.ratio([PILLOW_ALONE], name, processor=True),
        }
    return found
