"""The same without a web server: fsspec's memory, and S3 as moto plays it, if it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from .conftest import Publisher, error, result

pytestmark = pytest.mark.slow

TRAIN = ("--model", "plada_convnet_s", "--random-backbone", "--grey", "--img-size", "16")


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(port=0, verbose=False)
    for name in ("ID", "SECRET"):
        key = "AWS_ACCESS_KEY_ID" if name == "ID" else "AWS_SECRET_ACCESS_KEY"
        monkeypatch.setenv(key, "testing")
    monkeypatch.setenv("NO_PROXY", "*")
    server.start()
    port = server.get_host_and_port()[1]
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{port}")
    fsspec.filesystem("s3").mkdir("publisher")
    yield "s3://publisher/tasks"
    server.stop()


@pytest.fixture
def memory() -> Iterator[str]:
    yield "memory://publisher/tasks"
    fsspec.filesystem("memory").rm("/publisher", recursive=True)


@pytest.mark.parametrize("store", ["memory", "s3"])
def test_the_road_through_a_store(
    store: str, publisher: Publisher, client: Path, request: pytest.FixtureRequest
) -> None:
    address = request.getfixturevalue(store)
    publisher.publish(publisher.payload("1", 3, slice(0, 60)))
    _upload(publisher.site, address)
    assert result("tasks", address)["tasks"][0]["name"] == "digits"
    signed = ("--require-signed-by", f"{publisher.key}.pub")
    got = result("fetch", address, "-o", client, *signed)["tasks"][0]
    out = client / "student.safetensors"
    words = ("-o", out, "--workers", "0", *TRAIN)
    assert result("train", got["payload"], "-m", got["manifest"], *words)["images"] == 60
    # By addresses alone, as well.
    pool = f"{address}/pools/{Path(got['manifest']).parent.name}/pool.parquet"
    task = f"{address}/tasks/digits/1/task.plada"
    assert result("train", task, "-m", pool, *words)["images"] == 60
    publisher.publish(publisher.payload("2", 3, slice(10, 70)))
    _upload(publisher.site, address)
    assert result("fetch", address, "-o", client, *signed)["tasks"][0]["version"] == "2"
    assert "no such file" in error("inspect", f"{address}/none.plada")


def _upload(folder: Path, address: str) -> None:
    store, root = fsspec.core.url_to_fs(address)
    for path in folder.rglob("*"):
        if path.is_file():
            store.pipe(f"{root}/{path.relative_to(folder).as_posix()}", path.read_bytes())
