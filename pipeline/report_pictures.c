/* report_pictures.c - the report's pictures: the chain from light to prediction, the LED patterns, examples of every
 * arm. */
#include "pipeline/report_page.h"

#include "core/memory.h"
#include "datasets/image.h"
#include "datasets/png.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- data of one run ---- */
typedef struct pictures {
    float *data; /* (n, c, h, w); NULL: not in the file */
    int n, c, h, w;
} pictures;

enum { P_SAMPLE, P_MEASUREMENT, P_ADU, P_PREDICTION, P_TRUTH, P_COUNT };
static const char *const picture_path[P_COUNT] = {"/examples/sample", "/examples/measurement", "/examples/adu",
                                                  "/examples/prediction", "/examples/truth"};

typedef struct run_pictures {
    pictures set[P_COUNT];
    double *weight, *na_xy; /* (exposures, leds), (leds, 2) */
    int exposures, leds;
    double na, electrons; /* NaN: unknown; electrons: mean over exposures */
} run_pictures;

static void pictures_read(pictures *out, const sg_results_file *file, const char *path)
{
    int rank, dims[SG_RESULTS_RANK];
    *out = (pictures){0};
    if (!sg_results_has(file, path) || sg_results_read_f32(file, path, &out->data, &rank, dims) != SG_OK) return;
    if (rank == 3 || rank == 4) {
        out->n = dims[0];
        out->c = rank == 4 ? dims[1] : 1;
        out->h = dims[rank - 2];
        out->w = dims[rank - 1];
        return;
    }
    sg_free(out->data);
    out->data = NULL;
}

static void light_read(run_pictures *out, const sg_results_file *file)
{
    int rank, dims[SG_RESULTS_RANK], na_dims[SG_RESULTS_RANK];
    if (!sg_results_has(file, "/learned/led_weight") || !sg_results_has(file, "/learned/led_na")) return;
    const char *shown = "/learned/led_weight_shown",
               *path = sg_results_has(file, shown) ? shown : "/learned/led_weight";
    if (sg_results_read_f64(file, path, &out->weight, &rank, dims) != SG_OK || rank != 2) return;
    if (sg_results_read_f64(file, "/learned/led_na", &out->na_xy, &rank, na_dims) != SG_OK || rank != 2) return;
    if (na_dims[0] != dims[1] || na_dims[1] != 2) return;
    out->exposures = dims[0];
    out->leds = dims[1];
}

static void scalars_read(run_pictures *out, const sg_results_file *file)
{
    char *config, text[32];
    double *electrons;
    int rank, dims[SG_RESULTS_RANK];
    out->na = out->electrons = (double)NAN;
    if (sg_results_read_text(file, "/config", &config) == SG_OK) {
        if (sg_report_yaml(config, "optics.na", text, sizeof text)) out->na = strtod(text, NULL);
        sg_free(config);
    }
    if (!sg_results_has(file, "/light/mean_electrons")) return;
    if (sg_results_read_f64(file, "/light/mean_electrons", &electrons, &rank, dims) != SG_OK) return;
    const int count = rank == 0 ? 1 : dims[0];
    out->electrons = 0;
    for (int i = 0; i < count; i++) out->electrons += electrons[i] / count;
    sg_free(electrons);
}

static void run_pictures_free(run_pictures *p)
{
    for (int i = 0; i < P_COUNT; i++) sg_free(p->set[i].data);
    sg_free(p->weight);
    sg_free(p->na_xy);
    *p = (run_pictures){0};
}

static void swap_pictures(pictures *p, int i, int k)
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
static void put_fullest_first(run_pictures *p)
{
    const pictures *truth = &p->set[P_TRUTH];
    for (int i = 0; truth->data && i < 2 && i < truth->n; i++) {
        const size_t len = (size_t)truth->h * (size_t)truth->w;
        size_t most = 0;
        int fullest = i;
        for (int n = i; n < truth->n; n++) {
            size_t count = 0;
            for (size_t j = 0; j < len; j++) count += truth->data[(size_t)n * len + j] > .5F;
            if (count > most) most = count, fullest = n;
        }
        for (int k = 0; k < P_COUNT; k++)
            if (p->set[k].data && p->set[k].n == truth->n) swap_pictures(&p->set[k], i, fullest);
    }
}

static bool run_pictures_read(run_pictures *out, const sg_report_data *data, const sg_report_run *run)
{
    char path[2 * SG_REPORT_PATH + 16];
    sg_results_file *file;
    *out = (run_pictures){0};
    (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, run->folder);
    if (sg_results_open(&file, path) != SG_OK) return false;
    for (int i = 0; i < P_COUNT; i++) pictures_read(&out->set[i], file, picture_path[i]);
    if (!run->regression) put_fullest_first(out);
    light_read(out, file);
    scalars_read(out, file);
    sg_results_close(file);
    return true;
}

