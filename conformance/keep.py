"""Files that are worth a look: a client failed on them, or the suite's decoders differ."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .grading import Outcome, file_of
from .process import Reply
from .question import Question
from .run import Result


def keep(result: Result, folder: Path) -> list[Path]:
    """Write what is to be looked at into `folder`, which is made if need be; return the paths.

    Of each file there is ID.plada, ID.head.plada where a salvager's caller names another file for
    its HEAD, ID.answer.plada if the client wrote a file, and ID.json, a sidecar with what each
    decoder says of a fresh file and what the client answered.

    Raises:
        OSError: if a file cannot be written.
    """
    written: list[Path] = []
    for question, outcome, reply in result.failed:
        written += _keep(question, folder, result.seed, outcome, reply)
    for question in result.unused:
        written += _keep(question, folder, result.seed, None, None)
    return written


def _keep(
    question: Question, folder: Path, seed: int, outcome: Outcome | None, reply: Reply | None
) -> list[Path]:
    sidecar: dict[str, Any] = {"id": question.id, "seed": seed, **question.data}
    judged = question.judged or {}
    sidecar["judged"] = {who: asdict(answer) for who, answer in judged.items()}
    files = {"": question.file, ".head": question.head_file}
    if outcome is not None and reply is not None:
        answer = {name: value for name, value in (reply.answer or {}).items() if name != "data"}
        sidecar |= {"expected": outcome.expected, "found": outcome.found, "answer": answer}
        files[".answer"] = file_of(reply)
    written = []
    folder.mkdir(parents=True, exist_ok=True)
    for suffix, data in files.items():
        if data:
            written.append(folder / f"{question.id}{suffix}.plada")
            written[-1].write_bytes(data)
    written.append(folder / f"{question.id}.json")
    written[-1].write_text(json.dumps(sidecar, indent=1) + "\n", "utf-8")
    return written
