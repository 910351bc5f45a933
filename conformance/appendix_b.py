# SPDX-License-Identifier: Apache-2.0
r"""The programs of Appendix B of the .plada specification, version 1: encoders and decoders.

Generated from its text; do not edit. One file, Python 3 and its standard library, to be read beside
the specification and to be imported by itself, as a check of other encoders and decoders:

    >>> import appendix_b
    >>> appendix_b.read_varint(b"\x80\x01", 0)         # the value, and where it ends
    (128, 2)
    >>> appendix_b.read_split(b"\x00\x00", 1)          # ends with Refused("integer-size")

Sizes that a reader has checked before (sections 8.4 and 14) are not checked again. Zstandard frames
are examined and not decoded.
"""

import hashlib
from zlib import crc32


class Refused(Exception):
    """Says the error code that a program ended with."""


def refuse(code):
    raise Refused(code)


def sha256(data):
    return hashlib.sha256(data).digest()


def write_varint(value):
    out = []
    while value >= 128:
        out.append(value % 128 + 128)
        value = value >> 7
    return bytes(out + [value])

def read_varint(data, at, short="truncated"):      # inside a body, short is "body-short"
    value = 0
    for index in range(8):
        if at == len(data): refuse(short)
        byte = data[at]
        at = at + 1
        value = value + ((byte & 127) << (7 * index))
        if byte < 128:
            if byte == 0 and index > 0: refuse("varint-overlong")
            if value > 2**53 - 1: refuse("varint-overflow")
            return value, at
    refuse("varint-overflow")

def write_chunk(kind, body, head_crc=0):           # head_crc is 0 for HEAD itself
    start = bytes([kind]) + write_varint(len(body)) + body
    return start + crc32(start, 0 if kind & 128 else head_crc).to_bytes(4, "little")

def width(value):                                  # floor(log2 value)
    return value.bit_length() - 1

def write_split(values):
    nibbles = [min(width(v), 15) for v in values] + [0] * (len(values) % 2)
    widths = [nibbles[i] + 16 * nibbles[i + 1] for i in range(0, len(nibbles), 2)]
    wide = [width(v) for v in values if width(v) >= 15]
    bits = [(v >> b) & 1 for v in values for b in range(width(v))]
    bits = bits + [0] * (-len(bits) % 8)
    low = [sum(bits[i + b] << b for b in range(8)) for i in range(0, len(bits), 8)]
    return bytes(widths + wide + low)

