"""Parquet shards: large row groups, several image columns, names that occur twice."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plada_ref.errors import Misuse, PipelineError
from plada_ref.parquet import pages
from plada_ref.parquet.footer import Chunk, Group, read_groups
from plada_ref.parquet.pages import counted
from plada_ref.pool import Manifest, index_pool, open_pool, open_source, parquet, verify_all

KIND = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _write(path: Path, rows: list[Any], *, kind: Any = KIND, **more: Any) -> str:
    pq.write_table(pa.table({"image": pa.array(rows, kind)}), path, **more)
    return str(path)


def _rows(count: int, size: int) -> list[dict[str, Any]]:
    drawn = random.Random(count)
    return [{"bytes": drawn.randbytes(size), "path": f"{n:04d}.png"} for n in range(count)]


@pytest.mark.parametrize("dictionary", [True, False])
def test_a_large_row_group_is_read_in_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dictionary: bool
) -> None:
    """Reading one image never decodes more than is kept, and back and forth gives the same."""
    monkeypatch.setattr(parquet, "_KEPT", 300_000)
    monkeypatch.setattr(parquet, "_LARGE", 1_000_000)
    rows = _rows(500, 10_000)
    path = _write(tmp_path / "a.parquet", rows, use_dictionary=dictionary, row_group_size=500)
    source = open_source([path])
    assert [data for _, data in source.scan()] == [row["bytes"] for row in rows]
    group = parquet._Group(path, 0)
    for row in (0, 499, 3, 250, 251, 64, 63, 499):
        assert group.read(row) == rows[row]["bytes"]
        assert group._bytes <= 300_000 + parquet._BATCH_ROWS * 20_000
    for drawn in random.Random(0).sample(rows, 50):
        assert source.read(drawn["path"]) == drawn["bytes"]


def test_large_images_are_decoded_a_few_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slides of 100 MB in one row group took more memory than the whole shard."""
    rows = _rows(30, 10_000)
    path = _write(tmp_path / "a.parquet", rows, use_dictionary=False)
    for batch, most in ((1 << 28, 30), (45_000, 4), (5_000, 1)):
        monkeypatch.setattr(pages, "BATCH", batch)
        with parquet._opened(path) as shard:
            found = [images.to_pylist() for images in shard.images(shard.groups[0])]
        assert max(map(len, found)) == most
        assert [data for images in found for data in images] == [row["bytes"] for row in rows]


@pytest.mark.parametrize(
    "kind",
    [
        pa.struct([("bytes", pa.large_binary()), ("path", pa.large_string())]),
        pa.struct([("path", pa.string()), ("bytes", pa.binary())]),
        pa.struct([("bytes", pa.binary()), ("path", pa.string()), ("more", pa.int32())]),
    ],
)
def test_types_of_image_columns(tmp_path: Path, kind: Any) -> None:
    rows = _rows(5, 10)
    path = _write(tmp_path / "a.parquet", rows, kind=kind)
    assert dict(open_source([path]).scan()) == {row["path"]: row["bytes"] for row in rows}


@pytest.mark.parametrize(
    "column",
    [
        pa.array([b"x"], pa.binary()),
        pa.array([{"bytes": "x", "path": "a.png"}]),
        pa.array([{"bytes": b"x", "path": 7}]),
        pa.array([{"bytes": [b"x"], "path": "a.png"}]),
        pa.array([[{"bytes": b"x", "path": "a.png"}]]),
    ],
)
def test_what_is_not_an_image_column(tmp_path: Path, column: Any) -> None:
    pq.write_table(pa.table({"image": column}), tmp_path / "a.parquet")
    with pytest.raises(PipelineError, match=r"has no image column.*columns are image \("):
        list(open_source([str(tmp_path / "a.parquet")]).scan())


