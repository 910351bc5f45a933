"""Options of the commands that check signatures, and the keys that they name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pladafmt import Limits, Payload, load

from ...errors import Misuse
from ...optional import need

if TYPE_CHECKING:
    from pladafmt.keys import PrivateKey, PublicKey

SignedByOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--require-signed-by",
        metavar="KEY",
        help="Refuse the payload unless it is signed by this public key (NAME.pub), or by another "
        "one given so. May be repeated.",
    ),
]


def describe_signature(facts: dict[str, Any]) -> str:
    """Return what a report's facts say of the signature, which nobody has checked yet."""
    key_id = facts["signed_by"]
    return "-" if key_id is None else f"key {key_id}, not checked here (plada verify does)"


def public_keys(paths: list[Path] | None, *, for_: str) -> dict[PublicKey, Path]:
    """Return the public keys in these files, each with where it lies.

    Raises:
        Misuse: if one is no Ed25519 public key.
        OSError: if one cannot be read.
    """
    if not paths:
        return {}
    need("cryptography", extra="sign", for_=for_)
    from pladafmt.keys import BadKey, PublicKey

    found: dict[PublicKey, Path] = {}
    for path in paths:
        try:
            found[PublicKey.from_pem(path.read_bytes())] = path
        except BadKey as error:
            raise Misuse(f"{path}: {error}") from error
    return found


def private_key(path: Path, *, for_: str) -> PrivateKey:
    """Return the private key in this file.

    Raises:
        Misuse: if it is no Ed25519 private key.
        OSError: if it cannot be read.
    """
    need("cryptography", extra="sign", for_=for_)
    from pladafmt.keys import BadKey, PrivateKey

    try:
        return PrivateKey.from_pem(path.read_bytes())
    except BadKey as error:
        raise Misuse(f"{path}: {error}") from error


def load_required(
    payload: Path, signed_by: list[Path] | None, *, limits: Limits, for_: str
) -> Payload:
    """Return the payload in a file, which must be signed by one of these keys if any is given.

    Raises:
        PladaError: if the file is refused: `Untrusted` if it is valid but not signed so.
        Misuse, OSError: if a key or the file cannot be read.
    """
    if not signed_by:
        return load(payload, limits=limits)
    from pladafmt.signature import verify

    keys = public_keys(signed_by, for_=f"{for_} --require-signed-by")
    # Read once: what is used is what was checked, whatever happens to the file meanwhile.
    return verify(payload.read_bytes(), list(keys), limits=limits)
