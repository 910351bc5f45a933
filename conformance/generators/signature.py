"""Signatures (specification, section 10). Keys are made of fixed words."""

from __future__ import annotations

import hashlib
from typing import Any

from ..build import SIGN, Chunk, Draft, Made, draft
from ..vector import Case, invalid, valid

ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19


def _key(word: str) -> Any:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(word.encode()).digest())


def _public(word: str) -> bytes:
    public: bytes = _key(word).public_key().public_bytes_raw()
    return public


def _key_id(public: bytes) -> bytes:
    return hashlib.sha256(public).digest()[:8]


def _message(before: bytes) -> bytes:
    return b"plada-1-sig\0" + hashlib.sha256(before).digest()


def _sign_chunk(before: bytes, word: str) -> Chunk:
    signature = _key(word).sign(_message(before))
    return Chunk(SIGN, {"key_id": _key_id(_public(word)), "signature": signature})


def _signed(word: str = "server", made: Draft | None = None) -> Draft:
    made = made or draft()
    end, made.end = made.end, None
    made.after.append(_sign_chunk(made.build().data, word))
    made.end = end
    return made


def _case(
    file: Draft | Made | bytes, answer: str, *, keys: tuple[bytes, ...] | None = None
) -> Case:
    keys = (_public("server"),) if keys is None else keys
    more = {"keys": [key.hex() for key in keys], "answer": answer}
    return Case(file, content_id=draft().meaning.content_id, more=more)


@valid("PLADA-SIG-001", "PLADA-HEAD-002", "PLADA-CON-007")
def signed_file() -> Case:
    """A signed file; a reader does not look at the signature."""
    return Case(_signed())


@valid("PLADA-SIG-001", "PLADA-SIG-002")
def signature_of_zeros() -> Case:
    """A signature of zero bytes by nobody: for a reader, the file is valid."""
    made = draft()
    made.after.append(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(64)}))
    return Case(made)


