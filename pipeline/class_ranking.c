/* class_ranking.c - ROC, precision and recall of class_metrics.h: one walk down the sorted scores, a stop after each run
 * of equal ones. */
#include "core/memory.h"
#include "pipeline/class_metrics.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

typedef struct scored {
    double score;
    int number;
} scored;

static int from_the_highest(const void *a, const void *b)
{
    const scored *x = a, *y = b;
    if (isnan(x->score) != isnan(y->score)) return isnan(x->score) ? 1 : -1;
    if (x->score != y->score && !isnan(x->score)) return x->score < y->score ? 1 : -1;
    return (x->number > y->number) - (x->number < y->number);
}

sg_status sg_ranking_make(int *order, const double *score, int stride, int len)
{
    scored *list;
    SG_TRY(SG_ALLOC(&list, (size_t)len, "ranking of the pictures"));
    for (int i = 0; i < len; i++) list[i] = (scored){score[(size_t)i * (size_t)stride], i};
    qsort(list, (size_t)len, sizeof *list, from_the_highest);
    for (int i = 0; i < len; i++) order[i] = list[i].number;
    sg_free(list);
    return SG_OK;
}

/* ---- the walk ---- */
typedef struct step {
    int next; /* the next place in the order */
    double score;
    int64_t tp, fp; /* counted as positive so far */
} step;

/* Takes all pictures of the next score; false: there are no more. */
static bool advance(step *s, const sg_ranking *r, const uint32_t *weight)
{
    if (s->next >= r->len) return false;
    s->score = r->score[(size_t)r->order[s->next] * (size_t)r->stride];
    do {
        const int i = r->order[s->next++], times = weight != NULL ? (int)weight[i] : 1;
        *(r->truth[i] == r->positive ? &s->tp : &s->fp) += times;
    } while (s->next < r->len && r->score[(size_t)r->order[s->next] * (size_t)r->stride] == s->score);
    return true;
}

static step totals(const sg_ranking *r, const uint32_t *weight)
{
    step s = {0};
    for (; s.next < r->len; s.next++)
        *(r->truth[s.next] == r->positive ? &s.tp : &s.fp) += weight != NULL ? weight[s.next] : 1;
    return s;
}

double sg_ranking_auc(const sg_ranking *ranking, const uint32_t *weight)
{
    const step all = totals(ranking, weight);
    double area = 0;
    if (all.tp == 0 || all.fp == 0) return NAN;
    for (step s = {0}, before = s; advance(&s, ranking, weight); before = s)
        area += (double)(s.fp - before.fp) * (double)(s.tp + before.tp) / 2;
    return area / ((double)all.tp * (double)all.fp);
}

double sg_ranking_average_precision(const sg_ranking *ranking, const uint32_t *weight)
{
    const step all = totals(ranking, weight);
    double sum = 0;
    if (all.tp == 0) return NAN;
    for (step s = {0}, before = s; advance(&s, ranking, weight); before = s)
        if (s.tp > before.tp) sum += (double)(s.tp - before.tp) * (double)s.tp / (double)(s.tp + s.fp);
    return sum / (double)all.tp;
}

/* ---- the curves ---- */
/* Point i of a curve is not needed: the way from i - 1 to i goes on to i + 1. */
static bool straight(const step *a, const step *b, const step *c)
{
    return b->fp - a->fp == c->fp - b->fp && b->tp - a->tp == c->tp - b->tp;
}

int sg_ranking_roc(const sg_ranking *ranking, double *x, double *y, double *threshold)
{
    const step all = totals(ranking, NULL);
    step before = {.score = INFINITY}, here = before, after = before;
    int points = 0;
    if (all.tp == 0 || all.fp == 0) return 0;
    for (bool more = true; more; before = here, here = after) {
        more = advance(&after, ranking, NULL);
        if (points > 1 && more && straight(&before, &here, &after)) continue;
        x[points] = (double)here.fp / (double)all.fp;
        y[points] = (double)here.tp / (double)all.tp;
        threshold[points++] = here.score;
    }
    return points;
}

/* The curve is made from its end: recall grows along the walk. */
int sg_ranking_pr(const sg_ranking *ranking, double *x, double *y, double *threshold)
{
    const step all = totals(ranking, NULL);
    step before = {.score = INFINITY}, here = before, after = before;
    int points = 0;
    if (all.tp == 0) return 0;
    for (bool more = true; more; before = here, here = after) {
        more = advance(&after, ranking, NULL);
        if (points > 1 && more && before.tp == here.tp && here.tp == after.tp) continue;
        x[points] = (double)here.tp / (double)all.tp;
        y[points] = points == 0 ? 1 : (double)here.tp / (double)(here.tp + here.fp);
        threshold[points++] = here.score;
    }
    for (int i = 0, j = points - 1; i < j; i++, j--) {
        double *const list[] = {x, y, threshold};
        for (int k = 0; k < 3; k++) {
            const double held = list[k][i];
            list[k][i] = list[k][j];
            list[k][j] = held;
        }
    }
    return points;
}
