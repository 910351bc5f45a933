"""docs/architecture.md and the contracts in pyproject.toml say what the folders show."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "architecture.md").read_text("utf-8")
MOST_LINES = 80
MOST_FILES = 8


def _floors() -> list[set[str]]:
    """The rooms of the contract, the highest floor first."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    contracts = {each["id"]: each for each in settings["tool"]["importlinter"]["contracts"]}
    return [{name.strip() for name in floor.split("|")} for floor in contracts["rooms"]["layers"]]


def _rows() -> list[tuple[list[str], list[str]]]:
    """Rooms and main files of each row of the page's table, as they are written there."""
    rows = re.findall(r"^\| (`.+?) \| .+? \| ?(.*?) ?\|$", PAGE, re.MULTILINE)
    return [
        (re.findall(r"`([^`]+)`", rooms), re.findall(r"`([^`]+)`", files)) for rooms, files in rows
    ]


def test_the_page_is_short() -> None:
    assert len(PAGE.splitlines()) <= MOST_LINES


def test_every_room_is_on_the_page_in_the_order_of_the_contract() -> None:
    written = [room.rstrip("/").removesuffix(".py") for rooms, _ in _rows() for room in rooms]
    place = {room: floor for floor, rooms in enumerate(reversed(_floors())) for room in rooms}
    assert sorted(written) == sorted(place)
    assert [place[room] for room in written] == sorted(place[room] for room in written)


def test_rooms_and_main_files_exist() -> None:
    for rooms, files in _rows():
        folders = [ROOT / "plada_ref" / room for room in rooms]
        assert all(folder.exists() for folder in folders), rooms
        assert all(any((folder / file).is_file() for folder in folders) for file in files), files


def test_every_folder_is_a_room_and_few_files_lie_loose() -> None:
    below = [path for path in (ROOT / "plada_ref").iterdir() if path.name != "__pycache__"]
    folders = {path.name for path in below if path.is_dir()}
    files = {path.name for path in below if path.is_file()}
    rooms = set().union(*_floors())
    assert folders <= rooms
    assert {Path(name).stem for name in files if name.endswith(".py")} - rooms == {
        "__init__",
        "__main__",
    }
    assert len(files) <= MOST_FILES
