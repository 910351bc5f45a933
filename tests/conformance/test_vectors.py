"""Both decoders, and what else we ship, against every vector."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from plada_conformance import plain_decoder, plain_verifier
from plada_conformance.decoders import codes_of
from plada_conformance.vectors_on_disk import ROOT, Sidecar, vectors

from pladafmt import (
    Limits,
    Payload,
    PladaError,
    PoolRef,
    Unwritable,
    WeightScale,
    check_pool,
    content_id,
    dumps,
    loads,
    validate,
)
from pladafmt.keys import PublicKey
from pladafmt.rewrite import rewrite
from pladafmt.salvage import salvage
from pladafmt.signature import check, verify

ALL = list(vectors())


def of(*roles: str) -> Callable[[Any], Any]:
    """Parametrise a test over the vectors of these roles."""
    chosen = [each for each in ALL if each.data["role"] in roles]
    return pytest.mark.parametrize(
        "vector", chosen, ids=[each.path.relative_to(ROOT).as_posix()[:-5] for each in chosen]
    )


def read(vector: Sidecar) -> bytes:
    assert vector.file is not None
    return bytes(vector.file.read_bytes())


def rows(vector: Sidecar) -> list[bytes] | None:
    """The codes of the reader's pool, or None."""
    found = vector.data.get("codes")
    return None if found is None else [bytes.fromhex(row) for row in found]


@of("reader")
def test_our_reader(vector: Sidecar) -> None:
    limits, codes = Limits(**vector.data["limits"]), codes_of(rows(vector))
    report = validate(read(vector), limits=limits, codes=codes)
    found = (report.verdict, report.code, report.facts.get("content_id") if report.ok else None)
    data = vector.data
    assert found == (data["verdict"], data["code"], data["content_id"]), report.problem
    if report.payload is not None and vector.id != "names_that_differ_in_case":
        # Whatever was read has a file of its own; writers refuse names that are not in form C.
        assert content_id(loads(dumps(report.payload))).hex() == data["content_id"]
    fault = data["fault"]
    if fault is not None:
        assert 0 <= fault[0] <= fault[1] <= report.size


@of("reader", "client")
def test_plain_decoder(vector: Sidecar) -> None:
    data = vector.data
    pool = data["pool"] and [bytes.fromhex(digest) for digest in data["pool"]]
    limits = plain_decoder.Limits(**data["limits"])
    try:
        content = plain_decoder.decode(read(vector), limits=limits, pool=pool, codes=rows(vector))
    except plain_decoder.Refused as refused:
        found = (refused.error_class, refused.code, None)
    else:
        found = ("valid", None, content.content_id.hex())
    assert found == (data["verdict"], data["code"], data["content_id"])


@of("client")
def test_our_client(vector: Sidecar) -> None:
    digests = np.frombuffer(bytes.fromhex("".join(vector.data["pool"])), np.uint8).reshape(-1, 32)
    try:
        payload = loads(read(vector))
        check_pool(payload.pool, digests)
        found: tuple[Any, ...] = ("valid", None, content_id(payload).hex())
    except PladaError as error:
        found = (error.error_class, error.code, None)
    data = vector.data
    assert found == (data["verdict"], data["code"], data["content_id"])


@of("verifier")
def test_our_verifier(vector: Sidecar) -> None:
    pytest.importorskip("cryptography", reason="needs pladafmt[sign]")
    data = vector.data
    keys = [PublicKey(bytes.fromhex(key)) for key in data["keys"]]
    if data["answer"] is None:
        with pytest.raises(PladaError) as caught:
            check(read(vector), keys)
        assert (caught.value.error_class, caught.value.code) == (data["verdict"], data["code"])
        return
    assert check(read(vector), keys).status == data["answer"]
    if data["answer"] == "verified":
        assert content_id(verify(read(vector), keys)).hex() == data["content_id"]
        return
    with pytest.raises(PladaError) as caught:
        verify(read(vector), keys)
    assert (caught.value.error_class, caught.value.code) == (data["verdict"], data["code"])


