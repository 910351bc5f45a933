"""Signatures: who signed a file, and every way in which that can fail to be known."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import assume, example, given
from hypothesis import strategies as st
from plada_conformance.build import Chunk, draft
from plada_conformance.tables import EXAMPLE

from pladafmt import (
    Limits,
    Payload,
    PladaError,
    PoolRef,
    Untrusted,
    chunks,
    content_id,
    dumps,
    layout,
    loads,
    signature_chunk,
    validate,
)
from pladafmt.keys import BadKey, PrivateKey, PublicKey
from pladafmt.signature import Status, check, sign, verify
from pladafmt.testing import damaged, payloads, repair

_WORKED_EXAMPLE = draft()
GOOD: bytes = _WORKED_EXAMPLE.build().data
NAMES: bytes = _WORKED_EXAMPLE.chunks[0].body


def block() -> bytes:
    return bytes(_WORKED_EXAMPLE.block.chunk().body)


def file(*parts: tuple[int, bytes]) -> bytes:
    """The worked example's HEAD, these chunks, and END, with right checksums."""
    made = draft()
    made.blocks, made.chunks = [], [Chunk(kind, {"body": body}) for kind, body in parts]
    made.head = {"kept": b"\x05", "max_stream": b"\x05"}
    return bytes(made.build().data)


ALICE, BOB = PrivateKey(bytes(range(32))), PrivateKey(bytes(range(1, 33)))
KEYS = [ALICE.public, BOB.public]
SMALL = Payload(
    PoolRef(bytes(32), 500), ["a", "b"], [9, 10, 40], [0, 1, 1], metadata={"licence": "CC0"}
)
SIGNED = sign(GOOD, ALICE)
SIGN = SIGNED[len(GOOD) - 6 : -6]
END = GOOD[-6:]


def status(data: bytes, *keys: PublicKey) -> Status | str:
    """How verifying `data` ends: a status, or the code with which a reader refuses it."""
    try:
        return check(data, keys or KEYS).status
    except PladaError as error:
        return error.code


def code_under_policy(data: bytes, *keys: PublicKey) -> str:
    with pytest.raises(PladaError) as caught:
        verify(data, keys)
    assert isinstance(caught.value, Untrusted) == caught.value.code.startswith("signature-")
    return caught.value.code


@given(payloads(), st.booleans(), st.binary(min_size=32, max_size=32))
def test_any_payload_signs_and_verifies(payload: Payload, dense: bool, seed: bytes) -> None:
    assume(seed != BOB.seed)
    plain, key = dumps(payload, dense=dense), PrivateKey(seed)
    assert status(plain) == "unsigned"
    signed = sign(plain, key)
    assert len(signed) == len(plain) + 78
    assert sign(plain, key) == signed, "deterministic"
    verdict = check(signed, [BOB.public, key.public])
    assert (verdict.status, verdict.key) == ("verified", key.public)
    assert verdict.key_id == key.public.key_id.hex() == validate(signed).facts["signed_by"]
    assert status(signed, BOB.public) == "unverified"
    assert verify(signed, [key.public]) == loads(signed) == loads(plain)
    meaning = validate(signed).facts["content_id"]
    assert meaning == validate(plain).facts["content_id"]
    assert meaning == content_id(loads(signed)).hex() or payload.weights is not None


def test_the_bytes_of_a_signature() -> None:
    raw = ed25519.Ed25519PrivateKey.from_private_bytes(ALICE.seed)
    public = raw.public_key().public_bytes_raw()
    signature = raw.sign(b"plada-1-sig\0" + hashlib.sha256(GOOD[:-6]).digest())
    key_id = hashlib.sha256(public).digest()[:8]
    assert SIGNED[:-6] + END == SIGNED
    assert SIGNED[: -6 - 78] == GOOD[:-6]
    assert SIGN[:-4] == b"\x82\x48" + key_id + signature
    parts = {part.name: (part.offset, part.size) for part in validate(SIGNED).parts}
    at = len(GOOD) - 6
    assert {name: place for name, place in parts.items() if name.startswith("SIGN")} == {
        "SIGN.type": (at, 1),
        "SIGN.length": (at + 1, 1),
        "SIGN.key_id": (at + 2, 8),
        "SIGN.signature": (at + 10, 64),
        "SIGN.crc": (at + 74, 4),
    }


