/* report_keys.c - the report's charts against every swept key: one line an arm, small multiples over a second key; the
 * main score also as the difference to the reference, seed by seed. */
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
    bool difference;                      /* to the reference, by pairs of seeds */
    int n_least, n_most;                  /* seeds of a mark */
    bool own;                             /* every panel has its own range of y */
    int outside;                          /* marks beyond the range of their panel, the farthest of them: */
    double farthest;
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

/* Of one arm at a point: the values of its seeds, or their differences to those of the reference. */
static int values_at(const lines *l, int point, int arm, double values[SG_REPORT_SEEDS])
{
    const sg_report_data *data = l->data;
    const sg_report_cell *cell = sg_report_cell_at(data, point, arm);
    double reference[SG_REPORT_SEEDS];
    if (!l->difference) return sg_report_values(data, cell, l->metric, values, NULL);
    if (arm == data->reference) return 0;
    const int n =
        sg_report_pairs(data, cell, sg_report_cell_at(data, point, data->reference), l->metric, values, reference);
    for (int i = 0; i < n; i++) values[i] -= reference[i];
    return n;
}

static void count_seeds(lines *l, int n)
{
    l->n_least = l->n_most && l->n_least < n ? l->n_least : n;
    l->n_most = l->n_most > n ? l->n_most : n;
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
        const int n = values_at(l, point, arm, values);
        if (n == 0) continue;
        const int v = scattered ? sg_report_value_at(data, point, l->key) : i;
        /* words: a little aside, by turns, so that marks do not cover each other */
        const double turn = scattered && !key->numeric ? .3 * (fmod(.618 * point, 1) - .5) : 0;
        interval_put(at, len++, key->number[v] + turn, values, n);
        count_seeds(l, n);
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
        l->panel[f] = (sg_figure_panel){.curves = l->curves + f * l->arms, .count = l->arms};
        char value[96];
        if (l->facet < 0) continue;
        sg_report_brief(value, &data->keys[l->facet], f);
        (void)snprintf(l->title[f], sizeof l->title[f], "%.60s = %.60s", data->keys[l->facet].label, value);
        l->panel[f].title = l->title[f];
    }
}

/* ---- the range of y ---- */
/* The arm whose mean is best at this x of a panel; -1: none has one. */
static int best_at(const lines *l, int facet, double x)
{
    const int sign = l->data->metrics[l->metric].better;
    double top = 0;
    int best = -1;
    for (int a = 0; a < l->arms; a++) {
        const sg_figure_curve *curve = &l->curves[facet * l->arms + a];
        for (int i = 0; i < curve->len; i++) {
            if (curve->x[i] != x || (best >= 0 && !(sign * (curve->mean[i] - top) > 0))) continue;
            best = a;
            top = curve->mean[i];
        }
    }
    return best;
}

/* Wanted in a panel: the reference and, at each x, the best arm. Of what was learned, all. */
static sg_report_view view_of(const lines *l, int facet)
{
    const sg_report_metric *m = &l->data->metrics[l->metric];
    sg_report_view view = l->difference ? sg_report_view_none() : sg_report_view_of(m);
    const bool score = l->data->metrics[l->metric].better != 0 && l->arms > 1;
    if (l->difference) sg_report_view_take(&view, 0, true);
    for (int a = 0; a < l->arms; a++) {
        const sg_figure_curve *curve = &l->curves[facet * l->arms + a];
        for (int i = 0; i < curve->len; i++) {
            const bool wanted = !score || a == l->data->reference || a == best_at(l, facet, curve->x[i]);
            sg_report_view_take(&view, curve->mean[i], wanted);
            if (curve->low) sg_report_view_take(&view, curve->low[i], wanted);
            if (curve->high) sg_report_view_take(&view, curve->high[i], wanted);
        }
    }
    return view;
}

static void count_outside(lines *l, int facet)
{
    const sg_figure_panel *p = &l->panel[facet];
    const double middle = .5 * (p->y_lo + p->y_hi);
    for (int a = 0; a < l->arms; a++)
        for (int i = 0; i < p->curves[a].len; i++) {
            const double mean = p->curves[a].mean[i];
            if (mean >= p->y_lo && mean <= p->y_hi) continue;
            if (l->outside++ == 0 || fabs(mean - middle) > fabs(l->farthest - middle)) l->farthest = mean;
        }
}

/* One range for all panels, or each its own where in some panel the wanted ones would take less than a third of it. */
static void views_fill(lines *l)
{
    sg_report_view view[FACETS_MAX], all = sg_report_view_none();
    if (l->data->scattered) return;
    for (int f = 0; f < l->facets; f++) {
        view[f] = view_of(l, f);
        sg_report_view_join(&all, &view[f]);
    }
    for (int f = 0; f < l->facets; f++)
        l->own = l->own || (view[f].hi > view[f].lo && view[f].hi - view[f].lo < (all.hi - all.lo) / 3);
    sg_report_view_fit(&all);
    for (int f = 0; f < l->facets; f++) {
        sg_report_view_fit(&view[f]);
        if (!l->own) view[f] = all;
        if (!(view[f].lo < view[f].hi)) continue;
        l->panel[f].y_lo = view[f].lo;
        l->panel[f].y_hi = view[f].hi;
        count_outside(l, f);
    }
}