@valid("PLADA-SIG-003", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier")
def verified() -> Case:
    """Signed by the key that the caller requires."""
    return _case(_signed(), "verified")


@valid("PLADA-SIG-004", "PLADA-SIG-005", role="verifier")
def verified_by_the_second_key() -> Case:
    """Signed by one of two keys that the caller accepts."""
    return _case(_signed(), "verified", keys=(_public("other"), _public("server")))


@invalid("signature-missing", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier", twin=False)
def not_signed() -> Case:
    """The caller requires a signature and there is none."""
    return _case(draft(), "unsigned")


@invalid("signature-missing", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier", twin=False)
def signature_taken_off() -> Case:
    """The SIGN chunk of a signed file was taken out."""
    made = _signed()
    made.after = []
    return _case(made, "unsigned")


@invalid(
    "signature-key", "PLADA-SIG-002", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier", twin=False
)
def signed_by_another_key() -> Case:
    """Rightly signed by a key that the caller has not named."""
    return _case(_signed("other"), "unverified")


@invalid("signature-key", "PLADA-SIG-002", "PLADA-SIG-004", role="verifier", twin=False)
def no_key_named() -> Case:
    """Rightly signed, and the caller names no key."""
    return _case(_signed(), "unverified", keys=())


@invalid("signature-bad", "PLADA-SIG-002", "PLADA-SIG-004", role="verifier", twin=False)
def key_id_forged() -> Case:
    """Signed by another key, under the key id of the caller's."""
    made = _signed("other")
    made.chunk(SIGN).parts["key_id"] = _key_id(_public("server"))
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", "PLADA-SIG-004", role="verifier", twin=False)
def signature_altered() -> Case:
    """A bit of the signature is flipped; its checksum is repaired."""
    made = _signed()
    parts = made.chunk(SIGN).parts
    parts["signature"] = bytes([parts["signature"][0] ^ 1]) + parts["signature"][1:]
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", "PLADA-SIG-005", role="verifier", twin=False)
def file_altered_after_signing() -> Case:
    """Metadata was added to a signed file."""
    made = _signed()
    made.chunks.append(Chunk(0xC1, {"form": b"\x00", "text": b"{}"}))
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", "PLADA-SIG-005", role="verifier", twin=False)
def signature_of_another_file() -> Case:
    """The SIGN chunk of another file of the same key."""
    other = _signed(made=draft(encoding=1))
    made = draft()
    made.after = [other.chunk(SIGN)]
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def signature_with_order_added() -> Case:
    """S is larger by the group's order: a second spelling of a right signature."""
    made = _signed()
    parts = made.chunk(SIGN).parts
    s = int.from_bytes(parts["signature"][32:], "little") + ORDER
    parts["signature"] = parts["signature"][:32] + s.to_bytes(32, "little")
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def key_of_small_order() -> Case:
    """The caller's key is the neutral point, under which everybody can sign."""
    return _small_order((1).to_bytes(32, "little"))


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def key_not_canonical() -> Case:
    """The caller's key spells the neutral point with y = p + 1."""
    return _small_order((FIELD + 1).to_bytes(32, "little"))


def _small_order(public: bytes) -> Case:
    made = draft()
    signature = (1).to_bytes(32, "little") + bytes(32)
    made.after.append(Chunk(SIGN, {"key_id": _key_id(public), "signature": signature}))
    return _case(made, "bad", keys=(public,))


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def signature_over_the_whole_file() -> Case:
    """The signature covers END as well, which is not what is signed."""
    made = draft()
    signature = _key("server").sign(_message(made.build().data))
    made.after.append(Chunk(SIGN, {"key_id": _key_id(_public("server")), "signature": signature}))
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def signature_without_its_tag() -> Case:
    """The signature is over the hash alone, without the tag that keeps it apart from others."""
    made = draft()
    end, made.end = made.end, None
    before = made.build().data
    signature = _key("server").sign(hashlib.sha256(before).digest())
    made.after.append(Chunk(SIGN, {"key_id": _key_id(_public("server")), "signature": signature}))
    made.end = end
    return _case(made, "bad")


@invalid("crc-mismatch", "PLADA-SIG-006", role="verifier", twin=False)
def signed_and_damaged() -> Case:
    """A rightly signed file with a flipped bit in a block: the reader's error is the answer."""
    made = _signed().build()
    at = made.ranges["BLOCK 0.labels"][0]
    data = bytearray(made.data)
    data[at] ^= 1
    return Case(bytes(data), more={"keys": [_public("server").hex()], "answer": None})


@invalid("signature-place", "PLADA-SIG-001", "PLADA-SIG-006", role="verifier", twin=False)
def signature_before_the_block() -> Case:
    """SIGN was moved before the block; it covers what is before it."""
    made = draft()
    moved = draft()
    moved.blocks, moved.end = [], None
    moved.head = {"kept": b"\x05", "max_stream": b"\x05"}
    made.chunks.append(_sign_chunk(moved.build().data, "server"))
    return _placed(made)


@invalid("signature-place", "PLADA-SIG-001", "PLADA-CON-011", role="verifier", twin=False)
def chunk_between_signature_and_end() -> Case:
    """An unknown ancillary chunk stands between SIGN and END."""
    made = _signed()
    made.after.append(Chunk(0x9E, {"body": b"not signed"}))
    return _placed(made)


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-SIG-006", role="verifier", twin=False)
def signature_doubled() -> Case:
    """Two equal SIGN chunks."""
    made = _signed()
    made.after.append(made.after[0])
    return _placed(made)


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-SIG-006", role="verifier", twin=False)
def second_signature_over_the_first() -> Case:
    """A second SIGN covers the first."""
    return _placed(_signed("other", _signed()))


def _placed(made: Draft) -> Case:
    return Case(made, more={"keys": [_public("server").hex()], "answer": None})


@invalid("body-short", "PLADA-HEAD-001")
def signature_of_63_bytes() -> Case:
    """SIGN ends inside the signature."""
    made = draft()
    made.after.append(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(63)}))
    return Case(made, "SIGN.signature")


@invalid("body-long", "PLADA-HEAD-002")
def signature_of_65_bytes() -> Case:
    """A byte follows the signature."""
    made = draft()
    made.after.append(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(64), "more": b"\x00"}))
    return Case(made, "SIGN.more")


@invalid("body-short", "PLADA-HEAD-001")
def signature_without_body() -> Case:
    """SIGN has no body."""
    made = draft()
    made.after.append(Chunk(SIGN))
    return Case(made, "SIGN.length")


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-SIG-001", "PLADA-CHK-001", twin=False)
def class_map_after_signature() -> Case:
    """A second class map follows SIGN: that it is a duplicate comes first."""
    made = draft()
    made.after.append(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(64)}))
    made.after.append(made.chunks[0])
    return Case(made, "CLASSES'.type")


@invalid("signature-place", "PLADA-SIG-001", "PLADA-CHK-001", twin=False)
def late_metadata_after_signature() -> Case:
    """META follows SIGN: that SIGN is not at its place comes before META's own."""
    made = draft()
    made.after.append(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(64)}))
    made.after.append(Chunk(0xC1, {"form": b"\x00", "text": b"{}"}))
    return Case(made, "META.type")
