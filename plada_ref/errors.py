"""Errors of the reference pipeline, each a sentence for the person at the terminal."""

from __future__ import annotations


class PipelineError(Exception):
    """Something in the data or on the disk stops the work (exit status 1).

    The message is one or two sentences: what was wrong, where, and what to do.
    """


class Misuse(PipelineError):
    """The command was called with arguments that cannot work (exit status 2)."""


def one_line(exc: BaseException) -> str:
    """Return what an error of another package says, without its line breaks."""
    return " ".join(str(exc).split()) or type(exc).__name__