def test_a_file_without_blocks_and_one_with_unknown_chunks_sign() -> None:
    empty = dumps(Payload(PoolRef(bytes(32), 0), 1, [], []))
    assert status(sign(empty, ALICE)) == "verified"
    unknown = file((layout.CLASSES, NAMES), (layout.BLOCK, block()), (0x85, b"anything"))
    signed = sign(unknown, ALICE)
    assert status(signed) == "verified"
    assert status(repair(signed.replace(b"anything", b"Anything"))) == "bad"


def test_signing_again_replaces_the_signature() -> None:
    again = sign(SIGNED, BOB)
    assert again == sign(GOOD, BOB)
    assert status(again, BOB.public) == "verified"
    assert status(again, ALICE.public) == "unverified"
    assert sign(again, ALICE) == SIGNED


def test_a_file_that_is_not_valid_is_neither_signed_nor_verified() -> None:
    for bad, code in (
        (GOOD[:-1], "truncated"),
        (GOOD[:-8] + bytes([GOOD[-8] ^ 1]) + GOOD[-7:], "crc-mismatch"),
        (SIGNED + b"x", "trailing-bytes"),
    ):
        with pytest.raises(PladaError) as caught:
            sign(bad, ALICE)
        assert caught.value.code == code
        assert code_under_policy(bad, *KEYS) == code
    tight = Limits(kept=1)
    for act in (lambda: sign(GOOD, ALICE, limits=tight), lambda: check(SIGNED, KEYS, limits=tight)):
        with pytest.raises(PladaError, match="limit-kept"):
            act()


def test_each_way_to_fail_has_its_own_answer() -> None:
    altered = file((layout.CLASSES, NAMES), (layout.BLOCK, block()), (0x85, b"more"))
    altered = altered[:-6] + SIGN + END
    cases = {
        "verified": SIGNED,
        "unsigned": GOOD,
        "unverified": sign(GOOD, PrivateKey(bytes(32))),
        "bad": altered,
        "chunk-duplicate": SIGNED[:-6] + SIGN + END,
        "signature-place": SIGNED[:-6] + chunks.write(0x85, b"planted") + END,
        "crc-mismatch": SIGNED[:-20] + bytes([SIGNED[-20] ^ 1]) + SIGNED[-19:],
        "truncated": SIGNED[:-6],
        "head-missing": GOOD[:9] + SIGN + GOOD[9:],
    }
    for expected, data in cases.items():
        assert status(data) == expected
    assert verify(SIGNED, KEYS) == EXAMPLE
    assert code_under_policy(GOOD, *KEYS) == "signature-missing"
    assert code_under_policy(cases["unverified"], *KEYS) == "signature-key"
    assert code_under_policy(altered, *KEYS) == "signature-bad"
    assert code_under_policy(SIGNED) == "signature-key", "no key, no trust"
    error = check(altered, KEYS).refusal
    assert error is not None and error.error_class == "untrusted"
    assert error.offset == len(altered) - 6 - 78


def test_the_key_never_comes_from_the_file() -> None:
    mallory = PrivateKey(b"mallory!" * 4)
    forged = bytearray(sign(GOOD, mallory))
    assert status(bytes(forged)) == "unverified"
    at = len(GOOD) - 6 + 2
    forged[at : at + 8] = ALICE.public.key_id
    assert status(repair(bytes(forged))) == "bad"


