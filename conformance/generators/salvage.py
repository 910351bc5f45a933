"""What comes back from damaged files (specification, section 13.2).

The verdict is ``salvaged`` where something comes back; `kept` and `lost` count images, and
`content_id` is that of what comes back. With `head_from`, the caller names another vector's file
for its HEAD.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..build import (
    BLOCK,
    META,
    RULE,
    SIGN,
    Chunk,
    Draft,
    Made,
    Meaning,
    changed,
    draft,
    metadata_chunk,
    varint,
)
from ..vector import Case, invalid

PARTS = (slice(0, 2), slice(2, 4), slice(4, 6), slice(6, 8))
WHOLE = changed(positions=(3, 4, 50, 90, 300, 301, 700, 999), labels=(0, 0, 1, 1, 0, 1, 0, 1))


def whole() -> Draft:
    """Return the file that is damaged: named classes and four blocks of two images."""
    return draft(WHOLE, parts=PARTS)


def _left(*blocks: int, names: bool = True) -> Meaning:
    kept = [index for block in blocks for index in (2 * block, 2 * block + 1)]
    return changed(
        names=WHOLE.names if names else None,
        positions=tuple(WHOLE.positions[index] for index in kept),
        labels=tuple(WHOLE.labels[index] for index in kept),
    )


def _salvaged(
    data: bytes,
    *blocks: int,
    names: bool = True,
    head_from: str | None = None,
    keeps: tuple[int, ...] = (),
    drops: tuple[int, ...] = (),
) -> Case:
    left = _left(*blocks, names=names)
    more: dict[str, Any] = {
        "verdict": "salvaged",
        "code": None,
        "error_class": None,
        "content_id": left.content_id.hex(),
        "kept": len(left.positions),
        "lost": len(WHOLE.positions) - len(left.positions),
        "head_from": head_from,
    }
    if keeps or drops:
        more["must_keep"] = [f"{kind:02X}" for kind in keeps]
        more["must_drop"] = [f"{kind:02X}" for kind in drops]
    return Case(data, more=more)


def _noise(made: Made, *owners: str) -> bytes:
    """Return the file with noise over whole chunks."""
    data = bytearray(made.data)
    for owner in owners:
        start, end = made.ranges[f"{owner}.type"][0], made.ranges[f"{owner}.crc"][1]
        for at in range(start, end):
            data[at] = (data[at] * 167 + at * 59 + 101) % 256
    return bytes(data)


def _register() -> None:
    for lost in range(4):

        def make(lost: int = lost) -> Case:
            left = [block for block in range(4) if block != lost]
            return _salvaged(_noise(whole().build(), f"BLOCK {lost}"), *left)

        make.__name__ = f"noise_over_block_{lost}"
        make.__doc__ = f"Noise over block {lost} of four: the other three come back."
        _damaged("PLADA-SAL-001", "PLADA-SAL-002", "PLADA-SAL-003", "PLADA-SAL-004")(make)


def _damaged(*requirements: str) -> Callable[[Callable[[], Case]], Callable[[], Case]]:
    return invalid("salvaged", *requirements, role="salvager", area="salvage", twin=False)


_register()


@_damaged("PLADA-SAL-002", "PLADA-SAL-004")
def nothing_lost() -> Case:
    """A whole file: everything comes back."""
    return _salvaged(whole().build().data, 0, 1, 2, 3)


@_damaged("PLADA-SAL-002")
def cut_in_the_third_block() -> Case:
    """The file ends inside its third block: two come back."""
    made = whole().build()
    return _salvaged(made.data[: made.ranges["BLOCK 2.labels"][0]], 0, 1)


@_damaged("PLADA-SAL-002")
def cut_before_end() -> Case:
    """Only END is missing: everything comes back."""
    made = whole().build()
    return _salvaged(made.data[: made.ranges["END.type"][0]], 0, 1, 2, 3)


@_damaged("PLADA-SAL-002")
def bytes_inserted_between_blocks() -> Case:
    """Three bytes were inserted between two blocks, one of them the type of a block."""
    made = whole().build()
    at = made.ranges["BLOCK 1.type"][0]
    return _salvaged(made.data[:at] + b"\x03\x01\x03" + made.data[at:], 0, 1, 2, 3)


@_damaged("PLADA-SAL-002")
def length_of_a_block_damaged() -> Case:
    """The length of a block was damaged and points far ahead: the next block is found again."""
    made = whole().build()
    at = made.ranges["BLOCK 1.length"][0]
    return _salvaged(made.data[:at] + b"\x7f" + made.data[at + 1 :], 0, 2, 3)


@_damaged("PLADA-SAL-002")
def magic_damaged() -> Case:
    """The magic bytes are damaged and everything else is whole."""
    made = whole().build()
    return _salvaged(bytes(9) + made.data[9:], 0, 1, 2, 3)


@_damaged("PLADA-SAL-002", "PLADA-SAL-003")
def class_map_damaged() -> Case:
    """The class map is lost: the classes are unnamed."""
    return _salvaged(_noise(whole().build(), "CLASSES"), 0, 1, 2, 3, names=False)


@_damaged("PLADA-SAL-002")
def bytes_after_end_salvaged() -> Case:
    """Bytes follow END: everything comes back."""
    return _salvaged(whole().build().data + b"and more", 0, 1, 2, 3)


@_damaged("PLADA-SAL-001")
def foreign_block_spliced_in() -> Case:
    """The second block was replaced by that of a file with another pool: it stays out."""
    made = whole().build()
    other = draft(changed(WHOLE, pool_size=1001), parts=PARTS).build()
    start, end = made.ranges["BLOCK 1.type"][0], made.ranges["BLOCK 1.crc"][1]
    return _salvaged(made.data[:start] + other.data[start:end] + made.data[end:], 0, 2, 3)


@_damaged("PLADA-SAL-001")
def block_repeated() -> Case:
    """The first block stands twice: it comes back once."""
    made = whole().build()
    start, end = made.ranges["BLOCK 0.type"][0], made.ranges["BLOCK 0.crc"][1]
    return _salvaged(made.data[:end] + made.data[start:end] + made.data[end:], 0, 1, 2, 3)


@_damaged("PLADA-SAL-001")
def block_with_a_bad_label() -> Case:
    """The second block has a right CRC and a label that is no class: it stays out."""
    made = whole()
    made.blocks[1].labels.stored = b"\x00\x02"
    made.head = {"check": WHOLE.content_id[:4]}
    return _salvaged(made.build().data, 0, 2, 3)


@_damaged("PLADA-SAL-002")
def block_inside_metadata() -> Case:
    """A block of this very file stands inside an intact ancillary chunk: it stays there."""
    made = whole()
    plain = made.build()
    start, end = plain.ranges["BLOCK 3.type"][0], plain.ranges["BLOCK 3.crc"][1]
    hidden = Chunk(0x9E, {"body": plain.data[start:end]})
    made.chunks.append(hidden)
    built = made.build()
    at = built.ranges["BLOCK 3.type"][0]
    return _salvaged(built.data[:at], 0, 1, 2)


@_damaged("PLADA-SAL-002", "PLADA-SAL-003")
def head_from_another_file() -> Case:
    """HEAD is lost; the caller names a copy of the file that was cut, which has it."""
    made = whole().build()
    return _salvaged(_noise(made, "HEAD"), 0, 1, 2, 3, head_from="invalid/salvage/cut_before_end")


@_damaged("PLADA-SAL-002")
def block_behind_end() -> Case:
    """The last block stands behind END: it comes back."""
    made = whole().build()
    block, end = made.ranges["BLOCK 3.type"][0], made.ranges["END.type"][0]
    return _salvaged(made.data[:block] + made.data[end:] + made.data[block:end], 0, 1, 2, 3)


@_damaged("PLADA-SAL-002")
def block_inside_metadata_that_is_none() -> Case:
    """A block stands inside META, which is intact and no JSON: it stays there."""
    return _shielded(lambda block: Chunk(META, {"body": b"\x00" + block}))


@_damaged("PLADA-SAL-001", "PLADA-SAL-002")
def block_inside_a_bad_block() -> Case:
    """A block stands inside another one whose CRC is right and whose contents are bad."""
    return _shielded(lambda block: Chunk(BLOCK, {"body": b"\xff\x07\x01\x01\x02" + block}))


def _shielded(shield: Callable[[bytes], Chunk]) -> Case:
    made = whole()
    plain = made.build()
    start, end = plain.ranges["BLOCK 3.type"][0], plain.ranges["BLOCK 3.crc"][1]
    made.after.append(shield(plain.data[start:end]))
    made.blocks.pop()
    # HEAD as it was with the block, so that its CRC fits.
    made.head = {"kept": bytes([len(WHOLE.positions)]), "check": WHOLE.content_id[:4]}
    return _salvaged(made.build().data, 0, 1, 2)


@_damaged("PLADA-SAL-001")
def block_beyond_the_kept_images() -> Case:
    """HEAD promises six images and four blocks hold two each: three come back, none is lost."""
    made = whole()
    made.head = {"kept": b"\x06"}
    case = _salvaged(made.build().data, 0, 1, 2)
    return Case(case.file, more={**case.more, "lost": 0})


@_damaged("PLADA-SAL-002")
def head_of_another_payload_behind_head() -> Case:
    """The HEAD of another payload follows the file's own: the first one counts."""
    made = whole().build()
    at = made.ranges["HEAD.crc"][1]
    return _salvaged(made.data[:at] + _other_head() + made.data[at:], 0, 1, 2, 3)


