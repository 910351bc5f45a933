"""What a file says never reaches a terminal, a page or a folder name as it is."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from pladafmt import text


@given(st.text(max_size=30))
def test_terminal_text_prints_as_itself_and_stays_apart(value: str) -> None:
    shown = text.for_terminal(value)
    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in shown)
    assert shown.encode("utf-8", "backslashreplace").decode("unicode_escape", "ignore") is not None
    if value.isascii() and value.isprintable() and "\\" not in value:
        assert shown == value


@given(st.text(max_size=10), st.text(max_size=10))
def test_different_texts_look_different(one: str, other: str) -> None:
    if one != other:
        assert text.for_terminal(one) != text.for_terminal(other)


def test_what_prints_as_nothing_is_escaped() -> None:
    for code in (0x034F, 0x115F, 0x1160, 0x17B4, 0x180B, 0x2800, 0x3164, 0xFE0F, 0xFFA0, 0xE0100):
        shown = text.for_terminal(f"a{chr(code)}b")
        assert shown.isascii() and f"{code:x}" in shown
        assert "\\" in text.printable(chr(code)) and "\\" in text.for_html(chr(code))
    for word in ("한국어", "ខ្មែរ", "ᠮᠣᠩᠭᠣᠯ", "e\u0301", "नमस्ते", "⠁", "😀"):
        assert text.for_terminal(word) == word


def test_no_cell_is_a_formula() -> None:
    for start in ("=", "+", "-", "@", "\t", "\r", "\uff1d", "\uff20"):
        assert text.for_spreadsheet(f"{start}1+1") == f"'{start}1+1"
    for plain in ("", "cat", "a=b", " =1", "'s"):
        assert text.for_spreadsheet(plain) == plain


def test_examples() -> None:
    assert text.for_terminal("a\x1b[2J\u202eb") == "a\\u001b[2J\\u202eb"
    assert text.for_html("<b>&\"'") == "&lt;b&gt;&amp;&quot;&#x27;"
    assert text.for_folder("../etc/passwd", 7) == "00007-___etc_passwd"
    assert text.for_folder("NUL", 1) == "00001-NUL"


@given(st.text(max_size=300), st.integers(0, 65_535))
def test_folder_names_stay_in_their_folder(value: str, number: int) -> None:
    name = text.for_folder(value, number)
    assert name.isascii() and len(name) <= 86
    assert not set(name) & set('/\\:*?"<>|. \0')
