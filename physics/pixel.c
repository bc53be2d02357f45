/* pixel.c - see pixel.h. With X the image's DFT (H x W), s the square's sinc and C_y x C_x = H/m x W/m:
 *   forward   Y[k] = 1/m^2 sum_aliases s X[k + C a], y = IDFT_C Y   (taking every m-th sample folds the spectrum)
 *   backward  dX[k] = s DY[k mod C], dx += IDFT_M dX   (the transpose: s is real and even)
 * All transforms are real: half spectra, bins with k_x > C_x/2 read as conjugates.
 * A fill factor of 0 needs none of it: every m-th sample as it is. */
#include "physics/pixel.h"

#include "core/memory.h"
#include "core/op.h"
#include "core/parallel.h"
#include "physics/fft.h"
#include "physics/fft2.h"
#include "physics/ops.h"

#include <string.h>
#include <tgmath.h>

typedef struct pixel_attr {
    int oversample, margin_px;
    double fill_factor;
} pixel_attr;
SG_KERNELS(pixel)
SG_PREPARES(pixel)

typedef SG_FFTW(complex) bin;

typedef struct R(pixel_plans) {
    R(sg_fft2) * image_r2c, *camera_c2r, *camera_r2c, *image_c2r;
    real *sinc_y, *sinc_x; /* (H), (W/2 + 1) */
} R(pixel_plans);

typedef struct pixel_size {
    int h, w, half, camera_h, camera_w, camera_half;
    size_t image_bins, camera_bins, image_len, camera_len; /* padded to SG_ALIGN in scratch */
} pixel_size;

static size_t R(aligned)(size_t count, size_t size)
{
    return sg_align_up(count * size) / size;
}

static pixel_size R(size_of)(const sg_node *node)
{
    const pixel_attr *a = node->attr;
    const int h = node->in_shape[0].h, w = node->in_shape[0].w, ch = h / a->oversample, cw = w / a->oversample;
    return (pixel_size){
        .h = h,
        .w = w,
        .half = w / 2 + 1,
        .camera_h = ch,
        .camera_w = cw,
        .camera_half = cw / 2 + 1,
        .image_bins = R(aligned)((size_t)h * (size_t)(w / 2 + 1), sizeof(bin)),
        .camera_bins = R(aligned)((size_t)ch * (size_t)(cw / 2 + 1), sizeof(bin)),
        .image_len = R(aligned)((size_t)h * (size_t)w, sizeof(real)),
        .camera_len = R(aligned)((size_t)ch * (size_t)cw, sizeof(real)),
    };
}

/* sinc(k m sqrt(fill_factor) / count) for the bins k = 0 .. bins-1, wrapped. */
static void R(sinc_fill)(real *out, int bins, int count, const pixel_attr *a)
{
    for (int k = 0; k < bins; k++) {
        const int wrapped = 2 * k > count ? k - count : k;
        const double x = 3.14159265358979323846 * wrapped * a->oversample * sqrt(a->fill_factor) / count;
        out[k] = wrapped == 0 ? 1 : (real)(sin(x) / x);
    }
}

sg_status R(pixel_prepare)(void **out, const sg_node *node, int threads, bool backward)
{
    const pixel_size s = R(size_of)(node);
    R(pixel_plans) *p = NULL;
    if (((const pixel_attr *)node->attr)->fill_factor == 0) return SG_OK;
    SG_TRY(SG_ALLOC(&p, 1, "pixel plans"));
    *out = p;
    SG_TRY(SG_ALLOC(&p->sinc_y, (size_t)s.h, "pixel sinc"));
    SG_TRY(SG_ALLOC(&p->sinc_x, (size_t)s.half, "pixel sinc"));
    R(sinc_fill)(p->sinc_y, s.h, s.h, node->attr);
    R(sinc_fill)(p->sinc_x, s.half, s.w, node->attr);
    SG_TRY(R(sg_fft2_r2c)(&p->image_r2c, s.h, s.w, threads));
    SG_TRY(R(sg_fft2_c2r)(&p->camera_c2r, s.camera_h, s.camera_w, threads));
    if (!backward) return SG_OK;
    SG_TRY(R(sg_fft2_r2c)(&p->camera_r2c, s.camera_h, s.camera_w, threads));
    SG_TRY(R(sg_fft2_c2r)(&p->image_c2r, s.h, s.w, threads));
    return SG_OK;
}

