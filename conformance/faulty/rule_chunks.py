"""Faults with the RULE chunk: its place, its bounds, the order of checks (section 17.2)."""

from __future__ import annotations

from .fault import OMITTED, Fault

_RANGE = "abs(bias) + 128 * sum(map(abs, row)) > 2**24 - 1"
_SHAPE = "not 1 <= columns <= 1024 or top == 0 or classes < 2"
_WORK = "(file.pool_size + 2**18) * classes * columns > limits.work"

FAULTS = (
    # Who knows RULE
    Fault(
        "rule-known-everywhere",
        "PLADA-CON-005",
        "Knows RULE in every file, whether HEAD requires the feature or not.",
        (("kind in _ORDER and (kind != _RULE or features & _RULES)", "kind in _ORDER"),),
    ),
    Fault(
        "rules-twice",
        "PLADA-CON-006",
        "Lets RULE occur as often as BLOCK.",
        (("kind != _BLOCK and kind in before", "kind not in (_BLOCK, _RULE) and kind in before"),),
    ),
    Fault(
        "rule-anywhere",
        "PLADA-CON-007",
        "Takes RULE where it comes, as it is evaluated at the end anyway.",
        (
            ("[_HEAD, _CLASS_MAP, _META, _RULE, _BLOCK,", "[_HEAD, _CLASS_MAP, _META, _BLOCK,"),
            (
                "known = kind in _ORDER and (kind != _RULE or features & _RULES)",
                "known = kind in _ORDER or kind == _RULE and features & _RULES",
            ),
        ),
    ),
    Fault(
        "rule-by-the-feature-bit",
        "PLADA-FEAT-002",
        "Takes the feature for used where HEAD has its bit.",
        (("~(file.used | _WEIGHTS)", "~(file.used | _WEIGHTS | _RULES)"),),
    ),
    Fault(
        "weights-beside-a-rule",
        "PLADA-FEAT-003",
        "Sees no conflict of features.",
        (('_refuse_if(features & _WEIGHTS and features & _RULES, "feature-conflict")', OMITTED),),
    ),
    Fault(
        "conflict-in-the-blocks",
        "PLADA-FEAT-003",
        "Sees the conflict once a RULE comes.",
        (
            ('    _refuse_if(features & _WEIGHTS and features & _RULES, "feature-conflict")\n', ""),
            (
                "    file.used |= _RULES\n",
                "    file.used |= _RULES\n"
                '    _refuse_if(file.features & _WEIGHTS, "feature-conflict")\n',
            ),
        ),
    ),
    Fault(
        "rule-total-unchecked",
        "PLADA-HEAD-007",
        "Leaves the number of images to `check`.",
        (('        _refuse_if(len(file.positions) != file.kept, "kept-total")\n', ""),),
    ),
    Fault(
        "listed-images-counted-twice",
        "PLADA-HEAD-007",
        "Adds what the blocks keep to what the rule keeps.",
        (
            (
                "            labels.setdefault(position, label)  # the blocks have the last word\n",
                "            twice += position in labels\n"
                "            labels.setdefault(position, label)  # the blocks have the last word\n",
            ),
            (
                "    for position in range(size):\n        row = struct",
                "    twice = 0\n    for position in range(size):\n        row = struct",
            ),
            (
                "    file.positions[:] = array(file",
                "    file.kept -= twice\n    file.positions[:] = array(file",
            ),
        ),
    ),
    Fault(
        "rule-stream-counted",
        "PLADA-HEAD-008",
        "Counts the stream of a rule in `max_stream`.",
        (
            (
                "    coder = _RangeDecoder(fields.rest())\n",
                "    stream = fields.rest()\n"
                "    file.largest = max(file.largest, len(stream))\n"
                "    coder = _RangeDecoder(stream)\n",
            ),
        ),
    ),
    # The chunk
    Fault(
        "rule-of-no-columns-taken",
        "PLADA-RULE-001",
        "Takes a rule of biases alone.",
        ((_SHAPE, "columns > 1024 or top == 0 or classes < 2"),),
    ),
    Fault(
        "rule-of-any-columns",
        "PLADA-RULE-001",
        "Leaves the number of columns to the limit on work.",
        ((_SHAPE, "not columns or top == 0 or classes < 2"),),
    ),
    Fault(
        "top-of-0-taken",
        "PLADA-RULE-001",
        "Takes a largest weight of 0.",
        ((_SHAPE, "not 1 <= columns <= 1024 or classes < 2"),),
    ),
    Fault(
        "rule-of-one-class-taken",
        "PLADA-RULE-001",
        "Takes a rule for one class.",
        ((_SHAPE, "not 1 <= columns <= 1024 or top == 0"),),
    ),
    Fault(
        "rule-of-512-columns-at-most",
        "PLADA-LIM-002",
        "Has a table for 512 columns.",
        ((_SHAPE, "not 1 <= columns <= 512 or top == 0 or classes < 2"),),
    ),
    Fault(
        "bias-alone-in-range",
        "PLADA-RULE-002",
        "Compares the bias with 2^24, and not what the weights add.",
        ((_RANGE, "abs(bias) > 2**24 - 1"),),
    ),
    Fault(
        "codes-up-to-127",
        "PLADA-RULE-002",
        "Takes 127 for the largest size of a code.",
        ((_RANGE, _RANGE.replace("128", "127")),),
    ),
    Fault(
        "scores-in-range-from-above",
        "PLADA-RULE-002",
        "Bounds how large a score may be, and not how small.",
        ((_RANGE, _RANGE.replace("abs(bias)", "bias")),),
    ),
    Fault(
        "weights-that-cancel",
        "PLADA-RULE-002",
        "Bounds the sum of the weights, in which they cancel.",
        ((_RANGE, "abs(bias) + 128 * abs(sum(row)) > 2**24 - 1"),),
    ),
    Fault(
        "scores-of-2-to-24",
        "PLADA-RULE-002",
        "Takes scores of 2^24, which single precision holds as well.",
        ((_RANGE, _RANGE.removesuffix(" - 1")),),
    ),
    Fault(
        "biases-of-64-bits",
        "PLADA-RULE-002",
        "Shifts biases in 64 bits before it compares them.",
        (
            (
                "[bias * 2**shift for bias in biases]",
                "[(bias * 2**shift + 2**63) % 2**64 - 2**63 for bias in biases]",
            ),
        ),
    ),
    Fault(
        "thresholds-of-64-bits",
        "PLADA-RULE-002",
        "Shifts thresholds in 64 bits before it compares them.",
        (("[(n - 1) * 2**shift for", "[(n - 1) * 2**shift % 2**64 for"),),
    ),
    Fault(
        "thresholds-unbounded",
        "PLADA-RULE-002",
        "Takes any threshold, as one beyond all margins keeps nothing.",
        (('        _refuse_if(threshold > 2**25, "rule-range")\n', ""),),
    ),
    Fault(
        "thresholds-below-2-to-25",
        "PLADA-RULE-002",
        "Takes thresholds of up to the largest margin.",
        (("threshold > 2**25,", "threshold > 2**25 - 2,"),),
    ),
    Fault(
        "rule-tail-unchecked",
        "PLADA-DNS-002",
        "Forgets the end of a rule's stream.",
        (
            (
                "    coder.finish()\n    for row, bias, threshold in",
                "    for row, bias, threshold in",
            ),
        ),
    ),
    # Limits
    Fault(
        "work-limit-exclusive",
        "PLADA-LIM-001",
        "Treats the limit on work as the first number that is too large.",
        ((_WORK, _WORK.replace(">", ">=")),),
    ),
    Fault(
        "work-of-images-alone",
        "PLADA-LIM-001",
        "Does not count that weights are to be decoded.",
        ((_WORK, _WORK.replace("(file.pool_size + 2**18)", "file.pool_size")),),
    ),
    Fault(
        "work-of-64-bits",
        "PLADA-LIM-001",
        "Multiplies in 64 bits.",
        ((_WORK, _WORK.replace(" > ", " % 2**64 > ")),),
    ),
    Fault(
        "work-of-a-small-rule-unlimited",
        "PLADA-LIM-001",
        "Limits the number of weights alone.",
        ((_WORK, "classes * columns > limits.work >> 18"),),
    ),
    # The order of checks
    Fault(
        "work-before-shape",
        "PLADA-CHK-001",
        "Multiplies before it looks whether there is a rule of this shape.",
        (
            (f'    _refuse_if({_WORK}, "limit-work")\n', ""),
            (
                f'    _refuse_if({_SHAPE}, "rule-shape")\n',
                f'    _refuse_if({_WORK}, "limit-work")\n    _refuse_if({_SHAPE}, "rule-shape")\n',
            ),
        ),
    ),
    Fault(
        "work-at-the-end",
        "PLADA-CHK-001",
        "Applies the limit on work when the rule is to be evaluated.",
        (
            (f'    _refuse_if({_WORK}, "limit-work")\n', ""),
            (
                "    coder = _RangeDecoder(fields.rest())\n",
                "    coder = _RangeDecoder(fields.rest())\n"
                f'    _refuse_if({_WORK}, "limit-work")\n',
            ),
        ),
    ),
    Fault(
        "range-before-tail",
        "PLADA-CHK-001",
        "Checks scores as it reads them, and the end of the stream last.",
        (
            (
                "    coder.finish()\n    for row, bias, threshold in",
                "    for row, bias, threshold in",
            ),
            (
                "    file.rule = _Rule(codes_id,",
                "    coder.finish()\n    file.rule = _Rule(codes_id,",
            ),
        ),
    ),
    Fault(
        "conflict-before-unknown-features",
        "PLADA-CHK-001",
        "Looks for conflicts first.",
        (
            ('    _refuse_if(features & _WEIGHTS and features & _RULES, "feature-conflict")\n', ""),
            (
                '    _refuse_if(features & ~known_features, "unknown-feature")\n',
                '    _refuse_if(features & _WEIGHTS and features & _RULES, "feature-conflict")\n'
                '    _refuse_if(features & ~known_features, "unknown-feature")\n',
            ),
        ),
    ),
    Fault(
        "codes-missed-at-once",
        "PLADA-CHK-001",
        "Refuses a rule for want of codes when RULE is read.",
        (
            (
                "            _read_rule(body, file, limits)\n",
                "            _read_rule(body, file, limits)\n"
                '            _refuse_if(codes is None, "codes-mismatch")\n',
            ),
            (
                "limits, known_features)\n    _refuse_if(not file.rule",
                "limits, known_features, codes)\n    _refuse_if(not file.rule",
            ),
            (
                "limits: Limits, known_features: int) -> tuple[_File, int]:",
                "limits: Limits, known_features: int, codes: Any) -> tuple[_File, int]:",
            ),
        ),
    ),
    Fault(
        "blocks-counted-beside-a-rule",
        "PLADA-CHK-001",
        "Finds that the blocks alone do not keep K images, before it looks for codes.",
        (
            (
                "    if file.rule:\n        _apply_rule",
                "    if file.rule:\n"
                "        few = len(file.positions) != file.kept\n"
                '        _refuse_if(codes is None and few, "kept-total")\n'
                "        _apply_rule",
            ),
        ),
    ),
    Fault(
        "total-after-the-features",
        "PLADA-CHK-001",
        "Waits with the number of images where HEAD requires `rule`.",
        (("_refuse_if(not file.rule and len", "_refuse_if(not file.features & _RULES and len"),),
    ),
    Fault(
        "codes-after-the-end-of-file",
        "PLADA-CHK-001",
        "Looks for bytes after END before it evaluates the rule.",
        (
            (
                "    if file.rule:\n        _apply_rule",
                '    _refuse_if(at != len(data) and file.rule, "trailing-bytes")\n'
                "    if file.rule:\n        _apply_rule",
            ),
        ),
    ),
)
