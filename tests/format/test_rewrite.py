"""Rewriting changes how a payload is written, and never what it means."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pladafmt import (
    Limits,
    Payload,
    PladaError,
    PoolRef,
    Unwritable,
    chunks,
    content_id,
    dumps,
    layout,
    loads,
    signature_chunk,
    validate,
    writer,
)
from pladafmt.rewrite import Rewritten, rewrite
from pladafmt.testing import ENCODINGS, damaged, metadata, payloads
from pladafmt.writer import Encoding

from .damage import chunks_of, joined

SIGN = signature_chunk.write(bytes(8), bytes(64))
SAFE = [0xC2, 0xD7, 0xDF]
UNSAFE = [0x81, 0x97, 0x9F]


def rewritten(data: bytes, **settings: Any) -> Rewritten:
    """Rewrite `data`, and check what holds for every result."""
    found = rewrite(data, **settings)
    before, after = loads(data), loads(found.data)
    assert found.content_id == content_id(before) == content_id(after)
    assert after.classes == before.classes and after.identifiers == before.identifiers
    assert np.array_equal(after.positions, before.positions)
    assert np.array_equal(after.labels, before.labels)
    if before.weights is not None:
        assert after.weights is not None and np.array_equal(after.weights, before.weights)
    return found


@st.composite
def spans(draw: st.DrawFn, size: int) -> int | None:
    """A block span that makes a hundred blocks at most."""
    return draw(st.none() | st.integers(max(1, size // 100), max(1, size)))


@given(st.data(), payloads(), st.sampled_from(ENCODINGS), st.booleans(), st.booleans())
def test_the_content_id_stays(
    data: st.DataObject, payload: Payload, encoding: Encoding, before: bool, after: bool
) -> None:
    span = spans(payload.pool.size)
    whole = dumps(payload, block_span=data.draw(span), dense=before)
    settings: dict[str, Any] = {
        "encoding": encoding,
        "block_span": data.draw(span),
        "dense": after,
        **data.draw(
            st.sampled_from([{}, {"drop_metadata": True}])
            | st.builds(lambda value: {"metadata": value}, metadata)
        ),
    }
    try:
        found = rewritten(whole, **settings)
    except PladaError as error:
        assert encoding == "bitmap" and error.code in ("bitmap-span", "limit-stream")
        return
    read = loads(found.data)
    wanted = None if "drop_metadata" in settings else settings.get("metadata", payload.metadata)
    assert read.metadata == wanted
    same = {name: settings[name] for name in ("encoding", "block_span", "dense")}
    assert len(found.data) <= len(dumps(read, **same))
    again = rewritten(found.data, **same)
    assert again.data == found.data, "nothing is left to change"


@given(st.data(), payloads(max_size=5000), st.booleans(), st.booleans())
def test_unknown_chunks(data: st.DataObject, payload: Payload, signed: bool, dense: bool) -> None:
    span = spans(payload.pool.size)
    old_span = data.draw(span)
    plain = dumps(payload, block_span=old_span)
    *parts, end = [chunk.data for chunk in chunks_of(plain)]
    for kind in data.draw(st.lists(st.sampled_from(SAFE + UNSAFE), max_size=4, unique=True)):
        at = data.draw(st.integers(1, len(parts)))
        parts.insert(at, chunks.write(kind, b"unknown"))
    whole = joined(plain, [*parts, *[SIGN] * signed, end])
    settings: dict[str, Any] = {
        "block_span": data.draw(st.just(old_span) | span),
        "dense": dense,
        "drop_metadata": data.draw(st.booleans()),
    }
    found = rewritten(whole, **settings)
    old, new = chunks_of(whole), chunks_of(found.data)

    def critical(items: list[Any]) -> list[bytes]:
        return [item.data for item in items if not item.header.ancillary]

    changed = critical(old) != critical(new)
    unknown = [item for item in old if item.header.type in SAFE + UNSAFE]
    stay = [item for item in unknown if not changed or item.header.type in SAFE]
    assert [item.data for item in new if item.header.type in SAFE + UNSAFE] == [
        item.data for item in stay
    ]
    assert found.kept == tuple(item.header.name for item in stay)
    gone = [item.header.name for item in unknown if item not in stay]
    identical = found.data == whole
    assert list(found.dropped) == gone + ["SIGN"] * (signed and not identical)
    assert identical == (
        not changed and (payload.metadata is None or not settings["drop_metadata"])
    )
    # Each stays on its side of the class map, of the metadata, of the blocks before and behind all.
    for item in stay:
        before, after = sides(old, item.header.type), sides(new, item.header.type)
        known = set(after[0] + after[1])
        assert [kind for kind in before[0] if kind in known] == after[0]
        if not changed:
            assert set(before[0]) & known == set(after[0])


def sides(parts: list[Any], kind: int) -> tuple[list[int], list[int]]:
    """The kinds of known chunks before and behind that of `kind`, each once."""
    kinds = [part.header.type for part in parts]
    at = kinds.index(kind)
    known = set(layout.CHUNK_NAMES) - {layout.SIGNATURE}
    return (
        list(dict.fromkeys(each for each in kinds[:at] if each in known)),
        list(dict.fromkeys(each for each in kinds[at:] if each in known)),
    )


def test_a_chunk_between_blocks_stays_between_them() -> None:
    payload = Payload(PoolRef(bytes(32), 400), 2, range(400), [0, 1] * 200)
    plain = dumps(payload, block_span=100)
    parts = [chunk.data for chunk in chunks_of(plain)]
    whole = joined(plain, [*parts[:3], chunks.write(0xC2, b""), *parts[3:]])
    order = {
        100: [1, 3, 3, 0xC2, 3, 3, 4],
        50: [1, 3, 3, 3, 3, 0xC2, 3, 3, 3, 3, 4],
        150: [1, 3, 3, 0xC2, 3, 4],
        400: [1, 3, 0xC2, 4],
    }
    for span, kinds in order.items():
        found = rewritten(whole, block_span=span)
        assert [chunk.header.type for chunk in chunks_of(found.data)] == kinds
        for before, after in pairwise(chunks_of(found.data)):
            assert before.end == after.start


def test_a_signature_stays_only_where_nothing_changes() -> None:
    payload = Payload(PoolRef(bytes(32), 400), ["a", "b"], range(400), [0, 1] * 200)
    plain = dumps(payload, block_span=100)
    signed = plain[:-6] + SIGN + plain[-6:]
    assert validate(signed).facts["signed_by"] is not None
    same = rewritten(signed, block_span=100)
    assert same.data == signed and same.dropped == ()
    for settings in ({"block_span": 200}, {"block_span": 100, "metadata": {}}, {"dense": True}):
        found = rewritten(signed, **settings)
        assert found.dropped == ("SIGN",)
        assert validate(found.data).facts["signed_by"] is None


def test_names_that_are_not_nfc_stay() -> None:
    payload = Payload(PoolRef(bytes(32), 50), ["cafe\u0301", "dog"], [3, 4, 40], [0, 1, 0])
    with pytest.raises(Unwritable):
        dumps(payload)
    blocks = writer.encode_blocks(
        payload, None, None, encoding="delta", block_span=None, dense=False, limits=Limits()
    )
    parts = [
        (layout.CLASSES, writer.class_map_body(payload, Limits())),
        (layout.BLOCK, blocks[0].body),
    ]
    data = writer.assemble(
        payload, None, None, parts, used=blocks[0].used, largest=blocks[0].largest
    )
    assert loads(rewritten(data, dense=True, block_span=10).data).classes == payload.classes


def test_a_wasteful_class_map_is_made_smaller() -> None:
    names = [f"a class of things, number {number}" for number in range(50)]
    payload = Payload(PoolRef(bytes(32), 50), names, [3, 4, 40], [0, 1, 0])
    text = b"".join(bytes([len(name)]) + name.encode() for name in names)
    block = writer.encode_blocks(
        payload, None, None, encoding="auto", block_span=None, dense=False, limits=Limits()
    )[0]
    parts = [(layout.CLASSES, b"\0" + text), (layout.BLOCK, block.body)]
    data = writer.assemble(payload, None, None, parts, used=block.used, largest=block.largest)
    assert rewritten(data).data == dumps(payload)
    assert len(dumps(payload)) < len(data)


@given(st.data(), payloads(max_size=3000))
def test_what_a_reader_refuses_is_refused(data: st.DataObject, payload: Payload) -> None:
    bad = data.draw(damaged(dumps(payload)))
    report = validate(bad)
    if report.ok:
        rewritten(bad)
        return
    with pytest.raises(PladaError) as caught:
        rewrite(bad)
    assert caught.value.code == report.code


def test_settings_that_cannot_work() -> None:
    data = dumps(Payload(PoolRef(bytes(32), 50), 2, [3, 4, 40], [0, 1, 0]))
    for settings in (
        {"encoding": "zip"},
        {"block_span": 0},
        {"metadata": {}, "drop_metadata": True},
        {"metadata": {"a": float("nan")}},
    ):
        with pytest.raises(Unwritable):
            rewrite(data, **settings)
    assert rewrite(data, block_span=2**70).data == data
    with pytest.raises(PladaError, match="limit-metadata"):
        rewrite(data, metadata={"a": "x" * 99}, limits=Limits(metadata=50))
