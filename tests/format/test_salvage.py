"""What is whole in a damaged file comes back, and nothing else does."""

from __future__ import annotations

import time
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pladafmt import (
    LimitExceeded,
    Limits,
    Payload,
    PladaError,
    PoolRef,
    Unsupported,
    chunks,
    content_id,
    dumps,
    head,
    layout,
    loads,
    signature_chunk,
    writer,
)
from pladafmt.ledger import Ledger
from pladafmt.salvage import Salvaged, rebuild, salvage, search
from pladafmt.salvage.range_crc import ONES, RangeCrc
from pladafmt.salvage.search import Search
from pladafmt.testing import damaged, payloads

from .damage import (
    PREAMBLE,
    block_files,
    blocks_of,
    chunks_of,
    head_crc,
    joined,
    noise,
    positions_in,
)

SPAN = 100


def small(**changes: Any) -> tuple[Payload, bytes]:
    """Four blocks of 25 images, named classes, metadata."""
    positions = np.arange(1, 400, 4)
    parts: dict[str, Any] = {
        "pool": PoolRef(bytes(range(32)), 450),
        "classes": ["cat", "dog"],
        "positions": positions,
        "labels": positions // 4 % 3 == 0,
        "metadata": {"licence": "CC0"},
    } | changes
    parts["labels"] = np.asarray(parts["labels"], dtype=np.uint16)
    payload = Payload(**parts)
    return payload, dumps(payload, block_span=SPAN)


def salvaged(data: bytes, *, other: bytes | None = None) -> Salvaged:
    """Salvage `data`, and check what holds for every result."""
    found = salvage(data, other=other)
    assert loads(found.data) == found.payload
    assert content_id(found.payload) == found.content_id
    assert found.per_class.sum() == found.images
    assert bool(found.lost_ranges) <= bool(found.lost_images)
    assert sum(end - start for start, end in found.lost_ranges) >= found.lost_images
    if found.lost_per_class is not None:
        assert found.lost_per_class.sum() == found.lost_images
    mark = (found.payload.metadata or {}).get("plada_salvage")
    if not found.same:
        assert mark is not None and mark["lost_images"] == found.lost_images
    return found


def refused(data: bytes, *, other: bytes | None = None, limits: Limits | None = None) -> PladaError:
    with pytest.raises(PladaError) as caught:
        salvage(data, other=other, limits=limits)
    assert caught.value.problem.endswith(".")
    return caught.value


# What comes back.


@pytest.mark.slow
@given(block_files())
@settings(max_examples=40)
def test_a_file_with_nothing_wrong_comes_back_as_it_is(file: tuple[Payload, bytes]) -> None:
    payload, data = file
    found = salvaged(data)
    assert found.data == data
    assert found.same and found.content_id == content_id(payload)
    assert (found.lost_images, found.lost_ranges, found.unread, found.refused) == (0, (), (), ())
    assert found.names == ("none" if isinstance(payload.classes, int) else "kept")
    assert found.lost_per_class is not None and not found.lost_per_class.any()


