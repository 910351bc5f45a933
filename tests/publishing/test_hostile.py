"""A host that lies: each lie gets a sentence, and nothing is written outside of one folder."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plada_ref.errors import PipelineError
from plada_ref.pool import ManifestFile
from plada_ref.publishing.index import INDEX, Index
from plada_ref.publishing.names import Version, check_name
from pladafmt import Codes, Payload, Rule, dumps

from ..web_server import WebServer
from .conftest import Publisher, error, result

Change = Callable[[dict[str, Any]], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Publisher:
    from .conftest import make_publisher

    publisher = make_publisher(tmp_path_factory.mktemp("made"))
    publisher.publish(publisher.payload("1", 3, slice(0, 50)))
    publisher.publish(publisher.payload("2", 3, slice(0, 60), "--supersedes", "1"))
    return publisher


@pytest.fixture
def publisher(made: Publisher, tmp_path: Path) -> Publisher:
    """A copy, which a test may spoil."""
    root = shutil.copytree(made.root, tmp_path / "server")
    return Publisher(root, root / "site", made.labels)


def _spoil(publisher: Publisher, change: Change) -> None:
    path = publisher.site / INDEX
    index = json.loads(path.read_bytes())
    change(index)
    path.write_text(json.dumps(index))


def _files(folder: Path, but: Path | None = None) -> set[Path]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path for path in found if but is None or but not in path.parents}


def _payload(index: dict[str, Any]) -> Any:
    return index["tasks"][-1]["files"]["payload"]


def _manifest(index: dict[str, Any]) -> Any:
    return index["pools"][0]["files"]["manifest"]


PATHS = (
    "../outside.plada",
    "tasks/../../x",
    "/etc/passwd",
    "C:/x",
    "a\\..\\b",
    "https://elsewhere.org/x",
    "file:///etc/passwd",
    "tasks//x",
    "./x",
    "x?y",
    "x\u202ey",
    "",
)
FETCHED: dict[str, tuple[Change, str]] = {
    "digest": (lambda it: _payload(it).update(sha256="0" * 64), "gave other bytes"),
    "digest of the manifest": (lambda it: _manifest(it).update(sha256="0" * 64), "gave other"),
    "too large": (lambda it: _payload(it).update(bytes=100), "at most 100 are fetched"),
    "beyond the limit": (lambda it: _payload(it).update(bytes=1 << 50), "the limit is"),
    "no file": (lambda it: _payload(it).update(path="tasks/none"), "nothing is there"),
    "a path": (lambda it: _payload(it).update(path="../outside"), "below the index"),
    "a name": (lambda it: it["tasks"][-1].update(name="../digits"), "is no name"),
    "another version": (lambda it: it["tasks"][-1].update(version="3"), "says that it is"),
    "another name": (lambda it: it["tasks"][-1].update(name="letters"), "says that it is"),
    "another size": (lambda it: it["pools"][0].update(size=7), "is of the pool"),
}
"""Lies that are found when files are fetched, but for two, which are found before."""

STATED: dict[str, tuple[Change, str]] = {
    "a hidden name": (lambda it: it["tasks"][-1].update(name=".digits"), "is no name"),
    "a version": (lambda it: it["tasks"][-1].update(version="../../2"), "is no version"),
    "twice": (lambda it: it["tasks"].append(it["tasks"][0]), "twice"),
    "a pool twice": (lambda it: it["pools"].append(it["pools"][0]), "twice"),
    "a layout": (lambda it: it.update(layout=2), "layout 1"),
    "a number": (lambda it: _payload(it).update(bytes=-1), "size of a file"),
    "a truth": (lambda it: _payload(it).update(bytes=True), "size of a file"),
    "a long text": (lambda it: it["pools"][0].update(name="a" * 10_001), "no short text"),
    "no payload": (lambda it: it["tasks"][-1]["files"].pop("payload"), "payload is missing"),
} | {
    f"path {path}": (lambda it, path=path: _payload(it).update(path=path), "path") for path in PATHS
}


@pytest.mark.parametrize("lie", STATED)
def test_what_no_index_may_state(lie: str, made: Publisher) -> None:
    change, sentence = STATED[lie]
    index = json.loads((made.site / INDEX).read_bytes())
    change(index)
    with pytest.raises(PipelineError, match="nothing was fetched") as caught:
        Index.from_bytes(json.dumps(index).encode(), "somewhere")
    assert sentence in str(caught.value)


@pytest.mark.parametrize("lie", FETCHED)
def test_lies_of_an_index(lie: str, publisher: Publisher, web: WebServer, client: Path) -> None:
    change, sentence = FETCHED[lie]
    _spoil(publisher, change)
    target = client / "here"
    before = _files(client.parent)
    name = "letters" if lie == "another name" else "digits"
    said = error("fetch", web.url, name, "-o", target)
    assert sentence in said
    # The cache, which lies in the client's folder here, is not asked for anything.
    assert _files(client.parent, but=target) == before
    assert not list(target.glob("tasks/**/*.plada")) and not list(target.rglob("*.part"))


def test_a_redirect_and_a_web_page(publisher: Publisher, web: WebServer, client: Path) -> None:
    place = f"/{_payload(json.loads((publisher.site / INDEX).read_bytes()))['path']}"
    web.answers[place] = (302, {"Location": "file:///etc/hostname"}, b"")
    assert "no web address" in error("fetch", web.url, "-o", client)
    web.answers[f"/{INDEX}"] = (200, {}, b"<html>Sign in</html>")
    assert "no index of published tasks" in error("fetch", web.url, "-o", client)
    web.answers[f"/{INDEX}"] = (200, {}, b" " * (17 << 20))
    assert "at most 16,777,216" in error("tasks", web.url)


def test_an_older_version_is_not_taken_for_the_newest(
    publisher: Publisher, web: WebServer, client: Path
) -> None:
    """The old file is signed as well: nothing in it says that there is a newer one."""
    signed = ("--require-signed-by", f"{publisher.key}.pub")
    result("fetch", web.url, "-o", client, *signed)
    before = _files(client)
    _spoil(publisher, lambda index: index["tasks"].pop())
    said = error("fetch", web.url, "-o", client, *signed)
    assert "version 2 is here already" in said and _files(client) == before
    # Who asks for it gets it.
    got = result("fetch", web.url, "digits@1", "-o", client, *signed)["tasks"][0]
    assert (got["version"], got["new"]) == ("1", True)


def test_the_same_version_with_other_bytes(
    publisher: Publisher, web: WebServer, client: Path
) -> None:
    result("fetch", web.url, "-o", client)
    other = publisher.payload("2", 3, slice(5, 60), "--supersedes", "1")
    assert "is published already" in error("publish", "task", publisher.site, other)

    def exchange(index: dict[str, Any]) -> None:
        data = other.read_bytes()
        (publisher.site / _payload(index)["path"]).write_bytes(data)
        _payload(index).update(bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    _spoil(publisher, exchange)
    before = (client / "tasks/digits/2/task.plada").read_bytes()
    assert "here already" in error("fetch", web.url, "-o", client)
    assert (client / "tasks/digits/2/task.plada").read_bytes() == before


def test_signatures(publisher: Publisher, web: WebServer, client: Path) -> None:
    result("keygen", client / "somebody")
    keys = ("--require-signed-by", client / "somebody.pub")
    assert "key" in error("fetch", web.url, "-o", client / "here", *keys)
    assert not list((client / "here").glob("tasks/**/*.plada"))


def test_another_pools_codes(publisher: Publisher, web: WebServer, client: Path) -> None:
    """They have the digest that the index states, and are not those of the payload's rule."""
    pool = ManifestFile(publisher.manifest).pool
    random = np.random.default_rng(0)
    right, wrong = (random.integers(-99, 99, (pool.size, 8), dtype=np.int8) for _ in range(2))
    np.save(publisher.root / "pool.codes.npy", right)
    images = ("--images", "shards", "--licence", "CC0-1.0")
    result("publish", "pool", publisher.site, "-m", publisher.manifest, *images)
    codes = Codes(right)
    zeros = np.zeros(3, np.int64)
    rule = Rule(codes.id_of(pool.size)[:8], random.integers(-3, 4, (3, 6)), zeros, zeros)
    kept = rule.keep(codes, pool.size)
    about = {"name": "ruled", "version": "1"}
    payload = Payload(pool, 3, kept.positions, kept.labels, metadata=about)
    file = publisher.root / "ruled.plada"
    file.write_bytes(dumps(payload, rule=rule, codes=codes))
    publisher.publish(file)

    place = publisher.site / f"pools/{pool.id.hex()[:16]}/pool.codes.npy"
    np.save(place, wrong)

    def exchange(index: dict[str, Any]) -> None:
        digest = hashlib.sha256(place.read_bytes()).hexdigest()
        index["pools"][0]["files"]["codes"].update(sha256=digest)

    _spoil(publisher, exchange)
    assert "codes" in error("fetch", web.url, "ruled", "-o", client)
    assert not list(client.rglob("pool.codes.npy")) and not list(client.glob("tasks/ruled/*"))
    np.save(place, right)
    _spoil(publisher, exchange)
    got = result("fetch", web.url, "ruled", "-o", client)["tasks"][0]
    assert len(list(client.rglob("pool.codes.npy"))) == 1
    # By the address alone, codes are fetched because the payload asks for them.
    manifest = f"{web.url}/pools/{pool.id.hex()[:16]}/pool.parquet"
    images_kept = result("decode", got["payload"], "-m", manifest)["positions"]
    assert images_kept == kept.positions.tolist()


