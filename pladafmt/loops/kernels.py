"""A binary range coder and its two models (specification, section 9), and two lesser loops.

The coder is LZMA's (Martin, "Range encoding", 1979; Pavlov's rc) with 16-bit probabilities and a
step that shrinks while a model is young. One source serves two ways to run it: as plain Python on
lists, and compiled by numba on arrays (`pladafmt.loops.backend`), where `jit` stands for numba's
decorator. So it keeps to what both understand: integers, indexing and loops. All intermediate
values fit 64-bit signed integers.

Arguments that every function shares:

data: the stream, indexable bytes, perhaps signed. Bytes beyond its end read as zero.
state: three integers. Decoding: code, range, bytes read; `begun` makes it. Encoding: low, range,
    bytes written; at first 0, FULL, 0. The next function goes on where the last one has stopped.
chance: probability of a one for each bit model, of 65,536; begins as 32,768.
age: how often each bit model was used, up to 31; begins as 0.
"""

from __future__ import annotations

from typing import Any

COMPILED = "jit" in globals()

if not COMPILED:

    def jit(function: Any) -> Any:
        """Leave a function as it is: plain Python."""
        return function

    inlined = jit
    """Of the small functions: numba copies these into their callers."""


TOP = 1 << 24
OLDEST = 31

WIDE = 15
MAX_WIDTH = 52
WIDTH_MODELS = 31 * 16
SECOND_MODELS = 16
DISTANCE_MODELS = WIDTH_MODELS + SECOND_MODELS
"""Models of the distance coder: the width's tree, then the bit below the leading one."""

QUEUE = 12
GAIN = 4096
RANK_MODELS = QUEUE * 8 * 4
"""Models of the label coder's queue; those of the literal tree, 2^bits of them, come after."""

FIRST_AVERAGE = 64
FAR = 48

SIZE_MODELS = 15
RULE_MODELS = SIZE_MODELS + 3
"""Models of a rule's weights: of sizes, then of signs by the sum of the column so far."""

GOOD = 0
BAD_DIRECT = 1
BAD_WIDTH = 2
BAD_LABEL = 3
TOO_LONG = 4
BAD_START = 5

FULL = 0xFFFFFFFF
"""The range at first. A code that is not below it would stay so, and grow without bound."""


STEPS = tuple(min(6, (age + 1).bit_length()) for age in range(OLDEST + 1))
"""The adaptation shift at each age."""


def begun(data: bytes) -> tuple[int, int, int]:
    """Return the state in which the decoding of a stream begins."""
    return int.from_bytes(data[:4].ljust(4, b"\0"), "big"), FULL, 4


@inlined
def refill(data: Any, code: int, span: int, at: int) -> tuple[int, int, int]:
    """Read bytes until the range is wide enough for the next bit."""
    while span < TOP:
        span <<= 8
        code <<= 8
        if at < len(data):
            code |= int(data[at]) & 255
        at += 1
    return code, span, at


@inlined
def get_bit(
    data: Any, code: int, span: int, at: int, chance: Any, age: Any, model: int
) -> tuple[int, int, int, int]:
    """Decode one modelled bit and adapt its model; return it and code, range, bytes read."""
    p = chance[model]
    n = age[model]
    step = STEPS[n]
    if n < OLDEST:
        age[model] = n + 1
    bound = (span >> 12) * (p >> 4)
    if code < bound:
        span = bound
        chance[model] = p + ((65536 - p) >> step)
        bit = 1
    else:
        code -= bound
        span -= bound
        chance[model] = p - (p >> step)
        bit = 0
    if span < TOP:  # Seldom: plain Python is spared the call.
        code, span, at = refill(data, code, span, at)
    return bit, code, span, at


@inlined
def get_direct(data: Any, code: int, span: int, at: int, bits: int) -> tuple[int, int, int, int]:
    """Decode 1 to 16 bits that are all equally likely; the value is too large in a bad stream."""
    span >>= bits
    value = code // span
    code -= value * span
    code, span, at = refill(data, code, span, at)
    return value, code, span, at


