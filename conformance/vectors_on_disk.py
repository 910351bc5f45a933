"""The vectors as a client's author finds them: files and sidecars, without their generators."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent / "vectors" / "v1"


@dataclass(frozen=True)
class Sidecar:
    """A vector's sidecar, and its file where it has one."""

    path: Path
    data: dict[str, Any]

    @property
    def id(self) -> str:
        """The vector's id."""
        return str(self.data["id"])

    @property
    def file(self) -> Path | None:
        """The `.plada` file beside the sidecar, or None for writers' vectors without one."""
        file = self.path.with_suffix(".plada")
        return file if file.exists() else None


def vectors(root: Path = ROOT) -> Iterator[Sidecar]:
    """Yield every vector below `root`, in the order of their paths."""
    for path in sorted(root.glob("*/*/*.json")):
        yield Sidecar(path, json.loads(path.read_text("utf-8")))


def check_manifest(root: Path = ROOT) -> None:
    """Compare every file with the manifest.

    Raises:
        ValueError: if a file is missing, was changed, or is not in the manifest.
    """
    wanted = json.loads((root / "manifest.json").read_text("utf-8"))["sha256"]
    found = {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in root.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    }
    if wanted != found:
        different = sorted(
            path for path in {*wanted, *found} if wanted.get(path) != found.get(path)
        )
        raise ValueError(
            f"{len(different)} of the vectors' files do not fit their manifest, the first is "
            f"{different[0]}; get the suite again."
        )
