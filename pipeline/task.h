/* task.h - what a run is scored by. There are three tasks, each a file with its table of metrics and three functions:
 * segmentation (task_segment.c), regression (task_regress.c) and classification (task_classify.c). A picture leaves one
 * row of numbers. Every metric is a function of the rows and of how often each counts, so the same function gives the
 * metric of a split and of every draw of its bootstrap interval (bootstrap.h). */
#ifndef SG_PIPELINE_TASK_H
#define SG_PIPELINE_TASK_H

#include "core/status.h"
#include "pipeline/class_metrics.h"
#include "pipeline/config.h"

#include <stdint.h>

/* SG_DATA_RANGE: of the values of a regression, 0 to 1, as of the samples: what PSNR and SSIM are for */
enum { SG_METRIC_MAX = 8, SG_METRIC_LOGGED = 2, SG_DATA_RANGE = 1 };

/* One picture that went through the program; pointers are valid during a call only. */
typedef struct sg_view {
    int index;
    const float *sample;      /* (N, N) or (K, C, C) */
    const float *adu;         /* (E, h, w) */
    const float *channels;    /* (channels, c, c) */
    const float *logits;      /* (c, c), or (classes) */
    const float *prediction;  /* the same many: probability, or value (mse) */
    const float *label;       /* (c, c), or the number of the class */
    const int32_t *instances; /* (c, c); classification: none */
    int side;                 /* c, or 1 */
    int classes;              /* of a classification, else 0 */
} sg_view;

/* All pictures of a split. Owns what it points to: sg_scores_free. */
typedef struct sg_scores {
    const struct sg_task *task;
    int count, row_len, classes; /* pictures; numbers a picture; classes of a classification */
    double loss;                 /* mean over the pictures, weighted as in training */
    double metric[SG_METRIC_MAX], interval[SG_METRIC_MAX][2]; /* interval: NaN before sg_scores_bootstrap */
    double electrons[SG_FRAME_MAX]; /* mean detected electrons per pixel, from the ADU, per exposure */
    double *row;                    /* (count, row_len), see the task's file */
    int *truth, *predicted;         /* (count) classification only */
    int *order;                     /* (classes, count) classification only: sg_ranking_make of each class */
} sg_scores;

/* Numbers of a row that are worth keeping: /metrics/per_image/<name>. */
typedef struct sg_column {
    const char *name;
    int at, len; /* len 0: one number; else a second axis */
} sg_column;

typedef struct sg_task {
    const char *name;
    const char *metric[SG_METRIC_MAX]; /* names, as in schema.h; NULL ends them. The first SG_METRIC_LOGGED stand in
                                        * log.csv; the first one chooses the best model */
    bool least;                        /* the best one is the least one */
    sg_column column[SG_METRIC_MAX];   /* a name NULL ends them */
    int row_len;                       /* numbers a picture, and one more for each class */
    /* prediction (len) of logits; may be the same place */
    void (*predict)(float *prediction, const float *logits, size_t len);
    sg_status (*score)(double *row, const sg_view *view);
    /* When all rows are there: what metrics need besides; NULL: nothing. class_weight: of the loss. */
    sg_status (*finish)(sg_scores *scores, const double *class_weight);
    /* metric (as many as the table has); an sg_statistic */
    void (*measure)(double *metric, const void *scores, const uint32_t *weight);
} sg_task;

extern const sg_task sg_task_segment, sg_task_regress, sg_task_classify;
/* The task of a loss. */
const sg_task *sg_task_of(const sg_config *config);
int sg_task_metrics(const sg_task *task);

/* sum of column `at` of the rows, weighted, / sum of the weights (NULL: all 1). */
double sg_scores_mean(const sg_scores *scores, int at, const uint32_t *weight);
/* Fills `interval`, for the split that the scores are of: pictures are drawn, what was cut from one stays together. */
sg_status sg_scores_bootstrap(sg_scores *scores, const sg_dataset *dataset, sg_split split);
/* What makes a model the best one: larger is better. Where two are equal, the smaller loss wins. */
double sg_scores_rank(const sg_scores *scores);
/* One class of a classification against the rest. */
sg_ranking sg_scores_ranking(const sg_scores *scores, int chosen);
void sg_scores_free(sg_scores *scores);

#endif