@_damaged("PLADA-SAL-007", "PLADA-SAL-001")
def head_of_another_payload_before_head() -> Case:
    """The HEAD of another payload stands before the file's own: no block fits the first one."""
    made = whole().build()
    at = made.ranges["HEAD.type"][0]
    return _nothing(made.data[:at] + _other_head() + made.data[at:])


def _other_head() -> bytes:
    made = draft(changed(WHOLE, pool_size=1001), parts=PARTS).build()
    return made.data[made.ranges["HEAD.type"][0] : made.ranges["HEAD.crc"][1]]


@_damaged("PLADA-SAL-002")
def preamble_lost() -> Case:
    """The file starts with HEAD."""
    made = whole().build()
    return _salvaged(made.data[made.ranges["HEAD.type"][0] :], 0, 1, 2, 3)


@_damaged("PLADA-SAL-002")
def version_byte_lost() -> Case:
    """HEAD follows the magic bytes."""
    made = whole().build()
    return _salvaged(made.data[:8] + made.data[9:], 0, 1, 2, 3)


@_damaged("PLADA-SAL-003")
def names_that_are_not_in_form_c() -> Case:
    """The names are none that a writer would take: they come back as they are."""
    meaning = changed(WHOLE, names=("caf\u0065\u0301".encode(), b"dog"))
    made = draft(meaning, parts=PARTS).build()
    case = _salvaged(made.data[: made.ranges["END.type"][0]], 0, 1, 2, 3)
    return Case(case.file, more={**case.more, "content_id": meaning.content_id.hex()})


