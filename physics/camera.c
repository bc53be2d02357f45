/* camera.c - see camera.h for formulas and sources. Stages are inline functions on one number; a tile of 256 pixels
 * goes through them in first-level cache. Backward runs the stages again (cheaper than keeping what they made); only
 * Poisson counts are kept. The double build also keeps the image and range_e, where sg_plan_forward_surrogate holds
 * fixed every draw, mask and rounding. */
#include "physics/camera.h"

#include "core/normal_lanes.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/ops.h"
#include "physics/poisson.h"

SG_KERNELS(camera)
SG_HIDDEN void camera_surrogate_f64(const sg_run *run);

#define MEAN_MAX_E 1e7
enum { TILE = SG_NORMAL_TILE };

/* ---- the stages, one pixel ---- */

typedef struct R(stages) {
    real electrons, dark_e, full_well_e, read_noise_e, gain, inverse_gain, offset_adu, max_adu;
} R(stages);

SG_INLINE real R(clamp)(real x, real lo, real hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}
SG_INLINE real R(unclamped_mean)(const R(stages) * s, real image)
{
    return s->electrons * image + s->dark_e;
}
SG_INLINE real R(shot_gaussian)(real mu, real z)
{
    return mu + z * sqrt(mu);
}
SG_INLINE real R(well)(const R(stages) * s, real e)
{
    return e > s->full_well_e ? s->full_well_e : e;
}
SG_INLINE real R(read)(const R(stages) * s, real e, real z)
{
    return e + s->read_noise_e * z;
}
SG_INLINE real R(adc_unclamped)(const R(stages) * s, real e)
{
    return rint(e * s->inverse_gain + s->offset_adu);
}
SG_INLINE real R(slope_gaussian)(real mu, real z)
{
    return 1 + z / (2 * sqrt(mu < (real)1e-3 ? (real)1e-3 : mu));
}
SG_INLINE real R(slope_poisson)(real mu, real e)
{
    return 1 + (e - mu) / (2 * (mu < 1 ? 1 : mu));
}

/* ---- one tile ---- */

typedef struct R(tile) {
    real unclamped[TILE], mu[TILE], z_shot[TILE], shot[TILE], e[TILE];
} R(tile);

typedef struct R(camera) {
    const sg_run *run;
    const sg_camera_attr *attr;
    R(stages) stages;
    const real *image, *dout; /* (n, E, h, w) */
    real *kept, *out, *dimage;
    double *drange; /* one sum per slice */
    size_t plane;
    int exposures, blocks;
} R(camera);

SG_INLINE void R(tile_mean)(const R(camera) * c, const real *restrict image, R(tile) * t)
{
    const R(stages) s = c->stages;
    for (int i = 0; i < TILE; i++) {
        t->unclamped[i] = R(unclamped_mean)(&s, image[i]);
        t->mu[i] = R(clamp)(t->unclamped[i], 0, (real)MEAN_MAX_E);
    }
}

SG_INLINE void R(tile_normal)(const sg_rng *rng, size_t pixel, real *z)
{
    uint32_t words[4][SG_LANES];
    sg_philox_lanes(rng, (uint32_t)(pixel / 4), 0, words);
    R(sg_normal_lanes)(words, z);
}

SG_INLINE void R(tile_poisson)(const sg_rng *rng, size_t pixel, const real *restrict mu, real *restrict shot)
{
    double wide[TILE];
    for (int i = 0; i < TILE; i++) wide[i] = (double)mu[i];
    sg_poisson_tile(rng, (uint32_t)pixel, wide, wide);
    for (int i = 0; i < TILE; i++) shot[i] = (real)wide[i];
}

/* `kept`: counts of an earlier run, or NULL to draw them. */
SG_INLINE void R(tile_shot)(const R(camera) * c, const sg_rng *rng, size_t pixel, const real *kept, R(tile) * t)
{
    const bool on = c->attr->stop_after >= SG_CAMERA_SHOT;
    if (on && c->attr->shot == SG_SHOT_POISSON && kept) {
        memcpy(t->shot, kept, sizeof t->shot);
    } else if (on && c->attr->shot == SG_SHOT_POISSON) {
        R(tile_poisson)(rng, pixel, t->mu, t->shot);
    } else if (on && c->attr->shot == SG_SHOT_GAUSSIAN) {
        R(tile_normal)(rng, pixel, t->z_shot);
        for (int i = 0; i < TILE; i++) t->shot[i] = R(shot_gaussian)(t->mu[i], t->z_shot[i]);
    } else {
        memcpy(t->shot, t->mu, sizeof t->shot);
    }
}

