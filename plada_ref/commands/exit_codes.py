"""How every command ends when it cannot do its work: a sentence and an exit status.

::

    0    done
    1    the data or the disk stopped the work (PipelineError, PladaError, OSError)
    2    the arguments cannot work (Misuse; typer itself uses 2 as well)
    130  interrupted from the keyboard
"""

from __future__ import annotations

import errno
import functools
import json
import re
import sys
from collections.abc import Callable
from contextlib import nullcontext, redirect_stdout
from typing import Any, ParamSpec, TypeVar

import typer

from pladafmt.errors import PladaError
from pladafmt.files import STANDARD_OUTPUT
from pladafmt.text import printable

from ..errors import Misuse, PipelineError
from .options.address import fetch_addresses, in_words_of
from .options.group import with_options_of_groups
from .options.out import check_out, writes_a_file

P = ParamSpec("P")
R = TypeVar("R")


STARTS_OVER = "no file was left half written, and the same command starts over"
GOES_ON = "the same command goes on where it stopped"


def resumes(function: Callable[P, R]) -> Callable[P, R]:
    """Mark a command that keeps what it has finished; goes below `command`."""
    function.__dict__["resumes"] = True
    return function


def updates(*parameters: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Mark a command whose result may take the place of the file that a parameter names."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        function.__dict__["updates"] = parameters
        return function

    return mark


def command(function: Callable[..., R]) -> Callable[..., R]:
    """Turn a function into a command: option groups, and errors as sentences and exit statuses.

    Put it below ``@app.command()``. A parameter that is an `OptionGroup` becomes the options of the
    group, and a call from Python names each option. The pipeline's errors become ``error: ...`` on
    standard error and an exit status. A file that it is to write is checked before the work
    (`check_out`). A command whose keyword argument ``as_json`` is true also
    gets an object ``{"error": sentence, "code": code}`` as the last line of standard output.
    """
    flat = with_options_of_groups(function)
    checked = writes_a_file(flat)

    @functools.wraps(flat)
    def wrapper(**kwargs: Any) -> R:
        # A file on standard output is alone there.
        out = kwargs.get("out")
        aside = out == STANDARD_OUTPUT
        try:
            if checked and out is not None:
                check_out(out, kwargs, updated=function.__dict__.get("updates", ()))
            with redirect_stdout(sys.stderr) if aside else nullcontext():
                return flat(**fetch_addresses(kwargs))
        except (PipelineError, PladaError, OSError, KeyboardInterrupt) as exc:
            if isinstance(exc, OSError) and exc.errno == errno.EPIPE:
                raise  # The reader of our output went away; click ends quietly then.
            said = _sentence(exc, function.__dict__.get("resumes", False))
            sentence = printable(in_words_of(kwargs, said))
            print(f"error: {sentence}", file=sys.stderr, flush=True)
            if kwargs.get("as_json"):
                stream = sys.stderr if aside else sys.stdout
                print(json.dumps({"error": sentence, "code": _code(exc)}), file=stream, flush=True)
            raise typer.Exit(_status(exc)) from exc

    return wrapper


def _sentence(exc: BaseException, resumable: bool) -> str:
    if isinstance(exc, KeyboardInterrupt):
        return f"interrupted; {GOES_ON if resumable else STARTS_OVER}"
    if isinstance(exc, OSError) and exc.strerror:
        return f"{exc.filename}: {exc.strerror}" if exc.filename is not None else exc.strerror
    return str(exc)


def _code(exc: BaseException) -> str:
    if isinstance(exc, PladaError):
        return exc.code
    if isinstance(exc, KeyboardInterrupt):
        return "interrupted"
    if isinstance(exc, OSError):
        return "os-error"
    # ChangedImage -> "changed-image": the class is the code.
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(exc).__name__).lower()


def _status(exc: BaseException) -> int:
    if isinstance(exc, Misuse):
        return 2
    return 130 if isinstance(exc, KeyboardInterrupt) else 1
