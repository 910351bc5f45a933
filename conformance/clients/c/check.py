"""Read the conformance vectors with a client, and on request damaged copies of them."""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import Any

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "v1"
DEFAULTS = {
    "kept": 2**24, "stream": 2**26, "blocks": 65536, "class_map": 2**20, "metadata": 2**16,
    "work": 2**41,
}  # fmt: skip


class Client:
    """A client that runs, and is asked."""

    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen(
            [program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert answer.pop("id", None) == request.get("id")
        return answer

    def bye(self) -> None:
        """Let the client end."""
        self.process.communicate('{"do": "bye"}\n')
        assert self.process.returncode == 0, "the client did not end well"


def request_of(vector: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return the request that a vector stands for."""
    if vector["role"] == "verifier":
        return {"do": "verify", "file": str(file), "keys": vector["keys"]}
    limits = DEFAULTS | (vector.get("limits") or {})
    request = {"do": "read", "file": str(file), "limits": limits, "pool": vector.get("pool")}
    if "codes" in vector:
        request["codes"] = vector["codes"]
    return request


def expected(vector: dict[str, Any]) -> dict[str, Any]:
    """Return the answer that a vector calls for."""
    if vector["role"] == "verifier" and vector.get("answer"):
        wanted = {"answer": vector["answer"], "code": vector["code"]}
    elif vector["verdict"] == "valid":
        wanted = {"verdict": "valid", "content_id": vector["content_id"]}
    else:
        wanted = {"verdict": vector["verdict"], "code": vector["code"]}
    return {key: value for key, value in wanted.items() if value is not None}


def damage(data: bytes, chance: random.Random) -> bytes:
    """Return a copy with one to four changes."""
    out = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at, what = chance.randrange(len(out) + 1), chance.randrange(4)
        if what == 0:
            out[at : at + 1] = bytes([chance.randrange(256)])
        elif what == 1:
            out[at : at + 1] = bytes([(out[at : at + 1] or b"\0")[0] ^ 1 << chance.randrange(8)])
        elif what == 2:
            del out[at : at + chance.randint(1, 8)]
        else:
            out[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(out)


def repair(data: bytes) -> bytes:
    """Return a copy with the checksums put right, as far as chunks can be followed."""
    out, at, head = bytearray(data), 9, 0
    while at < len(out):
        size, shift, start = 0, 0, at
        for at in range(start + 1, min(start + 9, len(out))):
            size += (out[at] & 127) << shift
            shift += 7
            if out[at] < 128:
                break
        at += 1 + size
        if at + 4 > len(out):
            break
        crc = zlib.crc32(out[start:at], 0 if out[start] & 128 else head)
        out[at : at + 4] = crc.to_bytes(4, "little")
        at += 4
        head = head or crc
    return bytes(out)


def main() -> int:
    """Run the checks and say what failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("client")
    parser.add_argument("--damaged", type=int, default=0, help="damaged copies of each vector")
    options = parser.parse_args()
    client, chance = Client(options.client), random.Random(1)
    client.ask(do="hello", protocol=1)
    read = wrong = damaged = 0
    scratch = Path(tempfile.mkdtemp()) / "damaged.plada"
    for sidecar in sorted(VECTORS.glob("*/*/*.json")):
        vector = json.loads(sidecar.read_text())
        if vector["role"] not in ("reader", "client", "verifier"):
            continue
        file = sidecar.with_suffix(".plada")
        answer = client.ask(id=read, **request_of(vector, file))
        read += 1
        if answer != expected(vector):
            wrong += 1
            print(vector["id"], answer, expected(vector), sep="\n    ")
        for _ in range(options.damaged):
            copy = damage(file.read_bytes(), chance)
            scratch.write_bytes(repair(copy) if chance.randrange(4) else copy)
            client.ask(id=damaged, **request_of(vector, scratch))
            damaged += 1
    client.bye()
    print(f"{read} vectors, {wrong} not read as they should be; {damaged} damaged copies")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
