"""Optional dependencies: a command that lacks one says what to install."""

from __future__ import annotations

import importlib
import importlib.metadata

from .errors import Misuse

DISTRIBUTION = "pladafmt"
"""What pip calls this software. `plada` on the package index is somebody else's project."""


def need(module: str, *, extra: str = "ref", for_: str) -> None:
    """Check that `module` can be imported, before the statement that imports it.

    Args:
        module: the importable name, such as ``"pyarrow"``.
        extra: the extra of the distribution that installs it.
        for_: what needs it, in the user's words, such as ``"plada pool index"``.

    Raises:
        Misuse: if the module, or something that it imports itself, is not installed.
    """
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as exc:
        raise Misuse(
            f"{for_} needs the Python package {exc.name or module}, which is not installed; "
            f'run: pip install "{DISTRIBUTION}[{extra}]"'
        ) from exc
    except Exception as exc:  # An extension that does not fit raises all kinds.
        advice = (
            "torch and torchvision must be builds of one kind, both with CUDA or both without"
            if module == "torchvision"
            else f"reinstall it with: pip install --force-reinstall {_distribution_of(module)}"
        )
        raise Misuse(
            f"{for_} needs the Python package {module}, which is installed but cannot be loaded "
            f"({exc}); {advice}"
        ) from exc


def _distribution_of(module: str) -> str:
    """What pip calls the distribution that a module is of: PIL is Pillow's."""
    found = importlib.metadata.packages_distributions().get(module.partition(".")[0])
    return found[0] if found else module
