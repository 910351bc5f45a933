"""ImageNet's usual layouts: the same images are the same pool under the same keys in each."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from plada_ref.errors import PipelineError
from plada_ref.pool import Manifest, MemoryPool, index_pool, open_source
from plada_ref.pool.keys import clean_key, shard_key

SYNSETS = ("n00004475", "n01440764", "n02119789")
# 1002 and 10026: which one comes first depends on what follows the number.
NUMBERS = (9, 10026, 1002, 110)


@pytest.fixture
def synsets(images: dict[str, bytes]) -> dict[str, dict[str, bytes]]:
    """Stored bytes by synset and by file name, without the folder."""
    stored = iter(images.values())
    return {
        synset: {f"{synset}_{number}.JPEG": next(stored) for number in NUMBERS}
        for synset in reversed(SYNSETS)
    }


def _keyed(synsets: dict[str, dict[str, bytes]]) -> dict[str, bytes]:
    return {
        f"{synset}/{name}": data for synset, some in synsets.items() for name, data in some.items()
    }


def _layout(kind: str, root: Path, synsets: Any, make_tar: Any, make_folder: Any) -> str:
    """Store the images in one of the layouts; returns what to index."""
    if kind == "folders":  # ILSVRC2012 train/, winter21_whole/
        return str(make_folder(root / "train", _keyed(synsets)))
    if kind == "one tar with folders":
        return str(make_tar(root / "train.tar", _keyed(synsets)))
    if kind == "parquet":  # ILSVRC/imagenet-1k on Hugging Face
        rows = [
            {"bytes": data, "path": name.replace(".JPEG", f"_{synset}.JPEG")}
            for synset, some in synsets.items()
            for name, data in some.items()
        ]
        pq.write_table(pa.table({"image": rows}), root / "train-00000-of-00001.parquet")
        return str(root / "train-*.parquet")
    (root / "winter21_whole").mkdir()
    tars = {
        f"{synset}.tar": make_tar(root / f"winter21_whole/{synset}.tar", some)
        for synset, some in synsets.items()
    }
    if kind == "tar of each synset":  # winter21_whole/, fall11_whole/ before extraction
        return str(root / "winter21_whole/*.tar")
    assert kind == "tar of tars"  # ILSVRC2012_img_train.tar, fall11_whole.tar
    inner = {name: path.read_bytes() for name, path in tars.items()}
    return str(make_tar(root / "ILSVRC2012_img_train.tar", inner))


KINDS = ("folders", "one tar with folders", "tar of each synset", "tar of tars", "parquet")


def test_one_pool_in_every_layout(
    tmp_path: Path, synsets: Any, make_tar: Any, make_folder: Any
) -> None:
    specs, manifests, skipped = {}, {}, {}
    for kind in KINDS:
        (tmp_path / kind).mkdir()
        specs[kind] = _layout(kind, tmp_path / kind, synsets, make_tar, make_folder)
        out = tmp_path / f"{kind}.parquet"
        skipped[kind] = index_pool(open_source([specs[kind]]), out).skipped
        manifests[kind] = Manifest.read(out)
    keyed = _keyed(synsets)
    first = manifests["folders"]
    assert first.keys.to_pylist() == sorted(keyed)
    for kind, manifest in manifests.items():
        assert manifest.pool == first.pool, kind
        assert manifest.keys.equals(first.keys), kind
        assert skipped[kind] == {}, kind
    # A manifest of one layout serves a client that stores another.
    for kind in KINDS:
        pool = MemoryPool(
            Manifest.read(tmp_path / "tar of tars.parquet"), open_source([specs[kind]])
        )
        assert [pool.read(row) for row in range(len(pool))] == [keyed[key] for key in sorted(keyed)]


def test_a_flat_folder_is_the_same_pool(tmp_path: Path, synsets: Any, make_folder: Any) -> None:
    """Its keys have no folder, since they are paths, but they sort alike."""
    flat = {name: data for some in synsets.values() for name, data in some.items()}
    specs = (make_folder(tmp_path / "flat", flat), make_folder(tmp_path / "deep", _keyed(synsets)))
    out = tmp_path / "pool.parquet"
    flat_pool, deep_pool = (
        Manifest.read(index_pool(open_source([str(spec)]), out).manifest.path) for spec in specs
    )
    assert flat_pool.pool == deep_pool.pool
    assert flat_pool.keys.to_pylist() == sorted(flat)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("n01440764_10026.JPEG", "n01440764/n01440764_10026.JPEG"),
        ("./n01440764_10026.JPEG", "n01440764/n01440764_10026.JPEG"),
        ("n01440764_10026_n01440764.JPEG", "n01440764/n01440764_10026.JPEG"),
        ("n01440764/n01440764_10026.JPEG", "n01440764/n01440764_10026.JPEG"),
        ("n01440764_10026_n01440765.JPEG", "n01440764_10026_n01440765.JPEG"),
        ("ILSVRC2012_val_00000293_n01440764.JPEG", "ILSVRC2012_val_00000293_n01440764.JPEG"),
        ("n0144076_1.JPEG", "n0144076_1.JPEG"),
        ("000001.jpg", "000001.jpg"),
        ("../n01440764_1.JPEG", None),
    ],
)
def test_keys_in_shards(name: str, key: str | None) -> None:
    assert shard_key(name) == key
    if key is not None:  # Nothing is left to be done to a key.
        assert shard_key(key) == clean_key(key) == key


def test_one_image_under_both_spellings_is_a_duplicate(tmp_path: Path, make_tar: Any) -> None:
    make_tar(tmp_path / "a.tar", {"n01440764_1.JPEG": b"1"})
    make_tar(tmp_path / "b.tar", {"n01440764/n01440764_1.JPEG": b"1"})
    with pytest.raises(PipelineError, match=r"'n01440764/n01440764_1\.JPEG' is stored in"):
        index_pool(open_source([str(tmp_path / "*.tar")]), tmp_path / "pool.parquet")


def test_damage_inside_a_tar_of_tars(
    tmp_path: Path, synsets: Any, make_tar: Any, make_folder: Any
) -> None:
    path = Path(_layout("tar of tars", tmp_path, synsets, make_tar, make_folder))
    with tarfile.open(path) as archive:
        places = [(info.offset_data, info.size) for info in archive]
    whole = path.read_bytes()
    start = places[1][0]
    inner = 4 * 1024  # Header and padded bytes of its four images; then the end marker.
    damaged = {
        "header at byte": whole[:start] + b"\1" + whole[start + 1 :],
        "is damaged": whole[: start + 1024] + b"\1" * 512 + whole[start + 1536 :],
    }
    for words, data in damaged.items():
        path.write_bytes(data)
        with pytest.raises(PipelineError, match=rf"img_train\.tar' is not a readable .*{words}"):
            list(open_source([str(path)]).scan())

    # An inner shard without its end marker must not go on into what follows it.
    # The last cut but two lies in the padding behind the last image.
    for cut in (0, 512, inner - 512, inner - 1, inner, inner + 100, inner + 512):
        parts = {}
        for number, (offset, length) in enumerate(places):
            parts[f"{SYNSETS[number]}.tar"] = whole[offset : offset + (length, cut)[number == 1]]
        make_tar(path, parts)
        with pytest.raises(PipelineError, match=r"img_train\.tar' is not a readable tar file"):
            list(open_source([str(path)]).scan())
        with pytest.raises(PipelineError, match=r"img_train\.tar' is not a readable tar file"):
            open_source([str(path)]).prepare()
    make_tar(path, {"n00000001.tar": whole[start : start + inner + 1024]})
    assert len(list(open_source([str(path)]).scan())) == 4


def test_other_tars_in_a_shard_are_no_images(tmp_path: Path, make_tar: Any) -> None:
    stored = io.BytesIO()
    with tarfile.open(fileobj=stored, mode="w") as archive:
        info = tarfile.TarInfo("n01440764_1.JPEG")
        info.size = 4
        archive.addfile(info, io.BytesIO(b"data"))
    nested = make_tar(tmp_path / "n01440764.tar", {"n01440764.tar": stored.getvalue()})
    members = {
        "labels.tar": stored.getvalue(),
        "n00000001.tar": nested.read_bytes(),  # One level only.
        "000001.jpg": b"image",
    }
    shard = make_tar(tmp_path / "pool.tar", members)
    manifest, _, skipped = index_pool(open_source([str(shard)]), tmp_path / "pool.parquet")
    assert Manifest.read(manifest.path).keys.to_pylist() == ["000001.jpg"]
    assert skipped == {"not-an-image": 2}