/* ---- pictures as PNG in the page ---- */
static const float *plane(const pictures *p, int n, int c)
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
static void grey_put(sg_text *h, const float *x, int height, int width, double lo, double hi, const char *alt)
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

static void plane_put(sg_text *h, const pictures *p, int n, int c, const char *alt)
{
    const float *x = plane(p, n, c);
    const size_t len = (size_t)p->h * (size_t)p->w;
    grey_put(h, x, p->h, p->w, sg_percentile(x, len, .5), sg_percentile(x, len, 99.7), alt);
}

/* White: both; orange: only predicted; blue: only in the truth. */
static void agreement_put(sg_text *h, const pictures *prediction, const pictures *truth, int n)
{
    static const unsigned char colour[4][3] = {{18, 22, 28}, {230, 126, 0}, {46, 139, 208}, {240, 240, 240}};
    const size_t len = (size_t)truth->h * (size_t)truth->w;
    const float *p = plane(prediction, n, 0), *t = plane(truth, n, 0);
    unsigned char *pixels;
    if (SG_ALLOC(&pixels, 3 * len, "a picture") != SG_OK) return;
    for (size_t i = 0; i < len; i++) memcpy(pixels + 3 * i, colour[(p[i] > .5f) + 2 * (t[i] > .5f)], 3);
    image_put(h, pixels, truth->h, truth->w, SG_PNG_RGB, "agreement");
    sg_free(pixels);
}

/* Orange: predicted too high; blue: too low; black: right. Full colour at half the spread of the truth. */
static void error_put(sg_text *h, const pictures *prediction, const pictures *truth, int n)
{
    static const double colour[2][3] = {{46, 139, 208}, {230, 126, 0}};
    const size_t len = (size_t)truth->h * (size_t)truth->w;
    const float *p = plane(prediction, n, 0), *t = plane(truth, n, 0);
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

static bool same_grid(const pictures *a, const pictures *b)
{
    return a->data && b->data && a->n == b->n && a->h == b->h && a->w == b->w;
}

/* ---- LED patterns ---- */
enum { PANELS_MAX = 8 };

/* The panels of a pattern: with read-out "difference" the two exposures are one pattern with signs. */
static sg_status light_draw(sg_figure *out, const run_pictures *p, const sg_report_run *run, int *panels)
{
    double *memory;
    char title[PANELS_MAX][32];
    sg_figure_leds leds[PANELS_MAX];
    const bool signed_pair = p->exposures == 2 && strcmp(run->readout, "difference") == 0;
    *out = (sg_figure){0};
    *panels = signed_pair ? 1 : p->exposures < PANELS_MAX ? p->exposures : PANELS_MAX;
    SG_TRY(SG_ALLOC(&memory, 3 * (size_t)p->leds, "LED positions"));
    double *x = memory, *y = x + p->leds, *difference = y + p->leds;
    for (int i = 0; i < p->leds; i++) {
        x[i] = p->na_xy[2 * i];
        y[i] = p->na_xy[2 * i + 1];
        if (signed_pair) difference[i] = p->weight[i] - p->weight[p->leds + i];
    }
    for (int i = 0; i < *panels; i++) {
        (void)snprintf(title[i], sizeof title[i],
                       p->exposures == 1 ? " "
                       : signed_pair     ? "exposure 1 - exposure 2"
                                         : "exposure %d",
                       i + 1);
        leds[i] = (sg_figure_leds){
            title[i], p->leds, x, y, signed_pair ? difference : p->weight + (ptrdiff_t)i * p->leds, signed_pair};
    }
    const sg_status status = sg_figure_led_array(out, p->na, leds, *panels);
    sg_free(memory);
    return status;
}

static void light_put(sg_page *page, const sg_report_run *run)
{
    run_pictures p;
    sg_figure figure;
    int panels;
    if (!run_pictures_read(&p, page->data, run)) return;
    if (p.leds && isfinite(p.na)) {
        char name[SG_REPORT_NAME + 16];
        sg_text caption = {0};
        (void)snprintf(name, sizeof name, "light_%s", run->arm);
        for (char *c = name; *c; c++)
            if (*c == '/') *c = '_';
        const sg_status drawn = light_draw(&figure, &p, run, &panels);
        sg_text_add(&caption, "<b>");
        sg_text_html(&caption, run->arm);
        sg_text_add(&caption, "</b>");
        if (isfinite(p.electrons)) sg_text_add(&caption, " · %.3g electrons per pixel and exposure", p.electrons);
        const char *css = panels > 1     ? run->learned ? "card two learned" : "card two"
                          : run->learned ? "card learned"
                                         : "card";
        sg_page_figure(page, drawn, &figure, css, name, caption.data ? caption.data : "");
        sg_text_free(&caption);
    }
    run_pictures_free(&p);
}

/* An emission has no LEDs to show. */
static bool has_light(const sg_report_data *data)
{
    run_pictures p;
    const bool there = data->run_count > 0 && run_pictures_read(&p, data, &data->runs[0]);
    const bool lit = there && p.leds > 0;
    if (there) run_pictures_free(&p);
    return lit;
}

void sg_page_light(sg_page *page)
{
    const sg_report_data *data = page->data;
    if (!has_light(data)) return;
    sg_text_add(&page->html, "<h2>The light</h2>\n<p>The LED array as the sample sees it: every disc is an LED at its "
                             "illumination angle, its size and colour are its "
                             "share of the photons. Inside the dashed circle, the NA of the objective, light enters "
                             "the camera directly (bright field); outside, "
                             "only what the sample scatters (dark field).</p>\n<div class=\"leds\">\n");
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_run *run = sg_report_find(data, data->arms[a], data->main_dose);
        if (run) light_put(page, run);
    }
    sg_text_add(&page->html, "</div>\n");
}