/* Full well and read noise; a stage that does not run has an infinite well, or no noise. */
SG_INLINE void R(tile_electrons)(const R(camera) * c, const sg_rng *rng, size_t pixel, R(tile) * t)
{
    const R(stages) s = c->stages;
    if (s.read_noise_e > 0) {
        real z[TILE];
        R(tile_normal)(rng, pixel, z);
        for (int i = 0; i < TILE; i++) t->e[i] = R(read)(&s, R(well)(&s, t->shot[i]), z[i]);
    } else {
        for (int i = 0; i < TILE; i++) t->e[i] = R(well)(&s, t->shot[i]);
    }
}

SG_INLINE void R(tile_adc)(const R(camera) * c, const real *restrict e, real *restrict adu)
{
    const R(stages) s = c->stages;
    for (int i = 0; i < TILE; i++) adu[i] = R(clamp)(R(adc_unclamped)(&s, e[i]), 0, s.max_adu);
}

/* slope = de/dI before the ADC; all factors that do not depend on the ADC */
SG_INLINE void R(tile_slope)(const R(camera) * c, const R(tile) * t, real *restrict slope)
{
    const R(stages) s = c->stages;
    const sg_shot shot = c->attr->stop_after >= SG_CAMERA_SHOT ? c->attr->shot : SG_SHOT_NONE;
    if (shot == SG_SHOT_GAUSSIAN) {
        for (int i = 0; i < TILE; i++) slope[i] = R(slope_gaussian)(t->mu[i], t->z_shot[i]);
    } else if (shot == SG_SHOT_POISSON) {
        for (int i = 0; i < TILE; i++) slope[i] = R(slope_poisson)(t->mu[i], t->shot[i]);
    } else {
        for (int i = 0; i < TILE; i++) slope[i] = 1;
    }
    for (int i = 0; i < TILE; i++) {
        const real kept = t->shot[i] > s.full_well_e ? 0 : s.electrons * slope[i];
        const real low = t->unclamped[i] < 0 ? 0 : kept;
        slope[i] = t->unclamped[i] > (real)MEAN_MAX_E ? 0 : low;
    }
}

/* Slope and drange of the ADC: into slope goes d adu/dI, the sum of dout d adu/d gain comes back. */
SG_INLINE double R(tile_adc_backward)(const R(camera) * c, const R(tile) * t, const real *restrict dout,
                                      real *restrict slope)
{
    const R(stages) s = c->stages;
    const real step = -s.inverse_gain * s.inverse_gain;
    real part[TILE];
    for (int i = 0; i < TILE; i++) {
        const real v = R(adc_unclamped)(&s, t->e[i]);
        const real low = v < 0 ? 0 : (real)1, inside = v > s.max_adu ? 0 : low;
        slope[i] *= inside * s.inverse_gain;
        part[i] = dout[i] * (inside * (t->e[i] * step));
    }
    if (!c->drange) return 0;
    double sum = 0;
    for (int i = 0; i < TILE; i++) sum += (double)part[i];
    return sum;
}

/* ---- slices: a block of one plane ---- */

typedef struct R(span) {
    sg_rng shot, read;
    size_t begin, end, plane_begin; /* pixels of the plane; where the plane starts */
} R(span);

static R(span) R(span_of)(const R(camera) * c, int slice)
{
    const int plane = slice / c->blocks, block = slice % c->blocks;
    const int image = plane / c->exposures;
    const sg_step *step = c->run->step;
    const uint32_t sample = step->sample_id ? step->sample_id[image] : (uint32_t)image;
    const uint32_t exposure = (uint32_t)(plane % c->exposures);
    return (R(span)){
        .shot = sg_rng_make(step->seed, SG_RNG_SHOT, sample, step->epoch, exposure),
        .read = sg_rng_make(step->seed, SG_RNG_READ, sample, step->epoch, exposure),
        .begin = sg_block_begin(block),
        .end = sg_block_end(block, c->plane),
        .plane_begin = (size_t)plane * c->plane,
    };
}

