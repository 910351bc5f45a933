"""What several files of tests share: where compilers are; the library in C is built once."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "conformance" / "clients" / "c"
PROBE = """
#include <openssl/evp.h>
#include <zlib.h>
unsigned ZSTD_isError(size_t);
int main(void) { return EVP_sha256() == 0 || crc32_z(0, 0, 0) != 0 || ZSTD_isError(0); }
"""


def tool(name: str) -> str:
    """The path of a program, or skip; compilers of Rust often lie where no PATH leads."""
    homes = os.pathsep.join((os.environ.get("PATH", ""), str(Path.home() / ".cargo" / "bin")))
    found = shutil.which(name, path=homes)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def compile_c(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["cc", "-std=c11", *arguments], capture_output=True, text=True)


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What the library in C is linked with."""
    for program in ("cc", "make"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    folder = tmp_path_factory.mktemp("probe")
    probe = folder / "probe.c"
    probe.write_text(PROBE)
    for zstd in ("-lzstd", "-l:libzstd.so.1"):
        found = [zstd, "-lz", "-lcrypto", "-lm"]
        if compile_c(probe, "-o", folder / "probe", *found).returncode == 0:
            return found
    pytest.skip("libzstd, zlib or libcrypto cannot be linked")


@pytest.fixture(scope="session")
def built(libraries: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the library and the client in C were made, and `installed`."""
    copy = tmp_path_factory.mktemp("c") / "client"
    copy.mkdir()
    for source in (*SOURCE.glob("*.[ch]"), SOURCE / "Makefile"):
        shutil.copy(source, copy)
    made = subprocess.run(
        ["make", "-C", copy, "all", "install", f"PREFIX={copy / 'installed'}"],
        capture_output=True,
        text=True,
    )
    assert (made.returncode, made.stderr) == (0, "")
    return copy
