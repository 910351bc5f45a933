"""The plain decoder and verifier as a client: ``python -m plada_conformance.clients.plain``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .. import plain_decoder, plain_verifier
from ..serve import serve


def refusal(refused: plain_decoder.Refused) -> dict[str, Any]:
    """Return the answer for a file that was refused."""
    return {"verdict": refused.error_class, "code": refused.code}


def read(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a reader's or client's request."""
    pool = request["pool"] and [bytes.fromhex(each) for each in request["pool"]]
    limits = plain_decoder.Limits(**request["limits"])
    codes = None if request.get("codes") is None else list(map(bytes.fromhex, request["codes"]))
    data = Path(request["file"]).read_bytes()
    try:
        content = plain_decoder.decode(data, limits=limits, pool=pool, codes=codes)
    except plain_decoder.Refused as refused:
        return refusal(refused)
    return {"verdict": "valid", "content_id": content.content_id.hex()}


def verify(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a verifier's request."""
    keys = [bytes.fromhex(each) for each in request["keys"]]
    try:
        answer, code = plain_verifier.answer(Path(request["file"]).read_bytes(), keys)
    except plain_decoder.Refused as refused:
        return refusal(refused)
    return {"answer": answer} if code is None else {"answer": answer, "code": code}


def main() -> None:
    """Serve."""
    serve(
        {"read": read, "verify": verify},
        name="plain_decoder",
        version="1",
        roles=["reader", "client", "verifier"],
        features=["zstd", "weights", "dense", "rule"],
    )


if __name__ == "__main__":
    main()
