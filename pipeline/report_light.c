/* report_light.c - the report's LED patterns: of every arm at the shown point, and of the learned arms over a key. */
#include "pipeline/report_pictures.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PANELS_MAX = 8, ROWS_MAX = 4, VALUES_MAX = 6, ARMS_MAX = 24 };

static bool is_difference(const sg_run_pictures *p, const sg_report_run *run)
{
    return p->rows == 2 && strcmp(run->readout, "difference") == 0;
}

static void title_make(char out[96], const sg_run_pictures *p, const sg_report_run *run, int row, const char *before)
{
    const char *gap = *before ? ", " : "";
    if (p->rows == 1)
        (void)snprintf(out, 96, "%.90s", *before ? before : " ");
    else if (is_difference(p, run))
        (void)snprintf(out, 96, "%.60s%sexposure 1 - exposure 2", before, gap);
    else if (run->exposures > 0 && p->rows > run->exposures)
        (void)snprintf(out, 96, "%.60s%scolour %d, exposure %d", before, gap, row / run->exposures + 1,
                       row % run->exposures + 1);
    else
        (void)snprintf(out, 96, "%.60s%sexposure %d", before, gap, row + 1);
}

/* The panels of one run; *memory (sg_free) holds what they point to. Returns how many; 0: memory. */
static int panels_make(sg_figure_leds *panels, char (*titles)[96], int most, const sg_run_pictures *p,
                       const sg_report_run *run, const char *before, double **memory)
{
    const bool difference = is_difference(p, run);
    const int count = difference ? 1 : p->rows < most ? p->rows : most;
    const size_t leds = (size_t)p->leds, rows = (size_t)p->rows;
    if (SG_ALLOC(memory, (2 + rows) * leds, "LED patterns") != SG_OK) return 0;
    double *x = *memory, *y = x + leds, *weight = y + leds;
    for (size_t i = 0; i < leds; i++) {
        x[i] = p->na_xy[2 * i];
        y[i] = p->na_xy[2 * i + 1];
    }
    memcpy(weight, p->weight, rows * leds * sizeof *weight);
    for (size_t i = 0; difference && i < leds; i++) weight[i] -= p->weight[leds + i];
    for (int i = 0; i < count; i++) {
        title_make(titles[i], p, run, i, before);
        panels[i] = (sg_figure_leds){titles[i],
                                     p->leds,
                                     x,
                                     y,
                                     weight + (size_t)i * leds,
                                     difference,
                                     isfinite(p->wavelength_um) && p->rows <= run->exposures ? p->wavelength_um : 0};
    }
    return count;
}

sg_status sg_light_figure(sg_figure *out, const sg_run_pictures *p, const sg_report_run *run, int *panels)
{
    double *memory = NULL;
    char titles[PANELS_MAX][96];
    sg_figure_leds leds[PANELS_MAX];
    *out = (sg_figure){0};
    *panels = panels_make(leds, titles, PANELS_MAX, p, run, "", &memory);
    const sg_status status = *panels ? sg_figure_led_array(out, p->na, leds, *panels, *panels) : SG_E_MEMORY;
    sg_free(memory);
    return status;
}

static void light_put(sg_page *page, const sg_report_run *run)
{
    sg_run_pictures p;
    sg_figure figure;
    sg_text caption = {0};
    int panels;
    if (!sg_run_light_read(&p, page->data, run)) return;
    if (p.leds && isfinite(p.na)) {
        char name[SG_REPORT_NAME + 16];
        const char *arm = page->data->arms[run->arm];
        (void)snprintf(name, sizeof name, "light_%s", arm);
        const sg_status drawn = sg_light_figure(&figure, &p, run, &panels);
        sg_text_add(&caption, "<b>");
        sg_text_html(&caption, arm);
        sg_text_add(&caption, "</b>");
        if (isfinite(p.electrons))
            sg_text_add(&caption, " · %.*f electrons per pixel and exposure", p.electrons < 10 ? 1 : 0, p.electrons);
        const char *css = panels > 1     ? run->learned ? "card two learned" : "card two"
                          : run->learned ? "card learned"
                                         : "card";
        sg_page_figure(page, drawn, &figure, css, name, caption.data ? caption.data : "");
        sg_text_free(&caption);
    }
    sg_run_pictures_free(&p);
}

