"""Damaged and hostile files of a pool: each gives a right result or one sentence.

::

    python -m tests.pool.fuzz --count 3000

makes so many mutated files of each format and judges what is read from them. Right is, for a tar
file, what GNU tar and `tarfile` read; for Parquet, what pyarrow reads; for tables that are kept for
later commands, what was stored.
"""

from __future__ import annotations

import io
import random
import re
import subprocess
import tarfile
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from plada_ref.pool import Manifest, Source, parts
from plada_ref.pool.columns import digest_rows, whole
from plada_ref.pool.keys import reason_to_skip, shard_key
from plada_ref.pool.manifest_layout import SCHEMA, Metadata, Rows
from plada_ref.pool.manifest_writer import write_manifest
from plada_ref.pool.parquet import ParquetShards
from plada_ref.pool.sealed import read_sealed, write_sealed
from plada_ref.pool.shard import Remarks, Shard
from plada_ref.pool.tar import TarShards
from pladafmt import PoolRef
from pladafmt.merkle import TreeHasher
from tests.fuzzing import Case, Wrong, main, mutated

# Tar files.


def _tar(rng: random.Random) -> bytes:
    form = rng.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w", format=form) as archive:
        for number in range(rng.randrange(1, 7)):
            long = rng.choice(("", "", "d/" * 60, "ä", "e" * 120 + "/"))
            info = tarfile.TarInfo(f"c{number % 2}/{long}{number}{rng.choice(('.png', '.txt'))}")
            if form == tarfile.USTAR_FORMAT and long.startswith("e"):
                info.name = f"{number}.png"
            data = rng.randbytes(rng.choice((0, 1, 300, 512, 1500))) or b""
            info.size, info.mtime = len(data), rng.choice((0, 1.5))
            if rng.random() < 0.1:
                info.type, info.size = rng.choice((tarfile.SYMTYPE, tarfile.DIRTYPE)), 0
                info.linkname = "c0/0.png"
            archive.addfile(info, io.BytesIO(data))
    data = stored.getvalue()
    return data if rng.random() < 0.8 else data[: len(data.rstrip(b"\0")) // 512 * 512 + 1536]


def _header(name: bytes, size: int, kind: bytes) -> bytes:
    info = tarfile.TarInfo()
    info.size = size
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    block[:100] = name[:100].ljust(100, b"\0")
    block[156:157] = kind
    return _summed(block)


def _summed(block: bytearray) -> bytes:
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _changed_header(data: bytes, rng: random.Random) -> bytes:
    """Change a field of a header and mend its checksum."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        places = [info.offset for info in archive]
    at = rng.choice(places)
    block = bytearray(data[at : at + 512])
    field = rng.randrange(6)
    if field == 0:
        size = rng.choice((b"0" * 11, b"7" * 11, b" " * 11, b"-0000000001", b"00000000x00", b"1 2"))
        block[124:136] = size.ljust(12, b"\0")
    elif field == 1:
        huge = rng.choice((1 << 62, (1 << 88) - 1, 512))
        block[124:136] = b"\x80" + huge.to_bytes(11, "big")
    elif field == 2:
        block[156:157] = rng.choice((b"\0", b"1", b"2", b"5", b"7", b"S", b"M", b"D", b"V", b"Z"))
    elif field == 3:
        block[257:265] = rng.choice((b"ustar\x0000", b"ustar  \0", bytes(8), b"star\0\0\0\0"))
    elif field == 4:
        block[345:348] = rng.choice((b"p/\0", b"pre", b"..\0"))
    else:
        block[rng.randrange(100)] = rng.choice((0, 0x2F, 0x0A, 0xFF))
    return data[:at] + _summed(block) + data[at + 512 :]


def _with_extension(data: bytes, rng: random.Random) -> bytes:
    """Put an extended header before a member."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        at = rng.choice([info.offset for info in archive])
    kind = rng.choice((b"x", b"g", b"L", b"K", b"X"))
    body = rng.choice(
        (
            b"16 path=ab.png\n",
            b"14 path=a.png\n",
            b"10 size=1\n",
            b"11 size=-1\n",
            b"27 GNU.sparse.realsize=999\n",
            b"21 hdrcharset=BINARY\n",
            b"9999999999999 path=x\n",
            b"1" * rng.choice((10, 5000, 80_000)),
            b"name.png\0",
            b"\xff\xfe",
            b"",
        )
    )
    size = rng.choice((len(body), len(body), len(body), 1 << 40, 0))
    header = _header(b"././@Extended", size, kind)
    body = body.ljust(-(-len(body) // 512) * 512, b"\0")
    return data[:at] + header + body + data[at:]


def tar_case(rng: random.Random, folder: Path) -> None:
    data = _tar(rng)
    how = rng.randrange(4)
    if how == 1:
        data = _changed_header(data, rng)
    elif how == 2:
        data = _with_extension(data, rng)
    if how in (0, 3) or rng.random() < 0.2:
        data = mutated(data, rng)
    path = folder / "shard.tar"
    path.write_bytes(data)
    found = list(Source([TarShards([str(path)])]).scan())
    listed = [(key, len(stored)) for key, stored in found]
    complaint, by_tar = _by_gnu_tar(path)
    if complaint:
        raise Wrong(f"GNU tar says: {complaint}, and nothing was wrong for us")
    if listed != by_tar:
        raise Wrong(f"GNU tar finds {by_tar}, and we {listed}")
    by_tarfile = _by_tarfile(data)
    if by_tarfile is not None and sorted(by_tarfile) != sorted(found):
        names = [name for name, _ in by_tarfile]
        raise Wrong(f"tarfile finds {names}, and we {[key for key, _ in found]}, or other bytes")


_LINE = re.compile(r"(.)\S+ \S+ +(\d+) \d{4}-\d\d-\d\d \d\d:\d\d (.*)")


def _by_gnu_tar(path: Path) -> tuple[str, list[tuple[str, int]]]:
    command = ["tar", "--list", "--verbose", "--numeric-owner", "--quoting-style=escape", "-f"]
    ran = subprocess.run(
        [*command, str(path)],
        capture_output=True,
        env={"LC_ALL": "C.UTF-8", "TZ": "UTC"},
        check=False,
    )
    found = []
    for line in ran.stdout.decode("utf-8", "surrogateescape").split("\n"):
        parsed = _LINE.fullmatch(line)
        if parsed is None or parsed[1] not in "-C":
            continue
        name = _unescaped(parsed[3])
        key = shard_key(name)
        if key is not None and reason_to_skip(name) is None:
            found.append((key, int(parsed[2])))
    complaints = [
        line
        for line in ran.stderr.decode("utf-8", "replace").splitlines()
        if not any(harmless in line for harmless in _HARMLESS)
    ]
    return "; ".join(complaints), found


_HARMLESS = (
    "Removing leading",
    "Ignoring unknown extended header keyword",
    "implausibly old time stamp",
    "time stamp",
    "Unknown file type",
    "for empty hard link target",
    "out of range",
)
"""What GNU tar says about fields that do not matter here: owners, times, devices."""


def _unescaped(name: str) -> str:
    plain = {"n": 10, "t": 9, "b": 8, "a": 7, "v": 11, "f": 12, "r": 13, "\\": 92, "?": 127}
    made = bytearray()
    at = 0
    while at < len(name):
        if name[at] != "\\":
            made += name[at].encode("utf-8", "surrogateescape")
            at += 1
        elif octal := re.match(r"[0-7]{3}", name[at + 1 :]):
            made.append(int(octal[0], 8))
            at += 4
        else:
            made.append(plain.get(name[at + 1], ord(name[at + 1])))
            at += 2
    return made.decode("utf-8", "surrogateescape")


def _by_tarfile(data: bytes) -> list[tuple[str, bytes]] | None:
    """What tarfile finds; None if it gives up, or reads a field in a way of its own."""
    found = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:", encoding="utf-8") as archive:
            for info in archive:
                block = data[info.offset_data - 512 :][:512]
                # A prefix is a part of the name in ustar only, which tarfile does not ask.
                prefixed = block[257:263] != b"ustar\0" and block[345] != 0
                if info.issparse() or info.size < 0 or archive.pax_headers or prefixed:
                    return None
                if info.isreg() and reason_to_skip(info.name) is None:
                    key, stored = shard_key(info.name), archive.extractfile(info)
                    assert key is not None and stored is not None
                    found.append((key, stored.read()))
    except (tarfile.TarError, ValueError, OverflowError, OSError, MemoryError):
        return None
    return found


# Manifests.


def _images(rng: random.Random, count: int) -> pa.Table:
    keys = sorted({f"c{rng.randrange(3)}/{rng.randrange(10**6):06d}.png" for _ in range(count)})
    return pa.table(
        {
            "key": pa.array(keys, pa.string()),
            "sha256": pa.array([rng.randbytes(32) for _ in keys], pa.binary(32)),
            "size": pa.array([rng.randrange(10**6) for _ in keys], pa.uint64()),
        },
        schema=SCHEMA,
    )


def _root(digests: Any) -> bytes:
    hasher = TreeHasher()
    hasher.extend(digests)
    return hasher.root()


def manifest_case(rng: random.Random, folder: Path) -> None:
    path = folder / "pool.parquet"
    table = _images(rng, rng.choice((1, 5, 100, 400)))
    keys, sha256, sizes = map(whole, table.columns)
    pool = PoolRef(_root(digest_rows(sha256)), len(table))
    if rng.random() < 0.3:
        _write_oddly(path, table, pool, rng)
    else:
        rows = Rows(keys, digest_rows(sha256), sizes.to_numpy())
        write_manifest(path, [rows], Metadata(pool, "key", (len(table),), None))
    if rng.random() < 0.9:
        path.write_bytes(mutated(path.read_bytes(), rng))
    manifest = Manifest.read(path)
    manifest.check()
    stored = pq.ParquetFile(path).read()
    if (
        manifest.keys.to_pylist() != stored["key"].to_pylist()
        or [bytes(row) for row in manifest.digests] != stored["sha256"].to_pylist()
        or manifest.sizes.tolist() != stored["size"].to_pylist()
        or manifest.pool.id
        != _root(np.frombuffer(b"".join(stored["sha256"].to_pylist()), np.uint8).reshape(-1, 32))
    ):
        raise Wrong("pyarrow reads other rows")


def _write_oddly(path: Path, table: pa.Table, pool: PoolRef, rng: random.Random) -> None:
    """Write a manifest as another program might, or someone who means harm."""
    count = len(table)
    odd = rng.randrange(7)
    if odd == 0:  # Keys that take far more in memory than in the file.
        long = rng.choice((1_000, 100_000, 1_000_000))
        keys = pa.array([f"{'k' * long}{row:06d}" for row in range(min(count, 50))])
        table = table.slice(0, len(keys)).set_column(0, SCHEMA.field(0), keys)
    elif odd == 1:
        table = table.set_column(0, "key", pa.array([None] * count, pa.string()))
    elif odd == 2:
        table = table.set_column(2, "size", table["size"].cast(pa.int32()))
    elif odd == 3:
        table = table.select(rng.sample(SCHEMA.names, rng.randrange(1, 4)))
    elif odd == 4:
        table = pa.concat_tables([table] * rng.choice((2, 50)))
    metadata = {
        "plada.manifest": rng.choice(("1", "1", "1", "2", "")),
        "plada.pool_id": rng.choice((pool.id.hex(), pool.id.hex(), "00", "zz" * 32)),
        "plada.order": rng.choice(("key", "other", "")),
        "plada.generations": rng.choice(
            (str(count), str(len(table)), "0", "-1", "2,1", str(10**18))
        ),
        "plada.order_made_by": rng.choice(("{}", "[]", "[" * 5000, "null", "{")),
    }
    with pq.ParquetWriter(
        path,
        table.schema,
        compression=rng.choice(("zstd", "none", "snappy", "gzip")),
        use_dictionary=rng.random() < 0.5 and {"key": True}.get("key", True),
        store_schema=rng.random() < 0.5,
        data_page_version=rng.choice(("1.0", "2.0")),
    ) as writer:
        writer.write_table(table, row_group_size=rng.choice((1, 7, 1000)))
        writer.add_key_value_metadata(metadata)


# Parquet shards.


def parquet_case(rng: random.Random, folder: Path) -> None:
    path = folder / "shard.parquet"
    count = rng.choice((1, 10, 70))
    size = rng.choice((0, 10, 1000, 100_000) if count < 70 else (0, 10, 1000))
    same = rng.randbytes(size)
    repeated = rng.random() < 0.3
    rows = [
        {
            "bytes": None if rng.random() < 0.02 else same if repeated else rng.randbytes(size),
            "path": rng.choice((None, f"{row}.png", f"c/{row}.png", "../x.png")),
        }
        for row in range(count)
    ]
    kinds = [
        ("bytes", rng.choice((pa.binary(), pa.binary(), pa.large_binary()))),
        ("path", pa.string()),
    ]
    if rng.random() < 0.2:
        kinds = [("bytes", pa.binary()), ("path", rng.choice((pa.string(), pa.large_string())))]
    table = pa.table({"image": pa.array(rows, pa.struct(kinds)), "label": [0] * count})
    pq.write_table(
        table,
        path,
        compression=rng.choice(("zstd", "none", "snappy", "gzip")),
        use_dictionary=rng.random() < 0.5,
        row_group_size=rng.choice((3, 100)),
        data_page_version=rng.choice(("1.0", "2.0")),
        write_page_index=rng.random() < 0.3,
        store_schema=rng.random() < 0.5,
    )
    if rng.random() < 0.9:
        path.write_bytes(mutated(path.read_bytes(), rng))
    source = Source([ParquetShards([str(path)])])
    found = list(source.scan())
    file = pq.ParquetFile(path)
    # By its type: damage may have changed its name. Other columns are not ours to read.
    (name,) = [column.name for column in file.schema_arrow if pa.types.is_struct(column.type)]
    (column,) = file.read([name]).columns
    stored = column.to_pylist()
    images = [row["bytes"] for row in stored if row is not None and row["bytes"] is not None]
    if [data for _, data in found] != images:
        raise Wrong("pyarrow reads other images")
    # Where a damaged file says that it has fewer rows, pyarrow is content with these.
    if len(stored) != count:
        raise Wrong(f"{len(stored)} of {count} rows were read")
    if len({key for key, _ in found}) == len(found):
        for key, data in rng.sample(found, min(3, len(found))):
            if source.read(key) != data:
                raise Wrong(f"{key!r} is another image when it is read alone")


# Tables that are kept.


def index_case(rng: random.Random, folder: Path) -> None:
    path = folder / "index.sealed"
    count = rng.choice((0, 3, 300))
    table = pa.table({"key": [f"{row}.png" for row in range(count)], "offset": list(range(count))})
    write_sealed(path, table, "shard")
    path.write_bytes(mutated(path.read_bytes(), rng))
    found = read_sealed(path, "shard")
    if found is not None and not found.equals(table):
        raise Wrong("another table was read")
    if read_sealed(path, "another shard") is not None:
        raise Wrong("a table was read as another shard's")


def part_case(rng: random.Random, folder: Path) -> None:
    shard = Shard("a.tar", "state", 0, lambda _: iter(()), Remarks(Counter({"hidden": 2}), ["odd"]))
    table = _images(rng, rng.choice((1, 30, 300))).cast(parts.SCHEMA)
    parts.store(shard, table, folder / "parts")
    (path,) = (folder / "parts").iterdir()
    path.write_bytes(mutated(path.read_bytes(), rng))
    shard.remarks = Remarks()
    found = parts.load(shard, folder / "parts")
    if found is not None and not (
        found.equals(table) and shard.remarks == Remarks(Counter({"hidden": 2}), ["odd"])
    ):
        raise Wrong("another table was read")


CASES: dict[str, Case] = {
    "tar": tar_case,
    "manifest": manifest_case,
    "parquet": parquet_case,
    "index": index_case,
    "part": part_case,
}


if __name__ == "__main__":
    main(CASES, __doc__)
