"""The Python API: what docs/python.md shows is run as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import plada_ref
import pladafmt
from plada_ref.demo.glyphs import write_pool
from plada_ref.pool import ChangedImage, index_pool, open_pool, open_source
from pladafmt import Payload, dump

from .conftest import ALONE, COMPUTE, NET, DigitPool

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "python.md"
MOST_LINES = 12
"""From a pool to accuracy, for the producer and for the client."""


def _examples() -> dict[str, str]:
    """The page's programs by heading, in order."""
    sections = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S)
    return {
        heading: program
        for heading, text in sections
        for program in re.findall(r"```python\n(.*?)```", text, re.S)
    }


@pytest.mark.slow
def test_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("plada-demo").mkdir()
    write_pool(Path("plada-demo/pool.tar"), size=2000)
    index_pool(open_source(["plada-demo/pool.tar"]), "plada-demo/pool.parquet")
    names: dict[str, Any] = {}
    said = {}
    for heading, program in _examples().items():
        exec(compile(program, heading, "exec"), names)
        said[heading] = capsys.readouterr()
    for program in re.findall(r"```python\n(.*?)```", (DOCS / "baselines.md").read_text(), re.S):
        exec(compile(program, "baselines.md", "exec"), names)
    assert "INT4" in capsys.readouterr().out
    assert len(said) == 9
    assert float(said["Client"].out.rstrip("%\n")) > 70
    assert said["A client with its own training"].out.startswith("(64, 1, 16, 16) [")
    assert float(said["A network of your own"].out.rstrip("%\n")) > 70
    assert Path("rule.plada").stat().st_size <= 300
    assert said["Producer"] == ("", ""), "without a Progress, functions are silent"


def test_producer_and_client_are_short() -> None:
    for heading in ("Producer", "Client"):
        lines = [line for line in _examples()[heading].splitlines() if line.strip()]
        assert len(lines) <= MOST_LINES


def test_every_name_is_there_and_typed() -> None:
    for name in plada_ref.__all__:
        assert getattr(plada_ref, name) is not None
    assert plada_ref.__version__ == pladafmt.__version__
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        plada_ref.nonsense  # noqa: B018
    typed = (Path(plada_ref.__file__).read_text("utf-8")).partition("_HOMES")[0]
    assert all(re.search(rf"\b{name}\b", typed) for name in plada_ref.__all__)


def test_importing_needs_nothing_heavy() -> None:
    code = (
        "import sys, plada_ref, pladafmt; "
        "sys.exit(any(m in sys.modules for m in ('torch', 'timm', 'pyarrow', 'PIL', 'typer')))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.fixture
def payload(digit_pool: DigitPool, tmp_path: Path) -> Path:
    positions = np.arange(0, len(digit_pool.truth), 50)
    made = Payload(
        digit_pool.open().ref,
        [f"digit {number}" for number in range(10)],
        positions,
        digit_pool.truth[positions],
        weights=[0.5] * len(positions),
    )
    dump(made, tmp_path / "digits.plada")
    return tmp_path / "digits.plada"


def test_pseudo_labels_are_a_dataset_like_torchvisions(
    payload: Path, digit_pool: DigitPool
) -> None:
    pool = open_pool(digit_pool.manifest, digit_pool.shard)
    data = plada_ref.PseudoLabels(payload, pool)
    image, label = data[3]
    assert isinstance(image, Image.Image) and image.mode == "RGB"
    assert label == digit_pool.truth[150] == data.targets[3]
    assert data.classes[label] == f"digit {label}"
    assert data.class_to_idx[f"digit {label}"] == label
    assert len(data) == len(data.targets) == len(data.payload.positions)

    def pixels(image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image).copy())

    weighted = plada_ref.PseudoLabels(
        payload, pool, pixels, lambda label: label + 100, with_weights=True
    )
    batch = next(iter(torch.utils.data.DataLoader(weighted, batch_size=5)))
    assert batch[0].shape == (5, 16, 16, 3)
    assert batch[1].tolist() == [100 + label for label in data.targets[:5]]
    assert batch[2].tolist() == [0.5] * 5


@pytest.mark.parametrize("workers", [0, 2])
def test_a_changed_image_is_an_error_in_any_process(
    payload: Path, digit_pool: DigitPool, tmp_path: Path, workers: int
) -> None:
    data = bytearray(digit_pool.shard.read_bytes())
    at = data.index(b"IDAT", len(data) // 2)
    data[at + 8] ^= 1
    (tmp_path / "pool.tar").write_bytes(data)
    pool = open_pool(digit_pool.manifest, tmp_path / "pool.tar")
    # All images, so that the changed one is among them.
    size = pool.ref.size
    everything = Payload(pool.ref, 10, np.arange(size), np.zeros(size, int))
    found = plada_ref.PseudoLabels(everything, pool, transform=lambda image: 0)
    loader = torch.utils.data.DataLoader(found, batch_size=256, num_workers=workers)
    with pytest.raises(ChangedImage, match="has changed"):
        list(loader)


def test_another_pools_payload_is_refused(payload: Path, digit_pool: DigitPool) -> None:
    pool = open_pool(digit_pool.manifest, digit_pool.shard)
    other = Payload(pladafmt.PoolRef(bytes(32), 9), 10, [1], [1])
    with pytest.raises(pladafmt.Mismatch):
        plada_ref.PseudoLabels(other, pool)


@pytest.mark.slow
def test_a_model_is_a_plain_module(
    teacher: plada_ref.Checkpoint, digits_test: plada_ref.Task, tmp_path: Path
) -> None:
    teacher.write(tmp_path / "teacher.safetensors")
    model = plada_ref.load_model(tmp_path / "teacher.safetensors")
    assert isinstance(model, torch.nn.Module) and not model.training
    images = [digits_test.images.open_image(row) for row in range(50)]
    pixels = torch.stack([model.preparation(image) for image in images])
    with torch.inference_mode():
        said = model(model.preparation.batch(pixels)).argmax(dim=1).numpy()
    some = digits_test.rows(np.arange(50), "some")
    assert (said == plada_ref.predict(teacher, some.images, compute=ALONE)).all()
    assert model.classes == [str(digit) for digit in range(10)]
    parameters = [name for name, value in model.named_parameters() if value.requires_grad]
    assert len(parameters) > 10, "it can be trained further"


@pytest.mark.slow
def test_a_library_caller_needs_no_compute(digits: plada_ref.Task, capfd: Any) -> None:
    few = digits.rows(np.arange(0, len(digits), 20), "few")
    model = plada_ref.teach(few, NET)
    assert plada_ref.evaluate(model, few).accuracy > 0.3
    assert capfd.readouterr() == ("", "")
    assert COMPUTE.workers is None