/* ---- over a key ---- */
/* True if the LED weights of the run were learned. */
static bool learns_light(const sg_report_data *data, const sg_report_run *run)
{
    char path[SG_REPORT_PATH + SG_REPORT_NAME + 16];
    sg_results_file *file;
    (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, run->folder);
    if (!run->learned || sg_results_open(&file, path) != SG_OK) return false;
    const bool learned = sg_results_has(file, "/learned/led_weight_initial");
    sg_results_close(file);
    return learned;
}

/* Panels as rows of exposures, a column a value: value v has its panels at v, v + columns, ... */
static void by_value(sg_figure_leds *out, const sg_figure_leds *in, int values, int exposures)
{
    for (int i = 0; i < values * exposures; i++) out[i % exposures * values + i / exposures] = in[i];
}

/* One learned arm, a value of the key beside the other; at most VALUES_MAX, evenly picked. */
static void arm_over_key(sg_page *page, int arm, int key)
{
    const sg_report_data *data = page->data;
    const int count = data->keys[key].count, shown = count < VALUES_MAX ? count : VALUES_MAX;
    sg_figure_leds leds[VALUES_MAX * ROWS_MAX], sorted[VALUES_MAX * ROWS_MAX];
    char titles[VALUES_MAX * ROWS_MAX][96], caption[200], name[160];
    double *memory[VALUES_MAX] = {NULL}, na = 0;
    int values = 0, exposures = 0;
    for (int i = 0; i < shown; i++) {
        const int v = shown > 1 ? i * (count - 1) / (shown - 1) : 0;
        const int point = sg_report_point_with(data, data->shown, key, v, -1, 0);
        const sg_report_run *run = sg_report_first(data, sg_report_cell_at(data, point, arm));
        sg_run_pictures p;
        if (!run || !learns_light(data, run) || !sg_run_light_read(&p, data, run)) continue;
        const int at = values * exposures;
        if (p.leds && isfinite(p.na)) {
            char value[96];
            sg_report_value_text(value, &data->keys[key], v);
            const int made = panels_make(leds + at, titles + at, ROWS_MAX, &p, run, value, &memory[i]);
            if (values == 0) exposures = made;
            values += made == exposures && made > 0;
            na = p.na;
        }
        sg_run_pictures_free(&p);
    }
    if (values > 1) {
        sg_figure figure;
        by_value(sorted, leds, values, exposures);
        const sg_status drawn = sg_figure_led_array(&figure, na, sorted, values * exposures, values);
        (void)snprintf(name, sizeof name, "light_%.60s_%.60s", data->arms[arm], data->keys[key].path);
        (void)snprintf(caption, sizeof caption, "<b>%.60s</b> over %.90s; first seed.", data->arms[arm],
                       data->keys[key].label);
        sg_page_figure(page, drawn, &figure, values > 2 ? "card whole learned" : "card two learned", name, caption);
    }
    for (int i = 0; i < VALUES_MAX; i++) sg_free(memory[i]);
}

/* ---- all ---- */
/* An emission has no LEDs to show; of one LED there is nothing to say. */
static bool has_light(const sg_report_data *data)
{
    sg_run_pictures p;
    for (int r = 0; r < data->run_count; r++) {
        if (!data->runs[r].there || !sg_run_light_read(&p, data, &data->runs[r])) continue;
        const bool lit = p.leds > 1;
        sg_run_pictures_free(&p);
        return lit;
    }
    return false;
}

void sg_page_light(sg_page *page)
{
    const sg_report_data *data = page->data;
    if (!has_light(data)) return;
    sg_text_add(&page->html, "<h2>The light</h2>\n<p>The LED array as the sample sees it: every disc is an LED at its "
                             "illumination angle, its size and colour are its "
                             "share of the photons (the bars: in %% of the light). Inside the dashed circle, the NA of "
                             "the objective, light enters "
                             "the camera directly (bright field); outside, "
                             "only what the sample scatters (dark field).</p>\n<div class=\"leds\">\n");
    for (int a = 0; a < data->arm_count && a < ARMS_MAX; a++) {
        const sg_report_run *run = sg_report_first(data, sg_report_cell_at(data, data->shown, a));
        if (run) light_put(page, run);
    }
    for (int k = 0; k < data->key_count; k++)
        for (int a = 0; a < data->arm_count && a < ARMS_MAX && data->keys[k].axis; a++)
            if (data->arm_learned[a]) arm_over_key(page, a, k);
    sg_text_add(&page->html, "</div>\n");
}
