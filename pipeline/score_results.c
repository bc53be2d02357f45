/* score_results.c - see score_results.h. What is written follows from the task's tables. */
#include "pipeline/score_results.h"

#include "core/memory.h"
#include "pipeline/metrics.h"
#include "pipeline/schema.h"

#include <math.h>
#include <stdio.h>

enum { PATH_LETTERS = 96 };

static sg_status write_metric(sg_results *out, const sg_scores *s, int m)
{
    char path[PATH_LETTERS];
    if (isnan(s->metric[m])) return SG_OK;
    (void)snprintf(path, sizeof path, "/metrics/%s", s->task->metric[m]);
    SG_TRY(sg_results_put_number(out, path, s->metric[m]));
    (void)snprintf(path, sizeof path, "/metrics/interval/%s", s->task->metric[m]);
    return sg_results_put(out, path, &(int){2}, s->interval[m]);
}

/* Column c of all pictures. */
static sg_status write_column(sg_results *out, const sg_scores *s, const sg_column *c)
{
    char path[PATH_LETTERS];
    const size_t len = c->len > 0 ? (size_t)c->len : 1;
    const int dims[2] = {s->count, c->len};
    double *numbers;
    SG_TRY(SG_ALLOC(&numbers, (size_t)s->count * len, "results"));
    for (size_t i = 0; i < (size_t)s->count * len; i++)
        numbers[i] = s->row[i / len * (size_t)s->row_len + (size_t)c->at + i % len];
    (void)snprintf(path, sizeof path, "/metrics/per_image/%s", c->name);
    const sg_status status = sg_results_put(out, path, dims, numbers);
    sg_free(numbers);
    return status;
}

static sg_status write_names(sg_results *out, const sg_dataset *dataset, sg_split split)
{
    const int count = sg_dataset_count(dataset, split);
    const char **names;
    SG_TRY(SG_ALLOC(&names, (size_t)count, "results"));
    for (int i = 0; i < count; i++) names[i] = sg_dataset_name(dataset, split, i);
    const sg_status status = sg_results_put_texts(out, "/metrics/per_image/name", names, count);
    sg_free(names);
    return status;
}

static sg_status write_iou_thresholds(sg_results *out)
{
    double threshold[SG_IOU_COUNT];
    for (int t = 0; t < SG_IOU_COUNT; t++) threshold[t] = (10 + t) / 20.;
    return sg_results_put(out, "/metrics/iou_threshold", &(int){SG_IOU_COUNT}, threshold);
}

sg_status sg_scores_write(sg_results *out, const sg_scores *s, const sg_dataset *dataset, sg_split split)
{
    SG_TRY(sg_results_put_number(out, "/metrics/loss", s->loss));
    for (int m = 0; m < sg_task_metrics(s->task); m++) SG_TRY(write_metric(out, s, m));
    SG_TRY(write_names(out, dataset, split));
    if (s->task == &sg_task_segment) SG_TRY(write_iou_thresholds(out));
    if (s->task == &sg_task_classify) SG_TRY(sg_class_results_write(out, s, dataset));
    if (s->task == &sg_task_regress) SG_TRY(sg_results_put_number(out, "/metrics/data_range", SG_DATA_RANGE));
    for (const sg_column *c = s->task->column; c->name != NULL; c++) SG_TRY(write_column(out, s, c));
    return SG_OK;
}
