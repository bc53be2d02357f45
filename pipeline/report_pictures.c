/* report_pictures.c - pictures of one run for the report, and how they become PNG in the page. */
#include "pipeline/report_pictures.h"

#include "core/memory.h"
#include "datasets/image.h"
#include "datasets/png.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const picture_path[SG_PICTURE_SETS] = {"/examples/sample", "/examples/measurement", "/examples/adu",
                                                          "/examples/prediction", "/examples/truth"};

/* Means of blocks, in place. */
static void reduce(sg_pictures *p)
{
    const int side = p->h > p->w ? p->h : p->w, step = (side + SG_PICTURE_SIDE - 1) / SG_PICTURE_SIDE;
    const int h = p->h / step, w = p->w / step;
    if (step < 2 || h < 1 || w < 1) return;
    float *to = p->data;
    for (int n = 0; n < p->n * p->c; n++)
        for (int i = 0; i < h * w; i++) {
            const float *from =
                p->data + ((size_t)n * (size_t)p->h + (size_t)(i / w * step)) * (size_t)p->w + i % w * step;
            double sum = 0;
            for (int k = 0; k < step * step; k++)
                sum += (double)from[(size_t)(k / step) * (size_t)p->w + (size_t)(k % step)];
            *to++ = (float)(sum / (step * step));
        }
    p->h = h;
    p->w = w;
}

static void pictures_read(sg_pictures *out, const sg_results_file *file, const char *path)
{
    int rank, dims[SG_RESULTS_RANK];
    *out = (sg_pictures){0};
    if (!sg_results_has(file, path) || sg_results_read_f32(file, path, &out->data, &rank, dims) != SG_OK) return;
    if (rank == 3 || rank == 4) {
        out->n = dims[0];
        out->c = rank == 4 ? dims[1] : 1;
        out->h = dims[rank - 2];
        out->w = dims[rank - 1];
        reduce(out);
        return;
    }
    sg_free(out->data);
    out->data = NULL;
}

static void light_read(sg_run_pictures *out, const sg_results_file *file)
{
    int rank, dims[SG_RESULTS_RANK], na_dims[SG_RESULTS_RANK];
    if (!sg_results_has(file, "/learned/led_weight") || !sg_results_has(file, "/learned/led_na")) return;
    const char *shown = "/learned/led_weight_shown",
               *path = sg_results_has(file, shown) ? shown : "/learned/led_weight";
    if (sg_results_read_f64(file, path, &out->weight, &rank, dims) != SG_OK || rank != 2) return;
    if (sg_results_read_f64(file, "/learned/led_na", &out->na_xy, &rank, na_dims) != SG_OK || rank != 2) return;
    if (na_dims[0] != dims[1] || na_dims[1] != 2) return;
    out->rows = dims[0];
    out->leds = dims[1];
}

static void scalars_read(sg_run_pictures *out, const sg_results_file *file)
{
    char *config, text[32];
    double *electrons;
    int rank, dims[SG_RESULTS_RANK];
    out->na = out->electrons = out->wavelength_um = (double)NAN;
    if (sg_results_read_text(file, "/config", &config) == SG_OK) {
        if (sg_report_yaml(config, "optics.na", text, sizeof text)) out->na = strtod(text, NULL);
        if (sg_report_yaml(config, "optics.wavelength_um", text, sizeof text)) out->wavelength_um = strtod(text, NULL);
        sg_free(config);
    }
    if (!sg_results_has(file, "/light/mean_electrons")) return;
    if (sg_results_read_f64(file, "/light/mean_electrons", &electrons, &rank, dims) != SG_OK) return;
    const int count = rank == 0 ? 1 : dims[0];
    out->electrons = 0;
    for (int i = 0; i < count; i++) out->electrons += electrons[i] / count;
    sg_free(electrons);
}

void sg_run_pictures_free(sg_run_pictures *p)
{
    for (int i = 0; i < SG_PICTURE_SETS; i++) sg_free(p->set[i].data);
    sg_free(p->weight);
    sg_free(p->na_xy);
    sg_free(p->truth);
    sg_free(p->predicted);
    sg_free(p->classes);
    *p = (sg_run_pictures){0};
}

