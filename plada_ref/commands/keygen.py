"""``plada keygen``: a pair of keys, to sign payloads and to check signatures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pladafmt.files import replacing

from ..errors import PipelineError
from ..optional import need
from ..output import Output
from .exit_codes import command
from .options.common import AsJson


@command
def keygen(
    name: Annotated[
        Path,
        typer.Argument(
            metavar="NAME", help="Makes NAME.key (private) and NAME.pub.", show_default=False
        ),
    ],
    force: Annotated[
        bool, typer.Option("--force", help="Replace keys that exist. They are lost then.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Make an Ed25519 key pair: NAME.key to sign with, NAME.pub to give away.

    Both are PEM, as OpenSSL writes it. NAME.key has no passphrase: whoever can read it can sign in
    your name. Clients must get NAME.pub through a channel they trust, separate from the payload.

    If it is stopped halfway there is no NAME.pub; `openssl pkey -in NAME.key -pubout` makes it.

    Example: `plada keygen publisher`
    """
    need("cryptography", extra="sign", for_="plada keygen")
    from pladafmt.keys import PrivateKey

    output = Output(as_json=as_json)
    private, public = (name.with_name(f"{name.name}.{ending}") for ending in ("key", "pub"))
    for path in (private, public):
        if path.exists() and not force:
            raise PipelineError(
                f"{path} exists, and a key that is replaced is lost; choose another name, or "
                "replace it with --force."
            )
    key = PrivateKey.generate()
    # The public key is replaced last, and is gone before the private one is: wherever this is
    # stopped, two keys that lie there belong together.
    with replacing(public) as new_public, replacing(private, private=True) as new_private:
        new_private.write_bytes(key.to_pem())
        new_public.write_bytes(key.public.to_pem())
        public.unlink(missing_ok=True)
    key_id = key.public.key_id.hex()
    output.say(f"{private}: private key; keep it secret")
    output.say(f"{public}: public key, id {key_id}; give it to those who check your payloads")
    output.result({"private_key": str(private), "public_key": str(public), "key_id": key_id})