/* A whole tile's worth of numbers: in place where there are enough, else copied to `pad`. */
SG_INLINE const real *R(tile_in)(const real *x, size_t count, real *pad)
{
    if (count >= TILE) return x;
    memset(pad, 0, TILE * sizeof *pad);
    memcpy(pad, x, count * sizeof *pad);
    return pad;
}

SG_SIMD static void R(forward_slice)(const R(camera) * c, const R(span) * span)
{
    R(tile) t;
    real pad[TILE], adu[TILE];
    for (size_t p = span->begin; p < span->end; p += TILE) {
        const size_t count = span->end - p < TILE ? span->end - p : TILE, at = span->plane_begin + p;
        R(tile_mean)(c, R(tile_in)(c->image + at, count, pad), &t);
        R(tile_shot)(c, &span->shot, p, NULL, &t);
        if (c->kept) memcpy(c->kept + at, t.shot, count * sizeof(real));
        R(tile_electrons)(c, &span->read, p, &t);
        const bool adc = c->attr->stop_after == SG_CAMERA_ADC;
        if (adc) R(tile_adc)(c, t.e, count == TILE ? c->out + at : adu);
        if (!adc || count < TILE) memcpy(c->out + at, adc ? adu : t.e, count * sizeof(real));
    }
}

SG_SIMD static double R(backward_slice)(const R(camera) * c, const R(span) * span)
{
    R(tile) t;
    real pad[TILE], pad_kept[TILE], pad_dout[TILE], slope[TILE];
    double drange = 0;
    for (size_t p = span->begin; p < span->end; p += TILE) {
        const size_t count = span->end - p < TILE ? span->end - p : TILE, at = span->plane_begin + p;
        const real *dout = R(tile_in)(c->dout + at, count, pad_dout);
        R(tile_mean)(c, R(tile_in)(c->image + at, count, pad), &t);
        R(tile_shot)(c, &span->shot, p, c->kept ? R(tile_in)(c->kept + at, count, pad_kept) : NULL, &t);
        R(tile_electrons)(c, &span->read, p, &t);
        R(tile_slope)(c, &t, slope);
        if (c->attr->stop_after == SG_CAMERA_ADC) drange += R(tile_adc_backward)(c, &t, dout, slope);
        if (!c->dimage) continue;
        real *restrict dimage = c->dimage + at;
        if (c->run->fresh[0]) {
            for (size_t i = 0; i < count; i++) dimage[i] = dout[i] * slope[i];
        } else {
            for (size_t i = 0; i < count; i++) dimage[i] += dout[i] * slope[i];
        }
    }
    return drange;
}

static void R(forward_task)(void *context, int slice, int thread)
{
    (void)thread;
    const R(camera) *c = context;
    const R(span) span = R(span_of)(c, slice);
    R(forward_slice)(c, &span);
}

static void R(backward_task)(void *context, int slice, int thread)
{
    (void)thread;
    const R(camera) *c = context;
    const R(span) span = R(span_of)(c, slice);
    const double drange = R(backward_slice)(c, &span);
    if (c->drange) c->drange[slice] = drange;
}

/* ---- the op ---- */

static R(stages) R(stages_make)(const sg_camera_attr *a, double range_e)
{
    const double max_adu = a->bit_depth > 0 ? (double)((1 << a->bit_depth) - 1) : 1;
    const double gain = range_e / max_adu;
    const bool well = a->stop_after >= SG_CAMERA_WELL && a->full_well_e > 0;
    return (R(stages)){
        .electrons = (real)a->electrons,
        .dark_e = (real)a->dark_e,
        .full_well_e = well ? (real)a->full_well_e : (real)INFINITY,
        .read_noise_e = a->stop_after >= SG_CAMERA_READ ? (real)a->read_noise_e : 0,
        .gain = (real)gain,
        .inverse_gain = (real)(1 / gain),
        .offset_adu = (real)a->offset_adu,
        .max_adu = (real)max_adu,
    };
}

