"""The fresh files of a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from ..question import Question
from . import clients, readers, rewriters, salvagers, verifiers, writers
from .asked import Asked


def fresh_questions(
    asked: Asked, roles: Sequence[str], known: Collection[str]
) -> Iterator[Question]:
    """Yield questions of these roles, usable or not.

    Args:
        asked: the client.
        roles: the roles that it is scored in.
        known: SHA-256 of files, in hexadecimal, that are not fresh.

    Raises:
        ImportError: for verifiers, without the package cryptography.
    """
    if "reader" in roles:
        yield from readers.questions(asked, known)
    if "client" in roles:
        yield from clients.questions(asked)
    if "verifier" in roles:
        yield from verifiers.questions(asked)
    if "writer" in roles:
        yield from writers.questions(asked)
    if "rewriter" in roles:
        yield from rewriters.questions(asked, known)
    if "salvager" in roles:
        yield from salvagers.questions(asked)
