"""The vectors of single layers, against Appendix B, the plain decoder and the library.

What is private in a decoder is tested here as well: a layer that is wrong in a way that another
one makes up for has no other test.
"""

from __future__ import annotations

import hashlib
import json
from array import array
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plada_conformance import appendix_b as spec
from plada_conformance import plain_decoder as plain
from plada_conformance import plain_verifier
from plada_conformance.vectors_on_disk import ROOT

from pladafmt import Codes, Limits, PladaError, PoolRef, signature, varint, zstd
from pladafmt.blocks import dense, encodings, integers
from pladafmt.blocks.encodings import dense as dense_encoding
from pladafmt.keys import PublicKey
from pladafmt.ledger import Ledger
from pladafmt.merkle import TreeHasher
from pladafmt.rules import chunk as rule_chunk

Case = dict[str, Any]
Decoded = dict[str, Any]

LAYERS = {path.stem: json.loads(path.read_text()) for path in sorted(ROOT.glob("layers/*.json"))}


def octets(case: Case) -> bytes:
    return bytes.fromhex(case["data"])


def hashed(content: bytes) -> Decoded:
    return {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


# Appendix B


def spec_varint(case: Case) -> Decoded:
    return dict(zip(("value", "size"), spec.read_varint(octets(case), 0), strict=True))


ENCODINGS = ("bitmap", "delta", "rle")


def sized(case: Case, bounds: Callable[[int, int, int], Any]) -> tuple[bytes, int, int]:
    """The arguments of a position stream's decoder, once its size is right."""
    data, span, count = octets(case), case["span"], case["count"]
    least, most = bounds(ENCODINGS.index(case["encoding"]), span, count)
    if not least <= len(data) <= most:
        spec.refuse("stream-size")
    return data, span, count


def spec_stream(case: Case) -> Decoded:
    read = getattr(spec, f"read_{case['encoding']}")
    return {"positions": read(*sized(case, spec.position_sizes))}


def spec_coder(case: Case) -> Decoded:
    coder, models = spec.Decoder(octets(case)), spec.models(4)
    values = [
        coder.bit(models[number]) if kind == "bit" else coder.direct(number)
        for kind, number in case["take"]
    ]
    coder.finish()
    return {"values": values}


def spec_rule(case: Case) -> Decoded:
    shape = [case[name] for name in ("classes", "columns", "top", "shift")]
    found = spec.read_rule(octets(case), *shape)
    return dict(zip(("weights", "biases", "thresholds"), found, strict=True))


def spec_frame(case: Case) -> Decoded:
    size = spec.zstd_size(octets(case))  # It decodes nothing.
    if "code" in case:
        spec.refuse(case["code"] if case["code"] == "zstd-corrupt" else "none")
    return {"size": size, "sha256": case["sha256"]}


def spec_tree(case: Case) -> Decoded:
    leaves = [bytes.fromhex(leaf) for leaf in case["leaves"]]
    return {"root": (spec.pool_id if case["tree"] == "pool" else spec.codes_id)(leaves).hex()}


# The plain decoder


def plain_varint(case: Case) -> Decoded:
    value, size = plain._read_varint(octets(case), 0, "truncated")
    return {"value": value, "size": size}


def plain_stream(case: Case) -> Decoded:
    data, span, count = sized(case, plain._position_sizes)
    positions = array("Q")
    if case["encoding"] == "bitmap":
        plain._read_bitmap(data, 0, span, count, positions)
    elif case["encoding"] == "delta":
        plain._add_distances(plain._read_split(data, count - 1), 0, span, positions)
    else:
        plain._read_rle(data, 0, span, count, positions)
    return {"positions": positions.tolist()}


def plain_coder(case: Case) -> Decoded:
    coder, models = plain._RangeDecoder(octets(case)), plain._new_models()
    values = [
        coder.bit(models, number) if kind == "bit" else coder.direct(number)
        for kind, number in case["take"]
    ]
    coder.finish()
    return {"values": values}


def plain_positions(case: Case) -> Decoded:
    positions = array("Q")
    distances = plain._read_dense_distances(octets(case), case["count"] - 1)
    plain._add_distances(distances, 0, case["span"], positions)
    return {"positions": positions.tolist()}


def plain_labels(case: Case) -> Decoded:
    kinds = plain._kinds(array("Q", case["positions"]), 0)
    labels = plain._read_dense_labels(octets(case), kinds, case["classes"], case["shift"])
    return {"labels": labels.tolist()}


def rule_body(case: Case) -> bytes:
    scale = case["top"] | case["shift"] << 4
    return bytes(8) + varint.write(case["columns"]) + bytes([scale]) + octets(case)


def plain_rule(case: Case) -> Decoded:
    file: Any = SimpleNamespace(classes=case["classes"], pool_size=0, used=0)
    plain._read_rule(rule_body(case), file, plain.Limits())
    rule = file.rule
    return {"weights": rule.weights, "biases": rule.biases, "thresholds": rule.thresholds}


def plain_frame(case: Case) -> Decoded:
    frame = octets(case)
    return hashed(plain._decompress(frame, plain._examine_frame(frame)))


def plain_tree(case: Case) -> Decoded:
    leaves = [bytes.fromhex(leaf) for leaf in case["leaves"]]
    return {"root": (plain.pool_id if case["tree"] == "pool" else plain.codes_id)(leaves).hex()}


def plain_signature(case: Case) -> Decoded:
    given = [bytes.fromhex(case[name]) for name in ("key", "signature", "message")]
    return {"holds": plain_verifier.signature_holds(*given)}


# The library, which takes no bit of the range coder alone


def our_varint(case: Case) -> Decoded:
    value, size = varint.read(octets(case), 0)
    return {"value": value, "size": size}


def our_integers(case: Case) -> Decoded:
    return {"values": integers.decode(octets(case), case["n"], offset=0, field="").tolist()}


def our_stream(case: Case) -> Decoded:
    def bounds(encoding: int, span: int, count: int) -> tuple[int, int]:
        return encodings.MODULES[encoding].size_bounds(span, count)

    data, span, count = sized(case, bounds)
    encoding = encodings.MODULES[encodings.NUMBERS[case["encoding"]]]
    return {"positions": encoding.decode(data, span, count, 0).tolist()}


def our_positions(case: Case) -> Decoded:
    found = dense_encoding.decode(octets(case), case["span"], case["count"], 0)
    return {"positions": found.tolist()}


def our_labels(case: Case) -> Decoded:
    kinds = dense.kinds_of(np.array(case["positions"]))
    found = dense.decode_labels(
        octets(case), kinds, case["classes"], case["shift"], offset=0, field=""
    )
    return {"labels": found.tolist()}


def our_rule(case: Case) -> Decoded:
    head: Any = SimpleNamespace(classes=case["classes"], pool=PoolRef(bytes(32), 0))
    rule = rule_chunk.read(rule_body(case), 0, head, Limits(), Ledger()).rule
    names = ("weights", "biases", "thresholds")
    return {name: getattr(rule, name).tolist() for name in names}


def our_frame(case: Case) -> Decoded:
    frame = memoryview(octets(case))
    size = zstd.content_size(frame, offset=0, field="")
    return hashed(zstd.decompress(frame, size, offset=0, field=""))


def our_tree(case: Case) -> Decoded:
    leaves = [bytes.fromhex(leaf) for leaf in case["leaves"]]
    if case["tree"] == "codes" and leaves:
        table = np.array([list(leaf) for leaf in leaves], np.uint8).view(np.int8)
        return {"root": Codes(table).id_of(len(leaves)).hex()}
    hasher = TreeHasher()
    for leaf in leaves:
        hasher.append(leaf)
    return {"root": hasher.root().hex()}


def our_signature(case: Case) -> Decoded:
    pytest.importorskip("cryptography", reason="needs pladafmt[sign]")
    message = bytes.fromhex(case["message"])
    good = signature._is_good(
        PublicKey(bytes.fromhex(case["key"])), bytes.fromhex(case["signature"]), message
    )
    return {"holds": good}


DECODERS: dict[str, dict[str, Callable[[Case], Decoded]]] = {
    "varints": {"spec": spec_varint, "plain": plain_varint, "ours": our_varint},
    "split_integers": {
        "spec": lambda case: {"values": spec.read_split(octets(case), case["n"])},
        "plain": lambda case: {"values": plain._read_split(octets(case), case["n"]).tolist()},
        "ours": our_integers,
    },
    "position_streams": {"spec": spec_stream, "plain": plain_stream, "ours": our_stream},
    "range_coder": {"spec": spec_coder, "plain": plain_coder},
    "dense_positions": {
        "spec": lambda case: {
            "positions": spec.read_dense_positions(octets(case), case["span"], case["count"])
        },
        "plain": plain_positions,
        "ours": our_positions,
    },
    "dense_labels": {
        "spec": lambda case: {
            "labels": spec.read_dense_labels(
                octets(case), case["positions"], case["classes"], case["shift"]
            )
        },
        "plain": plain_labels,
        "ours": our_labels,
    },
    "rule_streams": {"spec": spec_rule, "plain": plain_rule, "ours": our_rule},
    "zstd_frames": {"spec": spec_frame, "plain": plain_frame, "ours": our_frame},
    "merkle_trees": {"spec": spec_tree, "plain": plain_tree, "ours": our_tree},
    "ed25519": {"plain": plain_signature, "ours": our_signature},
}


@pytest.mark.parametrize(
    ("layer", "reader"), [(layer, reader) for layer in DECODERS for reader in DECODERS[layer]]
)
def test_a_decoder_agrees(layer: str, reader: str) -> None:
    for case in LAYERS[layer]["cases"]:
        try:
            found = DECODERS[layer][reader](case)
        except (spec.Refused, plain.Refused, PladaError) as error:
            found = {"code": getattr(error, "code", str(error))}
        assert found == {name: case.get(name) for name in found}, case["id"]
        assert "code" in found or "code" not in case, case["id"]


def test_every_layer_has_cases_of_both_kinds_and_says_what_its_members_are() -> None:
    assert set(LAYERS) == set(DECODERS)
    for name, layer in LAYERS.items():
        cases = layer["cases"]
        assert layer["layer"] == name
        assert len({case["id"] for case in cases}) == len(cases) >= 15
        for case in cases:
            assert case["about"].endswith(".")
            assert set(case) - {"id", "about", "code"} <= set(layer["members"]), case["id"]
        if name == "ed25519":
            assert {case["holds"] for case in cases} == {True, False}
        elif name == "merkle_trees":
            (marked,) = (case for case in cases if "mistakes" in case)
            assert len({marked["root"], *marked["mistakes"].values()}) == 6
        else:
            assert 4 < sum("code" in case for case in cases) < len(cases)
            assert all(("code" in case) != _decoded(name, case) for case in cases)


def _decoded(layer: str, case: Case) -> bool:
    results = {"value", "values", "positions", "labels", "weights", "sha256"}
    given = {"positions"} if layer == "dense_labels" else set()
    return bool(set(case) & (results - given))


def test_what_encoders_write_is_in_the_layers() -> None:
    for case in LAYERS["varints"]["cases"]:
        if "value" in case and case["id"] != "with_bytes_behind":
            assert varint.write(case["value"]) == octets(case)
    for case in LAYERS["split_integers"]["cases"]:
        if "values" in case:
            written = integers.encode(np.array(case["values"], np.int64))
            assert b"".join(written) == octets(case), case["id"]
