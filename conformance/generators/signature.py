"""Signatures (specification, section 10). Keys are made of fixed words."""

from __future__ import annotations

import hashlib
from typing import Any

from .. import plain_verifier as curve
from ..build import SIGN, Chunk, Draft, Made, changed, draft, metadata_chunk
from ..signing import key_id, private_key, public_key, sign_chunk, signed, signed_message
from ..vector import Case, invalid, valid
from . import rules

ORDER = 2**252 + 27742317777372353535851937790883648493
FIELD = 2**255 - 19


def _case(
    file: Draft | Made | bytes, answer: str, *, keys: tuple[bytes, ...] | None = None
) -> Case:
    keys = (public_key("server"),) if keys is None else keys
    more = {"keys": [key.hex() for key in keys], "answer": answer}
    return Case(file, content_id=draft().meaning.content_id, more=more)


@valid("PLADA-SIG-001", "PLADA-HEAD-002", "PLADA-CON-007")
def signed_file() -> Case:
    """A signed file; a reader does not look at the signature."""
    return Case(signed())


@valid("PLADA-SIG-001", "PLADA-SIG-002")
def signature_of_zeros() -> Case:
    """A signature of zero bytes by nobody: for a reader, the file is valid."""
    made = draft()
    made.after.append(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(64)}))
    return Case(made)


