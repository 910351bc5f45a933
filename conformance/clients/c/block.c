#include "plada.h"

/* Takes note of a kept image, whatever its encoding. Callers keep no more than block->count. */
void keep(struct block *block, uint64_t relative)
{
    if (block->kinds) {
        uint64_t distance = block->kept ? relative - block->last : 1;
        unsigned width = log2_floor(distance);
        block->kinds[block->kept] = (uint8_t)(width < 15 ? width : 15);
    }
    block->kept++;
    block->last = relative;
    sha256_int(block->positions, block->first + relative, block->position_size);
}
