"""Files at, just under and just over every limit, and bombs (specification, section 15)."""

from __future__ import annotations

from .. import zstd_frames as frames
from ..build import (
    DELTA,
    DENSE,
    RLE,
    Block,
    Draft,
    Meaning,
    Stream,
    changed,
    draft,
    metadata_chunk,
    names_chunk,
    varint,
)
from ..vector import Case, limit

METADATA = b'{"producer":"by hand"}'


def _with_metadata(text: bytes = METADATA, form: int = 0) -> Draft:
    made = draft()
    made.chunks.append(metadata_chunk(text, form))
    return made


def _three_blocks() -> Draft:
    return draft(parts=(slice(0, 2), slice(2, 4), slice(4, 5)))


@limit(None, "PLADA-LIM-001")
def kept_under_limit() -> Case:
    """Five images where six are allowed."""
    return Case(draft(), limits={"kept": 6})


@limit(None, "PLADA-LIM-001")
def kept_at_limit() -> Case:
    """Five images where five are allowed."""
    return Case(draft(), limits={"kept": 5})


@limit("limit-kept", "PLADA-LIM-001", twin=True)
def kept_over_limit() -> Case:
    """Five images where four are allowed."""
    return Case(draft(), "HEAD.kept", limits={"kept": 4})


@limit(None, "PLADA-LIM-001")
def kept_0_at_limit() -> Case:
    """No image where none is allowed."""
    return Case(draft(Meaning(positions=(), labels=())), limits={"kept": 0})


@limit(None, "PLADA-LIM-001")
def stream_under_limit() -> Case:
    """A largest stream of 5 bytes where 6 are allowed."""
    return Case(draft(), limits={"stream": 6})


@limit(None, "PLADA-LIM-001")
def stream_at_limit() -> Case:
    """A largest stream of 5 bytes where 5 are allowed."""
    return Case(draft(), limits={"stream": 5})


@limit("limit-stream", "PLADA-LIM-001", twin=True)
def stream_over_limit() -> Case:
    """A largest stream of 5 bytes where 4 are allowed."""
    return Case(draft(), "HEAD.max_stream", limits={"stream": 4})


@limit(None, "PLADA-LIM-001")
def blocks_under_limit() -> Case:
    """Three blocks where four are allowed."""
    return Case(_three_blocks(), limits={"blocks": 4})


@limit(None, "PLADA-LIM-001")
def blocks_at_limit() -> Case:
    """Three blocks where three are allowed."""
    return Case(_three_blocks(), limits={"blocks": 3})


@limit("limit-blocks", "PLADA-LIM-001")
def blocks_over_limit() -> Case:
    """Three blocks where two are allowed."""
    return Case(_three_blocks(), "BLOCK 2.type", limits={"blocks": 2})


@limit(None, "PLADA-LIM-001")
def class_map_under_limit() -> Case:
    """A class map of 8 bytes where 9 are allowed."""
    return Case(draft(), limits={"class_map": 9})


@limit(None, "PLADA-LIM-001")
def class_map_at_limit() -> Case:
    """A class map of 8 bytes where 8 are allowed."""
    return Case(draft(), limits={"class_map": 8})


@limit("limit-class-map", "PLADA-LIM-001")
def class_map_over_limit() -> Case:
    """A class map of 8 bytes where 7 are allowed."""
    return Case(draft(), "CLASSES.length", limits={"class_map": 7})


@limit("limit-class-map", "PLADA-LIM-001")
def class_map_frame_over_limit() -> Case:
    """A Zstd class map that states 21 bytes where 20 are allowed, in a frame of 10."""
    made = draft()
    made.chunks = [names_chunk(frames.frame(frames.run(3, 21), 21), 1)]
    return Case(made, "CLASSES.text", limits={"class_map": 20})


@limit(None, "PLADA-LIM-001")
def metadata_under_limit() -> Case:
    """Metadata of 22 bytes where 23 are allowed."""
    return Case(_with_metadata(), limits={"metadata": 23})


@limit(None, "PLADA-LIM-001")
def metadata_at_limit() -> Case:
    """Metadata of 22 bytes where 22 are allowed."""
    return Case(_with_metadata(), limits={"metadata": 22})


@limit("limit-metadata", "PLADA-LIM-001")
def metadata_over_limit() -> Case:
    """Metadata of 22 bytes where 21 are allowed."""
    return Case(_with_metadata(), "META.length", limits={"metadata": 21})


