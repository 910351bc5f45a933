"""From bytes to pixels: the same for teachers, pools, prediction, thumbnails and leakage."""

from __future__ import annotations

import base64
import io
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, ImageFile

from plada_ref.baselines.jpegs import jpeg
from plada_ref.errors import Misuse, PipelineError
from plada_ref.images import (
    FORMATS,
    IMAGE_SUFFIXES,
    TASK_SUFFIXES,
    UNREAD_SUFFIXES,
    Undecodable,
    as_pixels,
    decode,
)
from plada_ref.limits import Limits
from plada_ref.models.preparation import Preparation
from plada_ref.pool import Manifest, MemoryPool, UnreadableImage, index_pool, open_source
from plada_ref.report.thumbnails import _thumbnail
from plada_ref.tasks.leakage import fingerprint
from plada_ref.tasks.load import load_task

Pixels = npt.NDArray[Any]

SHAPE = np.zeros((12, 16), np.uint8)
SHAPE[2:6, 3:13] = 200
SHAPE[6:10, 3:6] = 90
"""An image that no turn and no mirror leaves as it is."""


def file(image: Image.Image, kind: str = "PNG", **options: Any) -> bytes:
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    return stream.getvalue()


def tiff(
    values: Pixels, *, bits: int, sample_format: int = 1, photometric: int = 1, order: str = "<"
) -> bytes:
    """A TIFF file with one strip of one channel, without compression."""
    height, width = values.shape
    if bits == 12:
        flat = values.reshape(-1).astype(int)
        pairs = ((int(a) << 12) | int(b) for a, b in zip(flat[::2], flat[1::2], strict=True))
        data = b"".join(pair.to_bytes(3, "big") for pair in pairs)
    else:
        data = values.astype(values.dtype.newbyteorder(order)).tobytes()  # type: ignore[arg-type]
    tags = {
        256: width,
        257: height,
        258: bits,
        259: 1,
        262: photometric,
        273: 8,
        277: 1,
        278: height,
        279: len(data),
        339: sample_format,
    }
    header = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(data))
    entries = b"".join(
        struct.pack(f"{order}HHII", tag, 4, 1, value)
        if tag in (273, 279)
        else struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0)
        for tag, value in tags.items()
    )
    return header + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def grey_alpha(colour: int) -> Image.Image:
    """An image of one grey level, whose shape is in its alpha channel."""
    return Image.merge("LA", [Image.new("L", (16, 12), colour), Image.fromarray(SHAPE)])


def over(colour: int, ground: int) -> Pixels:
    """What `grey_alpha` shows over a ground, within one level of rounding."""
    return (SHAPE / 255 * colour + (1 - SHAPE / 255) * ground).round().astype(int)


WIDE = SHAPE.astype(np.uint32)
INTEGERS: dict[str, bytes] = {
    "PNG of 16 bits": file(Image.fromarray((WIDE * 257).astype(np.uint16))),
    "TIFF of 16 bits": file(Image.fromarray((WIDE * 257).astype(np.uint16)), "TIFF"),
    "TIFF of 16 bits, compressed": file(
        Image.fromarray((WIDE * 257).astype(np.uint16)), "TIFF", compression="tiff_lzw"
    ),
    "TIFF of 16 bits, big-endian": tiff((WIDE * 257).astype(np.uint16), bits=16, order=">"),
    "TIFF of 16 bits, white is 0": tiff(
        (65535 - WIDE * 257).astype(np.uint16), bits=16, photometric=0
    ),
    "TIFF of 16 bits, signed": tiff((WIDE << 7).astype(np.int16), bits=16, sample_format=2),
    "TIFF of 8 bits, signed": tiff((WIDE >> 1).astype(np.int8), bits=8, sample_format=2),
    "TIFF of 12 bits": tiff((WIDE << 4).astype(np.uint16), bits=12),
    "TIFF of int32": file(Image.fromarray((WIDE << 23).astype(np.int32)), "TIFF"),
    "TIFF of uint32": tiff(WIDE << 24, bits=32),
    "PGM of 16 bits": b"P5 16 12 65535\n" + (WIDE * 257).astype(">u2").tobytes(),
}


@pytest.mark.parametrize("name", INTEGERS)
def test_integers_are_scaled_by_their_depth(name: str) -> None:
    image = decode(INTEGERS[name])
    assert image.mode == "L"
    assert np.array_equal(np.asarray(image), SHAPE)


