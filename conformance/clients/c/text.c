#include "internal.h"

#include <stdlib.h>
#include <string.h>

/* Takes a character off the text, as in RFC 3629; -1 where there is none. */
static int32_t utf8_next(struct bytes *in)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    uint8_t first = *in->at++;
    unsigned more = first < 0x80 ? 0 : first >> 5 == 6 ? 1 : first >> 4 == 14 ? 2 : first >> 3 == 30 ? 3 : 4;
    in->left--;
    if (more == 0) return first;
    if (more == 4 || in->left < more) return -1;
    uint32_t point = first & (0x3Fu >> more);
    for (unsigned i = 0; i < more; i++) {
        uint8_t byte = *in->at++;
        in->left--;
        if (byte >> 6 != 2) return -1;
        point = point << 6 | (byte & 0x3F);
    }
    if (point < least[more] || point > 0x10FFFF || point >> 11 == 0x1B) return -1;
    return (int32_t)point;
}

bool utf8_valid(const uint8_t *text, size_t size)
{
    struct bytes in = {text, size};
    while (in.left > 0)
        if (utf8_next(&in) < 0) return false;
    return true;
}

size_t utf8_write(uint32_t point, char *out)
{
    unsigned more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    static const uint8_t mark[] = {0, 0xC0, 0xE0, 0xF0};
    out[0] = (char)(mark[more] | point >> (6 * more));
    for (unsigned i = 1; i <= more; i++) out[i] = (char)(0x80 | (point >> (6 * (more - i)) & 0x3F));
    return more + 1;
}

static bool forbidden_in_name(int32_t c)
{
    return c <= 0x1F || (c >= 0x7F && c <= 0x9F) || c == 0x61C || c == 0x200E || c == 0x200F ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

static bool has_forbidden(const uint8_t *name)
{
    struct bytes in = {name + 1, name[0]};
    while (in.left > 0)
        if (forbidden_in_name(utf8_next(&in))) return true;
    return false;
}

/* Names are pointers to their length bytes. Equal ones are sorted by place. */
static int compare_names(const void *a, const void *b)
{
    const uint8_t *x = *(const uint8_t *const *)a, *y = *(const uint8_t *const *)b;
    int order = *x != *y ? *x - *y : memcmp(x + 1, y + 1, *x);
    return order ? order : (x > y) - (x < y);
}

/* The checks of one list; sorts it. */
static fault check_names(const uint8_t **names, size_t count, bool may_be_empty)
{
    const uint8_t *start = names[0], *end = names[count - 1] + 1, *twin = end;
    qsort(names, count, sizeof *names, compare_names);
    for (size_t i = 1; i < count; i++)
        if (*names[i] && *names[i] == *names[i - 1] && !memcmp(names[i], names[i - 1], 1u + *names[i]) &&
            names[i] < twin)
            twin = names[i];
    for (const uint8_t *name = start; name < end; name += 1 + *name) {
        if (*name == 0 && !may_be_empty) return "name-empty";
        if (has_forbidden(name)) return "name-forbidden-character";
        if (name == twin) return "name-duplicate";
    }
    return NULL;
}

static fault check_lists(const uint8_t *text, size_t size, const uint8_t **names, size_t classes, size_t count)
{
    const uint8_t *at = text, *end = text + size;
    for (size_t i = 0; i < count; i++) {
        if (at == end || (size_t)(end - at) < 1u + *at) return "class-map-size";
        names[i] = at;
        at += 1 + *at;
    }
    if (at != end) return "class-map-size";
    for (size_t i = 0; i < count; i++)
        if (!utf8_valid(names[i] + 1, *names[i])) return "name-not-utf8";
    TRY(check_names(names, classes, false));
    return count > classes ? check_names(names + classes, classes, true) : NULL;
}

/* Section 6.1 */
fault check_class_map(const uint8_t *text, size_t size, uint64_t classes, bool identifiers)
{
    size_t count = (size_t)classes * (identifiers ? 2 : 1); /* at most 131,072 */
    if (size < count) return "class-map-size";
    const uint8_t **names = malloc(count * sizeof *names);
    if (!names) return "x-memory";
    fault failed = check_lists(text, size, names, (size_t)classes, count);
    free(names);
    return failed;
}