void R(pixel_release)(void *prepared)
{
    R(pixel_plans) *p = prepared;
    if (!p) return;
    R(sg_fft2_free)(p->image_r2c);
    R(sg_fft2_free)(p->camera_c2r);
    R(sg_fft2_free)(p->camera_r2c);
    R(sg_fft2_free)(p->image_c2r);
    sg_free(p->sinc_y);
    sg_free(p->sinc_x);
    sg_free(p);
}

/* Per thread: image spectrum, camera spectrum, camera grid, image grid. */
typedef struct R(pixel_scratch) {
    bin *image, *camera;
    real *grid, *wide;
} R(pixel_scratch);

static size_t R(scratch_bytes)(const pixel_size *s)
{
    return (s->image_bins + s->camera_bins) * sizeof(bin) + (s->camera_len + s->image_len) * sizeof(real);
}

static R(pixel_scratch) R(scratch_of)(const sg_run *run, const pixel_size *s, int thread)
{
    bin *base = (bin *)(void *)((char *)run->scratch + (size_t)thread * R(scratch_bytes)(s));
    real *grid = (real *)(base + s->image_bins + s->camera_bins);
    return (R(pixel_scratch)){base, base + s->image_bins, grid, grid + s->camera_len};
}

/* Folds one row of s X onto row `ky % camera_h` of Y. */
SG_SIMD static void R(fold_row)(const pixel_size *s, const R(pixel_plans) * p, const real *image, real *camera, int ky,
                                int count)
{
    const real sy = p->sinc_y[ky];
    for (int a = 0; a < count; a++) {
        const int at = a * s->camera_w;
        for (int kx = 0; kx < s->camera_half; kx++) {
            const int from = at + kx;
            if (from >= s->half) break;
            const real factor = sy * p->sinc_x[from];
            camera[2 * kx] += factor * image[2 * from];
            camera[2 * kx + 1] += factor * image[2 * from + 1];
        }
    }
}

/* The aliases whose k_x lies above W/2: conjugates of (-k_y, W - k_x); `image` is row -k_y. */
SG_SIMD static void R(fold_row_mirror)(const pixel_size *s, const R(pixel_plans) * p, const real *image, real *camera,
                                       int ky, int count)
{
    const real sy = p->sinc_y[ky];
    for (int a = 0; a < count; a++) {
        for (int kx = 0; kx < s->camera_half; kx++) {
            const int at = a * s->camera_w + kx;
            if (at < s->half) continue;
            const int from = s->w - at;
            const real factor = sy * p->sinc_x[from];
            camera[2 * kx] += factor * image[2 * from];
            camera[2 * kx + 1] -= factor * image[2 * from + 1];
        }
    }
}

static void R(fold)(const pixel_size *s, const R(pixel_plans) * p, const bin *image, bin *camera, int m)
{
    memset(camera, 0, s->camera_bins * sizeof *camera);
    for (int ky = 0; ky < s->h; ky++) {
        real *to = (real *)(camera + (size_t)(ky % s->camera_h) * (size_t)s->camera_half);
        const int mirror = ky == 0 ? 0 : s->h - ky;
        R(fold_row)(s, p, (const real *)(image + (size_t)ky * (size_t)s->half), to, ky, m);
        if (m > 1) R(fold_row_mirror)(s, p, (const real *)(image + (size_t)mirror * (size_t)s->half), to, ky, m);
    }
}

typedef struct R(pixel_task) {
    const sg_run *run;
    pixel_size s;
} R(pixel_task);

static void R(forward_plane)(void *context, int plane, int thread)
{
    const R(pixel_task) *t = context;
    const sg_run *run = t->run;
    const pixel_size *s = &t->s;
    const R(pixel_plans) *p = run->prepared;
    const pixel_attr *a = run->node->attr;
    const sg_shape o = run->node->shape;
    const R(pixel_scratch) w = R(scratch_of)(run, s, thread);
    const real *image = (const real *)run->in[0] + (size_t)plane * (size_t)s->h * (size_t)s->w;
    real *out = (real *)run->out + (size_t)plane * (size_t)o.h * (size_t)o.w;
    R(sg_fft2_run)(p->image_r2c, image, w.image, thread);
    R(fold)(s, p, w.image, w.camera, a->oversample);
    R(sg_fft2_run)(p->camera_c2r, w.camera, w.grid, thread);
    const real scale = (real)(1 / ((double)s->h * s->w)); /* 1/m^2 of the folding and 1/C^2 of the inverse DFT */
    for (int y = 0; y < o.h; y++) {
        const real *row = w.grid + (size_t)(y + a->margin_px) * (size_t)s->camera_w + a->margin_px;
        for (int x = 0; x < o.w; x++) out[(size_t)y * (size_t)o.w + (size_t)x] = row[x] * scale;
    }
}

