/* report_examples.c - what every arm saw of a test picture, and what it said. */
#include "pipeline/report_pictures.h"

#include "datasets/image.h"

#include <stdio.h>

enum { ARMS_MAX = 12, STRIP_MAX = 6 };

/* Grey from range[0] to range[1]; NULL: stretched to its own contrast. */
static void cell_put(sg_text *h, const sg_pictures *p, int n, int c, const char *alt, const double range[2])
{
    sg_text_add(h, "<td>");
    if (p->data && n < p->n && c < p->c) {
        if (range)
            sg_grey_put(h, sg_plane(p, n, c), p->h, p->w, range[0], range[1], alt);
        else
            sg_plane_put(h, p, n, c, alt);
    }
    sg_text_add(h, "</td>");
}

/* Reads the pictures of an arm at the shown point; false: there are none. */
static bool arm_read(sg_run_pictures *p, const sg_report_run **run, const sg_report_data *data, int arm)
{
    *run = sg_report_first(data, sg_report_cell_at(data, data->shown, arm));
    if (!*run || !sg_run_pictures_read(p, data, *run)) return false;
    if (p->set[SG_PICTURE_MEASUREMENT].data) return true;
    sg_run_pictures_free(p);
    return false;
}

static void arm_name(sg_text *h, const sg_report_data *data, const sg_report_run *run)
{
    sg_text_add(h, "<tr%s><td>", run->learned ? " class=\"learned\"" : "");
    sg_text_html(h, data->arms[run->arm]);
    sg_text_add(h, "</td>");
}

/* ---- masks and values ---- */
/* Prediction and truth share one grey scale: probabilities 0 .. 1, values the range of the truth. */
static void truth_range(double range[2], const sg_report_run *run, const sg_pictures *truth, int n)
{
    range[0] = 0;
    range[1] = 1;
    if (run->task != SG_REPORT_REGRESS || !truth->data || n >= truth->n) return;
    const size_t len = (size_t)truth->h * (size_t)truth->w;
    range[0] = sg_percentile(sg_plane(truth, n, 0), len, .5);
    range[1] = sg_percentile(sg_plane(truth, n, 0), len, 99.7);
}

static void example_row(sg_text *h, const sg_report_data *data, const sg_report_run *run, const sg_run_pictures *p,
                        int n, int channels)
{
    const sg_pictures *prediction = &p->set[SG_PICTURE_PREDICTION], *truth = &p->set[SG_PICTURE_TRUTH];
    double range[2];
    truth_range(range, run, truth, n);
    arm_name(h, data, run);
    cell_put(h, &p->set[SG_PICTURE_SAMPLE], n, 0, "sample", NULL);
    for (int c = 0; c < channels; c++) cell_put(h, &p->set[SG_PICTURE_MEASUREMENT], n, c, "measurement", NULL);
    cell_put(h, prediction, n, 0, "prediction", range);
    cell_put(h, truth, n, 0, "truth", range);
    sg_text_add(h, "<td>");
    if (sg_same_grid(prediction, truth) && n < truth->n)
        (run->task == SG_REPORT_REGRESS ? sg_error_put : sg_agreement_put)(h, prediction, truth, n);
    sg_text_add(h, "</td></tr>\n");
}

static void example_table(sg_page *page, sg_report_task task, int n, int channels)
{
    const sg_report_data *data = page->data;
    sg_text *h = &page->html;
    const sg_report_run *run;
    sg_run_pictures p;
    sg_text_add(h, "<div class=\"card scroll\"><table class=\"examples\"><thead><tr><th></th><th>sample</th>");
    for (int c = 0; c < channels; c++)
        sg_text_add(h, channels > 1 ? "<th>measurement %d</th>" : "<th>measurement</th>", c + 1);
    sg_text_add(h, "<th>prediction</th><th>truth</th><th>%s</th></tr></thead><tbody>\n",
                task == SG_REPORT_REGRESS ? "error" : "agreement");
    for (int a = 0; a < data->arm_count && a < ARMS_MAX; a++) {
        if (!arm_read(&p, &run, data, a)) continue;
        example_row(h, data, run, &p, n, channels);
        sg_run_pictures_free(&p);
    }
    sg_text_add(h, "</tbody></table></div>\n");
}