@jit
def get_distances(data: Any, count: int, state: Any, chance: Any, age: Any, out: Any) -> int:
    """Decode `count` distances into `out`; return GOOD or what is wrong."""
    code, span, at = int(state[0]), int(state[1]), int(state[2])
    if code >= span:
        return BAD_START
    average = FIRST_AVERAGE
    for index in range(count):
        base = (average >> 3) * 16
        node = 1
        while node < 16:
            bit, code, span, at = get_bit(data, code, span, at, chance, age, base + node)
            node = 2 * node + bit
        kind = node - 16
        width = kind
        if kind == WIDE:
            value, code, span, at = get_direct(data, code, span, at, 6)
            if value >> 6:
                return BAD_DIRECT
            width += value
            if width > MAX_WIDTH:
                return BAD_WIDTH
        distance = 1
        if width > 0:
            bit, code, span, at = get_bit(data, code, span, at, chance, age, WIDTH_MODELS + kind)
            distance = 2 + bit
            left = width - 1
            while left > 0:
                bits = min(left, 16)
                value, code, span, at = get_direct(data, code, span, at, bits)
                if value >> bits:
                    return BAD_DIRECT
                distance = (distance << bits) | value
                left -= bits
        out[index] = distance
        average += (16 * kind - average) >> 2
    state[0], state[1], state[2] = code, span, at
    return GOOD


@inlined
def fade(weights: Any, length: int, shift: int, far: bool) -> None:
    """Let the weights of the queue decay, by half as well after an unusually long distance."""
    for place in range(length):
        weight = weights[place] - (weights[place] >> shift)
        if far:
            weight -= weight >> 1
        weights[place] = weight


@inlined
def promote(labels: Any, weights: Any, place: int, label: int, weight: int) -> None:
    """Put a label that leaves `place` where its weight belongs, moving lighter ones down."""
    while place > 0 and weights[place - 1] <= weight:
        labels[place] = labels[place - 1]
        weights[place] = weights[place - 1]
        place -= 1
    labels[place] = label
    weights[place] = weight


@jit
def get_labels(
    data: Any,
    kinds: Any,
    classes: int,
    bits: int,
    shift: int,
    state: Any,
    chance: Any,
    age: Any,
    labels: Any,
    weights: Any,
    out: Any,
) -> int:
    """Decode a label for each of `kinds` into `out`; return GOOD or what is wrong.

    `kinds` holds min(width, 15) of the distance that leads to each image. `labels` and `weights`
    are the queue, QUEUE long.
    """
    code, span, at = int(state[0]), int(state[1]), int(state[2])
    if code >= span:
        return BAD_START
    average = FIRST_AVERAGE
    length = 0
    for index in range(len(kinds)):
        kind = int(kinds[index])
        fade(weights, length, shift, 16 * kind > average + FAR)
        average += (16 * kind - average) >> 2
        place = 0
        while place < length:
            model = place * 32 + (weights[place] >> (9 + shift)) * 4 + (kind >> 2)
            bit, code, span, at = get_bit(data, code, span, at, chance, age, model)
            if bit:
                break
            place += 1
        gain = GAIN
        if place < length:
            label = int(labels[place])
            gain += weights[place]
        else:
            node = 1
            for _ in range(bits):
                bit, code, span, at = get_bit(data, code, span, at, chance, age, RANK_MODELS + node)
                node = 2 * node + bit
            label = node - (1 << bits)
            if label >= classes:
                return BAD_LABEL
            for other in range(length):
                if labels[other] == label:
                    return BAD_LABEL
            if length < QUEUE:
                length += 1
            else:
                place -= 1
        promote(labels, weights, place, label, gain)
        out[index] = label
    state[0], state[1], state[2] = code, span, at
    return GOOD


@inlined
def tail(low: int, span: int) -> int:
    """Return the value in [low, low + span) whose lowest bytes are zero as far as possible."""
    bits = 32
    while bits > 0:
        mask = (1 << bits) - 1
        value = (low + mask) & ~mask
        if value < low + span:
            return value
        bits -= 8
    return low


@jit
def is_whole(data: Any, state: Any) -> bool:
    """Return whether a decoder in this state has read the stream that an encoder writes, and all.

    An encoder's last four bytes are the least number of them that say what is to be said, and
    zeros at the end are left out.
    """
    code, span, size = int(state[0]), int(state[1]), int(state[2])
    last = 0
    for at in range(size - 4, size):
        last <<= 8
        if at < len(data):
            last |= int(data[at]) & 255
    if len(data) > size or (len(data) > 0 and data[len(data) - 1] == 0):
        return False
    # What an encoder would have had as `low`: so far the last four bytes lie above it.
    ends_so: bool = tail((last - code) & 0xFFFFFFFF, span) & 0xFFFFFFFF == last
    return ends_so


@jit
def begin(data: Any, state: Any) -> None:
    """Set the state in which the decoding of a stream begins, as `begun` returns it."""
    state[0], state[1], state[2] = 0, FULL, 4
    for at in range(4):
        state[0] <<= 8
        if at < len(data):
            state[0] |= int(data[at]) & 255


if COMPILED:

    @inlined
    def renew(values: Any, new: Any) -> None:
        """Set the first of `values` to those of `new`."""
        for index in range(len(new)):
            values[index] = new[index]