def test_keys_that_share_an_id_are_both_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PublicKey, "key_id", property(lambda self: ALICE.public.raw[:8]))
    signed = sign(GOOD, ALICE)
    assert check(signed, [BOB.public, ALICE.public]).key == ALICE.public
    assert status(signed, BOB.public) == "bad"


# Where SIGN may stand, and what it may hold


@pytest.mark.parametrize(
    ("code", "parts"),
    [
        ("signature-place", [(layout.SIGNATURE, bytes(72)), (layout.BLOCK, block())]),
        ("signature-place", [(layout.SIGNATURE, bytes(72)), (layout.CLASSES, NAMES)]),
        ("signature-place", [(layout.SIGNATURE, bytes(72)), (layout.METADATA, b"\0{}")]),
        ("signature-place", [(layout.SIGNATURE, bytes(72)), (0xDF, b"")]),
        ("chunk-duplicate", [(layout.SIGNATURE, bytes(72)), (layout.SIGNATURE, bytes(72))]),
        ("chunk-duplicate", [(0x85, b""), (layout.SIGNATURE, bytes(72)), (0x85, b"")]),
        ("unknown-critical-chunk", [(layout.SIGNATURE, bytes(72)), (0x1F, b"")]),
        ("body-short", [(layout.SIGNATURE, b"")]),
        ("body-short", [(layout.SIGNATURE, bytes(7))]),
        ("body-short", [(layout.SIGNATURE, bytes(71))]),
        ("body-long", [(layout.SIGNATURE, bytes(73))]),
        ("body-short", [(layout.SIGNATURE, bytes(71)), (layout.BLOCK, block())]),
    ],
)
def test_readers_refuse(code: str, parts: list[tuple[int, bytes]]) -> None:
    report = validate(file(*parts))
    assert (report.code, report.verdict) == (
        code,
        "unsupported" if code.startswith("unknown") else "malformed",
    )
    assert report.field is None or report.field != ""
    assert sum(part.size for part in report.parts) == report.size


def test_the_place_is_refused_at_the_chunk_that_follows() -> None:
    data = file((layout.SIGNATURE, bytes(72)), (layout.CLASSES, NAMES), (layout.BLOCK, block()))
    report = validate(data)
    assert report.offset == 57 + 78
    assert report.field == "CLASSES"


def test_the_crc_of_sign_is_not_seeded() -> None:
    seed = int.from_bytes(GOOD[53:57], "little")
    seeded = chunks.write(layout.SIGNATURE & ~layout.ANCILLARY, bytes(72), seed)
    stray = SIGN[:74] + seeded[74:]
    assert status(GOOD[:-6] + stray + END) == "crc-mismatch"


# Damage


@given(payloads(), st.data(), st.integers(1, 255))
def test_no_changed_byte_is_verified(payload: Payload, data: st.DataObject, flip: int) -> None:
    signed = sign(dumps(payload), ALICE)
    changed = bytearray(signed)
    changed[data.draw(st.integers(0, len(signed) - 1))] ^= flip
    assert status(bytes(changed)) != "verified"
    # Mending gives the signed file back when the changed byte was a checksum's.
    mended = repair(bytes(changed))
    assert mended == signed or status(mended) != "verified"


@pytest.mark.slow
def test_every_changed_byte_of_one_file() -> None:
    signed = sign(dumps(SMALL), ALICE)
    ends = set()
    for at in range(len(signed)):
        for flip in (1, 0x80, 0xFF):
            changed = bytearray(signed)
            changed[at] ^= flip
            assert not validate(bytes(changed)).ok, at
            mended = repair(bytes(changed))
            assert mended == signed or status(mended) != "verified", at
            ends.add(status(mended))
    # With mended checksums, such as: the text of META or the signature; the key id; a label.
    assert {"bad", "unverified", "content-check"} <= ends


