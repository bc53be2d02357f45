/* task_regress.c - a number in every pixel. A row: mean squared error | structural similarity. Peak and range are
 * SG_DATA_RANGE. */
#include "pipeline/metrics.h"
#include "pipeline/task.h"

#include <string.h>

enum { MSE, SSIM, ROW };
enum { METRIC_MSE, METRIC_SSIM, METRIC_PSNR };

static void predict(float *prediction, const float *logits, size_t len)
{
    memmove(prediction, logits, len * sizeof *prediction);
}

static sg_status score(double *row, const sg_view *view)
{
    row[MSE] = sg_mean_square_error(view->prediction, view->label, (size_t)view->side * (size_t)view->side);
    return sg_ssim(&row[SSIM], view->prediction, view->label, view->side, view->side, SG_DATA_RANGE);
}

/* The places of a batch past the end of the split cannot be left out of the loss, since every number is a label: the
 * pictures alone make it. */
static sg_status finish(sg_scores *scores, const double *class_weight)
{
    (void)class_weight;
    scores->loss = sg_scores_mean(scores, MSE, NULL);
    return SG_OK;
}

static void measure(double *metric, const void *context, const uint32_t *weight)
{
    metric[METRIC_MSE] = sg_scores_mean(context, MSE, weight);
    metric[METRIC_SSIM] = sg_scores_mean(context, SSIM, weight);
    metric[METRIC_PSNR] = sg_psnr_db(metric[METRIC_MSE], SG_DATA_RANGE);
}

const sg_task sg_task_regress = {
    .name = "regression",
    .metric = {"mse", "ssim", "psnr_db"},
    .least = true,
    .column = {{"mse", MSE}, {"ssim", SSIM}},
    .row_len = ROW,
    .predict = predict,
    .score = score,
    .finish = finish,
    .measure = measure,
};