def test_two_image_columns(tmp_path: Path) -> None:
    rows, masks = _rows(3, 10), _rows(3, 11)
    path = tmp_path / "a.parquet"
    table = pa.table({"image": pa.array(rows, KIND), "mask": pa.array(masks, KIND)})
    pq.write_table(table, path)
    with pytest.raises(PipelineError, match=r"several image columns: image, mask.*#image"):
        list(open_source([str(path)]).scan())
    with pytest.raises(PipelineError, match=r"no image column 'depth'; it has image, mask"):
        list(open_source([f"{path}#depth"]).scan())
    for name, chosen in (("image", rows), ("mask", masks)):
        source = open_source([f"{tmp_path}/*.parquet#{name}"])
        assert list(source.scan()) == [(row["path"], row["bytes"]) for row in chosen]
        assert source.read("0001.png") == chosen[1]["bytes"]


def test_what_a_number_sign_means(tmp_path: Path, make_folder: Any) -> None:
    """It may belong to a name, and it chooses in Parquet files only."""
    path = _write(tmp_path / "a.parquet#image", [])
    Path(path).unlink()
    make_folder(tmp_path / "b.parquet#rows", {"a.png": b"a"})
    assert dict(open_source([f"{tmp_path}/b.parquet#rows"]).scan()) == {"a.png": b"a"}
    make_folder(tmp_path / "c.parquet", {"a.png": b"a"})
    with pytest.raises(Misuse, match="is a folder"):
        open_source([f"{tmp_path}/c.parquet#rows"])


def test_base_names_that_occur_twice(tmp_path: Path, make_parquet: Any) -> None:
    """As Hugging Face datasets leaves them: the folders are lost, the names are not unique."""
    make_parquet(tmp_path / "train-0.parquet", {"1.png": b"cat 1", "2.png": b"cat 2"})
    make_parquet(tmp_path / "train-1.parquet", {"1.png": b"dog 1", "3.png": b"dog 3"})
    plain, by_row = f"{tmp_path}/train-*.parquet", f"{tmp_path}/train-*.parquet#rows"
    manifest = tmp_path / "pool.manifest"
    with pytest.raises(PipelineError, match=r"'1\.png' is stored in .*add #rows to the shards"):
        index_pool(open_source([plain]), manifest)
    with pytest.raises(PipelineError, match=r"add #rows to the shards"):
        open_source([plain]).prepare()
    index_pool(open_source([by_row]), manifest)
    listed = Manifest.read(manifest)
    assert listed.keys.to_pylist() == [
        f"train-{shard}/{row:09d}" for shard in (0, 1) for row in (0, 1)
    ]
    assert verify_all(listed, open_source([by_row])).good
    # A client need not know which keys the publisher chose.
    for spec in (plain, by_row):
        images = open_pool(manifest, spec).only([0, 1, 2, 3])
        read = [images.read(position) for position in range(4)]
        assert read == [b"cat 1", b"cat 2", b"dog 1", b"dog 3"]


def test_keys_by_row_do_not_change_with_the_other_shards(tmp_path: Path, make_parquet: Any) -> None:
    """So that a pool may grow by a shard."""
    make_parquet(tmp_path / "b.parquet", {"1.png": b"1"})
    old = index_pool(open_source([f"{tmp_path}/*.parquet#rows"]), tmp_path / "old").manifest
    make_parquet(tmp_path / "a.parquet", {"1.png": b"2", "x/y.png": b"3"})
    grown = index_pool(
        open_source([f"{tmp_path}/*.parquet#rows"]),
        tmp_path / "grown",
        extend=Manifest.read(old.path),
    ).manifest
    assert Manifest.read(grown.path).keys.to_pylist() == [
        "b/000000000",
        "a/000000000",
        "a/000000001",
    ]


