"""The benchmark runs, counts memory as the operating system does, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.scale import __main__ as scale
from benchmarks.scale import child, material
from benchmarks.scale.anonymous import Anonymous
from benchmarks.scale.claim import Claim, Part, table
from benchmarks.scale.settings import IMAGES
from plada_ref.selection import Evidence, SafetyNet, Selection, quotas, rank_images
from plada_ref.selection.quotas import part_of

ROOT = Path(__file__).parents[2]
COMMANDS = ["index", "label", "prune", "encode", "decode", "train", "leakage", "transfer"]


def quick_run(work: Path, part: str, *options: str) -> tuple[dict[str, Any], list[str]]:
    """Run one part of the benchmark in a process of its own, as people do.

    The peak of a command includes what the process that starts it holds at that moment: that of a
    test run may be more than a gigabyte.
    """
    command = [sys.executable, "-m", "benchmarks.scale", "--quick", "--json", "--part", part]
    done = subprocess.run(
        [*command, "--work", str(work), *options],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    *printed, last = done.stdout.splitlines()
    return json.loads(last), printed


@pytest.mark.slow
@pytest.mark.parametrize("name", scale.PARTS)
def test_quick_run(tmp_path: Path, name: str) -> None:
    figure = tmp_path / "curve.png"
    options = ["--figure", str(figure)] if name == "million" else []
    result, printed = quick_run(tmp_path, name, *options)
    if name == "million":
        assert figure.read_bytes().startswith(b"\x89PNG")
        figure.unlink()
    assert list(result["parts"]) == [name]
    assert (result["images"], result["machine"]["cores"] >= 1) == (100_000, True)
    assert not list(tmp_path.iterdir()), "temporary files are left behind"
    part = result["parts"][name]
    assert part["claims"] and part["figures"] and part["notes"]
    for claim in part["claims"]:
        assert claim["measured"] >= 0 and claim["limit"] > 0
        assert any(claim["what"] in line for line in printed), "the table has every claim"
        # Times depend on what else the machine does; memory does not.
        if "memory" in claim["what"]:
            assert claim["holds"], claim
    if name == "million":
        pools = part["figures"]["pools"]
        assert list(pools) == ["500", "1000"]
        assert list(pools["500"]["commands"]) == COMMANDS
    if name == "encode":
        rates = part["figures"]["rates"]
        kept = [rate["decode"]["kept"] for rate in rates.values()]
        assert kept == [100, 1000, 10_000, 100_000]
    if name == "rule":
        kept = [rule["kept"] for rule in part["figures"]["rules"].values()]
        assert kept == [pytest.approx(1000, rel=0.2), 100_000, pytest.approx(1000, rel=0.2)]


def test_all_parts_run_unless_some_are_named() -> None:
    assert list(scale.PARTS) == ["prune", "encode", "index", "rule", "label", "decode", "million"]
    assert scale._parser().parse_args([]).part == list(scale.PARTS)


@pytest.mark.slow
def test_a_peak_is_that_of_the_child_alone() -> None:
    small, large = (child.run(_hold, size=size).peak for size in (1, 300_000_000))
    held = bytes(200_000_000)  # A child must not inherit this.
    again = child.run(_hold, size=1).peak
    assert len(held) and again < 1.2 * small
    assert large - small == pytest.approx(300_000_000, rel=0.05)


@pytest.mark.slow
def test_memory_that_is_anonymous(tmp_path: Path) -> None:
    """In a child: what a test run has freed would be taken again, or given back meanwhile."""
    found = child.run(_hold_beside_a_file, file=str(tmp_path / "mapped"), size=100_000_000).value
    if found is None:
        pytest.skip("this system does not tell")
    assert found == pytest.approx(100_000_000, rel=0.1)


def _hold_beside_a_file(file: str, size: int) -> int | None:
    mapped = np.memmap(file, np.int8, "w+", shape=size)
    with Anonymous() as memory:
        mapped[:] = 1
        held = np.ones(size, np.int8)
        assert mapped.sum(dtype=np.int64) == held.sum(dtype=np.int64)
    return None if memory.peak is None or memory.before is None else memory.peak - memory.before


def _hold(size: int) -> int:
    return len(bytearray(b"\1") * size)


def test_synsets_are_scaled_to_the_images_that_are_asked_for() -> None:
    for images in (IMAGES, 100_000, 7):
        names, counts = material.synsets(str(scale.COUNTS), images)
        assert (len(names), int(counts.sum()), int(counts.min()) >= 0) == (21_841, images, True)


def test_claims_in_both_directions() -> None:
    most, least = Claim("a", 12, 10, "s"), Claim("b", 0.72, 0.9, "x", at_least=True)
    assert (most.ratio, least.ratio) == pytest.approx((1.2, 1.25))
    assert not Claim("c", 9, 10, "s").to_json()["ratio"] > 1
    assert "1.20 !" in table([Part("p", [most, least])])


def test_quotas_are_filled_from_the_whole_pool_where_they_must_be() -> None:
    """Against sorting everything: rare classes lie far behind, and many energies are equal."""
    draw = np.random.default_rng(0)
    labels = (40 * draw.random(20_000) ** 3).astype(np.uint16)
    energy = (labels / 8 + draw.normal(0, 1, labels.size)).round(1).astype(np.float32)
    order = np.argsort(energy, kind="stable")
    for share, alpha in ((0.5, 0.5), (0.9, -0.2), (1.0, 0.0)):
        net = SafetyNet(share=share, alpha=alpha)
        ranked = rank_images(Evidence(labels, {"energy": energy}, 40), Selection(safety_net=net))
        for count in (200, 2000, 19_999):
            quota = quotas(np.bincount(labels), part_of(count, share), alpha)
            first = [order[labels[order] == c][: quota[c]] for c in range(40)]
            taken = np.concatenate(first)
            rest = order[~np.isin(order, taken)][: count - taken.size]
            assert np.array_equal(ranked.keep(count), np.sort(np.concatenate([taken, rest])))


@pytest.mark.slow
def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.scale", "--quick", "--part", "encode"]
    process = subprocess.Popen(
        [*command, "--json", "--work", str(tmp_path)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 30
    while not list(tmp_path.rglob("*.parquet")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=30)
    assert process.returncode != 0
    assert not out
    assert not list(tmp_path.iterdir())
