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


def _register_valid() -> None:
    many = tuple(2**width for width in range(52))
    positions = tuple(sum(many[:count]) for count in range(len(many) + 1))
    texts = "\ud7ff \ue000", "x" * 255, "\u00e9" * 127
    names = tuple(text.encode() for text in texts)
    meanings = {
        "write_one_class": (
            "One class, which needs no labels.",
            changed(classes=1, names=(b"cat",), labels=(0,) * 5),
        ),
        "write_256_classes": (
            "256 classes: one byte for a label.",
            changed(classes=256, names=None, labels=(0, 255, 1, 254, 128)),
        ),
        "write_257_classes": (
            "257 classes: two bytes for a label.",
            changed(classes=257, names=None, labels=(0, 256, 255, 1, 2)),
        ),
        "write_distances_of_every_width": (
            "Distances of every width from 0 to 51, an even number of them.",
            changed(pool_size=2**53 - 1, positions=positions, labels=(0, 1) * 26 + (1,)),
        ),
        "write_far_distances": (
            "Three distances of 2^15 - 1, 2^15 and 2^52.",
            changed(
                pool_size=2**53 - 1,
                positions=(127, 2**15 + 126, 2**16 + 126, 2**52 + 2**16 + 126),
                labels=(0, 1, 1, 0),
            ),
        ),
        "write_numbers_at_the_ends_of_a_varint": (
            "N is 16,384, the first image stands at 128, and 127 images are kept.",
            changed(pool_size=16_384, positions=tuple(range(128, 255)), labels=(1,) * 127),
        ),
        "write_128_images": (
            "128 images of a pool of 16,383, each the 128th.",
            changed(pool_size=16_383, positions=tuple(range(0, 16_383, 128)), labels=(0, 1) * 64),
        ),
        "write_pool_of_2_to_32": (
            "A pool of 2^32 images, whose positions are hashed as 32 bits.",
            changed(pool_size=2**32, positions=(0, 1, 2, 3, 2**32 - 1)),
        ),
        "write_pool_of_2_to_32_and_1": (
            "A pool of 2^32 + 1 images, whose positions are hashed as 64 bits.",
            changed(pool_size=2**32 + 1, positions=(0, 1, 2, 3, 2**32)),
        ),
        "write_weights_of_4_bits": (
            "Weights of 4 bits of five images, the last half byte of which is not used.",
            changed(scale=(4, -32_768, 1), codes=(1, 2, 4, 8, 15)),
        ),
        "write_weights_of_4_bits_for_4_images": (
            "Weights of 4 bits of four images, on the steepest scale.",
            changed(
                positions=(3, 4, 5, 6),
                labels=(0, 1, 1, 0),
                scale=(4, 6888, 17_000),
                codes=(0, 9, 6, 15),
            ),
        ),
        "write_steepest_weight_scale": (
            "The heaviest weight is 2^1023 exactly.",
            changed(scale=(8, 3, 1027), codes=(0, 1, 2, 254, 255)),
        ),
        "write_highest_low": (
            "The lowest weight is as large as can be stated.",
            changed(scale=(8, 32_767, 1), codes=(0, 1, 2, 254, 255)),
        ),
        "write_names_at_their_bounds": (
            "Names of 254 and 255 bytes, and of the characters beside the surrogates.",
            changed(classes=3, names=names),
        ),
        "write_same_empty_identifiers": (
            "Identifiers of which two are empty.",
            changed(classes=3, names=(b"a", b"b", b"c"), identifiers=(b"", b"n1", b"")),
        ),
    }
    for name, (sentence, meaning) in meanings.items():

        def make(meaning: Meaning = meaning) -> Case:
            return _written(meaning)

        make.__name__, make.__doc__ = name, sentence
        valid("PLADA-WRT-001", role="writer", area="writer")(make)


_register_valid()


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
        "write_no_class_no_image": (
            "There is no class, and no image either.",
            {"classes": 0, "positions": [], "labels": []},
        ),
        "write_negative_label": ("A label is -1.", {"labels": [0, 0, 1, -1, 0]}),
        "write_too_many_labels": ("A label is left over.", {"labels": [0, 0, 1, 1, 0, 1]}),
        "write_name_of_128_letters": (
            "A name of 128 letters has 256 bytes.",
            {"classes": ["\u00e9" * 128, "dog"]},
        ),
        "write_high_lone_surrogate_at_the_end": (
            "A name ends in the last surrogate.",
            {"classes": ["cat \udfff", "dog"]},
        ),
        "write_forbidden_character_in_an_identifier": (
            "The second identifier holds a line feed, behind an empty one.",
            {"identifiers": ["", "n\n1"]},
        ),
        "write_same_identifier_twice": (
            "Two classes have one identifier.",
            {"identifiers": ["n1", "n1"]},
        ),
        "write_identifier_of_256_bytes": (
            "An identifier has 256 bytes.",
            {"identifiers": ["n" * 256, ""]},
        ),
        "write_weights_of_5_bits": (
            "A weight scale has 5 bits.",
            {"weight_scale": [5, 0, 1], "codes": [0, 1, 2, 3, 4]},
        ),
        "write_weights_of_3_bits": (
            "A weight scale has 3 bits.",
            {"weight_scale": [3, 0, 1], "codes": [0, 1, 2, 3, 4]},
        ),
        "write_weight_scale_without_a_step": (
            "The weights of a scale are all alike.",
            {"weight_scale": [8, 0, 0], "codes": [0, 1, 2, 3, 4]},
        ),
        "write_too_low_a_weight_scale": (
            "A weight scale starts at -32,769.",
            {"weight_scale": [8, -32_769, 1], "codes": [0, 1, 2, 3, 4]},
        ),
        "write_too_high_a_weight_scale": (
            "A weight scale starts at 32,768.",
            {"weight_scale": [8, 32_768, 1], "codes": [0, 1, 2, 3, 4]},
        ),
        "write_steep_weight_scale_of_4_bits": (
            "A weight of 4 bits would lie beyond 2^1023.",
            {"weight_scale": [4, 6889, 17_000], "codes": [0, 1, 2, 3, 4]},
        ),
        "write_negative_code": (
            "A weight code is -1.",
            {"weight_scale": [8, 0, 1], "codes": [0, 1, -1, 3, 4]},
        ),
        "write_code_beyond_8_bits": (
            "A weight code of 8 bits is 256.",
            {"weight_scale": [8, 0, 1], "codes": [0, 1, 2, 3, 256]},
        ),
        "write_too_few_codes": (
            "There are fewer weights than images.",
            {"weight_scale": [8, 0, 1], "codes": [0, 1, 2, 3]},
        ),
        "write_too_many_codes": (
            "A weight is left over.",
            {"weight_scale": [8, 0, 1], "codes": [0, 1, 2, 3, 4, 5]},
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
