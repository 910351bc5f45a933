#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Section 9 and Appendix B.5 */
static uint8_t byte_at(const struct decoder *d, size_t at)
{
    return at < d->size ? d->data[at] : 0;
}

fault decoder_open(struct decoder *d, const uint8_t *data, size_t size)
{
    *d = (struct decoder){.data = data, .size = size, .range = UINT32_MAX};
    while (d->at < 4) d->code = d->code << 8 | byte_at(d, d->at++);
    return d->code >= d->range ? "dense-corrupt" : NULL;
}

static void refill(struct decoder *d)
{
    while (d->range < 1 << 24) {
        d->range <<= 8;
        d->code = d->code << 8 | byte_at(d, d->at++);
    }
}

unsigned decode_bit(struct decoder *d, struct model *model)
{
    uint32_t bound = (d->range >> 12) * (model->p >> 4);
    unsigned uses = model->uses + 1u, step = uses == 32 ? 6 : log2_floor(uses) + 1, bit = d->code < bound;
    if (uses < 32) model->uses = (uint8_t)uses;
    if (bit) {
        d->range = bound;
        model->p = (uint16_t)(model->p + ((65536u - model->p) >> step));
    } else {
        d->code -= bound;
        d->range -= bound;
        model->p = (uint16_t)(model->p - (model->p >> step));
    }
    refill(d);
    return bit;
}

static fault decode_direct(struct decoder *d, unsigned k, uint64_t *value)
{
    d->range >>= k;
    *value = d->code / d->range;
    if (*value >> k) return "dense-corrupt";
    d->code -= (uint32_t)*value * d->range;
    refill(d);
    return NULL;
}

/* Compares the end with the one that the encoder would have written. */
fault decoder_close(const struct decoder *d)
{
    uint64_t last = 0, end = 0;
    for (size_t i = d->at - 4; i < d->at; i++) last = last << 8 | byte_at(d, i);
    if (d->size > d->at || (d->size && d->data[d->size - 1] == 0)) return "dense-tail";
    uint64_t low = (last - d->code) & UINT32_MAX; /* the encoder's */
    unsigned zeros = 32;
    for (; zeros > 0; zeros -= 8) {
        end = (low + (UINT64_C(1) << zeros) - 1) >> zeros << zeros;
        if (end < low + d->range) break;
    }
    if (zeros == 0) end = low;
    return (end & UINT32_MAX) == last ? NULL : "dense-tail";
}

void reset_models(struct model *models, size_t count)
{
    for (size_t i = 0; i < count; i++) models[i] = (struct model){.p = 32768};
}

/* average + ((16 * kind - average) >> 2), rounded down */
static unsigned follow(unsigned average, unsigned kind)
{
    return 16 * kind >= average ? average + (16 * kind - average) / 4
                                : average - (average - 16 * kind + 3) / 4;
}

void distances_open(struct distances *distances)
{
    reset_models(distances->widths, 31 * 16);
    reset_models(distances->second, 16);
    distances->average = 64;
}

fault read_distance(struct decoder *d, struct distances *distances, uint64_t *distance)
{
    unsigned node = 1;
    while (node < 16) node = 2 * node + decode_bit(d, &distances->widths[(distances->average >> 3) * 16 + node]);
    unsigned kind = node - 16;
    uint64_t width = kind;
    if (kind == 15) {
        TRY(decode_direct(d, 6, &width));
        width += 15;
    }
    if (width > 52) return "dense-corrupt";
    *distance = 1;
    if (width > 0) {
        *distance = 2 + decode_bit(d, &distances->second[kind]);
        for (unsigned left = (unsigned)width - 1, k; left > 0; left -= k) {
            uint64_t bits;
            k = left < 16 ? left : 16;
            TRY(decode_direct(d, k, &bits));
            *distance = *distance << k | bits;
        }
    }
    distances->average = follow(distances->average, kind);
    return NULL;
}

fault read_dense_positions(struct block *block, const uint8_t *data, size_t size)
{
    struct distances distances;
    struct decoder d;
    uint64_t sum = 0, distance;
    TRY(decoder_open(&d, data, size));
    distances_open(&distances);
    keep(block, 0);
    while (block->kept < block->count) {
        TRY(read_distance(&d, &distances, &distance));
        /* A wrong sum is reported only after a wrong end; it stops growing once it is too large. */
        if (sum < block->span) sum += distance;
        keep(block, sum);
    }
    TRY(decoder_close(&d));
    return sum == block->span - 1 ? NULL : "distance-total";
}

enum { QUEUE = 12 };

struct recent {
    uint32_t label, weight;
};

/* B.5: Labels.end. place is where the label was found, or the queue's length */
static unsigned enter(struct recent *queue, unsigned length, unsigned place, uint32_t label)
{
    uint32_t weight = 4096;
    unsigned to = 0;
    if (place < length) {
        weight += queue[place].weight;
        length--;
        memmove(queue + place, queue + place + 1, (length - place) * sizeof *queue);
    } else if (place == QUEUE) {
        length--;
    }
    while (to < length && queue[to].weight > weight) to++;
    memmove(queue + to + 1, queue + to, (length - to) * sizeof *queue);
    queue[to] = (struct recent){label, weight};
    return length + 1;
}

static uint32_t decode_new_label(struct decoder *d, struct label_tree *tree, unsigned bits)
{
    uint32_t node = 1;
    for (unsigned bit = 0; bit < bits; bit++) {
        struct model *model = &tree->models[node];
        if (model->block != tree->block) *model = (struct model){.p = 32768, .block = tree->block};
        node = 2 * node + decode_bit(d, model);
    }
    return node - (1u << bits);
}

fault read_dense_labels(struct block *block, const uint8_t *data, size_t size)
{
    unsigned bits = log2_floor(block->classes - 1) + 1; /* 1 to 16: there are two classes or more */
    unsigned length = 0, average = 64, shift = block->coding;
    struct label_tree *tree = block->tree;
    struct model ranks[QUEUE * 32];
    struct recent queue[QUEUE];
    struct decoder d;
    if (!tree->models && !(tree->models = calloc((size_t)1 << bits, sizeof *tree->models))) return "x-memory";
    tree->block++;
    TRY(decoder_open(&d, data, size));
    reset_models(ranks, QUEUE * 32);
    for (uint64_t i = 0; i < block->count; i++) {
        unsigned kind = block->kinds[i], place = 0;
        uint32_t label;
        for (unsigned j = 0; j < length; j++) {
            queue[j].weight -= queue[j].weight >> shift;
            if (16 * kind > average + 48) queue[j].weight -= queue[j].weight >> 1;
        }
        average = follow(average, kind);
        while (place < length) {
            unsigned weight = queue[place].weight >> (9 + shift); /* at most 7 */
            if (decode_bit(&d, &ranks[place * 32 + weight * 4 + (kind >> 2)])) break;
            place++;
        }
        if (place < length) {
            label = queue[place].label;
        } else {
            label = decode_new_label(&d, tree, bits);
            if (label >= block->classes) return "dense-corrupt";
            for (unsigned j = 0; j < length; j++)
                if (queue[j].label == label) return "dense-corrupt";
        }
        length = enter(queue, length, place, label);
        keep_label(block, i, label);
    }
    return decoder_close(&d);
}
