"""The names of all files in the folder of a transfer, for whoever writes and whoever reads them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..selection import Choice, Size, spell

LAYOUT = 2
"""Changes when files get other names. 1, which is not written down: Safety-Nets were called
``-net-s0.5-a0``."""


@dataclass(frozen=True)
class ModelFiles:
    """The files of a trained model: of a student and its payload, or of the teacher.

    Attributes:
        stem: their common path, less the suffix.
    """

    stem: Path

    @property
    def record(self) -> Path:
        """What the model reached (JSON)."""
        return self._with("json")

    @property
    def payload(self) -> Path:
        """The payload that a student learns from."""
        return self._with("plada")

    @property
    def model(self) -> Path:
        """The trained model."""
        return self._with("safetensors")

    @property
    def training(self) -> Path:
        """The state of an interrupted training."""
        return self._with("training")

    def _with(self, suffix: str) -> Path:
        # Not with_suffix: a stem such as low-energy-0.1 has a dot in it.
        return self.stem.with_name(f"{self.stem.name}.{suffix}")


@dataclass(frozen=True)
class RunFolder:
    """A folder that `plada transfer` or `plada demo` makes, and `plada baselines` may add to.

    Attributes:
        path: the folder.
    """

    path: Path

    @property
    def plan(self) -> Path:
        """The settings that all results depend on (JSON)."""
        return self.path / "plan.json"

    @property
    def teacher(self) -> ModelFiles:
        """The teacher: its record, model and training; it has no payload."""
        return ModelFiles(self.path / "teacher")

    @property
    def scores(self) -> Path:
        """The score table."""
        return self.path / "scores.parquet"

    @property
    def features(self) -> Path:
        """The folder of cached features."""
        return self.path / "features"

    @property
    def leakage(self) -> Path:
        """Test images that the pool holds (JSON)."""
        return self.path / "leakage.json"

    @property
    def baselines(self) -> Path:
        """What was measured of baselines (JSON)."""
        return self.path / "baselines.json"

    @property
    def baselines_training(self) -> Path:
        """The state of an interrupted training of a baseline's student."""
        return self.path / "baselines.training"

    @property
    def payloads(self) -> Path:
        """The folder in which the demo leaves payloads and their records."""
        return self.path / "payloads"

    def auto(self, budget: int) -> Path:
        """What the automatic selection tried within a budget of bytes (JSON)."""
        return self.path / f"auto-{budget}.json"

    def autos(self) -> list[Path]:
        """Return all files of `auto` that there are, by name."""
        return sorted(self.path.glob("auto-*.json"))

    def student(self, selection: Choice, size: Size) -> ModelFiles:
        """The files of the payload by `selection`, or the automatic one if None, of a size."""
        return ModelFiles(self.path / student_stem(selection, size))

    def student_records(self) -> Iterator[ModelFiles]:
        """Yield the files of every student: those whose JSON file is no other file's.

        Other programs may keep JSON files in the folder too.
        """
        known = {self.plan, self.teacher.record, self.leakage, self.baselines, *self.autos()}
        for folder in (self.path, self.payloads):
            for record in sorted(folder.glob("*.json")):
                if record not in known:
                    yield ModelFiles(record.with_name(record.name.removesuffix(".json")))


def student_stem(selection: Choice, size: Size) -> str:
    """Return the name, without suffix, of the files of a payload.

    It is the selection's spelling without the characters that some file systems refuse, and the
    size: ``low-energy+safety-net_alpha=-0.2_share=0.5-0.1`` or ``chosen-2000B``.
    """
    # Not "auto": auto-2000.json is what the automatic selection tried.
    name = "chosen" if selection is None else str(selection)
    name = name.replace(":", "_").replace(",", "_")
    if size.keep_rate is not None:
        return f"{name}-{spell(size.keep_rate)}"
    return f"{name}-{size.budget}B" if size.count is None else f"{name}-{size.count}-images"
