"""What a writer has to write, and what to refuse (specification, section 3).

The sidecar holds the payload: names as text, weights as codes. A writer that is given one must
produce a file with this content id, or refuse; the `.plada` file beside it is one of many.
"""

from __future__ import annotations

from typing import Any

from ..build import EXAMPLE, Meaning, changed, draft
from ..vector import Case, invalid, valid


def payload(meaning: Meaning, **more: Any) -> dict[str, Any]:
    """Return the JSON of a payload; `more` replaces members."""
    found: dict[str, Any] = {
        "pool_id": meaning.pool_id.hex(),
        "pool_size": meaning.pool_size,
        "classes": meaning.classes
        if meaning.names is None
        else [name.decode() for name in meaning.names],
        "identifiers": None
        if meaning.identifiers is None
        else [text.decode() for text in meaning.identifiers],
        "weight_scale": None if meaning.scale is None else list(meaning.scale),
        "positions": list(meaning.positions),
        "labels": list(meaning.labels),
        "codes": None if meaning.codes is None else list(meaning.codes),
    }
    return found | more


def _written(meaning: Meaning) -> Case:
    return Case(draft(meaning), more={"payload": payload(meaning)})


def _refused(**more: Any) -> Case:
    changes = {"verdict": "unwritable", "code": None, "error_class": None}
    return Case(None, more={**changes, "payload": payload(EXAMPLE, **more)})


@valid("PLADA-WRT-001", role="writer")
def write_the_worked_example() -> Case:
    """The payload of the specification's example."""
    return _written(EXAMPLE)


@valid("PLADA-WRT-001", role="writer")
def write_no_image() -> Case:
    """A payload that keeps no image."""
    return _written(changed(positions=(), labels=()))


@valid("PLADA-TXT-007", "PLADA-WRT-001", role="writer")
def write_composed_name() -> Case:
    """Names and identifiers in normalisation form C."""
    return _written(changed(names=("café".encode(), b"dog"), identifiers=(b"", b"n1")))


@valid("PLADA-WRT-001", role="writer")
def write_weights() -> Case:
    """Weights as 8-bit codes on a stated scale."""
    return _written(changed(scale=(8, -256, 32), codes=(0, 1, 254, 255, 7)))


@valid("PLADA-WRT-001", role="writer")
def write_many_classes() -> Case:
    """65,536 unnamed classes."""
    return _written(changed(classes=65_536, names=None, labels=(0, 65_535, 256, 255, 1)))


@valid("PLADA-WRT-001", role="writer")
def write_the_largest_position() -> Case:
    """The last position of the largest pool."""
    return _written(changed(pool_size=2**53 - 1, positions=(0, 1, 2, 3, 2**53 - 2)))


def _register() -> None:
    faults: dict[str, tuple[str, dict[str, Any]]] = {
        "write_equal_positions": ("A position occurs twice.", {"positions": [3, 4, 4, 300, 301]}),
        "write_descending_positions": (
            "Positions do not ascend.",
            {"positions": [3, 5, 4, 300, 301]},
        ),
        "write_position_beyond_pool": (
            "A position is N.",
            {"positions": [3, 4, 5, 300, 1000]},
        ),
        "write_negative_position": ("A position is negative.", {"positions": [-1, 4, 5, 300, 301]}),
        "write_label_c": ("A label is C.", {"labels": [0, 0, 1, 2, 0]}),
        "write_too_few_labels": ("There are fewer labels than images.", {"labels": [0, 0, 1, 1]}),
        "write_no_class": ("There is no class.", {"classes": 0, "labels": [0] * 5}),
        "write_too_many_classes": ("There are 65,537 classes.", {"classes": 65_537}),
        "write_empty_name": ("A name is empty.", {"classes": ["", "dog"]}),
        "write_same_name_twice": ("Two classes have one name.", {"classes": ["cat", "cat"]}),
        "write_name_of_256_bytes": ("A name has 256 bytes.", {"classes": ["x" * 256, "dog"]}),
        "write_forbidden_character": (
            "A name holds a right-to-left override.",
            {"classes": ["c\u202eat", "dog"]},
        ),
        "write_lone_surrogate": ("A name holds a lone surrogate.", {"classes": ["\ud800", "dog"]}),
        "write_identifiers_without_names": (
            "There are identifiers for unnamed classes.",
            {"classes": 2, "identifiers": ["n1", "n2"]},
        ),
        "write_too_few_identifiers": (
            "There are fewer identifiers than classes.",
            {"identifiers": ["n1"]},
        ),
        "write_steep_weight_scale": (
            "A weight would lie beyond 2^1023.",
            {"weight_scale": [8, 4, 1027], "codes": [0, 1, 2, 3, 4]},
        ),
        "write_code_beyond_its_bits": (
            "A weight code of 4 bits is 16.",
            {"weight_scale": [4, 0, 1], "codes": [0, 1, 2, 3, 16]},
        ),
        "write_too_large_pool": ("The pool has 2^53 images.", {"pool_size": 2**53}),
    }
    for name, (sentence, change) in faults.items():

        def make(change: dict[str, Any] = change) -> Case:
            return _refused(**change)

        make.__name__, make.__doc__ = name, sentence
        _refuse("PLADA-WRT-001")(make)
    for name, sentence, change in (
        (
            "write_decomposed_name",
            "A name is not in normalisation form C.",
            {"classes": ["cafe\u0301", "dog"]},
        ),
        (
            "write_decomposed_identifier",
            "An identifier is not in normalisation form C.",
            {"identifiers": ["\u212b", "n2"]},
        ),
    ):

        def make_text(change: dict[str, Any] = change) -> Case:
            return _refused(**change)

        make_text.__name__, make_text.__doc__ = name, sentence
        _refuse("PLADA-TXT-007")(make_text)


def _refuse(requirement: str) -> Any:
    return invalid("unwritable", requirement, role="writer", area="writer", twin=False)


_register()