static sg_status lines_draw(sg_figure *out, const lines *l)
{
    const sg_report_key *key = &l->data->keys[l->key];
    const char *tick[TICKS_MAX];
    char label[96], text[TICKS_MAX][96];
    sg_report_metric_label(label, l->data, l->metric, l->difference ? ", difference" : "");
    sg_figure_axes axes = {.x = key->label, .y = label, .log_x = key->log, .style = SG_FIGURE_BARS};
    axes.zero_line = l->difference;
    if (l->data->scattered) axes.style = SG_FIGURE_DOTS;
    if (key->count <= TICKS_MAX) {
        for (int i = 0; i < key->count; i++) {
            sg_report_brief(text[i], key, i);
            tick[i] = text[i];
        }
        axes.tick = tick;
        axes.tick_at = key->number;
        axes.ticks = key->count;
    }
    return sg_figure_curves(out, &axes, l->panel, l->facets);
}

/* What a mark and its bar are; of one seed alone there is no interval. */
static void seeds_put(sg_text *out, const lines *l)
{
    const char *what = l->difference ? "pairs of seeds" : "seeds";
    if (l->n_most < 2)
        sg_text_add(out, l->difference ? " One pair of seeds" : " One seed");
    else if (l->n_least == l->n_most)
        sg_text_add(out, " Mean over n = %d %s and 95 %% interval of the mean (t)", l->n_most, what);
    else
        sg_text_add(out, " Mean over n = %d to %d %s and 95 %% interval of the mean (t)", l->n_least, l->n_most, what);
    sg_text_add(out, l->n_most < 2 ? ": no interval." : l->n_least < 2 ? "; of n = 1 no interval." : ".");
}

/* Where the chart stands, and what its axis leaves out. */
static void range_tell(sg_text *out, const lines *l)
{
    const sg_report_data *data = l->data;
    sg_text where = {0};
    sg_report_point_text(data, data->shown, l->key, l->facet, &where);
    if (data->arm_count > LINES_MAX) sg_text_add(out, " The first %d arms.", LINES_MAX);
    if (where.len) {
        sg_text_add(out, " Here: ");
        sg_text_html(out, where.data);
        sg_text_add(out, ".");
    }
    if (l->own) sg_text_add(out, " Every panel has its own scale.");
    if (l->outside == 1)
        sg_text_add(out,
                    " The scale is fitted to the reference and the best arm; one mean (%.3g) lies off it: the arrow.",
                    l->farthest);
    else if (l->outside)
        sg_text_add(out,
                    " The scale is fitted to the reference and the best arm; %d means (farthest: %.3g) lie off it: "
                    "the arrows.",
                    l->outside, l->farthest);
    sg_text_free(&where);
}

static void caption_make(sg_text *out, const lines *l)
{
    const sg_report_data *data = l->data;
    const sg_report_metric *m = &data->metrics[l->metric];
    sg_text_add(out, "<b>");
    sg_text_html(out, m->label);
    sg_text_add(out, l->difference ? ", arm − " : "</b> against <code>");
    if (l->difference) sg_text_html(out, data->arms[data->reference]);
    if (l->difference) sg_text_add(out, "</b>, seed by seed, against <code>");
    sg_text_html(out, data->keys[l->key].path);
    sg_text_add(out, "</code>%s.", m->better < 0 ? ", less is better" : "");
    if (data->scattered) {
        sg_text_add(out, " A mark a combination%s.", l->n_most > 1 ? ": mean over its seeds" : ", one seed each");
        return;
    }
    seeds_put(out, l);
    if (l->difference && l->n_most > 1) sg_text_add(out, " An interval that holds 0 shows no difference.");
    range_tell(out, l);
}

static void key_chart(sg_page *page, int key, int metric, bool difference)
{
    const sg_report_data *data = page->data;
    const bool scattered = data->scattered;
    lines *l;
    sg_figure figure = {0};
    sg_text caption = {0};
    char name[160];
    if (SG_ALLOC(&l, 1, "a chart") != SG_OK) return;
    *l = (lines){.data = data, .key = key, .metric = metric, .difference = difference};
    l->facet = scattered ? -1 : facet_of(data, key);
    l->arms = data->arm_count < LINES_MAX ? data->arm_count : LINES_MAX;
    l->facets = l->facet < 0 ? 1 : data->keys[l->facet].count;
    const size_t curves = (size_t)l->facets * (size_t)l->arms;
    const size_t room = (size_t)(scattered ? data->point_count : data->keys[key].count);
    sg_status status = SG_ALLOC(&l->curves, curves, "curves of a chart");
    if (status == SG_OK) status = SG_ALLOC(&l->numbers, 4 * curves * room, "curves of a chart");
    if (status == SG_OK) {
        panels_fill(l);
        views_fill(l);
        if (l->n_most) status = lines_draw(&figure, l);
    }
    caption_make(&caption, l);
    (void)snprintf(name, sizeof name, "%s%.60s_%.60s", difference ? "difference_" : "", data->metrics[metric].key,
                   data->keys[key].path);
    if (l->n_most > 0 || status != SG_OK)
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

static bool has_differences(const sg_report_data *data)
{
    return data->arm_count > 1 && !data->scattered;
}

/* A chart an axis for the main score, and one of its differences; for what is `more`, folded up. */
static void charts_put(sg_page *page, bool more)
{
    const sg_report_data *data = page->data;
    for (int m = 0; m < data->metric_count; m++) {
        if (more ? !is_more(data, m) : m != data->main_metric) continue;
        for (int k = 0; k < data->key_count; k++)
            if (is_axis(data, k)) {
                key_chart(page, k, m, false);
                if (!more && has_differences(data)) key_chart(page, k, m, true);
            }
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
