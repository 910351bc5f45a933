"""How to make the same folder again: command line, settings, versions and digests."""

from __future__ import annotations

import platform
from importlib import metadata

from ..runs.plan import select_option
from ..runs.run import Run
from .markup import Html, element
from .table import facts
from .wording import some

_PACKAGES = ("pladafmt", "torch", "timm", "numpy", "pyarrow", "pillow", "zstandard")
_SETTINGS = 100
"""Settings that are listed at most; a transfer has about forty."""
_LENGTH = 300
"""Characters of a setting that are shown at most."""


def reproduce(run: Run) -> Html:
    """Return the section."""
    return element(
        "section",
        element("h2", "Make it again"),
        *_commands(run),
        element("h3", "Digests"),
        facts(_digests(run)),
        element("h3", "Versions of the programs that wrote this page"),
        facts([("Python", platform.python_version()), *_versions()]),
    )


def _commands(run: Run) -> list[Html]:
    if run.plan is None:
        return [element("p", "The folder holds no plan.json, so its settings are not known.")]
    records = [student.record for student in run.students]
    unknown = [one.selection for one in records if select_option(one) is None]
    parts = [
        element(
            "p",
            "Words in capitals are to be filled in; what is not given is the default. The task is "
            f"{run.plan.learn_from[0]}, {run.plan.learn_from[1]:,} images; tested on "
            f"{run.plan.test[0]}, {run.plan.test[1]:,} images.",
            class_="soft",
        ),
        *(
            element("p", element("code", *_words(options)), class_="command")
            for options in run.plan.commands(records, run.autos[0].kinds if run.autos else ())
        ),
    ]
    if unknown:
        names = some(list(dict.fromkeys(unknown)))
        parts.append(
            element("p", f"This program does not know how to ask for: {names}.", class_="soft")
        )
    settings = run.plan.listed
    listed = [(name[:_LENGTH], value[:_LENGTH]) for name, value in settings[:_SETTINGS]]
    parts.append(
        element(
            "details",
            element("summary", f"All {len(settings):,} settings (plan.json)"),
            facts(listed),
            element("p", f"Shown are {_SETTINGS} of them.") if len(settings) > _SETTINGS else "",
        )
    )
    return parts


def _words(options: list[str]) -> list[Html]:
    """Each option in one piece: a line may end between two, and not in the middle of ``--``."""
    return [part for option in options for part in (element("span", option), Html(" "))]


def _digests(run: Run) -> list[tuple[str, str]]:
    found = []
    if run.teacher_sha256 is not None:
        found.append(("teacher, SHA-256", run.teacher_sha256))
    pools = {file.payload.pool.id.hex() for _, file in run.payloads}
    if run.scores is not None:
        pools.add(run.scores.pool.id.hex())
    found += [("pool id", pool) for pool in sorted(pools)]
    found += [
        (f"{student.name}.plada, content id", str(file.report.facts["content_id"]))
        for student, file in run.payloads
    ]
    return [(name, element("code", value)) for name, value in found]


def _versions() -> list[tuple[str, str]]:
    found = []
    for package in _PACKAGES:
        try:
            found.append((package, metadata.version(package)))
        except metadata.PackageNotFoundError:
            continue
    return found
