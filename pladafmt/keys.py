"""Ed25519 keys, in memory and on disk.

A private key is kept as PKCS#8 PEM, a public one as SubjectPublicKeyInfo PEM, as OpenSSL writes
them. The package `cryptography` is imported when it is needed and not before: reading payloads,
signed or not, works without it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

KEY_ID_BYTES = 8

_PRIVATE = "PRIVATE KEY"
_PUBLIC = "PUBLIC KEY"
_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]{1,40})-----")
_ONE_BLOCK = re.compile(
    rb"(?:\r?\n)*-----BEGIN ([A-Z ]+)-----\r?\n"
    rb"((?:[A-Za-z0-9+/=]+\r?\n)+)"
    rb"-----END \1-----(?:\r?\n)*"
)
"""A whole file: one block of PEM, and nothing else but line ends.

Programs differ in what they pass over. OpenSSL takes the second of two keys if a space stands
before the first, and text before a key can look like another one.
"""

_FIELD = 2**255 - 19
_SMALL_ORDER = frozenset(
    {
        0,
        1,
        _FIELD - 1,
        0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826,
        0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7,
    }
)
"""y of the eight points of small order (in pairs that share theirs)."""


class BadKey(ValueError):
    """A key that cannot be used; one sentence says why. No payload is at fault."""


@dataclass(frozen=True)
class PublicKey:
    """The key that signatures are checked with.

    Attributes:
        raw: its 32 bytes, as in RFC 8032.
    """

    raw: bytes

    def __post_init__(self) -> None:
        if len(self.raw) != 32:
            raise BadKey(f"An Ed25519 public key has 32 bytes, not {len(self.raw)}.")

    @property
    def key_id(self) -> bytes:
        """What a SIGN chunk calls this key: the first 8 bytes of its SHA-256."""
        return hashlib.sha256(self.raw).digest()[:KEY_ID_BYTES]

    @property
    def is_sound(self) -> bool:
        """Whether y is below the field's prime and the point is not of small order.

        A point of small order verifies signatures that anybody can make, without a private key.
        """
        y = int.from_bytes(self.raw, "little") & (2**255 - 1)
        return y < _FIELD and y not in _SMALL_ORDER

    @classmethod
    def from_pem(cls, data: bytes) -> PublicKey:
        """Return the key in the text of a PEM file.

        Raises:
            BadKey: if it is not a SubjectPublicKeyInfo PEM of an Ed25519 key.
        """
        return cls(_load(data, _PUBLIC).public_bytes_raw())

    def to_pem(self) -> bytes:
        """Return the text of a SubjectPublicKeyInfo PEM file, as by ``openssl pkey -pubout``."""
        ed25519, serialization = need_cryptography()
        pem: bytes = ed25519.Ed25519PublicKey.from_public_bytes(self.raw).public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return pem


@dataclass(frozen=True)
class PrivateKey:
    """The key that payloads are signed with.

    Attributes:
        seed: its 32 bytes, as in RFC 8032; kept out of what is printed.
    """

    seed: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.seed) != 32:
            raise BadKey(f"An Ed25519 private key has 32 bytes, not {len(self.seed)}.")

    @classmethod
    def generate(cls) -> PrivateKey:
        """Return a new key."""
        ed25519, _ = need_cryptography()
        return cls(ed25519.Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def public(self) -> PublicKey:
        """The key that checks this one's signatures."""
        ed25519, _ = need_cryptography()
        private = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        return PublicKey(private.public_key().public_bytes_raw())

    @classmethod
    def from_pem(cls, data: bytes) -> PrivateKey:
        """Return the key in the text of a PEM file.

        Raises:
            BadKey: if it is not a PKCS#8 PEM, without passphrase, of an Ed25519 key.
        """
        return cls(_load(data, _PRIVATE).private_bytes_raw())

    def to_pem(self) -> bytes:
        """Return the text of a PKCS#8 PEM file, as by ``openssl genpkey``."""
        ed25519, serialization = need_cryptography()
        pem: bytes = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed).private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return pem


def need_cryptography() -> tuple[Any, Any]:
    """Return the modules ``ed25519`` and ``serialization`` of cryptography.

    Raises:
        ImportError: if it is not installed, with what to do about it.
    """
    try:
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise ImportError(
            "Signing and verifying need the Python package cryptography, which is not installed; "
            'run: pip install "pladafmt[sign]"',
            name="cryptography",
        ) from error
    return ed25519, serialization


def _load(data: bytes, wanted: str) -> Any:
    """Return the Ed25519 key object in a PEM file that must hold a `wanted` and nothing else."""
    der = _der(data, wanted)
    ed25519, serialization = need_cryptography()
    from cryptography.exceptions import UnsupportedAlgorithm

    try:
        if wanted == _PRIVATE:
            key = serialization.load_der_private_key(der, password=None)
        else:
            key = serialization.load_der_public_key(der)
    except UnsupportedAlgorithm as error:
        raise BadKey("The key is of an unknown algorithm; an Ed25519 key is needed.") from error
    except (ValueError, TypeError) as error:
        raise _damaged(wanted) from error
    if not isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        algorithm = re.sub("(Public|Private)Key$", "", type(key).__name__)
        raise BadKey(f"The key is of the algorithm {algorithm}; an Ed25519 key is needed.")
    return key


def _der(data: bytes, wanted: str) -> bytes:
    """Return the bytes in the one PEM of a `wanted` that `data` is, from end to end.

    They are taken out here, so that no other parser finds another key in the same file.
    """
    _check_labels([label.decode("ascii") for label in _LABEL.findall(data)], wanted)
    found = _ONE_BLOCK.fullmatch(data)
    if found is None:
        around = re.sub(rb"-----BEGIN [^-]*-----.*-----END [^-]*-----", b"", data, flags=re.DOTALL)
        if around == data or not around.strip(b"\r\n"):
            raise _damaged(wanted)
        raise BadKey(
            f"The file holds more than the PEM of a {wanted.lower()}: there is text, a space or a "
            "byte order mark before or after it, and programs differ in what they make of that. "
            f"Leave only the lines from -----BEGIN {wanted}----- to -----END {wanted}-----."
        )
    try:
        return base64.b64decode(b"".join(found[2].split()), validate=True)
    except binascii.Error as error:
        raise _damaged(wanted) from error


def _damaged(wanted: str) -> BadKey:
    return BadKey(
        f"The file looks like the PEM of a {wanted.lower()} but is damaged, or has headers inside; "
        "get it again."
    )


def _check_labels(labels: list[str], wanted: str) -> None:
    """Refuse a file by the kinds of PEM in it; the commonest mistakes get their own sentence."""
    if not labels:
        raise BadKey(f"The file is not PEM: it has no line -----BEGIN {wanted}-----.")
    if wanted == _PUBLIC and any(label.endswith(_PRIVATE) for label in labels):
        raise BadKey(
            "The file holds a private key, and a public one is needed (plada keygen calls it "
            "NAME.pub; or run: openssl pkey -in PRIVATE -pubout). Never share a private key."
        )
    if labels == [wanted]:
        return
    if "ENCRYPTED PRIVATE KEY" in labels:
        raise BadKey(
            "The private key has a passphrase, which plada does not ask for; take it off with: "
            "openssl pkey -in ENCRYPTED -out PLAIN"
        )
    if labels == [_PUBLIC]:
        raise BadKey(
            "The file holds a public key, and a private one is needed to sign (plada keygen calls "
            "it NAME.key)."
        )
    raise BadKey(f"The file must hold one PEM of a {wanted}; it holds: {', '.join(labels[:4])}.")
