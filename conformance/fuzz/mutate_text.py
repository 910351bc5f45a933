"""Changes to names and metadata: what texts of CLASSES and META should not hold, and just may."""

from __future__ import annotations

import json
from random import Random

from .fresh import metadata

NAMES = (
    b"", b"a", b"A", b"cat", b"dog", b"n" * 254, b"n" * 255, b" ", b"e\xcc\x81", b"\xc3\xa9",
    *(chr(code).encode() for code in (
        0x00, 0x09, 0x1F, 0x20, 0x7E, 0x7F, 0x80, 0x85, 0x9F, 0xA0, 0xAD, 0x61B, 0x61C, 0x61D,
        0x200B, 0x200D, 0x200E, 0x200F, 0x2010, 0x2027, 0x2028, 0x2029, 0x202A, 0x202E, 0x202F,
        0x2065, 0x2066, 0x2069, 0x206A, 0xD7FF, 0xE000, 0xFDD0, 0xFEFE, 0xFEFF, 0xFFFD, 0xFFFE,
        0xFFFF, 0x10000, 0x1F408, 0x10FFFF,
    )),
    # Not UTF-8: alone, cut short, over-long, surrogates, beyond the last character.
    b"\x80", b"\xbf", b"\xc2", b"\xe2\x82", b"\xf0\x9f\x90", b"\xc0\x80", b"\xc1\xbf",
    b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\x80", b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80",
    b"\xed\xbf\xbf", b"\xed\xa0\xbd\xed\xb0\x88", b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80",
    b"\xf8\x88\x80\x80\x80", b"\xfe", b"\xff", b"\xc2a", b"\xe2\x82a",
)  # fmt: skip
"""Names, good and bad."""

JSON = (
    b"0", b"-0", b"-0.0", b"01", b"-01", b"+1", b"1.", b".5", b"-", b"1e", b"1e+", b"0e0", b"1E5",
    b"0x10", b"1_000", b"1e400", b"-1e400", b"1e-400", b"1e308", b"1e309",
    b"1.7976931348623157e308", b"1.7976931348623158e308", b"1.7976931348623159e308",
    b"179769313486231570814527423731704356798070e267", b"9007199254740991", b"-9007199254740991",
    b"9007199254740992", b"-9007199254740992", b"9007199254740993.0", b"9007199254740992e0",
    b"99999999999999999", b"100000000000000000", b"0.1e1000000000000000000000",
    b"0e99999999999999999999", b"1e-99999999999999999999", b"9" * 400, b"0." + b"3" * 400,
    b"1" + b"0" * 309 + b".0", b"1" + b"0" * 308 + b".5", b"1" + b"0" * 400 + b"e-400",
    b"NaN", b"Infinity", b"-Infinity", b"nan", b"True", b"true", b"tru", b"null", b"nul", b"false",
    b'""', b'"a"', b"'a'", b'"', b'"\\', b'"\\"', b'"\\u0000"', b'"\\u12"', b'"\\uD83D\\uDC08"',
    b'"\\ud800"', b'"\\udc00"', b'"\\ud83d\\ud83d\\udc08"', b'"\\udc08\\ud83d"', b'"\\ud83d"',
    b'"\\ud83d\\n"', b'"\\ud83dx\\udc08"', b'"\\x41"', b'"\\/\\b\\f\\n\\r\\t\\\\"', b'"\\a"',
    b'"\\U0041"', b'"\\u+123"', b'"\\u00_1"', b'"\t"', b'"\x00"', b'"\x1f"', b'"\x7f"', b'"\n"',
    b'"\xef\xbb\xbf"', b'"\xe2\x80\xa8"', b'"\xef\xbf\xbf"', b'"\xf4\x8f\xbf\xbf"',
    b'"\xed\xa0\x80"', b'"\xff"', b'"\xc0\x80"', b"[]", b"{}", b"[,]", b"[1,]", b"[1 2]", b"[",
    b"]", b"{", b"}", b"[}", b"{]", b'{"a"}', b'{"a":}', b'{"a":1,}', b'{"a":1,"a":2}',
    b'{"a":1,"\\u0061":2}', b'{"":1,"":1}', b"{1:2}", b"{a:1}", b'{"a":{"a":1}}', b"[[],[{}]]",
    b'"[[[[[[[[[[[[[[[[[[[[[["', b"/*x*/1", b"//x\n1", b"#", b";", b"1,", b"undefined",
)  # fmt: skip
"""JSON values, and what only looks like it."""

