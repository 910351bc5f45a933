"""From a publisher's folder to a client's predictions and to version 2, over a web server alone."""

from __future__ import annotations

import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from plada_ref.storage import download

from ..web_server import WebServer
from .conftest import Publisher, call, error, result

pytestmark = pytest.mark.slow

TRAIN = ("--model", "plada_convnet_s", "--grey", "--img-size", "16", "--workers", "0")
ALL = ("--tune", "all", "--epochs", "2", "--lr", "0.004", "--val-fraction", "0")


def _plain(server: WebServer) -> None:
    server.ranges = server.dated = False


def _slow(server: WebServer) -> None:
    server.pause = 0.002


def _cut(server: WebServer) -> None:
    server.cut_after = 9_000


@pytest.mark.parametrize("kind", [lambda server: None, _plain, _slow, _cut])
def test_the_road(
    kind: Callable[[WebServer], None],
    publisher: Publisher,
    web: WebServer,
    client: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(download, "WAITS", (0.01, 0.01, 0.01))
    kind(web)
    signed = ("--require-signed-by", f"{publisher.key}.pub")
    publisher.publish(publisher.payload("1", 3, slice(0, 120)), "--accuracy", "small=0.9")
    listed = result("tasks", web.url)
    assert [(task["name"], task["version"]) for task in listed["tasks"]] == [("digits", "1")]

    got = result("fetch", web.url, "-o", client, *signed)["tasks"][0]
    assert result("verify", got["payload"], "--key", f"{publisher.key}.pub")["ok"]
    assert not any(path.startswith("/shards") for path in web.sent)
    first = client / "student-1.safetensors"
    made = result("train", got["payload"], "-m", got["manifest"], *TRAIN, *ALL, "-o", first)
    assert made["images"] == 120
    # Of the shards only the images of the payload came, each once.
    shards = sum(size for path, size in web.sent.items() if path.startswith("/shards"))
    if web.ranges and web.cut_after is None:
        with tarfile.open(publisher.site / "shards" / "pool-0.tar") as archive:
            sizes = [member.size for member in archive]
        assert (
            shards < 1.1 * 120 * max(sizes) < (publisher.site / "shards/pool-0.tar").stat().st_size
        )
    photo = client / "new.png"
    with tarfile.open(publisher.site / "shards" / "pool-1.tar") as archive:
        photo.write_bytes(archive.extractfile(archive.getmembers()[-1]).read())  # type: ignore[union-attr]
    said = result("predict", first, photo)
    assert said["predictions"][0]["classes"][0]["class"].startswith("digit ")

    # Version 2 has another class, and other images.
    second = publisher.payload("2", 4, slice(20, 200), "--supersedes", "1")
    publisher.publish(second)
    web.forget()
    new = result("fetch", web.url, "-o", client, *signed)["tasks"][0]
    assert (new["version"], new["new"]) == ("2", True)
    assert not any("pool.parquet" in path for path in web.sent)  # It is here already.
    changed = result("diff", got["payload"], new["payload"])
    assert changed["classes_added"] == ["digit 3"] and changed["added"]["digit 3"] > 0
    assert changed["metadata"]["version"] == {"old": "1", "new": "2"}
    student = client / "student-2.safetensors"
    again = ("--from", first, "-o", student)
    made = result("train", new["payload"], "-m", new["manifest"], *TRAIN, *ALL, *again)
    assert made["started_from"] == result("predict", first, photo)["sha256"]
    assert made["classes"][3] == "digit 3"
    # Other students of the same images fetch none of them.
    web.forget()
    result("train", new["payload"], "-m", new["manifest"], *TRAIN, *ALL, "-o", student)
    frozen = ("--random-backbone", "--cache", client / "features", "-o", student)
    result("train", new["payload"], "-m", new["manifest"], *TRAIN, *frozen)
    shutil.rmtree(client / "cache" / "images")
    result("train", new["payload"], "-m", new["manifest"], *TRAIN, *frozen)  # Nor read any.
    assert not web.sent
    assert not result("fetch", web.url, "-o", client, *signed)["tasks"][0]["new"]


def test_by_address_alone(publisher: Publisher, web: WebServer, client: Path) -> None:
    """Every file by its address: payload, manifest with what is beside it, key, student."""
    payload = publisher.publish(publisher.payload("1", 3, slice(0, 60)))["files"]["payload"]
    (publisher.site / "publisher.pub").write_bytes(Path(f"{publisher.key}.pub").read_bytes())
    task, key = f"{web.url}/{payload['path']}", f"{web.url}/publisher.pub"
    pool = result("tasks", web.url)["pools"][0]["files"]["manifest"]["path"]
    manifest = f"{web.url}/{pool}"
    assert result("verify", task, "--key", key)["files"][0]["file"] == task
    assert result("validate", task)["ok"]
    keys = result("decode", task, "-m", manifest)["keys"]
    assert len(keys) == 60
    out = client / "student.safetensors"
    words = ("--require-signed-by", key, *TRAIN, "--random-backbone", "-o", out)
    assert result("train", task, "-m", manifest, *words)["images"] == 60
    assert result("train", task, "--pool", manifest, *words)["images"] == 60
    (publisher.site / "student.safetensors").write_bytes(out.read_bytes())
    picture = client / "picture.png"
    Image.new("L", (16, 16), 9).save(picture)
    student = f"{web.url}/student.safetensors"
    assert len(result("predict", student, picture)["predictions"]) == 1
    # Nothing is signed or written where it came from.
    assert "cannot be signed in place" in error("sign", task, "--key", f"{publisher.key}.key")


def test_a_file_is_fetched_again_when_it_changed(
    publisher: Publisher, web: WebServer, client: Path
) -> None:
    (publisher.site / "a.plada").write_bytes(publisher.payload("1", 2, slice(0, 9)).read_bytes())
    address = f"{web.url}/a.plada"

    def kept() -> int:
        return sum(result("inspect", address)["kept_per_class"])

    assert (kept(), kept()) == (9, 9)
    assert web.asked["/a.plada"] == 1
    (publisher.site / "a.plada").write_bytes(publisher.payload("2", 2, slice(0, 8)).read_bytes())
    assert kept() == 8
    next((client / "cache" / "files").glob("*/a.plada")).write_bytes(b"damaged here")
    assert kept() == 8
    assert web.asked["/a.plada"] == 3


def test_pool_is_published_once(publisher: Publisher) -> None:
    before = _state(publisher.site)
    again = ("--images", "shards", "--licence", "CC0-1.0", "--title", "Digits of 1998")
    result("publish", "pool", publisher.site, "-m", publisher.manifest, *again)
    after = _state(publisher.site)
    assert before == after  # With their times: nothing was written again.


def _state(folder: Path) -> dict[str, Any]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path): (path.read_bytes(), path.stat().st_mtime_ns) for path in files}


def test_errors_name_the_address(web: WebServer, publisher: Publisher, client: Path) -> None:
    (publisher.site / "pool.parquet").write_bytes(b"<html>")
    (publisher.site / "key.pub").write_bytes(b"<html>")
    task = publisher.payload("1", 2, slice(0, 9), signed=False)
    for words, name in (
        (("decode", task, "-m", f"{web.url}/pool.parquet"), "pool.parquet"),
        (("verify", task, "--key", f"{web.url}/key.pub"), "key.pub"),
        (("predict", f"{web.url}/key.pub", client), "key.pub"),
    ):
        run = call(*words)
        said = json.loads(run.stdout.splitlines()[-1])["error"]
        assert run.exit_code and f"{web.url}/{name}" in said and str(client) not in said
