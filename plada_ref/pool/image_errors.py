"""Errors about one image of a pool."""

from __future__ import annotations

from ..errors import PipelineError


class BadImage(PipelineError):
    """An image of the pool cannot be used.

    Everything but the sentence is keyword-only, so that a DataLoader worker's error arrives in
    the main process with its own type.

    Attributes:
        key: the image's key, "" when unknown.
        position: its pool position, -1 when unknown.
    """

    def __init__(self, problem: str, *, key: str = "", position: int = -1) -> None:
        super().__init__(problem)
        self.key = key
        self.position = position


class ChangedImage(BadImage):
    """The stored bytes are not those that the manifest lists.

    Attributes:
        expected: SHA-256 in the manifest, 32 bytes.
        found: SHA-256 of the stored bytes, 32 bytes.
    """

    def __init__(
        self,
        problem: str,
        *,
        key: str = "",
        position: int = -1,
        expected: bytes = b"",
        found: bytes = b"",
    ) -> None:
        super().__init__(problem, key=key, position=position)
        self.expected = expected
        self.found = found


class MissingImage(BadImage):
    """The manifest lists an image that the source does not hold."""


class UnreadableImage(BadImage):
    """The bytes are the right ones, but they do not decode as an image.

    Attributes:
        reason: why not, a clause.
    """

    def __init__(
        self, problem: str, *, key: str = "", position: int = -1, reason: str = ""
    ) -> None:
        super().__init__(problem, key=key, position=position)
        self.reason = reason
