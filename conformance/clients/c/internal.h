/* What the files of the library share. Numbers of sections are those of the specification. */
#ifndef PLADA_INTERNAL_H
#define PLADA_INTERNAL_H

#include "plada.h"

/* The library is compiled in one piece (library.c), where these functions are static: programs see plada.h alone. */
#ifndef INTERNAL
#define INTERNAL
#endif

/* An error code of section 14, or NULL if nothing failed. Codes that start with x- are this program's. */
typedef const char *fault;

#define TRY(call)                          \
    do {                                   \
        fault failed_ = (call);            \
        if (failed_) return failed_;       \
    } while (0)

enum { DIGEST = PLADA_DIGEST, SIGN_SIZE = 72 };

/* bytes.c: varints, integers of fixed size, hashes */
struct bytes { /* what is left to read */
    const uint8_t *at;
    size_t left;
};
INTERNAL fault read_varint(struct bytes *in, fault cut_short, uint64_t *value);
INTERNAL uint64_t little_endian(const uint8_t *at, unsigned size);
INTERNAL unsigned log2_floor(uint64_t value);
INTERNAL uint64_t ceil_div(uint64_t a, uint64_t b);

struct sha256 {
    void *state;
    size_t used;
    uint8_t buffer[4096];
};
INTERNAL fault sha256_begin(struct sha256 *hash);
INTERNAL void sha256_bytes(struct sha256 *hash, const void *data, size_t size);
INTERNAL void sha256_int(struct sha256 *hash, uint64_t value, unsigned size);
INTERNAL fault sha256_end(struct sha256 *hash, uint8_t digest[DIGEST]);
INTERNAL void sha256_free(struct sha256 *hash);

/* zstd_profile.c: section 7.2 */
INTERNAL fault zstd_size(const uint8_t *frame, size_t length, uint64_t *size);
INTERNAL fault zstd_decode(const uint8_t *frame, size_t length, uint8_t *out, size_t size);

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
    uint64_t *kept_positions; /* where they go too, if they are wanted; else NULL */
    uint16_t *kept_labels;
};
enum { BITMAP, DELTA, RLE, DENSE };
INTERNAL void keep(struct block *block, uint64_t relative);
INTERNAL void keep_label(struct block *block, uint64_t index, unsigned label);

/* dense.c: section 9 */
struct decoder {
    const uint8_t *data;
    size_t size, at;
    uint32_t range, code; /* code is less than range */
};
INTERNAL fault decoder_open(struct decoder *d, const uint8_t *data, size_t size);
INTERNAL unsigned decode_bit(struct decoder *d, struct model *model);
INTERNAL fault decoder_close(const struct decoder *d);
INTERNAL void reset_models(struct model *models, size_t count);

struct distances {
    struct model widths[31 * 16], second[16];
    unsigned average;
};
INTERNAL void distances_open(struct distances *distances);
INTERNAL fault read_distance(struct decoder *d, struct distances *distances, uint64_t *distance); /* below 2^53 */

INTERNAL fault read_dense_positions(struct block *block, const uint8_t *data, size_t size);
INTERNAL fault read_dense_labels(struct block *block, const uint8_t *data, size_t size);

/* positions.c: section 8; hands dense positions on */
INTERNAL void position_bounds(const struct block *block, uint64_t *least, uint64_t *most);
INTERNAL fault read_positions(struct block *block, const uint8_t *data, size_t size);

/* text.c: section 6 */
INTERNAL bool utf8_valid(const uint8_t *text, size_t size);
INTERNAL size_t utf8_write(uint32_t point, char *out);
INTERNAL fault check_class_map(const uint8_t *text, size_t size, uint64_t classes, bool identifiers);

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
INTERNAL fault json_parse(struct json *json, const void *text, size_t size);
INTERNAL void json_free(struct json *json);

/* rule.c: section 17 */
struct rule {
    const uint8_t *codes_id; /* its first 8 bytes */
    uint64_t classes, columns;
    int8_t *weights;         /* column by column */
    int32_t *biases, *thresholds, *scores;
};
INTERNAL fault rule_open(struct rule *rule, unsigned scale, const uint8_t *stream, size_t size);
INTERNAL bool kept_by_rule(const struct rule *rule, const int8_t *row, unsigned *label);
INTERNAL void rule_free(struct rule *rule);

/* pool.c: sections 12 and 17.1 */
INTERNAL fault check_codes(const struct plada_codes *codes, uint64_t images, uint64_t columns, const uint8_t *start);

#endif
