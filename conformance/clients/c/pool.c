#include "plada.h"

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

static bool pool_id(const uint8_t *digests, uint64_t count, uint8_t id[DIGEST])
{
    static const char leaf_start[] = "\0plada-pool-1"; /* and the NUL after it */
    uint8_t leaf[sizeof leaf_start + DIGEST];
    struct tree tree = {.height = 0};
    if (count == 0) return EVP_Digest("", 0, id, NULL, EVP_sha256(), NULL) == 1;
    memcpy(leaf, leaf_start, sizeof leaf_start);
    for (uint64_t i = 0; i < count; i++) {
        memcpy(leaf + sizeof leaf_start, digests + i * DIGEST, DIGEST);
        if (EVP_Digest(leaf, sizeof leaf, tree.hashes[tree.height], NULL, EVP_sha256(), NULL) != 1) return false;
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
fault check_pool(const struct reading *reading, const uint8_t *digests, uint64_t count)
{
    uint8_t id[DIGEST];
    if (count < reading->pool_size) return "pool-mismatch";
    if (!pool_id(digests, reading->pool_size, id)) return "x-memory";
    return memcmp(id, reading->pool_id, DIGEST) ? "pool-mismatch" : NULL;
}
