"""Small pools on disk."""

from __future__ import annotations

import http.server
import io
import json
import os
import re
import tarfile
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

Writer = Callable[[Path, Mapping[str, bytes]], Path]


@pytest.fixture(scope="session")
def make_tar() -> Writer:
    def write(path: Path, members: Mapping[str, bytes]) -> Path:
        with tarfile.open(path, "w") as archive:
            for name, data in members.items():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))
        return path

    return write


@pytest.fixture(scope="session")
def make_folder() -> Writer:
    def write(path: Path, members: Mapping[str, bytes]) -> Path:
        for name, data in members.items():
            file = path / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return path

    return write


@pytest.fixture(scope="session")
def images() -> dict[str, bytes]:
    """Thirty small PNG images whose keys are not stored in key order."""
    made = {}
    for number in range(30):
        stream = io.BytesIO()
        Image.new("RGB", (8, 8), (number * 8, 255 - number * 8, number)).save(stream, "PNG")
        made[f"class-{number % 3}/{number}.png"] = stream.getvalue()
    return made


@pytest.fixture(scope="session")
def real_pool() -> str:
    """A glob of tar shards with real photographs."""
    folder = os.environ.get("PLADA_TEST_POOL")
    if not folder or not list(Path(folder).glob("pool-*.tar")):
        pytest.skip("PLADA_TEST_POOL names no folder with pool-*.tar shards of real images")
    return str(Path(folder) / "pool-*.tar")


@pytest.fixture(scope="session")
def make_parquet() -> Writer:
    """Writes shards as Hugging Face `datasets` 5.2 does: its columns, metadata and row groups.

    Not with the library itself, which needs pandas and some 400 MB.
    """

    def write(path: Path, members: Mapping[str, bytes]) -> Path:
        features = {"image": {"_type": "Image"}, "label": {"names": ["a"], "_type": "ClassLabel"}}
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        schema = pa.schema(
            [("image", kind), ("label", pa.int64())],
            {"huggingface": json.dumps({"info": {"features": features}})},
        )
        rows = [{"bytes": data, "path": name} for name, data in members.items()]
        table = pa.table({"image": rows, "label": [0] * len(rows)}, schema=schema)
        pq.write_table(table, path, row_group_size=100, compression="none", write_page_index=True)
        return path

    return write


class _Handler(http.server.SimpleHTTPRequestHandler):
    """Serves files, and ranges of them if `ranges` is set."""

    ranges = False

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = self.translate_path(self.path)
        try:
            if not (self.ranges and asked and os.path.isfile(path)):
                super().do_GET()
                return
            data = Path(path).read_bytes()
            part = data[int(asked[1]) : int(asked[2]) + 1 if asked[2] else None]
            self.send_response(206)
            self.send_header("Content-Length", str(len(part)))
            self.send_header("Content-Range", f"bytes {asked[1]}-/{len(data)}")
            self.end_headers()
            self.wfile.write(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # Who asks for a range need not wait for the whole file.


@pytest.fixture(scope="session")
def serve() -> Iterator[Callable[..., str]]:
    """Serves a folder over HTTP; returns its URL."""
    pytest.importorskip("aiohttp")
    servers = []

    def start(folder: Path, *, ranges: bool) -> str:
        handler = type("Handler", (_Handler,), {"ranges": ranges})
        server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(handler, directory=str(folder))
        )
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()
