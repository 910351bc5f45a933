/* Speaks with a conformance runner (PROTOCOL.md), or reads one file: plada-client [[--pool DIGESTS] [--codes CODES] FILE] */
#define _POSIX_C_SOURCE 200809L
#include "internal.h" /* for JSON: requests are read as metadata is */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
    uint8_t *data;
    size_t size;
};

enum { MOST_COLUMNS = 1024 };

struct table { /* digests, keys, or the codes of images; without data it is absent */
    uint8_t *data;
    size_t rows, width;
};

static void die(const char *why)
{
    fprintf(stderr, "plada-client: %s\n", why);
    exit(2);
}

static bool read_whole(const char *path, struct buffer *file)
{
    FILE *in = fopen(path, "rb");
    size_t room = 65536, got;
    *file = (struct buffer){malloc(room), 0};
    if (!in) return false;
    while (file->data && (got = fread(file->data + file->size, 1, room - file->size, in)) > 0) {
        file->size += got;
        if (file->size < room) continue;
        uint8_t *larger = room > SIZE_MAX / 2 ? NULL : realloc(file->data, room *= 2);
        if (!larger) free(file->data);
        file->data = larger;
    }
    bool good = file->data && !ferror(in);
    fclose(in);
    return good;
}

static bool read_hex(const char *text, uint8_t *out, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < 2 * size; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (!digit) return false;
        out[i / 2] = (uint8_t)((i % 2 ? out[i / 2] << 4 : 0) | (digit - digits));
    }
    return true;
}

static void print_id(const char *id)
{
    if (id) printf("\"id\": %.*s, ", (int)strspn(id, "-+.0123456789eE"), id);
}

static void print_refused(const char *id, fault code)
{
    printf("{");
    print_id(id);
    printf("\"verdict\": \"%s\", \"code\": \"%s\"}\n", plada_error_class(code), code);
}

static void print_valid(const char *id, const struct plada_file *found)
{
    printf("{");
    print_id(id);
    printf("\"verdict\": \"valid\", \"content_id\": \"");
    for (int i = 0; i < DIGEST; i++) printf("%02x", found->content_id[i]);
    printf("\"}\n");
}

#ifdef READ_ALL /* so that sanitizers see that, too */
#define READ plada_read
#else
#define READ plada_check
#endif

static fault read_file(const char *path, const struct plada_limits *limits, const struct table *codes,
                       struct buffer *file, struct plada_file *found)
{
    struct plada_codes pool_codes = {(const int8_t *)codes->data, codes->rows, codes->width};
    *found = (struct plada_file){.names = NULL};
    if (!read_whole(path, file)) return "x-input";
    return READ(file->data, file->size, limits, codes->data ? &pool_codes : NULL, found);
}

/* Reads a file, as a client if there is a pool. */
static fault answer_read(const char *id, const char *path, const struct plada_limits *limits, const struct table *pool,
                         const struct table *codes)
{
    struct buffer file;
    struct plada_file found;
    fault failed = read_file(path, limits, codes, &file, &found);
    if (!failed && pool->data) failed = plada_check_pool(&found, pool->data, pool->rows);
    if (failed) print_refused(id, failed);
    else print_valid(id, &found);
    free(file.data);
    plada_free(&found);
    return failed;
}

static void answer_verify(const char *id, const char *path, const struct table *keys)
{
    static const struct table no_codes;
    struct buffer file;
    struct plada_file found;
    fault code, failed = read_file(path, &plada_default_limits, &no_codes, &file, &found);
    if (failed) {
        print_refused(id, failed);
    } else {
        const char *answer = plada_verify(&found, file.data, keys->data, keys->rows, &code);
        printf("{");
        print_id(id);
        printf("\"answer\": \"%s\"", answer);
        if (code) printf(", \"code\": \"%s\"", code);
        printf("}\n");
    }
    free(file.data);
    plada_free(&found);
}

static const struct json_node *json_member(const struct json *json, size_t object, const char *key)
{
    for (size_t i = object + 1; i < json->count; i++)
        if (json->nodes[i].type == JSON_KEY && json->nodes[i].parent == object &&
            strcmp(json->nodes[i].text, key) == 0)
            return &json->nodes[i + 1];
    return NULL;
}

static const struct json_node *member(const struct json *json, size_t object, const char *key)
{
    const struct json_node *node = json_member(json, object, key);
    if (!node) die("a request lacks a member");
    return node;
}

static uint64_t limit(const struct json *json, size_t object, const char *key, uint64_t usual)
{
    const struct json_node *node = json_member(json, object, key);
    if (!node) return usual;
    if (node->type != JSON_NUMBER || node->text[0] == '-') die("a limit is not a number");
    return strtoull(node->text, NULL, 10);
}

