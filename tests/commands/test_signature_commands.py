"""Making keys, signing, verifying, and commands that require a signature, as a user calls them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from plada_ref.cli import app
from pladafmt import Payload, PoolRef, dump, load, validate
from pladafmt.keys import PrivateKey, PublicKey

POOL = PoolRef(bytes(range(32)), 1000)
PAYLOAD = Payload(POOL, ["cat", "dog"], [3, 14, 159], [0, 1, 0], metadata={"licence": "CC0"})


def plada(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def last_json(result: Result) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return value


class Desk:
    """A folder with two key pairs, ``alice`` and ``bob``, and an unsigned payload."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for number, name in enumerate(("alice", "bob")):
            key = PrivateKey(bytes([number]) * 32)
            (folder / f"{name}.key").write_bytes(key.to_pem())
            (folder / f"{name}.pub").write_bytes(key.public.to_pem())
        self.payload = folder / "task.plada"
        dump(PAYLOAD, self.payload)

    def key(self, name: str) -> Path:
        return self.folder / f"{name}.key"

    def pub(self, name: str) -> Path:
        return self.folder / f"{name}.pub"

    def key_id(self, name: str) -> str:
        return PublicKey.from_pem(self.pub(name).read_bytes()).key_id.hex()

    def signed(self, name: str) -> Path:
        out = self.folder / f"by-{name}.plada"
        result = plada("sign", self.payload, "--key", self.key(name), "-o", out)
        assert result.exit_code == 0, result.output
        return out

    def altered(self) -> Path:
        """A file with other metadata and the signature of the first one."""
        signed = self.signed("alice").read_bytes()
        out = self.folder / "altered.plada"
        dump(Payload(POOL, ["cat", "dog"], [3, 14, 159], [0, 1, 0], metadata={"a": 1}), out)
        plain = out.read_bytes()
        out.write_bytes(plain[:-6] + signed[-6 - 78 :])
        return out


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_keygen_makes_a_pair_and_never_replaces_one(tmp_path: Path) -> None:
    made = plada("keygen", tmp_path / "the.publisher", "--json")
    assert made.exit_code == 0
    private, public = tmp_path / "the.publisher.key", tmp_path / "the.publisher.pub"
    assert set(tmp_path.iterdir()) == {private, public}
    assert private.stat().st_mode & 0o777 == 0o600
    key = PrivateKey.from_pem(private.read_bytes())
    assert key.public == PublicKey.from_pem(public.read_bytes())
    assert last_json(made) == {
        "private_key": str(private),
        "public_key": str(public),
        "key_id": key.public.key_id.hex(),
    }
    assert key.seed.hex() not in made.output

    for other in (None, public, private):  # One half of a pair is enough to refuse.
        left = {path: path.read_bytes() for path in (private, public) if path != other}
        if other is not None:
            other.unlink()
        refused = plada("keygen", tmp_path / "the.publisher")
        assert refused.exit_code == 1
        assert "--force" in refused.output
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == left
        private.write_bytes(key.to_pem())
        public.write_bytes(key.public.to_pem())
    os.chmod(private, 0o644)
    assert plada("keygen", tmp_path / "the.publisher", "--force").exit_code == 0
    assert PrivateKey.from_pem(private.read_bytes()) != key
    assert private.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("stopped_at", ["fsync", "replace"])
@pytest.mark.parametrize("call", [1, 2])
def test_keygen_never_leaves_keys_of_two_pairs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_at: str, call: int
) -> None:
    assert plada("keygen", tmp_path / "a").exit_code == 0
    private, public = tmp_path / "a.key", tmp_path / "a.pub"
    calls, real = [], getattr(os, stopped_at)

    def stopping(*arguments: Any) -> None:
        calls.append(arguments)
        if len(calls) == call:
            raise KeyboardInterrupt
        real(*arguments)

    monkeypatch.setattr(os, stopped_at, stopping)
    assert plada("keygen", tmp_path / "a", "--force").exit_code == 130
    key = PrivateKey.from_pem(private.read_bytes())
    assert not public.exists() or PublicKey.from_pem(public.read_bytes()) == key.public
    assert set(tmp_path.iterdir()) <= {private, public}


