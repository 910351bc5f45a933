#include "internal.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

/* The order of checks: section 14 */
const struct plada_limits plada_default_limits = {1 << 24, 64 << 20, 65536, 1 << 20, 64 << 10, UINT64_C(1) << 41};

enum { HEAD = 0x01, CLASSES = 0x02, META = 0xC1, BLOCK = 0x03, RULE = 0x05, SIGN = 0x82, END = 0x04 };
enum { F_ZSTD = 1, F_WEIGHTS = 2, F_DENSE = 4, F_RULE = 16, F_KNOWN = 23 };

struct head {
    const uint8_t *pool_id, *check, *scale; /* scale: its 5 bytes, or NULL */
    uint64_t pool_size, kept, classes, features, max_stream;
};

struct images { /* what is kept of them, if it is wanted */
    bool wanted;
    uint64_t *positions, room;
    uint16_t *labels;
    uint8_t *weights;
};

struct reader {
    const struct plada_limits *limits;
    const struct plada_codes *pool_codes;  /* or NULL */
    struct plada_file *file;               /* what is found */
    struct images images;
    struct head head;
    uint32_t head_crc;
    uint64_t used;                         /* features */
    uint64_t blocks, kept, end, largest;   /* so far; end is that of the last block's range */
    const uint8_t *names;                  /* the class map's text, or NULL */
    uint8_t *names_owned;
    size_t names_size;
    bool identifiers;
    struct label_tree tree;
    struct rule rule;
    fault codes_fault;                     /* of the rule; reported with the totals */
    uint64_t *listed;                      /* beside a rule that can be evaluated, what blocks keep */
    struct sha256 positions, labels, codes;
};

/* Makes room for so many images in all. */
static fault reserve(struct images *images, uint64_t count, bool weights)
{
    if (count <= images->room) return NULL;
    size_t room = (size_t)(count > 2 * images->room ? count : 2 * images->room);
    uint64_t *positions = realloc(images->positions, room * sizeof *positions);
    if (positions) images->positions = positions;
    uint16_t *labels = realloc(images->labels, room * sizeof *labels);
    if (labels) images->labels = labels;
    uint8_t *codes = weights ? realloc(images->weights, room) : NULL;
    if (codes) images->weights = codes;
    if (!positions || !labels || (weights && !codes)) return "x-memory";
    images->room = room;
    return NULL;
}

struct stream {
    const uint8_t *stored;
    size_t stored_size;
    bool zstd;
    uint64_t size;         /* decoded */
    const uint8_t *data;   /* decoded */
    uint8_t *owned;        /* data, if it was allocated */
};

static fault require(struct reader *r, unsigned feature)
{
    if (!(r->head.features & feature)) return "feature-undeclared";
    r->used |= feature;
    return NULL;
}

/* Tells the decoded size. */
static fault measure(struct stream *s)
{
    s->size = s->stored_size;
    if (!s->zstd) return NULL;
    TRY(zstd_size(s->stored, s->stored_size, &s->size));
    return s->size ? NULL : "empty-compressed";
}

static fault decode(struct stream *s)
{
    s->data = s->stored;
    if (!s->zstd) return NULL;
    s->data = s->owned = malloc((size_t)s->size);
    if (!s->owned) return "x-memory";
    return zstd_decode(s->stored, s->stored_size, s->owned, (size_t)s->size);
}

static void release(struct stream *s)
{
    free(s->owned);
    s->owned = NULL;
}

static fault take(struct bytes *in, size_t size, const uint8_t **field)
{
    if (in->left < size) return "body-short";
    *field = in->at;
    in->at += size;
    in->left -= size;
    return NULL;
}

static fault field(struct bytes *in, uint64_t *value)
{
    return read_varint(in, "body-short", value);
}

