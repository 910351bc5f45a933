"""Options of a command that uses a payload from somebody else."""

from __future__ import annotations

from dataclasses import dataclass

from pladafmt import Payload, load

from .common import LimitOptions, PayloadFile, limits_from, read_whole
from .group import OptionGroup
from .signature import SignedByOption, public_keys


@dataclass(frozen=True, kw_only=True)
class ReceivedOptions(OptionGroup):
    """A payload's file, what it may cost to read, and who must have signed it."""

    payload: PayloadFile
    limit: LimitOptions = None
    require_signed_by: SignedByOption = None

    def load(self, *, for_: str) -> Payload:
        """Return the payload, which must be signed by one of the given keys if there is any.

        Args:
            for_: the command that needs it, such as ``"plada decode"``.

        Raises:
            PladaError: if the file is refused: `Untrusted` if it is valid but not signed so.
            Misuse, OSError: if a limit cannot be understood, or a key or the file cannot be read.
        """
        limits = limits_from(self.limit)
        if not self.require_signed_by:
            return load(self.payload, limits=limits)
        from pladafmt.signature import verify

        keys = public_keys(self.require_signed_by, for_=f"{for_} --require-signed-by")
        # Read once: what is used is what was checked, whatever happens to the file meanwhile.
        return verify(read_whole(self.payload), list(keys), limits=limits)