@_damaged("PLADA-SAL-003", "PLADA-SAL-004")
def empty_payload_cut_before_end() -> Case:
    """A payload without images lacks END: it comes back."""
    meaning = changed(WHOLE, positions=(), labels=())
    made = draft(meaning).build()
    case = _salvaged(made.data[: made.ranges["END.type"][0]])
    return Case(case.file, more={**case.more, "lost": 0})


NOTE = b'{"licence":"CC0-1.0"}'
SAFE, UNSAFE = 0xDE, 0x9E
SAFE_AND_ODD = 0xDD


def _with_ancillary() -> Draft:
    """Return a file with metadata, an unknown chunk of either kind, and SIGN."""
    made = whole()
    made.chunks += [metadata_chunk(NOTE), Chunk(UNSAFE, {"body": b"depends on the blocks"})]
    made.chunks.append(Chunk(SAFE, {"body": b"holds for any"}))
    made.chunks.append(Chunk(SAFE_AND_ODD, {"body": b""}))
    made.after.append(_sign())
    return made


def _sign(signature: bytes = bytes(64)) -> Chunk:
    return Chunk(SIGN, {"key_id": bytes(8), "signature": signature})


@_damaged("PLADA-SAL-002", "PLADA-SAL-003")
def ancillary_chunks_salvaged() -> Case:
    """Metadata and a chunk that is safe to copy come back; SIGN and another chunk do not."""
    made = _with_ancillary().build()
    data = _noise(made, "BLOCK 1")
    return _salvaged(data, 0, 2, 3, keeps=(META, SAFE, SAFE_AND_ODD), drops=(UNSAFE, SIGN))