@valid("PLADA-SIG-003", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier")
def verified() -> Case:
    """Signed by the key that the caller requires."""
    return _case(signed(), "verified")


@valid("PLADA-SIG-004", "PLADA-SIG-005", role="verifier")
def verified_by_the_second_key() -> Case:
    """Signed by one of two keys that the caller accepts."""
    return _case(signed(), "verified", keys=(public_key("other"), public_key("server")))


@invalid("signature-missing", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier", twin=False)
def not_signed() -> Case:
    """The caller requires a signature and there is none."""
    return _case(draft(), "unsigned")


@invalid("signature-missing", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier", twin=False)
def signature_taken_off() -> Case:
    """The SIGN chunk of a signed file was taken out."""
    made = signed()
    made.after = []
    return _case(made, "unsigned")


@invalid(
    "signature-key", "PLADA-SIG-002", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier", twin=False
)
def signed_by_another_key() -> Case:
    """Rightly signed by a key that the caller has not named."""
    return _case(signed("other"), "unverified")


@invalid("signature-key", "PLADA-SIG-002", "PLADA-SIG-004", role="verifier", twin=False)
def no_key_named() -> Case:
    """Rightly signed, and the caller names no key."""
    return _case(signed(), "unverified", keys=())


@invalid("signature-bad", "PLADA-SIG-002", "PLADA-SIG-004", role="verifier", twin=False)
def key_id_forged() -> Case:
    """Signed by another key, under the key id of the caller's."""
    made = signed("other")
    made.chunk(SIGN).parts["key_id"] = key_id(public_key("server"))
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", "PLADA-SIG-004", role="verifier", twin=False)
def signature_altered() -> Case:
    """A bit of the signature is flipped; its checksum is repaired."""
    made = signed()
    parts = made.chunk(SIGN).parts
    parts["signature"] = bytes([parts["signature"][0] ^ 1]) + parts["signature"][1:]
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", "PLADA-SIG-005", role="verifier", twin=False)
def file_altered_after_signing() -> Case:
    """Metadata was added to a signed file."""
    made = signed()
    made.chunks.append(Chunk(0xC1, {"form": b"\x00", "text": b"{}"}))
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", "PLADA-SIG-005", role="verifier", twin=False)
def signature_of_another_file() -> Case:
    """The SIGN chunk of another file of the same key."""
    other = signed(made=draft(encoding=1))
    made = draft()
    made.after = [other.chunk(SIGN)]
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def signature_with_order_added() -> Case:
    """S is larger by the group's order: a second spelling of a right signature."""
    made = signed()
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
    made.after.append(Chunk(SIGN, {"key_id": key_id(public), "signature": signature}))
    return _case(made, "bad", keys=(public,))


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def signature_over_the_whole_file() -> Case:
    """The signature covers END as well, which is not what is signed."""
    made = draft()
    signature = private_key("server").sign(signed_message(made.build().data))
    made.after.append(Chunk(SIGN, {"key_id": key_id(public_key("server")), "signature": signature}))
    return _case(made, "bad")


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def signature_without_its_tag() -> Case:
    """The signature is over the hash alone, without the tag that keeps it apart from others."""
    made = draft()
    end, made.end = made.end, None
    before = made.build().data
    signature = private_key("server").sign(hashlib.sha256(before).digest())
    made.after.append(Chunk(SIGN, {"key_id": key_id(public_key("server")), "signature": signature}))
    made.end = end
    return _case(made, "bad")


@invalid("crc-mismatch", "PLADA-SIG-006", role="verifier", twin=False)
def signed_and_damaged() -> Case:
    """A rightly signed file with a flipped bit in a block: the reader's error is the answer."""
    made = signed().build()
    at = made.ranges["BLOCK 0.labels"][0]
    data = bytearray(made.data)
    data[at] ^= 1
    return Case(bytes(data), more={"keys": [public_key("server").hex()], "answer": None})


@invalid("codes-mismatch", "PLADA-SIG-006", "PLADA-RULE-003", role="verifier", twin=False)
def signed_rule() -> Case:
    """A rightly signed file with a rule: a verifier without codes refuses it, as a reader does."""
    return _placed(signed("server", rules.plain_file()))


@invalid("signature-place", "PLADA-SIG-001", "PLADA-SIG-006", role="verifier", twin=False)
def signature_before_the_block() -> Case:
    """SIGN was moved before the block; it covers what is before it."""
    made = draft()
    moved = draft()
    moved.blocks, moved.end = [], None
    moved.head = {"kept": b"\x05", "max_stream": b"\x05"}
    made.chunks.append(sign_chunk(moved.build().data, "server"))
    return _placed(made)


@invalid("signature-place", "PLADA-SIG-001", "PLADA-CON-011", role="verifier", twin=False)
def chunk_between_signature_and_end() -> Case:
    """An unknown ancillary chunk stands between SIGN and END."""
    made = signed()
    made.after.append(Chunk(0x9E, {"body": b"not signed"}))
    return _placed(made)


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-SIG-006", role="verifier", twin=False)
def signature_doubled() -> Case:
    """Two equal SIGN chunks."""
    made = signed()
    made.after.append(made.after[0])
    return _placed(made)


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-SIG-006", role="verifier", twin=False)
def second_signature_over_the_first() -> Case:
    """A second SIGN covers the first."""
    return _placed(signed("other", signed()))


def _placed(made: Draft) -> Case:
    return Case(made, more={"keys": [public_key("server").hex()], "answer": None})


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


@valid("PLADA-SIG-003", "PLADA-SIG-004", role="verifier")
def verified_with_every_chunk() -> Case:
    """A signed file with weights, metadata, two blocks and an unknown chunk: all are covered."""
    meaning = changed(scale=(8, -256, 32), codes=(0, 1, 254, 255, 7))
    made = draft(meaning, parts=(slice(0, 3), slice(3, 5)))
    made.chunks += [metadata_chunk(b'{"producer":"by hand"}'), Chunk(0x9E, {"body": b"\x00"})]
    case = _case(signed(made=made), "verified")
    return Case(case.file, content_id=meaning.content_id, more=case.more)


@valid("PLADA-SIG-003", "PLADA-SIG-004", role="verifier")
def verified_by_a_key_of_the_other_root() -> Case:
    """Signed by a key whose point takes the root of -1 and has an even x; that of R is odd."""
    return _case(signed("south"), "verified", keys=(public_key("south"),))


@invalid("signature-key", "PLADA-SIG-004", "PLADA-SIG-005", role="verifier", twin=False)
def key_id_of_another_key() -> Case:
    """Rightly signed by the caller's key, under the key id of another one."""
    made = signed()
    made.chunk(SIGN).parts["key_id"] = key_id(public_key("other"))
    return _case(made, "unverified")


@invalid("signature-bad", "PLADA-SIG-003", "PLADA-SIG-005", role="verifier", twin=False)
def key_that_is_no_point() -> Case:
    """The caller's key is 32 bytes that encode no point, and SIGN has its key id."""
    public = (2).to_bytes(32, "little")
    made = draft()
    made.after.append(Chunk(SIGN, {"key_id": key_id(public), "signature": bytes(64)}))
    return _case(made, "bad", keys=(public,))


def _register_verified() -> None:
    for word in ("one", "twelve"):

        def make(word: str = word) -> Case:
            made = draft()
            made.chunks.append(metadata_chunk(b'{"note":"%s"}' % word.encode()))
            return _case(signed(word, made), "verified", keys=(public_key(word),))

        make.__name__ = f"verified_by_key_{word}"
        make.__doc__ = f"Rightly signed, by the key of the word {word}."
        valid("PLADA-SIG-003", "PLADA-SIG-004", role="verifier", area="signature")(make)


_register_verified()


# Signatures at the edges of RFC 8032, section 5.1.7, where implementations differ.


def _scalar(word: str) -> int:
    """Return the secret scalar of a key (RFC 8032, section 5.1.5)."""
    seed = hashlib.sha256(word.encode()).digest()
    low = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little")
    return low & (2**254 - 8) | 2**254


def _challenge(r: bytes, public: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % ORDER


_NEUTRAL = (1).to_bytes(32, "little")


def _of_order_8() -> Any:
    """Return a point of order 8: what the group's order leaves of some point."""
    for y in range(2, 100):
        point = curve._decode(y.to_bytes(32, "little"))
        small = point and curve._multiply(ORDER, point)
        if small and curve._encode(curve._multiply(4, small)) != _NEUTRAL:
            return small
    raise AssertionError


def _unsigned(note: int) -> Draft:
    """The worked example with a note that gives it other bytes, and no END."""
    made = draft()
    made.chunks.append(metadata_chunk(b'{"note":%d}' % note))
    made.end = None
    return made


def _by_hand(made: Draft, public: bytes, r: bytes, s: int) -> Draft:
    signature = r + s.to_bytes(32, "little")
    made.after.append(Chunk(SIGN, {"key_id": key_id(public), "signature": signature}))
    made.end = draft().end
    return made


def _everybody_signs(public: bytes, point: Any) -> Case:
    """A file signed with an S of 0, so that the equation holds under a key of small order."""
    for note in range(1000):
        made = _unsigned(note)
        message = signed_message(made.build().data)
        for multiple in range(8):
            r = curve._encode(curve._multiply(8 - multiple, point))
            if _challenge(r, public, message) % 8 == multiple:
                return _case(_by_hand(made, public, r, 0), "bad", keys=(public,))
    raise AssertionError


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def key_of_order_8() -> Case:
    """The caller's key is a point of order 8, and the equation holds with an S of 0."""
    point = _of_order_8()
    return _everybody_signs(curve._encode(point), point)


def _register_small_orders() -> None:
    eight = _of_order_8()
    neutral, four, two = (curve._multiply(times, eight) for times in (8, 2, 4))
    sign = 2**255
    keys = {
        "key_of_order_4": (0, four, "The caller's key is a point of order 4."),
        "key_of_order_2": (FIELD - 1, two, "The caller's key is the point of order 2."),
        "key_of_order_4_not_canonical": (FIELD, four, "A point of order 4, spelled with y = p."),
        "key_neutral_with_a_sign": (1 + sign, neutral, "The neutral point, whose x of 0 is odd."),
        "key_of_order_2_with_a_sign": (
            FIELD - 1 + sign,
            two,
            "The point of order 2, whose x of 0 is odd.",
        ),
        "key_not_canonical_with_a_sign": (
            FIELD + 1 + sign,
            neutral,
            "The neutral point, whose x of 0 is odd, spelled with y = p + 1.",
        ),
    }
    for name, (number, point, sentence) in keys.items():

        def make(number: int = number, point: Any = point) -> Case:
            # The sign of a point of order 4 is that of `_of_order_8`, of which it is the double.
            odd = curve._encode(point)[31] >> 7 and number in (0, FIELD)
            return _everybody_signs((number + odd * sign).to_bytes(32, "little"), point)

        make.__name__, make.__doc__ = name, f"{sentence[:-1]}, and the equation holds."
        refuse = invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
        make.__module__ = __name__
        refuse(make)


_register_small_orders()


def _mixed(*, holds: bool) -> tuple[Draft, bytes]:
    """A file signed by a key with a part of order 8, with or without which the equation holds."""
    secret, nonce = _scalar("server"), _scalar("nonce")
    public = curve._encode(curve._add(curve._multiply(secret, curve._BASE), _of_order_8()))
    r = curve._encode(curve._multiply(nonce, curve._BASE))
    for note in range(1000):
        made = _unsigned(note)
        k = _challenge(r, public, signed_message(made.build().data))
        if (k % 8 == 0) is holds:
            return _by_hand(made, public, r, (nonce + k * secret) % ORDER), public
    raise AssertionError


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def signature_that_holds_with_the_cofactor() -> Case:
    """The equation holds only when both of its sides are multiplied by 8."""
    made, public = _mixed(holds=False)
    return _case(made, "bad", keys=(public,))


@valid("PLADA-SIG-003", role="verifier")
def key_with_a_part_of_small_order() -> Case:
    """The caller's key is not of small order, but has such a part; the equation holds as it is."""
    made, public = _mixed(holds=True)
    return _case(made, "verified", keys=(public,))


@valid("PLADA-SIG-003", role="verifier")
def signature_with_a_neutral_r() -> Case:
    """R is the neutral point, which RFC 8032 allows."""
    public = public_key("server")
    made = _unsigned(0)
    k = _challenge(_NEUTRAL, public, signed_message(made.build().data))
    s = k * _scalar("server") % ORDER
    return _case(_by_hand(made, public, _NEUTRAL, s), "verified")


@invalid("signature-bad", "PLADA-SIG-003", role="verifier", twin=False)
def signature_with_a_second_spelling_of_r() -> Case:
    """R is the neutral point, spelled with y = p + 1: points are equal, bytes are not."""
    public, r = public_key("server"), (FIELD + 1).to_bytes(32, "little")
    made = _unsigned(0)
    k = _challenge(r, public, signed_message(made.build().data))
    return _case(_by_hand(made, public, r, k * _scalar("server") % ORDER), "bad")


# What a reader, which does not look at signatures, says of their place.


def _followed(chunk: Chunk, fault: str) -> Case:
    made = draft()
    made.after.append(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(64)}))
    made.after.append(chunk)
    return Case(made, fault)


@invalid("signature-place", "PLADA-SIG-001", twin=False)
def block_after_signature() -> Case:
    """SIGN stands between two blocks."""
    made = draft(parts=(slice(0, 3), slice(3, 5)))
    second = made.blocks.pop()
    made.after.append(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(64)}))
    made.after.append(second.chunk())
    made.head = {"kept": b"\x05", "max_stream": b"\x03"}
    return Case(made, "BLOCK 1.type")


@invalid("signature-place", "PLADA-SIG-001", "PLADA-CON-011", twin=False)
def unknown_ancillary_after_signature() -> Case:
    """An unknown ancillary chunk stands between SIGN and END."""
    return _followed(Chunk(0x9E), "chunk 9E.type")


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-SIG-001", "PLADA-CHK-001", twin=False)
def second_signature() -> Case:
    """A second SIGN: it is a duplicate before it is out of place."""
    return _followed(Chunk(SIGN, {"key_id": bytes(8), "signature": bytes(64)}), "SIGN'.type")


@invalid("unknown-critical-chunk", "PLADA-CON-005", "PLADA-CHK-001", twin=False)
def unknown_critical_after_signature() -> Case:
    """An unknown critical chunk between SIGN and END: its type comes before its place."""
    return _followed(Chunk(0x1F), "chunk 1F.type")
