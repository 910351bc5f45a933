"""Class names, identifiers and metadata (specification, section 6)."""

from __future__ import annotations

from .. import zstd_frames as frames
from ..build import Chunk, Draft, Meaning, changed, class_map, draft, metadata_chunk, names_chunk
from ..vector import Case, invalid, valid

IDENTIFIED = changed(identifiers=(b"n02121620", b"n02084071"))


def _names(text: bytes, form: int = 0) -> Case:
    made = draft()
    made.chunks = [names_chunk(text, form)]
    return Case(made, "CLASSES.text" if text else "CLASSES.form")


def _metadata(text: bytes, form: int = 0) -> Draft:
    made = draft()
    made.chunks.append(metadata_chunk(text, form))
    return made


def _named(*names: bytes) -> Case:
    return Case(draft(changed(names=names)))


@valid("PLADA-TXT-002")
def unnamed_classes() -> Case:
    """Classes without names."""
    return Case(draft(changed(names=None)))


@valid("PLADA-TXT-002", "PLADA-TXT-001", "PLADA-HEAD-009")
def identifiers() -> Case:
    """Names and external identifiers."""
    return Case(draft(IDENTIFIED))


@valid("PLADA-TXT-006")
def empty_identifiers() -> Case:
    """Two classes without identifier among those that have one."""
    return Case(draft(changed(identifiers=(b"", b""))))


@valid("PLADA-TXT-006")
def identifier_equal_to_name() -> Case:
    """An identifier is the name of another class, which is allowed."""
    return Case(draft(changed(identifiers=(b"dog", b"cat"))))


@valid("PLADA-TXT-003", "PLADA-TXT-002")
def name_of_255_bytes() -> Case:
    """The longest name, in two-byte and one-byte characters."""
    return _named("é".encode() * 127 + b"x", b"dog")


@valid("PLADA-TXT-003", "PLADA-TXT-005", "PLADA-HEAD-009")
def names_of_all_lengths_of_utf8() -> Case:
    """Characters of one to four bytes, the last of Unicode among them."""
    return _named("aé猫🐕".encode(), "\U0010ffff".encode())


@valid("PLADA-TXT-005")
def neighbours_of_forbidden_characters() -> Case:
    """The characters next to each forbidden range, and combining marks of other scripts."""
    neighbours = "\u0020\u007e\u00a0\u061b\u061d\u200d\u2010\u2027\u202f\u2065\u206a\ufefe\uff00"
    return _named(neighbours.encode(), b"dog")


@valid("PLADA-TXT-005")
def markup_in_names() -> Case:
    """Names with markup and path separators are allowed; who shows them has to escape them."""
    return _named(b"<script>alert(1)</script>", b"../../etc/passwd")


@valid("PLADA-TXT-006")
def names_that_differ_in_case() -> Case:
    """Two names that differ in case only, or would be one after normalisation, are two names."""
    return Case(draft(changed(classes=4, names=(b"cat", b"Cat", "Å".encode(), b"A\xcc\x8a"))))


@valid("PLADA-TXT-001", "PLADA-TXT-008")
def metadata_stored() -> Case:
    """Metadata with every kind of JSON value."""
    text = b'{"a":[1,-2.5e3,true,false,null,"\\u00e9\\n"],"b":{},"":""}'
    return Case(_metadata(text))


@valid("PLADA-TXT-008", "PLADA-FEAT-001")
def metadata_compressed() -> Case:
    """Zstd metadata in a file that does not need the feature."""
    return Case(_metadata(frames.stored(b'{"producer":"by hand"}'), 1))


@valid("PLADA-TXT-008")
def metadata_16_levels_deep() -> Case:
    """Metadata nested as deep as is allowed, arrays and objects in turn."""
    return Case(_metadata(b'{"a":[' * 8 + b"]}" * 8))


@valid("PLADA-TXT-008")
def brackets_in_strings() -> Case:
    """Brackets within strings are no nesting."""
    return Case(_metadata(b'{"a":"' + b'[{\\"' * 40 + b'"}'))


@valid("PLADA-TXT-008")
def largest_integers() -> Case:
    """The largest and the smallest integer, and larger numbers that are no integers."""
    return Case(_metadata(b'{"a":9007199254740991,"b":-9007199254740991,"c":1e300,"d":1.0e-400}'))


@valid("PLADA-TXT-008")
def escaped_surrogate_pair() -> Case:
    """A character beyond the basic plane, written as two escapes."""
    return Case(_metadata(b'{"dog":"\\ud83d\\udc15"}'))