@pytest.mark.slow
@given(
    block_files(),
    st.integers(0, 31),
    st.integers(0, 2**32),
    st.sampled_from(["noise", "zeros", "threes", "bit", "header", "length"]),
)
def test_one_block_overwritten(
    file: tuple[Payload, bytes], number: int, seed: int, kind: str
) -> None:
    payload, data = file
    block = blocks_of(data)[number]
    old = bytearray(block.data)
    if kind == "noise":
        new = bytearray(noise(seed, len(old)))
    elif kind in ("zeros", "threes"):
        new = bytearray((b"\0" if kind == "zeros" else b"\3") * len(old))
    elif kind == "bit":
        new = bytearray(old)
        new[seed % len(old)] ^= 1 << (seed // len(old)) % 8
    else:
        new = bytearray(old)
        new[0 if kind == "header" else 1] = seed % 256
    if new == old:
        return
    bad = data[: block.start] + bytes(new) + data[block.end :]
    found = salvaged(bad)
    left = set(range(32)) - {number}
    assert found.blocks == 31
    assert found.payload.positions.tolist() == positions_in(payload, SPAN, left)
    keep = np.isin(payload.positions // SPAN, list(left))
    assert np.array_equal(found.payload.labels, payload.labels[keep])
    if payload.weights is not None:
        assert found.payload.weights is not None
        assert np.array_equal(found.payload.weights, payload.weights[keep])
    assert found.payload.classes == payload.classes
    assert found.lost_images == payload.kept - found.images
    assert found.unread == ((block.start, block.end),)
    before, after = (payload.positions[keep & side] for side in sides(payload, number))
    start = int(before[-1]) + 1 if before.size else 0
    end = int(after[0]) if after.size else payload.pool.size
    assert found.lost_ranges == ((start, end),)
    if found.lost_per_class is not None:
        assert found.lost_per_class_from == "estimate"
        if kind == "bit" and found.lost_per_class.sum() and len(old) > 12:
            assert found.lost_per_class.size == payload.class_count


def sides(payload: Payload, number: int) -> tuple[np.ndarray, np.ndarray]:
    return payload.positions // SPAN < number, payload.positions // SPAN > number


@pytest.mark.slow
def test_cut_anywhere() -> None:
    payload, data = small()
    first, *_ = chunks_of(data)
    blocks = blocks_of(data)
    for end in range(len(data) + 1):
        cut = data[:end]
        whole = sum(block.end <= end for block in blocks)
        if end < first.end:
            assert refused(cut).code == "head-lost"
        elif not whole:
            assert refused(cut).code == "nothing-whole"
        else:
            found = salvaged(cut)
            assert found.blocks == whole
            assert found.payload.positions.tolist() == payload.positions[: 25 * whole].tolist()
            assert found.payload.classes == payload.classes
            assert found.same == (whole == 4)
            if whole < 4:
                assert found.lost_ranges == ((int(found.payload.positions[-1]) + 1, 450),)
        if whole:
            assert salvaged(cut, other=data).blocks == whole


@pytest.mark.slow
def test_the_beginning_cut_off_anywhere() -> None:
    payload, data = small()
    blocks = blocks_of(data)
    for start in range(1, len(data)):
        rest = data[start:]
        whole = sum(block.start >= start for block in blocks)
        if start > PREAMBLE:
            assert refused(rest).code == "head-lost"
        if not whole:
            assert refused(rest, other=data).code == "nothing-whole"
            continue
        found = salvaged(rest, other=data)
        assert found.payload.positions.tolist() == payload.positions[100 - 25 * whole :].tolist()
        assert found.names == "kept" and found.payload.classes == payload.classes
        assert found.payload.metadata is not None
        assert found.payload.metadata["licence"] == "CC0"
        assert found.same == (whole == 4)


@given(block_files(blocks=8), st.data())
def test_whatever_happens_to_other_chunks(file: tuple[Payload, bytes], data: st.DataObject) -> None:
    payload, whole = file
    first, *rest = chunks_of(whole)
    parts = [first.data]
    number, left = 0, set()
    for chunk in rest:
        parts.append(data.draw(st.sampled_from([b"", b"", b"\3", b"\3\5", b"\xc1\x01"])))
        parts.append(noise(data.draw(st.integers(0, 9)), data.draw(st.sampled_from([0, 0, 7, 40]))))
        fate = data.draw(st.sampled_from(["whole", "whole", "gone", "cut", "noise", "grown"]))
        at = data.draw(st.integers(1, len(chunk.data) - 1))
        if fate == "whole":
            parts.append(chunk.data)
        elif fate == "cut":
            parts.append(chunk.data[:at])
        elif fate == "noise":
            parts.append(noise(at, len(chunk.data)))
        elif fate == "grown":
            parts.append(chunk.data[:at] + b"?" + chunk.data[at:])
        if chunk.header.type == layout.BLOCK:
            # One that ends in a question mark may be whole with another one behind it.
            if fate == "whole" or (fate == "grown" and parts[-1].startswith(chunk.data)):
                left.add(number)
            number += 1
    bad = joined(whole, parts)
    if not left:
        assert refused(bad).code == "nothing-whole"
        return
    found = salvaged(bad)
    assert found.payload.positions.tolist() == positions_in(payload, SPAN, left)
    assert found.blocks == len(left)
    lost = set(payload.positions.tolist()) - set(found.payload.positions.tolist())
    if not any(len(chunk.data) and chunk.data not in bad for chunk in rest):
        assert not lost
    covered = {at for start, end in found.lost_ranges for at in range(start, end)}
    # A chunk cut out exactly at its borders leaves no trace; otherwise every loss is covered.
    gone = sum(chunk.data not in bad for chunk in rest)
    assert lost <= covered or gone


def test_a_damaged_preamble() -> None:
    _, data = small()
    for bad in (
        b"?" * PREAMBLE + data[PREAMBLE:],
        data[PREAMBLE:],
        data[3:],
        b"\x03" * 50 + data,
        data[:8] + b"\x07" + data[9:],
    ):
        found = salvaged(bad)
        assert found.same and found.data == data
    assert found.unread == ((8, 9),)


def test_bytes_of_the_preamble_lost_or_brought_in() -> None:
    payload, data = small()
    for at in range(PREAMBLE):
        for broken in (data[:at] + data[at + 1 :], data[:at] + b"\x01\x00" + data[at:]):
            assert loads(salvage(broken).data) == payload, at


def test_bytes_behind_the_end_and_no_end() -> None:
    _, data = small()
    for bad in (data[:-6], data[:-1], data + b"more", data + data, data + bytes(1000)):
        found = salvaged(bad)
        assert found.same and found.data == data
    codes = {each.code for each in salvaged(data + data).refused}
    assert codes == {"block-order", "chunk-duplicate", "trailing-bytes"}


# What must not come back.


def test_blocks_of_another_file_are_refused() -> None:
    payload, data = small()
    _, foreign = small(labels=np.ones(100), metadata=None)
    mine, theirs = chunks_of(data), blocks_of(foreign)
    for at in range(4):
        spliced = [chunk.data for chunk in mine]
        spliced[3 + at] = theirs[at].data
        found = salvaged(joined(data, spliced))
        assert found.blocks == 3
        assert found.payload.labels.sum() == payload.labels.sum() - 25 + sum(
            payload.labels[25 * at : 25 * at + 25] == 0
        )
        added = [chunk.data for chunk in mine]
        added.insert(3 + at, theirs[at].data)
        assert salvaged(joined(data, added)).same
    found = salvaged(data[: mine[4].start] + foreign[PREAMBLE:] + data[mine[4].start :])
    assert found.same
    assert found.refused[0].code == "head-foreign"
    assert found.payload.metadata == payload.metadata


def test_text_of_another_file_is_refused() -> None:
    payload, data = small(metadata=None)
    _, foreign = small(metadata={"licence": "theirs"}, classes=["x", "y"])
    theirs, mine = chunks_of(foreign), chunks_of(data)
    bad = joined(data, [chunk.data for chunk in theirs[:3]] + [chunk.data for chunk in mine[1:]])
    found = salvaged(bad, other=data)
    assert found.payload == payload
    assert refused(bad).code == "nothing-whole"


def test_what_stands_inside_a_whole_chunk_is_not_looked_at() -> None:
    _, data = small()
    parts = [chunk.data for chunk in chunks_of(data)]
    planted = chunks.write(0xC5, b"abc" + parts[4] + b"xyz")
    hidden = joined(data, [*parts[:4], planted, *parts[5:]])
    found = salvaged(hidden)
    assert found.blocks == 3 and found.lost_images == 25
    assert found.unread == ()
    assert found.lost_ranges, "no damage is to be seen, so every range is named"
    assert planted in found.data, "safe to copy"
    shown = bytearray(hidden)
    shown[shown.index(b"xyz")] ^= 1
    assert salvaged(bytes(shown)).same, "a damaged chunk hides nothing"


def test_a_head_inside_a_whole_chunk_is_not_found() -> None:
    _, data = small()
    _, foreign = small(labels=np.ones(100))
    planted = chunks.write(layout.METADATA, b"\0" + foreign)
    assert refused(data[:9] + b"?" + data[10:40] + planted).code == "head-lost"


def test_blocks_out_of_order_are_refused() -> None:
    _, data = small()
    parts = [chunk.data for chunk in chunks_of(data)]
    found = salvaged(joined(data, [*parts[:3], parts[4], parts[3], *parts[5:]]))
    assert found.blocks == 3
    assert [each.code for each in found.refused] == ["block-order"]
    assert found.lost_ranges == ((0, 101), (198, 201), (298, 301), (398, 450))


def test_what_is_lost_out_of_order_is_not_said_to_lie_elsewhere() -> None:
    payload, data = small(positions=[100 * at + i for at in range(4) for i in range(0, 50, 2)])
    parts = [chunk.data for chunk in chunks_of(data)]
    found = salvaged(joined(data, [*parts[:3], parts[4], parts[3], *parts[5:]]))
    covered = {at for start, end in found.lost_ranges for at in range(start, end)}
    assert set(payload.positions[:25].tolist()) <= covered


def test_a_whole_block_with_bad_contents_is_refused() -> None:
    _, data = small(positions=range(1, 400, 20), labels=[0, 1] * 10)
    parts = chunks_of(data)
    body = bytearray(parts[4].body)
    body[-1] = 2  # A label that is no class.
    bad = chunks.write(layout.BLOCK, bytes(body), head_crc(data))
    found = salvaged(
        joined(data, [*(c.data for c in parts[:4]), bad, *(c.data for c in parts[5:])])
    )
    assert found.blocks == 3
    assert [(each.name, each.code) for each in found.refused] == [("BLOCK", "label-range")]
    many = joined(data, [*(c.data for c in parts[:3]), *[bad] * 9, parts[3].data])
    assert salvaged(many).blocks == 1
    # What is decoded for nothing counts towards the limits.
    assert refused(many, limits=Limits(kept=44)).code == "limit-kept"
    assert refused(many, limits=Limits(blocks=8)).code == "limit-blocks"


def test_a_needlessly_long_length_is_no_chunk() -> None:
    _, data = small()
    parts = chunks_of(data)
    body = parts[4].body
    start = bytes([layout.BLOCK, len(body) | 0x80, 0]) + body
    crc = zlib.crc32(start, head_crc(data)).to_bytes(4, "little")
    bad = [*(part.data for part in parts[:4]), start + crc, *(part.data for part in parts[5:])]
    assert salvaged(joined(data, bad)).blocks == 3


# HEAD, class map, metadata, other chunks.


def test_another_file_lends_its_head() -> None:
    payload, data = small()
    first, classes, meta, *_ = chunks_of(data)
    gone = data[:PREAMBLE] + bytes(meta.end - PREAMBLE) + data[meta.end :]
    for other in (data, data[: meta.end], data[: meta.end + 9]):
        found = salvaged(gone, other=other)
        assert found.same and found.payload == payload
    found = salvaged(gone, other=data[: first.end])
    assert found.names == "lost" and found.payload.classes == 2
    assert found.lost_images == 0 and not found.same
    found = salvaged(gone, other=data[: classes.end])
    assert found.same and found.payload.metadata is None
    assert "--head" in refused(gone).problem
    _, foreign = small(labels=np.ones(100))
    wrong = refused(gone, other=foreign)
    assert wrong.code == "nothing-whole" and "another payload" in wrong.problem
    assert refused(gone, other=b"nothing").code == "head-lost"
    # Metadata is not lent to a file that never had any.
    _, plain = small(metadata=None)
    assert chunks_of(plain)[0].data == first.data
    assert salvaged(plain, other=data).payload.metadata is None


def test_lost_names() -> None:
    payload, data = small()
    _, classes, _, block, *_ = chunks_of(data)
    bad = bytearray(data)
    bad[classes.end - 1] ^= 1
    found = salvaged(bytes(bad))
    assert (found.names, found.lost_images, found.payload.classes) == ("lost", 0, 2)
    assert found.payload.metadata is not None
    assert found.payload.metadata["plada_salvage"] == {
        "lost_images": 0,
        "content_check": content_id(payload)[:4].hex(),
    }
    bad[block.end - 1] ^= 1
    assert salvaged(bytes(bad)).names == "unknown"
    _, plain = small(classes=2)
    assert salvaged(plain).names == "none"


def test_the_mark_in_the_metadata() -> None:
    for metadata in (None, {}, {"licence": "CC0"}, {"plada_salvage": 7}):
        payload, data = small(metadata=metadata)
        found = salvaged(data[: blocks_of(data)[2].start])
        mark = {"lost_images": 50, "content_check": content_id(payload)[:4].hex()}
        assert found.payload.metadata == {**(metadata or {}), "plada_salvage": mark}
    payload, data = small(metadata={"a": "\u00e9" * 32_750})
    found = salvage(data[: blocks_of(data)[2].start])
    assert loads(found.data).metadata == payload.metadata, "there is no room for the mark"
    lost_meta = bytearray(data)
    lost_meta[chunks_of(data)[2].end - 1] ^= 1
    found = salvaged(bytes(lost_meta))
    assert found.same and found.payload.metadata is None


def test_other_ancillary_chunks() -> None:
    _, data = small()
    parts = [chunk.data for chunk in chunks_of(data)]
    safe = [chunks.write(0xC2 + at, bytes([at])) for at in range(9)]
    unsafe = chunks.write(0x9F, b"unsafe")
    signature = signature_chunk.write(bytes(8), bytes(64))
    full = [item for pair in zip(parts[:7], safe, strict=False) for item in pair]
    whole = joined(data, [*full, unsafe, signature, parts[7]])
    loads(whole)
    found = salvaged(whole)
    assert found.data == joined(data, [*full, parts[7]])
    assert found.dropped == ("chunk 0x9F", "SIGN")
    assert found.same
    found = salvaged(joined(data, [*full, *full, unsafe, safe[8]]))
    assert found.data == joined(data, [*full, safe[8], parts[7]]), "each once"
    assert salvaged(whole + safe[8]).data == joined(data, [*full, parts[7]]), "not behind END"


def test_histograms() -> None:
    plain, _ = small()
    counts = np.bincount(plain.labels).tolist()
    for told, exact in (
        (counts, True),
        ([counts[0] + 1, counts[1] - 1], True),
        ([100, 0], False),
        ([50, 51], False),
        ([100], False),
        ([True, 99], False),
        ([100.0, 0], False),
        ("no", False),
    ):
        payload, data = small(metadata={"class_counts": told})
        cut = salvaged(data[: blocks_of(data)[3].start])
        if exact and told == counts:
            assert cut.lost_per_class is not None and cut.lost_per_class_from == "metadata"
            assert cut.lost_per_class.tolist() == np.bincount(payload.labels[75:]).tolist()
        elif not exact:
            assert cut.lost_per_class is None and cut.lost_per_class_from is None


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_labels_of_a_damaged_block_are_estimated(dense: bool, weighted: bool) -> None:
    weights = np.linspace(1, 2, 100) if weighted else None
    rng = np.random.default_rng(5)
    payload, _ = small(weights=weights, labels=rng.integers(0, 2, 100))
    data = dumps(payload, block_span=SPAN, dense=dense)
    expected = np.bincount(payload.labels[25:75], minlength=2).tolist()
    bad = bytearray(data)
    for number in (1, 2):
        bad[blocks_of(data)[number].end - 1] ^= 1
    found = salvaged(bytes(bad))
    assert found.lost_images == 50 and found.lost_per_class_from == "estimate"
    assert found.lost_per_class is not None and found.lost_per_class.tolist() == expected
    # Where the bounds of only one of two are known, there is no figure for both.
    bad[blocks_of(data)[2].start] ^= 1
    assert salvaged(bytes(bad)).lost_per_class is None


def test_a_position_stream_need_not_decode_for_an_estimate() -> None:
    payload, _ = small(positions=range(1, 400, 20), labels=[0, 1, 1, 0, 1] * 4)
    data = dumps(payload, block_span=SPAN, encoding="delta")
    block = blocks_of(data)[1]
    assert block.body[3] & 0x0C == 0, "stored"
    bad = bytearray(data)
    bad[block.header.body + 5] ^= 0xFF
    found = salvaged(bytes(bad))
    assert found.lost_per_class is not None and found.lost_per_class.tolist() == [2, 3]


def test_what_head_says_is_checked() -> None:
    _, data = small()
    unknown = replace_head(data, features=8)
    error = refused(unknown)
    assert isinstance(error, Unsupported) and error.code == "unknown-feature"
    assert refused(replace_head(data, kept=451)).code == "kept-over-pool"
    assert refused(data, limits=Limits(kept=99)).code == "limit-kept"
    assert refused(data, limits=Limits(stream=1)).code == "limit-stream"
    assert refused(data, limits=Limits(blocks=3)).code == "limit-blocks"
    assert refused(data, limits=Limits(class_map=3)).code == "limit-class-map"
    assert refused(data, limits=Limits(metadata=3)).code == "limit-metadata"
    assert isinstance(refused(data[:-9], limits=Limits(metadata=3)), LimitExceeded)
    parts = [chunk.data for chunk in chunks_of(data)]
    newer = chunks.write(0x05, b"?", head_crc(data))
    assert refused(joined(data, [*parts[:3], newer, *parts[3:]])).code == "unknown-critical-chunk"


def replace_head(data: bytes, **changes: Any) -> bytes:
    """`data` with other fields in HEAD and with right checksums."""
    parts = chunks_of(data)
    first = replace(head.read(parts[0].body, 0, 0, Limits(), Ledger()), **changes)
    chunk = chunks.write(layout.HEAD, head.write(first))
    seed = int.from_bytes(chunk[-4:], "little")
    rest = [chunks.write(part.header.type, part.body, seed) for part in parts[1:]]
    return joined(data, [chunk, *rest])


def test_names_that_are_not_nfc_stay() -> None:
    payload = Payload(PoolRef(bytes(32), 450), ["cafe\u0301", "dog"], range(350), [0] * 350)
    parts = [(layout.CLASSES, writer.class_map_body(payload, Limits()))]
    blocks = writer.encode_blocks(
        payload,
        None,
        None,
        encoding="rle",
        block_span=SPAN,
        dense=False,
        limits=Limits(),
    )
    parts += [(layout.BLOCK, block.body) for block in blocks]
    used = blocks[0].used
    for block in blocks:
        used |= block.used
    data = writer.assemble(
        payload, None, None, parts, used=used, largest=max(block.largest for block in blocks)
    )
    assert salvaged(data).data == data
    assert salvaged(data[: blocks_of(data)[2].end]).payload.classes == payload.classes


# Whatever the bytes.


def try_to_salvage(data: bytes, other: bytes | None = None) -> None:
    try:
        salvaged(data, other=other)
    except PladaError as error:
        assert error.problem.endswith(".")


@given(st.binary(max_size=200), st.integers(0, 9), st.booleans())
def test_any_bytes(data: bytes, prefix: int, lent: bool) -> None:
    _, whole = small()
    try_to_salvage((layout.MAGIC + b"\x01")[:prefix] + data, whole if lent else None)
    try_to_salvage(whole, data)


@given(st.data(), payloads(max_size=5000), st.integers(1, 500), st.booleans(), st.booleans())
def test_damaged_files(
    data: st.DataObject, payload: Payload, block_span: int, dense: bool, lent: bool
) -> None:
    whole = dumps(payload, block_span=block_span, dense=dense)
    bad = data.draw(damaged(whole))
    try_to_salvage(bad)
    if lent:
        try_to_salvage(bad, whole)
        try_to_salvage(whole, bad)


@given(st.binary(max_size=3000), st.data())
def test_crcs_of_ranges(data: bytes, draw: st.DataObject) -> None:
    edges = sorted(draw.draw(st.tuples(*[st.integers(0, len(data))] * 2)))
    seed = draw.draw(st.integers(0, 2**32 - 1))
    start, end = (np.array([edge]) for edge in edges)
    found = RangeCrc(data).registers(start, end, np.array([seed], dtype=np.uint32))
    assert int(found[0]) ^ ONES == zlib.crc32(data[edges[0] : edges[1]], seed)


@pytest.mark.parametrize("size", [1, 2, 3, 64])
def test_slices_of_the_search_do_not_show(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    payload, _ = small(metadata={"note": "x" * 300})
    data = dumps(payload, block_span=SPAN, encoding="bitmap")
    monkeypatch.setattr(search, "_SLICE", size)
    meta = chunks.write(layout.METADATA, b'\0{"note":"' + b"x" * 300 + b'"}')
    parts = [chunk.data for chunk in chunks_of(data)]
    for gap in (b"?", b"??", b"?" * 70):
        bad = gap.join([*parts[:2], meta, *parts[3:]])
        found = salvaged(data[:PREAMBLE] + bad)
        assert found.same and found.payload.metadata == payload.metadata
        assert found.unread_bytes == len(gap) * (len(parts) - 1)


def test_crcs_of_ranges_over_pieces() -> None:
    for size in ((1 << 20) - 1, 1 << 20, (1 << 20) + 5, (1 << 21) + 4):
        data = noise(size, size)
        edges = np.sort(np.random.default_rng(1).integers(0, size + 1, (40, 2)), axis=1)
        edges[0] = 0, size
        seeds = np.arange(40, dtype=np.uint32)
        found = RangeCrc(data).registers(edges[:, 0], edges[:, 1], seeds)
        for (start, end), seed, register in zip(
            edges.tolist(), seeds.tolist(), found.tolist(), strict=True
        ):
            assert register ^ ONES == zlib.crc32(data[start:end], seed)


def hostile() -> dict[str, bytes]:
    """What makes a search slow, when it is repeated over megabytes."""
    _, data = small()
    seed = head_crc(data)
    first, block = chunks_of(data)[0].data, blocks_of(data)[1].data
    near_block, near_head = bytearray(block), bytearray(first)
    near_block[-1] ^= 1
    near_head[-1] ^= 1
    nested = b""
    for _ in range(2000):
        nested = chunks.write(layout.BLOCK, b"\0\1\1" + nested + b"\1\1", seed)
    end = chunks.write(layout.END, b"", seed)
    return {
        "03": b"\3",
        "05": b"\5",
        "01": b"\1",
        "near-valid block": bytes(near_block),
        "near-valid HEAD": bytes(near_head),
        "block headers": block[:5],
        "long blocks": b"\3\xff\xff\x7f",
        "nested blocks": nested,
        "one block": block,
        "ENDs": end,
        "ENDs and gaps": end + b"\5",
        "HEADs": first,
        "noise": noise(0, 4 * 2**20),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", hostile())
def test_hostile_files_cost_linear_time(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    searches: list[Search] = []

    class Counting(Search):
        def __init__(self, data: bytes) -> None:
            super().__init__(data)
            searches.append(self)

    monkeypatch.setattr(rebuild, "Search", Counting)
    _, data = small()
    whole = data[: blocks_of(data)[0].end]
    pattern = hostile()[name]
    tail = pattern * (4 * 2**20 // len(pattern))
    for bad in (whole + tail, tail):
        searches.clear()
        started = time.perf_counter()
        try:
            assert salvaged(bad).payload.kept == 25 or name == "one block"
        except PladaError:
            assert bad == tail
        seconds = time.perf_counter() - started
        read = sum(each.bytes_read for each in searches) / len(bad)
        print(f"{name:18} {seconds:5.2f} s, file read {read:.2f} times")
        assert read <= 4