def read_split(data, n):
    pairs = (n + 1) // 2
    if len(data) < pairs: refuse("integer-size")
    w = [(data[i // 2] >> (4 * (i % 2))) & 15 for i in range(2 * pairs)]
    if n % 2 and w.pop(): refuse("padding-bits")
    at = pairs + sum(1 for x in w if x == 15)
    if len(data) < at: refuse("integer-size")
    if any(x < 15 or x > 52 for x in data[pairs:at]): refuse("integer-width")
    wide = iter(data[pairs:at])
    w = [next(wide) if x == 15 else x for x in w]
    if len(data) != at + (sum(w) + 7) // 8: refuse("integer-size")
    if sum(w) % 8 and data[-1] >> (sum(w) % 8): refuse("padding-bits")
    values, bit = [], 8 * at
    for x in w:
        value = 1 << x
        for b in range(x):
            value = value + (((data[bit // 8] >> (bit % 8)) & 1) << b)
            bit = bit + 1
        values.append(value)
    return values

def write_bitmap(relative, span):
    out = [0] * ((span + 7) // 8)
    for p in relative:
        out[p // 8] = out[p // 8] + (1 << (p % 8))
    return bytes(out)

def read_bitmap(data, span, count):
    if span % 8 and data[-1] >> (span % 8): refuse("padding-bits")
    relative = [p for p in range(span) if (data[p // 8] >> (p % 8)) & 1]
    if len(relative) != count: refuse("position-count")
    if relative[0] != 0 or relative[-1] != span - 1: refuse("block-not-tight")
    return relative

def write_delta(relative):
    return write_split([b - a for a, b in zip(relative, relative[1:])])

def read_delta(data, span, count):
    return add_up(read_split(data, count - 1), span)

def add_up(distances, span):
    relative = [0]
    for distance in distances:
        relative.append(relative[-1] + distance)
        if relative[-1] >= span: refuse("distance-total")
    if relative[-1] != span - 1: refuse("distance-total")
    return relative

def write_rle(relative):
    kept, skipped = [1], []
    for a, b in zip(relative, relative[1:]):
        if b == a + 1:
            kept[-1] = kept[-1] + 1
        else:
            skipped.append(b - a - 1)
            kept.append(1)
    return write_varint(len(kept)) + write_split(kept + skipped)

def read_rle(data, span, count):
    r, at = read_varint(data, 0, short="integer-size")
    if not 1 <= r <= min(count, span - count + 1): refuse("run-count")
    lengths = read_split(data[at:], 2 * r - 1)
    total = 0
    for length in lengths:
        total = total + length
        if total > span: refuse("run-total")
    if total != span: refuse("run-total")
    if sum(lengths[:r]) != count: refuse("position-count")
    relative, at = [], 0
    for kept, skipped in zip(lengths[:r], lengths[r:] + [0]):
        relative.extend(range(at, at + kept))
        at = at + kept + skipped
    return relative

def split_sizes(n, most):                          # least and most bytes of n split integers from 1 to `most`
    least = (n + 1) // 2
    return least, least + (n if width(most) >= 15 else 0) + (n * width(most) + 7) // 8

def position_sizes(encoding, span, count):         # of bitmap, delta and RLE
    if encoding == 0: return (span + 7) // 8, (span + 7) // 8
    if encoding == 1: return split_sizes(count - 1, max(span - 1, 1))
    return 2, split_sizes(2 * min(count, span - count + 1) - 1, span)[1] + 8

def write_labels(labels, classes):
    if classes == 1: return b""
    low = bytes(label % 256 for label in labels)
    return low if classes <= 256 else low + bytes(label // 256 for label in labels)

def read_labels(data, classes, count):
    labels = list(data[:count]) if classes > 1 else [0] * count
    if classes > 256:
        labels = [a + 256 * b for a, b in zip(labels, data[count:])]
    if max(labels) >= classes: refuse("label-range")
    return labels

def write_codes(codes, bits):
    if bits == 8: return bytes(codes)
    codes = codes + [0] * (len(codes) % 2)
    return bytes(codes[i] + 16 * codes[i + 1] for i in range(0, len(codes), 2))

def read_codes(data, bits, count):
    if bits == 8: return list(data)
    codes = [half for byte in data for half in (byte % 16, byte // 16)]
    if count % 2 and codes.pop(): refuse("padding-bits")
    return codes

class Decoder:
    def __init__(self, data):
        self.data, self.at, self.range, self.code = data, 0, 2**32 - 1, 0
        for _ in range(4): self.code = self.code * 256 + self.next()
        if self.code >= self.range: refuse("dense-corrupt")

    def next(self):
        self.at = self.at + 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def refill(self):
        while self.range < 2**24:
            self.range = self.range * 256
            self.code = self.code * 256 + self.next()

    def bit(self, model):                          # a model is a list [p, n]; at first [32768, 0]
        bound = (self.range >> 12) * (model[0] >> 4)
        result = 1 if self.code < bound else 0
        if result:
            self.range = bound
        else:
            self.code = self.code - bound
            self.range = self.range - bound
        adapt(model, result)
        self.refill()
        return result

    def direct(self, k):
        self.range = self.range >> k
        value = self.code // self.range
        if value >= 1 << k: refuse("dense-corrupt")
        self.code = self.code - value * self.range
        self.refill()
        return value

    def finish(self):
        last = 0                                   # the last four bytes read
        for i in range(self.at - 4, self.at):
            last = last * 256 + (self.data[i] if i < len(self.data) else 0)
        low = (last - self.code) % 2**32           # what the encoder had as low
        if len(self.data) > self.at or (self.data and self.data[-1] == 0): refuse("dense-tail")
        if tail(low, self.range) % 2**32 != last: refuse("dense-tail")

class Encoder:
    def __init__(self):
        self.low, self.range, self.out = 0, 2**32 - 1, []

    def refill(self):
        if self.low >= 2**32:                      # carry into the bytes before
            self.low, i = self.low - 2**32, len(self.out) - 1
            while self.out[i] == 255:
                self.out[i], i = 0, i - 1
            self.out[i] = self.out[i] + 1
        while self.range < 2**24:
            self.out.append(self.low >> 24)
            self.low = (self.low * 256) % 2**32
            self.range = self.range * 256

    def bit(self, model, value):
        bound = (self.range >> 12) * (model[0] >> 4)
        if value:
            self.range = bound
        else:
            self.low = self.low + bound
            self.range = self.range - bound
        adapt(model, value)
        self.refill()

    def direct(self, k, value):
        self.range = self.range >> k
        self.low = self.low + value * self.range
        self.refill()

    def finish(self):
        self.low, self.range = tail(self.low, self.range), 2**24
        self.refill()                              # nothing but a carry
        stream = self.out + list(self.low.to_bytes(4, "big"))
        while stream and stream[-1] == 0: stream.pop()
        return bytes(stream)

def adapt(model, bit):
    p, n = model
    step = min(6, (n + 1).bit_length())
    model[0] = p + ((65536 - p) >> step) if bit else p - (p >> step)
    model[1] = min(n + 1, 31)

def tail(low, range_):                             # the roundest value from low to low + range_ - 1
    for zeros in (32, 24, 16, 8):
        value = (low + 2**zeros - 1) >> zeros << zeros
        if value < low + range_: return value
    return low

def models(n):
    return [[32768, 0] for _ in range(n)]

class Distances:
    def __init__(self):
        self.widths, self.second, self.average = models(31 * 16), models(16), 64

    def read(self, coder):
        node = 1
        while node < 16: node = 2 * node + coder.bit(self.widths[(self.average >> 3) * 16 + node])
        kind = node - 16
        w = kind if kind < 15 else 15 + coder.direct(6)
        if w > 52: refuse("dense-corrupt")
        value = 1
        if w > 0:
            value, left = 2 + coder.bit(self.second[kind]), w - 1
            while left > 0:
                k = min(left, 16)
                value, left = (value << k) + coder.direct(k), left - k
        self.average = self.average + ((16 * kind - self.average) >> 2)
        return value

    def write(self, coder, value):
        w, node = width(value), 1
        kind = min(w, 15)
        for place in (3, 2, 1, 0):
            bit = (kind >> place) & 1
            coder.bit(self.widths[(self.average >> 3) * 16 + node], bit)
            node = 2 * node + bit
        if kind == 15: coder.direct(6, w - 15)
        if w > 0:
            coder.bit(self.second[kind], (value >> (w - 1)) & 1)
            left = w - 1
            while left > 0:
                k = min(left, 16)
                left = left - k
                coder.direct(k, (value >> left) & (2**k - 1))
        self.average = self.average + ((16 * kind - self.average) >> 2)

class Labels:
    def __init__(self, classes, shift):
        self.classes, self.shift, self.bits = classes, shift, (classes - 1).bit_length()
        self.ranks, self.tree = models(12 * 8 * 4), models(1 << self.bits)
        self.queue, self.average = [], 64          # pairs [label, weight], heaviest first

    def begin(self, kind):                         # kind: min(width, 15) of the distance that leads here, 0 for the first
        for pair in self.queue:
            pair[1] = pair[1] - (pair[1] >> self.shift)
            if 16 * kind > self.average + 48: pair[1] = pair[1] - (pair[1] >> 1)
        self.average = self.average + ((16 * kind - self.average) >> 2)

    def rank_model(self, place, kind):
        return self.ranks[place * 32 + (self.queue[place][1] >> (9 + self.shift)) * 4 + (kind >> 2)]

    def end(self, place, label):                   # place: where the label was found, or the queue's length
        weight = 4096
        if place < len(self.queue): weight = weight + self.queue.pop(place)[1]
        elif place == 12: self.queue.pop()
        to = 0
        while to < len(self.queue) and self.queue[to][1] > weight: to = to + 1
        self.queue.insert(to, [label, weight])

    def read(self, coder, kind):
        self.begin(kind)
        place = 0
        while place < len(self.queue) and coder.bit(self.rank_model(place, kind)) == 0: place = place + 1
        if place < len(self.queue):
            label = self.queue[place][0]
        else:
            node = 1
            for _ in range(self.bits): node = 2 * node + coder.bit(self.tree[node])
            label = node - (1 << self.bits)
            if label >= self.classes or label in [pair[0] for pair in self.queue]: refuse("dense-corrupt")
        self.end(place, label)
        return label

    def write(self, coder, kind, label):
        self.begin(kind)
        place = 0
        while place < len(self.queue):
            found = self.queue[place][0] == label
            coder.bit(self.rank_model(place, kind), 1 if found else 0)
            if found: break
            place = place + 1
        if place == len(self.queue):
            node = 1
            for i in range(self.bits - 1, -1, -1):
                bit = (label >> i) & 1
                coder.bit(self.tree[node], bit)
                node = 2 * node + bit
        self.end(place, label)

def kinds(relative):
    return [0] + [min(width(b - a), 15) for a, b in zip(relative, relative[1:])]

def read_dense_positions(data, span, count):
    coder, distances = Decoder(data), Distances()
    values = [distances.read(coder) for _ in range(count - 1)]
    coder.finish()
    return add_up(values, span)

def write_dense_positions(relative):
    coder, distances = Encoder(), Distances()
    for a, b in zip(relative, relative[1:]): distances.write(coder, b - a)
    return coder.finish()

def read_dense_labels(data, relative, classes, shift):
    coder, model = Decoder(data), Labels(classes, shift)
    labels = [model.read(coder, kind) for kind in kinds(relative)]
    coder.finish()
    return labels

def write_dense_labels(labels, relative, classes, shift):
    coder, model = Encoder(), Labels(classes, shift)
    for kind, label in zip(kinds(relative), labels): model.write(coder, kind, label)
    return coder.finish()

def content_id(pool, classes, names, identifiers, scale, positions, labels, codes):
    out = b"plada-1-content\0" + pool[0] + u(8, pool[1]) + u(8, len(positions)) + u(4, classes)
    out = out + bytes([names is not None, identifiers is not None])
    for text in (names or []) + (identifiers or []): out = out + bytes([len(text)]) + text
    bits, low, step = scale or (0, 0, 0)
    out = out + u(1, bits) + u(2, low % 65536) + u(2, step)
    size = 4 if pool[1] <= 2**32 else 8
    out = out + sha256(b"".join(u(size, p) for p in positions))
    out = out + sha256(b"".join(u(2, label) for label in labels))
    out = out + sha256(b"".join(u(1, code) for code in codes or []))
    return sha256(out)

def u(size, value):
    return value.to_bytes(size, "little")

def pool_id(digests):                              # image digests in pool order
    if not digests: return sha256(b"")
    if len(digests) == 1: return sha256(b"\x00" + b"plada-pool-1\0" + digests[0])
    k = 1
    while 2 * k < len(digests): k = 2 * k
    return sha256(b"\x01" + pool_id(digests[:k]) + pool_id(digests[k:]))

def signed_message(file_before_sign):
    return b"plada-1-sig\0" + sha256(file_before_sign)

def zstd_size(frame):                              # the decoded size, once the frame has passed
    if len(frame) < 5: refuse("zstd-frame")
    magic = int.from_bytes(frame[:4], "little")
    if 0x184D2A50 <= magic <= 0x184D2A5F: refuse("zstd-skippable")
    if magic != 0xFD2FB528: refuse("zstd-frame")
    descriptor = frame[4]
    single = (descriptor >> 5) & 1
    if descriptor & 8: refuse("zstd-frame")
    if descriptor & 4: refuse("zstd-checksum")
    if descriptor & 3: refuse("zstd-dictionary")
    size_bytes = [single, 2, 4, 8][descriptor >> 6]
    if size_bytes == 0: refuse("zstd-no-size")
    at = 6 - single
    if len(frame) < at + size_bytes: refuse("zstd-frame")
    size = int.from_bytes(frame[at:at + size_bytes], "little") + (256 if size_bytes == 2 else 0)
    base = 1 << (10 + (frame[5] >> 3))
    window = size if single else base + (base // 8) * (frame[5] & 7)
    if window > 2**23 or window < min(size, 2**23): refuse("zstd-window")
    at, last = at + size_bytes, 0
    while not last:
        if len(frame) < at + 3: refuse("zstd-frame")
        header = int.from_bytes(frame[at:at + 3], "little")
        last, kind, length = header & 1, (header >> 1) & 3, header >> 3
        if kind == 3 or length > min(window, 2**17): refuse("zstd-block")
        at = at + 3 + (1 if kind == 1 else length)
        if len(frame) < at: refuse("zstd-frame")
    if len(frame) > at: refuse("zstd-trailing")
    return size

def rule_models():
    return models(15), models(3)                   # of sizes, of signs

def sign_model(total):                             # the weights of a column tend to add up to nothing
    return 0 if total == 0 else 1 if total > 0 else 2

def read_rule(data, classes, columns, top, shift):
    coder, (sizes, signs) = Decoder(data), rule_models()
    weights = [[0] * columns for _ in range(classes)]
    for j in range(columns):
        total = 0
        for c in range(classes):
            size = 0
            while size < top and coder.bit(sizes[size]): size = size + 1
            weight = -size if size > 0 and coder.bit(signs[sign_model(total)]) else size
            weights[c][j], total = weight, total + weight
    numbers, biases = Distances(), []
    for _ in range(classes):
        folded = numbers.read(coder) - 1           # 0, -1, 1, -2, 2 ... as 0, 1, 2, 3, 4 ...
        biases.append((-(folded + 1) // 2 if folded % 2 else folded // 2) << shift)
    numbers = Distances()
    thresholds = [(numbers.read(coder) - 1) << shift for _ in range(classes)]
    coder.finish()
    for c in range(classes):
        if abs(biases[c]) + 128 * sum(abs(w) for w in weights[c]) > 2**24 - 1: refuse("rule-range")
        if thresholds[c] > 2**25: refuse("rule-range")
    return weights, biases, thresholds

def write_rule(weights, biases, thresholds, top, shift):
    coder, (sizes, signs) = Encoder(), rule_models()
    for j in range(len(weights[0])):
        total = 0
        for row in weights:
            for size in range(min(abs(row[j]) + 1, top)): coder.bit(sizes[size], 1 if size < abs(row[j]) else 0)
            if row[j] != 0: coder.bit(signs[sign_model(total)], 1 if row[j] < 0 else 0)
            total = total + row[j]
    numbers = Distances()
    for bias in biases: numbers.write(coder, (2 * -(bias >> shift) - 1 if bias < 0 else 2 * (bias >> shift)) + 1)
    numbers = Distances()
    for threshold in thresholds: numbers.write(coder, (threshold >> shift) + 1)
    return coder.finish()

def kept_by_rule(weights, biases, thresholds, codes):
    kept = []                                      # pairs of position and label
    for position, row in enumerate(codes):
        scores = [bias + sum(w * x for w, x in zip(ws, row)) for ws, bias in zip(weights, biases)]
        best = scores.index(max(scores))           # the first of the largest
        second = max(scores[:best] + scores[best + 1:])
        if scores[best] - second >= thresholds[best]: kept.append((position, best))
    return kept

def codes_id(codes):                               # rows of D bytes
    if not codes: return sha256(b"")
    if len(codes) == 1: return sha256(b"\x00" + b"plada-codes-1\0" + bytes(x % 256 for x in codes[0]))
    k = 1
    while 2 * k < len(codes): k = 2 * k
    return sha256(b"\x01" + codes_id(codes[:k]) + codes_id(codes[k:]))
