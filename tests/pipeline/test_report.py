"""The page about a transfer: of a real one, of damaged and of hostile folders, and in a browser."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import threading
from dataclasses import dataclass, replace
from functools import partial
from html import unescape
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from PIL import Image

from plada_ref.commands.report import report
from plada_ref.errors import PipelineError
from plada_ref.labelling.scores import ScoreTable
from plada_ref.output import Output
from plada_ref.report import Run, page, pictures
from plada_ref.report.markup import Html, element, join
from plada_ref.report.thumbnails import galleries, spread
from plada_ref.runs.plan import Plan
from plada_ref.runs.records import StudentRecord
from plada_ref.runs.transfer import Outcome, transfer
from plada_ref.selection import SafetyNet, Selection
from plada_ref.tasks.task import Task
from plada_ref.training.recipe import recipe
from pladafmt import Payload, PoolRef, dump, load
from pladafmt.errors import Mismatch

from .conftest import ALONE, NET, DigitPool

BASELINES: list[dict[str, Any]] = [
    {
        "baseline": key,
        "name": name,
        "bytes": size,
        "accuracy": accuracy,
        "seconds": 1.25,
        "details": {"bits": 8},
    }
    for key, name, size, accuracy in (
        ("int8-head", "INT8 linear head", 10_043, 0.808),
        ("images-random", "100 random images", 356_000, 0.613),
        ("images-random", "500 random images", 1_818_000, 0.714),
        ("full-target", "All target images", 170_000_000, 0.921),
    )
]
LEAKAGE = {"test_images": 3000, "exact": 1, "near": 2, "fraction": 0.001, "pool_images": 50_000}
CHOICE: dict[str, Any] = {
    "budget": 2000,
    "chosen": "herding",
    "kept": 3000,
    "payload_bytes": 1998,
    "held_out_images": 1600,
    "held_out_accuracy": 0.7731,
    "held_out_teacher": 0.8125,
    "floor": 0.1075,
    "verdict": "herding is the best of 3 payloads.",
    "carried": True,
    "seconds": 31.0,
    "candidates": [
        {
            "selection": name,
            "kept": kept,
            "payload_bytes": size,
            "held_out_accuracy": accuracy,
            "seconds": 2.0,
            "note": note,
            "again": again,
        }
        for name, kept, size, accuracy, again, note in (
            ("random", 2600, 1999, 0.7019, None, ""),
            ("herding", 3000, 1998, 0.7731, 0.765, ""),
            ("prototype", 0, 0, 0.0, None, "no time left"),
        )
    ],
}


class Dom(HTMLParser):
    """A page's elements with their attributes, its text, and its tables by caption."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.tables: list[tuple[str, list[list[str]]]] = []
        self._within: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._within.append(tag)
        if tag == "table":
            self.tables.append(("", []))
        elif tag == "tr":
            self.tables[-1][1].append([])
        elif tag in ("td", "th"):
            self.tables[-1][1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        while self._within and self._within.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if "style" in self._within:
            return
        self.text += data
        if "caption" in self._within:
            caption, rows = self.tables[-1]
            self.tables[-1] = (caption + data, rows)
        elif "td" in self._within or "th" in self._within:
            self.tables[-1][1][-1][-1] += data

    def rows(self, caption: str) -> list[list[str]]:
        """The rows, less the headings, of the one table whose caption begins so."""
        (found,) = [rows for name, rows in self.tables if name.startswith(caption)]
        return found[1:]

    def marked(self, name: str) -> list[tuple[str, dict[str, str | None]]]:
        """The elements of a class."""
        return [one for one in self.elements if name in (one[1].get("class") or "").split()]


@dataclass(frozen=True)
class Made:
    """A finished transfer."""

    folder: Path
    outcome: Outcome
    pool: DigitPool


@pytest.fixture(scope="module")
def made(
    digits: Task,
    digits_test: Task,
    digit_pool: DigitPool,
    output: Output,
    tmp_path_factory: pytest.TempPathFactory,
) -> Made:
    how = {"lr": 4e-3, "augment": "glyph"}
    plan = Plan(
        teacher=NET,
        student=NET,
        teach_recipe=recipe("all", epochs=2, **how),
        train_recipe=recipe("all", epochs=1, **how),
        selections=(Selection(), Selection(safety_net=SafetyNet())),
        keep_rates=(0.1, 0.01),
        described=True,
    )
    folder = tmp_path_factory.mktemp("transfer") / "run"
    outcome = transfer(
        plan,
        digits,
        digits_test,
        digit_pool.open(),
        folder,
        compute=ALONE,
    )
    return Made(folder, outcome, digit_pool)


@pytest.fixture
def folder(made: Made, tmp_path: Path) -> Path:
    """A copy of the transfer's folder that a test may spoil."""
    copy = tmp_path / "run"
    shutil.copytree(made.folder, copy, ignore=shutil.ignore_patterns("features", "*.parts"))
    return copy


def put(folder: Path, name: str, value: Any) -> None:
    (folder / name).write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")


def put_all(folder: Path) -> None:
    put(folder, "baselines.json", {"rows": BASELINES})
    put(folder, "leakage.json", LEAKAGE)
    put(folder, "auto-2000.json", CHOICE)


def dom_of(folder: Path) -> Dom:
    return Dom(page(Run.read(folder), None))


def result(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def student_cells(row: StudentRecord, teacher: float) -> list[str]:
    return [
        row.selection,
        f"{100 * row.keep_rate:.3g} %",
        f"{row.kept:,}",
        f"{row.payload_bytes:,}",
        f"{100 * row.accuracy:.2f} %",
        f"{100 * row.accuracy / teacher:.1f} %",
        ", ".join(row.vanished),
        f"{row.seconds:.1f} s",
    ]


def test_the_page_holds_what_the_transfer_found(made: Made) -> None:
    dom = dom_of(made.folder)
    rows, teacher = made.outcome.students, made.outcome.teacher_accuracy
    assert sorted(dom.rows("Students")) == sorted(student_cells(row, teacher) for row in rows)
    assert len(dom.marked("mark")) == len(rows) == 4
    assert f"Teacher {100 * teacher:.2f} %" in dom.text

    tables = [rows for caption, rows in dom.tables if caption.startswith("Classes before")]
    table = ScoreTable.read(made.folder / "scores.parquet")
    for cells, row in zip(tables, Run.read(made.folder).students, strict=True):
        kept = np.bincount(load(made.folder / f"{row.name}.plada").labels, minlength=10)
        assert [(line[0], line[2].split()[0], line[3].split()[0]) for line in cells[1:]] == [
            (name, f"{before:,}", f"{after:,}")
            for name, before, after in zip(table.classes, table.histogram(), kept, strict=True)
        ]
    parts = [rows for caption, rows in dom.tables if caption.endswith("parts")]
    for cells, row in zip(parts, Run.read(made.folder).students, strict=True):
        sizes = [int(line[2].replace(",", "")) for line in cells[1:]]
        assert sum(sizes) == row.record.payload_bytes

    assert table.teacher in dom.text
    assert table.pool.id.hex() in dom.text
    for text in (
        "plada transfer --task TASK -m MANIFEST --pool SOURCE --model plada_convnet_s --tune all "
        "--epochs 2 --student-epochs 1 --lr 0.004 --augment glyph --keep-rate 0.1 --keep-rate 0.01 "
        "--select low-energy --select low-energy+safety-net -o RUN",
        '"selection": "low-energy+safety-net", "teacher": "plada_convnet_s"',
        "has not been measured",
        "plan.train_recipe.batch_size",
    ):
        assert text in dom.text


def test_the_page_is_one_file_without_script(made: Made, folder: Path) -> None:
    put_all(folder)
    run = Run.read(folder)
    html = page(run, pictures(run, made.pool.open()))
    assert html == page(run, pictures(run, made.pool.open()))
    assert len(html.encode()) < 3_000_000
    assert "url(" not in html and "@import" not in html
    dom = Dom(html)
    assert "script" not in {tag for tag, _ in dom.elements}
    policies = [attrs["content"] for tag, attrs in dom.elements if attrs.get("http-equiv")]
    assert policies == ["default-src 'none'; img-src data:; style-src 'unsafe-inline'"]
    for tag, attrs in dom.elements:
        assert not [name for name in attrs if name.startswith("on")]
        assert (attrs.get("src") or "data:").startswith("data:")
        assert (attrs.get("href") or "#").startswith(("#", "data:,"))
        if tag == "th":
            assert attrs.get("scope") in ("row", "col")
        if tag == "img":
            assert attrs["alt"]
    anchors = {attrs["id"] for _, attrs in dom.elements if "id" in attrs}
    assert {f"#{name}" for name in anchors} >= {
        attrs["href"] for tag, attrs in dom.elements if tag == "a"
    }


def test_what_other_commands_found_is_shown(folder: Path) -> None:
    put_all(folder)
    dom = dom_of(folder)
    teacher = json.loads((folder / "teacher.json").read_text())["accuracy"]
    assert dom.rows("Baselines") == [
        [
            row["name"],
            f"{row['bytes']:,}",
            f"{100 * row['accuracy']:.2f} %",
            f"{100 * row['accuracy'] / teacher:.1f} %",
            "bits 8",
            "1.2 s",
        ]
        for row in BASELINES
    ]
    # The ceiling is a line, whatever its bytes; the three other baselines are marks.
    assert len(dom.marked("mark")) == 4 + 3
    assert len(dom.marked("level")) == 2
    assert "All target images 92.10 %" in dom.text
    assert "0.10 % of the test images are in the pool as well: 3 of 3,000" in dom.text
    assert dom.rows("Candidates, on 1,600 held-out images") == [
        ["herding chosen", "3,000", "1,998", "77.31 %", "76.50 %", "2.0 s"],
        ["random", "2,600", "1,999", "70.19 %", "", "2.0 s"],
        ["prototype", "", "", "no time left", "", "2.0 s"],
    ]
    assert "81.25 %" in dom.text and "10.75 %" in dom.text
    assert CHOICE["verdict"] in dom.text
    # Older folders say nothing of kinds: heads decided, and this transfer trains from scratch.
    assert "--students head" in dom.text
    students: tuple[dict[str, float], ...] = ({"scratch": 0.61}, {"scratch": 0.52}, {})
    kinds = ["head", "scratch"]
    candidates = [
        one | {"students": of} for one, of in zip(CHOICE["candidates"], students, strict=True)
    ]
    put(folder, "auto-2000.json", CHOICE | {"kinds": kinds, "candidates": candidates})
    dom = dom_of(folder)
    assert dom.rows("Candidates, on 1,600 held-out images") == [
        # The one that is least behind for either comes first.
        ["random", "2,600", "1,999", "70.19 %", "61.00 %", "", "2.0 s"],
        ["herding chosen", "3,000", "1,998", "77.31 %", "52.00 %", "76.50 %", "2.0 s"],
        ["prototype", "", "", "no time left", "", "", "2.0 s"],
    ]
    assert "--students head,scratch" in dom.text


@pytest.mark.parametrize(
    "name", ["plan.json", "teacher.json", "teacher.safetensors", "scores.parquet", "*.plada"]
)
def test_a_folder_may_lack_a_file(folder: Path, name: str) -> None:
    for path in folder.glob(name):
        path.unlink()
    assert len(dom_of(folder).rows("Students")) == 4


@pytest.mark.parametrize(
    ("name", "content", "field"),
    [
        ("plan.json", "{", "not JSON"),
        ("plan.json", "[" * 100_000, "not JSON"),
        ("plan.json", '{"a":' * 400 + "1" + "}" * 400, "nested"),
        ("plan.json", "[]", "object"),
        ("plan.json", {"plan": 3}, "plan"),
        ("plan.json", {"layout": 3}, "later version"),
        ("plan.json", {"layout": "2"}, "layout"),
        ("teacher.json", "\x00", "not JSON"),
        ("teacher.json", {"accuracy": "0.9"}, "accuracy"),
        ("teacher.json", {"accuracy": True}, "accuracy"),
        ("teacher.json", '{"accuracy": NaN}', "accuracy"),
        ("teacher.json", {"accuracy": 10**400}, "accuracy"),
        ("baselines.json", {}, "rows is missing"),
        ("baselines.json", {"rows": [BASELINES[0], {}]}, r"rows\[1\]\.baseline"),
        ("baselines.json", {"rows": [BASELINES[0] | {"bytes": -1}]}, r"rows\[0\]\.bytes is -1"),
        ("baselines.json", {"rows": [BASELINES[0] | {"accuracy": 80.8}]}, r"rows\[0\]\.accuracy"),
        (
            "baselines.json",
            {"rows": [BASELINES[0] | {"setting": {"a": [1]}}]},
            r"rows\[0\]\.setting",
        ),
        ("baselines.json", {"rows": [BASELINES[0] | {"details": {"a": 10**999}}]}, "details"),
        ("leakage.json", LEAKAGE | {"fraction": 2}, "fraction"),
        ("leakage.json", LEAKAGE | {"exact": 3000}, "test_images"),
        ("auto-2000.json", CHOICE | {"candidates": {}}, "candidates"),
        ("auto-2000.json", CHOICE | {"verdict": ["x"]}, "verdict"),
        ("auto-2000.json", CHOICE | {"kept": -1}, "kept"),
        (
            "auto-2000.json",
            CHOICE | {"candidates": [{**CHOICE["candidates"][0], "again": 2}]},
            "again",
        ),
        ("low-energy-0.1.json", {"selection": "x"}, "keep_rate"),
        ("low-energy-0.1.json", {"selection": "x" * 3000}, "selection"),
        ("other.json", {"student_accuracy": 0.5}, "selection"),
    ],
)
def test_a_damaged_file_is_named(folder: Path, name: str, content: Any, field: str) -> None:
    put(folder, name, content)
    with pytest.raises(PipelineError, match=f"(?s){name}.*{field}"):
        Run.read(folder)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tune": "tail"}, "plan.train_recipe.tune"),
        ({"tune": ["all"]}, "plan.train_recipe.tune"),
        ({"epochs": 0}, "plan.train_recipe.epochs"),
        ({"lr": "1e-3"}, "plan.train_recipe.lr"),
        ({"lr": 1e6}, "plan.train_recipe.lr"),
        ({"seed": -1}, "plan.train_recipe.seed"),
        ({"seed": 2**63}, "plan.train_recipe.seed"),
        ({"freeze_bn": None}, "plan.train_recipe.freeze_bn"),
    ],
)
def test_a_damaged_recipe_is_named(folder: Path, changes: dict[str, Any], field: str) -> None:
    plan = json.loads((folder / "plan.json").read_text())
    plan["plan"]["train_recipe"] |= changes
    put(folder, "plan.json", plan)
    with pytest.raises(PipelineError, match=f"plan.json.*{field}"):
        Run.read(folder)