@given(st.data(), payloads())
@example(None, SMALL)
def test_no_damaged_file_is_verified(data: st.DataObject | None, payload: Payload) -> None:
    signed = sign(dumps(payload), ALICE)
    bad = signed[:-1] if data is None else data.draw(damaged(signed))
    assert bad == signed or status(bad) != "verified"


# Strictness: signatures that some verifiers take and RFC 8032, section 5.1.7, does not

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]
BASE_Y = 4 * pow(5, -1, P) % P


def add(a: Point, b: Point) -> Point:
    t = D * a[0] * b[0] * a[1] * b[1] % P
    x = (a[0] * b[1] + a[1] * b[0]) * pow(1 + t, -1, P) % P
    y = (a[1] * b[1] + a[0] * b[0]) * pow(1 - t, -1, P) % P
    return x, y


def times(n: int, point: Point) -> Point:
    total = (0, 1)
    while n:
        if n & 1:
            total = add(total, point)
        point = add(point, point)
        n >>= 1
    return total


def encode(point: Point) -> bytes:
    return (point[1] | (point[0] & 1) << 255).to_bytes(32, "little")


def lift(y: int) -> Point:
    """The point with this y and an even x."""
    u, v = (y * y - 1) % P, (D * y * y + 1) % P
    x = u * pow(v, -1, P) % P
    root = pow(x, (P + 3) // 8, P)
    if root * root % P != x:
        root = root * pow(2, (P - 1) // 4, P) % P
    assert root * root % P == x
    return (P - root if root & 1 else root), y


def hash_int(*parts: bytes) -> int:
    return int.from_bytes(hashlib.sha512(b"".join(parts)).digest(), "little")


def secret() -> int:
    digest = hashlib.sha512(ALICE.seed).digest()
    return int.from_bytes(digest[:32], "little") & (2**254 - 8) | 2**254


def signed_with(signature: bytes) -> bytes:
    return GOOD[:-6] + signature_chunk.write(ALICE.public.key_id, signature) + END


def test_signatures_that_only_lax_verifiers_accept() -> None:
    message = b"plada-1-sig\0" + hashlib.sha256(GOOD[:-6]).digest()
    public, base = ALICE.public.raw, lift(BASE_Y)
    assert encode(times(secret(), base)) == public

    def with_r(nonce: int, point: bytes) -> bytes:
        s = (nonce + hash_int(point, public, message) * secret()) % L
        return point + s.to_bytes(32, "little")

    honest = with_r(12345, encode(times(12345, base)))
    assert status(signed_with(honest)) == "verified", "the arithmetic here is right"
    larger = int.from_bytes(honest[32:], "little") + L
    assert status(signed_with(honest[:32] + larger.to_bytes(32, "little"))) == "bad", "S >= L"
    own = SIGN[10:74]
    larger = int.from_bytes(own[32:], "little") + L
    assert status(signed_with(own[:32] + larger.to_bytes(32, "little"))) == "bad", "S >= L"

    order_two = (0, P - 1)
    shifted = with_r(12345, encode(add(times(12345, base), order_two)))
    assert status(signed_with(shifted)) == "bad", "good only when multiplied by the cofactor"

    neutral = with_r(0, encode((0, 1)))
    assert status(signed_with(neutral)) == "verified", "R of its right spelling"
    assert status(signed_with(with_r(0, (P + 1).to_bytes(32, "little")))) == "bad", "y of R >= P"
    assert status(signed_with(bytes(64))) == "bad"
    assert status(signed_with(b"\xff" * 64)) == "bad"


# Keys on disk


def other_key(kind: str) -> bytes:
    if kind == "rsa":
        return (
            rsa.generate_private_key(65537, 1024)
            .public_key()
            .public_bytes(
                serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
            )
        )
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def encrypted() -> bytes:
    return ed25519.Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )


def test_keys_survive_their_file() -> None:
    assert PrivateKey.from_pem(ALICE.to_pem()) == ALICE
    assert PublicKey.from_pem(ALICE.public.to_pem()) == ALICE.public
    assert PrivateKey.generate() != PrivateKey.generate()
    assert "seed" not in repr(ALICE) and ALICE.seed.hex() not in repr(ALICE)


def test_bad_key_files_get_a_sentence() -> None:
    private, public = ALICE.to_pem(), ALICE.public.to_pem()
    damaged_pem = public.replace(b"MCow", b"MCox")
    for data, sentence in (
        (b"", "not PEM"),
        (ALICE.public.raw, "not PEM"),
        (GOOD, "not PEM"),
        (private, "holds a private key"),
        (encrypted(), "holds a private key"),
        (public + private, "holds a private key"),
        (public + public, "PUBLIC KEY, PUBLIC KEY"),
        (public.replace(b"PUBLIC KEY", b"CERTIFICATE"), "it holds: CERTIFICATE"),
        (damaged_pem, "damaged"),
        (public[:40], "damaged"),
        (other_key("rsa"), "algorithm RSA"),
    ):
        with pytest.raises(BadKey, match=sentence) as caught:
            PublicKey.from_pem(data)
        assert "\n" not in str(caught.value)
    for data, sentence in (
        (b"-----BEGIN", "not PEM"),
        (public, "holds a public key"),
        (encrypted(), "passphrase"),
        (other_key("ec"), "algorithm EllipticCurve|algorithm EC"),
        (private[:60], "damaged"),
    ):
        with pytest.raises(BadKey, match=sentence):
            PrivateKey.from_pem(data)
    for make in (PublicKey, PrivateKey):
        with pytest.raises(BadKey, match="32 bytes"):
            make(bytes(31))


@given(st.binary(max_size=200))
def test_any_bytes_as_a_key(data: bytes) -> None:
    public = ALICE.public.to_pem()
    for text in (data, public[:30] + data + public[-30:]):
        with suppress(BadKey):
            PublicKey.from_pem(text)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="the program openssl is not here")
