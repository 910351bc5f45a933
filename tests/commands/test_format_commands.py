"""The commands that need no machine-learning package, as a user calls them."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from plada_ref import cli
from plada_ref.cli import app
from plada_ref.commands.file_sizes import describe
from plada_ref.errors import Misuse
from plada_ref.labelling.scores import ScoreTable
from plada_ref.optional import need
from plada_ref.selection import file as selection_file
from pladafmt import Payload, PoolRef, SlowWarning, dump, dumps, load

POOL = PoolRef(bytes(range(32)), 1000)
PAYLOAD = Payload(POOL, ["cat", "dog"], [3, 14, 159], [0, 1, 0], metadata={"licence": "CC0"})


def plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def last_json(result: Result) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return value


@pytest.fixture
def payload_file(tmp_path: Path) -> Path:
    path = tmp_path / "task.plada"
    dump(PAYLOAD, path)
    return path


def damaged_files(folder: Path) -> dict[str, Path]:
    whole = dumps(PAYLOAD)
    contents = {
        "truncated": whole[:-9],
        "corrupt": whole[:60] + bytes([whole[60] ^ 1]) + whole[61:],
        "foreign": b"\x89PNG\r\n\x1a\n" + bytes(40),
        "empty": b"",
        "newer": whole[:8] + b"\x02" + whole[9:],
    }
    paths = {name: folder / f"{name}.plada" for name in contents}
    for name, path in paths.items():
        path.write_bytes(contents[name])
    return paths


def test_validate_says_one_sentence_for_each_file(payload_file: Path, tmp_path: Path) -> None:
    good = plada("validate", payload_file)
    assert good.exit_code == 0
    assert good.stdout.count("\n") == 1
    assert ": valid;" in good.stdout
    expected = {
        "truncated": "malformed (truncated)",
        "corrupt": "corrupt (crc-mismatch)",
        "foreign": "malformed (bad-magic)",
        "empty": "malformed (truncated)",
        "newer": "unsupported (unknown-version)",
    }
    for name, path in damaged_files(tmp_path).items():
        result = plada("validate", path)
        assert result.exit_code == 1, name
        lines = result.stdout.splitlines()
        assert len(lines) == 1
        assert lines[0].startswith(f"{path}: {expected[name]} at byte ")
        assert lines[0].endswith(".")
    together = plada("validate", payload_file, *damaged_files(tmp_path).values(), "--json")
    assert together.exit_code == 1
    verdicts = [report["verdict"] for report in last_json(together)["files"]]
    assert verdicts.count("valid") == 1
    assert len(verdicts) == 6


def test_misuse_is_exit_status_2(payload_file: Path) -> None:
    assert plada("validate").exit_code == 2
    assert plada("validate", "--nonsense", payload_file).exit_code == 2
    assert plada("validate", "--limit", "kept", payload_file).exit_code == 2
    assert plada("inspect", "--limit", "speed=3", payload_file).exit_code == 2


def test_limits_can_be_lowered_and_raised(payload_file: Path) -> None:
    refused = plada("validate", "--limit", "kept=2", payload_file)
    assert refused.exit_code == 1
    assert "limit (limit-kept)" in refused.stdout
    assert "kept=2" in refused.stdout
    assert plada("validate", "--limit", "kept=3", payload_file).exit_code == 0


def test_inspect_shows_the_owner_of_every_byte(payload_file: Path) -> None:
    result = plada("inspect", payload_file, "--json")
    assert result.exit_code == 0
    value = last_json(result)
    at = 0
    for part in value["parts"]:
        assert part["offset"] == at
        at += part["size"]
    assert at == value["size"] == payload_file.stat().st_size
    assert value["kept_per_class"] == [2, 1]
    assert value["metadata"] == {"licence": "CC0"}
    assert value["file_sizes"]["delta"] == len(dumps(PAYLOAD, encoding="delta"))
    assert value["file_sizes"]["dense"] == len(dumps(PAYLOAD, dense=True))
    text = plada("inspect", payload_file).stdout
    for word in ("HEAD.pool_id", "BLOCK 0.labels", "END.crc", "cat", "CC0"):
        assert word in text


def test_inspect_shows_a_damaged_file_as_far_as_it_goes(tmp_path: Path) -> None:
    for name, path in damaged_files(tmp_path).items():
        result = plada("inspect", path, "--json")
        assert result.exit_code == 1, name
        value = last_json(result)
        assert sum(part["size"] for part in value["parts"]) == path.stat().st_size


def test_inspect_all_lists_every_part_and_class_in_columns(tmp_path: Path) -> None:
    path = tmp_path / "many.plada"
    names = [f"class {number}" for number in range(49)] + ["\u732b"]
    positions = np.arange(0, 2000, 4)
    dump(Payload(PoolRef(bytes(32), 2000), names, positions, positions % 50), path, block_span=4)
    value = last_json(plada("inspect", path, "--json"))
    assert len(value["parts"]) > 9 * 500
    lines = plada("inspect", path, "--all").stdout.splitlines()
    start = lines.index("Byte map") + 2
    listed = [line.split(maxsplit=3) for line in lines[start : start + len(value["parts"])]]
    for part, cells in zip(value["parts"], listed, strict=True):
        assert int(cells[0].replace(",", "")) == part["offset"]
        assert int(cells[1].replace(",", "")) == part["size"]
    assert listed[-1][2] == "END.crc"
    columns = {line.index("END.") for line in lines if "END." in line}
    assert len(columns) == 1 and lines[start - 1].index("owner") in columns
    assert any(line.endswith("  \u732b") for line in lines)
    few = plada("inspect", path).stdout
    assert "more parts (--all shows them)" in few and "30 more classes" in few


def test_a_warning_of_the_library_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    others: list[Any] = []
    monkeypatch.setattr(warnings, "showwarning", lambda *rest: others.append(rest[1]))
    cli._show_as_sentences(SlowWarning)
    warnings.showwarning(SlowWarning("It takes long."), SlowWarning, "backend.py", 1)
    warnings.showwarning(UserWarning("Other."), UserWarning, "other.py", 7)
    assert capsys.readouterr().err == "warning: It takes long.\n"
    assert others == [UserWarning]


def test_hostile_text_reaches_no_terminal(tmp_path: Path) -> None:
    path = tmp_path / "hostile.plada"
    dump(Payload(POOL, ["[red]x[/red]", "dog"], [1], [0], metadata={"\x1b[2J": "\u202e\x07"}), path)
    for command in ("inspect", "validate", "decode"):
        output = plada(command, path).stdout
        assert not set("\x1b\u202e\x07") & set(output)
        assert command != "inspect" or "[red]x[/red]" in output


def test_decode_prints_positions_and_labels(payload_file: Path, tmp_path: Path) -> None:
    text = plada("decode", payload_file).stdout
    assert text.splitlines() == [
        "position\tlabel\tclass",
        "3\t0\tcat",
        "14\t1\tdog",
        "159\t0\tcat",
    ]
    value = last_json(plada("decode", payload_file, "--json"))
    assert value["positions"] == [3, 14, 159]
    assert value["labels"] == [0, 1, 0]
    out = tmp_path / "task.csv"
    with patch("plada_ref.commands.decode.BATCH", 2), patch("plada_ref.output.BATCH", 2):
        assert plada("decode", payload_file).stdout == text
        assert last_json(plada("decode", payload_file, "--json")) == value
        assert plada("decode", payload_file, "-o", out).exit_code == 0
    assert out.read_text().splitlines()[1] == "3,0,cat"
    refused = plada("decode", tmp_path / "nothing.plada", "--json")
    assert refused.exit_code == 1
    assert "No such file" in last_json(refused)["error"]


def test_prune_and_encode(tmp_path: Path) -> None:
    size = POOL.size
    rng = np.random.default_rng(0)
    labels = np.where(np.arange(size) % 10 == 0, 1, 0).astype(np.uint16)
    energy = rng.normal(size=size).astype(np.float32) + 20 * labels.astype(np.float32)
    table = ScoreTable(POOL, ("cat", "dog", "axolotl"), "ab" * 32, labels, *4 * [energy])
    scores, selection, out = (tmp_path / n for n in ("scores.parquet", "s.parquet", "t.plada"))
    table.write(scores)

    result = plada("prune", scores, "--keep-rate", "0.1", "-o", selection, "--json")
    assert result.exit_code == 0
    assert last_json(result)["kept_per_class"] == [100, 0, 0]
    assert last_json(result)["vanished"] == ["dog", "axolotl"]
    assert "warning: No image is kept for 2 of 3 classes: dog, axolotl." in result.stderr

    netted = plada("prune", scores, "--count", 100, "--safety-net", "-o", selection, "--json")
    assert last_json(netted)["kept_per_class"] == [75, 25, 0]
    encoded = plada("encode", selection, "-o", out, "--json")
    assert encoded.exit_code == 0
    assert last_json(encoded)["file_sizes"]["dense"] <= last_json(encoded)["payload_bytes"]
    assert "\nAlternatives: dense " in encoded.stderr
    payload = load(out)
    assert payload.classes == ("cat", "dog", "axolotl")
    assert payload.kept == 100
    best = np.argsort(energy[labels == 1], kind="stable")[:25]
    assert set(payload.positions[payload.labels == 1].tolist()) == set((best * 10).tolist())
    named = out.stat().st_size
    plada("encode", selection, "-o", out, "--unnamed", "--encoding", "bitmap", "--block-span", 100)
    assert load(out).classes == 3
    assert out.stat().st_size != named

    for wrong in (
        ["--keep-rate", "2"],
        ["--keep-rate", "0.1", "--count", "3"],
        ["--count", "10", "--by", "beauty"],
        ["--count", "10", "--safety-net", "--share", "2"],
    ):
        assert plada("prune", scores, *wrong, "-o", selection).exit_code == 2, wrong
    assert plada("encode", selection, "-o", out, "--encoding", "zip").exit_code == 2
    assert plada("encode", scores, "-o", out).exit_code == 1
    assert plada("prune", selection, "--count", 1, "-o", out).exit_code == 1


def test_selections_survive_their_file(tmp_path: Path) -> None:
    payload = Payload(POOL, 7, [1, 5], [0, 6], weights=[0.5, 2.0], metadata={"a": 1})
    selection_file.write(payload, tmp_path / "s.parquet")
    assert selection_file.read(tmp_path / "s.parquet") == payload


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


HEAVY = {"PIL", "fsspec", "matplotlib", "pandas", "pyarrow", "sklearn", "timm", "torch"}


def imported(code: str, names: set[str]) -> str:
    """Which modules of these the code has imported when it ends."""
    result = run_python(
        "import atexit, sys\n"
        f"names = {sorted(names)}\n"
        "atexit.register(lambda: print([n for n in names if n in sys.modules], file=sys.stderr))\n"
        f"{code}"
    )
    assert result.returncode == 0, result
    return result.stderr.strip()


def test_pladafmt_and_the_command_line_import_nothing_heavy() -> None:
    for module in ("pladafmt", "plada_ref.cli"):
        assert imported(f"import {module}", HEAVY) == "[]", module


@pytest.mark.slow
def test_commands_import_what_they_need(payload_file: Path, tmp_path: Path) -> None:
    scores, selection = tmp_path / "scores.parquet", tmp_path / "selection.parquet"
    columns = [np.full(10, 0.5, dtype=np.float32) for _ in range(4)]
    labels = np.zeros(10, dtype=np.uint16)
    ScoreTable(PoolRef(b"\7" * 32, 10), ("a",), "0" * 64, labels, *columns).write(scores)
    # Arrow reads tables; what it computes with, and what opens pools, takes as long again.
    with_tables = HEAVY - {"pyarrow"} | {"pyarrow.compute"}
    for arguments, heavy in (
        (["inspect", payload_file], HEAVY),
        (["decode", payload_file], HEAVY),
        (["label", "--help"], HEAVY),
        (["prune", scores, "--count", 3, "-o", selection], with_tables),
        (["encode", selection, "-o", tmp_path / "x.plada"], with_tables),
    ):
        words = ["plada", *map(str, arguments)]
        code = f"from plada_ref.cli import main; sys.argv = {words}; main()"
        assert imported(code, heavy) == "[]", words


@pytest.mark.slow
def test_a_missing_extra_is_named(payload_file: Path) -> None:
    blocker = (
        "import sys\n"
        "for name in ('torch', 'pyarrow', 'timm', 'fsspec', 'sklearn', 'matplotlib', 'PIL'):\n"
        "    sys.modules[name] = None\n"
        "from plada_ref.cli import main\n"
        "sys.argv = ['plada', *{arguments!r}]\n"
        "main()\n"
    )
    for arguments in (["inspect"], ["validate"], ["decode"]):
        code = blocker.format(arguments=[*arguments, str(payload_file)])
        assert run_python(code).returncode == 0
    for arguments in (
        ["prune", "x", "--count", "1", "-o", "y"],
        ["encode", "x", "-o", "y"],
        ["pool", "index", "x", "-o", "y"],
        ["demo"],
        ["label", "x", "-m", "y", "--pool", "z", "-o", "w"],
    ):
        result = run_python(blocker.format(arguments=arguments))
        assert result.returncode == 2, result
        extra = "ref" if arguments[0] in ("demo", "label") else "pool"
        assert f'pip install "pladafmt[{extra}]"' in result.stderr
        assert "Traceback" not in result.stderr


def test_a_broken_package_is_named_as_pip_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(module: str) -> None:
        raise ImportError("undefined symbol: _Py")

    monkeypatch.setattr("importlib.import_module", broken)
    with pytest.raises(Misuse, match=r"undefined symbol.*--force-reinstall pillow$"):
        need("PIL", for_="plada label")


NASTY = [":skull:", "[red]x[/red]", "=1+1", "@sum", "-2", "a\u3164", "b\u034fc", "plain"]


def test_torchvision_of_another_build_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def unfit(module: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr("importlib.import_module", unfit)
    with pytest.raises(
        Misuse, match=r"nms does not exist\); torch and torchvision must be builds of"
    ):
        need("torchvision", for_="plada teach")


def test_names_print_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "nasty.plada"
    labels = list(range(len(NASTY)))
    dump(Payload(POOL, NASTY, labels, labels, metadata={":skull:": "[bold]:skull:"}), path)
    shown = plada("inspect", path)
    assert shown.exit_code == 0
    for text in (":skull:", "[red]x[/red]", "a\\u3164", "b\\u034fc", "[bold]:skull:"):
        assert text in shown.stdout
    assert "\u2620" not in shown.output and "\u3164" not in shown.output
    damaged = tmp_path / ":skull:[red].plada"
    damaged.write_bytes(path.read_bytes()[:-1])
    for command in ("validate", "verify", "inspect"):
        assert "\u2620" not in plada(command, damaged).output
    assert ":skull:[red].plada" in plada("validate", damaged).stdout


def test_no_cell_of_a_table_is_a_formula(tmp_path: Path) -> None:
    path, out = tmp_path / "nasty.plada", tmp_path / "out.csv"
    labels = list(range(len(NASTY)))
    dump(Payload(POOL, NASTY, labels, labels), path)
    made = plada("decode", path, "-o", out)
    assert made.exit_code == 0
    assert "3 cells begin like a formula" in made.stderr
    rows = [line.split(",") for line in out.read_text("utf-8").splitlines()[1:]]
    assert [row[2] for row in rows][:5] == [":skull:", "[red]x[/red]", "'=1+1", "'@sum", "'-2"]
    assert "formula" not in plada("decode", path).output


def test_a_file_on_standard_output_is_alone_there(
    payload_file: Path, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    pytest.importorskip("cryptography")
    damaged = tmp_path / "damaged.plada"
    damaged.write_bytes(payload_file.read_bytes()[:-1])
    assert plada("keygen", tmp_path / "a").exit_code == 0
    scores, selection = tmp_path / "scores.parquet", tmp_path / "selection.parquet"
    rng = np.random.default_rng(0)
    columns = [rng.random(1000).astype(np.float32) for _ in range(4)]
    labels = rng.integers(0, 2, 1000).astype(np.uint16)
    ScoreTable(POOL, ("a", "b"), "0" * 64, labels, *columns).write(scores)
    assert plada("prune", scores, "--keep-rate", "0.1", "-o", selection).exit_code == 0
    for command in (
        ("encode", selection),
        ("prune", scores, "--keep-rate", "0.1"),
        ("decode", payload_file),
        ("rewrite", payload_file, "--dense"),
        ("salvage", damaged),
        ("sign", payload_file, "--key", tmp_path / "a.key"),
    ):
        out = tmp_path / "out"
        told = plada(*command, "-o", out, "--json")
        assert told.exit_code == 0
        capfdbinary.readouterr()
        piped = plada(*command, "-o", "-", "--json")
        assert (piped.exit_code, piped.stdout) == (0, "")
        assert capfdbinary.readouterr().out == out.read_bytes()
        assert json.loads(piped.stderr.splitlines()[-1]) == last_json(told) | {"out": "-"}
        assert plada(*command, "-o", "-").stdout == ""
        out.unlink()
    assert len(list(tmp_path.iterdir())) == 6
    refused = plada("rewrite", damaged, "-o", "-", "--json")
    assert (refused.exit_code, refused.stdout) == (1, "")
    assert json.loads(refused.stderr.splitlines()[-1])["code"] == "truncated"


@pytest.mark.slow
def test_a_program_may_stop_reading(payload_file: Path) -> None:
    command = f"{sys.executable} -m plada_ref decode {payload_file} -o -"
    read = subprocess.run(command, shell=True, capture_output=True, check=True)
    assert read.stdout.startswith(b"position,label,class\n3,0,cat\n")
    assert b"3 images written to -" in read.stderr
    cut = subprocess.run(f"{command} | head -c 5", shell=True, capture_output=True, check=False)
    assert cut.stdout == b"posit" and b"Traceback" not in cut.stderr


def test_a_terminal_gets_no_file(payload_file: Path) -> None:
    master, slave = pty.openpty()
    command = [sys.executable, "-m", "plada_ref", "rewrite", str(payload_file), "-o", "-"]
    result = subprocess.run(command, stdout=slave, stderr=subprocess.PIPE, check=False)
    os.close(slave)
    os.close(master)
    assert result.returncode == 2 and b"is a terminal" in result.stderr


def test_alternatives_say_smaller_or_larger() -> None:
    sizes = {"bitmap": 535, "delta": 700, "rle": 1070, "dense": 471}
    said = describe(535, sizes)
    assert said == (
        "Alternatives: dense 471 bytes (12 % smaller), delta 700 bytes (31 % larger), "
        "rle 1,070 bytes (100 % larger)"
    )
    assert describe(1000, {"dense": 999}) == "Alternatives: dense 999 bytes (less than 1 % smaller)"
    assert describe(9, {"dense": 9}) == "Alternatives: none of another size"


def test_a_budget_is_told_by_what_is_used(tmp_path: Path) -> None:
    scores, selection = tmp_path / "scores.parquet", tmp_path / "s.parquet"
    rng = np.random.default_rng(0)
    columns = rng.random((4, 1000)).astype(np.float32)
    labels = rng.integers(0, 2, 1000).astype(np.uint16)
    ScoreTable(POOL, ("cat", "dog"), "", labels, *columns).write(scores)
    found = plada("prune", scores, "--budget", "200", "-o", selection, "--json")
    made = last_json(found)
    used, needed = made["payload_bytes"], made["next_payload_bytes"]
    said = f"{used} of 200 bytes used by plada encode; one more image would need {needed}"
    assert said in found.stderr and used <= 200 < needed


def test_prune_writes_the_payload_itself(tmp_path: Path) -> None:
    scores, selection = tmp_path / "scores.parquet", tmp_path / "s.parquet"
    one, two = tmp_path / "one.plada", tmp_path / "two.plada"
    rng = np.random.default_rng(0)
    columns = rng.random((4, 1000)).astype(np.float32)
    ScoreTable(
        POOL, ("cat", "dog"), "", rng.integers(0, 2, 1000).astype(np.uint16), *columns
    ).write(scores)
    (tmp_path / "about.json").write_text('{"licence": "CC0"}')
    about = ("--metadata", tmp_path / "about.json")
    for options, encoding in (
        (("--count", 60, "--safety-net"), ()),
        (("--budget", 300, "--dense"), ("--dense",)),
        (("--keep-rate", 0.1, "--dense", "--unnamed", *about), ("--dense",)),
    ):
        made = plada("prune", scores, *map(str, options), "-o", one, "--json")
        assert made.exit_code == 0, made.output
        kept = last_json(made)
        assert kept["payload_bytes"] == one.stat().st_size
        assert "bytes" in made.stderr and "plada encode" not in made.stderr
        counted = (
            options if "--budget" in options else [each for each in options if each != "--dense"]
        )
        assert plada("prune", scores, *map(str, counted), "-o", selection).exit_code == 0
        assert plada("encode", selection, "-o", two, *encoding).exit_code == 0
        assert one.read_bytes() == two.read_bytes()