def test_a_plan_is_read_as_it_was_written(made: Made) -> None:
    plan = Run.read(made.folder).plan
    assert plan is not None
    assert plan.to_json() == json.loads((made.folder / "plan.json").read_text())
    assert (plan.settings.teacher, plan.settings.train_recipe.epochs) == (NET, 1)


def test_a_folder_of_an_earlier_version_is_shown(folder: Path) -> None:
    """Its selections are spelled in another way, and plan.json has no layout."""
    plan = json.loads((folder / "plan.json").read_text())
    del plan["layout"]
    put(folder, "plan.json", plan)
    old = "low-energy + safety-net(s=0.5, alpha=0)"
    for file in folder.glob("low-energy+safety-net-*.*"):
        name = file.name.replace("+safety-net", "-net-s0.5-a0")
        if file.suffix == ".json":
            put(folder, name, json.loads(file.read_text()) | {"selection": old})
            file.unlink()
        else:
            file.rename(folder / name)
    dom = dom_of(folder)
    assert [row[0] for row in dom.rows("Students")] == ["low-energy", old] * 2
    assert f"This program does not know how to ask for: {old}." in dom.text


def test_files_that_contradict_each_other_are_refused(folder: Path) -> None:
    def refused(match: str) -> None:
        with pytest.raises(PipelineError, match=match):
            Run.read(folder)

    file, row = folder / "low-energy-0.1.plada", folder / "low-energy-0.1.json"
    good, said = file.read_bytes(), json.loads(row.read_text())
    file.write_bytes(good[:-1])
    refused("low-energy-0.1.plada is not a valid payload.*at byte")
    file.write_bytes((folder / "low-energy-0.01.plada").read_bytes())
    refused("low-energy-0.1.json.*payload_bytes")
    payload = load(folder / "low-energy-0.01.plada")
    dump(Payload(PoolRef(bytes(32), 9), list(payload.class_names), [1], [1]), file)
    refused("another pool")
    dump(Payload(payload.pool, 3, [1], [1]), file)
    refused("3 classes")
    file.write_bytes(good)
    put(folder, row.name, said | {"kept": said["kept"] + 1})
    refused("low-energy-0.1.json.*kept")
    put(folder, row.name, said)
    Run.read(folder)
    (folder / "teacher.safetensors").write_bytes(b"another")
    refused("not the teacher")
    # A device without an end.
    (folder / "teacher.safetensors").unlink()
    (folder / "teacher.safetensors").symlink_to("/dev/zero")
    refused("teacher.safetensors is no file")


