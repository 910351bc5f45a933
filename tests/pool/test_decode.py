"""Images that do not decode, found while a pool is indexed or verified: all at once."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from plada_ref.pool import index_pool, open_source, verify_all
from plada_ref.pool.manifest import Manifest

from .test_pool_command import call, result


def png(side: int = 8, mode: str = "RGB") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, (side, side)).save(stream, "PNG")
    return stream.getvalue()


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.effect_noise((64, 64), 50).save(stream, "JPEG")
    return stream.getvalue()


BROKEN = {
    "class-0/cut.jpg": (jpeg()[:900], "it is cut short"),
    "class-1/empty.jpg": (b"", "it is empty"),
    "class-1/page.jpg": (b"<!DOCTYPE html><html>404</html>", "it is a web page"),
    "class-2/large.png": (png(9000, "1"), "it has 9,000 x 9,000 pixels"),
    "class-2/larger.png": (png(10000, "1"), "it has 10,000 x 10,000 pixels"),
}


@pytest.fixture(scope="module")
def mixed(images: dict[str, bytes]) -> dict[str, bytes]:
    return images | {key: data for key, (data, _) in BROKEN.items()}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("kind", ["folder", "tar", "parquet"])
def test_index_reports_all_and_writes_the_manifest(
    kind: str,
    workers: int,
    mixed: dict[str, bytes],
    tmp_path: Path,
    make_folder: Any,
    make_tar: Any,
    make_parquet: Any,
) -> None:
    make, suffix = {
        "folder": (make_folder, ""),
        "tar": (make_tar, ".tar"),
        "parquet": (make_parquet, ".parquet"),
    }[kind]
    source = make(tmp_path / f"pool{suffix}", mixed)
    plain, decoded = tmp_path / "plain.parquet", tmp_path / "decoded.parquet"
    run = call("index", source, "-o", plain, "--json")
    assert run.exit_code == 0 and result(run)["unreadable"] is None
    command = ["index", source, "-o", decoded, "--decode", f"--workers={workers}"]
    run = call(*command, "--json")
    assert run.exit_code == 1
    found = result(run)["unreadable"]
    assert found["count"] == len(BROKEN)
    assert [each["key"] for each in found["images"]] == sorted(BROKEN)
    for each in found["images"]:
        assert BROKEN[each["key"]][1] in each["reason"]
    assert sorted(found["reasons"].values()) == [1, 1, 1, 2], "sizes are no reasons"
    # Positions, pool id and file are those of an index that decodes nothing.
    assert decoded.read_bytes() == plain.read_bytes()
    run = call(*command)
    assert run.exit_code == 1
    assert "decoded  35 images: 5 do not decode" in run.stdout
    assert "class-1/empty.jpg: it is empty" in run.stdout

    for sample in ("all", "35"):
        run = call("verify", plain, source, "--decode", "--json", "--sample", sample)
        assert run.exit_code == 1
        assert result(run)["unreadable"] == found and not result(run)["ok"]
    assert call("verify", plain, source).exit_code == 0
    assert not list(tmp_path.glob("*.parts"))


def test_whole_pools_pass(tmp_path: Path, make_tar: Any, images: dict[str, bytes]) -> None:
    shard, manifest = make_tar(tmp_path / "a.tar", images), tmp_path / "pool.parquet"
    run = call("index", shard, "-o", manifest, "--decode")
    assert run.exit_code == 0 and "decoded  30 images: 0 do not decode" in run.stdout
    run = call("verify", manifest, shard, "--decode", "--json")
    assert run.exit_code == 0
    assert result(run)["unreadable"] == {"count": 0, "reasons": {}, "images": []}


def test_more_than_a_screen_are_named_in_json(tmp_path: Path, make_tar: Any) -> None:
    shard = make_tar(tmp_path / "a.tar", {f"{number}.jpg": b"" for number in range(25)})
    run = call("index", shard, "-o", tmp_path / "pool.parquet", "--decode")
    assert run.exit_code == 1 and "25: it is empty" in run.stdout
    assert "... and 15 more, all of which --json lists" in run.stdout


def test_verify_does_not_count_images_of_others(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes], mixed: dict[str, bytes]
) -> None:
    """An extra image, or one that has changed, has its own word."""
    few = dict(list(images.items())[:5])
    manifest = tmp_path / "pool.parquet"
    index_pool(open_source([str(make_tar(tmp_path / "a.tar", few))]), manifest)
    changed = next(iter(few))
    there = make_tar(tmp_path / "b.tar", mixed | {changed: b"no image"})
    verdict = verify_all(Manifest.read(manifest), open_source([str(there)]), decode=True)
    assert (verdict.changed, verdict.unreadable) == ([changed], {})
    assert set(BROKEN) < set(verdict.extra or [])


def test_partial_results_are_of_images_that_were_decoded(
    tmp_path: Path, make_tar: Any, images: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted run leaves parts: they serve again, unless nothing was decoded for them."""
    good = make_tar(tmp_path / "a.tar", images)
    bad = make_tar(tmp_path / "b.tar", {"cut.jpg": BROKEN["class-0/cut.jpg"][0]})
    torn = tmp_path / "c.tar"
    torn.write_bytes(good.read_bytes()[:2000])
    out = tmp_path / "pool.parquet"
    decoded: list[bytes] = []

    def spy(data: bytes) -> str | None:
        decoded.append(data)
        return why(data)

    from plada_ref.images import why_undecodable as why

    monkeypatch.setattr("plada_ref.pool.hashing.why_undecodable", spy)

    def index(*options: str) -> int:
        decoded.clear()
        assert call("index", good, bad, torn, "-o", out, "--workers=1", *options).exit_code == 1
        assert not out.exists()
        return len(decoded)

    assert index() == 0
    assert index("--decode") >= 31, "the parts of the first run were not decoded"
    again = index("--decode")
    assert again < 31, "those of the second were"
    monkeypatch.setenv("PLADA_LIMITS", "pixels=1000")
    assert index("--decode") >= 31
    torn.unlink()
    run = call("index", good, bad, "-o", out, "--workers=1", "--decode", "--json")
    assert [each["key"] for each in result(run)["unreadable"]["images"]] == ["cut.jpg"]
