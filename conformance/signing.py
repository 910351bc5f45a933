"""Keys made of words, and files signed with them (specification, section 10)."""

from __future__ import annotations

import hashlib
from typing import Any

from .build import SIGN, Chunk, Draft, draft


def private_key(word: str) -> Any:
    """Return the Ed25519 private key that a word stands for."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(word.encode()).digest())


def public_key(word: str) -> bytes:
    """Return the 32 bytes of the public key that a word stands for."""
    public: bytes = private_key(word).public_key().public_bytes_raw()
    return public


def key_id(public: bytes) -> bytes:
    """Return what a SIGN chunk calls a public key."""
    return hashlib.sha256(public).digest()[:8]


def signed_message(before: bytes) -> bytes:
    """Return what is signed where these bytes stand before SIGN."""
    return b"plada-1-sig\0" + hashlib.sha256(before).digest()


def sign_chunk(before: bytes, word: str) -> Chunk:
    """Return the SIGN chunk that follows these bytes, by the key of a word."""
    signature = private_key(word).sign(signed_message(before))
    return Chunk(SIGN, {"key_id": key_id(public_key(word)), "signature": signature})


def signed(word: str = "server", made: Draft | None = None) -> Draft:
    """Sign a draft, the worked example when None, with the key of a word; return it."""
    made = made or draft()
    end, made.end = made.end, None
    made.after.append(sign_chunk(made.build().data, word))
    made.end = end
    return made
