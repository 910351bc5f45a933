#include "internal.h"

#if __has_include(<zstd.h>)
#include <zstd.h>
#else /* what is needed of libzstd's stable interface */
size_t ZSTD_decompress(void *out, size_t room, const void *frame, size_t length);
unsigned ZSTD_isError(size_t result);
#endif

/* Looks at the headers of a frame, before any decoder sees it, and tells its content size. */
fault zstd_size(const uint8_t *frame, size_t length, uint64_t *size)
{
    static const unsigned size_fields[] = {0, 2, 4, 8};
    if (length < 5) return "zstd-frame";
    uint64_t magic = little_endian(frame, 4);
    if (magic >= 0x184D2A50 && magic <= 0x184D2A5F) return "zstd-skippable";
    if (magic != 0xFD2FB528) return "zstd-frame";
    uint8_t descriptor = frame[4];
    bool single = descriptor & 0x20;
    if (descriptor & 8) return "zstd-frame";
    if (descriptor & 4) return "zstd-checksum";
    if (descriptor & 3) return "zstd-dictionary";
    unsigned field = descriptor >> 6 ? size_fields[descriptor >> 6] : single;
    if (field == 0) return "zstd-no-size";
    size_t at = single ? 5 : 6;
    if (length < at + field) return "zstd-frame";
    *size = little_endian(frame + at, field) + (field == 2 ? 256 : 0);

    uint64_t window = *size;
    if (!single) {
        window = UINT64_C(1) << (10 + (frame[5] >> 3));
        window += window / 8 * (frame[5] & 7);
    }
    if (window > 1 << 23 || (window < *size && window < 1 << 23)) return "zstd-window";

    at += field;
    for (bool last = false; !last;) {
        if (length - at < 3) return "zstd-frame";
        uint64_t header = little_endian(frame + at, 3), block = header >> 3;
        unsigned kind = header >> 1 & 3;
        last = header & 1;
        at += 3;
        if (kind == 3 || block > 1 << 17 || block > window) return "zstd-block";
        if (kind == 1) block = 1;
        if (length - at < block) return "zstd-frame";
        at += block;
    }
    return at < length ? "zstd-trailing" : NULL;
}

fault zstd_decode(const uint8_t *frame, size_t length, uint8_t *out, size_t size)
{
    size_t decoded = ZSTD_decompress(out, size, frame, length);
    return ZSTD_isError(decoded) || decoded != size ? "zstd-corrupt" : NULL;
}
