"""A role's vectors, asked of its program and of the program's mutants."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

from .. import plain_rewriter, plain_salvager
from ..altered import module_of, text_of
from ..clients import plain
from ..conversation import ALL_FEATURES
from ..grading import judge
from ..process import Reply
from ..question import Question, of_vector
from ..vectors_on_disk import ROOT, vectors
from ..watch import Late, alarm
from .mutants import Mutant, functions, mutants

ASKED = {
    "reader": ("reader", "client"),
    "verifier": ("verifier",),
    "writer": ("writer", "rewriter", "salvager"),
    "rewriter": ("rewriter",),
    "salvager": ("salvager",),
}
"""Whose vectors a role's program is asked; rewriter and salvager write with the plain writer."""

PROGRAMS = {
    "reader": "plain_decoder",
    "verifier": "plain_verifier",
    "writer": "plain_writer",
    "rewriter": "plain_rewriter",
    "salvager": "plain_salvager",
}
"""The program that plays each role."""


SECONDS = 1.0
"""Of processor time, that a mutant may take for a vector beyond five times the program's."""

NOT_LOADED = "(not loaded)"
"""What takes the place of a vector where a mutant cannot even be loaded."""


@dataclass
class _Asked:
    """A vector, as a request, and what the program does with it."""

    question: Question
    request: dict[str, Any]
    entered: frozenset[str]
    seconds: float


class Examiner:
    """The vectors of a role. A context manager: the vectors' files lie in a folder of its own.

    Raises:
        ValueError: if the program itself fails on a vector.
    """

    def __init__(self, role: str) -> None:
        self.role, self.program = role, PROGRAMS[role]
        self._folder = tempfile.TemporaryDirectory()
        number = count()

        def lay(data: bytes) -> str:
            path = Path(self._folder.name, str(next(number)))
            path.write_bytes(data)
            return str(path)

        questions = [
            of_vector(vector, ROOT) for vector in vectors() if vector.data["role"] in ASKED[role]
        ]
        module, self._at_load = self._control()
        asked = [self._ask_control(module, each, each.request(lay)) for each in questions]
        self._asked = sorted(asked, key=lambda each: each.seconds)

    def __enter__(self) -> Examiner:
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def killer(self, mutant: Mutant) -> str | None:
        """Return the first vector that tells a mutant from the program, or None."""
        try:
            with alarm(5 * SECONDS, of_processor=True):
                module = mutant.module()
        except (Exception, Late):
            return NOT_LOADED
        # Only what enters the mutant's function can tell; who told last time comes first.
        anywhere = mutant.function in self._at_load
        for place, asked in enumerate(self._asked):
            if not anywhere and mutant.function not in asked.entered:
                continue
            if not self._passes(module, asked):
                self._asked.insert(0, self._asked.pop(place))
                return asked.question.id
        return None

    def _passes(self, module: ModuleType, asked: _Asked) -> bool:
        try:
            with alarm(SECONDS + 5 * asked.seconds, of_processor=True):
                return self._right(module, asked.question, asked.request)
        except (Exception, Late):
            return False

    def _right(self, module: ModuleType, question: Question, request: dict[str, Any]) -> bool:
        with _in_place_of(self.program, module):
            answer = plain.HANDLERS[request["do"]](request)
        reply = Reply(answer, None, "", 0.0, 0)
        return judge(question, set(ALL_FEATURES), reply, spare=0).passed

    def _control(self) -> tuple[ModuleType, frozenset[str]]:
        """Return the program, loaded like a mutant, and the functions that loading it enters."""
        source = text_of(self.program)
        with _entered(self.program) as names:
            module = module_of(self.program, source, "no slip")
        outside = {each.function for each in mutants(self.program)} - functions(self.program).keys()
        return module, names() | outside

    def _ask_control(
        self, module: ModuleType, question: Question, request: dict[str, Any]
    ) -> _Asked:
        start = time.process_time()
        with _entered(self.program) as names:
            right = self._right(module, question, request)
        if not right:
            raise ValueError(f"{self.program} fails on {question.id} without a slip.")
        return _Asked(question, request, names(), time.process_time() - start)


@contextmanager
def _in_place_of(program: str, module: ModuleType) -> Iterator[None]:
    """Put a module in the place of a program, where the client and other programs use it."""
    own = getattr(plain, program)
    places = [
        (holder, name)
        for holder in (plain, plain_rewriter, plain_salvager)
        for name, value in vars(holder).items()
        if value is own
    ]
    for holder, name in places:
        setattr(holder, name, module)
    try:
        yield
    finally:
        for holder, name in places:
            setattr(holder, name, own)


@contextmanager
def _entered(program: str) -> Iterator[Callable[[], frozenset[str]]]:
    """Note which functions of a program with no slip are entered meanwhile."""
    file = f"<{program} with no slip>"
    codes: set[CodeType] = set()

    def trace(frame: FrameType, _event: str, _: object) -> None:
        # Called where a function is entered; without a result, its lines are not traced.
        if frame.f_code.co_filename == file:
            codes.add(frame.f_code)

    def names() -> frozenset[str]:
        lines = {code.co_firstlineno for code in codes}
        return frozenset(
            name for name, of in functions(program).items() if not lines.isdisjoint(of)
        )

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield names
    finally:
        sys.settrace(before)
