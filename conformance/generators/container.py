"""Preamble, chunks and their order (specification, section 4)."""

from __future__ import annotations

from ..build import (
    CLASSES,
    END,
    HEAD,
    META,
    SIGN,
    Chunk,
    Draft,
    Meaning,
    draft,
    metadata_chunk,
)
from ..vector import Case, invalid, valid


@valid(
    "PLADA-CON-001",
    "PLADA-CON-002",
    "PLADA-CON-004",
    "PLADA-CON-006",
    "PLADA-CON-008",
    "PLADA-CON-009",
    "PLADA-CON-010",
    "PLADA-CON-012",
    "PLADA-HEAD-001",
    "PLADA-HEAD-009",
    "PLADA-LIM-002",
    "PLADA-CHK-001",
)
def worked_example() -> Case:
    """The example of the specification's appendix A."""
    return Case(draft())


@valid("PLADA-HEAD-007", "PLADA-HEAD-008", "PLADA-LIM-002")
def no_image() -> Case:
    """A payload that keeps no image: HEAD, the class map and END."""
    return Case(draft(Meaning(positions=(), labels=())))


@valid("PLADA-HEAD-007", "PLADA-HEAD-008")
def no_image_and_no_pool() -> Case:
    """A payload for the empty pool."""
    return Case(draft(Meaning(pool_size=0, names=None, classes=1, positions=(), labels=())))


@valid("PLADA-CON-007", "PLADA-HEAD-009")
def every_known_chunk() -> Case:
    """HEAD, CLASSES, META, two BLOCKs and END, in this order."""
    made = draft(parts=(slice(0, 3), slice(3, 5)))
    made.chunks.append(metadata_chunk(b'{"producer":"by hand"}'))
    return Case(made)


def _with_unknown(kind: int, at: int) -> Draft:
    made = draft()
    chunk = Chunk(kind, {"body": b"anything"})
    (made.chunks if at < 2 else made.after).insert(at if at < 2 else 0, chunk)
    return made


@valid("PLADA-CON-003", "PLADA-CON-011")
def unknown_ancillary_after_head() -> Case:
    """An unknown ancillary chunk stands right behind HEAD."""
    return Case(_with_unknown(0x9E, 0))


@valid("PLADA-CON-005", "PLADA-CON-011")
def unknown_ancillary_after_class_map() -> Case:
    """An unknown ancillary chunk stands behind the class map."""
    return Case(_with_unknown(0x9E, 1))


@valid("PLADA-CON-011")
def unknown_ancillary_before_end() -> Case:
    """An unknown ancillary chunk that is safe to copy stands before END."""
    return Case(_with_unknown(0xDE, 2))


@valid("PLADA-CON-006", "PLADA-CON-011")
def unknown_ancillary_of_each_kind() -> Case:
    """Ancillary chunks with the numbers of known critical ones, each once and one empty."""
    made = draft()
    made.chunks.append(Chunk(0x81, {"body": b"a chunk of its own"}))
    made.after += [
        Chunk(0x83),
        Chunk(0xC4, {"body": b"\x00"}),
        Chunk(0xDF, {"body": b"\xff" * 200}),
    ]
    return Case(made)


@valid("PLADA-INT-002")
def chunk_of_127_bytes() -> Case:
    """The largest body whose length takes one byte."""
    made = draft()
    made.after.append(Chunk(0x9E, {"body": bytes(127)}))
    return Case(made)


@valid("PLADA-INT-002")
def chunk_of_128_bytes() -> Case:
    """The smallest body whose length takes two bytes."""
    made = draft()
    made.after.append(Chunk(0x9E, {"body": bytes(128)}))
    return Case(made)


@invalid("bad-magic", "PLADA-CON-001", twin=False)
def first_byte_differs() -> Case:
    """The first byte of the magic has lost its high bit, as on a channel of 7 bits."""
    made = draft()
    made.preamble = b"\x09" + made.preamble[1:]
    return Case(made, "preamble.magic")


@invalid("bad-magic", "PLADA-CON-001", twin=False)
def line_ends_converted() -> Case:
    """CR LF in the magic has become LF, as in a transfer of text."""
    made = draft()
    made.preamble = made.preamble.replace(b"\r\n", b"\n")
    return Case(made, "preamble.magic")


