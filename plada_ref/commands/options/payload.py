"""Options of a command that uses a payload from somebody else."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pladafmt import Codes, Payload, Rule, loads, read_rule

from .codes import CodesOption, with_codes
from .common import LimitOptions, PayloadFile, limits_from, read_whole
from .group import OptionGroup
from .signature import SignedByOption, public_keys


@dataclass(frozen=True, eq=False)
class Received:
    """A payload, and the rule and the codes by which it keeps images, None where it has a list."""

    payload: Payload
    rule: Rule | None
    codes: Codes | None


@dataclass(frozen=True, kw_only=True)
class ReceivedOptions(OptionGroup):
    """A payload's file, what it is read with, what that may cost, and who must have signed it."""

    panel = "Files from others"

    payload: PayloadFile
    codes: CodesOption = None
    limit: LimitOptions = None
    require_signed_by: SignedByOption = None

    def load(self, *, for_: str, manifest: Path | None = None) -> Payload:
        """Return the payload alone, as `receive` does."""
        return self.receive(for_=for_, manifest=manifest).payload

    def receive(self, *, for_: str, manifest: Path | None = None) -> Received:
        """Return the payload, which must be signed by one of the given keys if there is any.

        Args:
            for_: the command that needs it, such as ``"plada decode"``.
            manifest: the pool's, beside which codes are found.

        Raises:
            PladaError: if the file is refused: `Untrusted` if it is valid but not signed so,
                `Mismatch` if it has a rule, and its codes are not found.
            Misuse, OSError: if a limit cannot be understood, or a key or the file cannot be read.
        """
        limits = limits_from(self.limit)
        # Read once: what is used is what was checked, whatever happens to the file meanwhile.
        data = read_whole(self.payload)
        keys = public_keys(self.require_signed_by, for_=f"{for_} --require-signed-by")

        def read(codes: Codes | None) -> Received:
            if not self.require_signed_by:
                payload = loads(data, limits=limits, codes=codes)
            else:
                from pladafmt.signature import verify

                payload = verify(data, list(keys), limits=limits, codes=codes)
            rule = None if codes is None else read_rule(data, limits=limits)
            return Received(payload, rule, codes)

        return with_codes(read, self.codes, manifest)