KEYS = [
    *("layout", "pools", "tasks", "id", "size", "files", "manifest", "payload", "path", "bytes"),
    *("sha256", "name", "version", "pool", "classes", "kept", "content_id", "signed_by", "licence"),
]
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.sampled_from([*PATHS, "a" * 64, "digits", "1"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(KEYS) | st.text(max_size=5),
            inner,
            max_size=8,
        )
    ),
    max_leaves=30,
)


@given(JSON, st.data())
@settings(max_examples=100)
def test_any_json_is_an_index_or_a_sentence(value: Any, data: st.DataObject) -> None:
    if isinstance(value, dict) and data.draw(st.booleans()):
        value["layout"] = 1
    text = json.dumps(value).encode()
    try:
        index = Index.from_bytes(text, "somewhere")
    except PipelineError as exc:
        assert "nothing was fetched" in str(exc)
        return
    assert Index.from_bytes(index.to_bytes(), "again") == index


@given(st.data())
@settings(max_examples=100)
def test_an_index_with_one_member_exchanged(data: st.DataObject) -> None:
    """Whatever stands at one place, no path, name or version leads out of a folder."""
    index = _sample()
    holders = list(_holders(index))
    holder, key = data.draw(st.sampled_from(holders))
    holder[key] = data.draw(JSON)
    try:
        found = Index.from_bytes(json.dumps(index).encode(), "somewhere")
    except PipelineError:
        return
    for task in found.tasks:
        assert check_name(task.name) and Version.of(task.version.text)
    every = [each.files for each in found.tasks] + [each.files for each in found.pools]
    for file in (file for files in every for file in files.values()):
        parts = file.path.split("/")
        assert not {"", ".", ".."} & set(parts) and ":" not in file.path


