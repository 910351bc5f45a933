"""Faults with dense streams (section 9)."""

from __future__ import annotations

from .fault import OMITTED, Fault

_DECAY = "        weights = [weight - (weight >> shift) for weight in weights]\n"
_AVERAGE = "        average += (16 * kind - average) >> 2\n"
_HALVE = (
    "        if 16 * kind > average + 48:\n"
    "            weights = [weight - (weight >> 1) for weight in weights]\n"
)

FAULTS = (
    Fault(
        "dense-code-beyond-range",
        "PLADA-DNS-001",
        "Starts the coder without a look at the first four bytes.",
        (('_refuse_if(self._code >= self._range, "dense-corrupt")', OMITTED),),
    ),
    Fault(
        "dense-direct-masked",
        "PLADA-DNS-001",
        "Masks the quotient to k bits, to be on the safe side.",
        (('_refuse_if(value >= 1 << bits, "dense-corrupt")', "value &= (1 << bits) - 1"),),
    ),
    Fault(
        "dense-widths-of-63",
        "PLADA-DNS-001",
        "Takes the widths that six bits can state.",
        (('_refuse_if(width > 52, "dense-corrupt")', '_refuse_if(width > 63, "dense-corrupt")'),),
    ),
    Fault(
        "dense-label-c",
        "PLADA-DNS-001",
        "Takes literal labels as the tree gives them, beyond C too.",
        (("_refuse_if(label >= classes or label in recent,", "_refuse_if(label in recent,"),),
    ),
    Fault(
        "dense-label-twice",
        "PLADA-DNS-001",
        "Does not mind a label that is in the queue already.",
        (("_refuse_if(label >= classes or label in recent,", "_refuse_if(label >= classes,"),),
    ),
    Fault(
        "dense-queue-of-13",
        "PLADA-DNS-001",
        "Makes room in the queue once it is longer than 12.",
        (("if len(recent) == 12:", "if len(recent) > 12:"),),
    ),
    Fault(
        "dense-ties-behind",
        "PLADA-DNS-001",
        "Inserts a label behind those of equal weight, as stable sorting does.",
        (("weights[to] > weight:", "weights[to] >= weight:"),),
    ),
    Fault(
        "dense-widths-beyond-15",
        "PLADA-DNS-001",
        "Gives the labels the widths as they are, beyond 15 too.",
        (("min(distance.bit_length() - 1, 15)", "min(distance.bit_length() - 1, 52)"),),
    ),
    Fault(
        "dense-average-towards-zero",
        "PLADA-DNS-001",
        "Divides by 4 where the text shifts, which rounds negative numbers up.",
        (
            (
                "        average += (16 * kind - average) >> 2\n        distances",
                "        average += int((16 * kind - average) / 4)\n        distances",
            ),
        ),
    ),
    Fault(
        "dense-halves-rounded-down",
        "PLADA-DNS-001",
        "Halves weights by a shift, which rounds odd ones the other way.",
        (("weight - (weight >> 1)", "weight >> 1"),),
    ),
    Fault(
        "dense-decay-after-halving",
        "PLADA-DNS-001",
        "Has weights decay after they are halved.",
        ((_DECAY + _HALVE, _HALVE + _DECAY),),
    ),
    Fault(
        "dense-first-kind-of-its-position",
        "PLADA-DNS-001",
        "Measures the distance to the first image of a block from position 0.",
        (
            (
                "return bytes([0]) + bytes(",
                "return bytes([min(max(positions[start].bit_length() - 1, 0), 15)]) + bytes(",
            ),
        ),
    ),
    Fault(
        "dense-kind-across-blocks",
        "PLADA-DNS-001",
        "Measures the distance to the first image of a block from the block before.",
        (
            (
                "return bytes([0]) + bytes(",
                "if start:\n        return bytes(min((after - before).bit_length() - 1, 15) "
                "for before, after in pairwise(positions[start - 1 :]))\n"
                "    return bytes([0]) + bytes(",
            ),
        ),
    ),
    Fault(
        "dense-models-kept",
        "PLADA-DNS-001",
        "Makes the models of distances once for a file, not once for a block.",
        (
            (
                "_read_dense_distances(data, count - 1), first",
                "_read_dense_distances(data, count - 1, file), first",
            ),
            (
                "_read_dense_distances(data: bytes, n: int)",
                "_read_dense_distances(data: bytes, n: int, file: _File)",
            ),
            (
                "    widths, second = _new_models(), _new_models()\n",
                "    made = _new_models(), _new_models()\n"
                '    widths, second = vars(file).setdefault("models", made)\n',
            ),
        ),
    ),
    Fault(
        "dense-queue-kept",
        "PLADA-DNS-001",
        "Keeps the queue of labels from one block to the next.",
        (
            (
                "kinds, file.classes, shift))",
                "kinds, file.classes, shift, vars(file).setdefault('queue', ([], []))))",
            ),
            (
                "classes: int, shift: int) -> array",
                "classes: int, shift: int, queue: Any) -> array",
            ),
            (
                "    recent: list[int] = []  # the queue: labels, heaviest first\n"
                "    weights: list[int] = []  # and their weights\n",
                "    recent, weights = queue\n",
            ),
            (
                "    coder.finish()\n    return labels\n",
                "    queue[1][:] = weights\n    coder.finish()\n    return labels\n",
            ),
        ),
    ),
    Fault(
        "dense-pieces-from-below",
        "PLADA-DNS-001",
        "Reads the low bits of a long distance sixteen at a time from the lowest on.",
        (
            (
                "            distance, left = 2 + bit(second, kind), width - 1\n"
                "            while left > 0:\n"
                "                some = min(left, 16)\n"
                "                distance = distance << some | direct(some)\n"
                "                left -= some\n",
                "            distance, left = 2 + bit(second, kind) << width - 1, width - 1\n"
                "            while left > 0:\n"
                "                some = min(left, 16)\n"
                "                distance |= direct(some) << (width - 1 - left)\n"
                "                left -= some\n",
            ),
        ),
    ),
    Fault(
        "dense-tail-of-labels-unchecked",
        "PLADA-DNS-002",
        "Checks the end of distances and forgets that of labels.",
        (("        labels.append(label)\n    coder.finish()\n", "        labels.append(label)\n"),),
    ),
    Fault(
        "dense-zeros-at-the-end",
        "PLADA-DNS-002",
        "Allows zero bytes at the end, which decode as if they were not there.",
        ((' or self._data.endswith(b"\\0"),', ","),),
    ),
    Fault(
        "dense-bytes-after-the-end",
        "PLADA-DNS-002",
        "Compares the last four bytes that it reads, and not where the stream ends.",
        (("len(self._data) > self._at or ", ""),),
    ),
    Fault(
        "dense-any-value-in-range",
        "PLADA-DNS-002",
        "Checks that no byte is too many, and not that the last one is the encoder's.",
        (
            (
                '_refuse_if(tail % 2**32 != last, "dense-tail")',
                '_refuse_if(last % unit, "dense-tail")',
            ),
        ),
    ),
)
