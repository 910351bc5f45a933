"""The reader in JavaScript as a package: packed, installed in an empty folder, and used there."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .test_javascript import CLIENT, RULE, VECTORS
from .test_javascript import pytestmark as needs

NPM = shutil.which("npm")
ROOT = CLIENT.parents[2]

pytestmark = [
    *needs,
    pytest.mark.slow,
    pytest.mark.skipif(NPM is None, reason="npm is not installed"),
]


def run(*command: str | Path, folder: Path, home: Path) -> str:
    """Run a program without a network and with a home of its own; return what it prints."""
    done = subprocess.run(
        [str(each) for each in command],
        cwd=folder,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "npm_config_offline": "true",
            "npm_config_update_notifier": "false",
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The archive that `npm pack` makes, and what npm says of it."""
    folder = tmp_path_factory.mktemp("packed")
    before = sorted(CLIENT.iterdir())
    said = run("npm", "pack", "--json", "--pack-destination", folder, folder=CLIENT, home=folder)
    assert sorted(CLIENT.iterdir()) == before
    (facts,) = json.loads(said)
    return folder / facts["filename"], facts


@pytest.fixture(scope="module")
def installed(
    packed: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An empty folder in which the package was installed."""
    folder, home = tmp_path_factory.mktemp("user"), tmp_path_factory.mktemp("home")
    (folder / "package.json").write_text('{"private": true}')
    run("npm", "install", "--no-audit", "--no-fund", packed[0], folder=folder, home=home)
    return folder


def modules() -> set[str]:
    """`plada.js` and what it imports of this folder."""
    found: set[str] = set()
    new = {"plada.js"}
    while new:
        found |= new
        texts = [(CLIENT / name).read_text("utf-8") for name in new]
        new = {name for text in texts for name in re.findall(r'from "\./(.+?)"', text)} - found
    return found


def test_it_holds_the_reader_its_dependency_and_nothing_else(
    packed: tuple[Path, dict[str, Any]],
) -> None:
    paths = {each["path"] for each in packed[1]["files"]}
    own = {path for path in paths if not path.startswith("node_modules/fzstd/")}
    assert own == modules() | {"plada.d.ts", "package.json", "README.md", "LICENSE"}
    assert packed[1]["bundled"] == ["fzstd"]
    assert {"node_modules/fzstd/LICENSE", "node_modules/fzstd/esm/index.mjs"} <= paths
    assert (CLIENT / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_five_lines_read_a_file_and_a_rule(installed: Path, tmp_path: Path) -> None:
    sidecar = json.loads(RULE.with_suffix(".json").read_text())
    rows = [list(bytes.fromhex(row)) for row in sidecar["codes"]]
    np.save(tmp_path / "codes.npy", np.array(rows, np.uint8).view(np.int8))
    (installed / "read.mjs").write_text(
        """
        import { readFile } from "node:fs/promises";
        import { read, readCodeTable } from "plada-reader";
        const [file, codes] = await Promise.all(process.argv.slice(2).map((it) => readFile(it)));
        const payload = await read(file, codes && { codes: readCodeTable(codes) });
        console.log(JSON.stringify([payload.contentId, Array.from(payload.positions)]));
        """
    )
    frames = VECTORS / "valid" / "zstd" / "huffman_literals"
    for path, more in ((frames, []), (RULE.with_suffix(""), [tmp_path / "codes.npy"])):
        wanted = json.loads(path.with_suffix(".json").read_text())["content_id"]
        said = run(
            "node", "read.mjs", path.with_suffix(".plada"), *more, folder=installed, home=tmp_path
        )
        content_id, positions = json.loads(said)
        assert content_id == wanted
        assert positions == sorted(set(positions)) and len(positions) > 5


def declared() -> dict[str, set[str]]:
    """The members of each interface in the types, by its name."""
    text = (CLIENT / "plada.d.ts").read_text("utf-8")
    bodies = re.findall(r"^export interface (\w+) \{\n(.*?)^\}", text, re.DOTALL | re.MULTILINE)
    return {name: set(re.findall(r"^  (\w+)\??:", body, re.MULTILINE)) for name, body in bodies}


def test_the_types_have_what_is_there(installed: Path, tmp_path: Path) -> None:
    text = (CLIENT / "plada.d.ts").read_text("utf-8")
    names = re.findall(r"^export (?:const|class|function) (\w+)", text, re.MULTILINE)
    sidecar = json.loads(RULE.with_suffix(".json").read_text())
    (installed / "names.mjs").write_text(
        """
        import { readFileSync } from "node:fs";
        import * as plada from "plada-reader";
        const [file, hex, weights] = process.argv.slice(2);
        const data = new Int8Array(Buffer.from(hex, "hex"));
        const fields = [];
        const rule = await plada.read(readFileSync(file), { codes: { columns: 4, data }, fields });
        const { weightScale } = await plada.read(readFileSync(weights));
        const parts = { Payload: rule, Rule: rule.rule, Field: fields[0], WeightScale: weightScale,
                        Limits: plada.LIMITS };
        const keys = Object.entries(parts).map(([name, part]) => [name, Object.keys(part)]);
        const refused = await plada.read(new Uint8Array(3)).catch((error) => error);
        keys.push(["Refused", [refused instanceof plada.Refused && refused.errorClass]]);
        console.log(JSON.stringify([Object.keys(plada), Object.fromEntries(keys)]));
        """
    )
    weighted = next(VECTORS.glob("valid/*/weights*.plada"), None)
    assert weighted is not None
    said = run(
        "node", "names.mjs", RULE, "".join(sidecar["codes"]), weighted,
        folder=installed, home=tmp_path,
    )  # fmt: skip
    exported, members = json.loads(said)
    assert sorted(exported) == sorted(names)
    assert members.pop("Refused") == ["malformed"]
    for name, found in members.items():
        assert set(found) == declared()[name], name


RIGHT = """
import { LIMITS, Refused, codesId, poolId, read, readCodeTable } from "plada-reader";
import type { Codes, ErrorClass, Field, Payload, ReadOptions } from "plada-reader";

const codes: Codes = readCodeTable(new Uint8Array(9));
const fields: Field[] = [];
const options: ReadOptions = { limits: { kept: LIMITS.kept / 2 }, codes, fields, digests: null };
try {
  const payload: Payload = await read(new Uint8Array(9), options);
  const first: number | undefined = payload.positions[0];
  const name: string = payload.names?.[payload.labels[0] ?? 0] ?? "";
  const margins: number = payload.margins?.length ?? 0;
  const ids: Uint8Array[] = [await poolId([], 0), await codesId(codes, 1)];
  void [first, name, margins, ids];
} catch (error) {
  if (error instanceof Refused) {
    const what: [string, number | null, ErrorClass] = [error.code, error.offset, error.errorClass];
    void what;
  }
}
"""
WRONG = [
    "LIMITS.kept = 1;",
    "await read('task.plada');",
    "await read(new Uint8Array(1), { limit: {} });",
    "(await read(new Uint8Array(1))).names.length;",
]


def test_typescript_agrees(installed: Path) -> None:
    local = CLIENT / "node_modules" / "typescript" / "bin" / "tsc"
    tsc = str(local) if local.is_file() else shutil.which("tsc")
    if tsc is None:
        pytest.skip("run npm install in conformance/clients/javascript")
    (installed / "right.mts").write_text(RIGHT)
    wrong = ['import { LIMITS, read } from "plada-reader";', *WRONG]
    (installed / "wrong.mts").write_text("\n".join(wrong))
    flags = ["--noEmit", "--strict", "--module", "nodenext", "--lib", "es2022"]
    done = subprocess.run(
        [tsc, *flags, "right.mts", "wrong.mts"],
        cwd=installed,
        capture_output=True,
        text=True,
        timeout=60,
    )
    errors = [line for line in done.stdout.splitlines() if line[0] != " "]
    places = [line.partition(",")[0] for line in errors]
    assert places == [f"wrong.mts({2 + number}" for number in range(len(WRONG))], done.stdout