static struct plada_limits read_limits(const struct json *json)
{
    size_t at = (size_t)(member(json, 0, "limits") - json->nodes);
    const struct plada_limits *usual = &plada_default_limits;
    return (struct plada_limits){
        limit(json, at, "kept", usual->kept),
        limit(json, at, "stream", usual->stream),
        limit(json, at, "blocks", usual->blocks),
        limit(json, at, "class_map", usual->class_map),
        limit(json, at, "metadata", usual->metadata),
        limit(json, at, "work", usual->work),
    };
}

/* The rows of a list, which follow it; width 0: that of the first row. Absent where there is no list. */
static struct table read_table(const struct json *json, const struct json_node *list, size_t width)
{
    struct table table = {NULL, 0, width};
    if (!list || list->type != JSON_ARRAY) return table;
    size_t at = (size_t)(list - json->nodes), end = at + 1;
    while (end < json->count && json->nodes[end].parent == at) end++;
    if (width == 0 && end > at + 1) table.width = json->nodes[at + 1].size / 2;
    if (table.width > MOST_COLUMNS) die("codes have at most 1,024 columns");
    if (!(table.data = malloc((end - at) * (table.width + 1)))) die("no memory"); /* also for no rows */
    for (size_t i = at + 1; i < end; i++, table.rows++)
        if (table.width == 0 || json->nodes[i].size != 2 * table.width ||
            !read_hex(json->nodes[i].text, table.data + table.rows * table.width, table.width))
            die("rows have hexadecimal digits, as many each");
    return table;
}

/* False at the end. */
static bool answer(const struct json *json)
{
    const char *what = member(json, 0, "do")->text;
    const struct json_node *id = json_member(json, 0, "id");
    const char *number = id && id->type == JSON_NUMBER ? id->text : NULL;
    if (strcmp(what, "hello") == 0) {
        printf("{\"protocol\": 1, \"name\": \"plada-client in C\", \"version\": \"1.0\", "
               "\"roles\": [\"reader\", \"client\", \"verifier\"], "
               "\"features\": [\"zstd\", \"weights\", \"dense\", \"rule\"], \"limits\": {}}\n");
    } else if (strcmp(what, "read") == 0) {
        struct plada_limits limits = read_limits(json);
        struct table pool = read_table(json, member(json, 0, "pool"), DIGEST);
        struct table codes = read_table(json, json_member(json, 0, "codes"), 0);
        answer_read(number, member(json, 0, "file")->text, &limits, &pool, &codes);
        free(pool.data);
        free(codes.data);
    } else if (strcmp(what, "verify") == 0) {
        struct table keys = read_table(json, member(json, 0, "keys"), DIGEST);
        answer_verify(number, member(json, 0, "file")->text, &keys);
        free(keys.data);
    } else if (strcmp(what, "bye") == 0) {
        return false;
    } else {
        print_refused(number, "x-request");
    }
    fflush(stdout);
    return true;
}

static int converse(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t size;
    bool more = true;
    while (more && (size = getline(&line, &room, stdin)) > 0) {
        struct json json;
        if (json_parse(&json, line, (size_t)size)) die("a request is not a JSON object");
        more = answer(&json);
        json_free(&json);
    }
    free(line);
    return 0;
}

/* One row a line; they are packed where they stand. Width 0: that of the first row. */
static struct table load_table(const char *path, size_t width)
{
    struct buffer text;
    if (!read_whole(path, &text)) die("the pool or its codes cannot be read");
    const uint8_t *line = memchr(text.data, '\n', text.size);
    size_t digits = line ? (size_t)(line - text.data) : text.size;
    struct table table = {text.data, 0, width ? width : digits / 2};
    if (table.width > MOST_COLUMNS) die("codes have at most 1,024 columns");
    digits = 2 * table.width;
    for (size_t at = 0; at < text.size; at += digits + 1, table.rows++) {
        char row[2 * MOST_COLUMNS + 1] = {0};
        memcpy(row, text.data + at, text.size - at < digits ? text.size - at : digits);
        bool ends = text.size - at <= digits || text.data[at + digits] == '\n';
        if (!ends || !digits || !read_hex(row, table.data + table.rows * table.width, table.width))
            die("a line has hexadecimal digits, of a digest or of as many codes as the other lines");
    }
    return table;
}

int main(int argc, char **argv)
{
    struct table pool = {NULL, 0, 0}, codes = {NULL, 0, 0};
    if (argc == 1) return converse();
    int at = 1;
    for (; at + 2 < argc; at += 2) {
        if (strcmp(argv[at], "--pool") == 0 && !pool.data) pool = load_table(argv[at + 1], DIGEST);
        else if (strcmp(argv[at], "--codes") == 0 && !codes.data) codes = load_table(argv[at + 1], 0);
        else break;
    }
    if (at + 1 != argc) die("usage: plada-client [[--pool DIGESTS] [--codes CODES] FILE]");
    fault failed = answer_read(NULL, argv[at], &plada_default_limits, &pool, &codes);
    free(pool.data);
    free(codes.data);
    return !failed ? 0 : strncmp(failed, "x-", 2) == 0 ? 2 : 1;
}
