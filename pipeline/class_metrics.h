/* class_metrics.h - how good a classifier is, from its confusion matrix and from its scores; scikit-learn gives the same
 * numbers. Every picture counts `weight` times (NULL: once), which is what a draw of the bootstrap asks for. A quotient
 * 0 / 0 is NaN; means over classes leave such classes out. Sources: Sokolova & Lapalme 2009 (rates), Fawcett 2006 (ROC),
 * Davis & Goadrich 2006 (precision and recall). */
#ifndef SG_PIPELINE_CLASS_METRICS_H
#define SG_PIPELINE_CLASS_METRICS_H

#include "core/status.h"

#include <stdint.h>

/* ---- from the confusion matrix ---- */
/* count (classes, classes), row = truth, column = prediction: adds weight[i] at (truth[i], predicted[i]), both in 0 ..
 * classes-1; len pictures. */
void sg_confusion_add(int64_t *count, int classes, const int *truth, const int *predicted, const uint32_t *weight,
                      int len);
/* Right ones / all. */
double sg_confusion_accuracy(const int64_t *count, int classes);
/* Mean sensitivity of the classes that occur. */
double sg_confusion_balanced_accuracy(const int64_t *count, int classes);

/* One class against the rest: true and false positives and negatives. */
typedef struct sg_class_rates {
    double sensitivity; /* TP / (TP + FN), recall */
    double specificity; /* TN / (TN + FP) */
    double ppv;         /* TP / (TP + FP), precision */
    double npv;         /* TN / (TN + FN) */
    double f1;          /* 2 TP / (2 TP + FP + FN) */
} sg_class_rates;
sg_class_rates sg_confusion_rates(const int64_t *count, int classes, int chosen);
/* Mean F1 of the classes that occur in truth or prediction. */
double sg_confusion_f1(const int64_t *count, int classes);

/* ---- from scores: one class against the rest ---- */
/* Pictures from the highest score down. order (len): their numbers, picture i has score[i * stride]; equal scores stay
 * in the order of their numbers. NaN goes last. */
sg_status sg_ranking_make(int *order, const double *score, int stride, int len);

typedef struct sg_ranking {
    const int *order; /* (len), of sg_ranking_make with the same scores */
    const double *score;
    int stride, len;
    const int *truth; /* (len) */
    int positive;     /* the class that counts as positive */
} sg_ranking;

/* Area under the ROC curve by trapezoids, equal scores make one step (= P(positive scores higher) + P(equal) / 2). NaN
 * without positive or without negative pictures. */
double sg_ranking_auc(const sg_ranking *ranking, const uint32_t *weight);
/* sum (R_n - R_(n-1)) P_n over the thresholds: average precision, no interpolation. NaN without positive pictures. */
double sg_ranking_average_precision(const sg_ranking *ranking, const uint32_t *weight);

/* Both curves have one point a threshold; a score counts as positive from the threshold up. Those on a straight line
 * between others are left out. x, y, threshold: len + 1 numbers each; returns the number of points.
 *   ROC: x = false positive rate, y = true positive rate, from (0, 0) at threshold infinity to (1, 1)
 *   PR:  x = recall, y = precision, from recall 1 to (0, 1) at threshold infinity
 * 0 points where the area above is NaN. */
int sg_ranking_roc(const sg_ranking *ranking, double *x, double *y, double *threshold);
int sg_ranking_pr(const sg_ranking *ranking, double *x, double *y, double *threshold);

#endif
