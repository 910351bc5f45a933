"""The vectors as one archive, with a manifest that needs no JSON: `plada-conformance vectors`.

The same vectors make the same bytes, as a tar: files in the order of their paths, without times
and owners. What gzip makes of it depends on the version of zlib.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .vector import LIMITS
from .vectors_on_disk import ROOT, Sidecar, check_manifest, vectors

FOLDER = "plada-vectors-1"
MANIFEST = "manifest.tsv"
COLUMNS = ("file", "role", "verdict", "code", "class", "content_id", "with", "sentence")
_HERE = Path(__file__).parent


def contents(root: Path = ROOT) -> dict[str, bytes]:
    """Return every file of the archive by its path below the archive's folder.

    Raises:
        ValueError: if the vectors at `root` are not those of their manifest.
    """
    check_manifest(root)
    found = {
        f"v1/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in root.rglob("*")
        if path.is_file()
    }
    lines = ["\t".join(COLUMNS)]
    for vector in vectors(root):
        path = f"v1/{vector.path.relative_to(root).as_posix()}".removesuffix(".json")
        lists = _lists(vector.data)
        found |= {f"{path}.{name}": text for name, text in lists.items()}
        lines.append("\t".join(_row(vector, path, lists)))
    found[MANIFEST] = ("\n".join(lines) + "\n").encode()
    found["README.md"] = (_HERE / "ARCHIVE.md").read_bytes()
    found["appendix_b.py"] = (_HERE / "appendix_b.py").read_bytes()
    return found


def _lists(data: dict[str, Any]) -> dict[str, bytes]:
    """What a vector has in lists, as the files that `run --exec` gives: a line for each row."""
    return {
        name: "".join(f"{row}\n" for row in data[name]).encode()
        for name in ("pool", "codes", "keys")
        if data.get(name) is not None
    }


def _row(vector: Sidecar, path: str, lists: dict[str, bytes]) -> Iterator[str]:
    data = vector.data
    yield f"{path}.plada" if vector.file else f"{path}.json"
    yield data["role"]
    yield _verdict(data)
    yield data["code"] or ""
    yield data["error_class"] or ""
    yield data["content_id"] or ""
    limits = {name: value for name, value in data["limits"].items() if LIMITS.get(name) != value}
    names = [f"{name}={value}" for name, value in limits.items()]
    names += [f"{name}={path}.{name}" for name in lists]
    if data["role"] in ("writer", "rewriter", "salvager"):
        names.append(f"more={path}.json")
    yield " ".join(names)
    yield data["sentence"]


def _verdict(data: dict[str, Any]) -> str:
    """What the role says of the file: in a sidecar the verdict of a refused file is its class."""
    if data.get("answer"):
        return str(data["answer"])
    if data["verdict"] in ("valid", "unwritable", "salvaged", "unsalvageable"):
        return str(data["verdict"])
    return "refused"


def as_tar(files: dict[str, bytes]) -> bytes:
    """Return a tar of files by their paths; the same files make the same bytes."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for path in sorted(files):
            member = tarfile.TarInfo(f"{FOLDER}/{path}")
            member.size, member.mode = len(files[path]), 0o644
            archive.addfile(member, io.BytesIO(files[path]))
    return out.getvalue()


def compressed(tar: bytes) -> bytes:
    """Return it under gzip, without a time."""
    return gzip.compress(tar, mtime=0)
