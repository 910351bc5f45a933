"""The library in C, as a program finds it that has `plada.h` and the installed files alone."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from plada_conformance.decoders import codes_of

from pladafmt import loads

from .conftest import SOURCE
from .test_c_client import VECTORS, vectors

pytestmark = pytest.mark.slow


class Scale(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("bits", "low", "step")]


class Limits(ctypes.Structure):
    names = ("kept", "stream", "blocks", "class_map", "metadata", "work")
    _fields_ = [(name, ctypes.c_uint64) for name in names]


class Codes(ctypes.Structure):
    _fields_ = [
        ("rows", ctypes.c_char_p), ("count", ctypes.c_uint64), ("columns", ctypes.c_size_t)
    ]  # fmt: skip


class File(ctypes.Structure):
    _fields_ = [
        ("content_id", ctypes.c_uint8 * 32),
        ("pool_id", ctypes.c_uint8 * 32),
        ("pool_size", ctypes.c_uint64),
        ("kept", ctypes.c_uint64),
        ("classes", ctypes.c_uint64),
        ("weight_scale", Scale),
        ("names", ctypes.POINTER(ctypes.c_char_p)),
        ("identifiers", ctypes.POINTER(ctypes.c_char_p)),
        ("metadata", ctypes.c_char_p),
        ("positions", ctypes.POINTER(ctypes.c_uint64)),
        ("labels", ctypes.POINTER(ctypes.c_uint16)),
        ("weights", ctypes.POINTER(ctypes.c_uint8)),
        ("is_signed", ctypes.c_bool),
        ("key_id", ctypes.c_uint8 * 8),
        ("sign_at", ctypes.c_size_t),
    ]


@pytest.fixture(scope="module")
def library(built: Path) -> ctypes.CDLL:
    found = ctypes.CDLL(str(built / "installed" / "lib" / "libplada.so"))
    found.plada_read.restype = found.plada_check.restype = ctypes.c_char_p
    found.plada_error_class.restype = found.plada_verify.restype = ctypes.c_char_p
    return found


def call(function: Any, data: bytes, vector: dict[str, Any]) -> tuple[str | None, File]:
    """Read a file under a vector's limits, with its codes."""
    limits = Limits(work=2**41, **{name: value for name, value in vector["limits"].items()
                                   if name != "work"})  # fmt: skip
    limits.work = vector["limits"].get("work", 2**41)
    rows = [bytes.fromhex(row) for row in vector.get("codes", ())]
    codes = Codes(b"".join(rows), len(rows), len(rows[0])) if rows else None
    file = File()
    code = function(
        data,
        ctypes.c_size_t(len(data)),
        ctypes.byref(limits),
        None if codes is None else ctypes.byref(codes),
        ctypes.byref(file),
    )
    return code and code.decode(), file


def readable() -> Iterator[tuple[bytes, dict[str, Any]]]:
    for path, vector in vectors("reader"):
        if vector["verdict"] == "valid":
            yield path.read_bytes(), vector


def texts(found: Any, count: int) -> list[str] | None:
    return [found[index].decode() for index in range(count)] if found else None


def test_all_that_a_valid_file_means_is_in_the_struct(library: ctypes.CDLL) -> None:
    seen = dict.fromkeys(("names", "identifiers", "metadata", "weights", "is_signed"), 0)
    for data, vector in readable():
        code, file = call(library.plada_read, data, vector)
        assert code is None, vector["id"]
        rows = vector.get("codes")
        payload = loads(data, codes=codes_of(rows and [bytes.fromhex(row) for row in rows]))
        assert bytes(file.content_id).hex() == vector["content_id"]
        assert bytes(file.pool_id) == payload.pool.id
        assert (file.pool_size, file.kept) == (payload.pool.size, payload.kept)
        assert file.classes == payload.class_count
        if payload.kept:
            count = payload.kept
            assert np.ctypeslib.as_array(file.positions, (count,)).tolist() == list(
                payload.positions
            )
            assert np.ctypeslib.as_array(file.labels, (count,)).tolist() == list(payload.labels)
        if payload.weights is not None and payload.kept:
            codes = np.ctypeslib.as_array(file.weights, (payload.kept,)).astype(np.float64)
            scale = file.weight_scale
            weights = np.exp2((scale.low + codes * scale.step) / 256)
            np.testing.assert_allclose(weights, payload.weights, rtol=1e-5)
        assert bool(file.weights) == (payload.weights is not None and payload.kept > 0)
        assert texts(file.names, file.classes) == (
            list(payload.class_names) if file.names else None
        )
        assert texts(file.identifiers, file.classes) == (
            None if payload.identifiers is None else list(payload.identifiers)
        )
        found = None if file.metadata is None else json.loads(file.metadata)
        assert found == payload.metadata
        for name in seen:
            seen[name] += bool(getattr(file, name))
        library.plada_free(ctypes.byref(file))
        assert bytes(file) == bytes(ctypes.sizeof(File))
    assert min(seen.values()) > 0