SPACES = (b" ", b"\t", b"\n", b"\r", b"\x0b", b"\x0c", b"\x00", b"\xa0", b"\xc2\xa0", b"\xc2\x85",
          b"\xe2\x80\xa8", b"\xef\xbb\xbf", b"\xe3\x80\x80")  # fmt: skip
"""White space: four are JSON's."""


def names(random: Random, text: bytes) -> bytes:
    """Return a decoded class map with a change."""
    entries, rest = _entries(text)
    kind = random.randrange(8)
    if not entries or kind == 0:
        at = random.randint(0, len(text))
        return (
            text[:at] + random.randbytes(random.randint(1, 3)) + text[at + random.randint(0, 3) :]
        )
    at = random.randrange(len(entries))
    if kind <= 3:
        entries[at] = random.choice(NAMES) if random.random() < 0.9 else b""
        if random.random() < 0.3:
            entries[at] = (random.choice(NAMES) + random.choice(NAMES))[:255]
    elif kind == 4:
        entries[at] = random.choice(entries)
    elif kind == 5:
        other = random.randrange(len(entries))
        entries[at], entries[other] = entries[other], entries[at]
    elif kind == 6:
        del entries[at]
    else:
        entries.insert(at, random.choice(NAMES))
    out = bytearray()
    off = random.randrange(len(entries) + 1) if random.random() < 0.1 else -1
    for number, entry in enumerate(entries):
        # Now and then a length byte is off by one.
        stated = (len(entry) + random.choice((1, 255))) % 256 if number == off else len(entry)
        out.append(stated)
        out += entry
    return bytes(out) + rest


def _entries(text: bytes) -> tuple[list[bytes], bytes]:
    found, at = [], 0
    while at < len(text) and at + 1 + text[at] <= len(text):
        found.append(text[at + 1 : at + 1 + text[at]])
        at += 1 + text[at]
    return found, text[at:]


def json_text(random: Random, text: bytes) -> bytes:
    """Return decoded metadata with a change."""
    kind = random.randrange(12)
    if kind == 0:
        return random.choice(JSON)
    if kind == 1:
        return _nested(random)
    if kind == 2:
        return json.dumps(metadata(random), ensure_ascii=random.random() < 0.5).encode()
    if kind <= 6:
        value = random.choice(JSON)
        key = random.choice((b"k", b"", b"\\u006b", b"\\ud83d", b"k\xc3\xa9"))
        inside = text.strip()[1:-1]
        pair = b'"%b":%b' % (key, value)
        return b"{%b,%b}" % (pair, inside) if inside and random.random() < 0.5 else b"{%b}" % pair
    if kind == 7:
        parts = (b"{", b'"k"', b":", b"1", b",", b'"l"', b":", b"[", b"]", b"}")
        spaced = [random.choice(SPACES) if random.random() < 0.2 else b"" for _ in range(11)]
        return spaced[10] + b"".join(a + b for a, b in zip(parts, spaced, strict=False))
    at = random.randint(0, len(text))
    if kind == 8:
        return text[:at] + random.choice(SPACES) + text[at:]
    if kind == 9:
        return text[:at] + random.choice(JSON) + text[at:]
    if kind == 10:
        return text[:at] + text[at + random.randint(1, 3) :]
    return text[:at] + random.choice(b'{}[]":,\\0-eu ').to_bytes(1, "little") + text[at + 1 :]


def _nested(random: Random) -> bytes:
    """Return an object nested about as deep as one may be."""
    depth = random.choice((14, 15, 16, 17, 200)) if random.random() < 0.95 else 20_000
    opening = [random.choice((b"[", b'{"k":')) for _ in range(depth)]
    if random.random() < 0.8:
        opening[0] = b'{"k":'
    closing = [b"]" if each == b"[" else b"}" for each in reversed(opening)]
    if random.random() < 0.1:
        closing.pop()
    return b"".join(opening) + random.choice((b"1", b'"]["', b"[]")) + b"".join(closing)
