"""Faults with what a rule says and means (sections 17.1 and 17.3, Appendix B.8)."""

from __future__ import annotations

from .fault import Fault

_SIGN = "            if size and coder.bit(signs, 1 if total > 0 else 2 if total < 0 else 0):\n"
_SECOND = "max(scores[:label] + scores[label + 1 :])"
_START = "codes_id(codes[:size])[:8] != rule.codes_id"
_WITHOUT = "codes is None or len(codes) < size or any(len(row) < columns for row in codes)"
_COLUMN = (
    "    for column in range(columns):\n"
    "        total = 0  # of the column so far: the next weight tends to have the other sign\n"
)
_PRODUCT = "sum(weight * code for weight, code in zip(weights, row, strict=True))"

FAULTS = (
    # Codes
    Fault(
        "codes-tagged-as-a-pool",
        "PLADA-CODE-001",
        "Tags the leaves of codes as those of a pool.",
        (('_tree_hash(b"plada-codes-1\\0", codes)', '_tree_hash(b"plada-pool-1\\0", codes)'),),
    ),
    Fault(
        "codes-tagged-without-nul",
        "PLADA-CODE-001",
        "Leaves the NUL of the tag out.",
        (('b"plada-codes-1\\0"', 'b"plada-codes-1"'),),
    ),
    Fault(
        "codes-hashed-first",
        "PLADA-CODE-001",
        "Hashes the codes of an image, as a leaf of a pool holds a digest.",
        (
            (
                '_tree_hash(b"plada-codes-1\\0", codes)',
                '_tree_hash(b"plada-codes-1\\0", [hashlib.sha256(row).digest() for row in codes])',
            ),
        ),
    ),
    Fault(
        "codes-id-of-used-columns",
        "PLADA-CODE-001",
        "Hashes the columns that the rule uses.",
        (("codes_id(codes[:size])", "codes_id([row[:columns] for row in codes[:size]])"),),
    ),
    Fault(
        "codes-id-of-all-rows",
        "PLADA-RULE-003",
        "Hashes the whole table, also of a pool that has grown.",
        (("codes_id(codes[:size])", "codes_id(codes)"),),
    ),
    Fault(
        "codes-of-as-many-images-only",
        "PLADA-RULE-003",
        "Wants as many rows as the rule has images, and no more.",
        (("len(codes) < size or", "len(codes) != size or"),),
    ),
    Fault(
        "codes-id-of-4-bytes",
        "PLADA-RULE-003",
        "Compares as many bytes as `check` has.",
        ((_START, "codes_id(codes[:size])[:4] != rule.codes_id[:4]"),),
    ),
    Fault(
        "codes-as-they-are",
        "PLADA-RULE-003",
        "Does not compare ids, as `check` tells other codes as well.",
        ((f'    _refuse_if({_START}, "codes-mismatch")\n', ""),),
    ),
    Fault(
        "columns-filled-up",
        "PLADA-RULE-003",
        "Takes codes with too few columns, and zeros for the rest.",
        (
            ("len(codes) < size or any(len(row) < columns for row in codes)", "len(codes) < size"),
            ("codes[position][:columns])", "codes[position][:columns].ljust(columns, bytes(1)))"),
        ),
    ),
    Fault(
        "rule-left-out-without-codes",
        "PLADA-RULE-003",
        "Has the blocks alone where it has no codes.",
        (
            (
                f"    if {_WITHOUT}:\n",
                f"    if codes is None:\n        file.kept = len(file.positions)\n        return\n"
                f"    if {_WITHOUT}:\n",
            ),
        ),
    ),
    # The stream
    Fault(
        "weights-row-by-row",
        "PLADA-RULE-004",
        "Reads the weights class by class.",
        (
            (
                _COLUMN + "        for row in weights:\n",
                "    for row in weights:\n"
                "        total = 0\n"
                "        for column in range(columns):\n",
            ),
        ),
    ),
    Fault(
        "signs-by-the-last-weight",
        "PLADA-RULE-004",
        "Chooses the model of a sign by the weight before.",
        (("            total += size\n", "            total = size\n"),),
    ),
    Fault(
        "signs-across-columns",
        "PLADA-RULE-004",
        "Adds the weights of all columns up.",
        (
            (
                _COLUMN,
                "    total = 0\n    for column in range(columns):\n",
            ),
        ),
    ),
    Fault(
        "signs-by-the-class-so-far",
        "PLADA-RULE-004",
        "Chooses the model of a sign by the sum of the class's weights instead of the column's.",
        ((_SIGN, "            total = sum(row[:column])\n" + _SIGN),),
    ),
    Fault(
        "sizes-in-one-model",
        "PLADA-RULE-004",
        "Codes every bit of a size with the same model.",
        (("coder.bit(sizes, size)", "coder.bit(sizes, 0)"),),
    ),
    Fault(
        "sizes-up-to-15",
        "PLADA-RULE-004",
        "Reads the zero that ends a size at `top` as well.",
        (("while size < top and", "while size < 15 and"),),
    ),
    Fault(
        "signs-of-zeros",
        "PLADA-RULE-004",
        "Reads a sign of weights of 0 too.",
        (("            if size and coder.bit(signs,", "            if coder.bit(signs,"),),
    ),
    Fault(
        "biases-folded-the-other-way",
        "PLADA-RULE-004",
        "Unfolds 0, 1, -1, 2, -2 ... as other formats do.",
        (
            (
                "[-(n // 2) if n % 2 == 0 else n // 2 for n",
                "[n // 2 if n % 2 == 0 else -(n // 2) for n",
            ),
        ),
    ),
    Fault(
        "biases-off-by-one",
        "PLADA-RULE-004",
        "Unfolds a bias without taking off the 1 that distances start with.",
        (
            (
                "[-(n // 2) if n % 2 == 0 else n // 2 for n",
                "[-(n // 2) - 1 if n % 2 else n // 2 for n",
            ),
        ),
    ),
    Fault(
        "biases-unshifted",
        "PLADA-RULE-004",
        "Shifts thresholds and forgets biases.",
        (("    biases = [bias * 2**shift for bias in biases]\n", ""),),
    ),
    Fault(
        "thresholds-unshifted",
        "PLADA-RULE-004",
        "Shifts biases and forgets thresholds.",
        (("[(n - 1) * 2**shift for", "[n - 1 for"),),
    ),
    Fault(
        "thresholds-with-the-models-of-biases",
        "PLADA-RULE-004",
        "Reads biases and thresholds as one list of distances.",
        (
            (
                "if n % 2 == 0 else n // 2 for n in _distances(coder, classes)]\n",
                "if n % 2 == 0 else n // 2 for n in numbers[:classes]]\n",
            ),
            (
                "    # 0, -1, 1, -2, 2 ... are",
                "    numbers = _distances(coder, 2 * classes)\n    # 0, -1, 1, -2, 2 ... are",
            ),
            (
                "for n in _distances(coder, classes)]\n    coder",
                "for n in numbers[classes:]]\n    coder",
            ),
        ),
    ),
    # The meaning
    Fault(
        "threshold-strict",
        "PLADA-RULE-004",
        "Keeps images whose margin is above the threshold.",
        ((f"if best - {_SECOND} >= ", f"if best - {_SECOND} > "),),
    ),
    Fault(
        "last-of-equal-scores",
        "PLADA-RULE-004",
        "Takes the largest of the numbers of equal classes, as sorting and a `>=` do.",
        (
            (
                "label = scores.index(best)",
                "label = len(scores) - 1 - scores[::-1].index(best)",
            ),
        ),
    ),
    Fault(
        "margin-to-the-next-smaller-score",
        "PLADA-RULE-004",
        "Takes the second of the scores that differ.",
        ((_SECOND, "max((each for each in scores if each < best), default=best)"),),
    ),
    Fault(
        "threshold-of-the-runner-up",
        "PLADA-RULE-004",
        "Takes the threshold of the class that comes second.",
        (
            (
                "rule.thresholds[label]:",
                "rule.thresholds[max((s, c) for c, s in enumerate(scores) if c != label)[1]]:",
            ),
        ),
    ),
    Fault(
        "score-for-margin",
        "PLADA-RULE-004",
        "Compares the score with the threshold.",
        ((f"best - {_SECOND}", "best"),),
    ),
    Fault(
        "margins-in-single-precision",
        "PLADA-RULE-004",
        "Subtracts and compares in single precision, in which scores are exact.",
        (
            (
                f"if best - {_SECOND} >= rule.thresholds[label]:",
                "single = lambda n: struct.unpack('f', struct.pack('f', n))[0]\n"
                f"        if single(best - {_SECOND}) >= single(rule.thresholds[label]):",
            ),
        ),
    ),
    Fault(
        "scores-of-16-bits",
        "PLADA-RULE-004",
        "Adds scores up in 16 bits, which a few codes do not exceed.",
        (
            (
                f"            bias + {_PRODUCT}\n",
                f"            (bias + {_PRODUCT} + 2**15) % 2**16 - 2**15\n",
            ),
        ),
    ),
    Fault(
        "codes-unsigned",
        "PLADA-RULE-004",
        "Reads codes from 0 to 255.",
        (('struct.unpack(f"{columns}b"', 'struct.unpack(f"{columns}B"'),),
    ),
    Fault(
        "last-columns-of-codes",
        "PLADA-RULE-004",
        "Takes the last d codes of an image.",
        (("codes[position][:columns])", "codes[position][-columns:])"),),
    ),
    Fault(
        "all-columns-of-codes",
        "PLADA-RULE-004",
        "Multiplies all codes of an image, with the weights from the first on again.",
        (
            (
                'struct.unpack(f"{columns}b", codes[position][:columns])',
                'struct.unpack(f"{len(codes[position])}b", codes[position])',
            ),
            (
                _PRODUCT,
                "sum(weights[n % columns] * code for n, code in enumerate(row))",
            ),
        ),
    ),
    Fault(
        "rule-over-the-blocks",
        "PLADA-RULE-004",
        "Lets the rule have the last word.",
        (
            (
                "labels.setdefault(position, label)  # the blocks have the last word",
                "labels[position] = label",
            ),
        ),
    ),
    Fault(
        "rule-without-the-blocks",
        "PLADA-RULE-004",
        "Takes the blocks for those of readers without codes.",
        (
            (
                "    labels = dict(zip(file.positions, file.labels, strict=True))\n",
                "    labels = {}\n",
            ),
        ),
    ),
    Fault(
        "listed-images-behind-the-others",
        "PLADA-RULE-004",
        "Hashes what the blocks keep, then what the rule adds.",
        (
            (
                "array(file.positions.typecode, sorted(labels))",
                "array(file.positions.typecode, labels)",
            ),
        ),
    ),
    Fault(
        "rule-over-a-grown-pool",
        "PLADA-RULE-003",
        "Evaluates the rule for all images that it has codes of.",
        (
            (
                "    for position in range(size):\n        row",
                "    for position in range(len(codes)):\n        row",
            ),
        ),
    ),
)