@invalid("bad-magic", "PLADA-CON-001", twin=False)
def another_format() -> Case:
    """The file is a PNG image."""
    return Case(bytes.fromhex("89504e470d0a1a0a0000000d49484452"), (0, 8))


@invalid("bad-magic", "PLADA-CON-001", "PLADA-CHK-001", twin=False)
def short_and_foreign() -> Case:
    """The file is shorter than the magic and departs from it."""
    return Case(b"\x89PN", (2, 3))


@invalid("unknown-version", "PLADA-CON-002", twin=False)
def version_0() -> Case:
    """The major version is 0."""
    made = draft()
    made.preamble = made.preamble[:8] + b"\x00"
    return Case(made, "preamble.major")


@invalid("unknown-version", "PLADA-CON-002", "PLADA-CHK-001", twin=False)
def version_2() -> Case:
    """The major version is 2, and what follows is not to be looked at."""
    return Case(draft().build().data[:8] + b"\x02" + b"\xff" * 40, (8, 9))


@invalid("chunk-type", "PLADA-CON-003", twin=False)
def reserved_type_bit() -> Case:
    """A chunk type has bit 5 set."""
    made = draft()
    made.chunks.append(Chunk(0xA1))
    return Case(made, "chunk A1.type")


@invalid("chunk-type", "PLADA-CON-003", twin=False)
def critical_and_safe_to_copy() -> Case:
    """A chunk type has bit 6 set and bit 7 clear."""
    made = draft()
    made.chunks.append(Chunk(0x41))
    return Case(made, "chunk 41.type")


@invalid("chunk-type", "PLADA-CON-003", twin=False)
def chunk_number_0() -> Case:
    """A chunk type has the number 0."""
    made = draft()
    made.chunks.append(Chunk(0x80))
    return Case(made, "chunk 80.type")


@invalid("chunk-type", "PLADA-CON-003", twin=False)
def zeros_for_a_chunk() -> Case:
    """Zero bytes stand where a chunk should, as after a hole in a file."""
    made = draft()
    made.end = None
    made.trailing = bytes(16)
    return Case(made, "trailing")


@invalid("head-missing", "PLADA-CON-004", twin=False)
def no_head() -> Case:
    """The first chunk is the class map."""
    data = draft().build()
    return Case(data.data[:9] + data.data[57:], (9, 10))


@invalid("head-missing", "PLADA-CON-004", "PLADA-CHK-001", twin=False)
def ancillary_before_head() -> Case:
    """An ancillary chunk stands before HEAD."""
    data = draft().build().data
    extra = Draft(chunks=[Chunk(0x9E)]).build()
    start, end = extra.ranges["chunk 9E.type"][0], extra.ranges["chunk 9E.crc"][1]
    return Case(data[:9] + extra.data[start:end] + data[9:], (9, 10))


@invalid("unknown-critical-chunk", "PLADA-CON-005", twin=False)
def unknown_critical() -> Case:
    """A critical chunk of an unassigned type."""
    made = draft()
    made.chunks.append(Chunk(0x1F, {"body": b"needed"}))
    return Case(made, "chunk 1F.type")


@invalid("unknown-critical-chunk", "PLADA-CON-005", "PLADA-CHK-001", twin=False)
def unknown_critical_out_of_bounds() -> Case:
    """An unknown critical chunk that reaches beyond the file: its type comes first."""
    made = draft()
    made.chunks.append(Chunk(0x05, length=b"\xff\x7f"))
    return Case(made, "RULE.type")


def _second(kind: int) -> Draft:
    made = draft()
    made.chunks.append(metadata_chunk(b"{}"))
    if kind == HEAD:
        made.chunks.insert(0, Chunk(HEAD))
    else:
        made.chunks.insert(1, made.chunk(kind))
    return made


@invalid("chunk-duplicate", "PLADA-CON-006", twin=False)
def second_head() -> Case:
    """A second HEAD follows the first."""
    return Case(_second(HEAD), "HEAD'.type")


@invalid("chunk-duplicate", "PLADA-CON-006", twin=False)
def second_class_map() -> Case:
    """A second CLASSES, equal to the first."""
    return Case(_second(CLASSES), "CLASSES'.type")


