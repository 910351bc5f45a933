"""Options of the commands that check signatures, and the keys that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pladafmt.files import read_at_most

from ...errors import Misuse
from ...optional import need
from .address import readable

if TYPE_CHECKING:
    from pladafmt.keys import PrivateKey, PublicKey

MOST_KEY = 1 << 16
"""Bytes of a key's file, which has a hundred."""

SignedByOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--require-signed-by",
        metavar="KEY",
        help="Refuse the payload unless it is signed by this public key (NAME.pub), or by another "
        "one given so. May be repeated.",
        parser=readable(MOST_KEY),
    ),
]


def describe_signature(facts: dict[str, Any]) -> str:
    """Return what a report's facts say of the signature, which nobody has checked yet."""
    key_id = facts["signed_by"]
    return "-" if key_id is None else f"key {key_id}, not checked here (plada verify does)"


def public_keys(paths: list[Path] | None, *, for_: str) -> dict[PublicKey, Path]:
    """Return the public keys in these files, each with the path of its file.

    Raises:
        Misuse: if one is not an Ed25519 public key.
        OSError: if one cannot be read.
    """
    if not paths:
        return {}
    need("cryptography", extra="sign", for_=for_)
    from pladafmt.keys import BadKey, PublicKey

    found: dict[PublicKey, Path] = {}
    for path in paths:
        try:
            found[PublicKey.from_pem(read_at_most(path, MOST_KEY))] = path
        except BadKey as error:
            raise Misuse(f"{path}: {error}") from error
    return found


def private_key(path: Path, *, for_: str) -> PrivateKey:
    """Return the private key in this file.

    Raises:
        Misuse: if it is not an Ed25519 private key.
        OSError: if it cannot be read.
    """
    need("cryptography", extra="sign", for_=for_)
    from pladafmt.keys import BadKey, PrivateKey

    try:
        return PrivateKey.from_pem(read_at_most(path, MOST_KEY))
    except BadKey as error:
        raise Misuse(f"{path}: {error}") from error