static R(camera) R(camera_make)(const sg_run *run)
{
    const sg_camera_attr *a = run->node->attr;
    const sg_shape s = run->node->shape;
    const size_t plane = (size_t)s.h * (size_t)s.w;
    const bool counts = a->shot == SG_SHOT_POISSON && a->stop_after >= SG_CAMERA_SHOT;
    return (R(camera)){
        .run = run,
        .attr = a,
        .stages = R(stages_make)(a, run->in[1] ? (double)*(const real *)run->in[1] : 1),
        .image = run->in[0],
        .kept = counts ? run->save : NULL,
        .plane = plane,
        .exposures = s.c,
        .blocks = sg_blocks(plane),
    };
}

void R(camera_forward)(const sg_run *run)
{
    const sg_shape s = run->node->shape;
    R(camera) c = R(camera_make)(run);
    c.out = run->out;
#ifdef SG_DOUBLE
    /* save = counts, image, range_e: camera_surrogate_f64 */
    const size_t len = sg_shape_len(s);
    double *base = run->save;
    if (base) memcpy(base + len, run->in[0], len * sizeof *base);
    if (base) base[2 * len] = run->in[1] ? *(const double *)run->in[1] : 1;
#endif
    sg_parallel(s.n * s.c * c.blocks, R(forward_task), &c);
}

void R(camera_backward)(const sg_run *run)
{
    const sg_shape s = run->node->shape;
    const sg_camera_attr *a = run->node->attr;
    R(camera) c = R(camera_make)(run);
    c.dout = run->dout;
    c.dimage = run->din[0];
    c.drange = run->din[1] && a->stop_after == SG_CAMERA_ADC ? run->scratch : NULL;
    const int slices = s.n * s.c * c.blocks;
    sg_parallel(slices, R(backward_task), &c);
    real *drange_e = run->din[1];
    if (!drange_e) return;
    double sum = 0;
    for (int i = 0; c.drange && i < slices; i++) sum += c.drange[i];
    const real grad = (real)(sum / (double)c.stages.max_adu); /* dgain/drange_e */
    *drange_e = run->fresh[1] ? grad : *drange_e + grad;
}

#ifdef SG_DOUBLE

/* Mean electrons with the clamp's mask frozen at the saved image. */
static double surrogate_mean(const stages_f64 *s, double image, double base_image)
{
    const double base = unclamped_mean_f64(s, base_image);
    return base < 0 ? 0 : base > MEAN_MAX_E ? MEAN_MAX_E : unclamped_mean_f64(s, image);
}

/* Integral of the pathwise slope over mu, draws fixed: Gaussian mu + z sqrt(mu), continued by its tangent below 1e-3.
 */
static double surrogate_gaussian(double mu, double z)
{
    const double root = sqrt(1e-3);
    return mu + z * (mu < 1e-3 ? root + (mu - 1e-3) / (2 * root) : sqrt(mu));
}

/* Poisson: mu/2 + (e/2) ln mu for mu >= 1, mu + e mu/2 - mu^2/4 below, joined at 1. */
static double surrogate_poisson(double mu, double e)
{
    return mu < 1 ? mu + e * mu / 2 - mu * mu / 4 : mu / 2 + e / 2 * log(mu) + .25 + e / 2;
}

/* adu (or electrons) of one pixel: base values come from the tile t at the saved image. */
static double surrogate_pixel(const camera_f64 *c, const stages_f64 *s, const tile_f64 *t, int i, double image,
                              double base_image)
{
    const stages_f64 *base = &c->stages;
    const sg_shot shot = c->attr->stop_after >= SG_CAMERA_SHOT ? c->attr->shot : SG_SHOT_NONE;
    const double mu = surrogate_mean(base, image, base_image), mu0 = t->mu[i];
    double moved = mu - mu0;
    if (shot == SG_SHOT_GAUSSIAN) moved = surrogate_gaussian(mu, t->z_shot[i]) - surrogate_gaussian(mu0, t->z_shot[i]);
    if (shot == SG_SHOT_POISSON) moved = surrogate_poisson(mu, t->shot[i]) - surrogate_poisson(mu0, t->shot[i]);
    const double e = t->e[i] + (t->shot[i] > base->full_well_e ? 0 : moved);
    if (c->attr->stop_after < SG_CAMERA_ADC) return e;
    const double v0 = adc_unclamped_f64(base, t->e[i]);
    if (v0 < 0) return 0;
    if (v0 > base->max_adu) return base->max_adu;
    return e / s->gain + s->offset_adu + (v0 - (t->e[i] / base->gain + base->offset_adu));
}