@limit("metadata-json", "PLADA-LIM-001", "PLADA-CHK-001")
def empty_metadata_at_a_limit_of_0() -> Case:
    """No byte of metadata where none is allowed: it is within the limit, and no JSON."""
    return Case(_with_metadata(b""), "META.form", limits={"metadata": 0})


@limit("limit-metadata", "PLADA-LIM-001", "PLADA-CHK-001")
def metadata_over_limit_with_wrong_checksum() -> Case:
    """Metadata beyond the limit with a wrong checksum: the limit comes first."""
    made = _with_metadata()
    made.chunks[1].crc = 0
    return Case(made, "META.length", limits={"metadata": 21})


@limit("limit-kept", "PLADA-LIM-001", "PLADA-CHK-001")
def kept_limit_before_stream_limit() -> Case:
    """Both K and `max_stream` exceed their limits: K comes first."""
    return Case(draft(), "HEAD.kept", limits={"kept": 4, "stream": 4})


@limit("limit-stream", "PLADA-LIM-001", "PLADA-CHK-001")
def limits_come_before_blocks() -> Case:
    """`max_stream` exceeds its limit and is wrong as well: the limit comes first."""
    made = draft()
    made.head = {"max_stream": b"\x06"}
    return Case(made, "HEAD.max_stream", limits={"stream": 5})


# Bombs: below 1 KB, beyond the default limits or beyond what they declare.


@limit("limit-kept", "PLADA-LIM-001", twin=True)
def bomb_of_images() -> Case:
    """HEAD claims 2^24 + 1 images in one run."""
    count = 2**24 + 1
    made = draft(Meaning(classes=1, names=None, pool_size=count, positions=(0,), labels=(0,)))
    made.blocks = [Block(0, count, count, RLE, Stream(b"\x01\x0f\x18" + bytes(3)), Stream(b""))]
    return Case(made, "HEAD.kept")


@limit("limit-kept", "PLADA-LIM-001")
def bomb_of_2_to_53_images() -> Case:
    """HEAD claims 2^53 - 1 images."""
    made = draft()
    made.head = {"pool_size": varint(2**53 - 1), "kept": varint(2**53 - 1)}
    return Case(made, "HEAD.kept")


@limit("limit-stream", "PLADA-LIM-001")
def bomb_of_a_stream() -> Case:
    """HEAD declares a largest stream of 64 MiB and 1 byte."""
    made = draft()
    made.head = {"max_stream": varint(2**26 + 1)}
    return Case(made, "HEAD.max_stream")


@limit("limit-stream", "PLADA-LIM-001")
def bomb_of_2_to_53_bytes() -> Case:
    """HEAD declares a largest stream of 2^53 - 1 bytes."""
    made = draft()
    made.head = {"max_stream": varint(2**53 - 1)}
    return Case(made, "HEAD.max_stream")


def _inflated(size: int, octet: int = 0) -> Stream:
    """A frame below 1 KB that decodes to `size` bytes, up to 25 MiB."""
    window = b"\x68"  # 8 MiB
    fields = window + size.to_bytes(8, "little")
    frame = frames.frame(frames.run(octet, size), size, descriptor=0xC0, fields=fields)
    return Stream(frame, True, size)


@limit("stream-over-declared", "PLADA-STR-002", "PLADA-LIM-001")
def bomb_of_positions() -> Case:
    """Positions inflate to 16 MiB, beyond what HEAD declares."""
    made = draft()
    made.block.positions = _inflated(2**24)
    made.head = {"max_stream": b"\x05"}
    return Case(made, "BLOCK 0.positions")


@limit("stream-size", "PLADA-STR-003", "PLADA-LIM-001")
def bomb_of_declared_positions() -> Case:
    """Positions inflate to 16 MiB as HEAD declares, where five images are called for."""
    made = draft()
    made.block.positions = _inflated(2**24)
    return Case(made, "BLOCK 0.positions")


@limit("stream-size", "PLADA-STR-003", "PLADA-LIM-001")
def bomb_of_labels() -> Case:
    """Labels inflate to 16 MiB for five images."""
    made = draft()
    made.block.labels = _inflated(2**24)
    return Case(made, "BLOCK 0.labels")