def test_a_folder_without_students(tmp_path: Path) -> None:
    with pytest.raises(PipelineError, match="no student"):
        Run.read(tmp_path)
    with pytest.raises(PipelineError, match="no folder"):
        Run.read(tmp_path / "missing")


HOSTILE = '</td></title></style><script>alert(1)</script><img src="https://e.example/x" onerror=1>'


def test_hostile_text_stays_text(folder: Path) -> None:
    plain = {tag for tag, _ in dom_of(folder).elements}
    table = ScoreTable.read(folder / "scores.parquet")
    names = [f"{HOSTILE}\\{number}'\"&amp;" for number in range(10)]
    replace(table, classes=(*names[:9], "\u202eten\x1b[2J")).write(folder / "scores.parquet")
    for file in folder.glob("*.plada"):
        found = load(file)
        metadata = {HOSTILE: [HOSTILE, "\u202e\x00"]}
        dump(Payload(found.pool, names, found.positions, found.labels, metadata=metadata), file)
        row = json.loads(file.with_suffix(".json").read_text())
        changes = {"selection": HOSTILE, "vanished": [HOSTILE]}
        put(folder, f"{file.stem}.json", row | changes | {"payload_bytes": file.stat().st_size})
    put_all(folder)
    put(folder, "baselines.json", {"rows": [BASELINES[0] | {"name": HOSTILE, "baseline": "x"}]})
    choice = CHOICE | {"verdict": HOSTILE, "chosen": HOSTILE}
    put(folder, "auto-2000.json", choice)
    plan = json.loads((folder / "plan.json").read_text())
    plan["plan"]["teacher"]["model"] = plan["test"][0] = plan[HOSTILE] = HOSTILE
    put(folder, "plan.json", plan)
    dom = dom_of(folder)
    assert {tag for tag, _ in dom.elements} - plain <= {"em"}  # of the word "chosen"
    assert not any(name.startswith("on") for _, attrs in dom.elements for name in attrs)
    assert dom.text.count(HOSTILE) > 20
    assert f"{HOSTILE}\\\\3'\"&amp;" in dom.text
    assert "\\u202eten\\u001b[2J" in dom.text
    assert not set("\u202e\x00\x1b") & set(dom.text)