else:

    def renew(values: Any, new: Any) -> None:
        """Set the first of `values` to those of `new`: of lists, in one go."""
        values[: len(new)] = new


@jit
def get_many_distances(
    data: Any,
    starts: Any,
    ends: Any,
    counts: Any,
    state: Any,
    chance: Any,
    age: Any,
    new_chance: Any,
    new_age: Any,
    out: Any,
) -> bool:
    """Decode the streams of many blocks; return whether all are good and whole.

    That of a block lies from `starts` to `ends` in `data`; the block has `counts` images, and one
    distance less. In `out` there is a place for each image: that of a block's first is left as it
    is. `new_chance` and `new_age` are those of DISTANCE_MODELS fresh models.
    """
    first = 0
    for block in range(len(starts)):
        stream = data[starts[block] : ends[block]]
        count = counts[block]
        begin(stream, state)
        place = out[first + 1 : first + count]
        if get_distances(stream, count - 1, state, chance, age, place) != GOOD:
            return False
        if not is_whole(stream, state):
            return False
        first += count
        if count > 1:
            renew(chance, new_chance)
            renew(age, new_age)
    return True


@jit
def get_many_labels(
    data: Any,
    starts: Any,
    ends: Any,
    counts: Any,
    shifts: Any,
    kinds: Any,
    classes: int,
    bits: int,
    state: Any,
    chance: Any,
    age: Any,
    new_chance: Any,
    new_age: Any,
    labels: Any,
    weights: Any,
    out: Any,
) -> bool:
    """Decode the streams of many blocks, as `get_many_distances` does; `kinds` is of all images.

    `new_chance` and `new_age` are those of RANK_MODELS fresh models.
    """
    first = 0
    for block in range(len(starts)):
        stream = data[starts[block] : ends[block]]
        end = first + counts[block]
        begin(stream, state)
        verdict = get_labels(
            stream,
            kinds[first:end],
            classes,
            bits,
            shifts[block],
            state,
            chance,
            age,
            labels,
            weights,
            out[first:end],
        )
        if verdict != GOOD or not is_whole(stream, state):
            return False
        renew(chance, new_chance)
        renew(age, new_age)
        # Of the tree, which may be large, only what the labels of this block have led through.
        for index in range(first, end):
            node = int(out[index]) + (1 << bits)
            while node > 1:
                node >>= 1
                chance[RANK_MODELS + node] = 32768
                age[RANK_MODELS + node] = 0
        first = end
    return True


@inlined
def carry(state: Any, out: Any) -> None:
    """Add one to the bytes written so far."""
    at = state[2] - 1
    while out[at] == 255:
        out[at] = 0
        at -= 1
    out[at] += 1
    state[0] &= 0xFFFFFFFF


@inlined
def settle(state: Any, out: Any) -> None:
    """Write bytes until the range is wide enough for the next bit."""
    if state[0] >> 32:
        carry(state, out)
    while state[1] < TOP:
        out[state[2]] = state[0] >> 24
        state[2] += 1
        state[0] = (state[0] << 8) & 0xFFFFFFFF
        state[1] <<= 8


@inlined
def put_bit(state: Any, out: Any, chance: Any, age: Any, model: int, bit: int) -> None:
    """Encode one modelled bit and adapt its model."""
    p = chance[model]
    n = age[model]
    step = STEPS[n]
    if n < OLDEST:
        age[model] = n + 1
    bound = (state[1] >> 12) * (p >> 4)
    if bit:
        state[1] = bound
        chance[model] = p + ((65536 - p) >> step)
    else:
        state[0] += bound
        state[1] -= bound
        chance[model] = p - (p >> step)
    settle(state, out)


@inlined
def put_direct(state: Any, out: Any, value: int, bits: int) -> None:
    """Encode 1 to 16 bits that are all equally likely."""
    state[1] >>= bits
    state[0] += value * state[1]
    settle(state, out)


@jit
def put_distances(values: Any, widths: Any, state: Any, chance: Any, age: Any, out: Any) -> int:
    """Encode distances; return GOOD, or TOO_LONG when `out` is nearly full."""
    average = FIRST_AVERAGE
    for index in range(len(values)):
        if state[2] + 32 > len(out):
            return TOO_LONG
        value = int(values[index])
        width = int(widths[index])
        kind = min(width, WIDE)
        base = (average >> 3) * 16
        node = 1
        for place in range(3, -1, -1):
            bit = (kind >> place) & 1
            put_bit(state, out, chance, age, base + node, bit)
            node = 2 * node + bit
        if kind == WIDE:
            put_direct(state, out, width - WIDE, 6)
        if width > 0:
            left = width - 1
            model = WIDTH_MODELS + kind
            put_bit(state, out, chance, age, model, (value >> left) & 1)
            while left > 0:
                bits = min(left, 16)
                left -= bits
                put_direct(state, out, (value >> left) & ((1 << bits) - 1), bits)
        average += (16 * kind - average) >> 2
    return GOOD