def test_a_check_finds_the_same_and_keeps_nothing(library: ctypes.CDLL) -> None:
    for path, vector in vectors("reader"):
        data = path.read_bytes()
        code, file = call(library.plada_check, data, vector)
        assert code == vector["code"], vector["id"]
        if code is None:
            assert bytes(file.content_id).hex() == vector["content_id"]
            assert not any((file.names, file.metadata, file.positions, file.labels, file.weights))
        else:
            assert library.plada_error_class(code.encode()).decode() == vector["verdict"]
            refused, nothing = call(library.plada_read, data, vector)
            assert refused == code
            assert bytes(file) == bytes(nothing) == bytes(ctypes.sizeof(File))


def test_only_its_own_names_are_visible(built: Path) -> None:
    if not shutil.which("nm"):
        pytest.skip("nm is not installed")
    listed = subprocess.run(
        ["nm", "-g", built / "libplada.a"], capture_output=True, text=True, check=True
    ).stdout
    names = {line.split()[-1] for line in listed.splitlines() if " T " in line or " R " in line}
    header = (SOURCE / "plada.h").read_text()
    assert len(names) == 7
    assert all(name.startswith("plada_") and name in header for name in names)


@pytest.mark.parametrize("linked", ["static", "shared"])
def test_a_program_in_a_folder_of_its_own(
    linked: str, built: Path, libraries: list[str], tmp_path: Path
) -> None:
    installed = built / "installed"
    shutil.copy(SOURCE / "example.c", tmp_path)
    shutil.copy(VECTORS / "valid" / "container" / "worked_example.plada", tmp_path)
    if linked == "static":
        rest = [str(installed / "lib" / "libplada.a"), *libraries]
    else:
        rest = [f"-L{installed / 'lib'}", f"-Wl,-rpath,{installed / 'lib'}", "-lplada"]
    include = f"-I{installed / 'include'}"
    warnings = ["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror"]
    command = ["cc", *warnings, include, "example.c", *rest, "-o", "example"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    run = [str(tmp_path / "example"), "worked_example.plada"]
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout == "3\tcat\n4\tcat\n5\tdog\n300\tdog\n301\tcat\n"
    assert (done.returncode, done.stderr) == (0, "")
    data = bytearray((tmp_path / "worked_example.plada").read_bytes())
    data[-1] ^= 1
    (tmp_path / "worked_example.plada").write_bytes(data)
    done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "crc-mismatch (corrupt)\n"
    assert len((SOURCE / "example.c").read_text().splitlines()) <= 26


def test_its_package_file_says_how_to_compile(built: Path, libraries: list[str]) -> None:
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is not installed")
    installed = built / "installed"
    done = subprocess.run(
        ["pkg-config", "--static", "--cflags", "--libs", "plada"],
        env={"PATH": "/usr/bin:/bin", "PKG_CONFIG_PATH": str(installed / "lib" / "pkgconfig")},
        capture_output=True,
        text=True,
    )
    wanted = [f"-I{installed / 'include'}", f"-L{installed / 'lib'}", "-lplada", *libraries]
    assert done.stdout.split() == wanted, done.stderr


def test_the_header_is_one_for_cpp_too(built: Path, tmp_path: Path) -> None:
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler")
    source = tmp_path / "program.cpp"
    source.write_text("#include <plada.h>\nint main() { return plada_default_limits.kept == 0; }\n")
    done = subprocess.run(
        ["c++", "-Wall", "-Wextra", "-Werror", f"-I{built / 'installed' / 'include'}", source,
         f"-L{built / 'installed' / 'lib'}", f"-Wl,-rpath,{built / 'installed' / 'lib'}", "-lplada",
         "-o", tmp_path / "program"],
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert subprocess.run([tmp_path / "program"]).returncode == 0