def test_what_is_long_is_cut_and_says_so(tmp_path: Path) -> None:
    # Class c has 600 - c images, the last hundred classes none; there are 200 blocks.
    labels = np.repeat(np.arange(500), 600 - np.arange(500))
    rng = np.random.default_rng(0)
    places = np.sort(rng.choice(10**6, size=labels.size, replace=False))
    payload = Payload(PoolRef(bytes(32), 10**6), 600, places, rng.permutation(labels))
    dump(payload, tmp_path / "many.plada", block_span=5000)
    row = {
        "selection": "random",
        "keep_rate": labels.size / 10**6,
        "kept": labels.size,
        "payload_bytes": (tmp_path / "many.plada").stat().st_size,
        "student_accuracy": 0.0,
        "vanished": [f"{number}" for number in range(500, 600)],
        "seconds": 1,
    }
    put(tmp_path, "many.json", row)
    html = page(Run.read(tmp_path), None)
    assert len(html) < 60_000
    dom = Dom(html)
    shown = [int(cells[0]) for cells in dom.rows("Kept images of each class")]
    assert shown == [*range(20), *range(580, 600)]
    for text in (
        "Shown are 40 of 600 classes",
        "0 at least, 300 in the middle, 600 at most; 100 classes have none",
        "501, 502",
        "and 88 more",
        "more parts; plada inspect --all lists them",
    ):
        assert text in dom.text
    assert len(dom.marked("mark")) == 1


