"""The page that shows a file, in a browser without a window."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from plada_conformance.build import draft, metadata_chunk

CLIENT = Path(__file__).resolve().parents[2] / "conformance" / "clients" / "javascript"
CHROMIUM = shutil.which("chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed"),
    pytest.mark.skipif(
        not (CLIENT / "node_modules" / "fzstd").is_dir(),
        reason="run npm install in conformance/clients/javascript",
    ),
]

HOSTILE = (
    '{"producer": "<img src=x onerror=\\"document.title=1\\">", '
    '"<script>document.title=2</script>": "\u202egnp.exe\u2066", '
    '"teacher": "</bdi></pre><iframe srcdoc=\'<p>\'></iframe>", "__proto__": "\u200b\x7f"}'
).encode()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and keeps its requests to itself."""

    def log_message(self, format: str, *args: object) -> None:
        pass


class Dom(HTMLParser):
    """What the page became: elements with their attributes, and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    @property
    def state(self) -> str | None:
        return next(attrs["data-state"] for tag, attrs in self.elements if tag == "body")


class Browser:
    """Opens files in the page."""

    def __init__(self, folder: Path, profile: Path, port: int) -> None:
        self.folder = folder
        self.profile = profile
        self.address = f"http://127.0.0.1:{port}/page.html"
        self.opened = 0

    def open(self, data: bytes) -> Dom:
        # Another name for each: the browser takes a file of the same second for unchanged.
        self.opened += 1
        name = f"task-{self.opened}.plada"
        (self.folder / name).write_bytes(data)
        return self.load(f"?file={name}")

    def load(self, query: str) -> Dom:
        assert CHROMIUM is not None
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += [f"--user-data-dir={self.profile}", "--virtual-time-budget=10000"]
        # Virtual time does not wait for hashing, so a slow machine may need another try.
        for _ in range(3):
            done = subprocess.run(
                [*command, self.address + query],
                capture_output=True,
                encoding="utf-8",
                timeout=120,
                check=True,
            )
            dom = Dom(done.stdout)
            if dom.state != "idle" or not query:
                break
        return dom


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    folder = tmp_path_factory.mktemp("page")
    for path in CLIENT.iterdir():
        (folder / path.name).symlink_to(path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield Browser(folder, tmp_path_factory.mktemp("profile"), server.server_port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_it_waits_for_a_file(browser: Browser) -> None:
    dom = browser.load("")
    assert dom.state == "idle"
    assert "Drop a file here" in dom.text


def test_a_valid_file(browser: Browser) -> None:
    made = draft().build()
    dom = browser.open(made.data)
    assert dom.state == "valid"
    assert "2039ad217ab7f1077adaf757da81f732dd73166cc0daddd8d263ac11b9310e0a" in dom.text
    for text in ("cat", "dog", "1,000 images", "BLOCK 0 positions", "HEAD check", "2039ad21"):
        assert text in dom.text
    assert "unread" not in dom.text


def test_a_corrupt_file(browser: Browser) -> None:
    data = bytearray(draft().build().data)
    data[85] ^= 1  # in the labels
    dom = browser.open(bytes(data))
    assert dom.state == "refused"
    for text in ("corrupt", "crc-mismatch", "at byte 90", "cat", "unread"):
        assert text in dom.text
    assert "content id" not in dom.text


@pytest.mark.parametrize("data", [b"", b"\x89PLADA", b"<!doctype html><script>1</script>" * 9])
def test_something_else(browser: Browser, data: bytes) -> None:
    dom = browser.open(data)
    assert dom.state == "refused"
    assert ("bad-magic" if data.startswith(b"<") else "truncated") in dom.text


def test_hostile_text_is_shown_and_inert(browser: Browser) -> None:
    plain = browser.open(draft().build().data)
    made = draft()
    made.chunks.append(metadata_chunk(HOSTILE))
    dom = browser.open(made.build().data)
    assert dom.state == "valid"
    tags = {tag for tag, _ in dom.elements}
    assert tags - {tag for tag, _ in plain.elements} == {"pre"}
    assert sum(tag == "script" for tag, _ in dom.elements) == 2
    assert not [name for _, attrs in dom.elements for name in attrs if name.startswith("on")]
    assert '<img src=x onerror=\\"document.title=1\\">' in dom.text
    assert "<script>document.title=2</script>" in dom.text
    assert "U+202Egnp.exeU+2066" in dom.text
    assert '"__proto__": "U+200BU+007F"' in dom.text
    assert not set("\u202e\u2066\u200b\x7f") & set(dom.text)
    assert "What is in a .plada file" in dom.text


def test_files_of_other_origins_are_not_fetched(browser: Browser) -> None:
    dom = browser.load("?file=https://example.org/task.plada")
    assert dom.state == "failed"
    assert "of another origin" in dom.text


def test_a_file_that_is_not_there(browser: Browser) -> None:
    dom = browser.load("?file=missing.plada")
    assert dom.state == "failed"
    assert "404" in dom.text