@limit("stream-size", "PLADA-STR-003", "PLADA-LIM-001")
def bomb_of_weights() -> Case:
    """Weights inflate to 16 MiB for five images."""
    made = draft(changed(scale=(8, 0, 1), codes=(0,) * 5))
    made.block.weights = _inflated(2**24)
    return Case(made, "BLOCK 0.weights")


@limit("stream-size", "PLADA-STR-003", "PLADA-LIM-001")
def bomb_of_a_bitmap() -> Case:
    """A bitmap inflates to 16 MiB for a span of 299."""
    made = draft()
    made.block.encoding = 0
    made.block.positions = _inflated(2**24)
    return Case(made, "BLOCK 0.positions")


@limit("limit-class-map", "PLADA-LIM-001")
def bomb_of_names() -> Case:
    """The class map inflates to 16 MiB."""
    made = draft(changed(classes=65_536, names=None))
    made.chunks = [names_chunk(_inflated(2**24, 1).stored, 1)]
    return Case(made, "CLASSES.text")


@limit("limit-class-map", "PLADA-LIM-001")
def bomb_of_names_just_over() -> Case:
    """The class map inflates to 1 MiB and 1 byte."""
    made = draft(changed(classes=65_536, names=None))
    made.chunks = [names_chunk(_inflated(2**20 + 1, 1).stored, 1)]
    return Case(made, "CLASSES.text")


@limit("limit-metadata", "PLADA-LIM-001")
def bomb_of_metadata() -> Case:
    """The metadata inflates to 16 MiB of opening brackets."""
    return Case(_with_metadata(_inflated(2**24, 0x5B).stored, 1), "META.text")


@limit("limit-metadata", "PLADA-LIM-001")
def bomb_of_metadata_just_over() -> Case:
    """The metadata inflates to 64 KiB and 1 byte."""
    return Case(_with_metadata(_inflated(2**16 + 1, 0x20).stored, 1), "META.text")


@limit("zstd-corrupt", "PLADA-ZST-007", "PLADA-LIM-001")
def bomb_that_states_little() -> Case:
    """The metadata states 22 bytes and inflates to 16 MiB."""
    blocks = frames.run(0x20, 2**24)
    text = frames.frame(blocks, 22, descriptor=0x80, fields=b"\x68" + (22).to_bytes(4, "little"))
    return Case(_with_metadata(text, 1), "META.text")


@limit("zstd-corrupt", "PLADA-ZST-007", "PLADA-LIM-001")
def labels_that_state_little() -> Case:
    """The labels state 5 bytes and inflate to 16 MiB."""
    made = draft()
    blocks = frames.run(0, 2**24)
    frame = frames.frame(blocks, 5, descriptor=0x80, fields=b"\x68" + (5).to_bytes(4, "little"))
    made.block.labels = Stream(frame, True, 5)
    return Case(made, "BLOCK 0.labels")


@limit("truncated", "PLADA-CON-008", "PLADA-LIM-001")
def bomb_of_a_chunk_length() -> Case:
    """A block claims a body of 2^40 bytes."""
    made = draft()
    chunk = made.block.chunk()
    chunk.length = varint(2**40)
    made.after, made.blocks = [chunk], []
    return Case(made, "BLOCK 0.length")


@limit("stream-size", "PLADA-STR-003", "PLADA-LIM-001")
def bomb_of_distances() -> Case:
    """Distances of 2^24 images in a stream of one byte."""
    return _one_class_block(2**24, 2**24 + 1, DELTA, b"\x00")


def _one_class_block(count: int, span: int, encoding: int, stream: bytes) -> Case:
    made = draft(Meaning(classes=1, names=None, pool_size=2**53 - 1, positions=(0,), labels=(0,)))
    made.blocks = [Block(0, span, count, encoding, Stream(stream), Stream(b""))]
    made.head = {"check": bytes(4)}
    return Case(made, "BLOCK 0.positions")


@limit("run-count", "PLADA-IDX-005", "PLADA-LIM-001")
def bomb_of_runs() -> Case:
    """2^24 images in a stream of a few bytes that claims 2^53 - 1 runs."""
    return _one_class_block(2**24, 2**25, RLE, varint(2**53 - 1))


@limit("integer-size", "PLADA-SPL-002", "PLADA-LIM-001")
def bomb_of_run_lengths() -> Case:
    """2^24 images in a stream of a few bytes that claims 2^23 runs."""
    return _one_class_block(2**24, 2**25, RLE, varint(2**23) + b"\x00")


