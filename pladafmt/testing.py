"""Hypothesis strategies for payloads, their files, and damaged files.

For people who test what reads or writes `.plada` files. Needs Hypothesis, as in
``pip install 'pladafmt[test]'``; nothing else in pladafmt imports this module. To test a reader::

    from hypothesis import given
    from pladafmt import validate
    from pladafmt.testing import damaged_files, valid_files

    @given(valid_files() | damaged_files())
    def test_my_reader(data):
        report = validate(data)
        assert my_verdict(data) == (report.verdict, report.code)

and a writer by reading what it makes of `payloads`.
"""

from __future__ import annotations

import unicodedata
import zlib
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from . import chunks, layout, names
from .errors import PladaError
from .payload import Payload, PoolRef
from .rules.codes import Codes
from .rules.rule import ID_BYTES, Rule
from .weights import WeightScale
from .writer import Encoding, dumps

try:
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError("pladafmt.testing needs Hypothesis: pip install 'pladafmt[test]'.") from error

__all__ = [
    "ENCODINGS",
    "class_names",
    "damaged",
    "damaged_files",
    "metadata",
    "payloads",
    "positions",
    "repair",
    "rule_payloads",
    "valid_files",
]

ENCODINGS: tuple[Encoding, ...] = ("auto", "bitmap", "delta", "rle")
"""What `pladafmt.dumps` takes for `encoding`."""

MAX_SIZE = 2**53 - 1
"""Images in the largest pool."""

_text = st.text(
    st.characters(codec="utf-8").filter(lambda c: names.find_forbidden(c) is None),
    min_size=1,
    max_size=20,
)


class_names: st.SearchStrategy[str] = _text.map(partial(unicodedata.normalize, "NFC")).filter(
    lambda t: 0 < len(t.encode()) <= 255
)
"""Names that a class may have."""

_json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda children: (
        st.lists(children, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), children, max_size=3)
    ),
    max_leaves=6,
)

metadata: st.SearchStrategy[dict[str, Any]] = st.dictionaries(
    st.text(st.characters(codec="utf-8"), max_size=8), _json_values, max_size=4
)
"""JSON objects that metadata may be."""


@st.composite
def positions(draw: st.DrawFn, size: int) -> list[int]:
    """Draw ascending positions below `size`: scattered, in runs, all, or none."""
    if size == 0:
        return []
    shape = draw(st.sampled_from(["scattered", "runs", "all", "none", "ends"]))
    if shape == "none":
        return []
    if shape == "all" and size <= 2000:
        return list(range(size))
    if shape == "ends":
        return sorted({0, size - 1})
    if shape == "runs":
        at = draw(st.integers(0, min(size - 1, 2**40)))
        found: list[int] = []
        for _ in range(draw(st.integers(1, 6))):
            length = draw(st.integers(1, 300))
            found += range(at, min(at + length, size))
            at += length + draw(st.one_of(st.integers(1, 300), st.integers(1, 2**20)))
            if at >= size:
                break
        return found
    return sorted(draw(st.sets(st.integers(0, size - 1), max_size=60)))


@st.composite
def payloads(draw: st.DrawFn, *, max_size: int = MAX_SIZE) -> Payload:
    """Draw any payload that has a file, with the corners of the format over-represented.

    Args:
        draw: given by Hypothesis.
        max_size: images in the largest pool to draw.
    """
    size = draw(
        st.one_of(
            st.sampled_from([0, 1, 7, 8, 9, 14_197_122, 2**32 + 5, MAX_SIZE]),
            st.integers(0, 3000),
            st.integers(0, MAX_SIZE),
        ).filter(lambda n: n <= max_size)
    )
    kept = draw(positions(size))
    count = draw(st.sampled_from([1, 2, 10, 255, 256, 257, 65_536]))
    classes: int | list[str] = count
    identifiers = None
    if draw(st.booleans()):
        classes = draw(st.lists(class_names, min_size=1, max_size=6, unique=True))
        count = len(classes)
        if draw(st.booleans()):
            identifiers = [f"n{i:08d}" if draw(st.booleans()) else "" for i in range(count)]
    labels = draw(
        st.lists(st.integers(0, count - 1), min_size=min(len(kept), 8), max_size=min(len(kept), 8))
    )
    weights: npt.ArrayLike | None = None
    if draw(st.booleans()):
        pool = draw(st.lists(st.floats(1e-30, 1e30), min_size=1, max_size=5))
        weights = np.resize(pool, len(kept)) if kept else []
    scale = None
    if weights is not None and draw(st.booleans()):
        scale = WeightScale.fit(
            np.asarray(weights, dtype=np.float64), bits=draw(st.sampled_from([4, 8]))
        )
    return Payload(
        pool=PoolRef(draw(st.binary(min_size=32, max_size=32)), size),
        classes=classes,
        positions=np.array(kept, dtype=np.uint64),
        labels=np.resize(np.array(labels, dtype=np.uint16), len(kept)),
        weights=weights,
        metadata=draw(st.none() | metadata),
        identifiers=identifiers,
        weight_scale=scale,
    )


