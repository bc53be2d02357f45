/* report_data.h - what the report knows: one run, or the runs of a sweep grouped by what was swept. Not public.
 *   key    a swept config key with its different values
 *   point  one combination of values of all keys
 *   cell   an arm at a point: its runs differ in the seed alone */
#ifndef SG_PIPELINE_REPORT_DATA_H
#define SG_PIPELINE_REPORT_DATA_H

#include "pipeline/collect_table.h"
#include "pipeline/results.h"
#include "pipeline/statistics.h"
#include "pipeline/sweep_index.h"
#include "pipeline/text.h"

#include <stdbool.h>

enum {
    SG_REPORT_SEEDS = 256, /* of a cell; more are left out, which the page says */
    SG_REPORT_NAME = 64,
    SG_REPORT_PATH = 1024,
    SG_REPORT_METRICS = 48,
};

/* A scalar of the results: /metrics/<key>, or /learned/<name> for key "learned/<name>". */
typedef struct sg_report_metric {
    char key[48], label[64], unit[16];
    int better;    /* 1: more is better, -1: less, 0: neither */
    bool hardware; /* learned, not a score */
    bool used;     /* some run has it */
} sg_report_metric;

typedef struct sg_report_key {
    char path[64], label[96]; /* "camera.bit_depth", "bit depth / bits" */
    bool numeric, log;        /* every value is a number; all > 0 and spanning more than a factor 30 */
    bool axis;                /* false: its value follows from that of another key */
    int count;
    const char **text; /* (count) of the index, whole; numbers ascending, words as they come */
    double *number;    /* (count) the numbers; of words 0, 1, 2, ... */
} sg_report_key;

typedef struct sg_report_series {
    int len;
    double *x, *y;
} sg_report_series;

typedef enum sg_report_curve { SG_CURVE_TRAIN, SG_CURVE_LOSS, SG_CURVE_SCORE, SG_CURVE_COUNT } sg_report_curve;
typedef enum sg_report_task { SG_REPORT_SEGMENT, SG_REPORT_REGRESS, SG_REPORT_CLASSIFY } sg_report_task;

typedef struct sg_report_run {
    char folder[SG_REPORT_NAME]; /* relative to the report's */
    int arm, point, row;         /* row: of the index */
    int value[SG_SWEEP_KEY_MAX]; /* for each key the number of its value */
    uint64_t seed;
    bool there; /* its results are read; else all below is NaN, false, 0 */
    double metric[SG_REPORT_METRICS];
    bool learned; /* some hardware was learned */
    bool stack;   /* sample.kind stack */
    sg_report_task task;
    int exposures, score; /* score: metric of SG_CURVE_SCORE; -1: none */
    char readout[16];
    sg_report_series curve[SG_CURVE_COUNT]; /* len 0: not in the file */
} sg_report_run;

typedef struct sg_report_cell {
    int arm, point, first, count; /* runs[first .. first + count - 1], by seed */
    sg_paired test;               /* arm - reference at the point, main metric; n 0: none */
    double p_holm;                /* of test.p_t among all cells; NaN: no test */
} sg_report_cell;

typedef struct sg_report_data {
    char dir[SG_REPORT_PATH];
    char title[SG_VALUE_MAX];
    char version[32];
    bool sweep;                   /* runs of an index, not one run */
    sg_report_run *runs;          /* by point, arm, seed */
    int run_count, there_count;   /* there: with results */
    char (*arms)[SG_REPORT_NAME]; /* in the order of the index */
    int arm_count, reference;
    bool *arm_learned; /* (arm_count) */
    sg_report_key keys[SG_SWEEP_KEY_MAX];
    int key_count;
    sg_report_cell *cells; /* by point, arm */
    int cell_count, point_count;
    int *cell_at;   /* (point_count, arm_count) index of the cell; -1: none */
    int shown;      /* the point for what is shown at one point */
    bool scattered; /* a random search: nearly every point has values of its own */
    sg_report_metric metrics[SG_REPORT_METRICS];
    int metric_count, main_metric; /* main: the first used one */
    sg_text notes;                 /* one line a run that could not be read */
    sg_sweep_index index;          /* of a sweep */
    sg_scalars scalars;            /* of a sweep: what summary.csv holds of runs[i], as run i */
} sg_report_data;

/* SG_E_IO if the folder holds no readable run. Free in any case. */
sg_status sg_report_load(sg_report_data *out, const char *dir);
void sg_report_data_free(sg_report_data *data);

/* NULL if the arm has no runs at the point. */
const sg_report_cell *sg_report_cell_at(const sg_report_data *data, int point, int arm);
/* The run of a cell with the smallest seed whose results are there; NULL: none, also for cell NULL. */
const sg_report_run *sg_report_first(const sg_report_data *data, const sg_report_cell *cell);
/* Values of one metric over the seeds of a cell, by seed; NaN is left out. Returns how many; 0 for NULL. seeds may be
 * NULL. */
int sg_report_values(const sg_report_data *data, const sg_report_cell *cell, int metric, double values[SG_REPORT_SEEDS],
                     uint64_t seeds[SG_REPORT_SEEDS]);
/* The values that two cells have for the same seeds. */
int sg_report_pairs(const sg_report_data *data, const sg_report_cell *a, const sg_report_cell *b, int metric,
                    double values_a[SG_REPORT_SEEDS], double values_b[SG_REPORT_SEEDS]);
/* Value number of `key` at a point. */
int sg_report_value_at(const sg_report_data *data, int point, int key);
/* The point that differs from `point` in one axis key, or in two (key_b -1: one); -1: not in the sweep. */
int sg_report_point_with(const sg_report_data *data, int point, int key_a, int value_a, int key_b, int value_b);
/* "bit depth 4 bits, dose 200 photons": the axis keys of a point without `but_a` and `but_b` (-1: none). Adds nothing
 * where none are left. */
void sg_report_point_text(const sg_report_data *data, int point, int but_a, int but_b, sg_text *out);
/* "range_e" -> "range": words for a reader, with `unit` without the unit at the end. */
void sg_report_plain(char *name, bool unit);
/* The text of a value, of a number with many digits three of them: "28.1171" -> "28.1". */
void sg_report_brief(char out[96], const sg_report_key *key, int value);
/* "4 bits", "half": value number `value` of a key with its unit. */
void sg_report_value_text(char out[96], const sg_report_key *key, int value);
/* "0.946" and, if half is a number, half behind it with two digits: "0.946", "0.012". */
void sg_report_number(char mean_text[32], char half_text[32], double mean, double half);
/* "PSNR / dB" and what comes after. */
void sg_report_metric_label(char out[96], const sg_report_data *data, int metric, const char *after);

/* ---- report_run.c ---- */
/* The scores that the program knows, most telling first. */
extern const sg_report_metric sg_report_known[];
extern const int sg_report_known_count;
/* Reads <dir>/<run->folder>/results.h5; adds metrics that the data does not have yet. A file that cannot be read is
 * noted, without an error. */
sg_status sg_report_run_read(sg_report_data *data, sg_report_run *run);
void sg_report_run_free(sg_report_run *run);
/* The text at "a.b" of a YAML text into out, "" if absent; of {init: v, ...} the v. True if it is there. */
bool sg_report_yaml(const char *yaml, const char *path, char *out, size_t size);

/* ---- report_csv.c ---- */
/* The bytes of summary.csv: the table of `scopegrad collect` as text, in the order of the index. */
sg_status sg_report_csv(const sg_report_data *data, sg_text *out);

#endif