@_damaged("PLADA-SAL-003")
def ancillary_chunks_out_of_place() -> Case:
    """Metadata behind a block, chunks behind SIGN and behind END: a reader would refuse them."""
    made = whole()
    made.after = [
        metadata_chunk(NOTE),
        _sign(),
        Chunk(SAFE, {"body": b"behind SIGN"}),
    ]
    data = made.build().data + _alone(Chunk(SAFE_AND_ODD, {"body": b"behind END"}))
    return _salvaged(data, 0, 1, 2, 3, drops=(SIGN, SAFE, SAFE_AND_ODD))


def _alone(chunk: Chunk) -> bytes:
    """Return the bytes of a chunk whose CRC does not depend on HEAD."""
    made = Draft(head_chunk=chunk, end=None).build()
    return made.data[made.ranges["HEAD.type"][0] :]


@_damaged("PLADA-SAL-003")
def chunk_to_copy_behind_end() -> Case:
    """A chunk that is safe to copy stands behind END, where nothing may stand."""
    data = whole().build().data + _alone(Chunk(SAFE, {"body": b"behind END"}))
    return _salvaged(data, 0, 1, 2, 3, drops=(SAFE,))


@_damaged("PLADA-SAL-002", "PLADA-SAL-003")
def block_behind_signature() -> Case:
    """The last block stands behind SIGN, and a chunk to copy behind that: the block comes back."""
    made = whole()
    made.after = [_sign(), Chunk(SAFE, {"body": b"behind SIGN"})]
    built = made.build()
    start, end = built.ranges["BLOCK 3.type"][0], built.ranges["BLOCK 3.crc"][1]
    behind = built.ranges["SIGN.crc"][1]
    moved = built.data[:start] + built.data[end:behind] + built.data[start:end]
    return _salvaged(moved + built.data[behind:], 0, 1, 2, 3, drops=(SIGN, SAFE))


@_damaged("PLADA-SAL-002")
def block_inside_a_signature_behind_noise() -> Case:
    """Noise, then an intact SIGN whose body holds a block: the block stays there."""
    made = whole()
    plain = made.build()
    start, end = plain.ranges["BLOCK 3.type"][0], plain.ranges["BLOCK 3.crc"][1]
    hidden = _alone(_sign(plain.data[start:end].ljust(64, b"\0")))
    return _salvaged(plain.data[:start] + b"\x00\x00\x00" + hidden, 0, 1, 2)


@_damaged("PLADA-SAL-002")
def unknown_critical_chunk_behind_noise() -> Case:
    """Noise, then a critical chunk that is not known: it is not looked for there."""
    made = whole()
    made.chunks.append(Chunk(0x1E, {"body": b"?"}))
    built = made.build()
    at = built.ranges["chunk 1E.type"][0]
    return _salvaged(built.data[:at] + b"\x00\x00\x00" + built.data[at:], 0, 1, 2, 3)


@_damaged("PLADA-SAL-002")
def head_inside_an_unknown_chunk() -> Case:
    """An unknown chunk stands before HEAD, and holds the HEAD of another payload."""
    made = whole().build()
    shield = _alone(Chunk(UNSAFE, {"body": _other_head()}))
    return _salvaged(made.data[:9] + shield + made.data[9:], 0, 1, 2, 3, drops=(UNSAFE,))


