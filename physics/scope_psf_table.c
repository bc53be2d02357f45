/* scope_psf_table.c - point spread functions that are tables of taps: measured in a file, free, fixed for teaching.
 * PHYSICS section 4: a measured one less its background (the median of the border), clipped at 0, centred on its
 * centroid, on the pixels of the sample's grid, its sum 1. With optics.psf_grid the file has a page for each place;
 * each is centred on its own centroid, so that distortion of the field is not part of the blur. */
#include "core/memory.h"
#include "physics/scope.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* A picture as it was measured, and the part that is used. */
typedef struct sg_bead {
    const float *data;
    int width; /* of data */
    int y, x, h, w;
    double centre_y, centre_x; /* px in the part */
    double background;
} sg_bead;

static double at(const sg_bead *b, int y, int x)
{
    if (y < 0 || x < 0 || y >= b->h || x >= b->w) return 0;
    const double v = (double)b->data[(size_t)(b->y + y) * (size_t)b->width + (size_t)(b->x + x)] - b->background;
    return v > 0 ? v : 0;
}

/* The window of side `crop` around the brightest 3 x 3 pixels: a bead as far from the rim as its window asks. */
static void find_bead(sg_bead *b, int crop)
{
    double most = -DBL_MAX;
    int y_best = 0, x_best = 0;
    for (int y = crop / 2; y + crop - crop / 2 <= b->h; y++) {
        for (int x = crop / 2; x + crop - crop / 2 <= b->w; x++) {
            double sum = 0;
            for (int i = 0; i < 9; i++) {
                const int row = y + i / 3 - 1, column = x + i % 3 - 1;
                if (row < 0 || column < 0 || row >= b->h || column >= b->w) continue;
                sum += (double)b->data[(size_t)row * (size_t)b->width + (size_t)column];
            }
            if (sum > most) most = sum, y_best = y - crop / 2, x_best = x - crop / 2;
        }
    }
    b->y = y_best, b->x = x_best, b->h = b->w = crop;
}

static int ascending(const void *a, const void *b)
{
    const double d = *(const double *)a - *(const double *)b;
    return (d > 0) - (d < 0);
}

/* Median of the border, then the centroid of what rises above it. */
static sg_status settle(sg_bead *b, const char *path)
{
    const int rim = 2 * (b->h + b->w) - 4;
    double *border = NULL, sum = 0, y_sum = 0, x_sum = 0;
    SG_TRY(SG_ALLOC(&border, (size_t)rim, "border of a PSF"));
    int count = 0;
    for (int y = 0; y < b->h; y++)
        for (int x = 0; x < b->w; x++)
            if (y == 0 || x == 0 || y == b->h - 1 || x == b->w - 1)
                border[count++] = (double)b->data[(size_t)(b->y + y) * (size_t)b->width + (size_t)(b->x + x)];
    qsort(border, (size_t)count, sizeof *border, ascending);
    b->background = .5 * (border[(count - 1) / 2] + border[count / 2]);
    sg_free(border);
    for (int y = 0; y < b->h; y++)
        for (int x = 0; x < b->w; x++) sum += at(b, y, x), y_sum += y * at(b, y, x), x_sum += x * at(b, y, x);
    if (!(sum > 0 && sum <= DBL_MAX))
        SG_FAIL(SG_E_NUMERIC, "optics.psf_file: %s: nothing rises above its border's median of %g", path,
                b->background);
    b->centre_y = y_sum / sum;
    b->centre_x = x_sum / sum;
    return SG_OK;
}

static double between(const sg_bead *b, double y, double x)
{
    const int row = (int)floor(y), column = (int)floor(x);
    const double fy = y - row, fx = x - column;
    return (1 - fy) * ((1 - fx) * at(b, row, column) + fx * at(b, row, column + 1)) +
           fy * ((1 - fx) * at(b, row + 1, column) + fx * at(b, row + 1, column + 1));
}

