"""Key files: what we read in one is what other programs read in it, or we read nothing."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from pladafmt.keys import BadKey, PrivateKey, PublicKey

ALICE, BOB = PrivateKey(bytes(range(32))), PrivateKey(bytes(range(1, 33)))
A, B = ALICE.public.to_pem(), BOB.public.to_pem()
NAMES = {ALICE.public: "alice", BOB.public: "bob"}

READ = {
    "as it is": A,
    "CRLF": A.replace(b"\n", b"\r\n"),
    "no last line end": A.rstrip(b"\n"),
    "blank lines around": b"\n\r\n" + A + b"\n\n",
}
REFUSED = {
    "a space and two keys": b" " + A + B,
    "a tab and two keys": b"\t" + A + B,
    "two keys": A + B,
    "the same key twice": A + A,
    "text before": b"the key of alice\n" + A,
    "text behind": A + b"hello\n",
    "a space before": b" " + A,
    "a byte order mark": b"\xef\xbb\xbf" + A,
    "UTF-16": A.decode("ascii").encode("utf-16"),
    "a zero behind": A + b"\0",
    "a header inside": A.replace(b"-----\n", b"-----\nProc-Type: 4,ENCRYPTED\n\n", 1),
    "a blank line inside": A.replace(b"-----\n", b"-----\n\n", 1),
    "two blocks on one line": A.rstrip(b"\n") + B,
    "one line": A.replace(b"\n", b""),
    "CR alone": A.replace(b"\n", b"\r"),
    "a space behind BEGIN": A.replace(b"KEY-----\n", b"KEY----- \n", 1),
    "another END": A.replace(b"END PUBLIC", b"END PRIVATE"),
    "a begun key before": A[:40] + b"\n" + B,
    "bytes behind the key": b"-----BEGIN PUBLIC KEY-----\n"
    b"MCowBQYDK2VwAyEAA6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbgAAA==\n"
    b"-----END PUBLIC KEY-----\n",
}


@pytest.mark.parametrize("name", READ)
def test_one_key_and_nothing_else_is_read(name: str) -> None:
    assert PublicKey.from_pem(READ[name]) == ALICE.public
    private = READ[name].replace(A.strip(), ALICE.to_pem().strip())
    crlf = ALICE.to_pem().replace(b"\n", b"\r\n") if name == "CRLF" else private
    assert PrivateKey.from_pem(crlf) == ALICE


@pytest.mark.parametrize("name", REFUSED)
def test_anything_around_or_inside_a_key_is_refused(name: str) -> None:
    with pytest.raises(BadKey) as caught:
        PublicKey.from_pem(REFUSED[name])
    assert str(caught.value).endswith(".") and "\n" not in str(caught.value)
    if name in ("text before", "text behind", "a space before", "a byte order mark"):
        assert "Leave only the lines from -----BEGIN PUBLIC KEY-----" in str(caught.value)


PIECES = [
    *(A, B, ALICE.to_pem(), A.rstrip(b"\n"), A.replace(b"\n", b"\r\n"), A[:30], A[30:], B[28:]),
    *(b"\n", b"\r\n", b"\r", b" ", b"\t", b"\0", b"\xef\xbb\xbf", b"text\n", b"a: b\n", b"-", b"="),
]


@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=4).map(b"".join))
def test_another_parser_never_reads_another_key(data: bytes) -> None:
    try:
        ours = PublicKey.from_pem(data)
    except BadKey:
        return
    theirs = serialization.load_pem_public_key(data)
    assert theirs.public_bytes_raw() == ours.raw  # type: ignore[union-attr]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the program openssl is not here")
@pytest.mark.parametrize("name", READ)
def test_openssl_reads_the_key_that_we_read(name: str, tmp_path: Path) -> None:
    (tmp_path / "a.pub").write_bytes(READ[name])
    command = ["openssl", "pkey", "-pubin", "-in", "a.pub", "-outform", "DER"]
    made = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True).stdout
    assert made[-32:] == ALICE.public.raw
