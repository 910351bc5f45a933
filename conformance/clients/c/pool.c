#include "internal.h"

#include <openssl/evp.h>
#include <string.h>

/* Section 12.1: the hashes of complete subtrees, largest first, are the bits of the number of leaves. */
struct tree {
    uint8_t hashes[64][DIGEST];
    unsigned height;
};

static bool join(uint8_t left[DIGEST], const uint8_t *right)
{
    uint8_t node[1 + 2 * DIGEST] = {1};
    memcpy(node + 1, left, DIGEST);
    memcpy(node + 1 + DIGEST, right, DIGEST);
    return EVP_Digest(node, sizeof node, left, NULL, EVP_sha256(), NULL) == 1;
}

/* The hash of rows of one width; start: of the leaves' data, with the NUL that ends it */
static bool tree_hash(const char *start, const void *rows, size_t width, uint64_t count, uint8_t id[DIGEST])
{
    uint8_t leaf[32 + 1024] = {0}; /* a leaf's first byte is 0 */
    size_t head = 1 + strlen(start) + 1;
    struct tree tree = {.height = 0};
    if (count == 0) return EVP_Digest("", 0, id, NULL, EVP_sha256(), NULL) == 1;
    memcpy(leaf + 1, start, head - 1);
    for (uint64_t i = 0; i < count; i++) {
        memcpy(leaf + head, (const uint8_t *)rows + i * width, width);
        if (EVP_Digest(leaf, head + width, tree.hashes[tree.height], NULL, EVP_sha256(), NULL) != 1) return false;
        for (uint64_t pairs = i; pairs & 1; pairs >>= 1, tree.height--)
            if (!join(tree.hashes[tree.height - 1], tree.hashes[tree.height])) return false;
        tree.height++;
    }
    for (; tree.height > 1; tree.height--)
        if (!join(tree.hashes[tree.height - 2], tree.hashes[tree.height - 1])) return false;
    memcpy(id, tree.hashes[0], DIGEST);
    return true;
}

/* Section 12.2: the client's pool may have grown */
const char *plada_check_pool(const struct plada_file *file, const uint8_t *digests, uint64_t count)
{
    uint8_t id[DIGEST];
    if (count < file->pool_size) return "pool-mismatch";
    if (!tree_hash("plada-pool-1", digests, DIGEST, file->pool_size, id)) return "x-memory";
    return memcmp(id, file->pool_id, DIGEST) ? "pool-mismatch" : NULL;
}

/* Sections 17.1 and 17.3: the id is that of whole rows, whichever columns a rule uses */
fault check_codes(const struct plada_codes *codes, uint64_t images, uint64_t columns, const uint8_t *start)
{
    uint8_t id[DIGEST];
    if (!codes || codes->columns < columns || codes->count < images) return "codes-mismatch";
    if (!tree_hash("plada-codes-1", codes->rows, codes->columns, images, id)) return "x-memory";
    return memcmp(id, start, 8) ? "codes-mismatch" : NULL;
}
