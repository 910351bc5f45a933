/* A reader of .plada files, version 1. Numbers of sections are those of the specification. */
#ifndef PLADA_H
#define PLADA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An error code of section 14, or NULL if nothing failed. Codes that start with x- are this program's. */
typedef const char *fault;

#define TRY(call)                          \
    do {                                   \
        fault failed_ = (call);            \
        if (failed_) return failed_;       \
    } while (0)

enum { DIGEST = 32, SIGN_SIZE = 72 };

struct limits { /* section 15 */
    uint64_t kept, stream, blocks, class_map, metadata, work;
};
extern const struct limits default_limits;

/* bytes.c: varints, integers of fixed size, hashes */
struct bytes { /* what is left to read */
    const uint8_t *at;
    size_t left;
};
fault read_varint(struct bytes *in, fault cut_short, uint64_t *value);
uint64_t little_endian(const uint8_t *at, unsigned size);
unsigned log2_floor(uint64_t value);
uint64_t ceil_div(uint64_t a, uint64_t b);

struct sha256 {
    void *state;
    size_t used;
    uint8_t buffer[4096];
};
fault sha256_begin(struct sha256 *hash);
void sha256_bytes(struct sha256 *hash, const void *data, size_t size);
void sha256_int(struct sha256 *hash, uint64_t value, unsigned size);
fault sha256_end(struct sha256 *hash, uint8_t digest[DIGEST]);
void sha256_free(struct sha256 *hash);

/* zstd_profile.c: section 7.2 */
fault zstd_size(const uint8_t *frame, size_t length, uint64_t *size);
fault zstd_decode(const uint8_t *frame, size_t length, uint8_t *out, size_t size);

/* block.c: what is known of a block while its streams are read */
struct model { /* a bit model of a dense stream */
    uint16_t p;
    uint8_t uses;
    uint32_t block; /* in a label tree: the block that it was made for */
};
struct label_tree { /* models are made when they are used: a block may be small, and the classes many */
    struct model *models;
    uint32_t block;
};
struct block {
    uint64_t first, span, count;
    unsigned encoding;    /* of positions */
    unsigned coding;      /* of labels: 0 plain, or the shift of dense labels */
    uint64_t classes;
    uint64_t kept, last;  /* images so far, and the relative position of the last one */
    uint8_t *kinds;       /* for dense labels min(width, 15) of the distance to each image, else NULL */
    unsigned position_size;
    struct label_tree *tree;
    struct sha256 *positions, *labels;
    uint64_t *listed;     /* instead of hashing, beside a rule: position << 16 | label of each image; else NULL */
};
enum { BITMAP, DELTA, RLE, DENSE };
void keep(struct block *block, uint64_t relative);
void keep_label(struct block *block, uint64_t index, unsigned label);

/* dense.c: section 9 */
struct decoder {
    const uint8_t *data;
    size_t size, at;
    uint32_t range, code; /* code is less than range */
};
fault decoder_open(struct decoder *d, const uint8_t *data, size_t size);
unsigned decode_bit(struct decoder *d, struct model *model);
fault decoder_close(const struct decoder *d);
void reset_models(struct model *models, size_t count);

struct distances {
    struct model widths[31 * 16], second[16];
    unsigned average;
};
void distances_open(struct distances *distances);
fault read_distance(struct decoder *d, struct distances *distances, uint64_t *distance); /* below 2^53 */

fault read_dense_positions(struct block *block, const uint8_t *data, size_t size);
fault read_dense_labels(struct block *block, const uint8_t *data, size_t size);

/* positions.c: section 8; hands dense positions on */
void position_bounds(const struct block *block, uint64_t *least, uint64_t *most);
fault read_positions(struct block *block, const uint8_t *data, size_t size);

/* text.c: section 6 */
bool utf8_valid(const uint8_t *text, size_t size);
size_t utf8_write(uint32_t point, char *out);
fault check_class_map(const uint8_t *text, size_t size, uint64_t classes, bool identifiers);

/* json.c: I-JSON as a flat list of nodes, in document order */
enum json_type { JSON_OBJECT, JSON_ARRAY, JSON_KEY, JSON_STRING, JSON_NUMBER, JSON_WORD };
struct json_node {
    enum json_type type;
    size_t parent;  /* the object or array that it is in */
    char *text;     /* of keys and strings unescaped and with a NUL after it; else as it stands */
    size_t size;
};
struct json {
    char *text;
    struct json_node *nodes;
    size_t count, room;
};
fault json_parse(struct json *json, const void *text, size_t size);
void json_free(struct json *json);
const struct json_node *json_member(const struct json *json, size_t object, const char *key);

/* rule.c: section 17 */
struct codes {
    const int8_t *rows;
    uint64_t count;
    size_t columns;
};
struct rule {
    const uint8_t *codes_id; /* its first 8 bytes */
    uint64_t classes, columns;
    int8_t *weights;         /* column by column */
    int32_t *biases, *thresholds, *scores;
};
fault rule_open(struct rule *rule, unsigned scale, const uint8_t *stream, size_t size);
bool kept_by_rule(const struct rule *rule, const int8_t *row, unsigned *label);
void rule_free(struct rule *rule);

/* file.c: sections 4, 5 and 14 */
struct reading {
    uint8_t content_id[DIGEST], pool_id[DIGEST];
    uint64_t pool_size;
    size_t sign_at;       /* where the SIGN chunk starts */
    const uint8_t *sign;  /* its body, or NULL */
};
fault plada_read(const uint8_t *file, size_t size, const struct limits *limits, const struct codes *codes,
                 struct reading *reading); /* codes: those of the pool, or NULL */
const char *error_class(fault code);

/* pool.c: section 12; signature.c: section 10 */
fault check_pool(const struct reading *reading, const uint8_t *digests, uint64_t count);
fault check_codes(const struct codes *codes, uint64_t images, uint64_t columns, const uint8_t *start);
const char *check_signature(const struct reading *reading, const uint8_t *file, const uint8_t *keys,
                            size_t count, fault *code);

#endif
