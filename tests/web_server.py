"""A web server for tests: with ranges or without, slow, cut off, and with anything to say."""

from __future__ import annotations

import http.server
import re
import threading
import time
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any


class WebServer:
    """Serves a folder, and counts what it sends.

    Attributes:
        url: its address.
        sent: bytes of bodies, by path.
        asked: GET requests, by path.
        ranges: whether it sends parts of files.
        conditions: whether it sends the whole file if the part asked for is of another version.
        dated: whether it says when a file was changed.
        cut_after: bytes after which it breaks a connection, None for never.
        pause: seconds before each further kilobyte.
        answers: by path, what to send in place of a file: (status, headers, body).
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sent: Counter[str] = Counter()
        self.asked: Counter[str] = Counter()
        self.ranges = self.dated = self.conditions = True
        self.closed = False
        self.cut_after: int | None = None
        self.pause = 0.0
        self.answers: dict[str, tuple[int, dict[str, str], bytes]] = {}
        handler = partial(_Handler, self)
        self._server = _Server(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def forget(self) -> None:
        """Count from nothing again."""
        self.sent.clear()
        self.asked.clear()

    def stop(self) -> None:
        """Close it."""
        self.closed = True  # Connections that are open stay so otherwise.
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def serving(folder: Path) -> Iterator[WebServer]:
    """Serve a folder while the block runs."""
    server = WebServer(folder)
    try:
        yield server
    finally:
        server.stop()


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        pass  # Clients break connections when they have what they need.


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, server: WebServer, *more: Any) -> None:
        self.web = server
        super().__init__(*more)

    def log_message(self, *_: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self.web.asked[self._path()] += 1
        self._answer(body=True)

    def _path(self) -> str:
        return urllib.parse.unquote(self.path.partition("?")[0])

    def _answer(self, *, body: bool) -> None:
        web, path = self.web, self._path()
        if web.closed:
            self.close_connection = True
            return
        if path in web.answers:
            status, headers, data = web.answers[path]
            self._send(status, headers, data, body)
            return
        file = web.folder / path.lstrip("/")
        if not file.is_file():
            self._send(404, {}, b"", body)
            return
        data, state = file.read_bytes(), file.stat()
        headers = {"Last-Modified": self.date_time_string(int(state.st_mtime))}
        headers["ETag"] = f'"{state.st_mtime_ns}-{state.st_ino}"'
        if not web.dated:
            headers = {}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        same = self.headers.get("If-Range") in (None, *headers.values()) or not web.conditions
        if web.ranges and asked and same:
            start = int(asked[1])
            part = data[start : int(asked[2]) + 1 if asked[2] else None]
            end = start + len(part) - 1
            headers["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
            self._send(206 if part else 416, headers, part, body)
        else:
            self._send(200, headers, data, body)

    def _send(self, status: int, headers: dict[str, str], data: bytes, body: bool) -> None:
        web = self.web
        self.send_response(status)
        length = {} if "Transfer-Encoding" in headers else {"Content-Length": str(len(data))}
        for name, value in (length | headers).items():
            self.send_header(name, value)
        self.end_headers()
        if not body:
            return
        cut = len(data) if web.cut_after is None else min(web.cut_after, len(data))
        try:
            for start in range(0, cut, 1024 if web.pause else max(cut, 1)):
                piece = data[start : min(start + (1024 if web.pause else cut), cut)]
                web.sent[self._path()] += len(piece)  # Before the client can look.
                self.wfile.write(piece)
                time.sleep(web.pause)
        except OSError:
            self.close_connection = True
        if cut < len(data):
            self.close_connection = True