void camera_surrogate_f64(const sg_run *run)
{
    const sg_shape s = run->node->shape;
    const size_t len = sg_shape_len(s);
    const double *save = run->save, *image = run->in[0];
    camera_f64 c = camera_make_f64(run);
    const stages_f64 now = c.stages;
    c.stages = stages_make_f64(c.attr, save[2 * len]);
    c.image = save + len;
    double *out = run->out;
    for (int slice = 0; slice < s.n * s.c * c.blocks; slice++) {
        const span_f64 span = span_of_f64(&c, slice);
        for (size_t p = span.begin; p < span.end; p += TILE) {
            tile_f64 t;
            double pad[TILE], pad_kept[TILE];
            const size_t count = span.end - p < TILE ? span.end - p : TILE, at = span.plane_begin + p;
            tile_mean_f64(&c, tile_in_f64(c.image + at, count, pad), &t);
            tile_shot_f64(&c, &span.shot, p, c.kept ? tile_in_f64(c.kept + at, count, pad_kept) : NULL, &t);
            tile_electrons_f64(&c, &span.read, p, &t);
            for (size_t i = 0; i < count; i++)
                out[at + i] = surrogate_pixel(&c, &now, &t, (int)i, image[at + i], c.image[at + i]);
        }
    }
}

#endif

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const sg_camera_attr *a = node->attr;
    const sg_shape range = node->in_shape[1];
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "image is complex, intensity is needed");
    if (!(a->electrons >= 0 && a->electrons <= 1e12))
        SG_FAIL(SG_E_RANGE, "qe x photons: %g is outside 0..1e12", a->electrons);
    if (!(a->dark_e >= 0 && a->dark_e <= MEAN_MAX_E)) SG_FAIL(SG_E_RANGE, "dark_e: %g is outside 0..1e7", a->dark_e);
    if (!(a->full_well_e >= 0)) SG_FAIL(SG_E_RANGE, "full_well_e: %g is negative (0: no limit)", a->full_well_e);
    if (!(a->read_noise_e >= 0 && a->read_noise_e <= 1e6))
        SG_FAIL(SG_E_RANGE, "read_noise_e: %g is outside 0..1e6", a->read_noise_e);
    if (!(a->offset_adu >= -65535 && a->offset_adu <= 65535))
        SG_FAIL(SG_E_RANGE, "offset_adu: %g is outside -65535..65535", a->offset_adu);
    if (node->in_shape[0].c > 16) SG_FAIL(SG_E_SHAPE, "%d exposures, at most 16", node->in_shape[0].c);
    if (a->stop_after == SG_CAMERA_ADC) {
        if (a->bit_depth < 1 || a->bit_depth > 16) SG_FAIL(SG_E_RANGE, "bit_depth: %d is outside 1..16", a->bit_depth);
        if (node->inputs[1] < 0 || sg_shape_len(range) != 1)
            SG_FAIL(SG_E_SHAPE, "range_e has shape (%d,%d,%d,%d), (1,1,1,1) is needed", range.n, range.c, range.h,
                    range.w);
    }
    node->shape = node->in_shape[0];
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    const sg_camera_attr *a = node->attr;
    const sg_shape s = node->shape;
    const size_t len = sg_shape_len(s);
    const bool counts = a->shot == SG_SHOT_POISSON && a->stop_after >= SG_CAMERA_SHOT;
    out->save = real_size == sizeof(double) ? (2 * len + 1) * real_size : counts ? len * real_size : 0;
    out->scratch = (size_t)s.n * (size_t)s.c * (size_t)sg_blocks((size_t)s.h * (size_t)s.w) * sizeof(double);
}

static double flop(const sg_node *node)
{
    return 100 * (double)sg_shape_len(node->shape); /* of which about 80 make random numbers */
}

/* Intensities and ranges away from the kinks of the surrogate (mu = 0, 1, 1e7; e = 0 at the clamp does not matter:
 * masks are frozen). Small full wells and ranges make some pixels saturate. */