@st.composite
def valid_files(draw: st.DrawFn, *, max_size: int = MAX_SIZE, dense: bool = True) -> bytes:
    """Draw the bytes of any valid file that pladafmt can write.

    Args:
        draw: given by Hypothesis.
        max_size: images in the largest pool to draw; smaller ones also come in several blocks.
        dense: whether some files may need the feature ``dense``.
    """
    payload = draw(payloads(max_size=max_size))
    encoding = draw(st.sampled_from(ENCODINGS))
    block_span = draw(st.none() | st.integers(1, 5000))
    if payload.pool.size > 10_000:
        block_span = None
    dense = dense and draw(st.booleans())
    try:
        return dumps(payload, encoding=encoding, block_span=block_span, dense=dense)
    except PladaError:
        # Not every payload can be written as a bitmap.
        return dumps(payload, dense=dense)


def repair(data: bytes) -> bytes:
    """Return `data` with the CRC of every chunk that can still be found made right.

    Args:
        data: a damaged file.
    """
    fixed = bytearray(data)
    offset, head_crc = 9, 0
    while offset < len(fixed):
        try:
            header = chunks.read_header(bytes(fixed), offset)
            chunks.check_bounds(bytes(fixed), header)
        except PladaError:
            break
        seed = 0 if header.ancillary else head_crc
        crc = zlib.crc32(fixed[offset : header.end], seed)
        fixed[header.end : header.after] = crc.to_bytes(4, "little")
        if header.type == layout.HEAD:
            head_crc = crc
        offset = header.after
    return bytes(fixed)


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """Draw `data` with bytes changed, cut, doubled or inserted; checksums stale or repaired.

    Args:
        draw: given by Hypothesis.
        data: a file.
    """
    out = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(out) - 1, 0)))
        end = min(len(out), at + draw(st.integers(1, 12)))
        kind = draw(st.sampled_from(["flip", "set", "cut", "tail", "double", "insert"]))
        if kind == "flip" and out:
            out[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "set" and out:
            out[at] = draw(st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]))
        elif kind == "cut":
            del out[at:end]
        elif kind == "tail":
            del out[at:]
        elif kind == "double":
            out[at:at] = out[at:end]
        else:
            out[at:at] = draw(st.binary(min_size=1, max_size=12))
    return repair(bytes(out)) if draw(st.booleans()) else bytes(out)


@st.composite
def damaged_files(draw: st.DrawFn, *, max_size: int = MAX_SIZE, dense: bool = True) -> bytes:
    """Draw a valid file with damage; a few are still valid. The arguments are `valid_files`'s."""
    return draw(damaged(draw(valid_files(max_size=max_size, dense=dense))))


@st.composite
def rule_payloads(draw: st.DrawFn) -> tuple[Payload, Rule, Codes]:
    """Draw a payload, a rule that keeps some of its images, and the codes of its pool.

    The payload also has images that the rule does not keep, and others have another label there.
    """
    images, columns, classes = (
        draw(st.integers(0, 60)),
        draw(st.integers(1, 6)),
        draw(st.integers(2, 5)),
    )
    grown, wider = draw(st.integers(0, 3)), draw(st.integers(0, 2))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    codes = Codes(random.integers(-128, 128, (images + grown, columns + wider), dtype=np.int8))
    top, shift = draw(st.integers(1, 15)), draw(st.integers(0, 4))
    weights = random.integers(-top, top + 1, (classes, columns))
    if draw(st.booleans()):
        weights[:] = weights[0]  # Equal scores.
    rule = Rule(
        codes.id_of(images)[:ID_BYTES],
        weights,
        random.integers(-50, 51, classes) << shift,
        random.integers(0, draw(st.sampled_from([1, 100, 1000])), classes) << shift,
        shift,
    )
    kept = rule.keep(codes, images)
    labels = np.full(images, -1)
    labels[kept.positions] = kept.labels
    changed = random.random(images) < draw(st.sampled_from([0, 0.1, 1]))
    labels[changed] = random.integers(0, classes, int(changed.sum()))
    (positions_,) = np.nonzero(labels >= 0)
    names_ = draw(st.lists(class_names, min_size=classes, max_size=classes, unique=True))
    payload = Payload(
        PoolRef(draw(st.binary(min_size=32, max_size=32)), images),
        names_ if draw(st.booleans()) else classes,
        positions_,
        labels[positions_],
        metadata=draw(st.none() | metadata),
    )
    return payload, rule, codes