/* ---- the chain ---- */
/* The arm that the chain shows: the learned one with the best mean, else the first. */
static const sg_report_run *shown_run(const sg_report_data *data)
{
    const sg_report_run *best = NULL;
    for (int i = 0; i < data->run_count; i++) {
        const sg_report_run *run = &data->runs[i];
        if (isfinite(data->main_dose) && run->dose != data->main_dose) continue;
        if (!best || (run->learned && !best->learned))
            best = run;
        else if (run->learned == best->learned && run->exposures > best->exposures)
            best = run;
    }
    return best ? best : &data->runs[0];
}

static void link_open(sg_text *h, bool *first)
{
    sg_text_add(h, *first ? "<figure>" : "<span class=\"arrow\">→</span><figure>");
    *first = false;
}

/* The first panel alone, without title and colour bar: the window of the drawing is narrowed to SG_FIGURE_LED_SQUARE.
 */
static void square_put(sg_text *h, const char *svg)
{
    static const char mark[] = "viewBox=\"";
    const char *begin = strstr(svg, mark), *end = begin ? strchr(begin + strlen(mark), '"') : NULL;
    if (!end)
        sg_text_add(h, "%s", svg);
    else
        sg_text_add(h, "%.*s%s" SG_FIGURE_LED_SQUARE "%s", (int)(begin - svg), svg, mark, end);
}

static void chain_picture(sg_text *h, const pictures *p, const char *title, const char *text, bool *first)
{
    if (!p->data) return;
    link_open(h, first);
    plane_put(h, p, 0, 0, title);
    sg_text_add(h, "<figcaption><b>%s</b>%s</figcaption></figure>\n", title, text);
}

void sg_page_chain(sg_page *page)
{
    const sg_report_run *run = shown_run(page->data);
    sg_text *h = &page->html;
    run_pictures p;
    bool first = true;
    if (!run_pictures_read(&p, page->data, run)) return;
    const pictures *s = p.set;
    sg_text_add(h, "<h2>From photons to the answer</h2>\n<p>One test picture on its way through the chain, arm <b>");
    sg_text_html(h, run->arm);
    sg_text_add(h, "</b>.%s</p>\n<div class=\"card chain\">\n",
                run->learned ? " Light and network are trained together." : "");
    chain_picture(h, &s[P_SAMPLE], "Sample",
                  run->stack ? "as measured under the first LED alone" : "as the data set holds it", &first);
    sg_figure figure;
    int panels;
    if (p.leds && isfinite(p.na) && light_draw(&figure, &p, run, &panels) == SG_OK) {
        link_open(h, &first);
        square_put(h, figure.svg);
        sg_text_add(h, "<figcaption><b>Light</b>%s</figcaption></figure>\n",
                    panels > 1 ? "the LED array, exposure 1" : "the LED array");
        sg_figure_free(&figure);
    }
    char text[96] = "digital counts of exposure 1";
    if (isfinite(p.electrons))
        (void)snprintf(text, sizeof text, "exposure 1 in ADU; %.3g electrons per pixel", p.electrons);
    chain_picture(h, &s[P_ADU], "Camera", text, &first);
    chain_picture(h, &s[P_MEASUREMENT], "Measurement", "what the network sees", &first);
    chain_picture(h, &s[P_PREDICTION], "Prediction",
                  run->regression ? "what the network makes of it" : "probability of foreground, pixel by pixel",
                  &first);
    chain_picture(h, &s[P_TRUTH], "Truth", run->regression ? "the picture it should make" : "the label it should find",
                  &first);
    sg_text_add(h, "</div>\n");
    run_pictures_free(&p);
}

