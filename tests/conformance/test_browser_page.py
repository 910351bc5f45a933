"""The page that shows a file, in a browser without a window."""

import io
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from plada_conformance.build import draft, metadata_chunk

from pladafmt import Codes, Payload, PoolRef, Rule, content_id, dumps

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


IMAGES = 3000
NAMES = ["cat", "dog", "<b>owl"]


class Ruled:
    """A file whose rule keeps some of 3,000 images, of which a block names three more."""

    def __init__(self) -> None:
        random = np.random.default_rng(17)
        table = np.clip(random.normal(0, 40, (IMAGES, 16)).round(), -128, 127).astype(np.int8)
        self.codes = Codes(table)
        self.rule = Rule(
            self.codes.id_of(IMAGES)[:8],
            random.integers(-5, 6, (3, 12)),
            np.array([-40, 0, 72]),
            np.array([200, 400, 600]),
            shift=3,
        )
        self.kept = self.rule.keep(self.codes, IMAGES)
        labels = np.full(IMAGES, -1)
        labels[self.kept.positions] = self.kept.labels
        self.named = np.flatnonzero(labels < 0)[:3]
        labels[self.named] = [0, 1, 2]
        positions = np.flatnonzero(labels >= 0)
        self.payload = Payload(
            PoolRef(bytes(range(32)), IMAGES), NAMES, positions, labels[positions]
        )
        self.data = dumps(self.payload, rule=self.rule, codes=self.codes)


def numpy_file(table: "np.ndarray[tuple[int, int], np.dtype[np.int8]]") -> bytes:
    out = io.BytesIO()
    np.save(out, table)
    return out.getvalue()


# A page of the same origin that chooses files in the real one, as a person would.
CHOOSES = """<!doctype html><body data-state="idle"><iframe src="page.html"></iframe><script>
const frame = document.querySelector("iframe");
const settled = async (data) => {
  while (["asked", "reading"].includes(data.state)) await new Promise((go) => setTimeout(go, 10));
};
frame.onload = async () => {
  const page = frame.contentDocument;
  for (const step of location.search.slice(1).split("&")) {
    const [id, name] = step.split("=");
    const chosen = new DataTransfer();
    chosen.items.add(new File([await (await fetch(name)).arrayBuffer()], name));
    page.body.dataset.state = "asked";
    page.getElementById(id).files = chosen.files;
    page.getElementById(id).dispatchEvent(new Event("change"));
    await settled(page.body.dataset);
    document.body.append(`|STEP|${page.body.dataset.state} ${page.body.textContent}`);
  }
  document.body.dataset.state = "done";
};
</script>"""


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
        self.address = f"http://127.0.0.1:{port}/"
        self.opened = 0

    def open(self, data: bytes, codes: bytes | None = None) -> Dom:
        query = f"?file={self.lay(data)}"
        return self.load(query if codes is None else f"{query}&codes={self.lay(codes)}")

    def choose(self, *steps: tuple[str, bytes]) -> list[str]:
        """Choose files in the inputs of these ids; return the page's state and text after each."""
        (self.folder / "chooses.html").write_text(CHOOSES)
        query = "&".join(f"{element}={self.lay(data)}" for element, data in steps)
        dom = self.load(f"?{query}", page="chooses.html")
        assert dom.state == "done"
        return dom.text.split("|STEP|")[-len(steps) :]

    def lay(self, data: bytes) -> str:
        """Write a file for the browser and return its name."""
        # Another name for each: the browser takes a file of the same second for unchanged.
        self.opened += 1
        name = f"file-{self.opened}"
        (self.folder / name).write_bytes(data)
        return name

    def load(self, query: str, page: str = "page.html") -> Dom:
        assert CHROMIUM is not None
        command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
        command += [f"--user-data-dir={self.profile}", "--virtual-time-budget=10000"]
        # Virtual time does not wait for hashing, so a slow machine may need another try.
        for _ in range(3):
            done = subprocess.run(
                [*command, self.address + page + query],
                capture_output=True,
                encoding="utf-8",
                timeout=120,
                check=True,
            )
            dom = Dom(done.stdout)
            if dom.state not in ("idle", "reading") or not query:
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


@pytest.fixture(scope="module")
def ruled() -> Ruled:
    return Ruled()


def test_a_rule_with_its_codes(browser: Browser, ruled: Ruled) -> None:
    dom = browser.open(ruled.data, numpy_file(ruled.codes.table))
    assert dom.state == "valid"
    assert content_id(ruled.payload).hex() in dom.text
    kept = ruled.payload.kept
    assert 100 < kept < IMAGES
    assert f"kept{kept:,} images" in dom.text
    for label, name in enumerate(NAMES):
        assert f"{label}{name}{(ruled.payload.labels == label).sum():,}" in dom.text
    margins = dict(zip(ruled.kept.positions.tolist(), ruled.kept.margins.tolist(), strict=True))
    shown = "".join(
        f"{position:,}{NAMES[label]}"
        + (f"{margins[position]:,}" if position in margins else "named")
        for position, label in zip(
            ruled.payload.positions[:400].tolist(), ruled.payload.labels[:400], strict=True
        )
    )
    assert "positionclassmargin" + shown in dom.text
    for text in ("rule", ruled.rule.codes_id.hex(), "over 12 columns", "3,000 images, 16 columns"):
        assert text in dom.text


def without_codes(ruled: Ruled) -> str:
    return (
        f"The file keeps images by a rule over the codes {ruled.rule.codes_id.hex()}... of 3,000 "
        "images; none are at hand. Get the code table that the pool's publisher ships."
    )


TO_DO = "Open it here as well: drop it, or choose it above. The file is not bad."


def test_a_rule_without_codes(browser: Browser, ruled: Ruled) -> None:
    dom = browser.open(ruled.data)
    assert dom.state == "refused"
    for text in ("mismatch", "codes-mismatch", without_codes(ruled), TO_DO):
        assert text in dom.text


def test_files_that_are_chosen(browser: Browser, ruled: Ruled) -> None:
    table = ruled.codes.table
    changed = table.copy()
    changed[2999, 15] += 1  # The rule does not use this column; the id covers it.
    wrong = [changed, table[:-1], np.ascontiguousarray(table[:, :11])]
    grown = np.concatenate([table, table[:70]])
    first, *others, shown, cut, other, again = browser.choose(
        ("file", ruled.data),
        *(("codes", numpy_file(each)) for each in wrong),
        ("codes", numpy_file(grown)),
        ("codes", numpy_file(table)[:-1]),
        ("codes", ruled.data),
        ("file", ruled.data),
    )
    assert first.startswith("refused")
    assert without_codes(ruled) in first
    for each, text in zip(wrong, others, strict=True):
        assert text.startswith("refused")
        assert (
            f"The rule is for the codes {ruled.rule.codes_id.hex()}... of 3,000 images, and uses "
            f"12 of their columns; the codes at hand are others, {each.shape[1]} columns of "
            f"{len(each):,} images. Get the code table that the pool's publisher ships."
        ) in text
        assert TO_DO in text
    assert cut.startswith("failed")
    assert "This is no code table: it has 47999 bytes for 3000 rows of 16 codes." in cut
    assert other.startswith("failed")
    assert "This is no code table: it is not a NumPy file of version 1.0." in other
    for text in (shown, again):
        assert text.startswith("valid")
        assert content_id(ruled.payload).hex() in text
        assert "3,070 images, 16 columns" in text
