"""A plain verifier of `.plada` files: section 10 of the specification, on the standard library.

The check of Ed25519 signatures is that of RFC 8032, section 5.1.7. It is slow (milliseconds), and
takes a time that depends on its input, which is harmless as it holds no secret.

    python -m plada_conformance.plain_verifier FILE [KEY ...]       public keys in hexadecimal
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from . import plain_decoder

__all__ = ["answer", "signature_holds"]

# ---------------------------------------------------------------- RFC 8032, section 5.1

_P = 2**255 - 19  # the field
_L = 2**252 + 27742317777372353535851937790883648493  # the order of the base point
_D = -121665 * pow(121666, -1, _P) % _P
_ROOT_OF_MINUS_ONE = pow(2, (_P - 1) // 4, _P)

# A point (X, Y, Z, T) is x = X/Z, y = Y/Z, x * y = T/Z (section 5.1.4).
_Point = tuple[int, int, int, int]
_NEUTRAL: _Point = (0, 1, 1, 0)


def _add(a: _Point, b: _Point) -> _Point:
    p = (a[1] - a[0]) * (b[1] - b[0]) % _P
    q = (a[1] + a[0]) * (b[1] + b[0]) % _P
    r = 2 * a[3] * b[3] * _D % _P
    s = 2 * a[2] * b[2] % _P
    e, f, g, h = q - p, s - r, s + r, q + p
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _multiply(scalar: int, point: _Point) -> _Point:
    product = _NEUTRAL
    while scalar:
        if scalar & 1:
            product = _add(product, point)
        point = _add(point, point)
        scalar >>= 1
    return product


def _encode(point: _Point) -> bytes:
    inverse = pow(point[2], -1, _P)
    x, y = point[0] * inverse % _P, point[1] * inverse % _P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decode(encoded: bytes) -> _Point | None:
    """Return the point of an encoding (section 5.1.3), or None if it is not a canonical one."""
    number = int.from_bytes(encoded, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= _P:
        return None
    u, v = (y * y - 1) % _P, (_D * y * y + 1) % _P
    x = u * pow(v, 3, _P) * pow(u * pow(v, 7, _P), (_P - 5) // 8, _P) % _P
    if v * x * x % _P == -u % _P:
        x = x * _ROOT_OF_MINUS_ONE % _P
    if v * x * x % _P != u or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = _P - x
    return x, y, 1, x * y % _P


def _base_point() -> _Point:
    point = _decode((4 * pow(5, -1, _P) % _P).to_bytes(32, "little"))
    assert point is not None
    return point


_BASE = _base_point()


def signature_holds(public_key: bytes, signature: bytes, message: bytes) -> bool:
    """Return whether an Ed25519 signature holds, as PLADA-SIG-003 has it.

    Args:
        public_key: 32 bytes.
        signature: 64 bytes.
        message: what is signed.
    """
    key = _decode(public_key)
    if key is None or _encode(_multiply(8, key)) == _encode(_NEUTRAL):  # of small order
        return False
    s = int.from_bytes(signature[32:], "little")
    if s >= _L:
        return False
    digest = hashlib.sha512(signature[:32] + public_key + message).digest()
    k = int.from_bytes(digest, "little") % _L
    minus_key = (_P - key[0], key[1], 1, _P - key[3])
    return _encode(_add(_multiply(s, _BASE), _multiply(k, minus_key))) == signature[:32]


# ---------------------------------------------------------------- 10 Signature

_END_SIZE = 1 + 1 + 4
_SIGN_SIZE = 1 + 1 + 8 + 64 + 4


def answer(
    data: bytes,
    public_keys: Sequence[bytes],
    limits: plain_decoder.Limits | None = None,
) -> tuple[str, str | None]:
    """Say whose signature a file bears.

    Args:
        data: the whole file.
        public_keys: the Ed25519 public keys that the caller trusts, 32 bytes each.
        limits: those of the reader; the defaults of section 15 if None.

    Returns:
        `unsigned`, `unverified`, `bad` or `verified`, and the code with which a verifier whose
        caller requires a signature refuses the file, None for `verified`.

    Raises:
        Refused: a reader refuses the file.
        ValueError: a key is not of 32 bytes.
    """
    if any(len(key) != 32 for key in public_keys):
        raise ValueError("an Ed25519 public key has 32 bytes")
    content = plain_decoder.decode(data, limits=limits or plain_decoder.Limits())
    if content.key_id is None:
        return "unsigned", "signature-missing"
    # In a valid file SIGN comes just before END, and both have one size.
    start = len(data) - _END_SIZE - _SIGN_SIZE
    signature = data[start + 10 : start + 74]
    message = b"plada-1-sig\0" + hashlib.sha256(data[:start]).digest()
    keys = [key for key in public_keys if hashlib.sha256(key).digest()[:8] == content.key_id]
    if not keys:
        return "unverified", "signature-key"
    if any(signature_holds(key, signature, message) for key in keys):
        return "verified", None
    return "bad", "signature-bad"


def main(arguments: Sequence[str] | None = None) -> Literal[0, 1]:
    """Verify the file that the command line names, print one JSON object, return the status."""
    parser = argparse.ArgumentParser(description="Say whose signature a .plada file bears.")
    parser.add_argument("file", type=Path)
    parser.add_argument("keys", nargs="*", type=bytes.fromhex, help="public keys, hexadecimal")
    options = parser.parse_args(arguments)
    try:
        word, code = answer(options.file.read_bytes(), options.keys)
    except plain_decoder.Refused as refused:
        print(json.dumps({"verdict": refused.error_class, "code": refused.code}))
        return 1
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(json.dumps({"answer": word, "code": code}))
    return 0 if code is None else 1


if __name__ == "__main__":
    sys.exit(main())
