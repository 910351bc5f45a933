#include "plada.h"

/* Takes note of a kept image, whatever its encoding. Callers keep no more than block->count. */
void keep(struct block *block, uint64_t relative)
{
    if (block->kinds) {
        uint64_t distance = block->kept ? relative - block->last : 1;
        unsigned width = log2_floor(distance);
        block->kinds[block->kept] = (uint8_t)(width < 15 ? width : 15);
    }
    if (block->listed) block->listed[block->kept] = (block->first + relative) << 16;
    else sha256_int(block->positions, block->first + relative, block->position_size);
    block->kept++;
    block->last = relative;
}

void keep_label(struct block *block, uint64_t index, unsigned label)
{
    if (block->listed) block->listed[index] |= label;
    else sha256_int(block->labels, label, 2);
}
