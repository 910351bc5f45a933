"""The plain programs of every role as a client: ``python -m plada_conformance.clients.plain``."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from .. import plain_decoder, plain_rewriter, plain_salvager, plain_verifier, plain_writer
from ..serve import serve


def refusal(refused: plain_decoder.Refused) -> dict[str, Any]:
    """Return the answer for a file that was refused."""
    return {"verdict": refused.error_class, "code": refused.code}


def read(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a reader's or client's request."""
    pool = request["pool"] and [bytes.fromhex(each) for each in request["pool"]]
    limits = plain_decoder.Limits(**request["limits"])
    data = Path(request["file"]).read_bytes()
    try:
        content = plain_decoder.decode(data, limits=limits, pool=pool, codes=_codes(request))
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


def write(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a writer's request."""
    payload = plain_writer.payload_of(request["payload"])
    try:
        plain_writer.check_form(payload)
        return _file(plain_writer.write(payload))
    except plain_writer.Unwritable:
        return {"verdict": "unwritable"}


def rewrite(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a rewriter's request."""
    data = Path(request["file"]).read_bytes()
    try:
        return _file(plain_rewriter.rewrite(data, codes=_codes(request)))
    except plain_decoder.Refused as refused:
        return refusal(refused)


def salvage(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a salvager's request."""
    data = Path(request["file"]).read_bytes()
    other = request["head_file"] and Path(request["head_file"]).read_bytes()
    try:
        made, lost = plain_salvager.salvage(data, head_file=other, codes=_codes(request))
    except plain_salvager.Unsalvageable:
        return {"verdict": "unsalvageable"}
    return {**_file(made), "lost": lost}


def _codes(request: dict[str, Any]) -> list[bytes] | None:
    rows = request.get("codes")
    return None if rows is None else [bytes.fromhex(row) for row in rows]


def _file(data: bytes) -> dict[str, Any]:
    return {"data": base64.b64encode(data).decode("ascii")}


HANDLERS = {"read": read, "verify": verify, "write": write, "rewrite": rewrite, "salvage": salvage}
"""What answers each request."""


def main() -> None:
    """Serve."""
    serve(
        HANDLERS,
        name="plain",
        version="1",
        roles=["reader", "client", "verifier", "writer", "rewriter", "salvager"],
        features=["zstd", "weights", "dense", "rule"],
    )


if __name__ == "__main__":
    main()