static fault read_head(struct reader *r, struct bytes in)
{
    struct head *head = &r->head;
    TRY(take(&in, DIGEST, &head->pool_id));
    TRY(field(&in, &head->pool_size));
    TRY(field(&in, &head->kept));
    TRY(field(&in, &head->classes));
    TRY(field(&in, &head->features));
    TRY(field(&in, &head->max_stream));
    TRY(take(&in, 4, &head->check));
    if (head->features & F_WEIGHTS) TRY(take(&in, 5, &head->scale));
    if (in.left) return "body-long";
    if (head->kept > head->pool_size) return "kept-over-pool";
    if (head->classes < 1 || head->classes > 65536) return "class-count";
    if (head->features & ~(uint64_t)F_KNOWN) return "unknown-feature";
    if (head->features & F_WEIGHTS && head->features & F_RULE) return "feature-conflict";
    if (head->scale) {
        int bits = head->scale[0], low = (int)little_endian(head->scale + 1, 2);
        int step = (int)little_endian(head->scale + 3, 2);
        if (low > 32767) low -= 65536;
        if ((bits != 4 && bits != 8) || step == 0 || low + ((1 << bits) - 1) * step > 261888)
            return "weight-scale";
        r->used |= F_WEIGHTS;
    }
    if (head->kept > r->limits->kept) return "limit-kept";
    return head->max_stream > r->limits->stream ? "limit-stream" : NULL;
}

static void tell_head(const struct head *head, struct plada_file *file)
{
    memcpy(file->pool_id, head->pool_id, DIGEST);
    file->pool_size = head->pool_size;
    file->kept = head->kept;
    file->classes = head->classes;
    if (!head->scale) return;
    file->weight_scale.bits = head->scale[0];
    file->weight_scale.low = (int16_t)little_endian(head->scale + 1, 2);
    file->weight_scale.step = (int)little_endian(head->scale + 3, 2);
}

/* The stream of CLASSES or META */
static fault read_text(struct reader *r, struct bytes in, bool classes, struct stream *s, unsigned *form)
{
    const uint8_t *first;
    TRY(take(&in, 1, &first));
    *form = *first;
    if (*form & (classes ? ~3u : ~1u)) return "text-form";
    *s = (struct stream){.stored = in.at, .stored_size = in.left, .zstd = *form & 1};
    if (classes && s->zstd) TRY(require(r, F_ZSTD));
    TRY(measure(s));
    if (s->size > (classes ? r->limits->class_map : r->limits->metadata))
        return classes ? "limit-class-map" : "limit-metadata";
    return decode(s);
}

static fault read_classes(struct reader *r, struct bytes in)
{
    struct stream s = {.owned = NULL};
    unsigned form;
    fault failed = read_text(r, in, true, &s, &form);
    r->names_owned = s.owned; /* released with the reader */
    if (failed) return failed;
    r->names = s.data;
    r->names_size = (size_t)s.size;
    r->identifiers = form & 2;
    return check_class_map(r->names, r->names_size, r->head.classes, r->identifiers);
}

static fault read_meta(struct reader *r, struct bytes in)
{
    struct stream s = {.owned = NULL};
    struct json json = {NULL, NULL, 0, 0};
    unsigned form;
    fault failed = read_text(r, in, false, &s, &form);
    if (!failed) failed = json_parse(&json, s.data, (size_t)s.size);
    json_free(&json);
    if (!failed && r->images.wanted) {
        char *text = r->file->metadata = malloc((size_t)s.size + 1);
        if (!text) failed = "x-memory";
        else text[s.size] = 0, memcpy(text, s.data, (size_t)s.size);
    }
    release(&s);
    return failed;
}

/* Section 17.2 */
static fault read_rule(struct reader *r, struct bytes in)
{
    const struct head *head = &r->head;
    struct rule *rule = &r->rule;
    const uint8_t *scale;
    TRY(take(&in, 8, &rule->codes_id));
    TRY(field(&in, &rule->columns));
    TRY(take(&in, 1, &scale));
    rule->classes = head->classes;
    if (rule->columns < 1 || rule->columns > 1024 || !(*scale & 15) || rule->classes < 2) return "rule-shape";
    /* The product may have 80 bits. */
    if (head->pool_size + (1 << 18) > r->limits->work / (rule->classes * rule->columns)) return "limit-work";
    TRY(rule_open(rule, *scale, in.at, in.left));
    r->used |= F_RULE;
    r->codes_fault = check_codes(r->pool_codes, head->pool_size, rule->columns, rule->codes_id);
    return NULL;
}

