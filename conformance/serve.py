"""The client's side of the protocol, for clients in Python: give it a function for each request."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from typing import Any

Answer = dict[str, Any]
Handler = Callable[[dict[str, Any]], Answer]


def serve(
    handlers: Mapping[str, Handler],
    *,
    name: str,
    version: str,
    roles: list[str],
    features: list[str],
) -> None:
    """Answer requests on standard input until ``bye``, or the end of input.

    Args:
        handlers: a function for each value of ``do``; its answer needs no id.
        name: the client's name.
        version: the client's version.
        roles: the roles that it plays.
        features: the required features that it knows.
    """
    for line in sys.stdin:
        request = json.loads(line)
        if request["do"] == "bye":
            return
        if request["do"] == "hello":
            answer: Answer = {
                "protocol": 1,
                "name": name,
                "version": version,
                "roles": roles,
                "features": features,
                "limits": {},
            }
        else:
            answer = {**handlers[request["do"]](request), "id": request["id"]}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
