/* class_metrics.c - see class_metrics.h. Counts are exact integers, quotients double. */
#include "pipeline/class_metrics.h"

#include <math.h>
#include <stddef.h>

/* ---- from the confusion matrix ---- */

void sg_confusion_add(int64_t *count, int classes, const int *truth, const int *predicted, const uint32_t *weight,
                      int len)
{
    for (int i = 0; i < len; i++) count[truth[i] * classes + predicted[i]] += weight != NULL ? weight[i] : 1;
}

static double quotient(int64_t part, int64_t all)
{
    return all == 0 ? (double)NAN : (double)part / (double)all;
}

typedef struct counts {
    int64_t tp, fp, fn, tn;
} counts;

static counts counts_of(const int64_t *count, int classes, int chosen)
{
    counts c = {0};
    for (int t = 0; t < classes; t++)
        for (int p = 0; p < classes; p++) {
            int64_t *place = t == chosen ? (p == chosen ? &c.tp : &c.fn) : (p == chosen ? &c.fp : &c.tn);
            *place += count[t * classes + p];
        }
    return c;
}

sg_class_rates sg_confusion_rates(const int64_t *count, int classes, int chosen)
{
    const counts c = counts_of(count, classes, chosen);
    return (sg_class_rates){.sensitivity = quotient(c.tp, c.tp + c.fn),
                            .specificity = quotient(c.tn, c.tn + c.fp),
                            .ppv = quotient(c.tp, c.tp + c.fp),
                            .npv = quotient(c.tn, c.tn + c.fn),
                            .f1 = quotient(2 * c.tp, 2 * c.tp + c.fp + c.fn)};
}

double sg_confusion_accuracy(const int64_t *count, int classes)
{
    int64_t right = 0, all = 0;
    for (int i = 0; i < classes * classes; i++) {
        all += count[i];
        right += i % (classes + 1) == 0 ? count[i] : 0;
    }
    return quotient(right, all);
}

typedef struct mean {
    double sum;
    int count;
} mean;

static void mean_add(mean *m, double value)
{
    if (isnan(value)) return;
    m->sum += value;
    m->count++;
}

static double mean_of(const mean *m)
{
    return m->count > 0 ? m->sum / m->count : (double)NAN;
}

double sg_confusion_balanced_accuracy(const int64_t *count, int classes)
{
    mean m = {0};
    for (int c = 0; c < classes; c++) mean_add(&m, sg_confusion_rates(count, classes, c).sensitivity);
    return mean_of(&m);
}

double sg_confusion_f1(const int64_t *count, int classes)
{
    mean m = {0};
    for (int c = 0; c < classes; c++) mean_add(&m, sg_confusion_rates(count, classes, c).f1);
    return mean_of(&m);
}
