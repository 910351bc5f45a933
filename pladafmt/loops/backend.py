"""Two backends that run the loops: compiled by numba where it is installed, or plain Python.

Both run the same source, `pladafmt.loops.kernels`, so only a fault of numba can make them disagree;
a test compares them all the same.
"""

from __future__ import annotations

import importlib.util
import sys
import warnings
from collections import defaultdict
from dataclasses import dataclass
from functools import cache, partial
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import SlowWarning
from . import kernels, sha256


@dataclass(frozen=True)
class Backend:
    """The loops of one backend, and the containers that they run on.

    Attributes:
        kernels: the module, compiled or not.
        compiled: whether it runs on arrays rather than on lists.
    """

    kernels: ModuleType
    compiled: bool

    def integers(self, values: Any) -> Any:
        """Return `values` as the container of this backend: int64."""
        array = np.asarray(values, dtype=np.int64)
        return array if self.compiled else array.tolist()

    def zeros(self, size: int) -> Any:
        """Return `size` zeros that can be written to."""
        return np.zeros(size, dtype=np.int64) if self.compiled else [0] * size

    def models(self, size: int, *, reused: bool = False) -> tuple[Any, Any]:
        """Return the chances and ages of `size` fresh bit models.

        Args:
            reused: whether they serve many blocks, so that it pays to make them all.
        """
        if self.compiled:
            return np.full(size, 32768, dtype=np.int32), np.zeros(size, dtype=np.int16)
        if size > MANY_MODELS and not reused:
            # Made when they are first used: a file may have many blocks of few images each.
            return defaultdict(lambda: 32768), defaultdict(int)
        return [32768] * size, [0] * size

    def octets(self, data: bytes | memoryview | npt.NDArray[np.int8 | np.uint8]) -> Any:
        """Return bytes, such as a stream, as the container of this backend."""
        # Signed bytes: numba makes floats of sums of signed and unsigned integers.
        return np.frombuffer(data, dtype=np.int8) if self.compiled else bytes(data)

    def buffer(self, size: int) -> Any:
        """Return room for `size` bytes to be written."""
        return np.zeros(size, dtype=np.uint8) if self.compiled else bytearray(size)

    def writable(self, array: npt.NDArray[Any]) -> Any:
        """Return the container of this backend that writes to `array`."""
        return array if self.compiled else array.data


PLAIN = Backend(kernels, compiled=False)

MANY = 50_000
"""Images from which numba is worth importing: plain Python takes half a second for them."""


MANY_MODELS = 2048
"""Bit models from which a small block is decoded faster without making all of them."""


SECONDS_PER_MILLION = 5
"""What plain Python takes for the positions and labels of a million images, roughly."""

SLOW = 2_100_000
"""Images that take plain Python more than ten seconds: a few more than are read by default."""


@cache
def compiled() -> Backend | None:
    """Return the compiled backend, or None without numba."""
    try:
        import numba
    except ImportError:
        return None
    return Backend(_compile(numba, kernels, "compiled"), compiled=True)


def compile_lanes() -> ModuleType | None:
    """Return the module `sha256`, compiled, or None where numba is missing or switched off."""
    try:
        import numba
    except ImportError:
        return None
    if vars(numba.config).get("DISABLE_JIT"):
        return None  # By $NUMBA_DISABLE_JIT. The other loops are slow then; these would go wrong.
    return _compile(numba, sha256, "compiled_sha256")


def _compile(numba: ModuleType, source: ModuleType, name: str) -> ModuleType:
    """Load a module of loops once more, with numba's decorators. They compile at the first call.

    Args:
        name: of the module. What numba keeps on disk asks for it, and outlives this program: a
            name once given stays.
    """
    name = f"{__package__}.{name}"
    spec = importlib.util.spec_from_file_location(name, source.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    module.__dict__["jit"] = partial(_jit, numba)
    module.__dict__["inlined"] = partial(_jit, numba, forceinline=True)
    # numba looks functions of its cache up by their module's name.
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _jit(numba: ModuleType, function: Any, **options: Any) -> Any:
    options |= {"nogil": True, "error_model": "numpy"}
    # Without numba's reference counts, which the loops do not need and which take six times as
    # long as the loops do. The option is numba's own, so it may go away. A folder to keep compiled
    # code in may be missing.
    for more in ({"_nrt": False, "cache": True}, {"_nrt": False}, {"cache": True}):
        try:
            return numba.njit(**options, **more)(function)
        except (KeyError, TypeError, RuntimeError):
            continue
    return numba.njit(**options)(function)


def loaded() -> Backend | None:
    """Return the compiled backend if numba is in use already, else None.

    For what NumPy does nearly as well: to import numba takes half a second, more than it would
    save on any one file.
    """
    return compiled() if "numba" in sys.modules else None


def expect(before: int, more: int) -> None:
    """Be ready for blocks with dense streams, each of which may be small.

    Numba is imported once the images of all of them together are worth it. Without numba, who
    waits is told why.

    Args:
        before: images of the dense blocks so far.
        more: images of those that come next.
    """
    images = before + more
    if best(images) is PLAIN and before < SLOW <= images:
        warnings.warn(
            f"Dense streams of {images:,} images or more take plain Python "
            f"{SECONDS_PER_MILLION * images / 1e6:.0f} seconds or more; numba is a hundred times "
            "as fast: pip install 'pladafmt[fast]'.",
            SlowWarning,
            stacklevel=2,
        )


def best(count: int) -> Backend:
    """Return the faster backend for `count` images, counting the time to import numba."""
    return loaded() or (compiled() if count >= MANY else None) or PLAIN
