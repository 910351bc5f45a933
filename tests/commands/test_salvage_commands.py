"""`plada salvage`, `plada rewrite` and `plada encode --class-counts`, as a user calls them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from plada_ref.selection import file as selection_file
from pladafmt import Payload, PoolRef, content_id, dump, dumps, load, validate

POOL = PoolRef(bytes(range(32)), 1000)
PAYLOAD = Payload(
    POOL,
    ["cat", "dog[red]", "axolotl"],
    range(0, 1000, 2),
    np.arange(500) % 3,
    metadata={"licence": "CC0"},
)


def plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def last_json(result: Result) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return value


def block(path: Path, number: int) -> tuple[int, int]:
    parts = [part for part in validate(path).parts if part.name.startswith(f"BLOCK {number}.")]
    return parts[0].offset, parts[-1].offset + parts[-1].size


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    path = tmp_path / "whole.plada"
    dump(PAYLOAD, path, block_span=100)
    return path


def damage(path: Path, start: int, end: int) -> Path:
    data = bytearray(path.read_bytes())
    data[start:end] = b"\xff" * (end - start)
    bad = path.with_name("bad.plada")
    bad.write_bytes(data)
    return bad


def test_salvage_says_what_was_lost(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.plada"
    start, end = block(whole, 3)
    bad = damage(whole, start, end)
    result = plada("salvage", bad, "--out", out)
    assert result.exit_code == 0, result.output
    assert "450 images in 9 blocks recovered; 50 of 500 images lost." in result.stdout
    assert "among the positions 299 to 399" in result.stdout
    assert f"in no whole chunk: {start:,} to {end - 1:,}" in result.stdout
    assert "dog[red]" in result.stdout
    assert load(out).kept == 450
    value = last_json(plada("salvage", bad, "--out", out, "--json"))
    assert value["lost_images"] == 50 and value["blocks"] == 9
    assert value["lost_ranges"] == [[299, 400]]
    assert value["unread"] == [[start, end]]
    assert value["lost_per_class"] is None and value["lost_per_class_from"] is None
    assert value["payload_bytes"] == out.stat().st_size


def test_salvage_of_a_file_with_nothing_wrong(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.plada"
    result = plada("salvage", whole, "--out", out, "--json")
    assert result.exit_code == 0
    assert "nothing lost" in result.stderr
    assert last_json(result)["content_id"] == content_id(PAYLOAD).hex()
    assert out.read_bytes() == whole.read_bytes()


def test_salvage_with_the_head_of_another_copy(whole: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.plada"
    bad = damage(whole, 0, 40)
    refused = plada("salvage", bad, "--out", out, "--json")
    assert refused.exit_code == 1 and not out.exists()
    assert "--head" in refused.stderr and last_json(refused)["code"] == "head-lost"
    part = tmp_path / "whole.plada.part"
    part.write_bytes(whole.read_bytes()[:200])
    assert plada("salvage", bad, "--out", out, "--head", part).exit_code == 0
    assert load(out) == PAYLOAD
    out.unlink()
    other = tmp_path / "other.plada"
    dump(Payload(POOL, 3, [1], [0]), other)
    wrong = plada("salvage", bad, "--out", out, "--head", other)
    assert wrong.exit_code == 1 and "another payload" in wrong.stderr and not out.exists()
    assert plada("salvage", bad, "--out", out, "--head", tmp_path / "nothing").exit_code == 1
    assert plada("salvage", whole, "--out", out, "--limit", "kept=499").exit_code == 1
    assert plada("salvage", whole).exit_code == 2


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    path, out = tmp_path / "a\x1b.plada", tmp_path / "b\x1b.plada"
    names = ["[red]x[/red]", "\ue000dog"]
    path.write_bytes(dumps(Payload(POOL, names, range(9), [0] * 9), block_span=3)[:-30])
    output = plada("salvage", path, "--out", out).stdout
    assert not set("\x1b\ue000") & set(output)
    assert "[red]x[/red]" in output and "\\ue000dog" in output


def test_class_counts_tell_what_was_lost(tmp_path: Path) -> None:
    selection, out = tmp_path / "s.parquet", tmp_path / "t.plada"
    selection_file.write(PAYLOAD, selection)
    assert plada("encode", selection, "-o", out, "--block-span", 100).exit_code == 0
    assert load(out).metadata == {"licence": "CC0"}
    plada("encode", selection, "-o", out, "--block-span", 100, "--class-counts")
    counts = np.bincount(PAYLOAD.labels).tolist()
    assert load(out).metadata == {"licence": "CC0", "class_counts": counts}
    bad = damage(out, *block(out, 9))
    result = plada("salvage", bad, "--out", tmp_path / "out.plada", "--json")
    value = last_json(result)
    assert value["lost_per_class_from"] == "metadata"
    assert value["lost_per_class"] == np.bincount(PAYLOAD.labels[450:]).tolist()
    shown = plada("salvage", bad, "--out", tmp_path / "out.plada").stdout
    assert "lost" in shown and "unverified" not in shown


def test_an_estimate_is_marked(whole: Path, tmp_path: Path) -> None:
    _, end = block(whole, 3)
    bad = damage(whole, end - 1, end)
    result = plada("salvage", bad, "--out", tmp_path / "out.plada")
    assert "lost (unverified)" in result.stdout


def test_rewrite(whole: Path, tmp_path: Path) -> None:
    out, text = tmp_path / "out.plada", tmp_path / "m.json"
    text.write_text('{"licence": "MIT"}')
    for settings in (
        [],
        ["--dense"],
        ["--encoding", "bitmap", "--block-span", 10],
        ["--metadata", text],
        ["--drop-metadata"],
    ):
        result = plada("rewrite", whole, "--out", out, *settings, "--json")
        assert result.exit_code == 0, result.output
        value = last_json(result)
        assert value["content_id"] == content_id(PAYLOAD).hex()
        assert value["payload_bytes"] == out.stat().st_size
        assert value["dropped_chunks"] == [] == value["kept_chunks"]
        expected = {"--metadata": {"licence": "MIT"}, "--drop-metadata": None}
        wanted = expected.get(str(settings[0]), PAYLOAD.metadata) if settings else PAYLOAD.metadata
        assert load(out).metadata == wanted
    assert plada("rewrite", whole, "--out", out).stdout.count("\n") == 1
    for wrong in (
        ["--encoding", "zip"],
        ["--metadata", text, "--drop-metadata"],
        ["--metadata", whole],
    ):
        assert plada("rewrite", whole, "--out", out, *wrong).exit_code == 2, wrong
    out.unlink()
    bad = damage(whole, *block(whole, 3))
    assert plada("rewrite", bad, "--out", out).exit_code == 1
    assert not out.exists()


def test_rewrite_names_what_it_leaves_out(whole: Path, tmp_path: Path) -> None:
    from pladafmt import chunks, signature_chunk

    data = whole.read_bytes()
    extra = chunks.write(0xC9, b"safe") + chunks.write(0x99, b"unsafe")
    whole.write_bytes(data[:-6] + extra + signature_chunk.write(bytes(8), bytes(64)) + data[-6:])
    result = plada("rewrite", whole, "--out", tmp_path / "out.plada", "--json")
    assert last_json(result)["kept_chunks"] == ["chunk 0xC9"]
    assert last_json(result)["dropped_chunks"] == ["chunk 0x99", "SIGN"]
    assert "chunk 0x99, SIGN" in result.stderr


def test_the_counts_of_what_was_salvaged_add_up(tmp_path: Path) -> None:
    counts = np.bincount(PAYLOAD.labels).tolist()
    payload = replace(PAYLOAD, metadata={"licence": "CC0", "class_counts": counts})
    path, out = tmp_path / "whole.plada", tmp_path / "out.plada"
    path.write_bytes(dumps(payload, block_span=100))
    for number in (9, 3):
        path = damage(path, *block(path, number))
        assert plada("salvage", path, "--out", out).exit_code == 0
        found = load(out)
        assert found.metadata is not None and found.metadata["licence"] == "CC0"
        assert found.metadata["class_counts"] == np.bincount(found.labels).tolist()
        assert sum(found.metadata["class_counts"]) == found.kept < PAYLOAD.kept
        path = out
    # What is lost of the rest is known again.
    bad = damage(out, *block(out, 0))
    value = last_json(plada("salvage", bad, "--out", tmp_path / "again.plada", "--json"))
    assert value["lost_per_class_from"] == "metadata"
    # Whole files and those without counts keep what they say.
    (tmp_path / "one.plada").write_bytes(dumps(payload, block_span=1000))
    said = plada("salvage", tmp_path / "one.plada", "--out", out).stdout
    assert f"{payload.kept} images in 1 block recovered" in said
    assert load(out).metadata == payload.metadata