/* Section 17.3: goes through the pool, and hashes what the blocks and the rule keep. */
static fault apply_rule(struct reader *r)
{
    unsigned position_size = r->head.pool_size <= UINT64_C(1) << 32 ? 4 : 8;
    uint64_t kept = 0, blocks_kept = 0;
    const int8_t *row = r->pool_codes->rows;
    for (uint64_t i = 0; i < r->head.pool_size; i++, row += r->pool_codes->columns) {
        unsigned label;
        if (blocks_kept < r->kept && r->listed[blocks_kept] >> 16 == i) label = r->listed[blocks_kept++] & 0xFFFF;
        else if (!kept_by_rule(&r->rule, row, &label)) continue;
        if (kept++ == r->head.kept) return "kept-total";
        sha256_int(&r->positions, i, position_size);
        sha256_int(&r->labels, label, 2);
        if (!r->images.wanted) continue;
        TRY(reserve(&r->images, kept, false));
        r->images.positions[kept - 1] = i;
        r->images.labels[kept - 1] = (uint16_t)label;
    }
    return kept == r->head.kept ? NULL : "kept-total";
}

static fault check_stream(struct reader *r, struct stream *s, bool dense, uint64_t least, uint64_t most)
{
    if (dense) TRY(require(r, F_DENSE));
    if (s->zstd) TRY(require(r, F_ZSTD));
    TRY(measure(s));
    if (s->size > r->head.max_stream) return "stream-over-declared";
    if (s->size < least || s->size > most) return "stream-size";
    if (s->size > r->largest) r->largest = s->size;
    return NULL;
}

static fault read_labels(struct block *block, const uint8_t *data)
{
    bool wide = block->classes > 256;
    for (uint64_t i = 0; i < block->count; i++) {
        unsigned label = block->classes == 1 ? 0 : data[i] | (wide ? data[block->count + i] << 8 : 0);
        if (label >= block->classes) return "label-range";
        keep_label(block, i, label);
    }
    return NULL;
}

static fault read_codes(struct reader *r, const struct block *block, const uint8_t *data)
{
    uint8_t *codes = r->images.wanted ? r->images.weights + (r->kept - block->count) : NULL;
    if (r->head.scale[0] == 8) {
        sha256_bytes(&r->codes, data, (size_t)block->count);
        if (codes) memcpy(codes, data, (size_t)block->count);
        return NULL;
    }
    if (block->count % 2 && data[block->count / 2] >> 4) return "padding-bits";
    for (uint64_t i = 0; i < block->count; i++) {
        uint8_t code = data[i / 2] >> (4 * (i % 2)) & 15;
        sha256_int(&r->codes, code, 1);
        if (codes) codes[i] = code;
    }
    return NULL;
}

/* One stream is held at a time. */
static fault read_streams(struct reader *r, struct block *block, struct stream s[3])
{
    fault failed = decode(&s[0]);
    if (!failed) failed = read_positions(block, s[0].data, (size_t)s[0].size);
    release(&s[0]);
    if (!failed) failed = decode(&s[1]);
    if (!failed && block->coding) failed = read_dense_labels(block, s[1].data, (size_t)s[1].size);
    else if (!failed) failed = read_labels(block, s[1].data);
    release(&s[1]);
    if (failed || !r->head.scale) return failed;
    failed = decode(&s[2]);
    if (!failed) failed = read_codes(r, block, s[2].data);
    release(&s[2]);
    return failed;
}

