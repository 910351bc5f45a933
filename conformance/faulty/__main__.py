"""A faulty decoder as a client: ``python -m plada_conformance.faulty NAME``."""

from __future__ import annotations

import sys

from ..clients import plain
from ..serve import serve
from . import BY_NAME


def main() -> None:
    """Serve as the plain client does, with the program of the fault in the place of its own."""
    fault = BY_NAME[sys.argv[1]]
    setattr(plain, fault.program, fault.module())
    serve(
        {"read": plain.read, "verify": plain.verify},
        name=f"faulty {fault.name}",
        version="1",
        roles=[fault.role],
        features=["zstd", "weights", "dense", "rule"],
    )


if __name__ == "__main__":
    main()