def test_16_bit_colours_and_greys_agree() -> None:
    header = b"P6 16 12 65535\n" + np.repeat((WIDE * 257).astype(">u2"), 3).tobytes()
    assert np.array_equal(np.asarray(decode(header))[..., 1], SHAPE)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (file(Image.fromarray(SHAPE.astype(np.float32) / 255), "TIFF"), "floating-point"),
        (file(Image.fromarray(WIDE.astype(np.int32) * 257), "TIFF"), "one grey level of 256"),
        (file(Image.fromarray(SHAPE.astype(np.uint16))), "from 0 to 200 of 65,535"),
        (tiff(SHAPE.astype(np.int16) - 9, bits=16, sample_format=2), "down to -9"),
        (tiff((SHAPE.astype(int) - 100).astype(np.int8), bits=8, sample_format=2), "down to -100"),
    ],
)
def test_numbers_without_a_known_range_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(Undecodable, match=words):
        decode(data)
    flat = file(Image.fromarray(np.full((4, 4), 40_000, np.uint16)))
    assert set(decode(flat).tobytes()) == {40_000 >> 8}


def planar(channels: list[Pixels], *, photometric: int, compressed: bool, extra: bool) -> bytes:
    """A TIFF file with one strip for each channel."""
    (height, width), count = channels[0].shape, len(channels)
    strips = [channel.tobytes() for channel in channels]
    if compressed:
        strips = [zlib.compress(strip) for strip in strips]
    places = [8 + sum(map(len, strips[:number])) for number in range(count)]
    tags = {
        256: [width],
        257: [height],
        258: [8 * channels[0].itemsize] * count,
        259: [8 if compressed else 1],
        262: [photometric],
        273: places,
        277: [count],
        278: [height],
        279: [len(strip) for strip in strips],
        284: [2],
    } | ({338: [2]} if extra else {})
    data = b"".join(strips)
    data += bytes(len(data) % 2)
    behind = 8 + len(data) + 2 + 12 * len(tags) + 4
    entries = more = b""
    for tag, values in tags.items():
        packed = struct.pack(f"<{len(values)}I", *values)
        if len(values) > 1:
            packed, more = struct.pack("<I", behind + len(more)), more + packed
        entries += struct.pack("<HHI", tag, 4, len(values)) + packed
    header = b"II*\0" + struct.pack("<I", 8 + len(data)) + data
    return header + struct.pack("<H", len(tags)) + entries + bytes(4) + more


@pytest.mark.parametrize("compressed", [True, False])
def test_channels_behind_one_another(compressed: bool) -> None:
    """As satellite images are stored. Pillow takes some of them for others, without a word."""
    wide, opaque = (WIDE * 257).astype(np.uint16), np.full_like(SHAPE, 255)
    turned_over = SHAPE[::-1]

    def channels(*values: Pixels, **how: Any) -> bytes:
        return planar([value.copy() for value in values], compressed=compressed, **how)

    colours = channels(SHAPE, turned_over, SHAPE, photometric=2, extra=False)
    expected = np.stack([SHAPE, turned_over, SHAPE], axis=-1)
    assert np.array_equal(np.asarray(decode(colours)), expected)
    with pytest.raises(Undecodable, match=r"a planar TIFF|unknown raw mode"):
        decode(channels(SHAPE, opaque, photometric=1, extra=True))
    for more in ([], [(opaque * np.uint16(257)).astype(np.uint16)]):
        data = channels(wide, wide[::-1], wide, *more, photometric=2, extra=bool(more))
        if compressed:
            assert np.array_equal(np.asarray(decode(data)), expected)
        else:
            with pytest.raises(Undecodable, match="a planar TIFF"):
                decode(data)


def palette(visible: int) -> Image.Image:
    image = Image.fromarray((SHAPE > 0).astype(np.uint8), "P")
    image.putpalette([visible] * 6)
    image.info["transparency"] = 0
    return image


ALPHA: dict[str, tuple[Image.Image, str, Pixels]] = {
    "black LA": (grey_alpha(0), "PNG", over(0, 255)),
    "black RGBA": (grey_alpha(0).convert("RGBA"), "PNG", over(0, 255)),
    "grey RGBA": (grey_alpha(90).convert("RGBA"), "WEBP", over(90, 255)),
    "RGBA in TIFF": (grey_alpha(90).convert("RGBA"), "TIFF", over(90, 255)),
    "white LA": (grey_alpha(255), "PNG", over(255, 0)),
    "white RGBA": (grey_alpha(255).convert("RGBA"), "PNG", over(255, 0)),
    "palette": (palette(7), "PNG", np.where(SHAPE, 7, 255)),
    "white palette": (palette(255), "PNG", np.where(SHAPE, 255, 0)),
    "GIF": (palette(7), "GIF", np.where(SHAPE, 7, 255)),
}