static fault read_block(struct reader *r, struct bytes in)
{
    const struct head *head = &r->head;
    struct block b = {.classes = head->classes, .positions = &r->positions, .labels = &r->labels, .tree = &r->tree};
    struct stream s[3] = {{.size = 0}, {.size = 0}, {.size = 0}};
    const uint8_t *form;
    uint64_t sizes[2] = {0, 0}, least, most;
    TRY(field(&in, &b.first));
    TRY(field(&in, &b.span));
    TRY(field(&in, &b.count));
    TRY(take(&in, 1, &form));
    TRY(field(&in, &sizes[0]));
    if (head->scale) TRY(field(&in, &sizes[1]));
    b.encoding = *form & 3;
    b.coding = *form >> 5;
    b.position_size = head->pool_size <= UINT64_C(1) << 32 ? 4 : 8;
    for (int i = 0; i < 3; i++) s[i].zstd = *form >> (2 + i) & 1;

    if (b.span == 0) return "block-empty";
    if (b.first + b.span > head->pool_size) return "block-outside-pool";
    if (b.count == 0) return "block-empty";
    if (b.count > b.span || (b.count == 1 && b.span > 1)) return "block-count";
    if ((b.encoding == DENSE && s[0].zstd) || (b.coding && s[1].zstd) || (s[2].zstd && !head->scale) ||
        (b.classes == 1 && (b.coding || s[1].zstd)))
        return "block-form";
    if (b.encoding == BITMAP && (b.span > 1 << 28 || b.span > 4096 * b.count)) return "bitmap-span";
    if (sizes[0] > in.left || sizes[1] > in.left - sizes[0]) return "block-streams";
    if (b.first < r->end) return "block-order";
    if (b.count > head->kept - r->kept) return "kept-total";
    uint64_t before = r->kept;
    r->end = b.first + b.span;
    r->kept += b.count;

    s[0].stored = in.at;
    s[0].stored_size = sizes[0];
    s[1].stored = in.at + sizes[0];
    s[1].stored_size = head->scale ? sizes[1] : in.left - sizes[0];
    s[2].stored = s[1].stored + s[1].stored_size;
    s[2].stored_size = in.left - sizes[0] - s[1].stored_size;
    position_bounds(&b, &least, &most);
    TRY(check_stream(r, &s[0], b.encoding == DENSE, least, most));
    least = most = b.classes == 1 ? 0 : b.count * (b.classes > 256 ? 2 : 1);
    if (b.coding) least = 0, most = UINT64_MAX;
    TRY(check_stream(r, &s[1], b.coding, least, most));
    if (head->scale) {
        least = most = head->scale[0] == 8 ? b.count : ceil_div(b.count, 2);
        TRY(check_stream(r, &s[2], false, least, most));
    }

    if (r->rule.weights && !r->codes_fault) {
        uint64_t *listed = realloc(r->listed, (size_t)r->kept * sizeof *listed); /* at most K of them */
        if (!listed) return "x-memory";
        r->listed = listed;
        b.listed = listed + before;
    }
    if (r->images.wanted && !r->rule.weights) { /* with a rule, what blocks keep is told with the rest */
        TRY(reserve(&r->images, r->kept, head->scale));
        b.kept_positions = r->images.positions + before;
        b.kept_labels = r->images.labels + before;
    }
    if (b.coding && !(b.kinds = malloc((size_t)b.count))) return "x-memory";
    fault failed = read_streams(r, &b, s);
    free(b.kinds);
    return failed;
}

static fault read_sign(struct bytes in)
{
    return in.left < SIGN_SIZE ? "body-short" : in.left > SIGN_SIZE ? "body-long" : NULL;
}

/* Section 11 */
static fault content_id(struct reader *r, uint8_t id[DIGEST])
{
    static const uint8_t no_scale[5] = {0};
    const struct head *head = &r->head;
    struct sha256 *columns[] = {&r->positions, &r->labels, &r->codes}, all;
    uint8_t column[DIGEST];
    fault failed = sha256_begin(&all);
    if (!failed) {
        sha256_bytes(&all, "plada-1-content", 16);
        sha256_bytes(&all, head->pool_id, DIGEST);
        sha256_int(&all, head->pool_size, 8);
        sha256_int(&all, head->kept, 8);
        sha256_int(&all, head->classes, 4);
        sha256_int(&all, r->names != NULL, 1);
        sha256_int(&all, r->identifiers, 1);
        sha256_bytes(&all, r->names, r->names_size); /* stored as it is hashed */
        sha256_bytes(&all, head->scale ? head->scale : no_scale, 5);
        for (int i = 0; i < 3 && !failed; i++) {
            failed = sha256_end(columns[i], column);
            sha256_bytes(&all, column, DIGEST);
        }
        if (!failed) failed = sha256_end(&all, id);
    }
    sha256_free(&all);
    return failed;
}

