"""How large a payload is to be."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import Misuse
from .rule import spell


@dataclass(frozen=True, kw_only=True)
class Size:
    """A number of images, or of bytes; exactly one of the three is given.

    Attributes:
        keep_rate: kept images / pool size, above 0 and up to 1.
        count: number of kept images.
        budget: bytes of the whole file, of which as many images are kept as fit.

    Raises:
        Misuse: if none or several are given.
    """

    keep_rate: float | None = None
    count: int | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        if sum(value is not None for value in (self.keep_rate, self.count, self.budget)) != 1:
            raise Misuse("Give one of --keep-rate, --count and --budget.")

    def __str__(self) -> str:
        if self.keep_rate is not None:
            return f"keep rate {spell(self.keep_rate)}"
        return f"{self.budget:,} bytes" if self.count is None else f"{self.count:,} images"
