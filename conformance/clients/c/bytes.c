#include "internal.h"

#include <openssl/evp.h>
#include <string.h>

/* Section 2, and Appendix B.1 */
fault read_varint(struct bytes *in, fault cut_short, uint64_t *value)
{
    *value = 0;
    for (unsigned index = 0; index < 8; index++) {
        if (in->left == 0) return cut_short;
        uint8_t byte = *in->at++;
        in->left--;
        *value |= (uint64_t)(byte & 127) << (7 * index);
        if (byte < 128) {
            if (byte == 0 && index > 0) return "varint-overlong";
            return *value >> 53 ? "varint-overflow" : NULL;
        }
    }
    return "varint-overflow";
}

uint64_t little_endian(const uint8_t *at, unsigned size)
{
    uint64_t value = 0;
    while (size-- > 0) value = value << 8 | at[size];
    return value;
}

unsigned log2_floor(uint64_t value)
{
    unsigned width = 0;
    for (unsigned step = 32; step > 0; step /= 2)
        if (value >> step) {
            value >>= step;
            width += step;
        }
    return width;
}

uint64_t ceil_div(uint64_t a, uint64_t b)
{
    return a / b + (a % b != 0);
}

fault sha256_begin(struct sha256 *hash)
{
    hash->used = 0;
    hash->state = EVP_MD_CTX_new();
    if (!hash->state || EVP_DigestInit_ex(hash->state, EVP_sha256(), NULL) != 1) return "x-memory";
    return NULL;
}

static void flush(struct sha256 *hash)
{
    EVP_DigestUpdate(hash->state, hash->buffer, hash->used);
    hash->used = 0;
}

void sha256_bytes(struct sha256 *hash, const void *data, size_t size)
{
    flush(hash);
    EVP_DigestUpdate(hash->state, data, size);
}

void sha256_int(struct sha256 *hash, uint64_t value, unsigned size)
{
    if (sizeof hash->buffer - hash->used < size) flush(hash);
    for (unsigned i = 0; i < size; i++) hash->buffer[hash->used++] = (uint8_t)(value >> (8 * i));
}

fault sha256_end(struct sha256 *hash, uint8_t digest[DIGEST])
{
    flush(hash);
    return EVP_DigestFinal_ex(hash->state, digest, NULL) == 1 ? NULL : "x-memory";
}

void sha256_free(struct sha256 *hash)
{
    EVP_MD_CTX_free(hash->state);
    hash->state = NULL;
}
