/* report_print.c - the table of a report as text for the terminal. */
#include "pipeline/report.h"
#include "pipeline/report_runs.h"
#include "pipeline/statistics.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 2, CELL = 18 };

/* The first metrics that a run has; -1 where there are fewer. */
static void choose(int shown[SHOWN], const sg_report_data *data)
{
    int count = 0;
    for (int i = 0; i < SHOWN; i++) shown[i] = -1;
    for (int m = 0; m < SG_REPORT_METRICS && count < SHOWN; m++)
        for (int i = 0; i < data->run_count; i++)
            if (!isnan(data->runs[i].metric[m])) {
                shown[count++] = m;
                break;
            }
}

/* +- is two bytes and one column, so widths are counted by hand. */
static void print_cell(FILE *out, const double *values, int n)
{
    char text[64];
    int width = n < 1 ? snprintf(text, sizeof text, "-") : snprintf(text, sizeof text, "%.3f", sg_mean(values, n));
    if (n > 1) width += snprintf(text + width, sizeof text - (size_t)width, " ± %.3f", sg_deviation(values, n)) - 1;
    fprintf(out, "  %s%*s", text, CELL - width > 0 ? CELL - width : 0, "");
}

static void print_row(FILE *out, const sg_report_data *data, const char *arm, double dose, const int shown[SHOWN],
                      int width)
{
    double values[SG_REPORT_SEEDS];
    const sg_report_run *run = sg_report_find(data, arm, dose);
    if (run == NULL) return;
    const int n = sg_report_values(data, arm, dose, shown[0], values, NULL);
    fprintf(out, "%-*s  %9d  %5d", width, arm, run->exposures, n);
    for (int i = 0; i < SHOWN && shown[i] >= 0; i++)
        print_cell(out, values, sg_report_values(data, arm, dose, shown[i], values, NULL));
    fputc('\n', out);
}

static void print_dose(FILE *out, const sg_report_data *data, double dose, const int shown[SHOWN], int width)
{
    if (isfinite(dose)) fprintf(out, "\n%g photons per camera pixel; mean ± standard deviation over seeds\n", dose);
    fprintf(out, "%-*s  exposures  seeds", width, "arm");
    for (int i = 0; i < SHOWN && shown[i] >= 0; i++)
        fprintf(out, "  %-*s", CELL, sg_report_metric_table[shown[i]].label);
    fputc('\n', out);
    for (int a = 0; a < data->arm_count; a++) print_row(out, data, data->arms[a], dose, shown, width);
}

/* "test: Dice 0.902, AP at IoU .5 0.738": every metric of one run. */
static void print_run(FILE *out, const sg_report_run *run)
{
    const char *before = "test: ";
    for (int m = 0; m < SG_REPORT_METRICS; m++) {
        const sg_report_metric *metric = &sg_report_metric_table[m];
        if (isnan(run->metric[m])) continue;
        fprintf(out, "%s%s %.4g%s%s", before, metric->label, run->metric[m], *metric->unit ? " " : "", metric->unit);
        before = ", ";
    }
    fputc('\n', out);
}

static void print_experiment(FILE *out, const sg_report_data *data)
{
    int shown[SHOWN], width = 3;
    choose(shown, data);
    for (int a = 0; a < data->arm_count; a++)
        if ((int)strlen(data->arms[a]) > width) width = (int)strlen(data->arms[a]);
    for (int d = 0; d < data->dose_count && shown[0] >= 0; d++) print_dose(out, data, data->doses[d], shown, width);
    if (data->dose_count == 0 && shown[0] >= 0) print_dose(out, data, (double)NAN, shown, width);
    fputc('\n', out);
}

sg_status sg_report_print(const char *dir, FILE *out)
{
    sg_report_data data;
    const sg_status status = sg_report_load(&data, dir);
    if (status == SG_OK && data.experiment)
        print_experiment(out, &data);
    else if (status == SG_OK)
        print_run(out, &data.runs[0]);
    sg_report_data_free(&data);
    return status;
}