static void masks_put(sg_page *page, sg_report_task task, int count, int channels)
{
    sg_text *h = &page->html;
    sg_text_add(h, "<p class=\"key\">The same test picture in every arm (first seed). Measurements are stretched to "
                   "their own contrast. ");
    sg_text_add(h, "%s",
                task == SG_REPORT_REGRESS
                    ? "Error:<i style=\"background:#e67e00\"></i>predicted too high<i style=\"background:#2e8bd0\"></i>"
                      "too low; full colour at half the spread of the truth</p>\n"
                    : "Agreement:<i style=\"background:#f0f0f0\"></i>both<i style=\"background:#e67e00\"></i>only "
                      "predicted<i style=\"background:#2e8bd0\"></i>missed</p>\n");
    example_table(page, task, 0, channels);
    if (count < 2) return;
    sg_text_add(h, "<details><summary>A second picture</summary>\n");
    example_table(page, task, 1, channels);
    sg_text_add(h, "</details>\n");
}

/* ---- classes ---- */
/* The samples with their true classes. */
static void truth_strip(sg_text *h, const sg_run_pictures *p, int count)
{
    char name[48];
    sg_text_add(h, "<tr><td>sample, truth</td>");
    for (int n = 0; n < count; n++) {
        sg_text_add(h, "<td>");
        if (p->set[SG_PICTURE_SAMPLE].data) sg_plane_put(h, &p->set[SG_PICTURE_SAMPLE], n, 0, "sample");
        sg_class_name(name, p->classes, (int)p->truth[n]);
        sg_text_html(h, name);
        sg_text_add(h, "</td>");
    }
    sg_text_add(h, "</tr>\n");
}

/* What the network saw and said; a wrong answer is marked by a sign, not by its colour alone. */
static void verdict_strip(sg_text *h, const sg_report_data *data, const sg_report_run *run, const sg_run_pictures *p,
                          int count)
{
    char name[48];
    arm_name(h, data, run);
    for (int n = 0; n < count && n < p->verdicts; n++) {
        const bool right = p->truth[n] == p->predicted[n];
        sg_text_add(h, "<td>");
        if (n < p->set[SG_PICTURE_MEASUREMENT].n) sg_plane_put(h, &p->set[SG_PICTURE_MEASUREMENT], n, 0, "measurement");
        sg_class_name(name, p->classes, (int)p->predicted[n]);
        sg_text_add(h, "<span class=\"%s\">%s ", right ? "right" : "wrong", right ? "✓" : "✗");
        sg_text_html(h, name);
        sg_text_add(h, "</span></td>");
    }
    sg_text_add(h, "</tr>\n");
}

static void classes_put(sg_page *page, int count)
{
    const sg_report_data *data = page->data;
    sg_text *h = &page->html;
    bool first = true;
    const sg_report_run *run;
    sg_run_pictures p;
    sg_text_add(h, "<p>The same test pictures in every arm (first seed), with what the network saw of them and the "
                   "class that it gave: ✓ right, ✗ wrong.</p>\n<div class=\"card scroll\"><table "
                   "class=\"examples classes\"><tbody>\n");
    for (int a = 0; a < data->arm_count && a < ARMS_MAX; a++) {
        if (!arm_read(&p, &run, data, a)) continue;
        const int shown = count < p.verdicts ? count : p.verdicts;
        if (first && shown) truth_strip(h, &p, shown);
        first = false;
        verdict_strip(h, data, run, &p, shown);
        sg_run_pictures_free(&p);
    }
    sg_text_add(h, "</tbody></table></div>\n");
}

/* ---- all ---- */
/* Most channels and most example pictures of any arm, and what kind they are. */
static void examples_size(const sg_report_data *data, sg_report_task *task, int *channels, int *count)
{
    const sg_report_run *run;
    sg_run_pictures p;
    *channels = *count = 0;
    *task = SG_REPORT_SEGMENT;
    for (int a = 0; a < data->arm_count && a < ARMS_MAX; a++) {
        if (!arm_read(&p, &run, data, a)) continue;
        *task = run->task;
        if (p.set[SG_PICTURE_MEASUREMENT].c > *channels) *channels = p.set[SG_PICTURE_MEASUREMENT].c;
        if (p.set[SG_PICTURE_MEASUREMENT].n > *count) *count = p.set[SG_PICTURE_MEASUREMENT].n;
        sg_run_pictures_free(&p);
    }
}

void sg_page_examples(sg_page *page)
{
    sg_report_task task;
    int channels, count;
    examples_size(page->data, &task, &channels, &count);
    if (count == 0) return;
    sg_text_add(&page->html, "<h2>What the network sees, and what it says</h2>\n");
    if (page->data->arm_count > ARMS_MAX) sg_text_add(&page->html, "<p>The first %d arms.</p>\n", ARMS_MAX);
    if (task == SG_REPORT_CLASSIFY)
        classes_put(page, count < STRIP_MAX ? count : STRIP_MAX);
    else
        masks_put(page, task, count, channels < 4 ? channels : 4);
}