static void swap_pictures(sg_pictures *p, int i, int k)
{
    const size_t len = (size_t)p->c * (size_t)p->h * (size_t)p->w;
    float *a = p->data + (size_t)i * len, *b = p->data + (size_t)k * len;
    for (size_t j = 0; i != k && j < len; j++) {
        const float kept = a[j];
        a[j] = b[j];
        b[j] = kept;
    }
}

/* The page shows two pictures: the two with the most foreground, the same ones for every arm. Values (regression) stay
 * as they are. */
static void put_fullest_first(sg_run_pictures *p)
{
    const sg_pictures *truth = &p->set[SG_PICTURE_TRUTH];
    for (int i = 0; truth->data && i < 2 && i < truth->n; i++) {
        const size_t len = (size_t)truth->h * (size_t)truth->w;
        size_t most = 0;
        int fullest = i;
        for (int n = i; n < truth->n; n++) {
            size_t count = 0;
            for (size_t j = 0; j < len; j++) count += truth->data[(size_t)n * len + j] > .5F;
            if (count > most) most = count, fullest = n;
        }
        for (int k = 0; k < SG_PICTURE_SETS; k++)
            if (p->set[k].data && p->set[k].n == truth->n) swap_pictures(&p->set[k], i, fullest);
    }
}

static void numbers_read(double **out, int *count, const sg_results_file *file, const char *path)
{
    int rank, dims[SG_RESULTS_RANK];
    *count = 0;
    if (!sg_results_has(file, path) || sg_results_read_f64(file, path, out, &rank, dims) != SG_OK) return;
    if (rank == 1) *count = dims[0];
}

static void verdicts_read(sg_run_pictures *out, const sg_results_file *file)
{
    int truths, predictions;
    static const char names[] = "/metrics/per_class/name";
    numbers_read(&out->truth, &truths, file, "/metrics/per_image/truth");
    numbers_read(&out->predicted, &predictions, file, "/metrics/per_image/predicted");
    out->verdicts = truths < predictions ? truths : predictions;
    if (!sg_results_has(file, names) || sg_results_read_text(file, names, &out->classes) != SG_OK) out->classes = NULL;
}

void sg_class_name(char out[48], const char *classes, int index)
{
    const char *at = classes;
    for (int i = 0; at && i < index; i++) {
        at = strchr(at, '\n');
        at = at ? at + 1 : NULL;
    }
    if (at && *at && *at != '\n')
        (void)snprintf(out, 48, "%.*s", (int)(strcspn(at, "\n") < 47 ? strcspn(at, "\n") : 47), at);
    else
        (void)snprintf(out, 48, "%d", index);
}

static bool file_open(sg_results_file **out, const sg_report_data *data, const sg_report_run *run)
{
    char path[SG_REPORT_PATH + SG_REPORT_NAME + 16];
    (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, run->folder);
    return sg_results_open(out, path) == SG_OK;
}

bool sg_run_light_read(sg_run_pictures *out, const sg_report_data *data, const sg_report_run *run)
{
    sg_results_file *file;
    *out = (sg_run_pictures){0};
    if (!file_open(&file, data, run)) return false;
    light_read(out, file);
    scalars_read(out, file);
    sg_results_close(file);
    return true;
}

bool sg_run_pictures_read(sg_run_pictures *out, const sg_report_data *data, const sg_report_run *run)
{
    sg_results_file *file;
    if (!sg_run_light_read(out, data, run)) return false;
    if (!file_open(&file, data, run)) {
        sg_run_pictures_free(out);
        return false;
    }
    for (int i = 0; i < SG_PICTURE_SETS; i++) pictures_read(&out->set[i], file, picture_path[i]);
    if (run->task == SG_REPORT_SEGMENT) put_fullest_first(out);
    if (run->task == SG_REPORT_CLASSIFY) verdicts_read(out, file);
    sg_results_close(file);
    return true;
}