static fault check_totals(struct reader *r)
{
    if (!r->rule.weights && r->kept != r->head.kept) return "kept-total";
    if (r->head.features != r->used) return "feature-unused";
    if (r->head.max_stream != r->largest) return "max-stream";
    if (r->rule.weights) {
        TRY(r->codes_fault);
        TRY(apply_rule(r));
    }
    TRY(content_id(r, r->file->content_id));
    return memcmp(r->file->content_id, r->head.check, 4) ? "content-check" : NULL;
}

/* Place of a known chunk in the file's order, 0 for others */
static unsigned rank(uint8_t type)
{
    static const uint8_t order[] = {HEAD, CLASSES, META, RULE, BLOCK, SIGN, END};
    for (unsigned i = 0; i < sizeof order; i++)
        if (order[i] == type) return i + 1;
    return 0;
}

static fault check_place(uint8_t type, uint8_t before, uint64_t features, const bool *seen, unsigned highest)
{
    if (before == 0 && type != HEAD) return "head-missing";
    if (rank(type) == 0 && !(type & 0x80)) return "unknown-critical-chunk";
    if (type == RULE && !(features & F_RULE)) return "unknown-critical-chunk";
    if (seen[type] && type != BLOCK) return "chunk-duplicate";
    if (before == SIGN && type != END) return "signature-place";
    return rank(type) && rank(type) < highest ? "chunk-order" : NULL;
}

static fault check_bounds(struct reader *r, uint8_t type, uint64_t length, size_t left)
{
    if (left < 4 || length > left - 4) return "truncated";
    if (type == BLOCK && r->blocks++ == r->limits->blocks) return "limit-blocks";
    if (type == CLASSES && length && length - 1 > r->limits->class_map) return "limit-class-map";
    if (type == META && length && length - 1 > r->limits->metadata) return "limit-metadata";
    return NULL;
}

static fault read_contents(struct reader *r, uint8_t type, struct bytes body)
{
    switch (type) {
    case HEAD: return read_head(r, body);
    case CLASSES: return read_classes(r, body);
    case META: return read_meta(r, body);
    case RULE: return read_rule(r, body);
    case BLOCK: return read_block(r, body);
    case SIGN: return read_sign(body);
    case END: return body.left ? "body-long" : NULL;
    default: return NULL;
    }
}

static fault read_file(struct reader *r, const uint8_t *file, size_t size)
{
    static const char magic[] = "\x89PLADA\r\n";
    bool seen[256] = {false};
    unsigned highest = 0;
    if (memcmp(file, magic, size < 8 ? size : 8)) return "bad-magic";
    if (size < 9) return "truncated";
    if (file[8] != 1) return "unknown-version";
    struct bytes in = {file + 9, size - 9};
    for (uint8_t type = 0, before; type != END; seen[type] = true) {
        const uint8_t *start = in.at;
        uint64_t length;
        before = type;
        if (in.left == 0) return "truncated";
        type = *in.at++;
        in.left--;
        if (type & 0x20 || (type & 0xC0) == 0x40 || !(type & 0x1F)) return "chunk-type";
        TRY(read_varint(&in, "truncated", &length));
        TRY(check_place(type, before, r->head.features, seen, highest));
        TRY(check_bounds(r, type, length, in.left));
        struct bytes body = {in.at, (size_t)length};
        in.at += length;
        uint32_t seed = type & 0x80 || type == HEAD ? 0 : r->head_crc;
        uint32_t crc = (uint32_t)crc32_z(seed, start, (size_t)(in.at - start));
        if (crc != little_endian(in.at, 4)) return "crc-mismatch";
        in.at += 4;
        in.left -= length + 4;
        if (type == HEAD) r->head_crc = crc;
        if (rank(type)) highest = rank(type);
        TRY(read_contents(r, type, body));
        if (type == SIGN) {
            r->file->is_signed = true;
            memcpy(r->file->key_id, body.at, PLADA_KEY_ID);
            r->file->sign_at = (size_t)(start - file);
        }
    }
    TRY(check_totals(r));
    return in.left ? "trailing-bytes" : NULL;
}