@pytest.mark.parametrize("name", ALPHA)
def test_alpha_is_composed_over_white_or_what_can_be_seen(name: str) -> None:
    image, kind, expected = ALPHA[name]
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    found = np.asarray(decode(file(image, kind, **options)).convert("RGB")).astype(int)
    assert abs(found - expected[..., None]).max() <= 1


def test_a_transparent_colour_is_alpha() -> None:
    for image, key in (
        (Image.fromarray(SHAPE), 0),
        (Image.fromarray(SHAPE).convert("RGB"), (0, 0, 0)),
        (Image.fromarray((WIDE * 257).astype(np.uint16)), 0),
    ):
        found = np.asarray(decode(file(image, transparency=key)).convert("L"))
        assert np.array_equal(found, np.where(SHAPE, SHAPE, 255))


def test_an_alpha_channel_without_a_shape_changes_nothing() -> None:
    colours = Image.effect_noise((16, 12), 90).convert("RGB")
    for alpha in (0, 128, 255):
        image = colours.copy()
        image.putalpha(alpha)
        assert decode(file(image)).tobytes() == colours.tobytes()


def test_8_bits_are_what_pillow_makes_of_them() -> None:
    grey = Image.effect_noise((40, 30), 90)
    colour = Image.merge("RGB", [grey, grey.rotate(90), grey.rotate(180)])
    files = [
        file(image, kind)
        for image in (grey, colour, colour.convert("P"), grey.convert("1"))
        for kind in ("PNG", "BMP", "TIFF", "GIF")
    ]
    files += [file(image, "JPEG") for image in (grey, colour, colour.convert("CMYK"))]
    files += [file(image, "PPM") for image in (grey, colour, grey.convert("1"))]
    for data in files:
        with Image.open(io.BytesIO(data)) as plain:
            found = decode(data)
            assert found.mode in ("L", "RGB")
            assert found.convert("RGB").tobytes() == plain.convert("RGB").tobytes()


def test_lab_becomes_colours(tmp_path: Path) -> None:
    image = Image.merge("LAB", [Image.fromarray(SHAPE), *[Image.new("L", (16, 12), 128)] * 2])
    found = decode(file(image, "TIFF"))
    assert found.mode == "RGB"
    grey = Preparation(12, None, (0.0,) * 3, (1.0,) * 3, grey=True)
    shown = grey(image)
    assert int(shown.max()) - int(shown.min()) > 100


def test_the_first_frame_counts() -> None:
    frames = [Image.fromarray(np.roll(SHAPE, step, 1)) for step in range(3)]
    for kind in ("GIF", "TIFF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        data = file(frames[0], kind, save_all=True, append_images=frames[1:], **options)
        assert np.array_equal(np.asarray(decode(data).convert("L")), SHAPE), kind


_STORED: dict[int, Callable[[Pixels], Pixels]] = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.T,
    6: lambda upright: upright.T[::-1],
    7: lambda upright: upright.T[::-1, ::-1],
    8: lambda upright: upright.T[:, ::-1],
}
"""How a camera stores an upright image, by the orientation that it writes into the EXIF."""


