"""The error tree: everything that pladafmt refuses is a `PladaError`.

::

    PladaError                     (a ValueError)
    ├── Malformed      the bytes break a rule of the format
    ├── Noncanonical   the meaning is clear, but it has another, required spelling
    ├── Unsupported    a newer version, feature or critical chunk; not a bad file
    ├── LimitExceeded  beyond a bound that the caller set (or the default one)
    ├── Mismatch       made for another pool or codes than the caller's; not a bad file
    ├── Corrupt        a checksum does not fit: bytes were damaged on the way
    ├── Untrusted      not signed as the caller requires; the file itself is valid
    └── Unwritable     raised by writers only: this payload has no valid file
"""

from __future__ import annotations

from typing import ClassVar


class PladaError(ValueError):
    """A payload that was refused.

    Attributes:
        code: the error code of the specification, such as ``"crc-mismatch"``.
        error_class: ``"malformed"``, ``"noncanonical"``, ``"unsupported"``, ``"limit"``,
            ``"mismatch"``, ``"corrupt"``, ``"untrusted"`` or (writers only) ``"unwritable"``.
        offset: byte offset in the file of the item that failed, or None outside a file.
        field: what failed, in the specification's words, such as ``"HEAD.kept"``.
        problem: one sentence: what was wrong and what to do about it.
    """

    error_class: ClassVar[str] = "malformed"

    def __init__(
        self, code: str, problem: str, *, offset: int | None = None, field: str | None = None
    ) -> None:
        # Exactly what the call needs: an error that crosses to another process is made again of
        # it, and the attributes follow.
        super().__init__(code, problem)
        self.code = code
        self.problem = problem
        self.offset = offset
        self.field = field

    def __str__(self) -> str:
        place = ""
        if self.field is not None:
            place += f" in {self.field}"
        if self.offset is not None:
            place += f" at byte {self.offset}"
        return f"{self.problem} [{self.error_class}: {self.code}{place}]"


class Malformed(PladaError):
    """The bytes break a rule of the format."""


class Noncanonical(PladaError):
    """The meaning is clear, but the specification requires another spelling of it."""

    error_class = "noncanonical"


class Unsupported(PladaError):
    """A version, feature or critical chunk that this reader does not know."""

    error_class = "unsupported"


class LimitExceeded(PladaError):
    """A declared or actual size lies beyond the limits in force."""

    error_class = "limit"


class Mismatch(PladaError):
    """The payload is for another pool, or for other codes, than the caller's."""

    error_class = "mismatch"


class Corrupt(PladaError):
    """A checksum does not fit the bytes that it covers."""

    error_class = "corrupt"


class Untrusted(PladaError):
    """The file is valid, but not signed by a key that the caller named."""

    error_class = "untrusted"


class Unwritable(PladaError):
    """The payload given to a writer has no valid file."""

    error_class = "unwritable"


class SlowWarning(UserWarning):
    """What was asked for takes long for want of an optional package."""
