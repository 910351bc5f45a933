"""pladafmt and the plain decoder and verifier, asked about the same bytes.

Compared are verdict, error code and, of valid files, the content id. What else one of them does (an
exception that is not one of its errors, no end, much memory) is an answer too, and settles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

import pladafmt
from pladafmt import signature
from pladafmt.keys import PublicKey

from . import plain_decoder, plain_verifier, watch
from .vector import LIMITS

LIBRARY, PLAIN = "pladafmt", "plain_decoder"
TROUBLE = ("crash", "hang", "memory", "garbage", "flood", "desk")
"""What takes the place of a verdict where a reader failed rather than answered."""

Pool = Sequence[bytes] | None
"""The digests of a client's images, in order; None for a reader, who has no pool."""

Rows = Sequence[bytes] | None
"""The codes of the images of a reader's pool, D bytes for each; None for one that has none."""


@dataclass(frozen=True)
class Answer:
    """What a reader says of a file, or does with it.

    Attributes:
        verdict: ``valid``, an error class, ``refused`` (a client that says no more), one of
            `TROUBLE`, or what the answer of another role comes to.
        code: error code, or what crashed; None where there is none.
        content_id: of a valid file, in hexadecimal.
    """

    verdict: str
    code: str | None = None
    content_id: str | None = None

    def agrees(self, other: Answer) -> bool:
        """Whether a client's answer, which may leave codes out, fits this one."""
        if self.verdict == "valid" or other.verdict not in ("refused", self.verdict):
            return self == other
        return other.code in (None, self.code)

    @property
    def is_trouble(self) -> bool:
        """Whether the reader failed rather than answered."""
        return self.verdict in TROUBLE

    def __str__(self) -> str:
        return self.verdict if self.code is None else f"{self.verdict}, {self.code}"


def said(ask: Callable[[], Answer]) -> Answer:
    """Return the answer of a reader, or what is wrong with how it runs.

    Who is late is asked once more: on a busy machine, compiling the loops of dense streams, which
    happens at the first of them, may take longer than any file.
    """
    for _ in range(2):
        try:
            with watch.alarm() as alarm:
                return ask()
        except watch.Late:
            pass
        except Exception as error:
            if not alarm.rang:
                return Answer("crash", type(error).__name__)
    return Answer("hang")


def settled(answers: Mapping[str, Answer]) -> Answer | None:
    """Return the answer that all give, or None if they differ or one failed."""
    first, *others = answers.values()
    return None if first.is_trouble or any(each != first for each in others) else first


@lru_cache(maxsize=64)
def _limits(named: tuple[tuple[str, int], ...]) -> tuple[pladafmt.Limits, plain_decoder.Limits]:
    return pladafmt.Limits(**dict(named)), plain_decoder.Limits(**dict(named))


def codes_of(rows: Rows) -> pladafmt.Codes | None:
    """Return rows of codes as `pladafmt` takes them."""
    if rows is None:
        return None
    columns = len(rows[0]) if rows else 1
    return pladafmt.Codes(np.frombuffer(b"".join(rows), np.int8).reshape(len(rows), columns))


def read_library(
    data: bytes, limits: Mapping[str, int], codes: Rows = None, *, pool: Pool = None
) -> Answer:
    """Return what pladafmt says of a file."""
    chosen = _limits(tuple(limits.items()))[0]
    report = pladafmt.validate(data, limits=chosen, codes=codes_of(codes))
    if pool is not None and report.payload is not None:
        digests = np.frombuffer(b"".join(pool), np.uint8).reshape(-1, 32)
        try:
            pladafmt.check_pool(report.payload.pool, digests)
        except pladafmt.PladaError as error:
            return Answer(error.error_class, error.code)
    return Answer(report.verdict, report.code, report.facts["content_id"] if report.ok else None)


def read_plain(
    data: bytes,
    limits: Mapping[str, int],
    codes: Rows = None,
    *,
    features: int = plain_decoder.KNOWN_FEATURES,
    pool: Pool = None,
) -> Answer:
    """Return what the plain decoder, with these features, says of a file."""
    chosen = _limits(tuple(limits.items()))[1]
    try:
        content = plain_decoder.decode(
            data, limits=chosen, known_features=features, pool=pool, codes=codes
        )
    except plain_decoder.Refused as refused:
        return Answer(refused.error_class, refused.code)
    return Answer("valid", None, content.content_id.hex())


def read_both(
    data: bytes, limits: Mapping[str, int] = LIMITS, codes: Rows = None, *, pool: Pool = None
) -> dict[str, Answer]:
    """Return what each decoder says of a file."""
    return {
        LIBRARY: said(lambda: read_library(data, limits, codes, pool=pool)),
        PLAIN: said(lambda: read_plain(data, limits, codes, pool=pool)),
    }


def verify_both(data: bytes, keys: Sequence[bytes]) -> dict[str, Answer]:
    """Return what each verifier says of a file, whose caller trusts these public keys."""
    return {
        LIBRARY: said(lambda: _verify_library(data, keys)),
        PLAIN: said(lambda: _verify_plain(data, keys)),
    }


def _verify_library(data: bytes, keys: Sequence[bytes]) -> Answer:
    try:
        found = signature.check(data, [PublicKey(each) for each in keys])
    except pladafmt.PladaError as error:
        return Answer(error.error_class, error.code)
    return Answer(found.status, None if found.refusal is None else found.refusal.code)


def _verify_plain(data: bytes, keys: Sequence[bytes]) -> Answer:
    try:
        return Answer(*plain_verifier.answer(data, keys))
    except plain_decoder.Refused as refused:
        return Answer(refused.error_class, refused.code)
