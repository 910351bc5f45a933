"""Options that name a payload, and what is accepted of it."""

from __future__ import annotations

from dataclasses import dataclass

from pladafmt import Limits, Payload

from .common import LimitOptions, PayloadFile, limits_from
from .group import OptionGroup
from .signature import SignedByOption, load_required


@dataclass(frozen=True, kw_only=True)
class PayloadOptions(OptionGroup):
    """A payload's file and the limits on what it may ask for."""

    payload: PayloadFile
    limit: LimitOptions = None

    def limits(self) -> Limits:
        """Return the limits.

        Raises:
            Misuse: if ``--limit`` cannot be understood.
        """
        return limits_from(self.limit)


@dataclass(frozen=True, kw_only=True)
class ReceivedOptions(PayloadOptions):
    """A payload from somebody else, who may have to be one of these signers."""

    require_signed_by: SignedByOption = None

    def load(self, *, for_: str) -> Payload:
        """Return the payload.

        Args:
            for_: the command that needs it, such as ``"plada decode"``.

        Raises:
            PladaError: if the file is refused: `Untrusted` if it is valid but not signed so.
            Misuse, OSError: if a limit cannot be understood, or a key or the file be read.
        """
        return load_required(self.payload, self.require_signed_by, limits=self.limits(), for_=for_)
