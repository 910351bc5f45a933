#include "internal.h"

#include <openssl/evp.h>
#include <string.h>

/* Is y less than the prime, and not that of a point of small order? These are 0, 1, -1 and two others; the sign of x
 * matters to none of them, and is free for all others. What is no point at all, libcrypto finds. */
static bool key_allowed(const uint8_t key[32])
{
    static const uint8_t small[5][32] = {
        {0},
        {1},
        {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
         0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
        {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
         0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
        {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
         0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    };
    uint8_t y[32];
    bool all_ones = true;
    memcpy(y, key, 32);
    y[31] &= 0x7F;
    for (int i = 1; i < 31; i++) all_ones = all_ones && y[i] == 0xFF;
    if (all_ones && y[31] == 0x7F && y[0] >= 0xED) return false;
    for (int i = 0; i < 5; i++)
        if (memcmp(y, small[i], 32) == 0) return false;
    return true;
}

/* libcrypto refuses an S that is too large, and compares the encoding of R without the cofactor. */
static bool holds(const uint8_t key[32], const uint8_t signature[64], const uint8_t *message, size_t size)
{
    if (!key_allowed(key)) return false;
    EVP_PKEY *public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, 32);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool result = public_key && context && EVP_DigestVerifyInit(context, NULL, NULL, NULL, public_key) == 1 &&
                  EVP_DigestVerify(context, signature, 64, message, size) == 1;
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(public_key);
    return result;
}

/* Section 10 */
const char *plada_verify(const struct plada_file *file, const void *data, const uint8_t *keys, size_t count,
                         const char **code)
{
    const uint8_t *sign = (const uint8_t *)data + file->sign_at + 2; /* behind type and length */
    uint8_t message[12 + DIGEST] = "plada-1-sig", id[DIGEST]; /* with the NUL */
    bool found = false;
    *code = "signature-missing";
    if (!file->is_signed) return "unsigned";
    *code = "x-memory";
    if (EVP_Digest(data, file->sign_at, message + 12, NULL, EVP_sha256(), NULL) != 1) return "bad";
    for (size_t i = 0; i < count; i++) {
        const uint8_t *key = keys + i * DIGEST;
        if (EVP_Digest(key, DIGEST, id, NULL, EVP_sha256(), NULL) != 1) return "bad";
        if (memcmp(id, file->key_id, PLADA_KEY_ID)) continue;
        found = true;
        *code = NULL;
        if (holds(key, sign + 8, message, sizeof message)) return "verified";
    }
    *code = found ? "signature-bad" : "signature-key";
    return found ? "bad" : "unverified";
}
