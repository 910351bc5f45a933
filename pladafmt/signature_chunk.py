"""The SIGN chunk: its bytes, not what they prove (specification, section 10)."""

from __future__ import annotations

from dataclasses import dataclass

from . import chunks, layout
from .errors import Malformed
from .ledger import Ledger


@dataclass(frozen=True)
class SignatureChunk:
    """What a SIGN chunk says. Nothing of it is checked here.

    Attributes:
        key_id: first 8 bytes of the SHA-256 of the public key that it claims.
        signature: 64 bytes of Ed25519.
        offset: where the chunk starts: the signature is over all bytes before.
    """

    key_id: bytes
    signature: bytes
    offset: int


def write(key_id: bytes, signature: bytes) -> bytes:
    """Return a whole SIGN chunk."""
    body = layout.build(layout.SIGNATURE_BODY, key_id=key_id, signature=signature)
    return chunks.write(layout.SIGNATURE, body)


def read(body: bytes, header: chunks.Header, ledger: Ledger) -> SignatureChunk:
    """Return what the body of the SIGN chunk at `header` says.

    Raises:
        Malformed: ``body-short`` or ``body-long`` if it has not exactly 72 bytes.
    """
    values, ranges = layout.parse(layout.SIGNATURE_BODY, body, offset=header.body, name=header.name)
    notes = {"key_id": values.key_id.hex(), "signature": "not checked here"}
    for key, (start, end) in ranges.items():
        ledger.add(f"{header.name}.{key}", start, end, notes[key])
    end = ranges["signature"][1]
    if end != header.end:
        raise Malformed(
            "body-long", "Bytes follow the last field of SIGN.", offset=end, field=header.name
        )
    return SignatureChunk(values.key_id, values.signature, header.offset)
