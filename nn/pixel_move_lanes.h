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

#undef NAME
