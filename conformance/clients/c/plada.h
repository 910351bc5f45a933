/* Reads .plada files, version 1: what a payload means, or the code of the first error in it. Numbers of sections are
 * those of the specification. Nothing here reads or writes files, prints, or keeps a state between calls. */
#ifndef PLADA_H
#define PLADA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { PLADA_DIGEST = 32, PLADA_KEY_ID = 8 };

struct plada_limits { /* what a file may cost: section 15 */
    uint64_t kept, stream, blocks, class_map, metadata, work;
};
extern const struct plada_limits plada_default_limits;

struct plada_codes { /* those of a pool's images, in pool order: section 17.1 */
    const int8_t *rows; /* end to end */
    uint64_t count;
    size_t columns;
};

/* What a payload means: section 3. What a file does not have is NULL or 0. */
struct plada_file {
    uint8_t content_id[PLADA_DIGEST], pool_id[PLADA_DIGEST];
    uint64_t pool_size, kept, classes; /* N, K and C */
    struct {
        int bits, low, step;
    } weight_scale;
    char **names, **identifiers; /* one for each class; UTF-8 without the character NUL */
    char *metadata;              /* a JSON object, UTF-8 */
    uint64_t *positions;         /* K, ascending */
    uint16_t *labels;            /* K */
    uint8_t *weights;            /* K codes on the scale */
    bool is_signed;              /* by whom: plada_verify */
    uint8_t key_id[PLADA_KEY_ID];
    size_t sign_at; /* where the SIGN chunk starts */
};

/* Reads the bytes of a file. Returns NULL, or the code of section 14 of what is wrong, or one that starts with x- if
 * something is wrong here: "x-memory". After an error *file is empty.
 *   limits: the default ones if NULL.
 *   codes: those of the pool, or NULL: then a file with a rule is refused, "codes-mismatch".
 *   file: what was read; to be given to plada_free. Needs nothing of data. */
const char *plada_read(const void *data, size_t size, const struct plada_limits *limits,
                       const struct plada_codes *codes, struct plada_file *file);

/* The same, but names, identifiers, metadata, positions, labels and weights stay NULL: takes less memory. */
const char *plada_check(const void *data, size_t size, const struct plada_limits *limits,
                        const struct plada_codes *codes, struct plada_file *file);

void plada_free(struct plada_file *file);

/* The class of an error code: Appendix G; "refused" for x-. */
const char *plada_error_class(const char *code);

/* Whether a pool of `count` images serves the payload: section 12.2. Returns NULL or "pool-mismatch".
 *   digests: SHA-256 of each image, in pool order, end to end. */
const char *plada_check_pool(const struct plada_file *file, const uint8_t *digests, uint64_t count);

/* Whose signature a file bears: "verified", "bad", "unverified" or "unsigned" (section 10).
 *   data: the bytes that were read.
 *   keys: `count` Ed25519 public keys of 32 bytes, end to end.
 *   code: set to NULL, or to the code with which who requires a signature refuses the file. */
const char *plada_verify(const struct plada_file *file, const void *data, const uint8_t *keys, size_t count,
                         const char **code);

#ifdef __cplusplus
}
#endif

#endif
