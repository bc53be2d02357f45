/* pixel_move_lanes.h - the text of nn/pixel_move_text.c for pixels of LANES numbers; included once for each. */
#define NAME(name) SG_JOIN(name, LANES)

typedef float NAME(floats) __attribute__((vector_size(LANES * 4), aligned(4)));
typedef uint32_t NAME(words) __attribute__((vector_size(LANES * 4), aligned(4)));
typedef uint16_t NAME(halves) __attribute__((vector_size(LANES * 2), aligned(2)));

SG_INLINE NAME(floats) NAME(read)(const void *from, size_t at, const int half)
{
    if (!half) return *(const NAME(floats) *)(const void *)((const float *)from + at);
    const NAME(halves) v = *(const NAME(halves) *)(const void *)((const sg_bf16 *)from + at);
    return (NAME(floats))(__builtin_convertvector(v, NAME(words)) << 16);
}

/* bf16 as in core/bf16.h: to the nearest, ties to even; NaN stays NaN. */
SG_INLINE void NAME(write)(void *to, size_t at, NAME(floats) v, const int half)
{
    if (!half) {
        *(NAME(floats) *)(void *)((float *)to + at) = v;
        return;
    }
    const NAME(words) bits = (NAME(words))v, nan = (NAME(words))(v != v);
    const NAME(words) near = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16, quiet = (bits >> 16) | 0x40;
    const NAME(words) kept = (near & ~nan) | (quiet & nan);
    *(NAME(halves) *)(void *)((sg_bf16 *)to + at) = __builtin_convertvector(kept, NAME(halves));
}

/* v > 0 ? 1 : slope */
SG_INLINE NAME(floats) NAME(factor)(NAME(floats) v, float slope)
{
    const uint32_t one = word_of(1), low = word_of(slope);
    return (NAME(floats))(((NAME(words))(v > 0) & (one ^ low)) ^ low);
}

SG_INLINE void NAME(load)(const sg_pixel_move *m, const int half)
{
    for (size_t p = 0, at = 0; p < m->count; p++, at += m->step) {
        NAME(floats) v = NAME(read)(m->value, at, half);
        if (m->mask) v *= NAME(factor)(NAME(read)(m->mask, at, half), m->slope);
        NAME(write)(m->tile, p * m->width, v, 0);
    }
}

SG_INLINE void NAME(store)(const sg_pixel_move *m, const int half)
{
    NAME(floats) bias = {0};
    if (m->bias) bias = NAME(read)(m->bias, 0, 0);
    for (size_t p = 0, at = 0; p < m->count; p++, at += m->step) {
        NAME(floats) v = NAME(read)(m->tile, p * m->width, 0) + bias;
        v *= NAME(factor)(v, m->relu);
        if (m->add) v += NAME(read)(m->value, at, half);
        if (m->mask) v *= NAME(factor)(NAME(read)(m->mask, at, half), m->slope);
        NAME(write)(m->value, at, v, half);
    }
}

/* Of LANES vectors, after steps 1, 2, 4 ... < LANES: one, with the sum of vector j's numbers at j. */
SG_INLINE NAME(floats) NAME(fold)(NAME(floats) a, NAME(floats) b, const uint32_t step)
{
    NAME(words) even = {0};
    for (uint32_t i = 0; i < LANES; i++) even[i] = (i & step ? LANES : 0) + (i & ~step);
    return __builtin_shuffle(a, b, even) + __builtin_shuffle(a, b, even + step);
}

/* LANES pixels from p on. */
SG_INLINE void NAME(dot_lanes)(float *out, const sg_pixel_row *r, const float *weight, size_t p, const int half)
{
    NAME(floats) sum[LANES] = {{0}};
    for (size_t b = 0; b < (size_t)r->blocks; b++) {
        const NAME(floats) w = NAME(read)(weight, b * LANES, 0);
#pragma GCC unroll 16
        for (size_t j = 0; j < LANES; j++) sum[j] += w * NAME(read)(r->x, b * r->piece + (p + j) * LANES, half);
    }
#pragma GCC unroll 4
    for (uint32_t step = 1; step < LANES; step *= 2)
#pragma GCC unroll 8
        for (size_t j = 0; j < LANES / 2 / step; j++) sum[j] = NAME(fold)(sum[2 * j], sum[2 * j + 1], step);
    NAME(write)(out, p, sum[0], 0);
}

SG_INLINE float NAME(dot_pixel)(const sg_pixel_row *r, const float *weight, size_t p, const int half)
{
    float sum = 0;
    for (size_t b = 0; b < (size_t)r->blocks; b++) {
        const NAME(floats) x = NAME(read)(r->x, b * r->piece + p * LANES, half);
        for (size_t l = 0; l < LANES; l++) sum += weight[b * LANES + l] * x[l];
    }
    return sum;
}

SG_INLINE void NAME(dot)(float *out, const sg_pixel_row *r, const float *weight, const int half)
{
    size_t p = 0;
    for (; p + LANES <= r->count; p += LANES) NAME(dot_lanes)(out, r, weight, p, half);
    for (; p < r->count; p++) out[p] = NAME(dot_pixel)(r, weight, p, half);
}

SG_INLINE void NAME(weigh)(float *dweight, const sg_pixel_row *r, const float *dy, const int half)
{
    for (size_t b = 0; b < (size_t)r->blocks; b++) {
        NAME(floats) sum[4] = {{0}};
        size_t p = 0;
        for (; p + 4 <= r->count; p += 4)
#pragma GCC unroll 4
            for (size_t j = 0; j < 4; j++) sum[j] += dy[p + j] * NAME(read)(r->x, b * r->piece + (p + j) * LANES, half);
        for (; p < r->count; p++) sum[0] += dy[p] * NAME(read)(r->x, b * r->piece + p * LANES, half);
        const NAME(floats) all = (sum[0] + sum[1]) + (sum[2] + sum[3]);
        NAME(write)(dweight, b * LANES, NAME(read)(dweight, b * LANES, 0) + all, 0);
    }
}

SG_INLINE void NAME(spread)(void *dx, const sg_pixel_row *r, const sg_pixel_outputs *y, bool add, const float *slope,
                            const int half)
{
    for (size_t b = 0; b < (size_t)r->blocks; b++) {
        NAME(floats) w[SG_PIXEL_OUTPUTS];
        for (size_t o = 0; o < y->count; o++) w[o] = NAME(read)(y->weight, o * y->weight_step + b * LANES, 0);
        for (size_t p = 0, at = b * r->piece; p < r->count; p++, at += LANES) {
            NAME(floats) v = y->dy[p] * w[0];
            for (size_t o = 1; o < y->count; o++) v += y->dy[o * y->dy_step + p] * w[o];
            if (add) v += NAME(read)(dx, at, half);
            if (slope) v *= NAME(factor)(NAME(read)(r->x, at, half), *slope);
            NAME(write)(dx, at, v, half);
        }
    }
}

#undef NAME
