"""Ed25519 keys and signatures (section 10): RFC 8032's, and those of the verifiers' vectors."""

from __future__ import annotations

from ..generators import load
from ..signing import key_id, signed_message
from ..vector import made_by
from .case import Layer

_SIGN_AND_END = 1 + 1 + 8 + 64 + 4 + 1 + 1 + 4

_RFC_8032 = {
    "rfc_8032_test_1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701c"
        "f9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    "rfc_8032_test_2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0"
        "f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
}


def layer() -> Layer:
    """Return the cases."""
    made = Layer(
        "10",
        {
            "key": "the public key, 32 bytes in hexadecimal",
            "message": "what is signed, hexadecimal",
            "signature": "64 bytes in hexadecimal",
            "holds": "whether it is a signature of the message by this key, by PLADA-SIG-003",
        },
    )

    def add(name: str, about: str, key: str, message: str, signature: str, holds: bool) -> None:
        given = {"key": key, "message": message, "signature": signature}
        made.add(name, about, given, lambda: {"holds": holds})

    for name, given in _RFC_8032.items():
        add(name, "Section 7.1 of RFC 8032.", *given, True)
    for vector in load().values():
        if vector.role != "verifier":
            continue
        case, file = made_by(vector)
        answer, before = case.more["answer"], file.data[:-_SIGN_AND_END]
        if answer not in ("verified", "bad"):
            continue
        sign = file.data[len(before) + 2 :]
        keys = [key for key in case.more["keys"] if key_id(bytes.fromhex(key)) == sign[:8]]
        for number, key in enumerate(keys):
            if len(keys) > 1 and answer == "verified":
                raise ValueError(f"{vector.id}: which of its keys verifies is not said")
            name = vector.id if len(keys) == 1 else f"{vector.id}_{number}"
            message = signed_message(before).hex()
            add(name, vector.sentence, key, message, sign[8:72].hex(), answer == "verified")
    return made
