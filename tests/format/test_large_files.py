"""A path may name anything: an endless device, a pipe, or a file that does not fit into memory."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pladafmt import (
    Codes,
    Limits,
    Payload,
    PladaError,
    PoolRef,
    Rule,
    dumps,
    load,
    sources,
    validate,
    varint,
)
from pladafmt.chunks import read_header, write
from pladafmt.stored import StoredBytes
from pladafmt.testing import damaged, payloads, rule_payloads

SMALL = Payload(PoolRef(bytes(32), 500), ["a", "b"], [9, 10, 40], [0, 1, 1], metadata={"a": 1})
START = dumps(SMALL)[:-6]
END = dumps(SMALL)[-6:]
UNNAMED = dumps(Payload(SMALL.pool, 2, [], []))
HUGE = 20 << 30
"""Twice what any of these tests could hold."""


def same_either_way(
    data: bytes, tmp: Path, limits: Limits | None = None, codes: Codes | None = None
) -> None:
    """A file that is read chunk by chunk gets the report of one that is read in one go."""
    path = tmp / "file"
    path.write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "MOST_WHOLE", -1)
        found = validate(path, limits=limits, codes=codes)
        assert found == validate(data, limits=limits, codes=codes)
        if found.ok:
            assert load(path, limits=limits, codes=codes) == found.payload


@pytest.mark.slow
@given(st.data(), payloads())
def test_a_large_file_is_read_like_a_small_one(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject, payload: Payload
) -> None:
    whole = dumps(payload, block_span=data.draw(st.none() | st.integers(1, 2000)))
    same_either_way(data.draw(st.just(whole) | damaged(whole)), tmp_path_factory.getbasetemp())


@pytest.mark.slow
@given(st.data(), rule_payloads())
def test_so_is_one_with_a_rule(
    tmp_path_factory: pytest.TempPathFactory,
    data: st.DataObject,
    drawn: tuple[Payload, Rule, Codes],
) -> None:
    payload, rule, codes = drawn
    whole = dumps(payload, rule=rule, codes=codes)
    file = data.draw(st.just(whole) | damaged(whole))
    for at_hand in (codes, None):
        same_either_way(file, tmp_path_factory.getbasetemp(), codes=at_hand)


@pytest.mark.parametrize("body", [b"", bytes(300), bytes(70_000), bytes(2_500_000)])
@pytest.mark.parametrize("kind", [0x01, 0x02, 0xC1, 0x03, 0x81, 0xC2, 0x82, 0x04])
def test_chunks_that_are_too_long_are_told_alike(tmp_path: Path, kind: int, body: bytes) -> None:
    head = read_header(START, 9)
    crc = int.from_bytes(START[head.end : head.after], "little")
    if kind == 0x01:
        data = START[:9] + write(kind, body) + START[head.after :] + END
    elif kind == 0x04:
        data = START + write(kind, body, crc)
    else:
        data = START[: head.after] + write(kind, body, crc) + END
    assert validate(data).code not in ("crc-mismatch", "truncated")
    same_either_way(data, tmp_path)
    same_either_way(data, tmp_path, Limits(stream=16))


def test_a_block_that_does_not_fit_into_memory_is_told(tmp_path: Path) -> None:
    head = read_header(START, 9)
    crc = int.from_bytes(START[head.end : head.after], "little")
    path = tmp_path / "file"
    path.write_bytes(START[: head.after] + write(0x03, bytes(5000), crc) + END)
    read = StoredBytes._read

    def full(self: StoredBytes, start: int, count: int) -> bytes:
        if count == 5000:
            raise MemoryError
        return read(self, start, count)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "MOST_WHOLE", -1)
        assert validate(path).code == "block-empty"
        patch.setattr(StoredBytes, "_read", full)
        report = validate(path)
    assert report.code == "limit-stream" and "5,000 bytes" in str(report.problem)


def test_a_file_that_becomes_shorter_is_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(START + write(0xC2, bytes(1 << 22)) + END)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "MOST_WHOLE", -1)
        with sources.opened(path) as data:
            os.truncate(path, len(START) + 100)
            with pytest.raises(PladaError) as caught:
                data[0 : len(data)]
    assert caught.value.code == "truncated"


def sparse(path: Path, start: bytes, end: bytes = b"") -> Path:
    """A file of `HUGE` bytes that takes no room on the disk."""
    with open(path, "wb") as file:
        file.write(start)
        file.truncate(HUGE)
        file.seek(HUGE - len(end))
        file.write(end)
    return path


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (b"", "bad-magic"),
        (START[:8], "unknown-version"),
        (START, "chunk-type"),
        (START + END, "trailing-bytes"),
        # A META chunk of 16 GiB: refused for its size before a byte of it is read.
        (START + b"\xc3\xff\xff\xff\xff\x7f", "truncated"),
        (
            dumps(Payload(SMALL.pool, 2, [], []))[:-6] + b"\xc1\x80\x80\x80\x80\x40",
            "limit-metadata",
        ),
    ],
)
def test_a_file_that_does_not_fit_into_memory_is_refused(
    tmp_path: Path, start: bytes, code: str
) -> None:
    path = sparse(tmp_path / "file", start)
    report = validate(path)
    assert (report.code, report.size) == (code, HUGE)
    assert sum(part.size for part in report.parts) == HUGE
    with pytest.raises(PladaError) as caught:
        load(path)
    assert caught.value.code == code


def test_a_device_without_an_end_is_refused() -> None:
    assert validate("/dev/zero").code == "bad-magic"
    with pytest.raises(PladaError):
        load("/dev/urandom")


@pytest.mark.parametrize("extra", [0, 1])
def test_a_pipe_is_read_to_its_end_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, extra: int
) -> None:
    data = START + write(0xC2, bytes(200_000)) + END
    monkeypatch.setattr(sources, "MOST_STREAMED", len(data) - extra)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    def feed() -> None:
        with open(pipe, "wb") as file:
            file.write(data)

    feeder = threading.Thread(target=feed)
    feeder.start()
    if extra:
        with pytest.raises(OSError, match="make it a file first"):
            load(pipe)
    else:
        assert load(pipe) == SMALL
    feeder.join(timeout=20)


HALF = 1 << 29

LIMITED = """
import resource, sys
from pladafmt import validate
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + (300 << 20),) * 2)
print(validate(sys.argv[1]).code)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "code"),
    [(0xC2, "truncated"), (0x82, "body-long"), (0x03, "limit-stream"), (0x04, "body-long")],
)
def test_memory_does_not_follow_the_size_of_the_file(tmp_path: Path, kind: int, code: str) -> None:
    """A chunk of half a gigabyte, whose CRC is right, with 300 MB of memory."""
    head = read_header(START, 9)
    start = bytes([kind]) + varint.write(HALF)
    seed = 0 if kind & 0x80 else int.from_bytes(START[head.end : head.after], "little")
    crc = zlib.crc32(start, seed)
    for _ in range(HALF >> 20):
        crc = zlib.crc32(bytes(1 << 20), crc)
    path = tmp_path / "file"
    with open(path, "wb") as file:
        file.write(START[: head.after] + start)
        file.seek(HALF, os.SEEK_CUR)
        file.write(crc.to_bytes(4, "little"))
    result = subprocess.run(
        [sys.executable, "-c", LIMITED, str(path)], capture_output=True, text=True, check=False
    )
    assert (result.stdout.strip(), result.stderr) == (code, "")
