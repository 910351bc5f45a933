"""Which kinds of image files are read: one list for pools and tasks, docs/images.md explains it."""

from __future__ import annotations

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF", "BMP", "PPM")
"""Formats that Pillow may open, whatever a file is called.

Others are refused although Pillow knows them: EPS starts Ghostscript, and most of the rest are read
by code that few people use and that nobody sends images in.
"""

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff"})
"""File name endings, in lower case, that make a file an image of a pool.

They decide which images a pool has, and so its pool id: they never change.
"""

TASK_SUFFIXES = IMAGE_SUFFIXES | {".jfif", ".jpe", ".ppm", ".pgm", ".pbm", ".pnm"}
"""File name endings that make a file an image of a task, which has no id to keep."""

# fmt: off
UNREAD_SUFFIXES = TASK_SUFFIXES | frozenset(
    {
        ".apng", ".arw", ".avif", ".avifs", ".bpg", ".cr2", ".cr3", ".cur", ".dcm", ".dcx",
        ".dds", ".dib", ".dng", ".emf", ".eps", ".exr", ".fits", ".flif", ".hdr", ".heic",
        ".heif", ".icns", ".ico", ".j2c", ".j2k", ".jls", ".jp2", ".jpc", ".jpf", ".jpx", ".jxl",
        ".jxr", ".mpo", ".nef", ".orf", ".pcd", ".pcx", ".pfm", ".ps", ".psd", ".qoi", ".ras",
        ".raw", ".rw2", ".sgi", ".svg", ".tga", ".wmf", ".xbm", ".xcf", ".xpm",
    }
)
# fmt: on
"""Endings of image files: those that are not read are counted as images all the same."""

_BEGINNINGS = (
    (0, b"\xff\xd8\xff", "JPEG"),
    (0, b"\x89PNG", "PNG"),
    (0, b"II*\0", "TIFF"),
    (0, b"MM\0*", "TIFF"),
    (0, b"GIF8", "GIF"),
    (8, b"WEBP", "WebP"),
    (0, b"BM", "BMP"),
    (0, b"%!PS", "PostScript (EPS)"),
    (0, b"\xc5\xd0\xd3\xc6", "PostScript (EPS)"),
    (0, b"%PDF", "PDF"),
    (4, b"ftypavi", "AVIF"),
    (4, b"ftyphei", "HEIC"),
    (4, b"ftypmif1", "HEIC"),
    (4, b"jP  ", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (4, b"JXL ", "JPEG XL"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\1\0", "ICO"),
    (0, b"\x0a\x05\x01", "PCX"),
    (0, b"8BPS", "Photoshop"),
    (0, b"DDS ", "DDS"),
    (0, b"qoif", "QOI"),
    (0, b"SIMPLE", "FITS"),
    (0, b"\x93NUMPY", "NumPy"),
    (0, b"PK\3\4", "zip"),
    (0, b"\x1f\x8b", "gzip"),
)
_READ = frozenset({"JPEG", "PNG", "TIFF", "GIF", "WebP", "BMP"})


def describe(data: bytes) -> str:
    """Say what the bytes of a file are that Pillow does not open as one of `FORMATS`."""
    if not data:
        return "it is empty"
    if not any(data):
        return f"its {len(data):,} bytes are all zero, as in a download that was never finished"
    text = data[:200].lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "it is a web page (HTML)"
    if text.startswith((b"<?xml", b"<svg")):
        return "it is XML or SVG"
    if text.startswith(b"version https://git-lfs"):
        return "it is a pointer of Git LFS; fetch the file itself with: git lfs pull"
    for offset, start, name in _BEGINNINGS:
        if data[offset : offset + len(start)] == start:
            if name in _READ:
                return f"it begins as {name}, but is damaged or of a rare kind"
            return f"its format is {name}, which is not read"
    return f"it is not {', '.join(FORMATS[:-1])} or {FORMATS[-1]}"
