"""What a rewriter keeps and what it leaves out (specification, section 13.1).

The client is to re-encode the file so that its critical chunks change: another position encoding,
other blocks. The sidecar says which chunk types the result must not have.
"""

from __future__ import annotations

from ..build import DELTA, META, SIGN, Chunk, changed, draft, metadata_chunk
from ..signing import signed
from ..vector import Case, invalid, valid


def _rewritten(
    case: Case, *drops: int, keeps: tuple[int, ...] = (), content_id: bytes | None = None
) -> Case:
    more = {
        "must_drop": [f"{kind:02X}" for kind in drops],
        "must_keep": [f"{kind:02X}" for kind in keeps],
    }
    return Case(case.file, content_id=content_id or draft().meaning.content_id, more=more)


@valid("PLADA-RWR-002", role="rewriter")
def rewrite_plain_file() -> Case:
    """The worked example; what it means stays."""
    return _rewritten(Case(draft()))


@valid("PLADA-RWR-002", "PLADA-RWR-005", role="rewriter")
def rewrite_file_with_metadata() -> Case:
    """A file with metadata, which does not change what it means; its members stay."""
    made = draft(parts=(slice(0, 3), slice(3, 5)))
    made.chunks.append(metadata_chunk(b'{"licence":"CC0-1.0"}'))
    return _rewritten(Case(made), keeps=(META,))


@valid("PLADA-RWR-003", role="rewriter")
def rewrite_signed_file() -> Case:
    """A signed file: the signature is not that of the new bytes."""
    return _rewritten(Case(signed()), SIGN)


@valid("PLADA-RWR-004", role="rewriter")
def rewrite_unknown_unsafe_chunk() -> Case:
    """An unknown ancillary chunk that is not safe to copy."""
    made = draft()
    made.after.append(Chunk(0x9E, {"body": b"depends on the blocks"}))
    return _rewritten(Case(made), 0x9E)


@valid("PLADA-RWR-004", "PLADA-RWR-003", "PLADA-RWR-005", role="rewriter")
def rewrite_unknown_chunks_of_both_kinds() -> Case:
    """A signed file with one chunk that is safe to copy, which stays, and one that is not."""
    made = draft()
    made.chunks.append(Chunk(0x9E, {"body": b"depends on the blocks"}))
    made.after.append(Chunk(0xDE, {"body": b"holds for any"}))
    return _rewritten(Case(signed(made=made)), 0x9E, SIGN, keeps=(0xDE,))


@valid("PLADA-RWR-002", "PLADA-RWR-005", role="rewriter")
def rewrite_names_that_are_not_in_form_c() -> Case:
    """Names that a writer would refuse, beside a chunk to copy: a rewriter keeps their bytes."""
    meaning = changed(names=("caf\u0065\u0301".encode(), b"dog"))
    made = draft(meaning)
    made.chunks.append(Chunk(0xDE, {"body": b""}))
    return _rewritten(Case(made), keeps=(0xDE,), content_id=meaning.content_id)


@valid("PLADA-RWR-002", "PLADA-RWR-004", "PLADA-RWR-005", role="rewriter")
def rewrite_file_of_one_delta_block() -> Case:
    """One block of distances, stored, beside chunks of both kinds: another encoding is due."""
    made = draft(encoding=DELTA)
    made.chunks.append(metadata_chunk(b'{"licence":"CC0-1.0"}'))
    made.chunks.append(Chunk(0x9F, {"body": b"depends on the blocks"}))
    return _rewritten(Case(made), 0x9F, keeps=(META,))


@valid("PLADA-RWR-002", role="rewriter")
def rewrite_weights() -> Case:
    """A file with weights of 4 bits in two blocks."""
    meaning = changed(scale=(4, -256, 32), codes=(1, 2, 4, 8, 15))
    made = draft(meaning, parts=(slice(0, 3), slice(3, 5)))
    return _rewritten(Case(made), content_id=meaning.content_id)


@valid("PLADA-RWR-005", role="rewriter")
def rewrite_chunks_of_many_sizes() -> Case:
    """Chunks to copy of 0, 127, 128 and 20,000 bytes, the types of which do not ascend."""
    made = draft()
    sizes = {0xDE: 127, 0xDF: 20_000, 0xC2: 0, 0xDD: 128}
    for kind, size in sizes.items():
        made.chunks.append(Chunk(kind, {"body": bytes(at * 7 % 256 for at in range(size))}))
    return _rewritten(Case(made), keeps=tuple(sizes))


@invalid("content-check", "PLADA-RWR-001", role="rewriter", twin=False)
def rewrite_spliced_file() -> Case:
    """A file whose class map was left out: rewriting it would make it valid."""
    made = draft()
    made.chunks = []
    return Case(made)


@invalid("trailing-bytes", "PLADA-RWR-001", role="rewriter", twin=False)
def rewrite_file_with_trailing_bytes() -> Case:
    """A file with a byte after END: rewriting it would lose the byte."""
    made = draft()
    made.trailing = b"\x00"
    return Case(made)


@invalid("crc-mismatch", "PLADA-RWR-001", role="rewriter", twin=False)
def rewrite_damaged_file() -> Case:
    """A file with a wrong checksum: rewriting it would hide the damage."""
    made = draft()
    made.chunks[0].crc = 0
    return Case(made)
