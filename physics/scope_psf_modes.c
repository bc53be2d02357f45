/* scope_psf_modes.c - shift-variant blur: bilinear weights of the places of the field, and eigen-PSFs. The PSFs h_m of
 * all places are nearly sums of a few kernels, h_m = sum_k c_mk e_k (singular value decomposition, low_rank.h), so that
 *     y = sum_m h_m (*) (a_m x) = sum_k e_k (*) (b_k x),  b_k = sum_m c_mk a_m,
 * takes `modes` convolutions in place of psf_grid^2. It is the low-rank approximation of the sum, not a sum of PSFs:
 * e_k and b_k have both signs, and light is conserved but for what is left out (size.psf_error). Flicker & Rigaut, J.
 * Opt. Soc. Am. A 22, 504, 2005; Denis, Thiebaut, Soulez, Becker & Mourya, Int. J. Comput. Vis. 115, 253, 2015. */
#include "core/memory.h"
#include "core/ops.h"
#include "core/plan.h"
#include "physics/low_rank.h"
#include "physics/scope.h"

#include <math.h>
#include <string.h>

/* The PSFs (places, px, px) of one picture, by a plan of nothing else. */
static sg_status psfs_of(double **out, int *px, const sg_scope *s, int picture)
{
    const sg_plan_options options = {.f64 = true};
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    sg_graph *g = sg_graph_new();
    sg_status status = SG_OK;
    const sg_value psf = sg_scope_psf(g, s, picture / s->size.colours, picture % s->size.colours, 1);
    const sg_shape shape = sg_value_shape(g, psf);
    SG_TRY_DONE(sg_model_new(&model, 0));
    SG_TRY_DONE(sg_plan_make(&plan, g, model, psf, &options));
    SG_TRY_DONE(sg_plan_forward(plan));
    SG_TRY_DONE(SG_ALLOC(out, sg_shape_len(shape), "PSFs of all places"));
    memcpy(*out, sg_plan_root(plan), sg_shape_len(shape) * sizeof **out);
    *px = shape.h;
done:
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
    return status;
}

/* Decomposes the PSFs of one picture into modes and share; the largest error of all pictures is kept. */
static sg_status decompose(double *modes, double *share, double *error, const double *psfs, int places, size_t len,
                           int keep)
{
    double *singular = NULL, all = 0, left = 0;
    SG_TRY(SG_ALLOC(&singular, (size_t)places, "singular values"));
    const sg_status status = sg_low_rank(modes, share, singular, psfs, places, len, keep);
    for (int k = 0; k < places; k++) all += singular[k] * singular[k], left += k < keep ? 0 : singular[k] * singular[k];
    sg_free(singular);
    if (left > 0) *error = fmax(*error, sqrt(left / all));
    return status;
}

sg_status sg_scope_open_modes(sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    const int keep = o->psf_modes, places = o->psf_grid * o->psf_grid;
    const int pictures = o->psf == SG_PSF_MEASURED || o->psf == SG_PSF_GAUSSIAN ? 1 : s->size.planes * s->size.colours;
    double *modes = NULL, *share = NULL, *psfs = NULL;
    sg_status status = SG_OK;
    if (keep < 1) return SG_OK;
    SG_TRY_DONE(SG_ALLOC(&share, (size_t)pictures * (size_t)places * (size_t)keep, "shares of eigen-PSFs"));
    for (int i = 0, px = 0; i < pictures; i++) {
        SG_TRY_DONE(psfs_of(&psfs, &px, s, i));
        const size_t len = (size_t)px * (size_t)px;
        if (i == 0) SG_TRY_DONE(SG_ALLOC(&modes, (size_t)(pictures * keep) * len, "eigen-PSFs"));
        SG_TRY_DONE(decompose(modes + (size_t)(i * keep) * len, share + (size_t)i * (size_t)(places * keep),
                              &s->size.psf_error, psfs, places, len, keep));
        sg_free(psfs);
        psfs = NULL;
        if (i == pictures - 1) s->psf_px = px;
    }
    sg_free(s->psf);
    s->psf = modes, s->psf_share = share, s->psf_count = pictures * keep;
    return SG_OK;
done:
    sg_free(psfs);
    sg_free(modes);
    sg_free(share);
    return status;
}

sg_value sg_scope_modes_of(sg_graph *g, const sg_scope *s, sg_value table, int picture)
{
    const sg_shape all = sg_value_shape(g, table);
    const int keep = s->config->optics.psf_modes;
    return s->psf_share && all.c > keep ? sg_slice(g, table, picture * keep, keep, 0, all.h) : table;
}

sg_value sg_scope_modes(sg_graph *g, const sg_scope *s)
{
    return sg_scope_param(g, "microscope.psf.modes", SG_SHAPE(1, s->psf_count, s->psf_px, s->psf_px), 0, s->psf, "1",
                          (sg_learn){0}, SG_FREE, 0, 0);
}

/* sum_m a_m(y, x) c_m: the four places around (y, x), in steps of the grid, which lie from corner to corner. */
static double between(const double *c, int stride, int grid, double y, double x)
{
    const int row = y < grid - 2 ? (int)y : grid - 2, column = x < grid - 2 ? (int)x : grid - 2;
    const double fy = y - row, fx = x - column, *at = c + (row * grid + column) * stride;
    return (1 - fy) * ((1 - fx) * at[0] + fx * at[stride]) +
           fy * ((1 - fx) * at[grid * stride] + fx * at[(grid + 1) * stride]);
}

sg_value sg_scope_place_weights(sg_graph *g, const sg_scope *s)
{
    const int n = s->size.image_px, grid = s->config->optics.psf_grid, places = grid * grid;
    const int keep = s->psf_share ? s->config->optics.psf_modes : places, count = s->psf_share ? s->psf_count : places;
    const double step = (double)(n - 1) / (grid - 1);
    double *w = NULL, *share = NULL;
    sg_value weights = SG_NONE;
    sg_status status = SG_OK;
    SG_TRY_DONE(SG_ALLOC(&share, (size_t)(count / keep * places * keep), "shares of PSFs"));
    SG_TRY_DONE(SG_ALLOC(&w, (size_t)count * (size_t)n * (size_t)n, "weights of PSFs"));
    for (int i = 0; i < count / keep * places * keep; i++)
        share[i] = s->psf_share ? s->psf_share[i] : i / keep == i % keep;
    for (int k = 0; k < count; k++)
        for (int i = 0; i < n * n; i++)
            w[(size_t)k * (size_t)(n * n) + (size_t)i] =
                between(share + k / keep * places * keep + k % keep, keep, grid, i / n / step, i % n / step);
    weights =
        sg_scope_param(g, "microscope.psf.place", SG_SHAPE(1, count, n, n), 0, w, "1", (sg_learn){0}, SG_FREE, 0, 0);
done:
    sg_free(share);
    sg_free(w);
    return status == SG_OK ? weights : sg_graph_fail(g, status, "%s", sg_error_text());
}
