/* task_segment.c - foreground or background in every pixel. A row:
 *     Dice | Jaccard | pixels of both, of the prediction, of the truth | AP at IoU .5, .55 .. .95 */
#include "pipeline/metrics.h"
#include "pipeline/task.h"

#include <math.h>

enum { DICE, JACCARD, BOTH, PREDICTION, TRUTH, AP, ROW = AP + SG_IOU_COUNT };
/* places in the table of metrics */
enum { METRIC_DICE, METRIC_AP50, METRIC_JACCARD, METRIC_POOLED, METRIC_AP };

static void predict(float *prediction, const float *logits, size_t len)
{
    for (size_t i = 0; i < len; i++) prediction[i] = (float)(1 / (1 + exp(-(double)logits[i])));
}

static sg_status score(double *row, const sg_view *view)
{
    sg_overlap overlap = {0};
    sg_matches matches[SG_IOU_COUNT] = {{0}};
    sg_overlap_add(&overlap, view->prediction, view->label, (size_t)view->side * (size_t)view->side, .5);
    SG_TRY(sg_matches_add(matches, view->prediction, view->instances, view->side, view->side, .5));
    row[DICE] = sg_overlap_dice(&overlap);
    row[JACCARD] = sg_overlap_jaccard(&overlap);
    row[BOTH] = (double)overlap.both;
    row[PREDICTION] = (double)overlap.prediction;
    row[TRUTH] = (double)overlap.truth;
    for (int t = 0; t < SG_IOU_COUNT; t++) row[AP + t] = sg_matches_ap(&matches[t]);
    return SG_OK;
}

static void measure(double *metric, const void *context, const uint32_t *weight)
{
    const sg_scores *s = context;
    const double both = sg_scores_mean(s, BOTH, weight),
                 sum = sg_scores_mean(s, PREDICTION, weight) + sg_scores_mean(s, TRUTH, weight);
    metric[METRIC_DICE] = sg_scores_mean(s, DICE, weight);
    metric[METRIC_AP50] = sg_scores_mean(s, AP, weight);
    metric[METRIC_JACCARD] = sg_scores_mean(s, JACCARD, weight);
    metric[METRIC_POOLED] = sum > 0 ? 2 * both / sum : 1;
    metric[METRIC_AP] = 0;
    for (int t = 0; t < SG_IOU_COUNT; t++) metric[METRIC_AP] += sg_scores_mean(s, AP + t, weight) / SG_IOU_COUNT;
}

const sg_task sg_task_segment = {
    .name = "segmentation",
    .metric = {"dice", "ap50", "jaccard", "dice_pooled", "ap"},
    .column = {{"dice", DICE}, {"ap50", AP}, {"jaccard", JACCARD}, {"ap", AP, SG_IOU_COUNT}},
    .row_len = ROW,
    .predict = predict,
    .score = score,
    .measure = measure,
};