/* ---- examples ---- */
/* Grey from range[0] to range[1]; NULL: stretched to its own contrast. */
static void cell_put(sg_text *h, const pictures *p, int n, int c, const char *alt, const double range[2])
{
    sg_text_add(h, "<td>");
    if (p->data && n < p->n && c < p->c) {
        if (range)
            grey_put(h, plane(p, n, c), p->h, p->w, range[0], range[1], alt);
        else
            plane_put(h, p, n, c, alt);
    }
    sg_text_add(h, "</td>");
}

/* Prediction and truth share one grey scale: probabilities 0 .. 1, values the range of the truth. */
static void truth_range(double range[2], const sg_report_run *run, const pictures *truth, int n)
{
    range[0] = 0;
    range[1] = 1;
    if (!run->regression || !truth->data || n >= truth->n) return;
    const size_t len = (size_t)truth->h * (size_t)truth->w;
    range[0] = sg_percentile(plane(truth, n, 0), len, .5);
    range[1] = sg_percentile(plane(truth, n, 0), len, 99.7);
}

static void example_row(sg_text *h, const sg_report_run *run, const run_pictures *p, int n, int channels)
{
    const pictures *prediction = &p->set[P_PREDICTION], *truth = &p->set[P_TRUTH];
    double range[2];
    truth_range(range, run, truth, n);
    sg_text_add(h, "<tr%s><td>", run->learned ? " class=\"learned\"" : "");
    sg_text_html(h, run->arm);
    sg_text_add(h, "</td>");
    cell_put(h, &p->set[P_SAMPLE], n, 0, "sample", NULL);
    for (int c = 0; c < channels; c++) cell_put(h, &p->set[P_MEASUREMENT], n, c, "measurement", NULL);
    cell_put(h, prediction, n, 0, "prediction", range);
    cell_put(h, truth, n, 0, "truth", range);
    sg_text_add(h, "<td>");
    if (same_grid(prediction, truth) && n < truth->n)
        (run->regression ? error_put : agreement_put)(h, prediction, truth, n);
    sg_text_add(h, "</td></tr>\n");
}

static bool is_regression(const sg_report_data *data)
{
    return data->runs[0].regression;
}

static void example_table(sg_page *page, int n, int channels)
{
    const sg_report_data *data = page->data;
    sg_text *h = &page->html;
    sg_text_add(h, "<div class=\"card scroll\"><table class=\"examples\"><thead><tr><th></th><th>sample</th>");
    for (int c = 0; c < channels; c++)
        sg_text_add(h, channels > 1 ? "<th>measurement %d</th>" : "<th>measurement</th>", c + 1);
    sg_text_add(h, "<th>prediction</th><th>truth</th><th>%s</th></tr></thead><tbody>\n",
                is_regression(data) ? "error" : "agreement");
    for (int a = 0; a < data->arm_count; a++) {
        run_pictures p;
        const sg_report_run *run = sg_report_find(data, data->arms[a], data->main_dose);
        if (!run || !run_pictures_read(&p, data, run)) continue;
        if (p.set[P_MEASUREMENT].data) example_row(h, run, &p, n, channels);
        run_pictures_free(&p);
    }
    sg_text_add(h, "</tbody></table></div>\n");
}

/* Most channels and most example pictures of any arm. */
static void examples_size(const sg_report_data *data, int *channels, int *count)
{
    *channels = *count = 0;
    for (int a = 0; a < data->arm_count; a++) {
        run_pictures p;
        const sg_report_run *run = sg_report_find(data, data->arms[a], data->main_dose);
        if (!run || !run_pictures_read(&p, data, run)) continue;
        if (p.set[P_MEASUREMENT].c > *channels) *channels = p.set[P_MEASUREMENT].c;
        if (p.set[P_MEASUREMENT].n > *count) *count = p.set[P_MEASUREMENT].n;
        run_pictures_free(&p);
    }
}

void sg_page_examples(sg_page *page)
{
    sg_text *h = &page->html;
    int channels, count;
    examples_size(page->data, &channels, &count);
    if (count == 0) return;
    sg_text_add(h, "<h2>What the network sees, and what it says</h2>\n<p class=\"key\">The same test picture under "
                   "every light (first seed). Measurements are stretched to their own contrast. ");
    sg_text_add(h,
                is_regression(page->data)
                    ? "Error:<i style=\"background:#e67e00\"></i>predicted too high<i style=\"background:#2e8bd0\"></i>"
                      "too low; full colour at half the spread of the truth</p>\n"
                    : "Agreement:<i style=\"background:#f0f0f0\"></i>both<i style=\"background:#e67e00\"></i>only "
                      "predicted<i style=\"background:#2e8bd0\"></i>missed</p>\n");
    example_table(page, 0, channels);
    if (count < 2) return;
    sg_text_add(h, "<details><summary>A second picture</summary>\n");
    example_table(page, 1, channels);
    sg_text_add(h, "</details>\n");
}
