"""Versions of a task: what its metadata says, what a card says, and what changed."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]  # Which timm needs as well.
from hypothesis import given
from hypothesis import strategies as st

from plada_ref.publishing.difference import compare
from plada_ref.selection import file as selection_file
from pladafmt import Payload, PoolRef, dumps, load

from .conftest import Publisher, error, result

POOL = PoolRef(bytes(32), 40)


@pytest.fixture
def selection(tmp_path: Path) -> Path:
    chosen = Payload(POOL, ("a", "b"), np.array([1, 5]), np.array([0, 1]), metadata={"seed": 3})
    path = tmp_path / "selection.parquet"
    selection_file.write(chosen, path)
    return path


def test_encode_writes_what_a_version_is(selection: Path, tmp_path: Path) -> None:
    out = tmp_path / "task.plada"
    words = ("--name", "animals", "--version", "2", "--supersedes", "1.9", "--date", "2026-03-01")
    result("encode", selection, "-o", out, *words, "--licence", "CC-BY-4.0")
    assert load(out).metadata == {
        "seed": 3,
        "name": "animals",
        "version": "2",
        "supersedes": "1.9",
        "date": "2026-03-01",
        "licence": "CC-BY-4.0",
    }
    result("encode", selection, "-o", out)
    assert load(out).metadata == {"seed": 3}


@pytest.mark.parametrize(
    "words",
    [
        ("--name", "Animals"),
        ("--name", "../a"),
        ("--version", "one"),
        ("--date", "1.3.2026"),
        ("--date", "20260301"),
        ("--version", "1", "--supersedes", "1.0"),
        ("--version", "1.2", "--supersedes", "1.10"),
    ],
)
def test_what_is_no_version_is_refused(
    words: tuple[str, ...], selection: Path, tmp_path: Path
) -> None:
    said = error("encode", selection, "-o", tmp_path / "task.plada", *words, status=2)
    assert words[1] in said and said.endswith(".")
    assert not (tmp_path / "task.plada").exists()


def test_a_payload_without_name_is_not_published(publisher: Publisher, tmp_path: Path) -> None:
    plain = tmp_path / "plain.plada"
    chosen = Payload(POOL, 2, np.array([1]), np.array([0]))
    plain.write_bytes(dumps(chosen))
    said = error("publish", "task", publisher.site, plain)
    assert "plada encode --name NAME --version N" in said
    for metadata in ({"name": "a/b", "version": "1"}, {"name": "a", "version": 1}):
        plain.write_bytes(dumps(Payload(POOL, 2, np.array([1]), np.array([0]), metadata=metadata)))
        assert "which version of which task" in error("publish", "task", publisher.site, plain)
    chosen = Payload(POOL, 2, [1], [0], metadata={"name": "a", "version": "1"})
    plain.write_bytes(dumps(chosen))
    assert "No pool in" in error("publish", "task", publisher.site, plain)
    result("publish", "task", publisher.site, plain, "--pool-elsewhere")


def test_what_nobody_can_fetch_is_not_published(publisher: Publisher, tmp_path: Path) -> None:
    words = ("publish", "pool", tmp_path / "new", "-m", publisher.manifest)
    assert "how clients get the images" in error(*words, status=2)
    assert "lies outside" in error(*words, "--images", "..", status=2)
    assert "put the pool's shards there" in error(*words, "--images", "none", status=2)
    damaged = tmp_path / "damaged.parquet"
    data = bytearray(publisher.manifest.read_bytes())
    data[len(data) // 2] ^= 1
    damaged.write_bytes(data)
    error("publish", "pool", tmp_path / "new", "-m", damaged, "--obtain", "ask")
    assert not (tmp_path / "new").exists() or not list((tmp_path / "new").rglob("*.json"))


def test_cards_have_front_matter_and_no_markup_of_strangers(publisher: Publisher) -> None:
    from plada_ref.pool import ManifestFile

    pool = ManifestFile(publisher.manifest).pool
    hostile = ("<script>alert(1)</script>", "a | b `c` [x](javascript:y) *_~$")
    metadata = {"name": "odd", "version": "1", "licence": "MIT\n---\nx: y", "teacher": {"a": "```"}}
    file = publisher.root / "odd.plada"
    file.write_bytes(dumps(Payload(pool, hostile, [1, 2], [0, 1], metadata=metadata)))
    publisher.publish(file, "--accuracy", "small head=0.875", "--accuracy", "x|y=1")
    card = (publisher.site / "tasks/odd/1/README.md").read_text("utf-8")
    _, front, body = card.split("---\n", 2)
    assert "<script>" not in body and "](javascript" not in body
    assert re.search(r"\| small head \| 87\.5 % \|", body)
    pairs = (line.split(": ", 1) for line in front.splitlines())
    values = {key: json.loads(value) for key, value in pairs}
    assert values["license"] == "other" and values["license_name"] == metadata["licence"]
    assert values["plada"]["pool_id"] == pool.id.hex()
    assert values["plada"]["accuracy"] == {"small head": 0.875, "x|y": 1.0}
    assert yaml.safe_load(front) == values
    pool_front = (publisher.site / f"pools/{pool.id.hex()[:16]}/README.md").read_text("utf-8")
    assert yaml.safe_load(pool_front.split("---\n", 2)[1])["license"] == "cc0-1.0"
    about = json.loads((publisher.site / "tasks/odd/1/about.json").read_bytes())
    assert about["classes"] == list(hostile) and about["kept_per_class"] == [1, 1]


@st.composite
def payloads(draw: st.DrawFn) -> Payload:
    names = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    positions = sorted(draw(st.sets(st.integers(0, 39))))
    labels = [draw(st.integers(0, len(names) - 1)) for _ in positions]
    weights = [draw(st.sampled_from([1.0, 0.5])) for _ in positions]
    return Payload(
        POOL,
        tuple(names),
        np.array(positions, np.int64),
        np.array(labels, np.int64),
        np.array(weights),
        metadata=draw(st.sampled_from([None, {}, {"a": {"b": 1}}, {"a": {"b": 2}, "c": []}])),
    )


@given(payloads(), payloads())
def test_differences_are_those_of_two_dictionaries(old: Payload, new: Payload) -> None:
    found = compare(old, new, one_pool=True)

    def by_position(payload: Payload) -> dict[int, str]:
        labels = payload.labels.tolist()
        names = [payload.class_names[label] for label in labels]
        return dict(zip(payload.positions.tolist(), names, strict=True))

    before, now = by_position(old), by_position(new)
    both = before.keys() & now.keys()
    assert sum(found.kept.values()) == sum(before[each] == now[each] for each in both)
    for (was, becomes), count in found.relabelled.items():
        assert count == sum((before[each], now[each]) == (was, becomes) for each in both)
    assert sum(found.relabelled.values()) + sum(found.kept.values()) == len(both)
    for name in "abcd":
        gone, came = before.keys() - now.keys(), now.keys() - before.keys()
        assert found.removed.get(name, 0) == sum(before[each] == name for each in gone)
        assert found.added.get(name, 0) == sum(now[each] == name for each in came)
    assert set(found.classes_added) == set(new.class_names) - set(old.class_names)
    assert compare(old, old, one_pool=True).nothing
    same_metadata = (old.metadata or {}) == (new.metadata or {})
    assert same_metadata == (not found.metadata)


def test_diff_of_other_pools_compares_no_images(tmp_path: Path) -> None:
    files = []
    for number in range(2):
        pool = PoolRef(bytes([number]) * 32, 40)
        files.append(tmp_path / f"{number}.plada")
        files[-1].write_bytes(dumps(Payload(pool, ("a", "b"), [1, 2], [0, 1])))
    found = result("diff", *files)
    assert not found["images_compared"] and not found["same"]
    assert result("diff", files[0], files[0])["same"]


def test_a_pool_with_its_images_elsewhere_and_its_order(
    publisher: Publisher, tmp_path: Path
) -> None:
    from plada_ref.order.permutation import Permutation
    from plada_ref.pool import Manifest

    base = Manifest.read(publisher.manifest)
    bins = (np.arange(len(base)) % 3).astype(np.uint16)
    permutation = Permutation.of_bins(base, bins, order="thirds", made_by={})
    permutation.write(tmp_path / "order.plada")
    permutation.apply(base).write(tmp_path / "pool.parquet")
    words = ("--pool", publisher.site / "shards" / "*.tar", "--images", "https://h.org/a b/")
    pool = ("publish", "pool", tmp_path / "site", "-m")
    order = ("--order", tmp_path / "order.plada")
    said = error(*pool, publisher.manifest, *words, *order, status=2)
    assert "leads to another pool" in said
    files = result(*pool, tmp_path / "pool.parquet", *words, *order)["files"]
    assert files.keys() == {"manifest", "sources", "offsets", "order", "card"}
    sources = json.loads((tmp_path / "site" / files["sources"]["path"]).read_bytes())["sources"]
    assert sources == ["https://h.org/a b/pool-0.tar", "https://h.org/a b/pool-1.tar"]
    # Only what a payload needs is known here: who has no images gives no place of them.
    only = result(*pool, tmp_path / "pool.parquet", "--obtain", "Ask at the desk.")["files"]
    assert only.keys() == {"manifest", "card"}
    card = (tmp_path / "site" / only["card"]["path"]).read_text("utf-8")
    assert "Ask at the desk." in card and "pool.sources.json" not in card
