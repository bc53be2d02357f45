/* report_keys.c - the report's charts against every swept key: one line an arm, small multiples over a second key. */
#include "pipeline/report_page.h"

#include "core/memory.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FACETS_MAX = 6, TICKS_MAX = 12, LINES_MAX = 16 };

/* One chart: what it shows and its numbers. */
typedef struct lines {
    const sg_report_data *data;
    int key, facet, facets, metric, arms; /* facet -1: one panel */
    sg_figure_panel panel[FACETS_MAX];
    char title[FACETS_MAX][128];
    sg_figure_curve *curves; /* (facets, arms) */
    double *numbers;         /* (facets, arms, 4, values) */
} lines;

static bool is_axis(const sg_report_data *data, int key)
{
    return data->keys[key].axis && data->keys[key].count > 1;
}

/* The other axis with the fewest values, not more than fit; -1: none. */
static int facet_of(const sg_report_data *data, int key)
{
    int best = -1;
    for (int k = 0; k < data->key_count; k++)
        if (k != key && is_axis(data, k) && data->keys[k].count <= FACETS_MAX &&
            (best < 0 || data->keys[k].count < data->keys[best].count))
            best = k;
    return best;
}

static void interval_put(double *at[4], int i, double x, const double *values, int n)
{
    const double half = n > 1 ? sg_interval95(values, n) : 0;
    at[0][i] = x;
    at[1][i] = sg_mean(values, n);
    at[2][i] = at[1][i] - half;
    at[3][i] = at[1][i] + half;
}

/* The curve of one arm in one panel. */
static void curve_fill(lines *l, int facet, int arm)
{
    const sg_report_data *data = l->data;
    const sg_report_key *key = &data->keys[l->key];
    double values[SG_REPORT_SEEDS], *at[4];
    const bool scattered = data->scattered;
    const int room = scattered ? data->point_count : key->count;
    sg_figure_curve *curve = &l->curves[facet * l->arms + arm];
    for (int c = 0; c < 4; c++) at[c] = l->numbers + ((ptrdiff_t)(facet * l->arms + arm) * 4 + c) * room;
    int len = 0, most = 0;
    for (int i = 0; i < room; i++) {
        const int point = scattered ? i : sg_report_point_with(data, data->shown, l->key, i, l->facet, facet);
        const int n = sg_report_values(data, sg_report_cell_at(data, point, arm), l->metric, values, NULL);
        if (n == 0) continue;
        const int v = scattered ? sg_report_value_at(data, point, l->key) : i;
        /* words: a little aside, by turns, so that marks do not cover each other */
        const double turn = scattered && !key->numeric ? .3 * (fmod(.618 * point, 1) - .5) : 0;
        interval_put(at, len++, key->number[v] + turn, values, n);
        most = n > most ? n : most;
    }
    const bool bars = most > 1 && !scattered;
    *curve = (sg_figure_curve){data->arms[arm],     data->arm_learned[arm], len, at[0], at[1],
                               bars ? at[2] : NULL, bars ? at[3] : NULL};
}

static void panels_fill(lines *l)
{
    const sg_report_data *data = l->data;
    for (int f = 0; f < l->facets; f++) {
        for (int a = 0; a < l->arms; a++) curve_fill(l, f, a);
        l->panel[f] = (sg_figure_panel){NULL, l->curves + f * l->arms, l->arms};
        if (l->facet < 0) continue;
        (void)snprintf(l->title[f], sizeof l->title[f], "%.60s = %.60s", data->keys[l->facet].label,
                       data->keys[l->facet].text[f]);
        l->panel[f].title = l->title[f];
    }
}

static sg_status lines_draw(sg_figure *out, const lines *l)
{
    const sg_report_key *key = &l->data->keys[l->key];
    const char *tick[TICKS_MAX];
    char label[96];
    sg_report_metric_label(label, l->data, l->metric, "");
    sg_figure_axes axes = {.x = key->label, .y = label, .log_x = key->log, .style = SG_FIGURE_BARS};
    if (l->data->scattered) axes.style = SG_FIGURE_DOTS;
    if (key->count <= TICKS_MAX) {
        for (int i = 0; i < key->count; i++) tick[i] = key->text[i];
        axes.tick = tick;
        axes.tick_at = key->number;
        axes.ticks = key->count;
    }
    return sg_figure_curves(out, &axes, l->panel, l->facets);
}

