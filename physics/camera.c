/* camera.c - see camera.h for formulas and sources. Stages are inline functions on one number; a tile of 256 pixels
 * goes through them in first-level cache. Where a backward follows, forward keeps what it needs: d e/d mu with every
 * mask (and, if the ADC's numbers or the maps behind the shot noise learn, e): memory is cheaper than drawing again.
 * The double build also keeps its inputs, where sg_plan_forward_surrogate holds fixed every draw, mask and rounding. */
#include "physics/camera.h"

#include "core/normal_lanes.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/gamma.h"
#include "physics/ops.h"
#include "physics/poisson.h"

SG_KERNELS(camera)
SG_HIDDEN void camera_surrogate_f64(const sg_run *run);

#define MEAN_MAX_E 1e7
enum { TILE = SG_NORMAL_TILE, COUNTS = SG_POISSON_TILE };
enum { IMAGE, RANGE, OFFSET, PRNU, DARK, READ, DSNU, INPUTS }; /* inputs of the op; maps from PRNU on */
#define MAPS (INPUTS - PRNU)

/* ---- the stages, one pixel ---- */

typedef struct R(stages) {
    real electrons, dark_e, full_well_e, gain, inverse_gain, offset_adu, max_adu;
} R(stages);

SG_INLINE real R(clamp)(real x, real lo, real hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}
SG_INLINE real R(unclamped_mean)(const R(stages) * s, real image, real prnu, real dark)
{
    return s->electrons * image * (1 + prnu) + (s->dark_e + dark);
}
SG_INLINE real R(shot_gaussian)(real mu, real z)
{
    return mu + z * sqrt(mu);
}
SG_INLINE real R(well)(const R(stages) * s, real e)
{
    return e > s->full_well_e ? s->full_well_e : e;
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

/* ---- what a run knows ---- */

typedef struct R(camera) {
    const sg_run *run;
    const sg_camera_attr *attr;
    R(stages) stages;
    const real *image, *dout; /* (n, E, h, w) */
    const real *map[MAPS];    /* (h, w) each; NULL: none */
    real fill[MAPS];          /* what stands everywhere where there is no map */
    real *slope, *kept_e;     /* save: d e/d mu of every pixel; e before the ADC. NULL: not kept */
    real *out, *dimage, *dmap[MAPS];
    double *sums; /* two a slice: de, de e */
    size_t plane;
    int exposures, planes, blocks;
    bool noisy, adc;
} R(camera);

static double R(em_gain)(const R(camera) * c)
{
    return c->attr->stop_after >= SG_CAMERA_EM ? c->attr->em_gain : 0;
}

/* ---- one tile ---- */

typedef struct R(tile) {
    real unclamped[TILE], mu[TILE], z_shot[TILE], shot[TILE], e[TILE];
    const real *map[MAPS]; /* of these pixels */
    real pad[MAPS][TILE];
    double count[COUNTS]; /* Poisson: of these pixels and those that follow */
} R(tile);

/* A whole tile's worth of numbers: in place where there are enough, else copied to `pad`. */
SG_INLINE const real *R(tile_in)(const real *x, size_t count, real *pad)
{
    if (count >= TILE) return x;
    memset(pad, 0, TILE * sizeof *pad);
    memcpy(pad, x, count * sizeof *pad);
    return pad;
}

/* Tiles without a map read one constant; call once a slice. */
SG_INLINE void R(tile_fill)(const R(camera) * c, R(tile) * t)
{
    for (int m = 0; m < MAPS; m++)
        for (int i = 0; i < TILE; i++) t->pad[m][i] = c->fill[m];
}

SG_INLINE void R(tile_maps)(const R(camera) * c, size_t pixel, size_t count, R(tile) * t)
{
    for (int m = 0; m < MAPS; m++) t->map[m] = c->map[m] ? R(tile_in)(c->map[m] + pixel, count, t->pad[m]) : t->pad[m];
}

SG_INLINE void R(tile_mean)(const R(camera) * c, const real *restrict image, R(tile) * t)
{
    const R(stages) s = c->stages;
    const real *restrict prnu = t->map[PRNU - PRNU], *restrict dark = t->map[DARK - PRNU];
    for (int i = 0; i < TILE; i++) {
        t->unclamped[i] = R(unclamped_mean)(&s, image[i], prnu[i], dark[i]);
        t->mu[i] = R(clamp)(t->unclamped[i], 0, (real)MEAN_MAX_E);
    }
}

SG_INLINE void R(tile_normal)(const sg_rng *rng, size_t pixel, real *z)
{
    uint32_t words[4][SG_LANES];
    sg_philox_lanes(rng, (uint32_t)(pixel / 4), 0, words);
    R(sg_normal_lanes)(words, z);
}

static sg_shot R(shot_of)(const R(camera) * c)
{
    return c->attr->stop_after >= SG_CAMERA_SHOT ? c->attr->shot : SG_SHOT_NONE;
}

/* The counts of the tiles from here on: sg_poisson_tile takes several at once. */
SG_INLINE void R(tile_counts)(const R(camera) * c, const sg_rng *rng, size_t at, size_t pixel, R(tile) * t)
{
    real pad[TILE];
    for (size_t done = 0; done < COUNTS; done += TILE) {
        const size_t left = pixel + done < c->plane ? c->plane - pixel - done : 0, count = left < TILE ? left : TILE;
        if (left) R(tile_maps)(c, pixel + done, count, t);
        if (left) R(tile_mean)(c, R(tile_in)(c->image + at + done, count, pad), t);
        for (int i = 0; i < TILE; i++) t->count[done + (size_t)i] = left ? (double)t->mu[i] : 0;
    }
    sg_poisson_tile(rng, (uint32_t)pixel, t->count, t->count);
}

SG_INLINE void R(tile_shot)(const R(camera) * c, const sg_rng *rng, size_t pixel, R(tile) * t)
{
    const sg_shot shot = R(shot_of)(c);
    if (shot == SG_SHOT_POISSON) {
        const double *restrict count = t->count + pixel % COUNTS;
        for (int i = 0; i < TILE; i++) t->shot[i] = (real)count[i];
    } else if (shot == SG_SHOT_GAUSSIAN) {
        R(tile_normal)(rng, pixel, t->z_shot);
        for (int i = 0; i < TILE; i++) t->shot[i] = R(shot_gaussian)(t->mu[i], t->z_shot[i]);
    } else {
        memcpy(t->shot, t->mu, sizeof t->shot);
    }
}

SG_INLINE void R(tile_multiply)(const sg_rng *rng, size_t pixel, double em_gain, real *restrict e)
{
    double wide[TILE];
    for (int i = 0; i < TILE; i++) wide[i] = (double)e[i];
    sg_gamma_tile(rng, (uint32_t)pixel, wide, em_gain, wide);
    for (int i = 0; i < TILE; i++) e[i] = (real)wide[i];
}

/* Streams of a plane. */
typedef struct R(streams) {
    sg_rng shot, read, em;
} R(streams);

/* Full well, EM gain, read noise, offset map; a stage that does not run has an infinite well, no gain, or no noise. */
SG_INLINE void R(tile_electrons)(const R(camera) * c, const R(streams) * rng, size_t pixel, R(tile) * t)
{
    const R(stages) s = c->stages;
    const real *restrict rms = t->map[READ - PRNU], *restrict dsnu = t->map[DSNU - PRNU];
    for (int i = 0; i < TILE; i++) t->e[i] = R(well)(&s, t->shot[i]);
    if (R(em_gain)(c) > 0) R(tile_multiply)(&rng->em, pixel, R(em_gain)(c), t->e);
    if (c->attr->stop_after < SG_CAMERA_READ) return;
    if (c->noisy) {
        real z[TILE];
        R(tile_normal)(&rng->read, pixel, z);
        for (int i = 0; i < TILE; i++) t->e[i] = t->e[i] + rms[i] * z[i] + dsnu[i];
    } else {
        for (int i = 0; i < TILE; i++) t->e[i] = t->e[i] + dsnu[i];
    }
}

SG_INLINE void R(tile_adc)(const R(camera) * c, const real *restrict e, real *restrict adu)
{
    const R(stages) s = c->stages;
    for (int i = 0; i < TILE; i++) adu[i] = R(clamp)(R(adc_unclamped)(&s, e[i]), 0, s.max_adu);
}

SG_INLINE real R(inside)(const R(stages) * s, real e)
{
    const real v = R(adc_unclamped)(s, e);
    return v < 0 ? 0 : v > s->max_adu ? 0 : (real)1;
}

/* slope = de/dmu with the masks of mean and well, EM gain included; with that of the ADC too where e is not kept. */
SG_INLINE void R(tile_slope)(const R(camera) * c, const R(tile) * t, real *restrict slope)
{
    const R(stages) s = c->stages;
    const sg_shot shot = R(shot_of)(c);
    const real em = R(em_gain)(c) > 0 ? (real)R(em_gain)(c) : 1;
    if (shot == SG_SHOT_GAUSSIAN) {
        for (int i = 0; i < TILE; i++) slope[i] = em * R(slope_gaussian)(t->mu[i], t->z_shot[i]);
    } else if (shot == SG_SHOT_POISSON) {
        for (int i = 0; i < TILE; i++) slope[i] = em * R(slope_poisson)(t->mu[i], t->shot[i]);
    } else {
        for (int i = 0; i < TILE; i++) slope[i] = em;
    }
    for (int i = 0; i < TILE; i++) {
        const real below = t->shot[i] > s.full_well_e ? 0 : slope[i];
        const real low = t->unclamped[i] < 0 ? 0 : below;
        slope[i] = t->unclamped[i] > (real)MEAN_MAX_E ? 0 : low;
    }
    if (c->adc && !c->kept_e)
        for (int i = 0; i < TILE; i++) slope[i] *= R(inside)(&s, t->e[i]);
}

/* ---- forward: a block of one plane ---- */

static R(streams) R(streams_of)(const R(camera) * c, int plane)
{
    const sg_step *step = c->run->step;
    const int image = plane / c->exposures, exposure = plane % c->exposures;
    const uint32_t sample = step->sample_id ? step->sample_id[image] : (uint32_t)image;
    /* a stream has room for 16 exposures; the epoch's highest bits, which no training reaches, hold the rest */
    const uint32_t epoch = step->epoch ^ (uint32_t)(exposure / 16) << 28, e = (uint32_t)exposure;
    return (R(streams)){
        .shot = sg_rng_make(step->seed, SG_RNG_SHOT, sample, epoch, e),
        .read = sg_rng_make(step->seed, SG_RNG_READ, sample, epoch, e),
        .em = sg_rng_make(step->seed, SG_RNG_EM_GAIN, sample, epoch, e),
    };
}

/* Pixels `pixel` .. of plane `plane` through all stages. */
SG_INLINE void R(tile_run)(const R(camera) * c, const R(streams) * rng, size_t at, size_t pixel, size_t count,
                           R(tile) * t)
{
    real pad[TILE];
    if (R(shot_of)(c) == SG_SHOT_POISSON && pixel % COUNTS == 0) R(tile_counts)(c, &rng->shot, at, pixel, t);
    R(tile_maps)(c, pixel, count, t);
    R(tile_mean)(c, R(tile_in)(c->image + at, count, pad), t);
    R(tile_shot)(c, &rng->shot, pixel, t);
    R(tile_electrons)(c, rng, pixel, t);
}

SG_SIMD static void R(forward_slice)(const R(camera) * c, const R(streams) * rng, size_t start, int block)
{
    R(tile) t;
    real some[TILE];
    R(tile_fill)(c, &t);
    const size_t end = sg_block_end(block, c->plane);
    for (size_t p = sg_block_begin(block); p < end; p += TILE) {
        const size_t count = end - p < TILE ? end - p : TILE, at = start + p;
        R(tile_run)(c, rng, at, p, count, &t);
        real *out = count == TILE ? c->out + at : some;
        if (c->adc)
            R(tile_adc)(c, t.e, out);
        else
            memcpy(out, t.e, sizeof some);
        if (count < TILE) memcpy(c->out + at, some, count * sizeof *some);
        if (c->kept_e) memcpy(c->kept_e + at, t.e, count * sizeof *some);
        if (!c->slope) continue;
        R(tile_slope)(c, &t, count == TILE ? c->slope + at : some);
        if (count < TILE) memcpy(c->slope + at, some, count * sizeof *some);
    }
}

static void R(forward_task)(void *context, int slice, int thread)
{
    (void)thread;
    const R(camera) *c = context;
    const int plane = slice / c->blocks;
    const R(streams) rng = R(streams_of)(c, plane);
    R(forward_slice)(c, &rng, (size_t)plane * c->plane, slice % c->blocks);
}

/* ---- backward: the light, block by block of one plane; maps, block by block through all planes ---- */

/* de = dL/de before the ADC, dmu = dL/dmu of the pixels at .. at + count - 1. Without kept e, the slope holds the ADC's
 * mask, and nobody asks for de. */
SG_INLINE void R(chain)(const R(camera) * c, size_t at, size_t count, real *restrict de, real *restrict dmu)
{
    const R(stages) s = c->stages;
    const real *restrict dout = c->dout + at, *restrict slope = c->slope + at;
    const real k = c->adc ? s.inverse_gain : 1;
    if (c->adc && c->kept_e) {
        const real *restrict e = c->kept_e + at;
        for (size_t i = 0; i < count; i++) de[i] = dout[i] * (k * R(inside)(&s, e[i]));
    } else {
        for (size_t i = 0; i < count; i++) de[i] = dout[i] * k;
    }
    for (size_t i = 0; i < count; i++) dmu[i] = de[i] * slope[i];
}

SG_INLINE void R(add_sums)(const R(camera) * c, size_t at, size_t count, const real *restrict de, double sums[2])
{
    const real *restrict e = c->kept_e + at;
    for (size_t i = 0; i < count; i++) {
        sums[0] += (double)de[i];
        sums[1] += (double)(de[i] * e[i]);
    }
}

SG_SIMD static void R(backward_slice)(const R(camera) * c, size_t start, int block, double sums[2])
{
    const real electrons = c->stages.electrons;
    const size_t end = sg_block_end(block, c->plane);
    const bool fresh = c->run->fresh[IMAGE];
    real de[TILE], dmu[TILE];
    for (size_t p = sg_block_begin(block); p < end; p += TILE) {
        const size_t count = end - p < TILE ? end - p : TILE, at = start + p;
        R(chain)(c, at, count, de, dmu);
        if (c->sums) R(add_sums)(c, at, count, de, sums);
        if (!c->dimage) continue;
        real *restrict dimage = c->dimage + at;
        const real *restrict prnu = c->map[PRNU - PRNU] ? c->map[PRNU - PRNU] + p : NULL;
        for (size_t i = 0; prnu && i < count; i++) dmu[i] *= 1 + prnu[i];
        if (fresh) {
            for (size_t i = 0; i < count; i++) dimage[i] = dmu[i] * electrons;
        } else {
            for (size_t i = 0; i < count; i++) dimage[i] += dmu[i] * electrons;
        }
    }
}

static void R(backward_task)(void *context, int slice, int thread)
{
    (void)thread;
    const R(camera) *c = context;
    double sums[2] = {0};
    R(backward_slice)(c, (size_t)(slice / c->blocks) * c->plane, slice % c->blocks, sums);
    if (c->sums) c->sums[2 * slice] = sums[0], c->sums[2 * slice + 1] = sums[1];
}

/* d mu/d prnu = electrons I, d mu/d dark = 1, d e/d read_noise_e = z, d e/d dsnu = 1, summed over the planes. */
SG_INLINE void R(map_tile)(const R(camera) * c, size_t pixel, size_t count, real sum[MAPS][TILE])
{
    real de[TILE], dmu[TILE], z[TILE] = {0};
    for (int plane = 0; plane < c->planes; plane++) {
        const size_t at = (size_t)plane * c->plane + pixel;
        const real *restrict image = c->image + at;
        R(chain)(c, at, count, de, dmu);
        if (c->dmap[READ - PRNU] && c->noisy) {
            const R(streams) rng = R(streams_of)(c, plane);
            R(tile_normal)(&rng.read, pixel, z);
        }
        for (size_t i = 0; i < count; i++) {
            sum[PRNU - PRNU][i] += dmu[i] * (c->stages.electrons * image[i]);
            sum[DARK - PRNU][i] += dmu[i];
            sum[READ - PRNU][i] += de[i] * z[i];
            sum[DSNU - PRNU][i] += de[i];
        }
    }
}

static void R(map_task)(void *context, int block, int thread)
{
    (void)thread;
    const R(camera) *c = context;
    const size_t end = sg_block_end(block, c->plane);
    for (size_t p = sg_block_begin(block); p < end; p += TILE) {
        const size_t count = end - p < TILE ? end - p : TILE;
        real sum[MAPS][TILE] = {{0}};
        R(map_tile)(c, p, count, sum);
        for (int m = 0; m < MAPS; m++) {
            real *d = c->dmap[m];
            for (size_t i = 0; d && i < count; i++) d[p + i] = (c->run->fresh[PRNU + m] ? 0 : d[p + i]) + sum[m][i];
        }
    }
}

/* ---- the op ---- */

static double R(number)(const real *x, double otherwise)
{
    return x ? (double)*x : otherwise;
}

static R(stages) R(stages_make)(const sg_camera_attr *a, double range_e, double offset_adu)
{
    const double max_adu = a->bit_depth > 0 ? (double)((1 << a->bit_depth) - 1) : 1;
    const double gain = range_e / max_adu;
    const bool well = a->stop_after >= SG_CAMERA_WELL && a->full_well_e > 0;
    return (R(stages)){
        .electrons = (real)a->electrons,
        .dark_e = (real)a->dark_e,
        .full_well_e = well ? (real)a->full_well_e : (real)INFINITY,
        .gain = (real)gain,
        .inverse_gain = (real)(1 / gain),
        .offset_adu = (real)offset_adu,
        .max_adu = (real)max_adu,
    };
}

static bool R(learns)(const sg_node *node)
{
    bool any = false;
    for (int i = 0; i < node->input_count; i++) any |= node->wants[i];
    return any;
}

/* Is e kept for backward? Only the ADC's own numbers and what comes behind the shot noise need it. */
static bool R(keeps_e)(const sg_node *node)
{
    const sg_camera_attr *a = node->attr;
    const bool *wants = node->wants;
    return a->stop_after == SG_CAMERA_ADC && (wants[RANGE] || wants[OFFSET] || wants[READ] || wants[DSNU]);
}

static R(camera) R(camera_make)(const sg_run *run)
{
    const sg_node *node = run->node;
    const sg_camera_attr *a = node->attr;
    const sg_shape s = node->shape;
    const size_t plane = (size_t)s.h * (size_t)s.w;
    R(camera)
    c = {
        .run = run,
        .attr = a,
        .stages = R(stages_make)(a, R(number)(run->in[RANGE], 1), R(number)(run->in[OFFSET], a->offset_adu)),
        .image = run->in[IMAGE],
        .plane = plane,
        .exposures = s.c,
        .planes = s.n * s.c,
        .blocks = sg_blocks(plane),
        .noisy = a->stop_after >= SG_CAMERA_READ && (a->read_noise_e > 0 || run->in[READ]),
        .adc = a->stop_after == SG_CAMERA_ADC,
    };
    for (int m = 0; m < MAPS; m++) c.map[m] = run->in[PRNU + m];
    c.fill[READ - PRNU] = (real)a->read_noise_e;
    if (R(learns)(node)) c.slope = run->save;
    if (c.slope && R(keeps_e)(node)) c.kept_e = c.slope + sg_shape_len(s);
    return c;
}

#ifdef SG_DOUBLE
static void surrogate_keep(const camera_f64 *c);
#endif

void R(camera_forward)(const sg_run *run)
{
    R(camera) c = R(camera_make)(run);
    c.out = run->out;
#ifdef SG_DOUBLE
    surrogate_keep(&c);
#endif
    sg_parallel(c.planes * c.blocks, R(forward_task), &c);
}

static void R(put)(const sg_run *run, int input, double grad)
{
    real *d = run->din[input];
    if (d) *d = (run->fresh[input] ? 0 : *d) + (real)grad;
}

void R(camera_backward)(const sg_run *run)
{
    R(camera) c = R(camera_make)(run);
    const int slices = c.planes * c.blocks;
    const double gain = (double)c.stages.gain, inverse = (double)c.stages.inverse_gain;
    bool maps = false;
    c.dout = run->dout;
    c.dimage = run->din[IMAGE];
    c.sums = c.adc && (run->din[RANGE] || run->din[OFFSET]) ? run->scratch : NULL;
    for (int m = 0; m < MAPS; m++) c.dmap[m] = run->din[PRNU + m], maps |= c.dmap[m] != NULL;
    if (c.dimage || c.sums) sg_parallel(slices, R(backward_task), &c);
    if (maps) sg_parallel(c.blocks, R(map_task), &c);
    double de = 0, de_e = 0;
    for (int i = 0; c.sums && i < slices; i++) de += c.sums[2 * i], de_e += c.sums[2 * i + 1];
    R(put)(run, RANGE, -de_e * inverse / (double)c.stages.max_adu); /* dv/dgain = -e/gain^2, dgain/drange_e */
    R(put)(run, OFFSET, de * gain);
}

#ifdef SG_DOUBLE

/* Mean electrons with the clamp's mask frozen at the saved image. */
static double surrogate_mean(double now, double base)
{
    return base < 0 ? 0 : base > MEAN_MAX_E ? MEAN_MAX_E : now;
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

/* The camera as it was in the last forward, and what its inputs are now. */
typedef struct surrogate {
    camera_f64 base, now;
    double *z; /* read noise of the tile */
} surrogate;

static double surrogate_input(const camera_f64 *c, int map, size_t pixel)
{
    return c->map[map - PRNU] ? c->map[map - PRNU][pixel] : c->fill[map - PRNU];
}

static double surrogate_unclamped(const camera_f64 *c, size_t at, size_t pixel)
{
    return unclamped_mean_f64(&c->stages, c->image[at], surrogate_input(c, PRNU, pixel),
                              surrogate_input(c, DARK, pixel));
}

/* e of one pixel before the ADC: base values come from the tile t at the saved inputs. */
static double surrogate_electrons(const surrogate *r, const tile_f64 *t, int i, size_t at, size_t pixel)
{
    const camera_f64 *c = &r->base;
    const sg_shot shot = shot_of_f64(c);
    const double mu0 = t->mu[i], em = em_gain_f64(c) > 0 ? em_gain_f64(c) : 1;
    const double mu = surrogate_mean(surrogate_unclamped(&r->now, at, pixel), t->unclamped[i]);
    double moved = mu - mu0, behind = 0;
    if (shot == SG_SHOT_GAUSSIAN) moved = surrogate_gaussian(mu, t->z_shot[i]) - surrogate_gaussian(mu0, t->z_shot[i]);
    if (shot == SG_SHOT_POISSON) moved = surrogate_poisson(mu, t->shot[i]) - surrogate_poisson(mu0, t->shot[i]);
    if (t->shot[i] > c->stages.full_well_e) moved = 0;
    for (int m = READ; m <= DSNU && c->attr->stop_after >= SG_CAMERA_READ; m++)
        behind += (m == READ ? r->z[i] : 1) * (surrogate_input(&r->now, m, pixel) - surrogate_input(c, m, pixel));
    return t->e[i] + em * moved + behind;
}

/* adu, or electrons if the ADC does not run. */
static double surrogate_pixel(const surrogate *r, const tile_f64 *t, int i, size_t at, size_t pixel)
{
    const stages_f64 *base = &r->base.stages, *now = &r->now.stages;
    const double e = surrogate_electrons(r, t, i, at, pixel);
    if (!r->base.adc) return e;
    const double v0 = adc_unclamped_f64(base, t->e[i]);
    if (v0 < 0) return 0;
    if (v0 > base->max_adu) return base->max_adu;
    return e / now->gain + now->offset_adu + (v0 - (t->e[i] / base->gain + base->offset_adu));
}

/* Behind slope and e in `save`: image, the maps one after the other, range_e, offset_adu. */
static double *surrogate_saved(const camera_f64 *c)
{
    return (double *)c->run->save + 2 * (size_t)c->planes * c->plane;
}

static void surrogate_keep(const camera_f64 *c)
{
    const size_t len = (size_t)c->planes * c->plane;
    double *to = surrogate_saved(c);
    if (!c->run->save) return;
    memcpy(to, c->image, len * sizeof *to);
    to += len;
    for (int m = 0; m < MAPS; m++, to += c->plane)
        if (c->map[m]) memcpy(to, c->map[m], c->plane * sizeof *to);
    to[0] = number_f64(c->run->in[RANGE], 1);
    to[1] = number_f64(c->run->in[OFFSET], c->attr->offset_adu);
}

static camera_f64 surrogate_base(const camera_f64 *now)
{
    camera_f64 c = *now;
    const double *from = surrogate_saved(now);
    c.image = from;
    from += (size_t)c.planes * c.plane;
    for (int m = 0; m < MAPS; m++, from += c.plane)
        if (c.map[m]) c.map[m] = from;
    c.stages = stages_make_f64(c.attr, from[0], from[1]);
    return c;
}

void camera_surrogate_f64(const sg_run *run)
{
    double z[TILE] = {0}, *out = run->out;
    surrogate r = {.now = camera_make_f64(run), .z = z};
    r.base = surrogate_base(&r.now);
    const camera_f64 *c = &r.base;
    tile_f64 t;
    tile_fill_f64(c, &t);
    for (int plane = 0; plane < c->planes; plane++) {
        const streams_f64 rng = streams_of_f64(c, plane);
        for (size_t p = 0; p < c->plane; p += TILE) {
            const size_t count = c->plane - p < TILE ? c->plane - p : TILE, at = (size_t)plane * c->plane + p;
            tile_run_f64(c, &rng, at, p, count, &t);
            if (c->noisy) tile_normal_f64(&rng.read, p, z);
            for (size_t i = 0; i < count; i++) out[at + i] = surrogate_pixel(&r, &t, (int)i, at + i, p + i);
        }
    }
}

#endif

#ifdef SG_ONCE

static sg_status check_map(const sg_node *node, int input)
{
    static const char *const names[] = {"prnu", "dark", "read noise", "dsnu"};
    const sg_shape image = node->in_shape[IMAGE], map = node->in_shape[input];
    if (node->inputs[input] < 0 || (map.n == 1 && map.c == 1 && map.h == image.h && map.w == image.w)) return SG_OK;
    SG_FAIL(SG_E_SHAPE, "%s map has shape (%d,%d,%d,%d), the pixels need (1,1,%d,%d)", names[input - PRNU], map.n,
            map.c, map.h, map.w, image.h, image.w);
}

static sg_status check_numbers(const sg_camera_attr *a)
{
    if (!(a->electrons >= 0 && a->electrons <= 1e12))
        SG_FAIL(SG_E_RANGE, "qe x photons: %g is outside 0..1e12", a->electrons);
    if (!(a->dark_e >= 0 && a->dark_e <= MEAN_MAX_E)) SG_FAIL(SG_E_RANGE, "dark_e: %g is outside 0..1e7", a->dark_e);
    if (!(a->full_well_e >= 0)) SG_FAIL(SG_E_RANGE, "full_well_e: %g is negative (0: no limit)", a->full_well_e);
    if (!(a->em_gain == 0 || (a->em_gain >= 1 && a->em_gain <= 1e4)))
        SG_FAIL(SG_E_RANGE, "em_gain: %g is neither 0 (none) nor in 1..1e4", a->em_gain);
    if (!(a->read_noise_e >= 0 && a->read_noise_e <= 1e6))
        SG_FAIL(SG_E_RANGE, "read_noise_e: %g is outside 0..1e6", a->read_noise_e);
    if (!(a->offset_adu >= -65535 && a->offset_adu <= 65535))
        SG_FAIL(SG_E_RANGE, "offset_adu: %g is outside -65535..65535", a->offset_adu);
    if (a->stop_after == SG_CAMERA_ADC && (a->bit_depth < 1 || a->bit_depth > 16))
        SG_FAIL(SG_E_RANGE, "bit_depth: %d is outside 1..16", a->bit_depth);
    return SG_OK;
}

static sg_status infer(sg_node *node)
{
    const sg_camera_attr *a = node->attr;
    const sg_shape range = node->in_shape[RANGE];
    if (node->in_complex[IMAGE]) SG_FAIL(SG_E_SHAPE, "image is complex, intensity is needed");
    SG_TRY(check_numbers(a));
    if (node->in_shape[IMAGE].c > SG_FRAME_MAX)
        SG_FAIL(SG_E_SHAPE, "%d exposures, at most %d", node->in_shape[IMAGE].c, SG_FRAME_MAX);
    if (a->stop_after == SG_CAMERA_ADC && (node->inputs[RANGE] < 0 || sg_shape_len(range) != 1))
        SG_FAIL(SG_E_SHAPE, "range_e has shape (%d,%d,%d,%d), (1,1,1,1) is needed", range.n, range.c, range.h, range.w);
    if (node->inputs[OFFSET] >= 0 && sg_shape_len(node->in_shape[OFFSET]) != 1)
        SG_FAIL(SG_E_SHAPE, "offset_adu is no single number");
    for (int m = PRNU; m < INPUTS; m++) SG_TRY(check_map(node, m));
    node->shape = node->in_shape[IMAGE];
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    (void)threads;
    const sg_shape s = node->shape;
    const size_t plane = (size_t)s.h * (size_t)s.w, planes = (size_t)s.n * (size_t)s.c, len = planes * plane;
    out->save = learns_f32(node) ? (keeps_e_f32(node) ? 2 : 1) * len * real_size : 0;
    if (real_size == sizeof(double)) out->save = (3 * len + MAPS * plane + 2) * real_size;
    out->scratch = 2 * planes * (size_t)sg_blocks(plane) * sizeof(double);
}

static double flop(const sg_node *node)
{
    return 100 * (double)sg_shape_len(node->shape); /* of which about 80 make random numbers */
}

/* Inputs of a case beside the image, by the bits of `with`: a map varies from pixel to pixel. */
static sg_value case_input(sg_graph *g, unsigned with, int input, sg_shape image)
{
    static const struct {
        const char *name;
        double lo, hi;
    } table[INPUTS] = {
        [OFFSET] = {"offset_adu", 1, 3}, [PRNU] = {"prnu", -.2, .2}, [DARK] = {"dark", 1, 4},
        [READ] = {"read_noise", .5, 2},  [DSNU] = {"dsnu", -3, 3},
    };
    const sg_shape shape = input == OFFSET ? SG_SHAPE(1, 1, 1, 1) : SG_SHAPE(1, 1, image.h, image.w);
    if (!(with >> input & 1)) return SG_NONE;
    return sg_case_input(g, table[input].name, shape, table[input].lo, table[input].hi, SG_CASE_GRAD);
}

#define ALL_MAPS (1u << PRNU | 1u << DARK | 1u << READ | 1u << DSNU)

/* Intensities and ranges away from the kinks of the surrogate (mu = 0, 1, 1e7; e = 0 at the clamp does not matter:
 * masks are frozen). Small full wells and ranges make some pixels saturate. */
static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        double lo, hi, range_e;
        sg_camera_attr attr;
        unsigned with;
    } table[] = {
        {{1, 1, 3, 5}, .2, 1, 0, {100, 3, 0, 0, 0, SG_SHOT_NONE, 0, SG_CAMERA_MEAN, 0}, 0},
        {{1, 1, 3, 5}, -1, 1, 0, {50, 0, 30, 2, 0, SG_SHOT_NONE, 0, SG_CAMERA_READ, 0}, 0},
        {{2, 2, 5, 3}, .2, 1, 150, {100, 3, 70, 2, 1, SG_SHOT_GAUSSIAN, 8, SG_CAMERA_ADC, 0}, 0},
        {{1, 1, 7, 5}, .2, 1, 60, {100, 0, 0, 2, 0, SG_SHOT_GAUSSIAN, 1, SG_CAMERA_ADC, 0}, 0},
        {{1, 2, 4, 5}, .2, 1, 900, {800, 1, 0, 1.5, 20, SG_SHOT_GAUSSIAN, 16, SG_CAMERA_ADC, 0}, 0},
        {{1, 1, 5, 4}, .1, 1, 0, {40, 0, 0, 0, 0, SG_SHOT_GAUSSIAN, 0, SG_CAMERA_SHOT, 0}, 0},
        {{1, 1, 3, 7}, .1, 1, 0, {30, 2, 0, 0, 0, SG_SHOT_POISSON, 0, SG_CAMERA_SHOT, 0}, 0},
        {{2, 1, 5, 3}, .1, 1, 0, {.8, .05, 0, 1, 0, SG_SHOT_POISSON, 0, SG_CAMERA_READ, 0}, 0},
        {{1, 2, 17, 16}, .2, 1, 60, {90, 1, 60, 2, 3, SG_SHOT_POISSON, 8, SG_CAMERA_ADC, 0}, 0},
        {{3, 1, 3, 4}, .2, 1, 30, {60, 0, 25, 0, 0, SG_SHOT_POISSON, 4, SG_CAMERA_WELL, 0}, 0},
        {{1, 1, 6, 5}, -.5, 1, 70, {90, 5, 0, 1, 2, SG_SHOT_NONE, 12, SG_CAMERA_ADC, 0}, 0},
        {{2, 2, 5, 3}, .2, 1, 150, {100, 3, 90, 2, 1, SG_SHOT_GAUSSIAN, 8, SG_CAMERA_ADC, 0}, ALL_MAPS | 1u << OFFSET},
        {{2, 1, 4, 7}, .2, 1, 70, {90, 3, 60, 0, 1, SG_SHOT_POISSON, 6, SG_CAMERA_ADC, 0}, 1u << READ | 1u << OFFSET},
        {{2, 2, 17, 16}, .2, 1, 0, {50, 2, 0, 2, 0, SG_SHOT_NONE, 0, SG_CAMERA_READ, 0}, ALL_MAPS},
        {{2, 1, 3, 5}, .2, 1, 0, {20, 2, 0, 2, 0, SG_SHOT_POISSON, 0, SG_CAMERA_EM, 50}, 1u << DARK},
        {{1, 2, 5, 4},
         .2,
         1,
         4000,
         {20, 2, 25, 30, 8, SG_SHOT_POISSON, 8, SG_CAMERA_ADC, 100},
         1u << PRNU | 1u << OFFSET},
        {{1, 18, 3, 2}, .2, 1, 300, {3, 2, 0, 5, 8, SG_SHOT_GAUSSIAN, 10, SG_CAMERA_ADC, 20}, 1u << DSNU},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const sg_value image =
        sg_case_input(g, "image", table[i].shape, table[i].lo, table[i].hi, SG_CASE_GRAD | SG_CASE_GAP);
    const double range = table[i].range_e;
    const bool adc = table[i].attr.stop_after == SG_CAMERA_ADC;
    const unsigned range_learns = i == 4 ? 0 : SG_CASE_GRAD; /* once without: e is not kept then */
    const sg_value range_e =
        adc ? sg_case_input(g, "range_e", SG_SHAPE(1, 1, 1, 1), .9 * range, 1.1 * range, range_learns) : SG_NONE;
    const sg_shape shape = table[i].shape;
    const unsigned with = table[i].with;
    const sg_camera_inputs in = {image,
                                 range_e,
                                 case_input(g, with, OFFSET, shape),
                                 case_input(g, with, PRNU, shape),
                                 case_input(g, with, DARK, shape),
                                 case_input(g, with, READ, shape),
                                 case_input(g, with, DSNU, shape)};
    return sg_camera_with(g, &in, &table[i].attr);
}

const sg_op sg_op_camera = {
    .name = "camera",
    .formula = "adu = clamp(round((gamma(min(shot(electrons (1 + prnu) I + dark_e), full_well_e), em_gain) + N(0, "
               "read_noise_e^2) + dsnu_e) / gain + offset_adu)) (EMVA 1288)",
    .infer = infer,
    .workspace = workspace,
    SG_REFERENCE(camera),
    .surrogate_forward = camera_surrogate_f64,
    .surrogate = "pathwise shot noise (Poisson: mu/2 + e/2 ln mu above 1; Gaussian: mu + z sqrt(mu)), mean EM gain, "
                 "straight-through ADC",
    .flop = flop,
    .keeps_inputs = (1u << INPUTS) - 1,
    .sets_fresh = true,
    .cases = cases,
};

sg_camera_attr sg_camera_attr_make(const sg_camera_config *config, double photons, bool adc)
{
    return (sg_camera_attr){
        .electrons = config->qe * photons,
        .dark_e = config->dark_e_per_s * config->exposure_s + config->background_e,
        .full_well_e = config->full_well_e,
        .em_gain = config->em_gain,
        .read_noise_e = config->read_noise_e,
        .offset_adu = config->offset_adu,
        .shot = config->shot,
        .bit_depth = config->bit_depth,
        .stop_after = adc && config->bit_depth != 0 ? SG_CAMERA_ADC : SG_CAMERA_READ,
    };
}

sg_value sg_camera_with(sg_graph *g, const sg_camera_inputs *in, const sg_camera_attr *attr)
{
    const bool adc = attr->stop_after == SG_CAMERA_ADC;
    return SG_NODE(g, &sg_op_camera, attr, in->image, adc ? in->range_e : SG_NONE, adc ? in->offset_adu : SG_NONE,
                   in->prnu, in->dark_e, in->read_noise_e, in->dsnu_e);
}

sg_value sg_camera(sg_graph *g, sg_value image, sg_value range_e, const sg_camera_attr *attr)
{
    const sg_camera_inputs in = {image, range_e, SG_NONE, SG_NONE, SG_NONE, SG_NONE, SG_NONE};
    return sg_camera_with(g, &in, attr);
}

#endif
