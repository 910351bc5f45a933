"""The specification against the code, its vectors, and what is generated from it."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plada_conformance import appendix_b, coverage, make, programs, requirements
from plada_conformance.tables import EXAMPLE, generate
from plada_conformance.vectors_on_disk import ROOT, vectors

from pladafmt import loads, validate, weights
from pladafmt.blocks import dense, labels
from pladafmt.blocks.encodings import bitmap, delta, rle
from pladafmt.blocks.encodings import dense as dense_positions

SPEC = Path(__file__).parents[2] / "spec"
TEXT = (SPEC / "plada-1.md").read_text("utf-8")
MORE = "run: make spec"


def test_generated_parts_are_current() -> None:
    assert generate(TEXT) == TEXT, MORE
    assert requirements.with_index(TEXT) == TEXT, MORE
    assert programs.extract(TEXT) == programs.TARGET.read_text("utf-8"), MORE


def test_requirements_are_the_sentences_of_the_specification() -> None:
    found = (SPEC / requirements.FILE).read_text("utf-8")
    assert found == requirements.as_json(requirements.extract(TEXT)), MORE
    flat = " ".join(TEXT.split())
    for rule in requirements.load(SPEC / requirements.FILE):
        assert f"{rule.sentence} [{rule.id}]" in flat
        assert re.search(r"\bMUST\b", rule.sentence)


@pytest.mark.slow
def test_vectors_are_those_that_their_generators_make() -> None:
    wanted = make.files(SPEC / "plada-1.md")
    found = {
        path.relative_to(ROOT).as_posix(): path.read_bytes()
        for path in ROOT.rglob("*")
        if path.is_file()
    }
    assert found.keys() == wanted.keys(), "run: make vectors"
    assert [path for path in wanted if found[path] != wanted[path]] == [], "run: make vectors"


def test_coverage() -> None:
    found = coverage.measure()
    assert found["uncovered"] == []
    assert found["one_sided"] == []
    assert found["must_covered"] + len(found["untestable"]) == found["must_total"]
    assert found["vectors"] >= 250


def test_every_error_code_has_a_vector() -> None:
    tested = {vector.data["code"] for vector in vectors()} - {None}
    codes = requirements.error_codes(TEXT)
    assert tested == codes
    # And every requirement with a code is broken by a vector that gets just this code.
    for rule in requirements.extract(TEXT):
        if rule.code is not None:
            assert any(
                vector.data["code"] == rule.code and rule.id in vector.data["requirements"]
                for vector in vectors()
            ), rule.id


def test_the_worked_example() -> None:
    example = TEXT.split("<!-- begin: example -->")[1].split("<!-- end -->")[0]
    rows = re.findall(r"^(?: *\d+  |     )((?:[0-9a-f]{2} ?)+)", example, re.MULTILINE)
    data = bytes.fromhex("".join(rows))
    assert loads(data) == EXAMPLE
    assert data == (ROOT / "valid/container/worked_example.plada").read_bytes()


def test_it_can_be_read_in_one_sitting() -> None:
    body = TEXT.split("## Appendix A.")[0]
    assert len(re.findall(r"[A-Za-z0-9][\w.^'-]*", body)) <= 6300


relative_positions = st.lists(
    st.one_of(st.integers(1, 3), st.integers(1, 2**17), st.integers(1, 2**44)), max_size=40
).map(lambda gaps: [0, *np.cumsum(gaps, dtype=np.int64).tolist()])


@given(relative_positions)
def test_programs_for_positions(relative: list[int]) -> None:
    span, count, array = relative[-1] + 1, len(relative), np.array(relative)
    for number, encoding in enumerate((bitmap, delta, rle)):
        assert appendix_b.position_sizes(number, span, count) == encoding.size_bounds(span, count)
    stream = appendix_b.write_delta(relative)
    assert stream == b"".join(delta.encode(array, span))
    assert appendix_b.read_delta(stream, span, count) == relative
    stream = appendix_b.write_rle(relative)
    assert stream == b"".join(rle.encode(array, span))
    assert appendix_b.read_rle(stream, span, count) == relative
    stream = appendix_b.write_dense_positions(relative)
    assert stream == b"".join(dense_positions.encode(array, span))
    assert appendix_b.read_dense_positions(stream, span, count) == relative
    if span < 10_000:
        stream = appendix_b.write_bitmap(relative, span)
        assert stream == b"".join(bitmap.encode(array, span))
        assert appendix_b.read_bitmap(stream, span, count) == relative


@given(
    relative_positions,
    st.sampled_from([2, 3, 16, 256, 257, 65_536]),
    st.integers(1, 7),
    st.randoms(use_true_random=False),
)
def test_programs_for_labels(
    relative: list[int],
    classes: int,
    shift: int,
    random: Random,
) -> None:
    few = [random.randrange(classes) for _ in range(3)]
    values = [few[random.randrange(3)] for _ in relative]
    array, kinds = np.array(values, np.uint16), dense.kinds_of(np.array(relative))
    stream = appendix_b.write_labels(values, classes)
    assert stream == b"".join(labels.encode(array, classes))
    assert appendix_b.read_labels(stream, classes, len(values)) == values
    stream = appendix_b.write_dense_labels(values, relative, classes, shift)
    assert stream == dense.encode_labels(array, kinds, classes, shift, 10**6)
    assert appendix_b.read_dense_labels(stream, relative, classes, shift) == values


@given(st.sampled_from([4, 8]), st.binary(min_size=1, max_size=30))
def test_programs_for_weights(bits: int, octets: bytes) -> None:
    codes = [octet % 2**bits for octet in octets]
    stream = appendix_b.write_codes(codes, bits)
    assert stream == weights.pack(np.array(codes, np.uint8), bits)
    assert appendix_b.read_codes(stream, bits, len(codes)) == codes


def test_no_byte_of_the_example_is_unowned() -> None:
    data = (ROOT / "valid/container/worked_example.plada").read_bytes()
    assert sum(part.size for part in validate(data).parts) == len(data)
