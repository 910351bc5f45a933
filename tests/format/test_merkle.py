"""The tree hash against published roots and against the RFC's own recursive definition."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pladafmt import merkle
from pladafmt.loops import hashes
from pladafmt.merkle import POOL_LEAF, TreeHasher, prefix_ids

# The leaf inputs and roots that Certificate Transparency implementations test with.
CT_LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
CT_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


def test_published_roots() -> None:
    hasher = TreeHasher(prefix=b"")
    roots = [hasher.root().hex()]
    for leaf in CT_LEAVES:
        hasher.append(bytes.fromhex(leaf))
        roots.append(hasher.root().hex())
    assert roots == CT_ROOTS


@pytest.fixture(autouse=True)
def _slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test sets is set back."""
    monkeypatch.setattr(merkle, "_SLICE", merkle._SLICE)
    monkeypatch.setattr(hashes, "MANY", hashes.MANY)


def recursive(leaves: list[bytes]) -> bytes:
    """RFC 9162, section 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + recursive(leaves[:k]) + recursive(leaves[k:])).digest()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 300), st.sampled_from([1, 2, 16, 4096]), st.integers(0, 300), st.data())
def test_every_prefix_is_the_recursive_hash(
    count: int, step: int, many: int, data: st.DataObject
) -> None:
    digests = [hashlib.sha256(number.to_bytes(2, "big")).digest() for number in range(count)]
    rows = np.frombuffer(b"".join(digests), np.uint8).reshape(-1, 32)
    sizes = data.draw(st.lists(st.integers(0, count)))
    # Slices of a few leaves, so that whole ones and remainders alternate.
    merkle._SLICE = step
    hashes.MANY = many
    for size, found in prefix_ids(rows, sizes).items():
        assert found == recursive([POOL_LEAF + digest for digest in digests[:size]])


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"\(n, 32\)"):
        TreeHasher().extend(np.zeros((3, 20), np.uint8))
    with pytest.raises(ValueError, match="prefix of 2"):
        prefix_ids(np.zeros((2, 32), np.uint8), [3])


def test_the_specification_s_example() -> None:
    hasher = TreeHasher()
    ids = [hasher.root().hex()]
    for image in (b"one", b"two", b"three"):
        hasher.append(hashlib.sha256(image).digest())
        ids.append(hasher.root().hex())
    assert ids == [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "4bd22da50436821b65c398f8face8fac75b3c98ccb03fe0cd54d7e041f82ff6d",
        "bc5fe01a905b7397d4d6d1ab3951c5f0a2a23f25e987412cbfbec951d3b4a97d",
        "478bbe0a035e90665590652cccbae12b60a47fbd3a3faa7549529cad7830cb7c",
    ]