def test_payloads_may_lie_in_a_folder_of_their_own(folder: Path) -> None:
    before = dom_of(folder)
    (folder / "payloads").mkdir()
    for file in folder.glob("*-*.*"):
        file.rename(folder / "payloads" / file.name)
    assert dom_of(folder).tables == before.tables


def test_only_markup_made_here_is_markup() -> None:
    assert element("b", "<i>", element("br"), title='"') == '<b title="&quot;">&lt;i&gt;<br></b>'
    # What was joined by other means is escaped again, rather than trusted.
    assert element("b", f"{element('br')}") == "<b>&lt;br&gt;</b>"
    assert element("b", element("br") + "<i>") == "<b>&lt;br&gt;&lt;i&gt;</b>"
    assert join([Html("<hr>"), "<hr>"]) == "<hr>&lt;hr&gt;"


def test_pictures_are_kept_images_of_their_class(made: Made) -> None:
    run, pool = Run.read(made.folder), made.pool.open()
    dom = Dom(page(run, pictures(run, pool)))
    shown = iter([attrs for tag, attrs in dom.elements if tag == "img"])
    seen = 0
    for _, file in run.payloads:
        counts = np.bincount(file.payload.labels, minlength=10)
        here = islice(shown, int(np.minimum(counts, 10).sum()))
        label_of = dict(
            zip(file.payload.positions.tolist(), file.payload.labels.tolist(), strict=True)
        )
        for attrs in here:
            name, _, position = str(attrs["alt"]).partition(", position ")
            number = int(position.replace(",", ""))
            assert label_of[number] == int(name)
            data = base64.b64decode(str(attrs["src"]).removeprefix("data:image/jpeg;base64,"))
            with Image.open(io.BytesIO(data)) as picture:
                distance = np.abs(
                    np.asarray(picture, dtype=float)
                    - np.asarray(pool.open_image(number), dtype=float)
                )
            assert distance.mean() < 12  # JPEG; two digits differ by some 60.
            seen += 1
    assert next(shown, None) is None and seen > 100


