"""Sign files, and find out who signed one (specification, section 10).

A signature says that the holder of a private key has signed these bytes. The key that it is
checked with always comes from the caller, never from the file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from . import chunks, layout, signature_chunk
from .errors import Untrusted
from .keys import PrivateKey, PublicKey, need_cryptography
from .limits import Limits
from .payload import Payload
from .reader import Reader
from .rules.codes import Codes

CONTEXT = b"plada-1-sig\0"

Status = Literal["unsigned", "unverified", "verified", "bad"]


@dataclass(frozen=True)
class Verdict:
    """What is known of the signature of a valid file.

    Attributes:
        status: ``"unsigned"`` (there is none), ``"unverified"`` (it claims a key that the caller
            has not named), ``"verified"`` (it is good under a key that the caller named) or
            ``"bad"`` (the caller named the key that it claims, and it is wrong).
        key_id: id of the key that the file claims, in hexadecimal, or None if it is unsigned.
        key: the caller's key that it was checked with, or None if it was not checked.
        offset: where the SIGN chunk starts, or None.
    """

    status: Status
    key_id: str | None = None
    key: PublicKey | None = None
    offset: int | None = None

    @property
    def refusal(self) -> Untrusted | None:
        """Why a policy that requires a signature refuses the file; None if it is verified."""
        if self.status == "verified":
            return None
        if self.status == "unsigned":
            return Untrusted("signature-missing", "The file is not signed.")
        if self.status == "unverified":
            return Untrusted(
                "signature-key",
                f"The file claims a signature of key {self.key_id}, which is none of the keys "
                "that you named.",
                offset=self.offset,
                field="SIGN.key_id",
            )
        return Untrusted(
            "signature-bad",
            f"The signature is not one by key {self.key_id}, which it claims: the file was changed "
            "after it was signed, or the signature is forged.",
            offset=self.offset,
            field="SIGN.signature",
        )


def sign(
    data: bytes,
    private_key: PrivateKey,
    *,
    limits: Limits | None = None,
    codes: Codes | None = None,
) -> bytes:
    """Return the file `data` with a signature, in place of the one that it has, if any.

    The same file and key give the same bytes. What the file means, and its `content_id`, stay.

    Args:
        data: the bytes of a valid `.plada` file.
        private_key: the key to sign with.
        limits: bounds that the file is read with; the specification's defaults when None.
        codes: what a rule in the file is evaluated with.

    Raises:
        PladaError: if `data` is not a valid file.
        ImportError: without the package cryptography.
    """
    data = bytes(data)
    ed25519, _ = need_cryptography()
    reader, _ = _read(data, limits, codes)
    assert reader.contents is not None
    end = chunks.write(layout.END, b"", reader.contents.head.crc)
    covered = len(data) - len(end) if reader.signature is None else reader.signature.offset
    signature = ed25519.Ed25519PrivateKey.from_private_bytes(private_key.seed).sign(
        _message(data, covered)
    )
    return data[:covered] + signature_chunk.write(private_key.public.key_id, signature) + end


def check(
    data: bytes,
    public_keys: Sequence[PublicKey],
    *,
    limits: Limits | None = None,
    codes: Codes | None = None,
) -> Verdict:
    """Return what is known of who signed `data`, a valid file; see `verify` for a policy.

    Args:
        data: the bytes of a `.plada` file.
        public_keys: the keys that the caller trusts; with none, nothing is ever verified.
        limits: bounds that the file is read with; the specification's defaults when None.
        codes: what a rule in the file is evaluated with.

    Raises:
        PladaError: if `data` is not a valid file; a signature does not make it one.
        ImportError: without the package cryptography, if there is something to verify.
    """
    return _check(bytes(data), public_keys, limits, codes)[0]


def verify(
    data: bytes,
    public_keys: Sequence[PublicKey],
    *,
    limits: Limits | None = None,
    codes: Codes | None = None,
) -> Payload:
    """Return the payload in `data`, which must be signed by one of `public_keys`.

    It raises rather than returns a verdict, so that a caller cannot forget to look at one; `check`
    is for a caller who wants to know.

    Args:
        data: the bytes of a `.plada` file.
        public_keys: the keys that the caller trusts, any of them; with none, every file is refused.
        limits: bounds that the file is read with; the specification's defaults when None.
        codes: what a rule in the file is evaluated with.

    Raises:
        Untrusted: ``signature-missing``, ``signature-key`` or ``signature-bad``, unless the
            signature is verified.
        PladaError: if `data` is not a valid file.
        ImportError: without the package cryptography, if there is something to verify.
    """
    verdict, payload = _check(bytes(data), public_keys, limits, codes)
    refusal = verdict.refusal
    if refusal is not None:
        raise refusal
    return payload


def _read(data: bytes, limits: Limits | None, codes: Codes | None) -> tuple[Reader, Payload]:
    reader = Reader(data, limits or Limits(), codes)
    return reader, reader.read()


def _check(
    data: bytes,
    public_keys: Sequence[PublicKey],
    limits: Limits | None,
    codes: Codes | None,
) -> tuple[Verdict, Payload]:
    reader, payload = _read(data, limits, codes)
    found = reader.signature
    if found is None:
        return Verdict("unsigned"), payload
    # An id is 8 bytes of a hash: two keys may share one, and either may be the signer.
    claimed = [key for key in public_keys if key.key_id == found.key_id]
    message = _message(data, found.offset)
    for key in claimed:
        if _is_good(key, found.signature, message):
            return Verdict("verified", found.key_id.hex(), key, found.offset), payload
    if claimed:
        return Verdict("bad", found.key_id.hex(), claimed[0], found.offset), payload
    return Verdict("unverified", found.key_id.hex(), None, found.offset), payload


def _message(data: bytes, covered: int) -> bytes:
    """Return what is signed, for the first `covered` bytes of a file."""
    return CONTEXT + hashlib.sha256(memoryview(data)[:covered]).digest()


def _is_good(key: PublicKey, signature: bytes, message: bytes) -> bool:
    """Whether this is a signature of `message`, by the strict rules of RFC 8032, section 5.1.7.

    OpenSSL, below cryptography, refuses S >= L and compares R byte by byte, without the cofactor.
    It takes any public key, so keys under which everybody can sign are refused here.
    """
    if not key.is_sound:
        return False
    ed25519, _ = need_cryptography()
    from cryptography.exceptions import InvalidSignature

    try:
        ed25519.Ed25519PublicKey.from_public_bytes(key.raw).verify(signature, message)
    except InvalidSignature:
        return False
    return True