/* Tap (dy, dx): the mean over a grid pixel that is `ratio` measured pixels wide. */
static double tap(const sg_bead *b, int dy, int dx, double ratio)
{
    const int parts = ratio < 1 ? 1 : (int)ceil(2 * ratio);
    double sum = 0;
    for (int i = 0; i < parts * parts; i++) {
        const double y = dy + (i / parts + .5) / parts - .5, x = dx + (i % parts + .5) / parts - .5;
        sum += between(b, b->centre_y + y * ratio, b->centre_x + x * ratio);
    }
    return sum / (parts * parts);
}

/* Index of offset d in a wrapped axis of k taps. */
static int wrapped(int d, int k)
{
    return d < 0 ? d + k : d;
}

static void fill(double *out, int side, const sg_bead *b, double ratio)
{
    double sum = 0;
    for (int dy = -(side / 2); dy <= (side - 1) / 2; dy++)
        for (int dx = -(side / 2); dx <= (side - 1) / 2; dx++) {
            double *to = &out[wrapped(dy, side) * side + wrapped(dx, side)];
            *to = tap(b, dy, dx, ratio);
            sum += *to;
        }
    for (int i = 0; i < side * side; i++) out[i] /= sum;
}

static sg_status psf_alloc(sg_scope *s, int count, int side)
{
    SG_TRY(SG_ALLOC(&s->psf, (size_t)count * (size_t)side * (size_t)side, "PSF"));
    s->psf_count = count;
    s->psf_px = side;
    return SG_OK;
}

/* The part of a page that is used, and its centre. */
static sg_status crop(sg_bead *b, const sg_scope *s, const char *path)
{
    const sg_optics_config *o = &s->config->optics;
    const int side = o->psf_crop_px;
    const double pitch = s->field_um / s->size.image_px, ratio = pitch / o->psf_pixel_um;
    const int least = b->h < b->w ? b->h : b->w;
    if (side > least) SG_FAIL(SG_E_RANGE, "optics.psf_crop_px: %d px of a picture of %d x %d", side, b->w, b->h);
    if (least < 3) SG_FAIL(SG_E_SHAPE, "optics.psf_file: %s has %d x %d pixels, 3 are the least", path, b->w, b->h);
    if (side > 0) find_bead(b, side);
    if (!(b->w >= ratio && b->h >= ratio))
        SG_FAIL(
            SG_E_RANGE,
            "optics.psf_pixel_um: %g um makes the picture of a point %.4g um wide, less than the pixel of %.4g um; at "
            "least %.4g would do",
            o->psf_pixel_um, least * o->psf_pixel_um, pitch, pitch / least);
    return settle(b, path);
}

/* One side for all pages: what lies beyond a page counts as background. */
static sg_status resample(sg_scope *s, sg_bead *bead, int count)
{
    const sg_optics_config *o = &s->config->optics;
    const double pitch = s->field_um / s->size.image_px, ratio = pitch / o->psf_pixel_um;
    double reach = 0;
    for (int k = 0; k < count; k++) {
        const sg_bead *b = &bead[k];
        reach = fmax(reach, fmax(fmax(b->centre_y, b->h - 1 - b->centre_y), fmax(b->centre_x, b->w - 1 - b->centre_x)));
    }
    const int side = 2 * (int)ceil(reach / ratio) + 1;
    if (side > s->size.image_px)
        SG_FAIL(SG_E_RANGE,
                "optics.psf_file: %s is %.4g um wide around its centre, the field %.4g um; sample.size_px %.0f or a "
                "smaller psf_crop_px would do",
                o->psf_file, side * pitch, s->field_um, ceil(side * pitch / s->config->sample.pixel_um - 1e-6));
    SG_TRY(psf_alloc(s, count, side));
    for (int k = 0; k < count; k++) fill(s->psf + (size_t)k * (size_t)side * (size_t)side, side, &bead[k], ratio);
    return SG_OK;
}

static sg_status beads(sg_scope *s, const float *data, int count, int height, int width)
{
    const sg_optics_config *o = &s->config->optics;
    sg_bead *bead = NULL;
    sg_status status = SG_OK;
    SG_TRY(SG_ALLOC(&bead, (size_t)count, "pages of PSFs"));
    for (int k = 0; k < count; k++) {
        char path[SG_PATH_MAX + 16];
        (void)snprintf(path, sizeof path, count > 1 ? "%s:%d" : "%s", o->psf_file, k + 1);
        bead[k] = (sg_bead){
            .data = data + (size_t)k * (size_t)height * (size_t)width, .width = width, .h = height, .w = width};
        SG_TRY_DONE(crop(&bead[k], s, path));
    }
    status = resample(s, bead, count);
done:
    sg_free(bead);
    return status;
}