def test_rows_without_bytes(tmp_path: Path) -> None:
    """`Dataset.to_parquet` of Hugging Face datasets leaves the images out and names their files."""
    rows = [{"bytes": None, "path": f"/data/{number}.png"} for number in range(3)]
    path = _write(tmp_path / "a.parquet", rows)
    with pytest.raises(PipelineError, match=r"3 no-bytes.*no-bytes: the rows name a file"):
        index_pool(open_source([path]), tmp_path / "pool")
    _write(tmp_path / "a.parquet", [*rows, {"bytes": b"x", "path": "x.png"}, None])
    found = index_pool(open_source([path]), tmp_path / "pool")
    assert (len(found.manifest), found.skipped) == (1, {"no-bytes": 4})


def test_all_null(tmp_path: Path) -> None:
    nothing = pa.struct([("bytes", pa.null()), ("path", pa.string())])
    path = _write(tmp_path / "a.parquet", [{"bytes": None, "path": "a.png"}], kind=nothing)
    with pytest.raises(PipelineError, match="1 no-bytes"):
        index_pool(open_source([path]), tmp_path / "pool")


@pytest.mark.slow
def test_a_page_that_claims_much(tmp_path: Path) -> None:
    """Kilobytes that would decode to gigabytes: a long value, one repeated in every row, both."""
    big = bytes(100_000_000)
    rows = [{"bytes": big, "path": "a.png"}]
    path = _write(tmp_path / "a.parquet", rows, compression="zstd", use_dictionary=False)
    assert Path(path).stat().st_size < 50_000
    with pytest.raises(PipelineError, match=r"grows from [\d,]+ bytes to 100,000,"):
        list(open_source([path]).scan())
    once = pa.array([bytes(60_000_000)], pa.binary())
    images = pa.DictionaryArray.from_arrays(pa.array(np.zeros(64, np.int32)), once)
    names = pa.array([f"{row}.png" for row in range(64)])
    column = pa.StructArray.from_arrays([images, names], ["bytes", "path"])
    pq.write_table(
        pa.table({"image": column}),
        path,
        compression="zstd",
        dictionary_pagesize_limit=1 << 30,
        store_schema=False,
    )
    assert Path(path).stat().st_size < 50_000
    with pytest.raises(PipelineError, match="holds more than 64 times as many"):
        list(open_source([path]).scan())
    with pytest.raises(PipelineError, match="holds more than 64 times as many"):
        open_source([path]).prepare()
        list(open_source([path]).scan())


def test_limits_can_be_raised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [{"bytes": bytes(2_000_000), "path": "a.png"}]
    path = _write(tmp_path / "a.parquet", rows, compression="zstd", use_dictionary=False)
    monkeypatch.setenv("PLADA_LIMITS", "page=1MiB")
    with pytest.raises(PipelineError, match=r"PLADA_LIMITS=page=20000\d\d"):
        list(open_source([path]).scan())
    monkeypatch.setenv("PLADA_LIMITS", "page=2000099,expansion=100000")
    assert len(list(open_source([path]).scan())) == 1
    monkeypatch.setenv("PLADA_LIMITS", "image=1000")
    with pytest.raises(PipelineError, match=r"'a\.png' in .* 2,000,000 bytes.*=image=2000000"):
        list(open_source([path]).scan())
    with pytest.raises(PipelineError, match=r"PLADA_LIMITS=image=2000000"):
        open_source([path]).read("a.png")
    for wrong in ("images=1", "page=0", "page=-1", "page=1GB", "page", "page=1MiB;image=2"):
        monkeypatch.setenv("PLADA_LIMITS", wrong)
        with pytest.raises(Misuse, match="PLADA_LIMITS has the entry"):
            list(open_source([path]).scan())


