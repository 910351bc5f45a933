"""The library pladafmt as a client: ``python -m plada_conformance.clients.reference``."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np

from pladafmt import (
    Codes,
    Limits,
    Payload,
    PladaError,
    PoolRef,
    WeightScale,
    __version__,
    check_pool,
    content_id,
    dumps,
    loads,
)
from pladafmt.keys import PublicKey
from pladafmt.rewrite import rewrite
from pladafmt.salvage import salvage
from pladafmt.signature import check

from ..grading import critical_chunks
from ..serve import serve


def _refusal(error: PladaError) -> dict[str, Any]:
    return {"verdict": error.error_class, "code": error.code}


def _file(request: dict[str, Any], member: str = "file") -> bytes:
    return Path(request[member]).read_bytes()


def _codes(request: dict[str, Any]) -> Codes | None:
    rows = request.get("codes")
    if not rows:
        return None if rows is None else Codes(np.empty((0, 1), np.int8))
    table = np.frombuffer(bytes.fromhex("".join(rows)), np.int8)
    return Codes(table.reshape(len(rows), -1))


def _data(data: bytes) -> dict[str, Any]:
    return {"data": base64.b64encode(data).decode("ascii")}


def _read(request: dict[str, Any]) -> dict[str, Any]:
    try:
        limits = Limits(**request["limits"])
        payload = loads(_file(request), limits=limits, codes=_codes(request))
        if request["pool"] is not None:
            digests = np.frombuffer(bytes.fromhex("".join(request["pool"])), np.uint8)
            check_pool(payload.pool, digests.reshape(-1, 32))
    except PladaError as error:
        return _refusal(error)
    return {"verdict": "valid", "content_id": content_id(payload).hex()}


def _verify(request: dict[str, Any]) -> dict[str, Any]:
    keys = [PublicKey(bytes.fromhex(each)) for each in request["keys"]]
    try:
        verdict = check(_file(request), keys)
    except PladaError as error:
        return _refusal(error)
    if verdict.refusal is None:
        return {"answer": verdict.status}
    return {"answer": verdict.status, "code": verdict.refusal.code}


def payload_of(wanted: dict[str, Any]) -> Payload:
    """Return the payload that a write request describes.

    Raises:
        Unwritable: if it is none.
    """
    scale = wanted["weight_scale"] and WeightScale(*wanted["weight_scale"])
    weights = None
    if scale:
        # Codes beyond their bits have weights beyond the scale, which the writer refuses.
        codes = np.array(wanted["codes"], dtype=np.float64)
        with np.errstate(over="ignore"):
            weights = np.exp2((scale.low + codes * scale.step) / 256)
    return Payload(
        PoolRef(bytes.fromhex(wanted["pool_id"]), wanted["pool_size"]),
        wanted["classes"],
        wanted["positions"],
        wanted["labels"],
        weights,
        identifiers=wanted["identifiers"],
        weight_scale=scale or None,
    )


def write(request: dict[str, Any]) -> dict[str, Any]:
    """Answer a writer's request."""
    try:
        return _data(dumps(payload_of(request["payload"])))
    except PladaError:
        return {"verdict": "unwritable"}


def _rewrite(request: dict[str, Any]) -> dict[str, Any]:
    data, codes = _file(request), _codes(request)
    try:
        made = rewrite(data, encoding="delta", codes=codes, drop_rule=True).data
        if critical_chunks(made) == critical_chunks(data):
            made = rewrite(data, encoding="rle", codes=codes, drop_rule=True).data
        return _data(made)
    except PladaError as error:
        return _refusal(error)


def _salvage(request: dict[str, Any]) -> dict[str, Any]:
    other = request["head_file"] and _file(request, "head_file")
    try:
        found = salvage(_file(request), other=other, codes=_codes(request))
    except PladaError:
        return {"verdict": "unsalvageable"}
    return {**_data(found.data), "lost": found.lost_images}


HANDLERS = {
    "read": _read,
    "verify": _verify,
    "write": write,
    "rewrite": _rewrite,
    "salvage": _salvage,
}
"""What answers each request."""


def main() -> None:
    """Serve."""
    serve(
        HANDLERS,
        name="pladafmt",
        version=__version__,
        roles=["reader", "client", "verifier", "writer", "rewriter", "salvager"],
        features=["zstd", "weights", "dense", "rule"],
    )


if __name__ == "__main__":
    main()