static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double lo, hi, range_e;
        sg_camera_attr attr;
    } table[] = {
        {{1, 1, 3, 5}, .2, 1, 0, {100, 3, 0, 0, 0, SG_SHOT_NONE, 0, SG_CAMERA_MEAN}},
        {{1, 1, 3, 5}, -1, 1, 0, {50, 0, 30, 2, 0, SG_SHOT_NONE, 0, SG_CAMERA_READ}},
        {{2, 2, 5, 3}, .2, 1, 150, {100, 3, 70, 2, 1, SG_SHOT_GAUSSIAN, 8, SG_CAMERA_ADC}},
        {{1, 1, 7, 5}, .2, 1, 60, {100, 0, 0, 2, 0, SG_SHOT_GAUSSIAN, 1, SG_CAMERA_ADC}},
        {{1, 2, 4, 5}, .2, 1, 900, {800, 1, 0, 1.5, 20, SG_SHOT_GAUSSIAN, 16, SG_CAMERA_ADC}},
        {{1, 1, 5, 4}, .1, 1, 0, {40, 0, 0, 0, 0, SG_SHOT_GAUSSIAN, 0, SG_CAMERA_SHOT}},
        {{1, 1, 3, 7}, .1, 1, 0, {30, 2, 0, 0, 0, SG_SHOT_POISSON, 0, SG_CAMERA_SHOT}},
        {{2, 1, 5, 3}, .1, 1, 0, {.8, .05, 0, 1, 0, SG_SHOT_POISSON, 0, SG_CAMERA_READ}},
        {{1, 2, 17, 16}, .2, 1, 60, {90, 1, 60, 2, 3, SG_SHOT_POISSON, 8, SG_CAMERA_ADC}},
        {{3, 1, 3, 4}, .2, 1, 30, {60, 0, 25, 0, 0, SG_SHOT_POISSON, 4, SG_CAMERA_WELL}},
        {{1, 1, 6, 5}, -.5, 1, 70, {90, 5, 0, 1, 2, SG_SHOT_NONE, 12, SG_CAMERA_ADC}},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_value image =
        sg_case_input(g, "image", table[i].shape, table[i].lo, table[i].hi, SG_CASE_GRAD | SG_CASE_GAP);
    const double range = table[i].range_e;
    const bool adc = table[i].attr.stop_after == SG_CAMERA_ADC;
    const sg_value range_e =
        adc ? sg_case_input(g, "range_e", SG_SHAPE(1, 1, 1, 1), .9 * range, 1.1 * range, SG_CASE_GRAD) : SG_NONE;
    return sg_camera(g, image, range_e, &table[i].attr);
}

const sg_op sg_op_camera = {
    .name = "camera",
    .formula =
        "adu = clamp(round(min(shot(electrons I + dark_e), full_well_e) + N(0, read_noise_e^2)) / gain + offset))",
    .infer = infer,
    .workspace = workspace,
    SG_REFERENCE(camera),
    .surrogate_forward = camera_surrogate_f64,
    .surrogate =
        "pathwise shot noise (Poisson: mu/2 + e/2 ln mu above 1; Gaussian: mu + z sqrt(mu)), straight-through ADC",
    .flop = flop,
    .keeps_inputs = 3,
    .sets_fresh = true,
    .cases = cases,
};

sg_camera_attr sg_camera_attr_make(const sg_camera_config *config, double photons, bool adc)
{
    return (sg_camera_attr){
        .electrons = config->qe * photons,
        .dark_e = config->dark_e_per_s * config->exposure_s + config->background_e,
        .full_well_e = config->full_well_e,
        .read_noise_e = config->read_noise_e,
        .offset_adu = config->offset_adu,
        .shot = config->shot,
        .bit_depth = config->bit_depth,
        .stop_after = adc && config->bit_depth != 0 ? SG_CAMERA_ADC : SG_CAMERA_READ,
    };
}

sg_value sg_camera(sg_graph *g, sg_value image, sg_value range_e, const sg_camera_attr *attr)
{
    return SG_NODE(g, &sg_op_camera, attr, image, attr->stop_after == SG_CAMERA_ADC ? range_e : SG_NONE);
}

#endif
