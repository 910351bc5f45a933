"""One measurement in a process of its own, whose peak memory the operating system counts.

Nothing is subtracted: the interpreter and its libraries are part of a peak.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Measured:
    """What a measurement returned.

    Attributes:
        value: what the function returned, through JSON.
        peak: peak resident set of the process, in bytes.
    """

    value: Any
    peak: int


def run(
    function: Callable[..., Any], *, environment: dict[str, str] | None = None, **arguments: Any
) -> Measured:
    """Call `function` of a module of this package, with arguments that JSON can hold, in a child.

    Raises:
        SystemExit: if the child fails; its own words are on standard error.
    """
    command = [sys.executable, "-m", __name__, function.__module__, function.__name__]
    done = subprocess.run(
        command,
        input=json.dumps(arguments),
        stdout=subprocess.PIPE,
        env=os.environ | (environment or {}),
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{function.__name__} has failed with status {done.returncode}.")
    result = json.loads(done.stdout.splitlines()[-1])
    return Measured(result["value"], result["peak"])


def own_peak() -> int:
    """The peak resident set of this process so far, in bytes.

    From /proc on Linux: getrusage also counts what the parent held when it started this process.
    """
    try:
        with open("/proc/self/status", encoding="ascii") as file:
            sizes = [line.split()[1] for line in file if line.startswith("VmHWM:")]
        return 1024 * int(sizes[0])
    except (OSError, IndexError):
        return peak_of(resource.getrusage(resource.RUSAGE_SELF))


def peak_of(usage: resource.struct_rusage) -> int:
    """The peak resident set in bytes; Linux counts it in KiB, macOS in bytes."""
    return usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main() -> None:
    """Be the child: call the function that the arguments name."""
    module, name = sys.argv[1:3]
    value = getattr(importlib.import_module(module), name)(**json.load(sys.stdin))
    print(json.dumps({"value": value, "peak": own_peak()}))


if __name__ == "__main__":
    main()
