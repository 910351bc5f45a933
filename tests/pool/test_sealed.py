"""Tables that are kept: damage is noticed, and so is another thing's table."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from plada_ref.pool import index_pool, offsets, open_source
from plada_ref.pool.sealed import read_sealed, write_sealed
from plada_ref.storage.cache import cache_folder
from plada_ref.storage.location import fingerprint, state_of


def test_every_byte_counts(tmp_path: Path) -> None:
    table = pa.table({"key": ["a", "b"], "offset": [1, 2]})
    path = tmp_path / "table.sealed"
    write_sealed(path, table, "a")
    raw = path.read_bytes()
    found = read_sealed(path, "a")
    assert found is not None and found.equals(table)
    found = read_sealed(path, "a", ["offset"])
    assert found is not None and found.column_names == ["offset"]
    assert read_sealed(path, "b") is None
    for place in range(len(raw)):
        path.write_bytes(raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :])
        assert read_sealed(path, "a") is None
    for damaged in (b"", raw[:31], raw[:-1], raw + b"\0"):
        path.write_bytes(damaged)
        assert read_sealed(path, "a") is None
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_sealed(path, "a")


def test_a_damaged_index_of_a_shard_is_made_again(
    tmp_path: Path, make_tar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path / "cache"))
    images = {f"{number}.png": bytes([number]) * 100 for number in range(20)}
    path = str(make_tar(tmp_path / "a.tar", images))
    open_source([path]).prepare()
    (entry,) = cache_folder("shards").iterdir()
    whole = entry.read_bytes()
    for place in range(0, len(whole), 11):
        entry.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        source = open_source([path])
        assert {key: source.read(key) for key in images} == images
        assert entry.read_bytes() == whole

    def no_need(_: str) -> Any:
        raise AssertionError("the shard was walked again")

    monkeypatch.setattr("plada_ref.pool.tar.locate", no_need)
    assert offsets._shard_table(path, no_need).num_rows == 20


def test_another_shards_index_is_not_used(
    tmp_path: Path, make_tar: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path / "cache"))
    one = str(make_tar(tmp_path / "one.tar", {"a.png": b"1", "b.png": b"2"}))
    two = str(make_tar(tmp_path / "two.tar", {"b.png": b"2", "a.png": b"1"}))
    open_source([one]).prepare()
    (first,) = cache_folder("shards").iterdir()
    open_source([two]).prepare()
    (second,) = set(cache_folder("shards").iterdir()) - {first}
    shutil.copy(first, second)
    source = open_source([two])
    assert (source.read("a.png"), source.read("b.png")) == (b"1", b"2")


def test_a_damaged_part_is_hashed_again(tmp_path: Path, make_tar: Any) -> None:
    one = make_tar(tmp_path / "1.tar", {f"{number}.png": b"x" * number for number in range(9)})
    two = make_tar(tmp_path / "2.tar", {"z.png": b"z"})
    source = open_source([str(one), str(two)])
    right = index_pool(source, tmp_path / "right.parquet").manifest.pool
    whole = two.read_bytes()
    for place in range(7):
        two.write_bytes(whole[:700])
        with pytest.raises(Exception, match=r"2\.tar"):
            index_pool(source, tmp_path / "pool.parquet", workers=1)
        (part,) = (tmp_path / "pool.parquet.parts").iterdir()
        data = bytearray(part.read_bytes())
        data[place * len(data) // 7] ^= 4
        part.write_bytes(data)
        two.write_bytes(whole)
        assert index_pool(source, tmp_path / "pool.parquet").manifest.pool == right


def test_what_says_no_version_is_not_kept() -> None:
    """A web server need not say when a file was changed; its next file may have the same size."""
    silent = {"name": "http://x/a.tar", "size": 10, "type": "file", "ETag": ""}
    assert fingerprint(state_of(silent)) == fingerprint(state_of(silent))
    assert state_of(silent) != sorted(silent.items())
    for more in ({"ETag": "x"}, {"Last-Modified": "now"}, {"mtime": 1.5}, {"CRC": 7}):
        about = silent | more
        assert state_of(about) == sorted(about.items(), key=str)
