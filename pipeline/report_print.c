/* report_print.c - the table of a report as text for the terminal. */
#include "pipeline/report.h"
#include "pipeline/report_data.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 2, CELL = 18, POINTS_MAX = 20 };

/* The first metrics that a run has; -1 where there are fewer. */
static void choose(int shown[SHOWN], const sg_report_data *data)
{
    int count = 0;
    for (int i = 0; i < SHOWN; i++) shown[i] = -1;
    for (int m = 0; m < data->metric_count && count < SHOWN; m++)
        if (data->metrics[m].used && data->metrics[m].better != 0) shown[count++] = m;
}

/* ± is two bytes and one column, so widths are counted by hand. */
static void print_cell(FILE *out, const double *values, int n)
{
    char text[80];
    char mean[32] = "-", half[32] = "";
    if (n) sg_report_number(mean, half, sg_mean(values, n), sg_interval95(values, n));
    const int width = snprintf(text, sizeof text, "%s%s%s", mean, *half ? " ± " : "", half) - (*half != '\0');
    fprintf(out, "  %s%*s", text, CELL - width > 0 ? CELL - width : 0, "");
}

static void print_row(FILE *out, const sg_report_data *data, const sg_report_cell *cell, const int shown[SHOWN],
                      int width)
{
    double values[SG_REPORT_SEEDS];
    const int n = sg_report_values(data, cell, shown[0], values, NULL);
    fprintf(out, "%-*s  %5d", width, data->arms[cell->arm], n);
    for (int i = 0; i < SHOWN && shown[i] >= 0; i++)
        print_cell(out, values, sg_report_values(data, cell, shown[i], values, NULL));
    fputc('\n', out);
}

static void print_point(FILE *out, const sg_report_data *data, int point, const int shown[SHOWN], int width)
{
    sg_text where = {0};
    sg_report_point_text(data, point, -1, -1, &where);
    if (where.len) fprintf(out, "\n%s\n", where.data);
    sg_text_free(&where);
    fprintf(out, "%-*s  seeds", width, "arm");
    for (int i = 0; i < SHOWN && shown[i] >= 0; i++) fprintf(out, "  %-*s", CELL, data->metrics[shown[i]].label);
    fputc('\n', out);
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_cell *cell = sg_report_cell_at(data, point, a);
        if (cell) print_row(out, data, cell, shown, width);
    }
}

/* "test: Dice 0.902, AP at IoU .5 0.738": every score of one run. */
static void print_run(FILE *out, const sg_report_data *data)
{
    const char *before = "test: ";
    for (int m = 0; m < data->metric_count; m++) {
        const sg_report_metric *metric = &data->metrics[m];
        if (isnan(data->runs[0].metric[m]) || metric->better == 0) continue;
        fprintf(out, "%s%s %.4g%s%s", before, metric->label, data->runs[0].metric[m], *metric->unit ? " " : "",
                metric->unit);
        before = ", ";
    }
    fputc('\n', out);
}

static void print_sweep(FILE *out, const sg_report_data *data)
{
    int shown[SHOWN], width = 3;
    choose(shown, data);
    if (shown[0] < 0) return;
    for (int a = 0; a < data->arm_count; a++)
        if ((int)strlen(data->arms[a]) > width) width = (int)strlen(data->arms[a]);
    fprintf(out, "mean ± half the 95 %% interval over seeds\n");
    for (int p = 0; p < data->point_count && p < POINTS_MAX; p++) print_point(out, data, p, shown, width);
    if (data->point_count > POINTS_MAX)
        fprintf(out, "... %d more conditions: see the page or summary.csv\n", data->point_count - POINTS_MAX);
    if (data->there_count < data->run_count)
        fprintf(out, "%d of %d runs have no results that can be read%s\n", data->run_count - data->there_count,
                data->run_count, data->notes.len ? ", of these:" : "");
    if (data->notes.len) fputs(data->notes.data, out);
    fputc('\n', out);
}

sg_status sg_report_print(const char *dir, FILE *out)
{
    sg_report_data data;
    const sg_status status = sg_report_load(&data, dir);
    if (status == SG_OK) (data.sweep ? print_sweep : print_run)(out, &data);
    sg_report_data_free(&data);
    return status;
}