@valid("PLADA-TXT-008")
def same_key_at_two_levels() -> Case:
    """A key that occurs again inside another object is no duplicate."""
    return Case(_metadata(b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}'))


@valid("PLADA-TXT-008")
def white_space_around_metadata() -> Case:
    """JSON allows white space around the object."""
    return Case(_metadata(b' \t\r\n{ "a" : 1 }\n'))


@invalid("body-short", "PLADA-HEAD-001")
def empty_class_map_chunk() -> Case:
    """CLASSES has no body."""
    made = draft()
    made.chunks = [Chunk(0x02)]
    return Case(made, "CLASSES.length")


@invalid("body-short", "PLADA-HEAD-001")
def empty_metadata_chunk() -> Case:
    """META has no body."""
    made = draft()
    made.chunks.append(Chunk(0xC1))
    return Case(made, "META.length")


@invalid("text-form", "PLADA-TXT-001")
def reserved_bit_of_class_map() -> Case:
    """The form of CLASSES has bit 2 set."""
    made = draft()
    made.chunks[0].parts["form"] = b"\x04"
    return Case(made, "CLASSES.form")


@invalid("text-form", "PLADA-TXT-001")
def metadata_with_identifiers_bit() -> Case:
    """The form of META has bit 1 set, which only CLASSES has."""
    return Case(_metadata(b"{}", 2), "META.form")


@invalid("text-form", "PLADA-TXT-001")
def highest_bit_of_metadata_form() -> Case:
    """The form of META has bit 7 set."""
    return Case(_metadata(b"{}", 0x80), "META.form")


@invalid("class-map-size", "PLADA-TXT-002")
def one_name_too_few() -> Case:
    """The class map ends after the first of two names."""
    return _names(b"\x03cat")


@invalid("class-map-size", "PLADA-TXT-002")
def byte_after_names() -> Case:
    """A zero byte follows the names."""
    return _names(b"\x03cat\x03dog\x00")


@invalid("class-map-size", "PLADA-TXT-002")
def name_cut_short() -> Case:
    """The last name is shorter than its length says."""
    return _names(b"\x03cat\x04dog")


def _three_names(text: bytes) -> Case:
    meaning = changed(classes=3, names=(b"cat", b"dog", b"eel"))
    made = draft(meaning)
    made.chunks = [names_chunk(text)]
    return Case(made, "CLASSES.text")


@invalid("class-map-size", "PLADA-TXT-002")
def first_name_longer_than_the_text() -> Case:
    """The first of three names is to be longer than all of the text."""
    return _three_names(b"\xffcat\x03dog\x03eel")


@invalid("class-map-size", "PLADA-TXT-002")
def second_name_one_byte_too_long() -> Case:
    """The second of three names ends a byte behind the text."""
    return _three_names(b"\x03cat\x04dog")


@invalid("class-map-size", "PLADA-TXT-002")
def second_name_two_bytes_too_long() -> Case:
    """The second of three names ends two bytes behind the text."""
    return _three_names(b"\x03cat\x05dog")


@invalid("class-map-size", "PLADA-TXT-002")
def identifiers_missing() -> Case:
    """The form promises identifiers and there are none."""
    return _names(b"\x03cat\x03dog", 2)


@invalid("class-map-size", "PLADA-TXT-002")
def identifiers_not_announced() -> Case:
    """There are identifiers and the form does not say so."""
    return _names(class_map(IDENTIFIED))


@invalid("class-map-size", "PLADA-TXT-002")
def empty_class_map_text() -> Case:
    """The class map has a form and no text."""
    return _names(b"")


@invalid("name-not-utf8", "PLADA-TXT-003")
def stray_byte_in_name() -> Case:
    """A name holds the byte FF."""
    return _names(b"\x03c\xffa\x03dog")


@invalid("name-not-utf8", "PLADA-TXT-003")
def surrogate_in_name() -> Case:
    """A name holds an encoded surrogate."""
    return _names(b"\x03\xed\xa0\x80\x03dog")


@invalid("name-not-utf8", "PLADA-TXT-003")
def overlong_utf8_in_name() -> Case:
    """A name spells `/` in two bytes."""
    return _names(b"\x02\xc0\xaf\x03dog")


@invalid("name-not-utf8", "PLADA-TXT-003")
def beyond_unicode_in_name() -> Case:
    """A name holds U+110000."""
    return _names(b"\x04\xf4\x90\x80\x80\x03dog")


@invalid("name-not-utf8", "PLADA-TXT-003")
def character_cut_by_length() -> Case:
    """A name's length ends inside a character."""
    return _names(b"\x01\xc3\x03dog")


@invalid("name-not-utf8", "PLADA-TXT-003")
def identifier_not_utf8() -> Case:
    """An identifier holds the byte 80."""
    return _names(b"\x03cat\x03dog\x01\x80\x00", 2)


@invalid("name-not-utf8", "PLADA-TXT-003", "PLADA-CHK-001")
def utf8_comes_before_empty_names() -> Case:
    """The first name is empty and the second is not UTF-8: UTF-8 is checked for all first."""
    return _names(b"\x00\x03d\xffg")


@invalid("name-empty", "PLADA-TXT-004")
def empty_name() -> Case:
    """The first class has an empty name."""
    return _names(b"\x00\x03dog")


@valid("PLADA-TXT-004")
def name_of_one_byte() -> Case:
    """The shortest name."""
    return _named(b"c", b" ")


def _forbidden(character: str) -> Case:
    octets = f"a{character}b".encode()
    return _names(bytes([len(octets)]) + octets + b"\x03dog")


def _register_forbidden() -> None:
    places = (
        0x0000, 0x000A, 0x001B, 0x001F, 0x007F, 0x0080, 0x009F, 0x061C, 0x200E, 0x200F, 0x2028,
        0x202E, 0x2066, 0x2069, 0xFEFF,
    )  # fmt: skip
    within = (
        0x0009, 0x000D, 0x0085, 0x2029, 0x202A, 0x202B, 0x202C, 0x202D, 0x2067, 0x2068,
    )  # fmt: skip
    for place in (*places, *within):

        def make(place: int = place) -> Case:
            return _forbidden(chr(place))

        make.__name__ = f"forbidden_u{place:04x}"
        make.__doc__ = f"A name holds U+{place:04X}."
        twin = place in places
        invalid("name-forbidden-character", "PLADA-TXT-005", area="text", twin=twin)(make)


_register_forbidden()


@invalid("name-forbidden-character", "PLADA-TXT-005")
def forbidden_in_identifier() -> Case:
    """An identifier holds a right-to-left override."""
    hostile = "n\u202e1".encode()
    return _names(b"\x03cat\x03dog\x00" + bytes([len(hostile)]) + hostile, 2)


@invalid("name-duplicate", "PLADA-TXT-006")
def same_name_twice() -> Case:
    """Both classes are called cat."""
    return _names(b"\x03cat\x03cat")


@invalid("name-duplicate", "PLADA-TXT-006")
def same_identifier_twice() -> Case:
    """Both classes have the identifier x."""
    return _names(b"\x03cat\x03dog\x01x\x01x", 2)


@invalid("name-duplicate", "PLADA-TXT-006", "PLADA-CHK-001")
def names_come_one_by_one() -> Case:
    """The second name is a duplicate and the third is empty: the second comes first."""
    made = draft(Meaning(classes=3, names=(b"cat", b"cat", b"")))
    return Case(made, "CLASSES.text")


def _register_metadata() -> None:
    faults = {
        "metadata_array": (b"[]", "The metadata is an array."),
        "metadata_empty": (b"", "The metadata is empty."),
        "metadata_cut": (b'{"a":1', "The metadata ends inside its object."),
        "metadata_twice": (b"{}{}", "A second object follows the metadata."),
        "metadata_duplicate_key": (b'{"a":1,"b":2,"a":3}', "A key occurs twice."),
        "metadata_duplicate_after_unescaping": (
            b'{"a":1,"\\u0061":2}',
            "Two keys are equal once an escape is resolved.",
        ),
        "metadata_duplicate_key_deep": (b'{"a":[{"b":1,"b":1}]}', "An inner key occurs twice."),
        "metadata_nan": (b'{"a":NaN}', "A value is NaN, which is not JSON."),
        "metadata_infinity": (b'{"a":-Infinity}', "A value is -Infinity, which is not JSON."),
        "metadata_beyond_double": (b'{"a":1e999}', "A number lies beyond the range of a double."),
        "metadata_integer_2_to_53": (b'{"a":9007199254740992}', "An integer is 2^53."),
        "metadata_integer_minus_2_to_53": (b'{"a":-9007199254740992}', "An integer is -2^53."),
        "metadata_integer_of_5000_digits": (
            b'{"a":' + b"9" * 5000 + b"}",
            "An integer has 5,000 digits.",
        ),
        "metadata_not_utf8": (b'{"a":"\xff"}', "A string holds the byte FF."),
        "metadata_utf16": ('{"a":1}'.encode("utf-16-le"), "The metadata is UTF-16."),
        "metadata_byte_order_mark": (b"\xef\xbb\xbf{}", "A byte order mark stands in front."),
        "metadata_lone_surrogate": (b'{"a":"\\ud800"}', "A string holds a lone surrogate."),
        "metadata_surrogates_reversed": (
            b'{"a":"\\udc15\\ud83d"}',
            "A string holds the halves of a surrogate pair in the wrong order.",
        ),
        "metadata_lone_surrogate_in_key": (b'{"\\udfff":1}', "A key holds a lone surrogate."),
        "metadata_17_levels_deep": (
            b'{"a":' * 16 + b"{}" + b"}" * 16,
            "The metadata is nested 17 levels deep.",
        ),
        "metadata_17_levels_deep_behind_siblings": (
            b'{"a":[' + b"[]," * 20 + b"[" * 15 + b"]" * 15 + b"]}",
            "Behind twenty empty arrays the metadata is nested 17 levels deep.",
        ),
        "metadata_17_levels_deep_the_second_time": (
            b'{"a":' + b"[" * 9 + b"[]," + b"[" * 7 + b"]" * 7 + b"]" * 9 + b"}",
            "An array closes at the eleventh level, and the next one has the seventeenth.",
        ),
        "metadata_10000_levels_deep": (
            b'{"a":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
            "The metadata is nested 10,001 levels deep.",
        ),
        "metadata_deep_and_unclosed": (b'{"a":' + b"[" * 30_000, "30,000 brackets never close."),
        "metadata_trailing_comma": (b'{"a":1,}', "A comma follows the last member."),
        "metadata_comment": (b'{"a":1/*x*/}', "The metadata holds a comment."),
        "metadata_control_character": (b'{"a":"\n"}', "A string holds a bare line feed."),
        "metadata_leading_zero": (b'{"a":01}', "A number has a leading zero."),
        "metadata_single_quotes": (b"{'a':1}", "A key stands in single quotes."),
        "metadata_null_byte_after": (b"{}\x00", "A zero byte follows the object."),
        "metadata_duplicate_proto": (
            b'{"__proto__":1,"__proto__":2}',
            "A key that some languages keep for themselves occurs twice.",
        ),
        "metadata_just_beyond_double": (
            b'{"a":1.797693134862315808e308}',
            "A number just above the largest double rounds to an infinite one.",
        ),
        "metadata_long_number_beyond_double": (
            b'{"a":1' + b"0" * 400 + b".5}",
            "A number of 401 digits and a fraction lies beyond the range of a double.",
        ),
        "metadata_form_feed": (b'{\x0c"a":1}', "A form feed stands where white space may."),
        "metadata_no_break_space": (
            '{"a":\u00a01}'.encode(),
            "A no-break space stands where white space may.",
        ),
        "metadata_number_without_fraction": (b'{"a":1.}', "No digit follows a decimal point."),
        "metadata_number_without_start": (b'{"a":.5}', "No digit stands before a decimal point."),
        "metadata_number_with_plus": (b'{"a":+1}', "A number has a plus sign."),
        "metadata_hexadecimal": (b'{"a":0x10}', "A number is hexadecimal."),
        "metadata_minus_alone": (b'{"a":-}', "A number is a minus sign."),
        "metadata_tab_in_string": (b'{"a":"\t"}', "A string holds a bare tab."),
        "metadata_surrogate_thrice": (
            b'{"a":"\\ud83d\\ud83d\\udc15"}',
            "A lone surrogate stands before a surrogate pair.",
        ),
        "metadata_true_in_capitals": (b'{"a":True}', "A value is True, as Python writes it."),
        "metadata_string": (b'"a"', "The metadata is a string."),
        "metadata_overlong_utf8": (b'{"a":"\xc0\xaf"}', "A string spells / in two bytes."),
        "metadata_surrogate_in_utf8": (
            b'{"a":"\xed\xa0\xbd\xed\xb0\x95"}',
            "A string spells a surrogate pair in UTF-8.",
        ),
        "metadata_bad_escape": (b'{"a":"\\x41"}', "A string holds an escape that JSON lacks."),
    }
    for name, (text, sentence) in faults.items():

        def make(text: bytes = text) -> Case:
            return Case(_metadata(text), "META.text" if text else "META.form")

        make.__name__, make.__doc__ = name, sentence
        invalid("metadata-json", "PLADA-TXT-008", area="text", twin=len(text) < 40)(make)


_register_metadata()


@invalid("metadata-json", "PLADA-TXT-008", "PLADA-CHK-001")
def metadata_comes_before_blocks() -> Case:
    """The metadata is an array and a label is out of range: the metadata comes first."""
    made = _metadata(b"[]")
    made.block.labels.stored = b"\x09\x00\x01\x01\x00"
    return Case(made, "META.text")


@valid("PLADA-TXT-001", "PLADA-TXT-002")
def identifiers_of_three_classes() -> Case:
    """Three names, then three identifiers, the middle one empty."""
    meaning = changed(
        classes=3, names=(b"cat", b"dog", b"eel"), identifiers=(b"n02121620", b"", b"n01442539")
    )
    return Case(draft(meaning))


@valid("PLADA-TXT-001", "PLADA-TXT-002")
def identifiers_compressed() -> Case:
    """Names and identifiers in one frame: both bits of the form are set."""
    made = draft(IDENTIFIED)
    made.chunks = [names_chunk(frames.stored(class_map(IDENTIFIED)), 3)]
    return Case(made)


@valid("PLADA-TXT-006")
def names_that_differ_in_white_space() -> Case:
    """White space at the ends of a name, or another one within, makes another name."""
    names = tuple(
        name.encode() for name in ("cat", "cat ", " cat", "big cat", "big  cat", "big\u00a0cat")
    )
    return Case(draft(changed(classes=6, names=names)))


@valid("PLADA-TXT-006")
def names_that_look_alike() -> Case:
    """A ligature and its letters, Latin and Cyrillic, with and without a joiner: all differ."""
    names = ("fish", "\ufb01sh", "c\u0430t", "cat", "c\u200dat", "ß", "ss")
    return Case(draft(changed(classes=7, names=tuple(name.encode() for name in names))))


@invalid("name-duplicate", "PLADA-TXT-006")
def same_name_twice_apart() -> Case:
    """The first and the last of three classes are called dog; they do not stand side by side."""
    made = draft(Meaning(classes=3, names=(b"dog", b"cat", b"dog")))
    return Case(made, "CLASSES.text")


@invalid("name-duplicate", "PLADA-TXT-006")
def same_identifier_twice_apart() -> Case:
    """The first and the last of three classes have one identifier, the middle one has none."""
    meaning = changed(classes=3, names=(b"cat", b"dog", b"eel"), identifiers=(b"n1", b"", b"n1"))
    return Case(draft(meaning), "CLASSES.text")


@invalid("name-duplicate", "PLADA-TXT-006", twin=False)
def same_name_twice_among_many() -> Case:
    """12,000 names, of which the last one stands before: finding it does not take long."""
    names = tuple(b"%04x" % number for number in range(11_999))
    meaning = Meaning(classes=12_000, names=(*names, names[5000]))
    return Case(draft(meaning), "CLASSES.text")


def _register_valid_metadata() -> None:
    texts = {
        "metadata_of_many_siblings": (
            b'{"a":[' + b"[]," * 40 + b"{}]}",
            "41 arrays and objects side by side are no nesting.",
        ),
        "backslash_before_quote": (
            b'{"a":"\\\\","b":"' + b"[" * 40 + b'"}',
            "A string ends in an escaped backslash, and the next one holds brackets.",
        ),
        "metadata_keys_that_look_alike": (
            '{"a":1,"A":2,"\u00c5":3,"A\u030a":4,"a ":5,"":6}'.encode(),
            "Keys that differ in case, normalisation or white space are no duplicates.",
        ),
        "metadata_keys_with_null": (
            b'{"a\\u0000b":1,"a\\u0000c":2,"a":3}',
            "Keys that differ behind an escaped null character are no duplicates.",
        ),
        "metadata_keys_of_other_languages": (
            b'{"__proto__":{"a":1},"constructor":null,"toString":0,"hasOwnProperty":1}',
            "Keys that have a meaning in some languages have none here.",
        ),
        "metadata_noncharacters": (
            '{"a":"\uffff\\uffff\U0010ffff","b":"\x7f"}'.encode(),
            "Noncharacters are allowed, escaped or not, and so is U+007F.",
        ),
        "numbers_at_the_ends_of_a_double": (
            b'{"a":1.797693134862315807e308,"b":1e-400,"c":-0,"d":9007199254740993.0,'
            b'"e":0.0001E+311,"f":-0.0e-0}',
            "Numbers that just do not round to an infinite double, or round to zero.",
        ),
    }
    for name, (text, sentence) in texts.items():

        def make(text: bytes = text) -> Case:
            return Case(_metadata(text))

        make.__name__, make.__doc__ = name, sentence
        valid("PLADA-TXT-008", area="text")(make)


_register_valid_metadata()
