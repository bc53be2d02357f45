/* report_runs.h - what the report knows: the runs below a folder, grouped into arms and doses. Not public. */
#ifndef SG_PIPELINE_REPORT_RUNS_H
#define SG_PIPELINE_REPORT_RUNS_H

#include "pipeline/results.h"
#include "pipeline/text.h"

#include <stdbool.h>

enum { SG_REPORT_METRICS = 6, SG_REPORT_SEEDS = 64, SG_REPORT_NAME = 64, SG_REPORT_PATH = 1024, SG_REPORT_KEYS = 20 };

/* A metric of the test split: dataset /metrics/<key>. */
typedef struct sg_report_metric {
    const char *key, *label, *unit;
    bool higher_better;
} sg_report_metric;
extern const sg_report_metric sg_report_metric_table[SG_REPORT_METRICS];

typedef struct sg_report_series {
    int len;
    double *x, *y;
} sg_report_series;

typedef enum sg_report_curve { SG_CURVE_TRAIN, SG_CURVE_LOSS, SG_CURVE_DICE, SG_CURVE_COUNT } sg_report_curve;

typedef struct sg_report_run {
    char arm[SG_REPORT_NAME], folder[SG_REPORT_PATH]; /* folder: relative to the report's */
    double dose, seed;                                /* NaN: unknown */
    double metric[SG_REPORT_METRICS];                 /* NaN: not in the file */
    bool learned;                                     /* its light was learned */
    bool regression, stack;                           /* loss.kind mse; sample.kind stack */
    int exposures;
    char readout[16];
    sg_report_series curve[SG_CURVE_COUNT]; /* len 0: not in the file */
} sg_report_run;

typedef struct sg_report_data {
    char dir[SG_REPORT_PATH];
    char title[256];
    char version[32];
    bool experiment; /* a folder of runs, not one run */
    sg_report_run *runs;
    int run_count, run_room;
    char (*arms)[SG_REPORT_NAME]; /* in the order of sweep.yaml, then by name */
    int arm_count;
    double doses[32]; /* ascending */
    int dose_count;
    double main_dose; /* the middle one: for what is shown at one dose */
    int main_metric;  /* index of the first metric that any run has */
    sg_text notes;    /* one line a run that could not be read */
} sg_report_data;

/* SG_E_IO if the folder holds no readable run. Free in any case. */
sg_status sg_report_load(sg_report_data *out, const char *dir);
void sg_report_data_free(sg_report_data *data);

/* The run of (arm, dose) with the smallest seed; NULL if there is none. NaN equals NaN. */
const sg_report_run *sg_report_find(const sg_report_data *data, const char *arm, double dose);
/* Values of one metric over the seeds of (arm, dose), by seed; NaN values are left out. Returns how many. seeds may be
 * NULL. */
int sg_report_values(const sg_report_data *data, const char *arm, double dose, int metric,
                     double values[SG_REPORT_SEEDS], double seeds[SG_REPORT_SEEDS]);
/* The bytes of summary.csv. */
void sg_report_csv(const sg_report_data *data, sg_text *out);

/* The text at "a.b" of a YAML text into out, "" if absent; of {init: v, ...} the v. True if it is there. */
bool sg_report_yaml(const char *yaml, const char *path, char *out, size_t size);

#endif
