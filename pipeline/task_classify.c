/* task_classify.c - one of several classes for every picture. A row: cross entropy | number of the true class | probability
 * of each class. Metrics that look at one class against the rest are means over the classes. */
#include "core/memory.h"
#include "pipeline/class_metrics.h"
#include "pipeline/task.h"

#include <math.h>
#include <string.h>

enum { LOSS, TRUTH, PROBABILITY };
enum { METRIC_BALANCED, METRIC_ACCURACY, METRIC_F1, METRIC_AUC, METRIC_PRECISION };

static double log_sum(const float *logits, size_t classes)
{
    double largest = (double)logits[0], sum = 0;
    for (size_t c = 1; c < classes; c++) largest = (double)logits[c] > largest ? (double)logits[c] : largest;
    for (size_t c = 0; c < classes; c++) sum += exp((double)logits[c] - largest);
    return largest + log(sum);
}

static void predict(float *prediction, const float *logits, size_t classes)
{
    const double all = log_sum(logits, classes);
    for (size_t c = 0; c < classes; c++) prediction[c] = (float)exp((double)logits[c] - all);
}

static sg_status score(double *row, const sg_view *view)
{
    const size_t classes = (size_t)view->classes;
    row[LOSS] = log_sum(view->logits, classes) - (double)view->logits[(int)*view->label];
    row[TRUTH] = (double)*view->label;
    for (size_t c = 0; c < classes; c++) row[PROBABILITY + c] = (double)view->prediction[c];
    return SG_OK;
}

static const double *row_of(const sg_scores *s, int i)
{
    return s->row + (size_t)i * (size_t)s->row_len;
}

/* The first of the most probable classes. */
static int most_probable(const double *probability, int classes)
{
    int best = 0;
    for (int c = 1; c < classes; c++)
        if (probability[c] > probability[best]) best = c;
    return best;
}

/* As in training, but over the whole split: sum w(y) loss / sum w(y). */
static double weighted_loss(const sg_scores *s, const double *class_weight)
{
    double sum = 0, all = 0;
    for (int i = 0; i < s->count; i++) {
        sum += class_weight[s->truth[i]] * row_of(s, i)[LOSS];
        all += class_weight[s->truth[i]];
    }
    return all > 0 ? sum / all : 0;
}

static sg_status finish(sg_scores *s, const double *class_weight)
{
    SG_TRY(SG_ALLOC(&s->truth, (size_t)s->count, "evaluate"));
    SG_TRY(SG_ALLOC(&s->predicted, (size_t)s->count, "evaluate"));
    SG_TRY(SG_ALLOC(&s->order, (size_t)s->count * (size_t)s->classes, "evaluate"));
    for (int i = 0; i < s->count; i++) {
        s->truth[i] = (int)row_of(s, i)[TRUTH];
        s->predicted[i] = most_probable(row_of(s, i) + PROBABILITY, s->classes);
    }
    for (int c = 0; c < s->classes; c++)
        SG_TRY(
            sg_ranking_make(s->order + (size_t)c * (size_t)s->count, s->row + PROBABILITY + c, s->row_len, s->count));
    s->loss = weighted_loss(s, class_weight);
    return SG_OK;
}

sg_ranking sg_scores_ranking(const sg_scores *s, int chosen)
{
    return (sg_ranking){.order = s->order + (size_t)chosen * (size_t)s->count,
                        .score = s->row + PROBABILITY + chosen,
                        .stride = s->row_len,
                        .len = s->count,
                        .truth = s->truth,
                        .positive = chosen};
}

/* Mean over the classes where it is defined. */
static double class_mean(const sg_scores *s, double (*area)(const sg_ranking *, const uint32_t *),
                         const uint32_t *weight)
{
    double sum = 0;
    int defined = 0;
    for (int c = 0; c < s->classes; c++) {
        const sg_ranking ranking = sg_scores_ranking(s, c);
        const double value = area(&ranking, weight);
        sum += isnan(value) ? 0 : value;
        defined += !isnan(value);
    }
    return defined > 0 ? sum / defined : (double)NAN;
}

static void measure(double *metric, const void *context, const uint32_t *weight)
{
    const sg_scores *s = context;
    int64_t confusion[SG_CLASSES_MAX * SG_CLASSES_MAX] = {0};
    sg_confusion_add(confusion, s->classes, s->truth, s->predicted, weight, s->count);
    metric[METRIC_BALANCED] = sg_confusion_balanced_accuracy(confusion, s->classes);
    metric[METRIC_ACCURACY] = sg_confusion_accuracy(confusion, s->classes);
    metric[METRIC_F1] = sg_confusion_f1(confusion, s->classes);
    metric[METRIC_AUC] = class_mean(s, sg_ranking_auc, weight);
    metric[METRIC_PRECISION] = class_mean(s, sg_ranking_average_precision, weight);
}

const sg_task sg_task_classify = {
    .name = "classification",
    .metric = {"balanced_accuracy", "accuracy", "f1", "auc", "average_precision"},
    .row_len = PROBABILITY,
    .predict = predict,
    .score = score,
    .finish = finish,
    .measure = measure,
};
