"""The requirements of the specification, as data.

``python -m plada_conformance.requirements spec`` reads them out of ``spec/plada-1.md`` and writes
``spec/requirements.json`` and the index in the specification's appendix C. So it does with the
checks, in the order that a reader makes them in: they are the table of appendix G, where it fills
in the classes, and ``spec/codes.json``. The sentences stand in the specification
alone; nothing is written twice by hand.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "requirements.json"
"""Name of the file of requirements, in the specification's folder and in that of the vectors."""

CODES_FILE = "codes.json"
"""Name of the file of checks, in the specification's folder."""

ROLES = ("reader", "writer", "client", "rewriter", "verifier", "salvager", "publisher")
"""The roles of the specification's section 1."""

_HEADING = re.compile(
    r"^#{2,3} (?:Appendix )?(?P<number>[0-9]+(?:\.[0-9]+)?|[A-Z](?:\.[0-9]+)?)\.? "
)
_ID = re.compile(r"\[(?P<id>PLADA-[A-Z]+-[0-9]{3})\](?: `(?P<code>[a-z0-9-]+)`)?$")
_INDEX = re.compile(r"(<!-- begin: index -->\n).*?(<!-- end -->)", re.DOTALL)
_CLASS_ROW = re.compile(
    r"^\| (?P<name>[a-z]+) \| (?P<meaning>[^|]*) \| (?P<codes>[^|]*) \|$", re.MULTILINE
)
_CHECKS = re.compile(r"(<!-- begin: checks -->\n[^\n]*\n[^\n]*\n)(.*?)(<!-- end -->)", re.DOTALL)
_CHECK_ROW = re.compile(
    r"^\| (?P<step>[A-Za-z ]+) \| (?P<check>[^|]+) \| (?:`(?P<code>[a-z0-9-]+)`)? \|", re.MULTILINE
)
MALFORMED = "malformed"
"""Class of the codes that the table of classes does not name."""


@dataclass(frozen=True)
class Requirement:
    """One sentence with MUST.

    Attributes:
        id: such as ``"PLADA-IDX-004"``.
        roles: whom it binds. A sentence about a file binds readers and writers.
        code: error code with which a reader refuses a file that breaks it, or None.
        error_class: class of that code, or None.
        section: where it is.
        sentence: its words, in one line, without id and code.
    """

    id: str
    roles: tuple[str, ...]
    code: str | None
    error_class: str | None
    section: str
    sentence: str


def extract(text: str) -> list[Requirement]:
    """Return the requirements in the text of a specification, in its order.

    Raises:
        ValueError: for a sentence with MUST and no id, or an id that no sentence with MUST has.
    """
    classes = error_classes(text)
    found: list[Requirement] = []
    section = ""
    for paragraph in _paragraphs(text):
        heading = _HEADING.match(paragraph)
        if heading:
            section = heading["number"]
        line = " ".join(paragraph.split())
        # Section 1 and the words BCP 14 itself speak about MUST.
        has_must = re.search(r"\bMUST\b", line) is not None and section not in ("", "1")
        match = _ID.search(line.removesuffix(":"))
        if has_must != bool(match):
            raise ValueError(f"MUST without an id, or an id without MUST: {line!r}")
        if match is None:
            continue
        sentence = line[: match.start()].strip().removeprefix("- ")
        code = match["code"]
        found.append(
            Requirement(
                match["id"],
                _roles(match["id"], sentence),
                code,
                classes.get(code, MALFORMED) if code else None,
                section,
                sentence,
            )
        )
    ids = [each.id for each in found]
    if len(set(ids)) != len(ids):
        raise ValueError("two requirements have the same id")
    return found


@dataclass(frozen=True)
class Check:
    """One check that a reader makes of a file.

    Attributes:
        step: what it belongs to, such as ``"chunk"`` or ``"HEAD"``.
        check: what fails, or the step whose checks are made here.
        code: of the refusal; None where another step's checks are made.
        error_class: of the code, or None.
    """

    step: str
    check: str
    code: str | None
    error_class: str | None


