"""Streams that a compressor once made, quoted as bytes so that another version changes nothing."""

from __future__ import annotations

LABELS = bytes.fromhex(
    "28b52ffd605801b5060086a53485332221320032003000eafb3c6d94a846a1e8f7142c08a84fd1c3c3348139"
    "3df10383c2025a38c9499671e19d435b443f594b8c8cb3fa6648fe9f24ab5e8c3a78eae41426308204600640"
    "88562a8faff7a2ec1a965a398826f1035b0ab2ee5557122f003d233fa9270bcfe5b80a9e63a2849777730c66"
    "c6766fe226daa737d9f35f3e1eaf02635de3318a0fb4565e0cad94f779d6e9decf2715e58d4e016e595285c9"
    "d0595452675106544049648a7c0e103561b231b402278b04831124022328f4e8ecb2da32b2214482ac5b7179"
    "8e665c00"
)
"""600 labels of 7 classes (`label_values`): literals under a Huffman table, level 19."""

LABELS_WITH_CHECKSUM = bytes.fromhex(
    "28b52ffd645801b5060086a53485332221320032003000eafb3c6d94a846a1e8f7142c08a84fd1c3c3348139"
    "3df10383c2025a38c9499671e19d435b443f594b8c8cb3fa6648fe9f24ab5e8c3a78eae41426308204600640"
    "88562a8faff7a2ec1a965a398826f1035b0ab2ee5557122f003d233fa9270bcfe5b80a9e63a2849777730c66"
    "c6766fe226daa737d9f35f3e1eaf02635de3318a0fb4565e0cad94f779d6e9decf2715e58d4e016e595285c9"
    "d0595452675106544049648a7c0e103561b231b402278b04831124022328f4e8ecb2da32b2214482ac5b7179"
    "8e665c00c8a9a621"
)
"""The same with a content checksum."""

REPEATS = bytes.fromhex("28b52ffd60d006b5000028000102030406a0603ec0b307052f7fa5929252c952")
"""2,000 labels, 40 of a class at a time (`repeats`): sequences."""


def label_values() -> bytes:
    """Return what `LABELS` decodes to: smaller labels are more frequent."""
    state, values = 1, []
    for _ in range(600):
        state = (1103515245 * state + 12345) % 2**31
        values.append(min((state >> 16) % 7, (state >> 20) % 7))
    return bytes(values)


def repeats() -> bytes:
    """Return what `REPEATS` decodes to."""
    return b"".join(bytes([index % 5]) * 40 for index in range(50))