@invalid("chunk-duplicate", "PLADA-CON-006", twin=False)
def second_metadata() -> Case:
    """A second META, equal to the first."""
    return Case(_second(META), "META'.type")


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-CON-011", twin=False)
def second_unknown_ancillary() -> Case:
    """Two chunks of one unknown ancillary type."""
    made = draft()
    made.after += [Chunk(0x9E, {"body": b"1"}), Chunk(0x9E, {"body": b"2"})]
    return Case(made, "chunk 9E'.type")


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-CHK-001", twin=False)
def late_second_class_map() -> Case:
    """A second CLASSES behind the block: it is a duplicate before it is late."""
    made = draft()
    made.after.append(made.chunk(CLASSES))
    return Case(made, "CLASSES'.type")


@invalid("chunk-order", "PLADA-CON-007", twin=False)
def class_map_after_block() -> Case:
    """CLASSES stands behind the block."""
    made = draft()
    made.after, made.chunks = made.chunks, []
    return Case(made, "CLASSES.type")


@invalid("chunk-order", "PLADA-CON-007", twin=False)
def metadata_before_class_map() -> Case:
    """META stands before CLASSES."""
    made = draft()
    made.chunks.insert(0, metadata_chunk(b"{}"))
    return Case(made, "CLASSES.type")


@invalid("chunk-order", "PLADA-CON-007", twin=False)
def metadata_after_block() -> Case:
    """META stands behind the block."""
    made = draft()
    made.after.append(metadata_chunk(b"{}"))
    return Case(made, "META.type")


@invalid("trailing-bytes", "PLADA-CON-009", twin=False)
def one_byte_more() -> Case:
    """One zero byte follows END."""
    made = draft()
    made.trailing = b"\x00"
    return Case(made, "trailing")


@invalid("trailing-bytes", "PLADA-CON-009", twin=False)
def second_file() -> Case:
    """A second, equal file follows."""
    made = draft()
    made.trailing = draft().build().data
    return Case(made, "trailing")


@invalid("trailing-bytes", "PLADA-CON-009", twin=False)
def chunk_after_end() -> Case:
    """An ancillary chunk follows END."""
    made = draft()
    extra = Draft(chunks=[Chunk(0x9E)]).build()
    made.trailing = extra.data[extra.ranges["chunk 9E.type"][0] :][:6]
    return Case(made, "trailing")


@invalid("body-long", "PLADA-CON-010")
def end_with_body() -> Case:
    """END has a body of one byte."""
    made = draft()
    made.end = Chunk(END, {"body": b"\x00"})
    return Case(made, "END.body")


@invalid("crc-mismatch", "PLADA-CON-012", twin=False)
def flipped_bit_in_block() -> Case:
    """A bit of a label was flipped on the way."""
    made = draft().build()
    at = made.ranges["BLOCK 0.labels"][0]
    data = bytearray(made.data)
    data[at] ^= 1
    return Case(bytes(data), (at, at + 1))


@invalid("crc-mismatch", "PLADA-CON-012", twin=False)
def flipped_bit_in_ancillary() -> Case:
    """A bit of an unknown ancillary chunk was flipped on the way."""
    made = _with_unknown(0x9E, 2).build()
    at = made.ranges["chunk 9E.body"][0]
    data = bytearray(made.data)
    data[at] ^= 1
    return Case(bytes(data), (at, at + 1))


@invalid("crc-mismatch", "PLADA-CON-012", twin=False)
def block_of_another_file() -> Case:
    """The block comes from a file with another HEAD."""
    made = draft().build()
    other = draft(Meaning(pool_size=999)).build()
    start, end = made.ranges["BLOCK 0.type"][0], made.ranges["BLOCK 0.crc"][1]
    return Case(made.data[:start] + other.data[start:end] + made.data[end:], (start, end))


@invalid("crc-mismatch", "PLADA-CON-012", twin=False)
def block_without_seed() -> Case:
    """The block's CRC does not continue HEAD's, as that of one planted in metadata."""
    made = draft()
    chunk = made.block.chunk()
    chunk.seeded = False
    made.blocks, made.after = [], [chunk]
    made.head = {"kept": b"\x05", "max_stream": b"\x05"}
    return Case(made, "BLOCK 0.crc")


@invalid("crc-mismatch", "PLADA-CON-012", twin=False)
def ancillary_with_seed() -> Case:
    """The CRC of an ancillary chunk continues HEAD's."""
    made = draft()
    made.after.append(Chunk(0x9E, {"body": b"anything"}, seeded=True))
    return Case(made, "chunk 9E.crc")


