"""Divide shards whose folders are classes into a task with labels and a pool without any.

    python -m benchmarks.accuracy.divide 'tiny-imagenet/pool-*.tar' --out tiny

Of each class some images become the task's training and test images, in class folders, and all
others the pool. No image is in two of them. Which is decided by a hash of the name.
"""

from __future__ import annotations

import argparse
import glob
import hashlib
import tarfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

TRAIN, TEST = 50, 25
"""Images of each class."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy.divide", description=__doc__.partition("\n")[0]
    )
    parser.add_argument("shards", nargs="+", help="tar files, or patterns of their names")
    parser.add_argument("--out", type=Path, required=True, help="folder: pool.tar and task/")
    options = parser.parse_args(arguments)
    shards = [path for each in options.shards for path in sorted(glob.glob(each))]
    by_class: dict[str, list[str]] = defaultdict(list)
    for member, _ in _members(shards):
        by_class[member.name.partition("/")[0]].append(member.name)
    part = {}
    for names in by_class.values():
        names.sort(key=lambda name: hashlib.sha256(f"plada-divide\0{name}".encode()).digest())
        for number, name in enumerate(names):
            part[name] = "train" if number < TRAIN else "test" if number < TRAIN + TEST else "pool"
    (options.out / "task").mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        files = {
            name: stack.enter_context(tarfile.open(options.out / path, "w"))
            for name, path in (
                ("train", "task/train.tar"),
                ("test", "task/test.tar"),
                ("pool", "pool.tar"),
            )
        }
        for member, shard in _members(shards):
            files[part[member.name]].addfile(member, shard.extractfile(member))
    counts = {name: list(part.values()).count(name) for name in files}
    print(f"{len(by_class):,} classes: {counts}")


def _members(shards: Sequence[str]) -> Iterator[tuple[tarfile.TarInfo, tarfile.TarFile]]:
    for path in shards:
        with tarfile.open(path) as shard:
            for member in shard:
                if member.isfile():
                    yield member, shard


if __name__ == "__main__":
    main()
