"""Images that somebody names: by path or URL, by folder, or by a pattern."""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from ..errors import PipelineError
from ..images import TASK_SUFFIXES
from ..pool.keys import reason_to_skip
from ..storage.location import filesystem, is_local, matches, reachable
from ..tasks.files import StoredImages
from ..tasks.listing import Location, counted, list_folder


@dataclass
class NamedImages:
    """The images that some names stand for.

    Attributes:
        names: what people call each image, as they typed it or below what they typed.
        places: the file of each image.
        failed: names that stand for no image, each with a sentence that says why.
        skipped: how many files in folders, or matched by patterns, are left out, by reason.
    """

    names: list[str] = field(default_factory=list)
    places: list[Location] = field(default_factory=list)
    failed: list[tuple[str, str]] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)

    @property
    def images(self) -> StoredImages:
        """The images themselves, numbered as `names`."""
        return StoredImages(self.places, what="image")


def find_images(specs: Iterable[str]) -> NamedImages:
    """Find the images that paths, URLs, folders and patterns name, in this order.

    What is named itself is an image whatever it is called. In folders, to any depth, and among the
    matches of a pattern, files are images if their names end so (`TASK_SUFFIXES`).

    Raises:
        Misuse: if the protocol of a URL is unknown.
    """
    found = NamedImages()
    for spec in specs:
        filesystem(spec)
        try:
            _add(found, spec)
        except PipelineError as exc:
            found.failed.append((spec, str(exc)))
    return found


def _add(found: NamedImages, spec: str) -> None:
    """Add what one name stands for.

    Raises:
        PipelineError: if that is no image, or a folder cannot be listed.
    """
    urls, reason = matches(spec)
    if not urls:
        raise PipelineError(
            f"There is nothing at {spec!r}{reason}; name images, folders of images or a pattern."
        )
    known = len(found.names)
    skipped: Counter[str] = Counter()
    is_pattern = not _is_there(spec)
    for url in urls:
        name = _shown(spec, url) if is_pattern else spec
        if _is_folder(url):
            listing = list_folder(url, of_classes=False)
            skipped.update(listing.skipped())
            for key, place in sorted(listing.images, key=lambda each: each[0].encode()):
                found.names.append(f"{name.rstrip('/')}/{key}")
                found.places.append(place)
        elif is_pattern and (why := reason_to_skip(posixpath.basename(url), TASK_SUFFIXES)):
            skipped[why] += 1
        else:
            found.names.append(name)
            found.places.append(Location(url))
    found.skipped.update(skipped)
    if len(found.names) == known:
        left_out = f" ({counted(skipped)})" if skipped else ""
        raise PipelineError(
            f"There is no image at {spec!r}{left_out}; names of images end in "
            f"{', '.join(sorted(TASK_SUFFIXES))}."
        )


def _is_there(spec: str) -> bool:
    """Whether something is called so, as opposed to a pattern that names others."""
    fs, path = filesystem(spec)
    with reachable(spec):
        return bool(fs.exists(path))


def _is_folder(url: str) -> bool:
    fs, path = filesystem(url)
    with reachable(url):
        return bool(fs.isdir(path))


def _shown(pattern: str, url: str) -> str:
    """Return what a match is called: a path like the pattern, which may be relative."""
    if is_local(pattern) and not os.path.isabs(os.path.expanduser(pattern)):
        return os.path.relpath(url)
    return url
