"""What is fetched from addresses: whole, limited, resumed, verified, and in sentences."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pytest

from plada_ref.errors import Misuse, PipelineError
from plada_ref.storage import download as downloads
from plada_ref.storage.download import download
from plada_ref.storage.fetched import below, beside, fetched, local, origin, sibling

from ..web_server import WebServer, serving

DATA = bytes(range(256)) * 2_000


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WebServer]:
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(downloads, "WAITS", (0.01, 0.01, 0.01))
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "file.bin").write_bytes(DATA)
    with serving(folder) as server:
        yield server


def _get(address: str, most: int = 1 << 20) -> bytes:
    file = io.BytesIO()
    digest = download(address, file, most=most)
    assert digest == hashlib.sha256(file.getvalue()).hexdigest()
    return file.getvalue()


def test_a_broken_connection_goes_on(web: WebServer) -> None:
    web.cut_after = 200_000
    assert _get(f"{web.url}/file.bin") == DATA
    # Three connections, and no byte twice.
    assert (web.asked["/file.bin"], web.sent["/file.bin"]) == (3, len(DATA))


def test_without_ranges_or_versions_it_starts_again_and_gives_up(web: WebServer) -> None:
    for attribute in ("ranges", "dated"):
        web.forget()
        web.ranges = web.dated = True
        setattr(web, attribute, False)
        web.cut_after = 50_000
        with pytest.raises(PipelineError, match=r"broke after .* again and again"):
            _get(f"{web.url}/file.bin")
        assert web.asked["/file.bin"] == 4
        web.cut_after = None
        assert _get(f"{web.url}/file.bin") == DATA


@pytest.mark.parametrize(("conditions", "requests"), [(True, 2), (False, 3)])
def test_a_file_that_is_replaced_meanwhile_is_one_of_the_two(
    web: WebServer, conditions: bool, requests: int
) -> None:
    """Never the beginning of one and the end of another, whatever the server makes of If-Range."""
    web.conditions = conditions
    other = DATA[::-1]

    class Replacing(io.BytesIO):
        def write(self, data: Any) -> int:
            if self.tell() > 100_000 and web.cut_after is not None:
                web.cut_after = None
                (web.folder / "new").write_bytes(other)
                (web.folder / "new").replace(web.folder / "file.bin")
            return super().write(data)

    web.cut_after = 200_000
    file = Replacing()
    download(f"{web.url}/file.bin", file, most=1 << 20)
    assert file.getvalue() == other and web.asked["/file.bin"] == requests


@pytest.mark.parametrize("announced", [True, False])
def test_no_more_than_the_limit(web: WebServer, announced: bool) -> None:
    """A server may announce less than it sends, or nothing."""
    if not announced:
        web.answers["/file.bin"] = (
            200,
            {"Transfer-Encoding": "chunked"},
            b"%x\r\n%s\r\n0\r\n\r\n" % (len(DATA), DATA),
        )
    file = io.BytesIO()
    with pytest.raises(PipelineError, match="at most 100,000 are fetched"):
        download(f"{web.url}/file.bin", file, most=100_000)
    assert len(file.getvalue()) <= 100_000


def test_a_compressed_answer_counts_as_what_it_becomes(web: WebServer) -> None:
    import gzip

    web.answers["/bomb"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(50_000_000)))
    file = io.BytesIO()
    with pytest.raises(PipelineError, match="has more bytes than it may"):
        download(f"{web.url}/bomb", file, most=1_000_000)
    assert len(file.getvalue()) <= 1_000_000


@pytest.mark.parametrize("target", ["file:///etc/hostname", "ftp://127.0.0.1/x", "data:,x"])
def test_a_redirect_to_another_protocol_is_refused(web: WebServer, target: str) -> None:
    web.answers["/file.bin"] = (302, {"Location": target}, b"")
    with pytest.raises(PipelineError, match="no web address; nothing was fetched"):
        fetched(f"{web.url}/file.bin")
    assert not list(web.folder.parent.glob("cache/files/*/*"))


def test_a_redirect_to_another_web_address_is_followed(web: WebServer) -> None:
    web.answers["/old"] = (301, {"Location": "/file.bin"}, b"")
    assert fetched(f"{web.url}/old").read_bytes() == DATA


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((403, {}, b""), "403"),
        ((500, {}, b""), "status 500"),
        ((404, {}, b""), "the server has no such file"),
    ],
)
def test_errors_of_servers_are_sentences(web: WebServer, answer: Any, sentence: str) -> None:
    web.answers["/file.bin"] = answer
    with pytest.raises((PipelineError, FileNotFoundError), match=sentence):
        fetched(f"{web.url}/file.bin")


def test_nobody_there_is_said_at_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path))
    for address in ("http://127.0.0.1:9/a.plada", "https://no-such-host.invalid/a.plada"):
        with pytest.raises(PipelineError, match="check the address and the connection"):
            fetched(address)


def test_a_missing_package_is_named() -> None:
    for module, address in (("s3fs", "s3://bucket/a"), ("gcsfs", "gs://bucket/a")):
        try:
            __import__(module)
        except ImportError:
            with pytest.raises(Misuse, match=r"pip install \"pladafmt\[remote\]\""):
                fetched(address)
    with pytest.raises(Misuse, match="cannot be opened"):
        fetched("nonsense://bucket/a")


def test_a_digest_decides(web: WebServer) -> None:
    address, digest = f"{web.url}/file.bin", hashlib.sha256(DATA).hexdigest()
    path = fetched(address, sha256=digest)
    web.answers["/file.bin"] = (200, {}, b"something else")
    web.forget()
    assert fetched(address, sha256=digest) == path  # It is here: nobody is asked.
    assert not web.asked
    path.write_bytes(b"damaged")
    with pytest.raises(PipelineError, match="gave other bytes than were published"):
        fetched(address, sha256=digest)
    assert path.read_bytes() == b"damaged"  # As it was: what came has not taken its place.
    del web.answers["/file.bin"]
    assert fetched(address, sha256=digest).read_bytes() == DATA


def test_an_undated_file_is_not_trusted_by_another_process(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    web.dated = False
    address = f"{web.url}/file.bin"
    fetched(address), fetched(address)
    assert web.asked["/file.bin"] == 1
    monkeypatch.setattr("plada_ref.storage.location._PROCESS", "another")
    fetched(address)
    assert web.asked["/file.bin"] == 2


def test_what_was_fetched_before_is_named_without_a_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path / "cache"))
    (tmp_path / "a.plada").write_bytes(DATA)
    with serving(tmp_path) as server:
        path = fetched(f"{server.url}/a.plada")
    with pytest.raises(PipelineError, match="What was fetched before is at") as caught:
        fetched(f"{server.url}/a.plada")
    assert str(path) in str(caught.value)


def test_siblings(web: WebServer) -> None:
    (web.folder / "pool [1].parquet").write_bytes(b"manifest")
    (web.folder / "pool [1].codes.npy").write_bytes(b"codes")
    manifest = fetched(f"{web.url}/pool%20%5B1%5D.parquet?token=1")
    name = manifest.name.removesuffix(".parquet")
    codes = sibling(manifest, f"{name}.codes.npy")
    assert codes.read_bytes() == b"codes" and codes.parent == manifest.parent
    assert not sibling(manifest, "none.npy").exists()
    (web.folder / "pool [1].codes.npy").unlink()
    assert not sibling(manifest, f"{name}.codes.npy").exists()
    plain = web.folder / "file.bin"
    assert origin(plain) is None and sibling(plain, "x") == web.folder / "x"


def test_other_stores_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLADA_CACHE", str(tmp_path))
    monkeypatch.setattr(downloads, "_PIECE", 1000)
    store = fsspec.filesystem("memory")
    store.pipe("/addresses/a.bin", DATA[:10_500])
    assert local("memory://addresses/a.bin").read_bytes() == DATA[:10_500]
    with pytest.raises(PipelineError, match="at most 10,000"):
        _get("memory://addresses/a.bin", 10_000)
    with pytest.raises(FileNotFoundError, match="no such file"):
        fetched("memory://addresses/b.bin")
    with pytest.raises(Misuse, match=r"folder|names no file"):
        fetched("memory://addresses")
    assert local("a/b.bin") == Path("a/b.bin")


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("pool.tar", "https://h.org/a/b/pool.tar?k=1"),
        ("../x/./pool.tar", "https://h.org/a/x/pool.tar?k=1"),
        ("../../pool.tar", "https://h.org/pool.tar?k=1"),
        ("../../../pool.tar", None),
        ("/etc/passwd", None),
        ("~/x", None),
        ("C:/x", None),
        ("a\\b", None),
    ],
)
def test_paths_from_an_address_stay_on_its_server(place: str, address: str | None) -> None:
    start = "https://h.org/a/b/pool.sources.json?k=1"
    if address is None:
        with pytest.raises(ValueError):
            below(start, place)
    else:
        assert below(start, place) == address
    assert beside("s3://bucket/a/b", "c") == "s3://bucket/a/c"


def test_no_way_leads_from_an_encrypted_connection_to_an_open_one() -> None:
    from types import SimpleNamespace

    def reply(*schemes: str) -> Any:
        *way, last = (SimpleNamespace(url=SimpleNamespace(scheme=each)) for each in schemes)
        return SimpleNamespace(history=way, url=last.url)

    for good in (("https",), ("http",), ("http", "https"), ("https", "https")):
        downloads._check_way("https://a", reply(*good))
    for bad in (("https", "http"), ("https", "http", "https")):
        with pytest.raises(PipelineError, match="not encrypted"):
            downloads._check_way("https://a", reply(*bad))
