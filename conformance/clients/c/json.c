#include "internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Section 6.2, without recursion. Duplicate keys are found by one sort at the end. */
enum { MOST_LEVELS = 16 };

static const char bad[] = "metadata-json";

static void skip_space(char **at)
{
    while (**at == ' ' || **at == '\t' || **at == '\n' || **at == '\r') ++*at;
}

static fault add_node(struct json *json, enum json_type type, size_t parent, char *text)
{
    if (json->count == json->room) {
        size_t room = json->room ? 2 * json->room : 64;
        struct json_node *nodes = room > SIZE_MAX / sizeof *nodes ? NULL : realloc(json->nodes, room * sizeof *nodes);
        if (!nodes) return "x-memory";
        json->nodes = nodes;
        json->room = room;
    }
    json->nodes[json->count++] = (struct json_node){type, parent, text, 0};
    return NULL;
}

static bool read_hex4(const char *at, uint32_t *value)
{
    *value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
                    c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
        if (digit < 0) return false; /* also at the NUL that ends the text */
        *value = *value << 4 | (uint32_t)digit;
    }
    return true;
}

/* What follows the backslash. */
static bool read_escape(char **at, char **out)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    char c = *(*at)++;
    const char *found = c ? strchr(letters, c) : NULL;
    uint32_t point, second;
    if (found) {
        *(*out)++ = meant[found - letters];
        return true;
    }
    if (c != 'u' || !read_hex4(*at, &point)) return false;
    *at += 4;
    if (point >> 10 == 0x37) return false;
    if (point >> 10 == 0x36) {
        if ((*at)[0] != '\\' || (*at)[1] != 'u' || !read_hex4(*at + 2, &second) || second >> 10 != 0x37) return false;
        *at += 6;
        point = 0x10000 + ((point & 0x3FF) << 10) + (second & 0x3FF);
    }
    *out += utf8_write(point, *out);
    return true;
}

/* A string is unescaped where it stands: it never grows. */
static fault read_string(struct json *json, char **at, enum json_type type, size_t parent)
{
    if (**at != '"') return bad;
    char *start = ++*at, *out = start;
    TRY(add_node(json, type, parent, start));
    while (**at != '"') {
        if ((unsigned char)**at < 0x20) return bad;
        if (**at != '\\') *out++ = *(*at)++;
        else if (++*at, !read_escape(at, &out)) return bad;
    }
    ++*at;
    *out = 0;
    json->nodes[json->count - 1].size = (size_t)(out - start);
    return NULL;
}

static bool skip_digits(char **at)
{
    char *start = *at;
    while (**at >= '0' && **at <= '9') ++*at;
    return *at > start;
}

static fault read_number(struct json *json, char **at, size_t parent)
{
    char *start = *at, *digits;
    bool integer = true;
    if (**at == '-') ++*at;
    digits = *at;
    if (!skip_digits(at) || (*digits == '0' && *at > digits + 1)) return bad;
    size_t length = (size_t)(*at - digits);
    if (**at == '.') {
        integer = false;
        ++*at;
        if (!skip_digits(at)) return bad;
    }
    if (**at == 'e' || **at == 'E') {
        integer = false;
        ++*at;
        if (**at == '+' || **at == '-') ++*at;
        if (!skip_digits(at)) return bad;
    }
    if (integer && (length > 16 || strtoull(digits, NULL, 10) >> 53)) return bad;
    if (!integer && isinf(strtod(start, NULL))) return bad;
    TRY(add_node(json, JSON_NUMBER, parent, start));
    json->nodes[json->count - 1].size = (size_t)(*at - start);
    return NULL;
}

static fault read_word(struct json *json, char **at, size_t parent)
{
    static const char *const words[] = {"true", "false", "null"};
    for (int i = 0; i < 3; i++) {
        size_t length = strlen(words[i]);
        if (strncmp(*at, words[i], length) == 0) {
            TRY(add_node(json, JSON_WORD, parent, *at));
            *at += length;
            json->nodes[json->count - 1].size = length;
            return NULL;
        }
    }
    return bad;
}

static fault read_values(struct json *json, const char *end)
{
    size_t open[MOST_LEVELS];
    unsigned depth = 0;
    char *at = json->text;
    for (;;) {
        size_t parent = depth ? open[depth - 1] : 0;
        skip_space(&at);
        if (depth && json->nodes[parent].type == JSON_OBJECT) {
            TRY(read_string(json, &at, JSON_KEY, parent));
            skip_space(&at);
            if (*at++ != ':') return bad;
            skip_space(&at);
        }
        if (*at == '{' || *at == '[') {
            if (depth == MOST_LEVELS) return bad;
            open[depth++] = json->count;
            TRY(add_node(json, *at == '{' ? JSON_OBJECT : JSON_ARRAY, parent, at));
            char close = *at++ == '{' ? '}' : ']';
            skip_space(&at);
            if (*at != close) continue;
        } else if (*at == '"') {
            TRY(read_string(json, &at, JSON_STRING, parent));
        } else if (*at == '-' || (*at >= '0' && *at <= '9')) {
            TRY(read_number(json, &at, parent));
        } else {
            TRY(read_word(json, &at, parent));
        }
        for (;;) { /* the value is complete, or its container is about to be */
            skip_space(&at);
            if (depth == 0) return at == end ? NULL : bad;
            if (*at == ',') break;
            if (*at++ != (json->nodes[open[depth - 1]].type == JSON_OBJECT ? '}' : ']')) return bad;
            depth--;
        }
        at++;
    }
}

static int compare_keys(const void *a, const void *b)
{
    const struct json_node *x = *(struct json_node *const *)a, *y = *(struct json_node *const *)b;
    if (x->parent != y->parent) return x->parent < y->parent ? -1 : 1;
    if (x->size != y->size) return x->size < y->size ? -1 : 1;
    return memcmp(x->text, y->text, x->size);
}

static fault check_keys(const struct json *json)
{
    size_t count = 0;
    struct json_node **keys = malloc((json->count + 1) * sizeof *keys);
    fault failed = NULL;
    if (!keys) return "x-memory";
    for (size_t i = 0; i < json->count; i++)
        if (json->nodes[i].type == JSON_KEY) keys[count++] = &json->nodes[i];
    qsort(keys, count, sizeof *keys, compare_keys);
    for (size_t i = 1; i < count; i++)
        if (compare_keys(&keys[i - 1], &keys[i]) == 0) failed = bad;
    free(keys);
    return failed;
}

fault json_parse(struct json *json, const void *text, size_t size)
{
    *json = (struct json){NULL, NULL, 0, 0};
    if (!utf8_valid(text, size)) return bad;
    json->text = malloc(size + 1);
    if (!json->text) return "x-memory";
    memcpy(json->text, text, size);
    json->text[size] = 0;
    TRY(read_values(json, json->text + size));
    if (json->nodes[0].type != JSON_OBJECT) return bad;
    return check_keys(json);
}

void json_free(struct json *json)
{
    free(json->text);
    free(json->nodes);
    *json = (struct json){NULL, NULL, 0, 0};
}
