"""What a run of the fuzzer found, and its disagreements as candidates for vectors."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..decoders import LIBRARY, PLAIN
from ..process import MIB
from ..vector import features_of
from .readers import Answers

FILES_PER_KIND = 2
"""Files of each kind of disagreement that are minimised and written; others are counted."""


@dataclass
class Finding:
    """A file that readers do not agree about."""

    number: int
    kind: str
    data: bytes
    limits: dict[str, int]
    changes: list[str]
    answers: Answers
    codes: Sequence[bytes] | None = None


@dataclass
class Tally:
    """What a run found.

    Attributes:
        seed: of the run.
        files: how many were read.
        unchanged: how many of them were, after all, the valid file that they started as.
        verdicts: how many had each answer, by the plain decoder.
        kinds: how many disagreements there were of each kind.
        findings: the first few files of each kind.
        seconds: time, the longest of all jobs.
        high_water: memory at the start and at the end, in bytes, the largest of all jobs.
    """

    seed: int
    files: int = 0
    unchanged: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    findings: list[Finding] = field(default_factory=list)
    seconds: float = 0.0
    high_water: tuple[int, int] = (0, 0)

    @property
    def accepted(self) -> int:
        """How many files were changed and are valid all the same."""
        return self.verdicts["valid"] - self.unchanged

    def add(self, other: Tally) -> None:
        """Add what a job found that read later files."""
        self.files += other.files
        self.unchanged += other.unchanged
        self.verdicts += other.verdicts
        self.kinds += other.kinds
        for finding in other.findings:
            self._keep(finding)
        self.seconds = max(self.seconds, other.seconds)
        self.high_water = max(self.high_water, other.high_water, key=lambda pair: pair[1])

    def _keep(self, finding: Finding) -> None:
        if sum(each.kind == finding.kind for each in self.findings) < FILES_PER_KIND:
            self.findings.append(finding)

    def count(self, finding: Finding) -> None:
        """Count a disagreement, and keep it if it is one of the first of its kind."""
        self.kinds[finding.kind] += 1
        self._keep(finding)

    def as_json(self) -> dict[str, Any]:
        """Return the tally as a JSON object."""
        return {
            "seed": self.seed,
            "files": self.files,
            "accepted": self.accepted,
            "unchanged": self.unchanged,
            "verdicts": dict(sorted(self.verdicts.items())),
            "disagreements": dict(sorted(self.kinds.items())),
            "seconds": round(self.seconds, 1),
            "high_water_mib": [round(each / MIB) for each in self.high_water],
        }


def write_findings(tally: Tally, folder: Path) -> list[Path]:
    """Write each finding as FILE.plada and FILE.json, a sidecar with all answers.

    Raises:
        OSError: if a file cannot be written.
    """
    written = []
    for finding in tally.findings:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"fuzz_{hashlib.sha256(finding.data).hexdigest()[:12]}"
        path = folder / f"{name}.plada"
        if path in written:
            # Two findings came down to the same file.
            continue
        path.write_bytes(finding.data)
        text = json.dumps(_sidecar(tally.seed, name, finding), indent=1, ensure_ascii=True)
        path.with_suffix(".json").write_text(text + "\n", "utf-8")
        written.append(path)
    return written


def _sidecar(seed: int, name: str, finding: Finding) -> dict[str, Any]:
    answers = finding.answers
    plain = answers[PLAIN]
    # The suite's own decoders have to be of one mind before a vector is made of it.
    settled = answers[LIBRARY] == plain and not plain.is_trouble
    refused = settled and plain.verdict != "valid"
    return {
        "id": name,
        "sentence": f"Found by fuzzing: {finding.kind}.",
        "role": "reader",
        "verdict": plain.verdict if settled else None,
        "code": plain.code if settled else None,
        "error_class": plain.verdict if refused else None,
        "requirements": [],
        "features": features_of(finding.data),
        "limits": finding.limits,
        "pool": None,
        "fault": None,
        "content_id": plain.content_id if settled else None,
        **({} if finding.codes is None else {"codes": [row.hex() for row in finding.codes]}),
        "answers": {reader: asdict(answer) for reader, answer in answers.items()},
        "fuzz": {"seed": seed, "number": finding.number, "changes": finding.changes},
    }


def table(tally: Tally) -> str:
    """Return what a run found, for people."""
    rate = tally.files / tally.seconds if tally.seconds else 0.0
    share = 100 * tally.accepted / tally.files if tally.files else 0.0
    lines = [
        f"{tally.files} files of seed {tally.seed} in {tally.seconds:.0f} s, {rate:.0f} a second; "
        f"{share:.1f} % changed and valid.",
        f"Memory: {tally.high_water[0] / MIB:.0f} MiB at the start, "
        f"{tally.high_water[1] / MIB:.0f} MiB at most.",
    ]
    lines += [f"{number:9}  {word}" for word, number in tally.verdicts.most_common()]
    lines.append(f"Disagreements: {sum(tally.kinds.values())}")
    lines += [f"{number:9}  {kind}" for kind, number in tally.kinds.most_common()]
    return "\n".join(lines)