static sg_status measured(sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    const int places = o->psf_grid > 1 ? o->psf_grid * o->psf_grid : 1;
    float *data = NULL;
    int height = 0, width = 0, pages = 1;
    if (o->psf_file[0] == 0) SG_FAIL(SG_E_CONFIG, "optics.psf_file: psf measured needs a picture of a point");
    if (!(o->psf_pixel_um > 0))
        SG_FAIL(SG_E_CONFIG, "optics.psf_pixel_um: psf measured needs the pitch of its picture");
    if (places > 1 && !s->config->read_pages) SG_FAIL(SG_E_CONFIG, "optics.psf_file: maps in files are not read here");
    SG_TRY(places > 1 ? s->config->read_pages(&data, &pages, &height, &width, o->psf_file)
                      : sg_scope_read_map(&data, &height, &width, s, "optics.psf_file", o->psf_file));
    const sg_status status =
        pages == places
            ? beads(s, data, places, height, width)
            : sg_error_set(
                  SG_E_SHAPE,
                  "optics.psf_file: %s has %d page%s; optics.psf_grid %d needs %d, one for each place, row by row",
                  o->psf_file, pages, pages == 1 ? "" : "s", o->psf_grid, places);
    sg_free(data);
    return status;
}

/* Free taps start as a Gaussian of psf_sigma_um; 0: a point. */
static sg_status taps(sg_scope *s)
{
    const int side = s->config->optics.psf_size_px;
    const double sigma = s->config->optics.psf_sigma_um * s->size.image_px / s->field_um;
    double sum = 0;
    if (side > s->size.image_px)
        SG_FAIL(SG_E_RANGE, "optics.psf_size_px: %d taps are wider than the field of %d", side, s->size.image_px);
    SG_TRY(psf_alloc(s, 1, side));
    for (int i = 0; i < side * side; i++) {
        const int y = 2 * (i / side) > side - 1 ? i / side - side : i / side;
        const int x = 2 * (i % side) > side - 1 ? i % side - side : i % side;
        const double square = (double)(y * y + x * x);
        s->psf[i] = square > 0 ? sigma > 0 ? exp(-.5 * square / (sigma * sigma)) : 0 : 1;
        sum += s->psf[i];
    }
    for (int i = 0; i < side * side; i++) s->psf[i] /= sum;
    return SG_OK;
}

/* Centre, beside it, diagonal: smooth and sharpen sum to 1, edge (a Laplacian) to 0. */
static sg_status fixed(sg_scope *s)
{
    static const double kernels[][3] = {{4. / 16, 2. / 16, 1. / 16}, {5, -1, 0}, {8, -1, -1}};
    const double *k = kernels[s->config->optics.psf_kernel];
    SG_TRY(psf_alloc(s, 1, 3));
    for (int i = 0; i < 9; i++) s->psf[i] = k[(i / 3 > 0) + (i % 3 > 0)];
    return SG_OK;
}

sg_status sg_scope_open_psf(sg_scope *s)
{
    if (s->config->sample.kind != SG_SAMPLE_INCOHERENT) return SG_OK;
    switch ((int)s->config->optics.psf) {
    case SG_PSF_MEASURED: return measured(s);
    case SG_PSF_TAPS: return taps(s);
    case SG_PSF_KERNEL: return fixed(s);
    }
    return SG_OK;
}

sg_value sg_scope_psf_table(sg_graph *g, const sg_scope *s)
{
    const sg_optics_config *o = &s->config->optics;
    const bool free_taps = o->psf == SG_PSF_TAPS;
    return sg_scope_param(g, "microscope.psf.taps", SG_SHAPE(1, s->psf_count, s->psf_px, s->psf_px), 0, s->psf, "1",
                          free_taps ? o->learn_taps : (sg_learn){0}, free_taps ? SG_SIMPLEX : SG_FREE, 0, 1);
}
