"""Write all vectors: ``python -m plada_conformance.make conformance/vectors/v1``.

The same code writes the same bytes: nothing is compressed here, and signatures are deterministic.
Files that no generator makes are removed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from . import requirements
from .build import Draft, Made
from .generators import load
from .vector import Case, Vector, sidecar

MANIFEST = "manifest.json"


def made_by(vector: Vector) -> tuple[Case, Made]:
    """Return what a vector's generator says, and its file.

    Raises:
        ValueError: for a generator that names no fault of an invalid file, or a missing one.
    """
    case = vector.make()
    if isinstance(case.file, Draft):
        made = case.file.build()
    elif isinstance(case.file, bytes):
        made = Made(case.file)
    else:
        made = case.file or Made()
    if vector.role == "reader" and (case.fault is None) != (vector.code is None):
        raise ValueError(f"{vector.id}: a fault is named where there is none, or the other way")
    if vector.stale:
        if not isinstance(case.fault, str):
            raise ValueError(f"{vector.id}: a stale twin needs the name of the faulty part")
        made = Made(made.stale(case.fault), made.ranges)
    return case, made


def files(spec: Path) -> dict[str, bytes]:
    """Return every file of the vectors by its path: files, sidecars, requirements, manifest."""
    text = spec.read_text("utf-8")
    classes = requirements.error_classes(text)
    known = {each.id for each in requirements.extract(text)}
    found: dict[str, bytes] = {
        requirements.FILE: requirements.as_json(requirements.extract(text)).encode()
    }
    for vector in load().values():
        unknown = set(vector.requirements) - known
        if unknown:
            raise ValueError(f"{vector.id} names unknown requirements: {sorted(unknown)}")
        case, made = made_by(vector)
        if case.file is not None:
            found[f"{vector.path}.plada"] = made.data
        found[f"{vector.path}.json"] = sidecar(vector, case, made, classes).encode()
    digests = {path: hashlib.sha256(found[path]).hexdigest() for path in sorted(found)}
    manifest = {
        "format": "plada-1",
        "specification_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "sha256": digests,
    }
    found[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    return found


def main() -> None:
    """Write the vectors: the specification and their folder are named on the command line."""
    spec, folder = Path(sys.argv[1]), Path(sys.argv[2])
    wanted = files(spec)
    for name, content in wanted.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != content:
            target.write_bytes(content)
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in wanted:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
    print(f"{sum(path.endswith('.plada') for path in wanted)} files, {len(wanted)} in all")


if __name__ == "__main__":
    main()