/* Where row y of the camera lies in an image plane: its first sample, those after it `oversample` apart. */
static size_t R(point_row)(const sg_node *node, int plane, int y)
{
    const pixel_attr *a = node->attr;
    const sg_shape in = node->in_shape[0];
    const size_t row = (size_t)plane * (size_t)in.h + (size_t)((y + a->margin_px) * a->oversample);
    return row * (size_t)in.w + (size_t)(a->margin_px * a->oversample);
}

static void R(forward_points)(void *context, int plane, int thread)
{
    const sg_run *run = ((const R(pixel_task) *)context)->run;
    const int m = ((const pixel_attr *)run->node->attr)->oversample;
    const sg_shape o = run->node->shape;
    (void)thread;
    for (int y = 0; y < o.h; y++) {
        const real *from = (const real *)run->in[0] + R(point_row)(run->node, plane, y);
        real *out = (real *)run->out + ((size_t)plane * (size_t)o.h + (size_t)y) * (size_t)o.w;
        for (int x = 0; x < o.w; x++) out[x] = from[x * m];
    }
}

void R(pixel_forward)(const sg_run *run)
{
    R(pixel_task) t = {run, R(size_of)(run->node)};
    sg_parallel(run->node->shape.n * run->node->shape.c, run->prepared ? R(forward_plane) : R(forward_points), &t);
}

/* dX row ky: s DY at the bin modulo the camera grid. */
SG_SIMD static void R(unfold_row)(const pixel_size *s, const R(pixel_plans) * p, const real *camera,
                                  const real *camera_mirror, real *image, int ky, real scale)
{
    const real sy = p->sinc_y[ky] * scale;
    for (int kx = 0; kx < s->half; kx++) {
        const int k = kx % s->camera_w;
        const bool mirror = k >= s->camera_half;
        const real *from = mirror ? camera_mirror + 2 * (s->camera_w - k) : camera + 2 * k;
        const real factor = sy * p->sinc_x[kx];
        image[2 * kx] = factor * from[0];
        image[2 * kx + 1] = mirror ? -factor * from[1] : factor * from[1];
    }
}

static void R(backward_plane)(void *context, int plane, int thread)
{
    const R(pixel_task) *t = context;
    const sg_run *run = t->run;
    const pixel_size *s = &t->s;
    const R(pixel_plans) *p = run->prepared;
    const pixel_attr *a = run->node->attr;
    const sg_shape o = run->node->shape;
    const R(pixel_scratch) w = R(scratch_of)(run, s, thread);
    const size_t len = (size_t)s->h * (size_t)s->w;
    const real *dout = (const real *)run->dout + (size_t)plane * (size_t)o.h * (size_t)o.w;
    real *din = (real *)run->din[0] + (size_t)plane * len;
    memset(w.grid, 0, s->camera_len * sizeof *w.grid);
    for (int y = 0; y < o.h; y++)
        memcpy(w.grid + (size_t)(y + a->margin_px) * (size_t)s->camera_w + a->margin_px, dout + (size_t)y * (size_t)o.w,
               (size_t)o.w * sizeof *dout);
    R(sg_fft2_run)(p->camera_r2c, w.grid, w.camera, thread);
    const real scale = (real)(1 / (double)len);
    for (int ky = 0; ky < s->h; ky++) {
        const int k = ky % s->camera_h, mirror = k == 0 ? 0 : s->camera_h - k;
        R(unfold_row)
        (s, p, (const real *)(w.camera + (size_t)k * (size_t)s->camera_half),
         (const real *)(w.camera + (size_t)mirror * (size_t)s->camera_half),
         (real *)(w.image + (size_t)ky * (size_t)s->half), ky, scale);
    }
    real *image = run->fresh[0] ? din : w.wide;
    R(sg_fft2_run)(p->image_c2r, w.image, image, thread);
    for (size_t i = 0; !run->fresh[0] && i < len; i++) din[i] += image[i];
}

