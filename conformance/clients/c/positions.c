#include "internal.h"

static uint64_t least_of(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Section 7.3. The parts are walked side by side, so that a list need not be held. */
struct split {
    const uint8_t *widths, *wide, *low;
    size_t low_size;
    uint64_t index, bit;
};

static unsigned nibble(const uint8_t *widths, uint64_t index)
{
    return widths[index / 2] >> (4 * (index % 2)) & 15;
}

static fault split_open(struct split *split, const uint8_t *data, size_t size, uint64_t n)
{
    uint64_t pairs = ceil_div(n, 2), wide = 0, bits = 0;
    if (size < pairs) return "integer-size";
    if (n % 2 && data[pairs - 1] >> 4) return "padding-bits";
    for (uint64_t i = 0; i < n; i++) {
        unsigned width = nibble(data, i);
        if (width == 15) wide++;
        else bits += width;
    }
    if (size - pairs < wide) return "integer-size";
    for (uint64_t i = 0; i < wide; i++) {
        uint8_t width = data[pairs + i];
        if (width < 15 || width > 52) return "integer-width";
        bits += width;
    }
    *split = (struct split){data, data + pairs, data + pairs + wide, size - pairs - wide, 0, 0};
    if (split->low_size != ceil_div(bits, 8)) return "integer-size";
    if (bits % 8 && data[size - 1] >> (bits % 8)) return "padding-bits";
    return NULL;
}

static uint64_t split_next(struct split *split)
{
    unsigned width = nibble(split->widths, split->index++);
    if (width == 15) width = *split->wide++;
    if (width == 0) return 1;
    size_t at = split->bit / 8;
    unsigned skip = split->bit % 8; /* skip + width is at most 59 bits, which is 8 bytes */
    uint64_t bits = little_endian(split->low + at, (unsigned)least_of(8, split->low_size - at)) >> skip;
    split->bit += width;
    return UINT64_C(1) << width | (bits & ((UINT64_C(1) << width) - 1));
}

static fault read_bitmap(struct block *block, const uint8_t *data, size_t size)
{
    if (block->span % 8 && data[size - 1] >> (block->span % 8)) return "padding-bits";
    for (size_t i = 0; i < size; i++)
        for (unsigned bit = 0; data[i] >> bit; bit++)
            if (data[i] >> bit & 1) {
                if (block->kept == block->count) return "position-count";
                keep(block, 8 * (uint64_t)i + bit);
            }
    if (block->kept < block->count) return "position-count";
    return data[0] & 1 && block->last == block->span - 1 ? NULL : "block-not-tight";
}

static fault read_delta(struct block *block, const uint8_t *data, size_t size)
{
    struct split split;
    TRY(split_open(&split, data, size, block->count - 1));
    keep(block, 0);
    while (block->kept < block->count) {
        uint64_t relative = block->last + split_next(&split); /* below 2^54 */
        if (relative >= block->span) return "distance-total";
        keep(block, relative);
    }
    return block->last == block->span - 1 ? NULL : "distance-total";
}

static fault read_rle(struct block *block, const uint8_t *data, size_t size)
{
    struct bytes in = {data, size};
    struct split kept, skipped;
    uint64_t runs, total = 0, images = 0;
    TRY(read_varint(&in, "integer-size", &runs));
    if (runs < 1 || runs > least_of(block->count, block->span - block->count + 1)) return "run-count";
    TRY(split_open(&kept, in.at, in.left, 2 * runs - 1));
    struct split walk = skipped = kept;
    for (uint64_t i = 0; i < 2 * runs - 1; i++) {
        if (i == runs) {
            images = total;
            skipped = walk;
        }
        total += split_next(&walk);
        if (total > block->span) return "run-total";
    }
    if (total != block->span) return "run-total";
    if ((runs == 1 ? total : images) != block->count) return "position-count";
    for (uint64_t at = 0, i = 0; i < runs; i++) {
        for (uint64_t length = split_next(&kept); length > 0; length--) keep(block, at++);
        if (i + 1 < runs) at += split_next(&skipped);
    }
    return NULL;
}

/* Section 8.4 */
static uint64_t split_most(uint64_t n, uint64_t most)
{
    uint64_t width = log2_floor(most);
    return ceil_div(n, 2) + (width >= 15 ? n : 0) + ceil_div(n * width, 8);
}

void position_bounds(const struct block *block, uint64_t *least, uint64_t *most)
{
    uint64_t n = block->count - 1;
    switch (block->encoding) {
    case BITMAP:
        *least = *most = ceil_div(block->span, 8);
        return;
    case DELTA:
        *least = ceil_div(n, 2);
        *most = split_most(n, block->span > 1 ? block->span - 1 : 1);
        return;
    case RLE:
        *least = 2;
        *most = 8 + split_most(2 * least_of(block->count, block->span - n) - 1, block->span);
        return;
    default:
        *least = 0;
        *most = UINT64_MAX;
    }
}

fault read_positions(struct block *block, const uint8_t *data, size_t size)
{
    switch (block->encoding) {
    case BITMAP: return read_bitmap(block, data, size);
    case DELTA: return read_delta(block, data, size);
    case RLE: return read_rle(block, data, size);
    default: return read_dense_positions(block, data, size);
    }
}
