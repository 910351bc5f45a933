"""Plain headers are read without tarfile: what they say is what tarfile says."""

from __future__ import annotations

import io
import tarfile
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from plada_ref.errors import PipelineError
from plada_ref.pool.offsets import Member
from plada_ref.pool.tar import members

_NAMES = st.one_of(
    st.from_regex(r"\A[a-z]{1,8}(/[a-z]{1,4})?\.png\Z"),
    st.sampled_from(
        ["ä.png", "a" * 96 + ".png", "b/" + "c" * 95 + ".png", "c/" * 60 + "d.png", "x.txt"]
    ),
)


class _Archive(bytes):
    """Stored bytes that a failing test does not print."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes>"


@st.composite
def _archives(draw: st.DrawFn) -> _Archive:
    form = draw(st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]))
    stored = io.BytesIO()
    named = draw(st.booleans()) and form == tarfile.PAX_FORMAT
    everywhere = {"path": "global.png"} if named else None
    with tarfile.open(fileobj=stored, mode="w", format=form, pax_headers=everywhere) as archive:
        for name in draw(st.lists(_NAMES, min_size=1, max_size=5)):
            info = tarfile.TarInfo(name)
            info.size = draw(st.sampled_from([0, 1, 511, 512, 513]))
            info.mtime = draw(st.sampled_from([0, 1.5]))  # A fraction takes a header of its own.
            info.uname = draw(st.sampled_from(["", "someone", "\xff" * 12]))
            if not info.size:
                info.type = draw(st.sampled_from([tarfile.REGTYPE, tarfile.SYMTYPE]))
            archive.addfile(info, io.BytesIO(b"x" * info.size))
    return _Archive(stored.getvalue())


def _by_tarfile(data: bytes) -> list[Member]:
    """What tarfile finds, in an archive that it reads to its end."""
    with tarfile.open(fileobj=io.BytesIO(data), encoding="utf-8") as archive:
        return [
            Member(info.name, info.offset_data, info.size)
            for info in archive
            if info.isreg() and info.name.endswith(".png")
        ]


def _found(data: bytes) -> list[Member]:
    return list(members(io.BytesIO(data), len(data), "it", Counter()))


@given(_archives())
def test_all_members_are_found(data: bytes) -> None:
    assert _found(data) == _by_tarfile(data)


@given(_archives(), st.data())
def test_a_changed_byte_never_goes_by(data: bytes, drawn: st.DataObject) -> None:
    """A header has a checksum: with a byte changed in one, there is an error."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        headers = [info.offset_data - tarfile.BLOCKSIZE for info in archive]
    if not headers:
        return
    place = drawn.draw(st.sampled_from(headers)) + drawn.draw(st.integers(0, 511))
    change = drawn.draw(st.integers(1, 255))
    damaged = bytearray(data)
    damaged[place] ^= change
    try:
        found = _found(bytes(damaged))
    except PipelineError:
        return
    # Only how the checksum's digits are padded says nothing.
    assert found == _by_tarfile(bytes(damaged)) == _found(data)