def test_sign_in_place_or_elsewhere(desk: Desk) -> None:
    plain = desk.payload.read_bytes()
    elsewhere = desk.signed("alice")
    assert desk.payload.read_bytes() == plain
    result = plada("sign", desk.payload, "--key", desk.key("alice"), "--json")
    assert result.exit_code == 0
    assert last_json(result) == {
        "out": str(desk.payload),
        "key_id": desk.key_id("alice"),
        "replaced": None,
        "payload_bytes": len(plain) + 78,
    }
    assert desk.payload.read_bytes() == elsewhere.read_bytes()
    assert load(desk.payload) == PAYLOAD

    link = desk.folder / "link.plada"
    link.symlink_to(desk.payload.name)
    again = plada("sign", link, "--key", desk.key("bob"))
    assert f"signature of key {desk.key_id('alice')} was replaced" in again.stdout
    assert link.is_symlink()
    assert validate(desk.payload).facts["signed_by"] == desk.key_id("bob")
    assert not list(desk.folder.glob(".*.part"))


def test_sign_refuses_what_it_cannot_sign(desk: Desk) -> None:
    desk.payload.write_bytes(desk.payload.read_bytes()[:-1])
    refused = plada("sign", desk.payload, "--key", desk.key("alice"), "--json")
    assert refused.exit_code == 1
    assert last_json(refused)["code"] == "truncated"
    public = plada("sign", desk.payload, "--key", desk.pub("alice"))
    assert public.exit_code == 2
    assert "holds a public key" in public.output
    missing = plada("sign", desk.payload, "--key", desk.folder / "none.key")
    assert missing.exit_code == 1
    assert plada("sign", desk.payload).exit_code == 2


@pytest.mark.slow
def test_verify_gives_each_file_its_own_answer(desk: Desk) -> None:
    broken = desk.folder / "broken.plada"
    broken.write_bytes(desk.signed("alice").read_bytes()[:-1])
    files = {
        "verified": (desk.signed("alice"), None),
        "unsigned": (desk.payload, "signature-missing"),
        "unverified": (desk.signed("bob"), "signature-key"),
        "bad": (desk.altered(), "signature-bad"),
        "refused": (broken, "truncated"),
    }
    trusted = ("--key", desk.pub("alice"))
    everything = plada("verify", *(path for path, _ in files.values()), *trusted, "--json")
    assert everything.exit_code == 1
    value = last_json(everything)
    assert value["ok"] is False
    for found, (status, (path, code)) in zip(value["files"], files.items(), strict=True):
        assert (found["file"], found["status"], found["code"]) == (str(path), status, code)
        alone = plada("verify", path, *trusted)
        assert alone.exit_code == (0 if status == "verified" else 1)
        assert alone.stdout.startswith(f"{path}: {status}")
        assert ("verified; signed by" in alone.stdout) == (status == "verified")
        assert alone.stdout.count("\n") == 1
    assert value["files"][0]["key"] == str(desk.pub("alice"))
    both = plada("verify", desk.signed("alice"), desk.signed("bob"), *trusted, "--key")
    assert both.exit_code == 2, "--key without a key"
    both = plada(
        "verify", desk.signed("alice"), desk.signed("bob"), *trusted, "--key", desk.pub("bob")
    )
    assert both.exit_code == 0


def test_verify_without_a_key_verifies_nothing(desk: Desk) -> None:
    for path, status in ((desk.payload, "unsigned"), (desk.signed("alice"), "unverified")):
        result = plada("verify", path)
        assert result.exit_code == 1
        assert result.stdout.startswith(f"{path}: {status}")
        assert "Without --key nothing is verified" in result.stderr


def test_verify_says_what_is_wrong_with_a_key(desk: Desk) -> None:
    for key, sentence in (
        (desk.key("alice"), "Never share a private key"),
        (desk.payload, "not PEM"),
    ):
        result = plada("verify", desk.signed("alice"), "--key", key, "--json")
        assert result.exit_code == 2
        assert sentence in last_json(result)["error"]


