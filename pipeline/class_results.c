/* class_results.c - what a classification leaves in results.h5 beside its metrics: the confusion matrix, rates and curves
 * of each class, and what was said of each picture. */
#include "core/memory.h"
#include "pipeline/schema.h"
#include "pipeline/score_results.h"

#include <math.h>
#include <stdio.h>

enum { PATH_LETTERS = 256 };

static sg_status write_names(sg_results *out, const sg_scores *s, const sg_dataset *dataset)
{
    const char *names[SG_CLASSES_MAX];
    for (int c = 0; c < s->classes; c++) names[c] = sg_dataset_class_name(dataset, c);
    return sg_results_put_texts(out, "/metrics/per_class/name", names, s->classes);
}

static sg_status write_confusion(sg_results *out, const sg_scores *s, const int64_t *count)
{
    int32_t table[SG_CLASSES_MAX * SG_CLASSES_MAX];
    for (int i = 0; i < s->classes * s->classes; i++) table[i] = (int32_t)count[i];
    return sg_results_put(out, "/metrics/confusion", (const int[2]){s->classes, s->classes}, table);
}

static sg_status write_counts(sg_results *out, const sg_scores *s)
{
    int32_t count[SG_CLASSES_MAX] = {0};
    for (int i = 0; i < s->count; i++) count[s->truth[i]]++;
    return sg_results_put(out, "/metrics/per_class/count", &s->classes, count);
}

/* One number a class under each name. */
static sg_status write_rates(sg_results *out, const sg_scores *s, const int64_t *count)
{
    static const char *const names[] = {"sensitivity", "specificity", "ppv", "npv", "f1", "auc", "average_precision"};
    enum { RATES = sizeof names / sizeof names[0] };
    double value[RATES][SG_CLASSES_MAX];
    for (int c = 0; c < s->classes; c++) {
        const sg_class_rates r = sg_confusion_rates(count, s->classes, c);
        const sg_ranking ranking = sg_scores_ranking(s, c);
        const double all[RATES] = {r.sensitivity,
                                   r.specificity,
                                   r.ppv,
                                   r.npv,
                                   r.f1,
                                   sg_ranking_auc(&ranking, NULL),
                                   sg_ranking_average_precision(&ranking, NULL)};
        for (int k = 0; k < RATES; k++) value[k][c] = all[k];
    }
    for (int k = 0; k < RATES; k++) {
        char path[PATH_LETTERS];
        (void)snprintf(path, sizeof path, "/metrics/per_class/%s", names[k]);
        SG_TRY(sg_results_put(out, path, &s->classes, value[k]));
    }
    return SG_OK;
}

/* A class is a group of a file here: its name without what would be a path. */
static void curve_path(char out[PATH_LETTERS], const char *curve, const char *class_name, const char *axis)
{
    char name[PATH_LETTERS / 2];
    (void)snprintf(name, sizeof name, "%s", class_name);
    for (char *c = name; *c; c++)
        if (*c == '/') *c = '_';
    (void)snprintf(out, PATH_LETTERS, "/metrics/%s/%s/%s", curve, name, axis);
}

typedef int curve_maker(const sg_ranking *ranking, double *x, double *y, double *threshold);

/* names: the curve's, those of its two axes */
static sg_status write_curve(sg_results *out, const sg_scores *s, const char *class_name, int chosen, curve_maker *make,
                             const char *const names[3], double *room)
{
    const size_t len = (size_t)s->count + 1;
    double *const column[3] = {room, room + len, room + 2 * len};
    const char *const axes[3] = {names[1], names[2], "threshold"};
    const sg_ranking ranking = sg_scores_ranking(s, chosen);
    const int points = make(&ranking, column[0], column[1], column[2]);
    for (int k = 0; k < 3 && points > 0; k++) {
        char path[PATH_LETTERS];
        curve_path(path, names[0], class_name, axes[k]);
        SG_TRY(sg_results_put(out, path, &points, column[k]));
    }
    return SG_OK;
}

static sg_status write_curves(sg_results *out, const sg_scores *s, const sg_dataset *dataset)
{
    static const char *const roc[] = {"roc", "false_positive_rate", "true_positive_rate"}, *const pr[] = {"pr",
                                                                                                          "recall",
                                                                                                          "precision"};
    double *room;
    sg_status status = SG_OK;
    SG_TRY(SG_ALLOC(&room, 3 * ((size_t)s->count + 1), "results"));
    for (int c = 0; c < s->classes; c++) {
        const char *name = sg_dataset_class_name(dataset, c);
        SG_TRY_DONE(write_curve(out, s, name, c, sg_ranking_roc, roc, room));
        SG_TRY_DONE(write_curve(out, s, name, c, sg_ranking_pr, pr, room));
    }
done:
    sg_free(room);
    return status;
}

static sg_status write_pictures(sg_results *out, const sg_scores *s)
{
    const size_t classes = (size_t)s->classes;
    float *probability;
    SG_TRY(sg_results_put(out, "/metrics/per_image/truth", &s->count, s->truth));
    SG_TRY(sg_results_put(out, "/metrics/per_image/predicted", &s->count, s->predicted));
    SG_TRY(SG_ALLOC(&probability, (size_t)s->count * classes, "results"));
    for (size_t i = 0; i < (size_t)s->count * classes; i++)
        probability[i] = (float)sg_scores_ranking(s, (int)(i % classes)).score[i / classes * (size_t)s->row_len];
    const sg_status status =
        sg_results_put(out, "/metrics/per_image/probability", (const int[2]){s->count, s->classes}, probability);
    sg_free(probability);
    return status;
}

sg_status sg_class_results_write(sg_results *out, const sg_scores *s, const sg_dataset *dataset)
{
    int64_t count[SG_CLASSES_MAX * SG_CLASSES_MAX] = {0};
    sg_confusion_add(count, s->classes, s->truth, s->predicted, NULL, s->count);
    SG_TRY(write_names(out, s, dataset));
    SG_TRY(write_counts(out, s));
    SG_TRY(write_confusion(out, s, count));
    SG_TRY(write_rates(out, s, count));
    SG_TRY(write_curves(out, s, dataset));
    return write_pictures(out, s);
}
