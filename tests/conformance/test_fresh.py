"""Fresh files: no client knows them by heart, and those that decode keep their certificates."""

from __future__ import annotations

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from plada_conformance import reports, run
from plada_conformance.cli import app
from plada_conformance.conversation import ALL_FEATURES, ROLES
from plada_conformance.decoders import read_plain
from plada_conformance.environment import OWN
from plada_conformance.fresh_vectors.asked import Asked
from plada_conformance.fresh_vectors.make import fresh_questions
from plada_conformance.question import Question
from plada_conformance.vector import LIMITS, features_of
from plada_conformance.vectors_on_disk import ROOT, vectors
from typer.testing import CliRunner

BY_HEART = Path(__file__).with_name("by_heart.py")
REFERENCE = [sys.executable, "-m", "plada_conformance.clients.reference"]
NAMES = [word for name in OWN for word in ("--env", name)]
SHIPPED = frozenset(json.loads((ROOT / "manifest.json").read_text("utf-8"))["sha256"].values())

EVERYTHING = frozenset(ALL_FEATURES)


def made(seed: int, *roles: str, **changes: Any) -> list[Question]:
    client = Asked(**{"seed": seed, "features": EVERYTHING, "limits": LIMITS, **changes})
    return list(fresh_questions(client, roles or ROLES, SHIPPED))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A suite of all roles, with few vectors for readers."""
    root = tmp_path_factory.mktemp("suite")
    digests = {}
    for vector in vectors():
        if vector.data["role"] == "reader" and vector.path.parent.name != "container":
            continue
        for path in (vector.path, vector.file):
            if path is not None:
                name = path.relative_to(ROOT).as_posix()
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(path.read_bytes())
                digests[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    manifest = {"specification_sha256": "0" * 64, "sha256": digests}
    (root / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return root


# ---------------------------------------------------------------- Clients


@pytest.mark.slow
def test_a_client_that_knows_the_vectors_by_heart_gets_no_certificate(
    small: Path, tmp_path: Path
) -> None:
    answers = tmp_path / "answers.json"
    cheat = [sys.executable, str(BY_HEART), str(answers)]
    honest = run.run([*cheat, "learn"], root=small, env=OWN)
    assert honest.ok, reports.table(honest)
    assert not honest.unused
    # It has learnt every vector, and the fresh files of that run.
    found = run.run(cheat, root=small, env=OWN)
    for role in ROLES:
        assert all(each.passed for each in found.asked(role, fresh=False)), role
        fresh = found.asked(role, fresh=True)
        assert len(fresh) >= 20 and not all(each.passed for each in fresh), role
        assert found.grade(role) == "none", role
    with pytest.raises(ValueError, match="No role reached its top grade"):
        reports.certificate(reports.as_json(found))
    # The seed of the run that it has seen is one that it has answers for.
    again = run.run(cheat, root=small, env=OWN, seed=honest.seed)
    assert again.ok
    with pytest.raises(ValueError, match="whose seed was chosen"):
        reports.certificate(reports.as_json(again))
    certificate = reports.certificate(reports.as_json(honest))
    assert certificate["seed"] == honest.seed != found.seed
    assert certificate["fresh"].keys() == certificate["roles"].keys() == set(ROLES)


def test_reports_without_fresh_files_are_not_certified() -> None:
    old = {"report": "plada-conformance-1", "command": [], "digests": run.digests([])}
    with pytest.raises(ValueError, match="earlier version of the suite"):
        reports.certificate(old)


def script(tmp_path: Path, body: str) -> list[str]:
    path = tmp_path / "client.py"
    path.write_text(
        "from plada_conformance.clients import plain\n"
        "from plada_conformance.serve import serve\n"
        "def read(request):\n    answer = plain.read(request)\n"
        f"    {body}\n    return answer\n"
        'serve(dict(read=read), name="x", version="0", roles=["reader"],\n'
        '      features=["zstd", "weights", "dense", "rule"])\n',
        "utf-8",
    )
    return [sys.executable, str(path)]


@pytest.mark.slow
def test_a_wrong_answer_is_kept_and_can_be_repeated(tmp_path: Path) -> None:
    # A code that some fresh file has for sure, whatever the seed.
    wrong = "answer.get('code') == 'crc-mismatch' and answer.update(code='content-check')"
    command = script(tmp_path, wrong)

    def call(*options: str | Path) -> Any:
        words = ["run", *NAMES, "--role", "reader", *map(str, options), "--", *command]
        return CliRunner().invoke(app, words)

    report = tmp_path / "report.json"
    result = call("--json", report)
    assert result.exit_code == 1
    folder = tmp_path / "report-failed"
    assert f"Files to look at: {folder}" in result.output
    found = json.loads(report.read_text("utf-8"))
    failed = [each for each in found["outcomes"] if each["fresh"] and not each["passed"]]
    assert failed and not found["seed_chosen"]
    for each in failed:
        assert each["judged"] == dict.fromkeys(
            ("pladafmt", "plain_decoder"), "corrupt, crc-mismatch"
        )
        sidecar = json.loads((folder / f"{each['id']}.json").read_text("utf-8"))
        assert sidecar["judged"]["plain_decoder"]["code"] == "crc-mismatch"
        assert sidecar["answer"]["code"] == "content-check"
        assert (sidecar["seed"], sidecar["found"]) == (found["seed"], each["found"])
    # Vectors as well.
    lost = [each for each in found["outcomes"] if not each["fresh"] and not each["passed"]]
    files = {vector.id: vector.file for vector in vectors()}
    for each in lost:
        kept, file = folder / f"{each['id']}.plada", files[each["id"]]
        assert file is not None and kept.read_bytes() == file.read_bytes()
        sidecar = json.loads(kept.with_suffix(".json").read_text("utf-8"))
        assert sidecar["answer"]["code"] == "content-check"
    assert lost and len(list(folder.glob("*.plada"))) == len(failed) + len(lost)

    # The same files again, and with the seed known, their failures can be expected.
    again = tmp_path / "again"
    expected = tmp_path / "expected.txt"
    ids = [each["id"] for each in found["outcomes"] if not each["passed"]]
    expected.write_text("".join(f"{each}\n" for each in ids), "utf-8")
    options = ("--expected-failures", expected, "--keep", again)
    result = call("--seed", str(found["seed"]), *options)
    assert result.exit_code == 0, result.output
    for path in folder.glob("*.plada"):
        assert (again / path.name).read_bytes() == path.read_bytes()
    result = call(*options)
    assert result.exit_code == 2
    assert "which is another one in each run; give the --seed" in result.output


@pytest.mark.slow
def test_files_about_which_the_decoders_differ_are_not_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("pladafmt.names.find_forbidden", lambda text: None)
    command = script(tmp_path, "pass")
    words = ["run", *NAMES, "--role", "reader", "--seed", "1", "--keep", str(tmp_path / "kept")]
    result = CliRunner().invoke(app, [*words, "--", *command])
    assert result.exit_code == 0, result.output
    assert "fresh files were not used, as the suite's decoders do not agree" in result.output
    kept = [json.loads(path.read_text("utf-8")) for path in (tmp_path / "kept").glob("*.json")]
    assert kept
    for each in kept:
        assert each["judged"]["pladafmt"] != each["judged"]["plain_decoder"]
        assert each["verdict"] == "unsettled" and "answer" not in each


# ---------------------------------------------------------------- Files


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2**53 - 1])
def test_fresh_files(seed: int) -> None:
    found = made(seed)
    assert len({each.id for each in found}) == len(found) < len(SHIPPED) / 6
    roles = Counter(each.role for each in found)
    assert set(roles) == set(ROLES) and min(roles.values()) >= 20
    for each in found:
        assert each.usable and each.judged, each
        assert each.file is None or hashlib.sha256(each.file).hexdigest() not in SHIPPED
        answers = {(a.verdict, a.code, a.content_id) for a in each.judged.values()}
        assert len(answers) == 1 and len(each.judged) >= 2, each.judged
    readings = [each for each in found if each.role == "reader"]
    assert sum(each.valid for each in readings) >= 40
    # Hardly an error that is not met.
    assert len({each.data["code"] for each in readings}) > 45
    with_rules = [each for each in readings if "rule" in features_of(each.file or b"")]
    assert sum(each.valid for each in with_rules) >= 9
    assert all("codes" in each.data for each in with_rules if each.valid)
    assert "codes-mismatch" in {each.data["code"] for each in with_rules}
    for role, wanted in {
        "client": {"valid", "mismatch", "corrupt"},
        "writer": {"valid", "unwritable"},
        "salvager": {"salvaged", "unsalvageable"},
    }.items():
        assert {each.data["verdict"] for each in found if each.role == role} == wanted
    words = {each.data["answer"] for each in found if each.role == "verifier"}
    assert words == {"verified", "bad", "unverified", "unsigned", None}


@pytest.mark.slow
def test_fresh_files_follow_from_their_seed() -> None:
    roles = ("client", "verifier", "writer", "rewriter", "salvager")
    one, other = made(7, *roles), made(8, *roles)
    assert not {each.file for each in one if each.file} & {each.file for each in other}
    # And those of a role not from the others that are scored.
    for role in roles:
        assert made(7, role) == [each for each in one if each.role == role]


@pytest.mark.slow
def test_fresh_files_fit_the_client() -> None:
    for each in made(3, "reader", "writer", "verifier", "rewriter", features=frozenset()):
        if each.role == "writer":
            assert each.data["payload"]["codes"] is None
        elif each.valid and each.role != "reader":
            assert not set(features_of(each.file)) & EVERYTHING
        if each.role == "reader" and each.valid:
            assert not features_of(each.file)
        # Who does not know rules is asked as it was before there were any.
        assert "codes" not in each.data and "work" not in each.data.get("limits", ())
    # The seed has a file that needs a feature and a chunk that nobody knows.
    for each in made(6685736360082953, "reader", features=frozenset(["zstd"])):
        assert each.file is not None
        answer = read_plain(each.file, each.data["limits"], features=1)
        assert (answer.verdict, answer.code) == (each.data["verdict"], each.data["code"])
    fixed = {**LIMITS, "kept": 5}
    readings = made(3, "reader", limits=fixed, fixed=True)
    assert all(each.data["limits"] == fixed for each in readings)
    assert sum(each.data["code"] == "limit-kept" for each in readings) > 4


def test_a_file_is_used_only_if_all_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever crashes agrees with nobody, not with another one that crashes either."""

    def crash(*_: Any, **__: Any) -> Any:
        raise IndexError

    for target in ("pladafmt.validate", "plada_conformance.plain_decoder.decode"):
        monkeypatch.setattr(target, crash)
    found = made(1, "client")
    assert found and not any(each.usable for each in found)