@of("verifier")
def test_plain_verifier(vector: Sidecar) -> None:
    data = vector.data
    keys = [bytes.fromhex(key) for key in data["keys"]]
    try:
        found = plain_verifier.answer(read(vector), keys)
    except plain_decoder.Refused as refused:
        found = (None, refused.code)
    assert found == (data["answer"], data["code"])


def test_each_signature_fault_has_its_own_answer() -> None:
    named = {
        each.id: (each.data["answer"], each.data["code"]) for each in ALL if "keys" in each.data
    }
    faults = (
        "signature_altered",
        "signature_before_the_block",
        "signature_doubled",
        "signed_by_another_key",
        "not_signed",
    )
    assert len({named[fault] for fault in faults}) == len(faults)


@of("writer")
def test_our_writer(vector: Sidecar) -> None:
    wanted = vector.data["payload"]

    def write() -> bytes:
        scale = wanted["weight_scale"] and WeightScale(*wanted["weight_scale"])
        weights = None
        if scale:
            # Codes that do not fit their bits have weights beyond the scale.
            codes = np.array(wanted["codes"], dtype=np.float64)
            weights = np.exp2((scale.low + codes * scale.step) / 256)
        payload = Payload(
            PoolRef(bytes.fromhex(wanted["pool_id"]), wanted["pool_size"]),
            wanted["classes"],
            wanted["positions"],
            wanted["labels"],
            weights,
            identifiers=wanted["identifiers"],
            weight_scale=scale,
        )
        return dumps(payload)

    if vector.data["verdict"] == "unwritable":
        with pytest.raises(Unwritable):
            write()
    else:
        assert content_id(loads(write())).hex() == vector.data["content_id"]
        assert content_id(loads(read(vector))).hex() == vector.data["content_id"]


def chunk_types(data: bytes) -> list[str]:
    owners = {part.name.split(".")[0] for part in validate(data).parts if part.name != "preamble"}
    names = {
        "HEAD": "01", "CLASSES": "02", "END": "04", "RULE": "05", "SIGN": "82", "META": "C1",
    }  # fmt: skip
    return [
        names.get(owner, "03" if owner.startswith("BLOCK") else owner.rpartition("0x")[2])
        for owner in owners
    ]


@of("rewriter")
def test_our_rewriter(vector: Sidecar) -> None:
    data, codes = vector.data, codes_of(rows(vector))
    if data["verdict"] != "valid":
        with pytest.raises(PladaError) as caught:
            rewrite(read(vector), encoding="bitmap", codes=codes)
        assert caught.value.code == data["code"]
        return
    ways: list[dict[str, Any]] = [{"encoding": "bitmap"}, {"block_span": 2}, {"dense": True}]
    if codes is not None:
        ways.append({"drop_rule": True})
    for options in ways:
        result = rewrite(read(vector), codes=codes, **options)
        assert content_id(loads(result.data, codes=codes)).hex() == data["content_id"]
        kinds = set(chunk_types(result.data))
        assert not kinds & set(data["must_drop"])
        assert kinds >= set(data["must_keep"])


@of("salvager")
def test_our_salvager(vector: Sidecar) -> None:
    data, codes = vector.data, codes_of(rows(vector))
    other = data["head_from"] and (ROOT / f"{data['head_from']}.plada").read_bytes()
    if data["verdict"] != "salvaged":
        with pytest.raises(PladaError):
            salvage(read(vector), other=other, codes=codes)
        return
    result = salvage(read(vector), other=other, codes=codes)
    assert content_id(loads(result.data, codes=codes)).hex() == data["content_id"]
    assert (result.payload.kept, result.lost_images) == (data["kept"], data["lost"])
    kinds = set(chunk_types(result.data))
    assert not kinds & set(data.get("must_drop", ()))
    assert kinds >= set(data.get("must_keep", ()))


def test_limits_in_sidecars_are_the_defaults() -> None:
    # The limit `dense` is one that a reader may have: no vector sets it.
    format_limits = {name: most for name, most in asdict(Limits()).items() if name != "dense"}
    assert format_limits == asdict(plain_decoder.Limits())
    some = json.loads((ROOT / "valid/container/worked_example.json").read_text("utf-8"))
    # Most sidecars are older than the limit on work: where it is absent, it is the default one.
    assert some["limits"] | {"work": Limits().work} == format_limits