def turned(orientation: int, kind: str, **options: Any) -> bytes:
    stored = Image.fromarray(np.ascontiguousarray(_STORED[orientation](SHAPE)))
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    return file(stored, kind, exif=exif, **options)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_are_upright(orientation: int) -> None:
    for kind, options in (
        ("JPEG", {"quality": 100}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ):
        found = decode(turned(orientation, kind, **options))
        assert found.size == (16, 12)
        assert abs(np.asarray(found.convert("L")).astype(int) - SHAPE).max() <= 3, kind
        # It says nothing more that could turn it again.
        assert as_pixels(found) is found
        assert not found.getexif()


def test_a_damaged_exif_says_nothing() -> None:
    image = Image.fromarray(SHAPE)
    for exif in (b"Exif\0\0", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xff" * 40, b"\xff" * 100):
        found = decode(file(image, "JPEG", quality=100, exif=exif))
        assert abs(np.asarray(found).astype(int) - SHAPE).max() <= 3


_PHOTO = Image.fromarray((np.mgrid[:96, :128].sum(0)[..., None] * [1, 2, 3] % 256).astype(np.uint8))
_KINDS: list[tuple[str, dict[str, Any]]] = [
    ("JPEG", {}),
    ("JPEG", {"progressive": True}),
    ("PNG", {}),
    ("WEBP", {}),
    ("WEBP", {"lossless": True}),
    ("TIFF", {}),
    ("TIFF", {"compression": "tiff_lzw"}),
    ("GIF", {}),
    ("BMP", {}),
    ("PPM", {}),
]


@pytest.mark.filterwarnings("ignore:.*EXIF", "ignore:Truncated")
@pytest.mark.parametrize(("kind", "options"), _KINDS)
@pytest.mark.parametrize("lenient", [False, True])
def test_a_file_cut_short_is_refused_or_whole(
    kind: str, options: dict[str, Any], lenient: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A setting of the whole process, which other libraries change.
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", lenient)
    data = file(_PHOTO, kind, **options)
    whole = decode(data).tobytes()
    for length in np.linspace(0, len(data) - 1, 60).astype(int):
        try:
            assert decode(data[:length]).tobytes() == whole, length
        except Undecodable as exc:
            assert "0x" not in str(exc)
        else:
            assert length > 0.9 * len(data)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is lenient


def test_a_jpeg_that_ends_early_is_refused() -> None:
    data = file(_PHOTO, "JPEG", quality=90)
    begins = data.index(b"\xff\xda") + 14
    for length in np.linspace(begins, len(data) * 0.9, 30).astype(int):
        # libjpeg paints the rest grey and lets Pillow believe that all is well.
        with pytest.raises(Undecodable, match="cut short"):
            decode(data[:length] + b"\xff\xd9")
    for mode in ("L", "RGB"):
        grey = Image.new(mode, (40, 30), (128, 128, 128) if mode == "RGB" else 128)
        for options in ({}, {"progressive": True}):
            assert set(decode(file(grey, "JPEG", **options)).tobytes()) == {128}


def test_a_progressive_jpeg_lacks_its_end_marker_wherever_it_is_cut() -> None:
    data = file(_PHOTO, "JPEG", quality=90, progressive=True)
    scans = [found.start() for found in re.finditer(b"\xff\xda", data)]
    assert len(scans) > 5
    for begins in scans[1:]:
        for cut in (data[:begins], data[:begins] + bytes(len(data) - begins)):
            with pytest.raises(Undecodable, match="cut short"):
                decode(cut)
        # With an end marker it is another, coarse image, for every program.
        ended = data[:begins] + b"\xff\xd9"
        with Image.open(io.BytesIO(ended)) as plain:
            assert decode(ended).tobytes() == plain.tobytes() != decode(data).tobytes()


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (EPS, "PostScript"),
        (
            b"\xc5\xd0\xd3\xc6" + struct.pack("<III", 30, len(EPS), 0) + bytes(14) + EPS,
            "PostScript",
        ),
        (file(_PHOTO, "ICO"), "ICO"),
        (file(_PHOTO, "PCX"), "PCX"),
        (file(_PHOTO, "TGA"), "not JPEG, PNG, WEBP, TIFF, GIF, BMP or PPM"),
        (file(_PHOTO, "JPEG2000"), "JPEG 2000"),
        (file(_PHOTO, "DDS"), "DDS"),
        (file(_PHOTO, "PDF"), "PDF"),
        (b"", "it is empty"),
        (bytes(5000), "5,000 bytes are all zero"),
        (b" <!DOCTYPE html><html><body>Not found</body></html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "git lfs pull"),
        (b"\x89PNG not really", "begins as PNG"),
        (b"hello", "not JPEG"),
    ],
)
def test_other_files_are_not_opened_whatever_they_are_called(
    data: bytes, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def start(*_: object, **__: object) -> None:
        raise AssertionError("a program was started")

    monkeypatch.setattr("subprocess.Popen", start)
    monkeypatch.setattr("subprocess.check_call", start)
    for name in ("pool/a/1.jpg", "task/a/1.png", "task/b/1.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    task = load_task(str(tmp_path / "task"))
    with pytest.raises(PipelineError, match=words) as caught:
        task.images.open_image(0)
    assert "task/a/1.png" in str(caught.value)
    assert not re.search(r"<_io|0x[0-9a-f]{6}", str(caught.value))
    source = open_source([str(tmp_path / "pool")])
    index_pool(source, tmp_path / "pool.parquet")
    pool = MemoryPool(Manifest.read(tmp_path / "pool.parquet"), source)
    with pytest.raises(UnreadableImage, match=words) as refused:
        pool.open_image(0)
    assert not re.search(r"<_io|0x[0-9a-f]{6}", str(refused.value))


def test_how_large_an_image_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = file(Image.new("1", (20_000, 10_000)))
    assert len(bomb) < 40_000
    with pytest.raises(Undecodable, match=r"20,000 x 10,000 .* PLADA_LIMITS=pixels=200000000"):
        decode(bomb)
    small = file(Image.fromarray(SHAPE))
    monkeypatch.setenv("PLADA_LIMITS", "pixels=191")
    with pytest.raises(Undecodable, match="more than 191"):
        decode(small)
    monkeypatch.setenv("PLADA_LIMITS", "image=1KiB,pixels=192")
    assert decode(small).size == (16, 12)
    for text in ("0", "-1", "many", "1e6"):
        monkeypatch.setenv("PLADA_LIMITS", f"pixels={text}")
        with pytest.raises(Misuse, match=f"PLADA_LIMITS has the entry 'pixels={text}'.* pixels"):
            decode(small)


def test_a_scan_for_every_few_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each costs as much as all pixels: a file of 0.3 MB took minutes."""
    data = file(Image.new("L", (800, 800)), "JPEG", progressive=True)
    scan = data[data.rindex(b"\xff\xda") : -2]
    of_its_own = data.count(b"\xff\xda")
    assert len(scan) < 100 and 1 < of_its_own < 20

    def with_more(scans: int) -> bytes:
        return data[:-2] + scans * scan + data[-2:]

    assert decode(with_more(100 - of_its_own)).size == (800, 800)
    with pytest.raises(Undecodable, match=r"more than 100 scans.* PLADA_LIMITS=scans=4\d\d$"):
        decode(with_more(400))
    with pytest.raises(Undecodable, match="more than 100 scans"):
        decode(with_more(100 - of_its_own).replace(b"\xff\xda", b"\xff\xff\xda") + 90 * data)
    monkeypatch.setenv("PLADA_LIMITS", "scans=101")
    assert decode(with_more(101 - of_its_own)).size == (800, 800)


@pytest.mark.filterwarnings("error")
def test_our_limit_holds_and_not_pillows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    assert decode(file(Image.fromarray(SHAPE))).size == (16, 12)
    assert Image.MAX_IMAGE_PIXELS == 50


def test_whoever_sees_an_image_sees_the_same_pixels(tmp_path: Path) -> None:
    colour = Image.merge("RGB", [Image.fromarray(np.roll(SHAPE, step)) for step in range(3)])
    files = {
        "wide.png": INTEGERS["PNG of 16 bits"],
        "alpha.png": file(grey_alpha(0)),
        "turned.png": turned(6, "PNG"),
        "plain.png": file(colour),
    }
    for name, data in files.items():
        for folder in ("pool/a", "task/a", "task/b"):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            (tmp_path / folder / name).write_bytes(data)
    source = open_source([str(tmp_path / "pool")])
    index_pool(source, tmp_path / "pool.parquet")
    pool = MemoryPool(Manifest.read(tmp_path / "pool.parquet"), source)
    task = load_task(str(tmp_path / "task"))
    prepare = Preparation(12, None, (0.0,) * 3, (1.0,) * 3)
    for position, name in enumerate(sorted(files)):
        pooled, taught = pool.open_image(position), task.images.open_image(position)
        with Image.open(io.BytesIO(files[name])) as given:  # As a caller of `predict` has it.
            assert (prepare(given) == prepare(pooled)).all()
            assert (prepare(taught) == prepare(pooled)).all()
            assert fingerprint(given) == fingerprint(pooled) == fingerprint(taught)
            assert jpeg(given) == jpeg(taught)
        assert pooled.size == (16, 12)
        shown = base64.b64decode(_thumbnail(pool, position).uri.partition(",")[2])
        with Image.open(io.BytesIO(shown)) as thumbnail:
            difference = np.asarray(thumbnail).astype(int) - np.asarray(pooled)
            assert abs(difference).mean() < 20


def test_the_page_names_what_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs/images.md").read_text("utf-8")
    rows = {
        line.split("|")[2].strip() + "; " + line.split("|")[3].strip(): set(
            re.findall(r"`(\.\w+)`", line.split("|")[1])
        )
        for line in page.splitlines()
        if line.startswith("| `.")
    }
    assert rows["image; image"] == IMAGE_SUFFIXES
    assert rows["left out, `unread-format`; image"] == TASK_SUFFIXES - IMAGE_SUFFIXES
    unread = rows["left out, `unread-format`; left out, `unread-format`"]
    assert unread < UNREAD_SUFFIXES - TASK_SUFFIXES
    formats = re.search(r"Pillow may open ([\w, ]+) \(`plada_ref", page)
    assert formats is not None
    assert {*re.split(", | AND ", formats[1].upper())} == set(FORMATS)
    assert f"{Limits().pixels:,} pixels" in page