def _sample() -> dict[str, Any]:
    file = {"path": "tasks/a/1/task.plada", "bytes": 9, "sha256": "0" * 64}
    pool = {"id": "1" * 64, "size": 3, "files": {"manifest": dict(file)}}
    task = {"name": "a", "version": "1", "pool": "1" * 64, "classes": 2, "kept": 1}
    task |= {"content_id": "2" * 64, "files": {"payload": dict(file)}}
    return {"layout": 1, "pools": [pool], "tasks": [task]}


def _holders(value: Any) -> Any:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(items):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _holders(inner)


def test_versions_have_an_order() -> None:
    texts = ["0", "0.9", "1", "1.2", "1.10", "2.0.1", "10"]
    assert sorted(map(Version.of, reversed(texts))) == list(map(Version.of, texts))
    assert Version.of("2") == Version.of("2.0.0") != Version.of("2.1")
    for text in ("", "1.", "01", "1a", "1.2.3.4.5", "٣", "-1", "1" * 10, None, 1):
        with pytest.raises(ValueError):
            Version.of(text)
    for text in ("", "A", "a..b", "-a", "a/", "a" * 65, "é", "a.", None):
        with pytest.raises(ValueError):
            check_name(text)
    assert np.all([check_name(text) == text for text in ("a", "a-b_c.d9", "0")])
