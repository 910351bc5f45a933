"""What a client fetches for one task: bytes and requests by kind, over a web server that counts.

::

    python -m benchmarks.wire pool.parquet 'shards/*.tar' task.plada

The pool is published with its shards, the task beside it; then three clients take the task: one who
has nothing, the same one for another student, and one who has the images and makes the manifest of
them; and the first one where the publisher does not say where images lie in their shards. No
student is trained: what training reads is fetched. docs/publishing.md has the figures.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
from collections import Counter
from glob import glob
from pathlib import Path

from plada_ref.compute.progress import Silence
from plada_ref.pool import ManifestFile, open_pool, open_source
from plada_ref.pool.fetch_ahead import fetch_ahead
from plada_ref.pool.offsets_file import offsets_beside
from plada_ref.publishing.fetch import choose, fetch_task
from plada_ref.publishing.publish import publish_pool, publish_task
from plada_ref.publishing.site import Site
from pladafmt import Codes, Payload, loads
from pladafmt.rewrite import rewrite
from tests.web_server import WebServer, serving

KINDS = {
    "plada-index.json": "index",
    "task.plada": "payload",
    "about.json": "class names and card",
    "README.md": "class names and card",
    "pool.parquet": "manifest",
    "pool.sources.json": "where images are",
    "pool.offsets.npy": "where images are",
}


def measure(manifest: Path, shards: list[str], payload: Path) -> dict[str, dict[str, list[int]]]:
    """Return bytes of bodies and requests, by client and kind."""
    found: dict[str, dict[str, list[int]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        site, here = Path(folder, "site"), Path(folder, "here")
        os.environ["PLADA_CACHE"] = str(Path(folder, "cache"))
        os.environ["NO_PROXY"] = "*"
        (site / "shards").mkdir(parents=True)
        for shard in shards:
            (site / "shards" / Path(shard).name).symlink_to(Path(shard).resolve())
        source = open_source([str(site / "shards" / Path(shard).name) for shard in shards])
        publish_pool(site, ManifestFile(manifest), source=source, images="shards", with_codes=False)
        about = {"name": "task", "version": "1"}
        data = rewrite(payload.read_bytes(), metadata=about, dense=True).data
        publish_task(site, data, loads(data))
        with serving(site) as server:
            found["nothing"] = _client(server, here, None)
            found["another student"] = _client(server, here, None)
            os.environ["PLADA_CACHE"] = str(Path(folder, "other-cache"))
            walks = _client(server, here, None, offsets=False)
            found["nothing, of a pool without pool.offsets.npy"] = walks
            found["images and manifest"] = _client(server, Path(folder, "other"), manifest)
    return found


def _client(
    server: WebServer, folder: Path, manifest: Path | None, *, offsets: bool = True
) -> dict[str, list[int]]:
    server.forget()
    site = Site(server.url)
    task = choose(site, folder, "task", None)
    got = fetch_task(site, task, folder, _read, manifest=manifest, progress=Silence())
    if manifest is None and got.manifest is not None:
        if not offsets:
            offsets_beside(got.manifest).unlink()
        kept = loads(got.payload.read_bytes())
        pool = open_pool(got.manifest)
        fetch_ahead(pool.only(kept.positions), kept.positions, Silence())
    counts: dict[str, Counter[str]] = {"bytes": Counter(), "requests": Counter()}
    for name, by_path in (("bytes", server.sent), ("requests", server.asked)):
        for path, count in by_path.items():
            counts[name][KINDS.get(Path(path).name, "images")] += count
    return {kind: [counts["bytes"][kind], counts["requests"][kind]] for kind in counts["requests"]}


def _read(data: bytes, codes: Codes | None) -> Payload:
    return loads(data, codes=codes)


def main() -> None:
    """Print a table, and the figures as JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("manifest", type=Path)
    parser.add_argument("shards", help="a glob of tar shards")
    parser.add_argument("payload", type=Path, help="a payload that lists its images")
    given = parser.parse_args()
    found = measure(given.manifest, sorted(glob(given.shards)), given.payload)
    for client, kinds in found.items():
        print(f"a client with {client}")
        for kind, (size, requests) in kinds.items():
            print(f"  {kind:<22}{size:>12,} bytes{requests:>8,} requests")
        total = sum(size for size, _ in kinds.values())
        print(f"  {'all':<22}{total:>12,} bytes{sum(n for _, n in kinds.values()):>8,} requests")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
