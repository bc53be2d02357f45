/* percentile.c - exact percentiles of a picture, and the scale that two of them make (PHYSICS section 1): of whole
 * numbers by counting them, of all others by radix selection. */
#include "core/memory.h"
#include "core/real.h"
#include "datasets/image.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

static const double LOW = 1, HIGH = 99.8;

/* Maps a float to an integer of the same order. */
static uint32_t ordered_key(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static float from_key(uint32_t key)
{
    const uint32_t bits = key & 0x80000000u ? key & 0x7fffffffu : ~key;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* One digit of a radix selection: counts the digit at `shift` among the keys whose higher digits equal prefix, and
 * returns the digit that holds the *k-th of them; *k becomes the rank inside that digit. */
static uint32_t select_digit(const float *x, size_t len, uint32_t prefix, uint32_t mask, int shift, size_t *k)
{
    size_t count[2048] = {0};
    for (size_t i = 0; i < len; i++) {
        const uint32_t key = ordered_key(x[i]);
        if ((key & mask) == prefix) count[key >> shift & 2047]++;
    }
    uint32_t digit = 0;
    while (*k >= count[digit]) *k -= count[digit++];
    return digit;
}

/* The k-th smallest, k = 0..len-1, in three passes of 11, 11 and 10 bits. */
static double kth_smallest(const float *x, size_t len, size_t k)
{
    const uint32_t high = select_digit(x, len, 0, 0, 21, &k) << 21;
    const uint32_t middle = high | select_digit(x, len, high, 0xffe00000u, 10, &k) << 10;
    /* The last digit is 11 bits wide and repeats one bit of the middle, which the prefix has fixed. */
    return (double)from_key((middle & ~0x7ffu) | select_digit(x, len, middle, 0xfffffc00u, 0, &k));
}

/* The same from the counts of whole numbers 0..65535. */
static double kth_counted(const uint32_t *count, size_t k)
{
    int x = 0;
    while (k >= count[x]) k -= count[x++];
    return x;
}

/* Linear between the order statistics around the p-th percentile; by `count` unless it is NULL. */
static double percentile(const float *x, const uint32_t *count, size_t len, double p)
{
    const double position = p / 100 * (double)(len - 1);
    const size_t below = (size_t)position, above = below + 1 < len ? below + 1 : below;
    const double lo = count ? kth_counted(count, below) : kth_smallest(x, len, below),
                 hi = count ? kth_counted(count, above) : kth_smallest(x, len, above);
    return lo + (position - (double)below) * (hi - lo);
}

double sg_percentile(const float *x, size_t len, double p)
{
    return percentile(x, NULL, len, p);
}

/* Adding 2^23 rounds to a whole number. Comparisons are such that NaN is none. */
SG_SIMD int sg_image_whole_bits(const float *x, size_t len)
{
    int wide = 0, other = 0;
    for (size_t i = 0; i < len; i++) {
        const float whole = (x[i] + 8388608.f) - 8388608.f;
        wide |= x[i] > 255;
        other |= !(x[i] >= 0 && x[i] <= 65535 && whole == x[i]);
    }
    return other ? 0 : wide ? 16 : 8;
}

/* The bounds of `len` pixels of which count[v] have the value v. */
static void counted_bounds(double *lo, double *hi, const uint32_t *count, size_t len)
{
    *lo = percentile(NULL, count, len, LOW);
    *hi = percentile(NULL, count, len, HIGH);
}

sg_status sg_image_bounds(double *lo, double *hi, const float *x, size_t len, const char *name)
{
    uint32_t *count;
    *lo = *hi = 0;
    if (len == 0) return SG_OK;
    const int bits = sg_image_whole_bits(x, len);
    for (size_t i = 0; bits == 0 && i < len; i++)
        if (!isfinite(x[i])) SG_FAIL(SG_E_NUMERIC, "%s: %s at pixel %zu", name, isnan(x[i]) ? "NaN" : "Inf", i);
    if (bits == 0) {
        *lo = percentile(x, NULL, len, LOW);
        *hi = percentile(x, NULL, len, HIGH);
        return SG_OK;
    }
    SG_TRY(SG_ALLOC(&count, (size_t)1 << bits, name));
    for (size_t i = 0; i < len; i++) count[(int)x[i]]++;
    counted_bounds(lo, hi, count, len);
    sg_free(count);
    return SG_OK;
}

sg_status sg_whole_bounds(double *lo, double *hi, const void *x, int bits, size_t len, const char *name)
{
    const uint8_t *u8 = x;
    const uint16_t *u16 = x;
    uint32_t *count;
    *lo = *hi = 0;
    if (len == 0) return SG_OK;
    SG_TRY(SG_ALLOC(&count, (size_t)1 << bits, name));
    for (size_t i = 0; bits == 8 && i < len; i++) count[u8[i]]++;
    for (size_t i = 0; bits == 16 && i < len; i++) count[u16[i]]++;
    counted_bounds(lo, hi, count, len);
    sg_free(count);
    return SG_OK;
}

sg_status sg_image_scale(float *x, size_t len, const char *name)
{
    double lo, hi;
    SG_TRY(sg_image_bounds(&lo, &hi, x, len, name));
    for (size_t i = 0; i < len; i++) {
        const double v = hi > lo ? ((double)x[i] - lo) / (hi - lo) : 0;
        x[i] = (float)(v < 0 ? 0 : v > 1 ? 1 : v);
    }
    return SG_OK;
}
