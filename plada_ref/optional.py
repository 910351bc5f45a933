"""Optional dependencies: a command that lacks one says what to install."""

from __future__ import annotations

import importlib

from .errors import Misuse


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
            f'run: pip install "plada[{extra}]"'
        ) from exc
    except ImportError as exc:
        raise Misuse(
            f"{for_} needs the Python package {module}, which is installed but cannot be loaded "
            f'({exc}); reinstall it with: pip install --force-reinstall "plada[{extra}]"'
        ) from exc
