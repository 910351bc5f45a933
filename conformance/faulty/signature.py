"""Faults of readers with SIGN, and of verifiers with signatures (section 10)."""

from __future__ import annotations

from .fault import OMITTED, Fault

_RFC = "PLADA-SIG-003"
_READ = "    content = plain_decoder.decode(data, limits=limits or plain_decoder.Limits())\n"
_R = "_encode(_add(_multiply(s, _BASE), _multiply(k, minus_key)))"

FAULTS = (
    Fault(
        "signature-anywhere",
        "PLADA-SIG-001",
        "Passes over SIGN, which is ancillary and of no interest to it.",
        (
            (
                '_refuse_if(before and before[-1] == _SIGN and kind != _END, "signature-place")',
                OMITTED,
            ),
        ),
    ),
    Fault(
        "signature-before-unknown-chunks",
        "PLADA-SIG-001",
        "Lets unknown ancillary chunks stand behind SIGN, as they may stand anywhere.",
        (("before[-1] == _SIGN and kind != _END", "before[-1] == _SIGN and kind in _ORDER[:-1]"),),
    ),
    Fault(
        "first-key-trusted",
        "PLADA-SIG-002",
        "Trusts whoever signed if the caller has named nobody.",
        (
            (
                "    if not keys:\n",
                '    if not public_keys:\n        return "verified", None\n    if not keys:\n',
            ),
        ),
        role="verifier",
    ),
    Fault(
        "key-id-trusted",
        "PLADA-SIG-002",
        "Takes the key id in the file for a proof.",
        (
            (
                "    if any(signature_holds(key, signature, message) for key in keys):\n",
                "    if keys:\n",
            ),
        ),
        role="verifier",
    ),
    Fault(
        "s-of-any-size",
        _RFC,
        "Does not compare S with the group's order, which old libraries do not either.",
        (("    if s >= _L:\n        return False\n", ""),),
        role="verifier",
    ),
    Fault(
        "keys-of-small-order",
        _RFC,
        "Takes every key that is a point.",
        (
            (
                "if key is None or _encode(_multiply(8, key)) == _encode(_NEUTRAL):",
                "if key is None:",
            ),
        ),
        role="verifier",
    ),
    Fault(
        "neutral-key-only",
        _RFC,
        "Refuses the neutral point for a key, and no other one of small order.",
        (("_encode(_multiply(8, key)) == _encode(_NEUTRAL)", "_encode(key) == _encode(_NEUTRAL)"),),
        role="verifier",
    ),
    Fault(
        "keys-of-mixed-order",
        _RFC,
        "Refuses keys outside the group that the base point makes.",
        (
            (
                "_encode(_multiply(8, key)) == _encode(_NEUTRAL)",
                "_encode(_multiply(_L, key)) != _encode(_NEUTRAL)",
            ),
        ),
        role="verifier",
    ),
    Fault(
        "with-the-cofactor",
        _RFC,
        "Multiplies both sides by the cofactor, as verifiers of batches do.",
        (
            (
                f"    return {_R} == signature[:32]\n",
                "    r = _decode(signature[:32])\n"
                "    if r is None:\n        return False\n"
                "    minus_r = (_P - r[0], r[1], 1, _P - r[3])\n"
                "    sides = _add(_add(_multiply(s, _BASE), _multiply(k, minus_key)), minus_r)\n"
                "    return _encode(_multiply(8, sides)) == _encode(_NEUTRAL)\n",
            ),
        ),
        role="verifier",
    ),
    Fault(
        "r-compared-as-a-point",
        _RFC,
        "Decodes R, however it is spelled, and compares points.",
        (
            ("    if y >= _P:\n        return None\n", "    y %= _P\n"),
            ("== signature[:32]\n", "== _encode(_decode(signature[:32]) or _BASE)\n"),
        ),
        role="verifier",
    ),
    Fault(
        "r-of-small-order-refused",
        _RFC,
        "Refuses an R of small order, as some libraries do.",
        (
            (
                '    s = int.from_bytes(signature[32:], "little")\n',
                "    r = _decode(signature[:32])\n"
                "    if r is None or _encode(_multiply(8, r)) == _encode(_NEUTRAL):\n"
                "        return False\n"
                '    s = int.from_bytes(signature[32:], "little")\n',
            ),
        ),
        role="verifier",
    ),
    Fault(
        "key-that-is-no-point",
        _RFC,
        "Does not expect that a key may be no point.",
        (("    if key is None or _encode(", "    assert key is not None\n    if _encode("),),
        role="verifier",
    ),
    Fault(
        "root-of-minus-one-forgotten",
        _RFC,
        "Takes the first candidate for a square root, which is right for half of all keys.",
        (
            (
                "    if v * x * x % _P == -u % _P:\n        x = x * _ROOT_OF_MINUS_ONE % _P\n",
                "",
            ),
        ),
        role="verifier",
    ),
    Fault(
        "key-id-ignored",
        "PLADA-SIG-004",
        "Tries all keys of the caller, whichever the file names.",
        (
            (
                "keys = [key for key in public_keys if "
                "hashlib.sha256(key).digest()[:8] == content.key_id]",
                "keys = list(public_keys)",
            ),
        ),
        role="verifier",
    ),
    Fault(
        "first-key-of-the-caller",
        "PLADA-SIG-004",
        "Takes one key, the first one that it is given.",
        (("[key for key in public_keys if", "[key for key in public_keys[:1] if"),),
        role="verifier",
    ),
    Fault(
        "unsigned-is-fine",
        "PLADA-SIG-005",
        "Checks a signature if there is one.",
        (('return "unsigned", "signature-missing"', 'return "unsigned", None'),),
        role="verifier",
    ),
    Fault(
        "signature-before-the-file",
        "PLADA-SIG-006",
        "Calls the signature bad where the file is damaged.",
        (
            (
                _READ,
                "    try:\n        content = plain_decoder.decode(data)\n"
                "    except plain_decoder.Refused:\n"
                '        return "bad", "signature-bad"\n',
            ),
        ),
        role="verifier",
    ),
    Fault(
        "body-of-the-file-unread",
        "PLADA-SIG-006",
        "Checks the signature over the bytes, and does not read them.",
        (
            (
                _READ + "    if content.key_id is None:\n",
                "    key_id = data[-82:-74]\n    if data[-84:-82] != b'\\x82\\x48':\n",
            ),
            ("[:8] == content.key_id]", "[:8] == key_id]"),
        ),
        role="verifier",
    ),
)