@limit(None, "PLADA-LIM-001", "PLADA-LIM-002")
def metadata_of_64_kib() -> Case:
    """Metadata of as many bytes as are allowed by default, nearly all of them spaces."""
    blocks = frames.run(0x20, 2**16 - 2, last=False) + frames.raw(b"{}")
    return Case(_with_metadata(frames.frame(blocks, 2**16), 1))


@limit(None, "PLADA-LIM-001")
def class_map_frame_stored_at_limit() -> Case:
    """A class map of 8 bytes in a frame of 17 where 17 are allowed."""
    return Case(_framed_names().file, limits={"class_map": 17})


@limit("limit-class-map", "PLADA-LIM-001")
def class_map_frame_stored_over_limit() -> Case:
    """A class map of 8 bytes in a frame of 17 where 16 are allowed: what is stored counts too."""
    return Case(_framed_names().file, "CLASSES.length", limits={"class_map": 16})


def _framed_names() -> Case:
    made = draft()
    text = made.chunks[0].parts["text"]
    made.chunks = [names_chunk(frames.stored(text), 1)]
    return Case(made)


@limit("limit-metadata", "PLADA-LIM-001")
def metadata_frame_stored_over_limit() -> Case:
    """Metadata of 22 bytes in a frame of 31 where 30 are allowed."""
    made = _with_metadata(frames.stored(METADATA), 1)
    return Case(made, "META.length", limits={"metadata": 30})


@limit(None, "PLADA-LIM-001")
def blocks_0_at_limit() -> Case:
    """No block where none is allowed."""
    return Case(draft(Meaning(positions=(), labels=())), limits={"blocks": 0})


# A few kilobytes that would take more memory than the suite allows a refusal.


def _large(octet: int = 0) -> Stream:
    """A frame of 4 KiB that decodes to 128 MiB."""
    fields = b"\x68" + (2**27).to_bytes(8, "little")
    frame = frames.frame(frames.run(octet, 2**27), 2**27, descriptor=0xC0, fields=fields)
    return Stream(frame, True, 2**27)


@limit("stream-over-declared", "PLADA-STR-002", "PLADA-LIM-001")
def large_bomb_of_positions() -> Case:
    """Positions inflate to 128 MiB, beyond what HEAD declares."""
    made = draft()
    made.block.positions = _large()
    made.head = {"max_stream": b"\x05"}
    return Case(made, "BLOCK 0.positions")


@limit("stream-over-declared", "PLADA-STR-002", "PLADA-LIM-001")
def large_bomb_of_weights() -> Case:
    """Weights inflate to 128 MiB, beyond what HEAD declares."""
    made = draft(changed(scale=(8, 0, 1), codes=(0,) * 5))
    made.block.weights = _large()
    made.head = {"max_stream": b"\x05"}
    return Case(made, "BLOCK 0.weights")


@limit("limit-class-map", "PLADA-LIM-001")
def large_bomb_of_names() -> Case:
    """The class map inflates to 128 MiB."""
    made = draft(changed(classes=65_536, names=None))
    made.chunks = [names_chunk(_large(1).stored, 1)]
    return Case(made, "CLASSES.text")


@limit("limit-metadata", "PLADA-LIM-001")
def large_bomb_of_metadata() -> Case:
    """The metadata inflates to 128 MiB of opening brackets."""
    return Case(_with_metadata(_large(0x5B).stored, 1), "META.text")


@limit("zstd-corrupt", "PLADA-ZST-007", "PLADA-LIM-001")
def large_bomb_that_states_little() -> Case:
    """The labels state 5 bytes and inflate to 128 MiB."""
    made = draft()
    fields = b"\x68" + (5).to_bytes(4, "little")
    frame = frames.frame(frames.run(0, 2**27), 5, descriptor=0x80, fields=fields)
    made.block.labels = Stream(frame, True, 5)
    return Case(made, "BLOCK 0.labels")


@limit("stream-size", "PLADA-STR-003", "PLADA-LIM-001")
def bomb_of_dense_images() -> Case:
    """A block claims 2^24 images, dense ones, with one byte of labels."""
    made = draft(Meaning(classes=2, names=None, pool_size=2**25, positions=(0,), labels=(0,)))
    made.blocks = [Block(0, 2**25, 2**24, DENSE, Stream(b"\x80"), Stream(b"\x00"))]
    made.head = {"check": bytes(4)}
    return Case(made, "BLOCK 0.labels")
