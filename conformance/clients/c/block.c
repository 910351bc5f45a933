#include "internal.h"

/* Takes note of a kept image, whatever its encoding. Callers keep no more than block->count. */
void keep(struct block *block, uint64_t relative)
{
    if (block->kinds) {
        uint64_t distance = block->kept ? relative - block->last : 1;
        unsigned width = log2_floor(distance);
        block->kinds[block->kept] = (uint8_t)(width < 15 ? width : 15);
    }
    uint64_t position = block->first + relative;
    if (block->kept_positions) block->kept_positions[block->kept] = position;
    if (block->listed) block->listed[block->kept] = position << 16;
    else sha256_int(block->positions, position, block->position_size);
    block->kept++;
    block->last = relative;
}

void keep_label(struct block *block, uint64_t index, unsigned label)
{
    if (block->kept_labels) block->kept_labels[index] = (uint16_t)label;
    if (block->listed) block->listed[index] |= label;
    else sha256_int(block->labels, label, 2);
}
