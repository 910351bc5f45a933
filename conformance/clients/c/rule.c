#include "internal.h"

#include <stdlib.h>

/* Section 17 and Appendix B.8 */
static const uint64_t most_score = (1 << 24) - 1, most_threshold = 1 << 25;

/* The size comes first, in ones that a zero ends; the sign follows that of the column's sum so far. */
static int read_weight(struct decoder *d, struct model sizes[15], struct model signs[3], int top, int64_t total)
{
    int size = 0;
    while (size < top && decode_bit(d, &sizes[size])) size++;
    return size > 0 && decode_bit(d, &signs[total == 0 ? 0 : total > 0 ? 1 : 2]) ? -size : size;
}

/* Once a number is out of range, the rest is still read: the stream's end is checked before. */
static fault read_numbers(struct rule *rule, struct decoder *d, unsigned shift, bool *out_of_range)
{
    struct distances numbers;
    uint64_t distance;
    distances_open(&numbers);
    for (uint64_t c = 0; c < rule->classes; c++) {
        TRY(read_distance(d, &numbers, &distance));
        uint64_t folded = distance - 1, size = folded / 2 + folded % 2; /* 0, -1, 1, -2, 2 ... */
        uint64_t most = (most_score - 128 * (uint64_t)rule->scores[c]) >> shift;
        if (size > most) *out_of_range = true;
        else rule->biases[c] = (int32_t)(size << shift) * (folded % 2 ? -1 : 1);
    }
    distances_open(&numbers);
    for (uint64_t c = 0; c < rule->classes; c++) {
        TRY(read_distance(d, &numbers, &distance));
        if (distance - 1 > most_threshold >> shift) *out_of_range = true;
        else rule->thresholds[c] = (int32_t)((distance - 1) << shift);
    }
    return NULL;
}

/* The caller has set classes and columns, at most 65,536 and 1,024. What is allocated goes with rule_free. */
fault rule_open(struct rule *rule, unsigned scale, const uint8_t *stream, size_t size)
{
    size_t classes = (size_t)rule->classes, columns = (size_t)rule->columns;
    struct model sizes[15], signs[3];
    struct decoder d;
    bool out_of_range = false;
    rule->weights = malloc(classes * columns);
    rule->biases = calloc(classes, sizeof *rule->biases);
    rule->thresholds = calloc(classes, sizeof *rule->thresholds);
    rule->scores = calloc(classes, sizeof *rule->scores); /* first the sums of the weights' sizes */
    if (!rule->weights || !rule->biases || !rule->thresholds || !rule->scores) return "x-memory";
    TRY(decoder_open(&d, stream, size));
    reset_models(sizes, 15);
    reset_models(signs, 3);
    for (size_t j = 0; j < columns; j++) {
        int64_t total = 0;
        for (size_t c = 0; c < classes; c++) {
            int weight = read_weight(&d, sizes, signs, scale & 15, total);
            rule->weights[j * classes + c] = (int8_t)weight;
            rule->scores[c] += abs(weight); /* at most 15 * 1,024 */
            total += weight;
        }
    }
    TRY(read_numbers(rule, &d, scale >> 4, &out_of_range));
    TRY(decoder_close(&d));
    return out_of_range ? "rule-range" : NULL;
}

/* No sum exceeds 2^24, whatever its order. */
bool kept_by_rule(const struct rule *rule, const int8_t *row, unsigned *label)
{
    const int8_t *restrict weights = rule->weights;
    int32_t *restrict scores = rule->scores, best = INT32_MIN, second = INT32_MIN;
    size_t classes = (size_t)rule->classes;
    *label = 0;
    for (size_t c = 0; c < classes; c++) scores[c] = rule->biases[c];
    for (size_t j = 0; j < rule->columns; j++, weights += classes)
        for (size_t c = 0; c < classes; c++) scores[c] += weights[c] * row[j];
    for (size_t c = 0; c < classes; c++) {
        if (scores[c] > best) {
            second = best;
            best = scores[c];
            *label = (unsigned)c;
        } else if (scores[c] > second) {
            second = scores[c];
        }
    }
    return best - second >= rule->thresholds[*label]; /* there are two classes or more */
}

void rule_free(struct rule *rule)
{
    free(rule->weights);
    free(rule->biases);
    free(rule->thresholds);
    free(rule->scores);
}