def test_names_without_folders_are_another_order(
    tmp_path: Path, make_parquet: Any, make_folder: Any
) -> None:
    """Which is said once, whatever the number of shards."""
    images = {"cat/2.png": b"cat", "dog/1.png": b"dog"}
    folder = make_folder(tmp_path / "images", images)
    bare = {key.split("/")[1]: data for key, data in images.items()}
    for number, (key, data) in enumerate(bare.items()):
        make_parquet(tmp_path / f"bare-{number}.parquet", {key: data})
    told: list[str] = []

    def pool_of(spec: str) -> bytes:
        made = index_pool(open_source([spec]), tmp_path / "pool", on_warning=told.append)
        return made.manifest.pool.id

    make_parquet(tmp_path / "all.parquet", images)
    make_parquet(tmp_path / "all-none.parquet", {})
    assert pool_of(f"{tmp_path}/all*.parquet") == pool_of(str(folder))
    assert pool_of(f"{tmp_path}/all.parquet") == pool_of(str(folder))
    assert pool_of(f"{tmp_path}/bare-*.parquet#rows") == pool_of(str(folder))  # By chance.
    assert told == []
    assert pool_of(f"{tmp_path}/bare-*.parquet") != pool_of(str(folder))
    assert len(told) == 1 and "without folders" in told[0]


def test_no_row_is_lost_in_a_damaged_shard(tmp_path: Path) -> None:
    """Any single bit: Arrow reads as many rows as a damaged number says, and so few, or none.

    A bit may also say that a row has no bytes; then it is counted as such, and shown.
    """
    rows = _rows(6, 3)
    path = _write(tmp_path / "a.parquet", rows, compression="none", store_schema=False)
    whole = Path(path).read_bytes()
    drawn = random.Random(0)
    refused = 0
    for place in range(4, len(whole)):
        bit = 1 << drawn.randrange(8)
        Path(path).write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        try:
            (shard,) = open_source([path]).shards()
            found = list(shard.scan())
        except PipelineError:
            refused += 1
            continue
        assert len(found) + shard.remarks.skipped["no-bytes"] == len(rows), place
    assert refused > 200


def test_rows_that_columns_and_metadata_disagree_about() -> None:
    group = Group(0, 0, 3, (Chunk("image.bytes", True, 3, 4, 100),))
    batches = [[1, 2], [3]]
    assert list(counted(batches, group, "image.bytes")) == batches
    for wrong in ([[1, 2]], [], [[1, 2], [3, 4]]):
        with pytest.raises(pa.ArrowInvalid, match=r"has \d of 3 rows"):
            list(counted(wrong, group, "image.bytes"))


def test_the_footer_is_read_as_pyarrow_reads_it(tmp_path: Path) -> None:
    for more in ({}, {"use_dictionary": False}, {"compression": "zstd", "row_group_size": 7}):
        path = _write(tmp_path / "a.parquet", _rows(50, 20), write_page_index=True, **more)
        about = pq.read_metadata(path)
        with open(path, "rb") as file:
            groups = read_groups(file, Path(path).stat().st_size)
        assert [group.rows for group in groups] == [
            about.row_group(number).num_rows for number in range(about.num_row_groups)
        ]
        for group in groups:
            for number, chunk in enumerate(group.chunks):
                column = about.row_group(group.number).column(number)
                assert chunk.column == column.path_in_schema and chunk.long
                assert chunk.values == column.num_values
                assert chunk.end - chunk.start == column.total_compressed_size
                start = column.dictionary_page_offset or column.data_page_offset
                assert chunk.start == start


def test_paths_that_are_no_keys_are_said(tmp_path: Path, make_parquet: Any) -> None:
    """Whoever wrote the shard meant other keys, and perhaps another order."""
    for number, path in enumerate(("/home/me/a.png", "../b.png", "c\nd.png")):
        make_parquet(tmp_path / f"{number}.parquet", {path: b"x", "e/f.png": b"y"})
        told: list[str] = []
        source = open_source([f"{tmp_path}/{number}.parquet"])
        index_pool(source, tmp_path / "pool", on_warning=told.append)
        assert [key for key, _ in source.scan()] == [f"{number}/000000000", "e/f.png"]
        assert len(told) == 1 and "by a path that is no key" in told[0]
    told.clear()
    rows = open_source([f"{tmp_path}/0.parquet#rows"])
    index_pool(rows, tmp_path / "pool", on_warning=told.append)
    assert not told
