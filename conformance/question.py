"""A question: what a client is asked in one of its roles, of a vector or of a fresh file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .decoders import Answer, settled
from .vectors_on_disk import Sidecar


@dataclass(frozen=True)
class Question:
    """What a client is asked.

    Attributes:
        id: the vector's id, or that of a fresh file.
        role: whom it tests.
        data: members of a sidecar: what is asked and what is right.
        file: the file, or None for a writer.
        head_file: for salvagers whose caller names another file for its HEAD, that file.
        judged: of a fresh file, what each of those says of it who have to agree; None of a vector.
    """

    id: str
    role: str
    data: dict[str, Any]
    file: bytes | None = None
    head_file: bytes | None = None
    judged: Mapping[str, Answer] | None = None

    @property
    def fresh(self) -> bool:
        """Whether the file was made for this run."""
        return self.judged is not None

    @property
    def usable(self) -> bool:
        """Whether all agree about what is right."""
        return self.judged is None or settled(self.judged) is not None

    @property
    def valid(self) -> bool:
        """Whether it is about a valid file."""
        return bool(self.data["verdict"] == "valid")

    def request(self, lay: Callable[[bytes], str]) -> dict[str, Any]:
        """Return the request, without its id; `lay` puts a file down and returns its path."""
        data = self.data
        if self.role == "writer":
            return {"do": "write", "payload": data["payload"]}
        assert self.file is not None
        file = lay(self.file)
        if self.role == "verifier":
            return {"do": "verify", "file": file, "keys": data["keys"]}
        codes = {"codes": data["codes"]} if "codes" in data else {}
        if self.role in ("reader", "client"):
            return {
                "do": "read",
                "file": file,
                "limits": data["limits"],
                "pool": data["pool"],
                **codes,
            }
        if self.role == "rewriter":
            return {"do": "rewrite", "file": file, **codes}
        head = None if self.head_file is None else lay(self.head_file)
        return {"do": "salvage", "file": file, "head_file": head, **codes}


def of_vector(vector: Sidecar, root: Path) -> Question:
    """Return the question that a vector is, of a suite in the folder `root`."""
    data = vector.data
    other = data.get("head_from")
    return Question(
        id=vector.id,
        role=data["role"],
        data=data,
        file=None if vector.file is None else vector.file.read_bytes(),
        head_file=(root / f"{other}.plada").read_bytes() if other else None,
    )