@invalid("crc-mismatch", "PLADA-CON-012", twin=False)
def end_of_another_file() -> Case:
    """END comes from a file with another HEAD."""
    made = draft().build()
    other = draft(Meaning(pool_size=999)).build()
    return Case(made.data[:-4] + other.data[-4:], (len(made.data) - 4, len(made.data)))


@invalid("varint-overlong", "PLADA-INT-002", twin=False)
def overlong_chunk_length() -> Case:
    """A chunk's length is spelled with a needless last byte."""
    made = draft()
    made.chunks[0].length = b"\x89\x00"
    return Case(made, "CLASSES.length")


@invalid("varint-overflow", "PLADA-INT-001", twin=False)
def chunk_length_of_2_to_53() -> Case:
    """A chunk's length is 2^53."""
    made = draft()
    made.chunks[0].length = b"\x80" * 7 + b"\x10"
    return Case(made, "CLASSES.length")


@invalid("varint-overflow", "PLADA-INT-001", twin=False)
def chunk_length_of_nine_bytes() -> Case:
    """A chunk's length goes on for nine bytes."""
    made = draft()
    made.chunks[0].length = b"\x80" * 8 + b"\x01"
    return Case(made, "CLASSES.length")


@invalid("truncated", "PLADA-CON-008", twin=False)
def chunk_length_of_2_to_53_less_1() -> Case:
    """A chunk's length is the largest varint, and reaches far beyond the file."""
    made = draft()
    made.chunks[0].length = b"\xff" * 7 + b"\x0f"
    return Case(made, "CLASSES.length")


@invalid("truncated", "PLADA-CON-008", "PLADA-CHK-001", twin=False)
def no_end() -> Case:
    """END is missing."""
    made = draft()
    made.end = None
    data = made.build().data
    return Case(data, (len(data), len(data)))


@invalid("truncated", "PLADA-CON-008", twin=False)
def empty_file() -> Case:
    """The file has no byte."""
    return Case(b"", (0, 0))


@invalid("chunk-order", "PLADA-CON-007", "PLADA-CHK-001", twin=False)
def late_class_map_with_wrong_checksum() -> Case:
    """CLASSES is late and its checksum is wrong: its place is looked at first."""
    made = draft()
    made.after, made.chunks = made.chunks, []
    made.after[0].crc = 0
    return Case(made, "CLASSES.type")


@valid("PLADA-CON-003", "PLADA-CON-006", "PLADA-CON-011")
def every_unknown_ancillary_type() -> Case:
    """All 60 unknown ancillary types, among them those that differ from META and SIGN in bit 6."""
    made = draft()
    for kind in (*range(0x81, 0xA0), *range(0xC1, 0xE0)):
        if kind not in (META, SIGN):
            made.after.append(Chunk(kind, {"body": bytes([kind])}))
    return Case(made)


@valid("PLADA-CON-007", "PLADA-CON-011")
def unknown_ancillary_between_blocks() -> Case:
    """An unknown ancillary chunk stands between two blocks."""
    return Case(_between_blocks(Chunk(0x9E, {"body": b"anything"})))


def _between_blocks(chunk: Chunk) -> Draft:
    made = draft(parts=(slice(0, 3), slice(3, 5)))
    second = made.blocks.pop()
    made.after = [chunk, second.chunk()]
    made.head = {"kept": b"\x05", "max_stream": b"\x03"}
    return made


@invalid("chunk-duplicate", "PLADA-CON-006", "PLADA-CON-011", twin=False)
def second_unknown_ancillary_later() -> Case:
    """Two chunks of one unknown ancillary type, apart from each other."""
    made = _with_unknown(0x9E, 0)
    made.after = [Chunk(0x9F), Chunk(0x9E)]
    return Case(made, "chunk 9E'.type")


@invalid("chunk-order", "PLADA-CON-007", twin=False)
def metadata_between_blocks() -> Case:
    """META stands between two blocks."""
    return Case(_between_blocks(metadata_chunk(b"{}")), "META.type")


@valid("PLADA-CON-007", "PLADA-TXT-002")
def metadata_without_class_map() -> Case:
    """META follows HEAD where classes have no names."""
    made = draft(Meaning(names=None))
    made.chunks.append(metadata_chunk(b"{}"))
    return Case(made)