static void R(backward_points)(void *context, int plane, int thread)
{
    const R(pixel_task) *t = context;
    const sg_run *run = t->run;
    const int m = ((const pixel_attr *)run->node->attr)->oversample;
    const sg_shape o = run->node->shape;
    const size_t len = (size_t)t->s.h * (size_t)t->s.w;
    (void)thread;
    if (run->fresh[0]) memset((real *)run->din[0] + (size_t)plane * len, 0, len * sizeof(real));
    for (int y = 0; y < o.h; y++) {
        const real *dout = (const real *)run->dout + ((size_t)plane * (size_t)o.h + (size_t)y) * (size_t)o.w;
        real *din = (real *)run->din[0] + R(point_row)(run->node, plane, y);
        for (int x = 0; x < o.w; x++) din[x * m] += dout[x];
    }
}

void R(pixel_backward)(const sg_run *run)
{
    R(pixel_task) t = {run, R(size_of)(run->node)};
    if (!run->din[0]) return;
    sg_parallel(run->node->shape.n * run->node->shape.c, run->prepared ? R(backward_plane) : R(backward_points), &t);
}

#ifdef SG_ONCE

static sg_status infer(sg_node *node)
{
    const pixel_attr *a = node->attr;
    sg_shape s = node->in_shape[0];
    const int m = a->oversample;
    if (node->in_complex[0]) SG_FAIL(SG_E_SHAPE, "image is complex, intensity is needed");
    if (m < 1 || s.h % m != 0 || s.w % m != 0)
        SG_FAIL(SG_E_SHAPE, "image of %d x %d does not divide by oversample %d", s.h, s.w, m);
    if (!(a->fill_factor >= 0 && a->fill_factor <= 1))
        SG_FAIL(SG_E_RANGE, "fill_factor: %g is outside 0 .. 1", a->fill_factor);
    s.h = s.h / m - 2 * a->margin_px, s.w = s.w / m - 2 * a->margin_px;
    if (a->margin_px < 0 || s.h < 1 || s.w < 1)
        SG_FAIL(SG_E_SHAPE, "a margin of %d px leaves nothing of %d x %d camera pixels", a->margin_px,
                node->in_shape[0].h / m, node->in_shape[0].w / m);
    node->shape = s;
    return SG_OK;
}

static void workspace(const sg_node *node, int threads, size_t real_size, sg_space *out)
{
    /* sizes padded for float are at least those padded for double */
    const pixel_size s = R(size_of)(node);
    out->scratch = (size_t)threads * R(scratch_bytes)(&s) * (real_size / sizeof(real));
}

static double flop(const sg_node *node)
{
    const double len = (double)sg_shape_len(node->in_shape[0]);
    const double side = (double)node->in_shape[0].h * node->in_shape[0].w;
    if (((const pixel_attr *)node->attr)->fill_factor == 0) return 0;
    return 2.5 * len * log2(side > 1 ? side : 2) + 5 * len;
}

static sg_value cases(sg_graph *g, int i)
{
    static const struct {
        sg_shape shape;
        pixel_attr attr;
    } table[] = {
        {{1, 1, 6, 5}, {1, 0, 1}},    {{2, 2, 8, 12}, {2, 0, 1}},  {{1, 2, 9, 15}, {3, 0, .5}},
        {{1, 1, 12, 20}, {4, 1, .8}}, {{1, 1, 10, 14}, {2, 1, 1}}, {{1, 1, 5, 7}, {1, 1, .25}},
        {{1, 1, 5, 10}, {5, 0, 1}},   {{2, 1, 6, 9}, {3, 0, 0}},   {{1, 2, 8, 12}, {2, 1, 0}},
    };
    if (i >= (int)(sizeof table / sizeof table[0])) return SG_NONE;
    const pixel_attr *a = &table[i].attr;
    return sg_pixel(g, sg_case_input(g, "image", table[i].shape, -1, 1, SG_CASE_GRAD), a->oversample, a->fill_factor,
                    a->margin_px);
}

const sg_op sg_op_pixel = {
    .name = "pixel",
    .formula = "y = (image (*) square of side sqrt(fill_factor) d_c) at every m-th sample (fill factor: EMVA 1288)",
    .infer = infer,
    .workspace = workspace,
    SG_PREPARED(pixel),
    SG_REFERENCE(pixel),
    .flop = flop,
    .sets_fresh = true,
    .linear = true,
    .cases = cases,
};

sg_value sg_pixel(sg_graph *g, sg_value image, int oversample, double fill_factor, int margin_px)
{
    const pixel_attr attr = {oversample, margin_px, fill_factor};
    if (fill_factor == 0 && oversample == 1 && margin_px == 0) return image;
    return SG_NODE(g, &sg_op_pixel, &attr, image);
}

#endif
