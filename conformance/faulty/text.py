"""Faults with class names, identifiers and metadata (section 6)."""

from __future__ import annotations

from .fault import OMITTED, Fault

_NAME_LOOP = "    for name in names:\n        if not name and may_be_empty:\n"

FAULTS = (
    Fault(
        "form-of-both-chunks",
        "PLADA-TXT-001",
        "Checks the form of META by that of CLASSES, which has a bit more.",
        (("form > (3 if file else 1)", "form > 3"),),
    ),
    Fault(
        "bytes-after-names",
        "PLADA-TXT-002",
        "Reads C names and is done.",
        (('_refuse_if(at != len(text), "class-map-size")', OMITTED),),
    ),
    Fault(
        "names-with-replacements",
        "PLADA-TXT-003",
        "Decodes with errors='replace', so that a name can always be shown.",
        (('entry.decode("utf-8")', 'entry.decode("utf-8", "replace")'),),
    ),
    Fault(
        "empty-names",
        "PLADA-TXT-004",
        "Treats names as identifiers, which may be empty.",
        (("_check_names(names, may_be_empty=False)", "_check_names(names, may_be_empty=True)"),),
    ),
    Fault(
        "ascii-control-characters",
        "PLADA-TXT-005",
        "Forbids the control characters of ASCII, and nothing else.",
        (
            (
                "[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ufeff]",
                "[\\x00-\\x1f\\x7f]",
            ),
        ),
    ),
    Fault(
        "bidirectional-controls-by-name",
        "PLADA-TXT-005",
        "Lists the characters that open an embedding, and not the one that closes it.",
        (("\\u2028-\\u202e", "\\u2028-\\u202b\\u202d\\u202e"),),
    ),
    Fault(
        "all-format-characters-forbidden",
        "PLADA-TXT-005",
        "Forbids all of Unicode's format characters, so that some scripts cannot be written.",
        (("\\u200e\\u200f", "\\u200b-\\u200f"), ("\\u2066-\\u2069", "\\u2060-\\u206f")),
    ),
    Fault(
        "identifiers-unchecked",
        "PLADA-TXT-005",
        "Checks names, which are shown, and not identifiers, which are not.",
        (("_check_names(identifiers, may_be_empty=True)", OMITTED),),
    ),
    Fault(
        "duplicates-without-case",
        "PLADA-TXT-006",
        "Compares names in lower case, as people search for them.",
        (
            ("_refuse_if(name in seen,", "_refuse_if(name.casefold() in seen,"),
            ("seen.add(name)", "seen.add(name.casefold())"),
        ),
    ),
    Fault(
        "duplicates-after-normalisation",
        "PLADA-TXT-006",
        "Normalises names before it compares them.",
        (
            (
                _NAME_LOOP,
                "    import unicodedata\n"
                '    names = [unicodedata.normalize("NFC", name) for name in names]\n' + _NAME_LOOP,
            ),
        ),
    ),
    Fault(
        "duplicates-side-by-side",
        "PLADA-TXT-006",
        "Compares each name with the one before, as in a sorted list.",
        (("        seen.add(name)", "        seen = {name}"),),
    ),
    Fault(
        "duplicates-of-names-only",
        "PLADA-TXT-006",
        "Forgets that identifiers are unique as well.",
        (("_refuse_if(name in seen,", "_refuse_if(not may_be_empty and name in seen,"),),
    ),
    Fault(
        "duplicate-empty-identifiers",
        "PLADA-TXT-006",
        "Takes two classes without identifier for two with the same one.",
        (
            (
                "        if not name and may_be_empty:\n            continue\n"
                '        _refuse_if(not name, "name-empty")\n',
                '        _refuse_if(not name and not may_be_empty, "name-empty")\n',
            ),
        ),
    ),
    Fault(
        "names-and-identifiers-in-one-set",
        "PLADA-TXT-006",
        "Keeps names and identifiers in one set.",
        (
            (
                "    _check_names(names, may_be_empty=False)\n",
                "    seen: set[str] = set()\n    _check_names(names, seen, may_be_empty=False)\n",
            ),
            (
                "_check_names(identifiers, may_be_empty=True)",
                "_check_names(identifiers, seen, may_be_empty=True)",
            ),
            (
                "def _check_names(names: list[str], *,",
                "def _check_names(names: list[str], seen: set[str], *,",
            ),
            ("    seen: set[str] = set()\n    for", "    for"),
        ),
    ),
    Fault(
        "names-compared-pair-by-pair",
        "PLADA-TXT-006",
        "Compares each name with every other, which takes seconds for thousands.",
        (
            ("    seen: set[str] = set()\n", "    seen: list[str] = []\n"),
            ("_refuse_if(name in seen,", "_refuse_if(any(name == other for other in seen),"),
            ("seen.add(name)", "seen.append(name)"),
        ),
        resources=True,
    ),
    Fault(
        "json-with-defaults",
        "PLADA-TXT-008",
        "Reads JSON with the library's defaults.",
        (
            (
                "            text,\n            object_pairs_hook=_json_object,\n"
                "            parse_int=_json_integer,\n            parse_float=_json_float,\n"
                "            parse_constant=_json_float,\n",
                "            text,\n",
            ),
        ),
    ),
    Fault(
        "json-duplicate-keys",
        "PLADA-TXT-008",
        "Lets the last of several equal keys win, as most libraries do.",
        (("            object_pairs_hook=_json_object,\n", ""),),
    ),
    Fault(
        "json-nan",
        "PLADA-TXT-008",
        "Leaves the library its words for infinity and for what is not a number.",
        (("            parse_constant=_json_float,\n", ""),),
    ),
    Fault(
        "json-first-value",
        "PLADA-TXT-008",
        "Parses the first value and does not look whether another follows.",
        (
            (
                "        value = json.loads(\n            text,\n",
                "        value, _ = json.JSONDecoder(\n",
            ),
            (
                "            parse_constant=_json_float,\n        )\n",
                "            parse_constant=_json_float,\n"
                '        ).raw_decode(text.lstrip(" \\t\\r\\n"))\n',
            ),
        ),
    ),
    Fault(
        "json-any-depth",
        "PLADA-TXT-008",
        "Trusts the library with nesting.",
        (("        _check_depth(text)  # before the parser, which recurses\n", ""),),
    ),
    Fault(
        "json-depth-without-strings",
        "PLADA-TXT-008",
        "Counts brackets wherever they stand, within strings too.",
        (('r\'"(?:[^"\\\\]|\\\\.)*+"?|[\\[{]|[\\]}]\'', "r'[\\[{]|[\\]}]'"),),
    ),
    Fault(
        "json-depth-with-simple-strings",
        "PLADA-TXT-008",
        "Takes every quote behind a backslash for an escaped one.",
        (('r\'"(?:[^"\\\\]|\\\\.)*+"?|', 'r\'"(?:[^"]|(?<=\\\\)")*+"?|'),),
    ),
    Fault(
        "json-brackets-counted",
        "PLADA-TXT-008",
        "Counts opening brackets and does not take closing ones off.",
        (("            depth -= 1\n", "            pass\n"),),
    ),
    Fault(
        "json-integers-of-any-size",
        "PLADA-TXT-008",
        "Has integers of any size, and forgets that others have not.",
        (("            parse_int=_json_integer,\n", ""),),
    ),
    Fault(
        "json-integers-by-their-value",
        "PLADA-TXT-008",
        "Takes a number for an integer if its value is one, as in JavaScript.",
        (
            (
                "    if not math.isfinite(value):",
                "    if not math.isfinite(value) or (value.is_integer() and abs(value) > 2**53):",
            ),
        ),
    ),
    Fault(
        "json-byte-order-mark",
        "PLADA-TXT-008",
        "Removes a byte order mark, as editors put one there.",
        (('text = data.decode("utf-8")', 'text = data.decode("utf-8-sig")'),),
    ),
    Fault(
        "json-encoding-guessed",
        "PLADA-TXT-008",
        "Gives the bytes to the library, which guesses their encoding.",
        (('text = data.decode("utf-8")', "text = data.decode(json.detect_encoding(data))"),),
    ),
    Fault(
        "json-lone-surrogates",
        "PLADA-TXT-008",
        "Does not know that an escape can be half of a character.",
        (('        json.dumps(value, ensure_ascii=False).encode("utf-8")\n', ""),),
    ),
    Fault(
        "json-keys-normalised",
        "PLADA-TXT-008",
        "Normalises keys before it compares them.",
        (
            (
                "    value = dict(pairs)\n",
                "    import unicodedata\n"
                '    value = {unicodedata.normalize("NFC", key): each for key, each in pairs}\n',
            ),
        ),
    ),
    Fault(
        "json-keys-of-c",
        "PLADA-TXT-008",
        "Compares keys as strings that end at the first null character.",
        (
            (
                "    value = dict(pairs)\n",
                '    value = {key.partition("\\0")[0]: each for key, each in pairs}\n',
            ),
        ),
    ),
    Fault(
        "json-noncharacters-refused",
        "PLADA-TXT-008",
        "Takes I-JSON as it is, which forbids noncharacters.",
        (
            (
                "    file.metadata = value\n",
                "    whole = json.dumps(value, ensure_ascii=False)\n"
                '    _refuse_if("\\uffff" in whole, "metadata-json")\n'
                "    file.metadata = value\n",
            ),
        ),
    ),
)