def test_openssl_reads_our_keys_and_checks_our_signatures(tmp_path: Path) -> None:
    def openssl(*arguments: str) -> bytes:
        return subprocess.run(
            ["openssl", *arguments], cwd=tmp_path, check=True, capture_output=True
        ).stdout

    (tmp_path / "a.key").write_bytes(ALICE.to_pem())
    (tmp_path / "a.pub").write_bytes(ALICE.public.to_pem())
    assert openssl("pkey", "-in", "a.key", "-pubout") == ALICE.public.to_pem()
    theirs = openssl("genpkey", "-algorithm", "ed25519")
    assert status(sign(GOOD, PrivateKey.from_pem(theirs)), PrivateKey.from_pem(theirs).public) == (
        "verified"
    )
    digest = hashlib.sha256(GOOD[:-6]).digest()
    (tmp_path / "message").write_bytes(b"plada-1-sig\0" + digest)
    (tmp_path / "signature").write_bytes(SIGN[10:74])
    arguments = ["-verify", "-pubin", "-inkey", "a.pub", "-rawin", "-in", "message"]
    assert b"Success" in openssl("pkeyutl", *arguments, "-sigfile", "signature")


# Without cryptography


def test_reading_needs_no_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        "import sys, pladafmt, pladafmt.keys, pladafmt.signature\n"
        f"data = bytes.fromhex('{SIGNED.hex()}')\n"
        "assert pladafmt.validate(data).facts['signed_by']\n"
        "key = pladafmt.keys.PublicKey(bytes(32))\n"
        "assert pladafmt.signature.check(data, [key]).status == 'unverified'\n"
        "sys.exit('cryptography' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    keys = KEYS
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    for act in (lambda: sign(GOOD, ALICE), lambda: check(SIGNED, keys), PrivateKey.generate):
        with pytest.raises(ImportError, match=r'pip install "pladafmt\[sign\]"'):
            act()
    assert check(GOOD, keys).status == "unsigned"
