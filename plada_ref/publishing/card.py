"""Cards: a page about a task or a pool, in Markdown, with front matter as model hubs read it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from pladafmt import Payload
from pladafmt.text import for_terminal

from .index import PublishedPool, PublishedTask

_MOST_CLASSES = 200
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#!|<>&~$])")
_SIMPLE = re.compile(r"[a-z0-9][a-z0-9.+-]*", re.ASCII)


def task_card(
    task: PublishedTask, payload: Payload, pool: PublishedPool | None, accuracy: Mapping[str, float]
) -> bytes:
    """Return the card of a task.

    Args:
        pool: the pool that serves it, if it is published beside it.
        accuracy: the publisher's figures, 0 to 1, by kind of student.
    """
    size = task.files["payload"].bytes
    front = _licence(task.licence) | {
        "pretty_name": f"{task.name} {task.version}",
        "tags": ["plada", "pseudo-labels"],
        "task_categories": ["image-classification"],
        "plada": {
            "pool_id": task.pool,
            "content_id": task.content_id,
            "version": task.version.text,
            "payload_bytes": size,
            "images": task.kept,
            "classes": task.classes,
            "accuracy": {kind: round(value, 4) for kind, value in accuracy.items()},
        },
    }
    lines = [
        f"# {task.name} {task.version}",
        "",
        f"An image-classification task in {size:,} bytes: which {task.kept:,} images of a pool of "
        f"{payload.pool.size:,} stand for its {task.classes:,} classes. A client that has the pool "
        "trains a student of its own with it.",
        "",
        "```",
        f"plada fetch ADDRESS {task.name} -o here",
        f"plada train here/tasks/{task.name}/{task.version}/task.plada -m "
        f"here/pools/{task.pool[:16]}/pool.parquet --model MODEL -o student.safetensors",
        "```",
        "",
        *_table(
            ("", ""),
            [
                ("pool id", task.pool),
                ("pool", _escaped(pool.name or f"{pool.size:,} images") if pool else "elsewhere"),
                ("licence", _escaped(task.licence or "not stated")),
                ("date", _escaped(task.date or "not stated")),
                ("supersedes", _escaped(task.supersedes or "nothing")),
                ("signed by key", task.signed_by or "not signed"),
            ],
        ),
        "",
        "## Accuracy",
        "",
    ]
    if accuracy:
        rows = [(_escaped(kind), f"{100 * value:.1f} %") for kind, value in accuracy.items()]
        lines += [*_table(("student", "accuracy"), rows), "", "The publisher's figures."]
    else:
        lines.append("The publisher states no figures.")
    lines += ["", "## Classes", "", *_classes(payload), "", "## How it was made", ""]
    if payload.metadata:
        lines += _code(payload.metadata)
    else:
        lines.append("The payload does not say.")
    return _page(front, lines)


def pool_card(pool: PublishedPool, order: str) -> bytes:
    """Return the card of a pool.

    Args:
        order: name of its order.
    """
    front = _licence(pool.licence) | {
        "pretty_name": pool.name or f"Pool of {pool.size:,} images",
        "tags": ["plada", "pool"],
        "task_categories": ["image-classification"],
        "plada": {"pool_id": pool.id, "images": pool.size, "order": order},
    }
    files = [(role, file.path, f"{file.bytes:,}") for role, file in sorted(pool.files.items())]
    lines = [
        f"# {_escaped(pool.name) or 'A pool'}",
        "",
        f"{pool.size:,} images, in the order {_escaped(order)}. Its id is `{pool.id}`.",
        "",
        "## How the images are obtained",
        "",
        _escaped(pool.obtain)
        or "From the addresses in `pool.sources.json`: commands find them there.",
        "",
        "## Files",
        "",
        *_table(("file", "path", "bytes"), files),
    ]
    return _page(front, lines)


def _licence(text: str) -> dict[str, Any]:
    """The licence as hubs have it: an identifier in small letters, or a link."""
    if not text:
        return {}
    if _SIMPLE.fullmatch(text.lower()):
        return {"license": text.lower()}
    kind = "license_link" if "://" in text else "license_name"
    return {"license": "other", kind: text}


def _page(front: Mapping[str, Any], lines: Sequence[str]) -> bytes:
    # JSON values are YAML values, whatever is in their texts.
    head = [f"{key}: {json.dumps(value, ensure_ascii=True)}" for key, value in front.items()]
    return "\n".join(["---", *head, "---", "", *lines, ""]).encode()


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        f"| {' | '.join(headings)} |",
        f"|{'-|' * len(headings)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def _classes(payload: Payload) -> list[str]:
    import numpy as np

    counts = np.bincount(payload.labels, minlength=payload.class_count).tolist()
    shown = list(zip(payload.class_names, counts, strict=True))[:_MOST_CLASSES]
    lines = _table(("class", "images"), [(_escaped(name), f"{count:,}") for name, count in shown])
    if len(shown) < payload.class_count:
        lines += ["", f"And {payload.class_count - len(shown):,} more, in `about.json`."]
    return lines


def _code(metadata: Mapping[str, Any]) -> list[str]:
    text = json.dumps(metadata, indent=1, ensure_ascii=True)
    # An indented block: no text in it can end it.
    return [f"    {line}" for line in text.splitlines()]


def _escaped(text: str) -> str:
    """Foreign text that is no markup, on one line."""
    return _MARKDOWN.sub(r"\\\1", for_terminal(text))