def test_pictures_have_a_bound(made: Made) -> None:
    run, pool = Run.read(made.folder), made.pool.open()
    payloads = [file.payload for _, file in run.payloads]
    for payload, found in zip(
        payloads, galleries(payloads, pool, list(range(10)), most=40_000), strict=True
    ):
        size = sum(len(one.uri) for row in found.classes.values() for one in row)
        assert found.cut and 0 < size <= 10_000
        # The room is divided fairly among the classes that could have used more.
        counts = np.bincount(payload.labels, minlength=10)
        lengths = [len(found.classes.get(label, ())) for label in range(10) if counts[label] >= 10]
        assert max(lengths) - min(lengths) <= 1
    with pytest.raises(Mismatch):
        galleries([Payload(PoolRef(bytes(32), 9), 2, [1], [1])], pool, [0], 1000)
    assert spread(np.arange(100, dtype=np.uint64), 4).tolist() == [0, 33, 66, 99]


NO_POOL: dict[str, Any] = {"manifest": None, "pool": None}


def test_the_command(made: Made, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report(run=folder, **NO_POOL, as_json=True)
    said = result(capsys)
    written = (folder / "report.html").read_bytes()
    assert said == {
        "page": str(folder / "report.html"),
        "bytes": len(written),
        "students": 4,
        "baselines": 0,
        "images": 0,
    }
    other = folder / "other.html"
    report(
        run=folder,
        manifest=made.pool.manifest,
        pool=[str(made.pool.shard)],
        out=other,
        as_json=True,
    )
    assert result(capsys)["images"] == other.read_text().count("<img ") > 100
    shown = other.read_bytes()
    with pytest.raises(typer.Exit) as stopped:
        report(run=folder, **NO_POOL, out=other, as_json=True)
    assert stopped.value.exit_code == 2 and other.read_bytes() == shown
    assert "give the pool's --manifest again" in capsys.readouterr().err
    with pytest.raises(typer.Exit) as stopped:
        report(run=folder, manifest=None, pool=["x"], as_json=True)
    assert stopped.value.exit_code == 2
    put(folder, "teacher.json", "{")
    with pytest.raises(typer.Exit) as stopped:
        report(run=folder, **NO_POOL, as_json=True)
    assert stopped.value.exit_code == 1
    assert (folder / "report.html").read_bytes() == written


CHROMIUM = shutil.which("chromium")
WIDTH = 390

# The report's policy forbids scripts in it; those of a page around it can still measure it.
AROUND = """<!doctype html><link rel="icon" href="data:,">
<iframe src="report.html" style="border:0;width:390px;height:3000px"></iframe><pre></pre><script>
const frame = document.querySelector("iframe");
frame.onload = () => {
  const inner = frame.contentDocument;
  inner.querySelectorAll("details").forEach(one => one.open = true);
  const box = one => one.getBoundingClientRect();
  const name = one => one.tagName + "." + (one.getAttribute("class") || "");
  const chart = box(inner.querySelector("svg.chart"));
  document.querySelector("pre").textContent = JSON.stringify({
    chart: [chart.width, chart.height],
    marks: [...inner.querySelectorAll(".mark path")].map(one => [
      box(one).width, box(one).x + box(one).width / 2 - chart.x,
      box(one).y + box(one).height / 2 - chart.y]),
    colours: [...inner.querySelectorAll(".mark path")].map(one => getComputedStyle(one).fill),
    images: [...inner.images].map(one => one.naturalWidth),
    beyond: [...inner.body.querySelectorAll("*")].filter(
      one => box(one).right > 390.5 || box(one).left < -0.5).map(name),
    scroll: inner.documentElement.scrollWidth,
  });
};
</script>"""


class Recorder(SimpleHTTPRequestHandler):
    """Serves a folder and remembers what was asked for."""

    asked: list[str]

    def __init__(self, *args: Any, asked: list[str], **kwargs: Any) -> None:
        self.asked = asked
        super().__init__(*args, **kwargs)

    def do_GET(self) -> None:
        self.asked.append(self.path)
        super().do_GET()

    def log_message(self, format: str, *args: object) -> None:
        pass


@dataclass(frozen=True)
class Rendered:
    """What a browser made of a page.

    Attributes:
        found: what the script in `AROUND` measured.
        asked: paths that were requested.
        logged: what the browser wrote to its console.
    """

    found: dict[str, Any]
    asked: list[str]
    logged: list[str]


def rendered(folder: Path, html: str, *, dark: bool = False) -> Rendered:
    assert CHROMIUM is not None
    site = folder / "site"
    site.mkdir(exist_ok=True)
    put(site, "report.html", html)
    put(site, "around.html", AROUND)
    asked: list[str] = []
    handler = partial(Recorder, directory=str(site), asked=asked)
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        done = subprocess.run(
            [
                *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"),
                *("--enable-logging=stderr", "--virtual-time-budget=5000"),
                *(["--blink-settings=preferredColorScheme=0"] if dark else []),
                f"--user-data-dir={folder / 'profile'}",
                f"http://127.0.0.1:{server.server_port}/around.html",
            ],
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=True,
        )
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    found = json.loads(unescape(done.stdout.partition("<pre>")[2].partition("</pre>")[0]))
    return Rendered(found, asked, [line for line in done.stderr.splitlines() if "CONSOLE" in line])


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.slow
def test_in_a_browser(made: Made, folder: Path, tmp_path: Path) -> None:
    put_all(folder)
    long = json.loads((folder / "low-energy-0.1.json").read_text())
    put(folder, "low-energy-0.1.json", long | {"selection": "x" * 200})
    run = Run.read(folder)
    html = page(run, pictures(run, made.pool.open()))
    light = rendered(tmp_path, html)
    assert light.asked == ["/around.html", "/report.html"]
    assert light.logged == []
    assert light.found["beyond"] == []
    assert light.found["scroll"] <= WIDTH
    width, height = light.found["chart"]
    assert 250 < width < WIDTH and height > 200
    assert len(light.found["images"]) > 100 and min(light.found["images"]) > 0

    # Every mark lies within the chart: the further right, the more bytes; the higher, the better.
    marks = light.found["marks"]
    rows = [(one.record.payload_bytes, one.record.accuracy) for one in run.students]
    rows += [(one.bytes, one.accuracy) for one in run.baselines if not one.is_line]
    assert len(marks) == len(rows) == 7
    assert all(size > 8 and 0 < x < width and 0 < y < height for size, x, y in marks)
    xs = sorted(x for _, x, _ in marks)
    logs = np.log10(sorted(size for size, _ in rows))
    slope = (xs[-1] - xs[0]) / (logs[-1] - logs[0])
    assert np.allclose(xs, xs[0] + slope * (logs - logs[0]), atol=1.5)
    ys = sorted(y for _, _, y in marks)
    levels = np.array(sorted((accuracy for _, accuracy in rows), reverse=True))
    slope = (ys[-1] - ys[0]) / (levels[-1] - levels[0])
    assert np.allclose(ys, ys[0] + slope * (levels - levels[0]), atol=1.5)

    dark = rendered(tmp_path, html, dark=True)
    assert dark.found["beyond"] == [] and dark.logged == []
    assert dark.found["colours"] != light.found["colours"]

    # These checks can fail: a page that asks for something and is too wide.
    bad = html.replace("<main>", '<main><img src="x.png"><p style="width:400px">wide</p>')
    other = rendered(tmp_path, bad)
    assert len(other.logged) == 1 and "img-src" in other.logged[0]
    assert other.found["beyond"]