static void caption_make(sg_text *out, const lines *l)
{
    const sg_report_data *data = l->data;
    const sg_report_metric *m = &data->metrics[l->metric];
    sg_text where = {0};
    sg_text_add(out, "<b>");
    sg_text_html(out, m->label);
    sg_text_add(out, "</b> against <code>");
    sg_text_html(out, data->keys[l->key].path);
    sg_text_add(out, "</code>%s.", m->better < 0 ? ", less is better" : "");
    if (data->scattered)
        sg_text_add(out, " A mark a combination: mean over its seeds.");
    else {
        sg_report_point_text(data, data->shown, l->key, l->facet, &where);
        sg_text_add(out, " Mean over seeds and 95 %% interval of the mean (t).");
        if (data->arm_count > LINES_MAX) sg_text_add(out, " The first %d arms.", LINES_MAX);
        if (where.len) {
            sg_text_add(out, " Here: ");
            sg_text_html(out, where.data);
            sg_text_add(out, ".");
        }
    }
    sg_text_free(&where);
}

static void key_chart(sg_page *page, int key, int metric)
{
    const sg_report_data *data = page->data;
    const bool scattered = data->scattered;
    lines *l;
    sg_figure figure = {0};
    sg_text caption = {0};
    char name[160];
    if (SG_ALLOC(&l, 1, "a chart") != SG_OK) return;
    *l = (lines){.data = data, .key = key, .metric = metric, .facet = scattered ? -1 : facet_of(data, key)};
    l->arms = data->arm_count < LINES_MAX ? data->arm_count : LINES_MAX;
    l->facets = l->facet < 0 ? 1 : data->keys[l->facet].count;
    const size_t curves = (size_t)l->facets * (size_t)l->arms;
    const size_t room = (size_t)(scattered ? data->point_count : data->keys[key].count);
    sg_status status = SG_ALLOC(&l->curves, curves, "curves of a chart");
    if (status == SG_OK) status = SG_ALLOC(&l->numbers, 4 * curves * room, "curves of a chart");
    if (status == SG_OK) {
        panels_fill(l);
        status = lines_draw(&figure, l);
    }
    caption_make(&caption, l);
    (void)snprintf(name, sizeof name, "%.60s_%.60s", data->metrics[metric].key, data->keys[key].path);
    sg_page_figure(page, status, &figure, l->facets > 1 ? "card whole" : "card", name,
                   caption.data ? caption.data : "");
    sg_text_free(&caption);
    sg_free(l->curves);
    sg_free(l->numbers);
    sg_free(l);
}

static bool is_more(const sg_report_data *data, int metric)
{
    return metric == sg_page_second_metric(data) || (data->metrics[metric].used && data->metrics[metric].hardware);
}

/* A chart an axis for the main score; for what is `more`, folded up. */
static void charts_put(sg_page *page, bool more)
{
    const sg_report_data *data = page->data;
    for (int m = 0; m < data->metric_count; m++) {
        if (more ? !is_more(data, m) : m != data->main_metric) continue;
        for (int k = 0; k < data->key_count; k++)
            if (is_axis(data, k)) key_chart(page, k, m);
    }
}

void sg_page_keys(sg_page *page)
{
    const sg_report_data *data = page->data;
    bool any = false, more = false;
    for (int k = 0; k < data->key_count; k++) any = any || is_axis(data, k);
    for (int m = 0; m < data->metric_count; m++) more = more || is_more(data, m);
    if (!any) return;
    sg_text_add(&page->html, "<h2>Against what was swept</h2>\n<div class=\"pair\">\n");
    charts_put(page, false);
    sg_text_add(&page->html, "</div>\n");
    if (!more) return;
    sg_text_add(&page->html,
                "<details><summary>A second score, and what was learned</summary>\n<div class=\"pair\">\n");
    charts_put(page, true);
    sg_text_add(&page->html, "</div></details>\n");
}
