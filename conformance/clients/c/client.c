/* Speaks with a conformance runner (PROTOCOL.md), or reads one file: plada-client [[--pool DIGESTS] FILE] */
#define _POSIX_C_SOURCE 200809L
#include "plada.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct buffer {
    uint8_t *data;
    size_t size;
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

/* Reads one digest or key of 64 hexadecimal digits. */
static bool read_hex(const char *text, uint8_t out[DIGEST])
{
    static const char digits[] = "0123456789abcdef";
    for (int i = 0; i < 2 * DIGEST; i++) {
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
    printf("\"verdict\": \"%s\", \"code\": \"%s\"}\n", error_class(code), code);
}

static void print_valid(const char *id, const struct reading *reading)
{
    printf("{");
    print_id(id);
    printf("\"verdict\": \"valid\", \"content_id\": \"");
    for (int i = 0; i < DIGEST; i++) printf("%02x", reading->content_id[i]);
    printf("\"}\n");
}

/* Reads a file, as a client if there is a pool. */
static fault answer_read(const char *id, const char *path, const struct limits *limits, const struct buffer *pool)
{
    struct buffer file;
    struct reading reading;
    fault failed = read_whole(path, &file) ? plada_read(file.data, file.size, limits, &reading) : "x-input";
    if (!failed && pool) failed = check_pool(&reading, pool->data, pool->size / DIGEST);
    if (failed) print_refused(id, failed);
    else print_valid(id, &reading);
    free(file.data);
    return failed;
}

static void answer_verify(const char *id, const char *path, const struct buffer *keys)
{
    struct buffer file;
    struct reading reading;
    fault code, failed = read_whole(path, &file) ? plada_read(file.data, file.size, &default_limits, &reading) : "x-input";
    if (failed) {
        print_refused(id, failed);
    } else {
        const char *answer = check_signature(&reading, file.data, keys->data, keys->size / DIGEST, &code);
        printf("{");
        print_id(id);
        printf("\"answer\": \"%s\"", answer);
        if (code) printf(", \"code\": \"%s\"", code);
        printf("}\n");
    }
    free(file.data);
}

static const struct json_node *member(const struct json *json, size_t object, const char *key)
{
    const struct json_node *node = json_member(json, object, key);
    if (!node) die("a request lacks a member");
    return node;
}

static uint64_t integer(const struct json *json, size_t object, const char *key)
{
    const struct json_node *node = member(json, object, key);
    if (node->type != JSON_NUMBER || node->text[0] == '-') die("a limit is not a number");
    return strtoull(node->text, NULL, 10);
}

static struct limits read_limits(const struct json *json)
{
    size_t at = (size_t)(member(json, 0, "limits") - json->nodes);
    return (struct limits){integer(json, at, "kept"), integer(json, at, "stream"), integer(json, at, "blocks"),
                           integer(json, at, "class_map"), integer(json, at, "metadata")};
}

/* The digests of a list, which follow it */
static struct buffer read_digests(const struct json *json, const struct json_node *list)
{
    size_t at = (size_t)(list - json->nodes);
    struct buffer digests = {malloc((json->count - at) * DIGEST), 0}; /* nodes are larger than digests */
    if (!digests.data) die("no memory");
    for (size_t i = at + 1; i < json->count && json->nodes[i].parent == at; i++, digests.size += DIGEST)
        if (json->nodes[i].size != 2 * DIGEST || !read_hex(json->nodes[i].text, digests.data + digests.size))
            die("a digest has 64 hexadecimal digits");
    return digests;
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
               "\"features\": [\"zstd\", \"weights\", \"dense\"], \"limits\": {}}\n");
    } else if (strcmp(what, "read") == 0) {
        const struct json_node *pool = member(json, 0, "pool");
        struct limits limits = read_limits(json);
        struct buffer digests = {NULL, 0};
        if (pool->type == JSON_ARRAY) digests = read_digests(json, pool);
        answer_read(number, member(json, 0, "file")->text, &limits, digests.data ? &digests : NULL);
        free(digests.data);
    } else if (strcmp(what, "verify") == 0) {
        struct buffer keys = read_digests(json, member(json, 0, "keys"));
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

/* One digest a line; they are packed where they stand. */
static void read_pool(const char *path, struct buffer *pool)
{
    struct buffer text;
    if (!read_whole(path, &text)) die("the pool cannot be read");
    *pool = (struct buffer){text.data, 0};
    for (size_t at = 0; at < text.size; at += 2 * DIGEST + 1, pool->size += DIGEST) {
        char line[2 * DIGEST + 1] = {0};
        memcpy(line, text.data + at, text.size - at < 2 * DIGEST ? text.size - at : 2 * DIGEST);
        bool ends = text.size - at <= 2 * DIGEST || text.data[at + 2 * DIGEST] == '\n';
        if (!ends || !read_hex(line, pool->data + pool->size)) die("the pool has 64 hexadecimal digits a line");
    }
}

int main(int argc, char **argv)
{
    struct buffer pool = {NULL, 0};
    if (argc == 1) return converse();
    if (argc == 4 && strcmp(argv[1], "--pool") == 0) read_pool(argv[2], &pool);
    else if (argc != 2) die("usage: plada-client [[--pool DIGESTS] FILE]");
    fault failed = answer_read(NULL, argv[argc - 1], &default_limits, pool.data ? &pool : NULL);
    free(pool.data);
    return !failed ? 0 : strncmp(failed, "x-", 2) == 0 ? 2 : 1;
}