@_damaged("PLADA-SAL-002")
def head_inside_a_block_of_no_head() -> Case:
    """HEAD lies in what would be a block if its CRC continued that of no HEAD: it is found."""
    made = whole().build()
    start, end = made.ranges["HEAD.type"][0], made.ranges["HEAD.crc"][1]
    shield = _alone(Chunk(BLOCK, {"body": made.data[start:end]}))
    return _salvaged(made.data[:9] + shield + made.data[end:], 0, 1, 2, 3)


@_damaged("PLADA-SAL-002")
def metadata_before_head() -> Case:
    """Intact metadata stands before HEAD, which is still the first HEAD."""
    made = whole().build()
    data = made.data[:9] + _alone(metadata_chunk(NOTE)) + made.data[9:]
    return _salvaged(data, 0, 1, 2, 3)


@_damaged("PLADA-SAL-001")
def cut_inside_a_checksum() -> Case:
    """The file ends before the last byte of a block's CRC, which was zero: the block is lost."""
    for number in range(10_000):
        meaning = changed(WHOLE, pool_id=number.to_bytes(32, "big"))
        made = draft(meaning, parts=PARTS).build()
        end = made.ranges["BLOCK 3.crc"][1]
        if made.data[end - 1] == 0:
            case = _salvaged(made.data[: end - 1], 0, 1, 2)
            left = changed(_left(0, 1, 2), pool_id=meaning.pool_id)
            return Case(case.file, more={**case.more, "content_id": left.content_id.hex()})
    raise AssertionError


def _weighted(bits: int) -> Case:
    """A file with weights, whose second block is damaged."""
    codes = (0, 1, 2, 3, 4, 5, 14, 15)
    meaning = changed(WHOLE, scale=(bits, -256, 32), codes=codes)
    made = draft(meaning, parts=PARTS).build()
    case = _salvaged(_noise(made, "BLOCK 1"), 0, 2, 3)
    left = changed(_left(0, 2, 3), scale=meaning.scale, codes=codes[:2] + codes[4:])
    return Case(case.file, more={**case.more, "content_id": left.content_id.hex()})


@_damaged("PLADA-SAL-001", "PLADA-SAL-003")
def weights_of_8_bits_salvaged() -> Case:
    """Weights of 8 bits: those of the blocks that are whole come back with them."""
    return _weighted(8)


@_damaged("PLADA-SAL-001", "PLADA-SAL-003")
def weights_of_4_bits_salvaged() -> Case:
    """Weights of 4 bits: those of the blocks that are whole come back with them."""
    return _weighted(4)


@_damaged("PLADA-SAL-001")
def rule_chunk_that_head_does_not_require() -> Case:
    """HEAD requires weights and Zstd and no rule: an intact chunk of type 05 is not known."""
    meaning = changed(WHOLE, scale=(8, -256, 32), codes=(1,) * 8)
    made = draft(meaning, parts=PARTS)
    made.chunks.append(Chunk(RULE, {"body": b"?"}))
    made.head = {"features": b"\x03"}
    return _nothing(made.build().data)


@_damaged("PLADA-SAL-003")
def two_heads_in_turn() -> Case:
    """HEAD, that of another payload, and HEAD again: what follows may be of the other one."""
    made = _with_ancillary().build()
    start, end = made.ranges["HEAD.type"][0], made.ranges["HEAD.crc"][1]
    at = made.ranges["META.type"][0]
    heads = _other_head() + made.data[start:end]
    data = made.data[:at] + heads + made.data[at:]
    return _salvaged(data, 0, 1, 2, 3, drops=(SAFE, UNSAFE, SIGN))


@_damaged("PLADA-SAL-003")
def ancillary_chunks_behind_another_head() -> Case:
    """Metadata and a chunk to copy follow the HEAD of another payload: they are of that one."""
    made = _with_ancillary().build()
    at = made.ranges["META.type"][0]
    data = made.data[:at] + _other_head() + made.data[at:]
    return _salvaged(data, 0, 1, 2, 3, drops=(SAFE, UNSAFE, SIGN))