/* ---- pictures as PNG in the page ---- */
const float *sg_plane(const sg_pictures *p, int n, int c)
{
    return p->data + ((size_t)n * (size_t)p->c + (size_t)c) * (size_t)p->h * (size_t)p->w;
}

static void image_put(sg_text *h, const void *pixels, int height, int width, sg_png_kind kind, const char *alt)
{
    void *png;
    size_t size;
    if (sg_png_encode(&png, &size, pixels, height, width, kind) != SG_OK) return;
    sg_text_add(h, "<img alt=\"%s\" src=\"", alt);
    sg_text_data_uri(h, "image/png", png, size);
    sg_text_add(h, "\">");
    sg_free(png);
}

/* Grey, lo = black, hi = white; NaN is black. */
void sg_grey_put(sg_text *h, const float *x, int height, int width, double lo, double hi, const char *alt)
{
    const size_t len = (size_t)height * (size_t)width;
    unsigned char *pixels;
    const double scale = hi > lo ? 255 / (hi - lo) : 0;
    if (SG_ALLOC(&pixels, len, "a picture") != SG_OK) return;
    for (size_t i = 0; i < len; i++) {
        const double v = ((double)x[i] - lo) * scale + .5;
        pixels[i] = (unsigned char)(v > 255 ? 255 : v > 0 ? v : 0);
    }
    image_put(h, pixels, height, width, SG_PNG_GRAY8, alt);
    sg_free(pixels);
}

void sg_plane_put(sg_text *h, const sg_pictures *p, int n, int c, const char *alt)
{
    const float *x = sg_plane(p, n, c);
    const size_t len = (size_t)p->h * (size_t)p->w;
    sg_grey_put(h, x, p->h, p->w, sg_percentile(x, len, .5), sg_percentile(x, len, 99.7), alt);
}

/* White: both; orange: only predicted; blue: only in the truth. */
void sg_agreement_put(sg_text *h, const sg_pictures *prediction, const sg_pictures *truth, int n)
{
    static const unsigned char colour[4][3] = {{18, 22, 28}, {230, 126, 0}, {46, 139, 208}, {240, 240, 240}};
    const size_t len = (size_t)truth->h * (size_t)truth->w;
    const float *p = sg_plane(prediction, n, 0), *t = sg_plane(truth, n, 0);
    unsigned char *pixels;
    if (SG_ALLOC(&pixels, 3 * len, "a picture") != SG_OK) return;
    for (size_t i = 0; i < len; i++) memcpy(pixels + 3 * i, colour[(p[i] > .5f) + 2 * (t[i] > .5f)], 3);
    image_put(h, pixels, truth->h, truth->w, SG_PNG_RGB, "agreement");
    sg_free(pixels);
}

/* Orange: predicted too high; blue: too low; black: right. Full colour at half the spread of the truth. */
void sg_error_put(sg_text *h, const sg_pictures *prediction, const sg_pictures *truth, int n)
{
    static const double colour[2][3] = {{46, 139, 208}, {230, 126, 0}};
    const size_t len = (size_t)truth->h * (size_t)truth->w;
    const float *p = sg_plane(prediction, n, 0), *t = sg_plane(truth, n, 0);
    const double spread = sg_percentile(t, len, 99.7) - sg_percentile(t, len, .5);
    unsigned char *pixels;
    if (SG_ALLOC(&pixels, 3 * len, "a picture") != SG_OK) return;
    for (size_t i = 0; i < len; i++) {
        const double error = spread > 0 ? 2 * ((double)p[i] - (double)t[i]) / spread : 0;
        const double part = error < -1 ? 1 : error < 0 ? -error : error < 1 ? error : 1;
        for (int c = 0; c < 3; c++) pixels[3 * i + (size_t)c] = (unsigned char)(part * colour[error > 0][c] + .5);
    }
    image_put(h, pixels, truth->h, truth->w, SG_PNG_RGB, "error");
    sg_free(pixels);
}

bool sg_same_grid(const sg_pictures *a, const sg_pictures *b)
{
    return a->data && b->data && a->n == b->n && a->h == b->h && a->w == b->w;
}