@pytest.mark.slow
def test_inspect_and_validate_show_a_signature_and_do_not_vouch_for_it(desk: Desk) -> None:
    for path in (desk.signed("alice"), desk.altered()):
        for command in ("inspect", "validate"):
            text = plada(command, path)
            assert text.exit_code == 0
            assert f"key {desk.key_id('alice')}, not checked here" in text.stdout
            value = plada(command, path, "--json")
            assert "verified" not in text.output + value.output
            found = last_json(value)
            assert (found if command == "inspect" else found["files"][0])["signed_by"] == (
                desk.key_id("alice")
            )
    inspected = last_json(plada("inspect", desk.signed("alice"), "--json"))
    assert inspected["bytes_per_part"]["SIGN"] == 78
    assert sum(part["size"] for part in inspected["parts"]) == inspected["size"]
    # Compared with other encodings, which are unsigned, without its signature.
    compared = [
        plada("inspect", path).stdout.splitlines()[-1]
        for path in (desk.payload, desk.signed("alice"))
    ]
    assert compared[0].startswith("Alternatives: dense ") and compared[0] == compared[1]
    unsigned = plada("validate", desk.payload, "--json")
    assert last_json(unsigned)["files"][0]["signed_by"] is None
    assert "sign" not in plada("validate", desk.payload).stdout
    assert "signed_by   -" in plada("inspect", desk.payload).stdout


def policy_cases(desk: Desk) -> list[tuple[Path, str | None]]:
    return [
        (desk.signed("alice"), None),
        (desk.payload, "signature-missing"),
        (desk.signed("bob"), "signature-key"),
        (desk.altered(), "signature-bad"),
    ]


def test_decode_can_require_a_signature(desk: Desk) -> None:
    for path, code in policy_cases(desk):
        assert plada("decode", path).exit_code == 0, "no policy, no question"
        out = desk.folder / "out.csv"
        result = plada(
            "decode", path, "--require-signed-by", desk.pub("alice"), "-o", out, "--json"
        )
        assert result.exit_code == (1 if code else 0)
        assert last_json(result).get("code") == code
        assert out.exists() == (code is None)
        out.unlink(missing_ok=True)
    either = [f"--require-signed-by={desk.pub(name)}" for name in ("alice", "bob")]
    assert plada("decode", desk.signed("bob"), *either).exit_code == 0
    assert plada("decode", desk.payload, *either).exit_code == 1
    assert plada("decode", desk.signed("bob"), "--require-signed-by", desk.payload).exit_code == 2


def test_train_refuses_before_the_pool_is_read(desk: Desk) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("timm")
    # The pool is not there: who gets as far as opening it gets another error.
    rest = [
        *("-m", desk.folder / "none.parquet", "--pool", desk.folder / "none.tar"),
        *("--model", "plada_convnet_s", "-o", desk.folder / "student", "--json"),
    ]
    for path, code in policy_cases(desk):
        result = plada("train", path, "--require-signed-by", desk.pub("alice"), *rest)
        assert result.exit_code == 1
        told = last_json(result)
        assert told["code"] == (code or "pipeline-error")
        assert ("none.parquet" in told["error"]) == (code is None)
    unasked = plada("train", desk.altered(), *rest)
    assert last_json(unasked)["code"] == "pipeline-error"


@pytest.mark.slow
def test_a_missing_extra_is_named(desk: Desk) -> None:
    signed, folder = str(desk.signed("alice")), desk.folder
    blocker = (
        "import sys\n"
        "sys.modules['cryptography'] = None\n"
        "from plada_ref.cli import main\n"
        "sys.argv = ['plada', *{arguments!r}]\n"
        "main()\n"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        code = blocker.format(arguments=list(arguments))
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )

    assert run("inspect", signed).returncode == 0
    assert run("decode", signed).returncode == 0
    assert "unverified" in run("verify", signed).stdout
    for arguments in (
        ["keygen", str(folder / "new")],
        ["sign", signed, "--key", str(desk.key("alice"))],
        ["verify", signed, "--key", str(desk.pub("alice"))],
        ["decode", signed, "--require-signed-by", str(desk.pub("alice"))],
    ):
        result = run(*arguments)
        assert result.returncode == 2, result
        assert 'pip install "pladafmt[sign]"' in result.stderr
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("name", ["keygen", "sign", "verify"])
def test_help_has_an_example(name: str) -> None:
    result = plada(name, "--help")
    assert result.exit_code == 0
    assert "Example" in result.output