def checks(text: str) -> list[Check]:
    """Return the checks of the specification's appendix G, in order."""
    classes = error_classes(text)
    table = _CHECKS.search(text)
    if table is None:
        raise ValueError("there is no table of checks")
    found = []
    for row in _CHECK_ROW.finditer(table[2]):
        code = row["code"]
        kind = classes.get(code, MALFORMED) if code else None
        found.append(Check(row["step"], row["check"].strip(), code, kind))
    if len(found) != table[2].count("\n"):
        raise ValueError("a row of the table of checks cannot be read")
    return found


def error_classes(text: str) -> dict[str, str]:
    """Return the class of each error code that appendix G names; the others are malformed."""
    return {
        code: row["name"]
        for row in _class_rows(text)
        for code in re.findall(r"`([a-z0-9-]+)`", row["codes"])
    }


def _class_rows(text: str) -> list[re.Match[str]]:
    table = text.split("\nError classes:\n")[1].split("\n## ")[0]
    return [row for row in _CLASS_ROW.finditer(table) if row["name"] != "class"]


def error_codes(text: str) -> set[str]:
    """Return every error code."""
    return {each.code for each in checks(text) if each.code is not None}


def _paragraphs(text: str) -> list[str]:
    """Return paragraphs and list items; code and tables hold no requirement."""
    plain = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.split(r"\n\s*\n|\n(?=- |\| )", plain)


def _roles(identifier: str, sentence: str) -> tuple[str, ...]:
    subject = sentence.split(" MUST")[0].lower()
    named = tuple(role for role in ROLES if re.search(rf"\b{role}\b", subject))
    if named:
        return named
    return ("publisher",) if identifier.startswith("PLADA-POOL-") else ("reader", "writer")


def index(requirements: list[Requirement]) -> str:
    """Return the Markdown table of appendix C."""
    rows = ["| id | roles | code | section |", "|-|-|-|-|"]
    for each in requirements:
        code = f"`{each.code}`" if each.code else ""
        rows.append(f"| {each.id} | {', '.join(each.roles)} | {code} | {each.section} |")
    return "\n".join(rows) + "\n"


def as_json(requirements: list[Requirement]) -> str:
    """Return the text of requirements.json."""
    rows = [asdict(each) for each in requirements]
    return json.dumps({"format": "plada-1", "requirements": rows}, indent=1) + "\n"


def codes_as_json(text: str) -> str:
    """Return the text of codes.json: the classes, and the checks in order."""
    classes = {row["name"]: row["meaning"] for row in _class_rows(text)}
    rows = [asdict(each) for each in checks(text)]
    return json.dumps({"format": "plada-1", "classes": classes, "checks": rows}, indent=1) + "\n"


def with_index(text: str) -> str:
    """Return the specification with its index, and the classes of its checks, replaced."""
    table = index(extract(text))
    text = _INDEX.sub(lambda match: match[1] + table + match[2], text)
    rows = [
        f"| {each.step} | {each.check} | {f'`{each.code}`' if each.code else ''} |"
        f" {each.error_class or ''} |\n"
        for each in checks(text)
    ]
    return _CHECKS.sub(lambda match: match[1] + "".join(rows) + match[3], text)


def load(path: Path) -> list[Requirement]:
    """Return the requirements in a requirements.json."""
    rows = json.loads(path.read_text("utf-8"))["requirements"]
    return [Requirement(**{**row, "roles": tuple(row["roles"])}) for row in rows]


def main() -> None:
    """Rewrite the generated files and tables in the folder named on the command line."""
    folder = Path(sys.argv[1])
    spec = folder / "plada-1.md"
    text = with_index(spec.read_text("utf-8"))
    spec.write_text(text, "utf-8")
    (folder / FILE).write_text(as_json(extract(text)), "utf-8")
    (folder / CODES_FILE).write_text(codes_as_json(text), "utf-8")


if __name__ == "__main__":
    main()
