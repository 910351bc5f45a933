"""Write all vectors: ``python -m plada_conformance.make conformance/vectors/v1``.

The same code writes the same bytes: nothing is compressed here, and signatures are deterministic.
Files that no generator makes are removed.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

from . import layers, requirements
from .generators import load
from .vector import made_by, sidecar

MANIFEST = "manifest.json"


def files(spec: Path) -> dict[str, bytes]:
    """Return every file of the vectors by its path.

    These are files, sidecars, layers, requirements and the manifest.
    """
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
    found |= layers.files()
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