/* A list of the class map as strings: the length byte of a name ends the one before. */
static char **strings(char *text, size_t count, char **end)
{
    char **found = malloc(count * sizeof *found);
    for (size_t i = 0; found && i < count; i++) {
        uint8_t length = (uint8_t)*text;
        *text = 0;
        found[i] = text + 1;
        text += 1 + length;
    }
    *end = text;
    return found;
}

static fault tell_names(const struct reader *r, struct plada_file *file)
{
    size_t classes = (size_t)r->head.classes;
    if (!r->names) return NULL;
    char *text = malloc(r->names_size + 1), *end;
    if (!text) return "x-memory";
    memcpy(text, r->names, r->names_size);
    text[r->names_size] = 0;
    file->names = strings(text, classes, &end);
    if (!file->names) free(text); /* else it goes with the first name */
    else if (r->identifiers) file->identifiers = strings(end, classes, &end);
    return !file->names || (r->identifiers && !file->identifiers) ? "x-memory" : NULL;
}

static const char *read_all(const void *data, size_t size, const struct plada_limits *limits,
                            const struct plada_codes *codes, bool wanted, struct plada_file *file)
{
    struct reader r = {.limits = limits ? limits : &plada_default_limits, .pool_codes = codes, .file = file};
    r.images.wanted = wanted;
    *file = (struct plada_file){.names = NULL};
    fault failed = sha256_begin(&r.positions);
    if (!failed) failed = sha256_begin(&r.labels);
    if (!failed) failed = sha256_begin(&r.codes);
    if (!failed) failed = read_file(&r, data, size);
    if (!failed && wanted) failed = tell_names(&r, file);
    if (!failed) tell_head(&r.head, file);
    file->positions = r.images.positions;
    file->labels = r.images.labels;
    file->weights = r.images.weights;
    sha256_free(&r.positions);
    sha256_free(&r.labels);
    sha256_free(&r.codes);
    free(r.names_owned);
    free(r.tree.models);
    rule_free(&r.rule);
    free(r.listed);
    if (failed) plada_free(file);
    return failed;
}

const char *plada_read(const void *data, size_t size, const struct plada_limits *limits,
                       const struct plada_codes *codes, struct plada_file *file)
{
    return read_all(data, size, limits, codes, true, file);
}

const char *plada_check(const void *data, size_t size, const struct plada_limits *limits,
                        const struct plada_codes *codes, struct plada_file *file)
{
    return read_all(data, size, limits, codes, false, file);
}

void plada_free(struct plada_file *file)
{
    if (file->names) free(file->names[0] - 1);
    free(file->names);
    free(file->identifiers);
    free(file->metadata);
    free(file->positions);
    free(file->labels);
    free(file->weights);
    *file = (struct plada_file){.names = NULL};
}

/* Appendix G */
const char *plada_error_class(const char *code)
{
    static const char *const classes[][2] = {
        {"varint-overlong", "noncanonical"},    {"chunk-order", "noncanonical"},
        {"empty-compressed", "noncanonical"},   {"dense-tail", "noncanonical"},
        {"block-not-tight", "noncanonical"},    {"feature-unused", "noncanonical"},
        {"max-stream", "noncanonical"},         {"padding-bits", "noncanonical"},
        {"unknown-version", "unsupported"},     {"unknown-critical-chunk", "unsupported"},
        {"unknown-feature", "unsupported"},     {"pool-mismatch", "mismatch"},
        {"codes-mismatch", "mismatch"},         {"signature-missing", "untrusted"},
        {"signature-key", "untrusted"},         {"signature-bad", "untrusted"},
        {"crc-mismatch", "corrupt"},            {"content-check", "corrupt"},
    };
    for (size_t i = 0; i < sizeof classes / sizeof *classes; i++)
        if (strcmp(code, classes[i][0]) == 0) return classes[i][1];
    return strncmp(code, "limit-", 6) == 0 ? "limit" : strncmp(code, "x-", 2) == 0 ? "refused" : "malformed";
}
