"""What the runner says of files that writers of the other roles make: wrong ones are told."""

from __future__ import annotations

import base64
from collections.abc import Callable
from zlib import crc32

import pytest
from plada_conformance import grading
from plada_conformance.process import Reply
from plada_conformance.question import Question
from plada_conformance.vectors_on_disk import vectors

from pladafmt.rewrite import rewrite


def _with_body(kind: int, change: Callable[[bytes], bytes | None], data: bytes) -> bytes:
    """Change the body of an ancillary chunk, or leave the chunk out."""
    made, at = data[:9], 9
    while at < len(data):
        length = data[at + 1]  # All chunks are short here.
        chunk = data[at : at + 2 + length + 4]
        at += len(chunk)
        if chunk[0] == kind:
            body = change(chunk[2:-4])
            if body is None:
                continue
            start = bytes([kind, len(body)]) + body
            chunk = start + crc32(start).to_bytes(4, "little")
        made += chunk
    return made


@pytest.mark.parametrize(
    ("name", "kind", "change", "good"),
    [
        ("rewrite_file_with_metadata", 0xC1, lambda body: body, True),
        ("rewrite_file_with_metadata", 0xC1, lambda _: b'\0{"a":1,"licence":"CC0-1.0"}', True),
        ("rewrite_file_with_metadata", 0xC1, lambda _: b'\0{"licence":"CC0"}', False),
        ("rewrite_file_with_metadata", 0xC1, lambda _: b"\0{}", False),
        ("rewrite_file_with_metadata", 0xC1, lambda _: None, False),
        ("rewrite_unknown_chunks_of_both_kinds", 0xDE, lambda body: body, True),
        ("rewrite_unknown_chunks_of_both_kinds", 0xDE, lambda body: body + b"!", False),
        ("rewrite_unknown_chunks_of_both_kinds", 0xDE, lambda _: None, False),
    ],
)
def test_what_a_rewriter_has_to_keep(
    name: str, kind: int, change: Callable[[bytes], bytes | None], good: bool
) -> None:
    (vector,) = [each for each in vectors() if each.path.stem == name]
    assert vector.file is not None
    before = vector.file.read_bytes()
    made = _with_body(kind, change, rewrite(before, encoding="bitmap").data)
    question = Question(vector.id, "rewriter", vector.data, before)
    answer = {"data": base64.b64encode(made).decode()}
    found = grading.judge_rewriter(question, Reply(answer, None, "", 0.0, 0))
    assert found.passed == good, found
