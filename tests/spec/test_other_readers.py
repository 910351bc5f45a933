"""The mistakes of other formats' readers that the rationale names, with the libraries at hand.

When one of these fails, a library has been mended: bring the specification's appendix F up to date.
"""

from __future__ import annotations

import io
import json

import zstandard
from PIL import Image


def test_zstandard_drops_a_second_frame() -> None:
    two = zstandard.compress(b"first,") + zstandard.compress(b"second")
    decompressor = zstandard.ZstdDecompressor()
    assert decompressor.decompress(two) == b"first,"
    assert decompressor.decompress(two[: two.index(b"second") - 6] + b"noise") == b"first,"
    with decompressor.stream_reader(two, read_across_frames=True) as reader:
        assert reader.read() == b"first,second"


def test_json_takes_the_last_of_two_keys() -> None:
    assert json.loads('{"roles": ["_admin"], "roles": []}') == {"roles": []}


def _png(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (1, 1), shade).save(out, "PNG")
    return out.getvalue()


def _shade(data: bytes) -> object:
    return Image.open(io.BytesIO(data)).getpixel((0, 0))


def test_pillow_reads_on_over_damage() -> None:
    good, other = _png(10), _png(20)
    start = good.index(b"IDAT")
    end = start + 4 + int.from_bytes(good[start - 4 : start], "big")
    planted = good[:start] + other[start:end] + good[end:]
    assert _shade(planted) == 20, "the pixels of another file, under this file's CRC"
    assert _shade(good + b"trailing") == 10
    assert _shade(good[:-12]) == 10, "without IEND"