@jit
def put_labels(
    values: Any,
    kinds: Any,
    bits: int,
    shift: int,
    state: Any,
    chance: Any,
    age: Any,
    labels: Any,
    weights: Any,
    out: Any,
) -> int:
    """Encode labels; return GOOD, or TOO_LONG when `out` is nearly full."""
    average = FIRST_AVERAGE
    length = 0
    for index in range(len(values)):
        if state[2] + 64 > len(out):
            return TOO_LONG
        label = int(values[index])
        kind = int(kinds[index])
        fade(weights, length, shift, 16 * kind > average + FAR)
        average += (16 * kind - average) >> 2
        place = 0
        while place < length:
            model = place * 32 + (weights[place] >> (9 + shift)) * 4 + (kind >> 2)
            hit = int(labels[place] == label)
            put_bit(state, out, chance, age, model, hit)
            if hit:
                break
            place += 1
        gain = GAIN
        if place < length:
            gain += weights[place]
        else:
            node = 1
            for at in range(bits - 1, -1, -1):
                bit = (label >> at) & 1
                put_bit(state, out, chance, age, RANK_MODELS + node, bit)
                node = 2 * node + bit
            if length < QUEUE:
                length += 1
            else:
                place -= 1
        promote(labels, weights, place, label, gain)
    return GOOD


@inlined
def sign_model(total: int) -> int:
    """Return the model of a weight's sign, given the sum of the column so far."""
    model = SIZE_MODELS
    if total > 0:
        model += 1
    elif total < 0:
        model += 2
    return model


@jit
def get_weights(
    data: Any, classes: int, columns: int, top: int, state: Any, chance: Any, age: Any, out: Any
) -> int:
    """Decode a rule's weights, column by column, into `out`; return GOOD or BAD_START."""
    code, span, at = int(state[0]), int(state[1]), int(state[2])
    if code >= span:
        return BAD_START
    for column in range(columns):
        total = 0
        for row in range(classes):
            weight = 0
            while weight < top:
                bit, code, span, at = get_bit(data, code, span, at, chance, age, weight)
                if bit == 0:
                    break
                weight += 1
            if weight > 0:
                model = sign_model(total)
                bit, code, span, at = get_bit(data, code, span, at, chance, age, model)
                if bit:
                    weight = -weight
            out[column * classes + row] = weight
            total += weight
    state[0], state[1], state[2] = code, span, at
    return GOOD


@jit
def put_weights(
    values: Any, classes: int, columns: int, top: int, state: Any, chance: Any, age: Any, out: Any
) -> int:
    """Encode a rule's weights, given column by column; `out` has room for them. Return GOOD."""
    for column in range(columns):
        total = 0
        for row in range(classes):
            weight = int(values[column * classes + row])
            size = abs(weight)
            for model in range(min(size + 1, top)):
                put_bit(state, out, chance, age, model, int(model < size))
            if size > 0:
                put_bit(state, out, chance, age, sign_model(total), int(weight < 0))
            total += weight
    return GOOD


@jit
def unpack_low(data: Any, widths: Any, out: Any) -> None:
    """Unpack split integers (section 7.3): `data` holds the low bits of values of these widths."""
    held = 0
    bits = 0
    at = 0
    for index in range(len(widths)):
        width = int(widths[index])
        if bits < width <= 25 and at + 4 <= len(data):
            # Four bytes at once, for most values: at most 24 + 32 bits are held.
            held |= (int(data[at]) & 255) << bits
            held |= (int(data[at + 1]) & 255) << (bits + 8)
            held |= (int(data[at + 2]) & 255) << (bits + 16)
            held |= (int(data[at + 3]) & 255) << (bits + 24)
            at += 4
            bits += 32
        while bits < width:
            held |= (int(data[at]) & 255) << bits
            at += 1
            bits += 8
        out[index] = (1 << width) | (held & ((1 << width) - 1))
        held >>= width
        bits -= width


@jit
def accumulate(values: Any, limit: int) -> bool:
    """Turn values below 2^53 into their running sums, in place; stop above `limit` with False."""
    total = 0
    for index in range(len(values)):
        total += int(values[index])
        if total > limit:
            return False
        values[index] = total
    return True