@_damaged("PLADA-SAL-003")
def ancillary_chunks_repeated() -> Case:
    """Metadata and a chunk to copy stand twice, the second time with other bodies."""
    made = _with_ancillary()
    made.chunks.append(metadata_chunk(b'{"licence":"none"}'))
    made.chunks.append(Chunk(SAFE, {"body": b"holds for none"}))
    return _salvaged(made.build().data, 0, 1, 2, 3, keeps=(META, SAFE))


@_damaged("PLADA-SAL-003")
def metadata_that_is_none() -> Case:
    """Metadata that is no JSON object: everything else comes back."""
    made = whole()
    made.chunks.append(metadata_chunk(b"[]"))
    return _salvaged(made.build().data, 0, 1, 2, 3)


@_damaged("PLADA-SAL-003")
def class_map_that_is_none() -> Case:
    """The class map is intact and has an empty name: the classes are unnamed."""
    made = whole()
    made.chunks[0].parts["text"] = b"\x00\x07the dog"
    return _salvaged(made.build().data, 0, 1, 2, 3, names=False)


@_damaged("PLADA-SAL-003")
def class_map_behind_a_block() -> Case:
    """The class map stands behind the first block, where a reader refuses it."""
    made = whole().build()
    start, end = made.ranges["CLASSES.type"][0], made.ranges["CLASSES.crc"][1]
    behind = made.ranges["BLOCK 0.crc"][1]
    names = made.data[start:end]
    data = made.data[:start] + made.data[end:behind] + names + made.data[behind:]
    return _salvaged(data, 0, 1, 2, 3, names=False)


@_damaged("PLADA-SAL-001")
def unknown_critical_chunk_salvaged() -> Case:
    """A critical chunk is intact and not known: what the file says cannot be told."""
    made = whole()
    made.chunks.append(Chunk(0x1E, {"body": b"?"}))
    return _nothing(made.build().data)


@_damaged("PLADA-SAL-002")
def unknown_critical_chunk_damaged() -> Case:
    """A critical chunk that is not known is damaged: it is noise."""
    made = whole()
    made.chunks.append(Chunk(0x1E, {"body": b"?"}, crc=0))
    return _salvaged(made.build().data, 0, 1, 2, 3)


@_damaged("PLADA-SAL-002")
def bait_for_a_slow_scan() -> Case:
    """196,608 times what could start a chunk of 384 KB: each CRC for itself is 38 GB to read."""
    made = whole().build()
    start, end = made.ranges["BLOCK 1.type"][0], made.ranges["BLOCK 1.crc"][1]
    bait = bytes([META]) + varint(24 * 2**14)
    return _salvaged(made.data[:start] + bait * 196_608 + made.data[end:], 0, 2, 3)


@_damaged("PLADA-SAL-007")
def head_that_breaks_a_rule() -> Case:
    """HEAD is intact and keeps more images than the pool has."""
    made = whole()
    made.head = {"pool_size": b"\x01"}
    return _nothing(made.build().data)


def _register_short() -> None:
    made = whole().build()
    for size in (0, 1, 8, 9, 10, made.ranges["HEAD.crc"][0]):

        def make(size: int = size) -> Case:
            return _nothing(made.data[:size])

        make.__name__ = f"cut_after_{size}_bytes"
        make.__doc__ = f"The first {size} bytes of a file: nothing comes back."
        _damaged("PLADA-SAL-007")(make)


_register_short()


@_damaged("PLADA-SAL-007")
def every_block_damaged() -> Case:
    """No block is whole: nothing comes back."""
    made = whole().build()
    return _nothing(_noise(made, *(f"BLOCK {number}" for number in range(4))))


@_damaged("PLADA-SAL-007")
def head_lost() -> Case:
    """HEAD is lost and the caller names no other: nothing can be told from noise."""
    return _nothing(_noise(whole().build(), "HEAD"))


def _nothing(data: bytes) -> Case:
    more = {"verdict": "unsalvageable", "code": None, "error_class": None}
    return Case(data, more=more | {"kept": 0, "lost": None, "head_from": None})
