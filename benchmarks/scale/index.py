"""`pool index`: hashing against OpenSSL, and a manifest of the true size."""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from . import child, material
from .claim import Claim, Part
from .settings import Settings
from .stopwatch import Times

SHARE = 0.8
"""Part of OpenSSL's throughput that indexing has at least."""

SECONDS = 5
FIRST_SECONDS = 12
"""For the first check on a machine."""

OF_HASHLIB = 0.7
"""Of the tree hash by hashlib alone: what the first check takes."""

SHARDS = 2
SHARD_BYTES = 1_000_000_000
"""About as large as shards of large pools are; starting a process takes 50 ms."""


def measure(settings: Settings) -> Part:
    """Hash shards by one and by two processes; open a manifest and check a payload against it."""
    part = Part("index", figures={"images": settings.images})
    shards = child.run(
        material.write_noise_shards,
        folder=str(settings.work),
        shards=SHARDS,
        size=SHARD_BYTES // (64 if settings.quick else 1),
        seed=settings.seed,
    ).value
    # A round takes four seconds, and their shares differ by a tenth.
    hashed = child.run(hash_shards, shards=shards, rounds=2 * settings.rounds - 1)
    found = hashed.value
    part.figures["hashing"] = {**found, "peak_mb": hashed.peak / 1e6}
    part.claims = [
        Claim("one process: CPU", found["cpu_share_1"], SHARE, "of openssl", at_least=True),
        Claim("one process: wall", found["share_1"], SHARE, "of openssl", at_least=True),
        Claim("two processes: CPU", found["cpu_share_2"], SHARE, "of 2 openssl", at_least=True),
        Claim("two processes: wall", found["share_2"], SHARE, "of 2 openssl", at_least=True),
    ]
    manifest = str(settings.work / "pool.parquet")
    made = child.run(
        material.write_manifest,
        out=manifest,
        counts=str(settings.counts),
        images=settings.images,
        seed=settings.seed,
        environment={"PLADA_CACHE": str(settings.work / "publisher")},
    )
    ratios, checked = [], []
    for number in range(1 if settings.quick else 3):
        alone = child.run(hash_by_hashlib, manifest=manifest)
        cache = settings.work / f"cache-{number}"
        first = _opened(manifest, cache)
        checked.append(_total(first.value))
        ratios.append(checked[-1] / _total(alone.value))
    opened = {"alone": alone, "first": first, "again": _opened(manifest, cache)}
    opened["whole"] = child.run(read_manifest, manifest=manifest)
    part.figures["manifest"] = made.value | {
        name: {**measured.value, "peak_mb": measured.peak / 1e6}
        for name, measured in opened.items()
    }
    part.claims += [
        Claim("manifest opened and checked", _total(opened["again"].value), SECONDS, "s"),
        Claim("the first check on a machine", statistics.median(checked), FIRST_SECONDS, "s"),
        Claim("the same, of a tree hash by hashlib", statistics.median(ratios), OF_HASHLIB, "x"),
    ]
    part.notes.append(
        f"members of {material.JPEG_MEAN:,} bytes of noise on average. openssl dgst reads the "
        "whole shards. A machine computes the tree hash of a pool once, side by side; by hashlib "
        "it is that hash alone, of digests in memory, in turn with the check"
    )
    return part


def _total(steps: dict[str, Any]) -> float:
    return float(sum(step["wall_ms"] for step in steps.values())) / 1000


def _opened(manifest: str, cache: Path) -> child.Measured:
    return child.run(open_manifest, manifest=manifest, environment={"PLADA_CACHE": str(cache)})


def hash_shards(shards: list[str], rounds: int) -> dict[str, Any]:
    """Throughput over OpenSSL's, by wall and by processor time, for one shard and for all."""
    from plada_ref.pool import hashing, open_source

    times = Times()
    for _ in range(rounds):
        for name, paths in (("1", shards[:1]), ("2", shards)):
            source = open_source(paths)
            _take(times, f"openssl {name}", partial(_openssl, paths))
            _take(
                times,
                f"plada {name}",
                partial(hashing.hash_images, source, workers=len(paths)),
            )
    one, both = (sum(Path(path).stat().st_size for path in p) for p in (shards[:1], shards))
    medians = times.medians()
    return {
        **medians,
        "bytes": both,
        "share_1": times.ratio(["openssl 1"], "plada 1"),
        "cpu_share_1": times.ratio(["openssl 1"], "plada 1", processor=True),
        "share_2": times.ratio(["openssl 2"], "plada 2"),
        "cpu_share_2": times.ratio(["openssl 2"], "plada 2", processor=True),
        "speed_up": both / one * times.ratio(["plada 1"], "plada 2"),
        "openssl_speed_up": both / one * times.ratio(["openssl 1"], "openssl 2"),
    }


def _openssl(paths: list[str]) -> None:
    """Hash each file in a process of its own, all at once."""
    running = [
        subprocess.Popen(["openssl", "dgst", "-sha256", path], stdout=subprocess.DEVNULL)
        for path in paths
    ]
    if any(list(map(subprocess.Popen.wait, running))):
        raise SystemExit("openssl dgst has failed.")


def _take(times: Times, name: str, step: Callable[[], Any]) -> None:
    """Time a step with the processor time of the processes that it starts and ends."""
    started, before = time.perf_counter(), _processor_seconds()
    step()
    times.note(name, time.perf_counter() - started, _processor_seconds() - before)


def _processor_seconds() -> float:
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in used)


def hash_by_hashlib(manifest: str) -> dict[str, Any]:
    """Hash the tree of the manifest's digests, one node after the other."""
    import pyarrow.parquet as pq

    from plada_ref.pool import TreeHasher
    from plada_ref.pool.columns import digest_rows, whole
    from pladafmt.loops import hashes

    hashes.MANY = sys.maxsize
    digests = digest_rows(whole(pq.read_table(manifest, columns=["sha256"]).column(0)))
    times, tree = Times(), TreeHasher()
    times.take("tree", lambda: tree.extend(digests))
    return times.medians()


def open_manifest(manifest: str) -> dict[str, Any]:
    """Check the payload beside the manifest against the pool and find its images, as a client does.

    To find the images, the whole manifest is read and checked.
    """
    from plada_ref.pool import ManifestFile
    from pladafmt import load

    times = Times()
    payload = times.take("payload", lambda: load(f"{manifest}.plada"))
    listed = times.take("open", lambda: ManifestFile(manifest))
    times.take("check", lambda: listed.serve(payload.pool))
    times.take("find", lambda: listed.select(payload.positions))
    return times.medians()


def read_manifest(manifest: str) -> dict[str, Any]:
    """Read the manifest into memory whole, as orders and leakage checks do."""
    from plada_ref.pool import Manifest

    times = Times()
    times.take("read", lambda: Manifest.read(manifest))
    return times.medians()
