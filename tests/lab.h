/* lab.h - one small graph, planned and run: what the tests of the physics share. */
#ifndef SG_TESTS_LAB_H
#define SG_TESTS_LAB_H

#include "check.h"

#include "core/parallel.h"

#include <math.h>
#include <string.h>

typedef struct lab {
    sg_model *model;
    sg_plan *plan;
} lab;

/* Plans `root` and frees the graph; a failure ends the test with its text. */
static inline lab lab_open(sg_graph *g, sg_value root, bool f64, bool backward)
{
    lab l = {0};
    const sg_plan_options options = {.backward = backward, .f64 = f64};
    if (sg_model_new(&l.model, 1) != SG_OK || sg_plan_make(&l.plan, g, l.model, root, &options) != SG_OK)
        fail_msg("%s", sg_error_text());
    sg_graph_free(g);
    return l;
}

static inline void lab_close(lab *l)
{
    sg_plan_free(l->plan);
    sg_model_free(l->model);
}

static inline const void *lab_run(const lab *l)
{
    if (sg_plan_forward(l->plan) != SG_OK) fail_msg("%s", sg_error_text());
    return sg_plan_root(l->plan);
}

/* The graph must not plan, and the error must name `word`. */
static inline void lab_refuse(sg_graph *g, sg_value root, const char *word)
{
    sg_model *model = NULL;
    sg_plan *plan = NULL;
    const sg_plan_options options = {0};
    assert_int_equal(sg_model_new(&model, 1), SG_OK);
    assert_int_not_equal(sg_plan_make(&plan, g, model, root, &options), SG_OK);
    if (!strstr(sg_error_text(), word)) fail_msg("\"%s\" does not name %s", sg_error_text(), word);
    sg_plan_free(plan);
    sg_model_free(model);
    sg_graph_free(g);
}

/* |got - want| <= tolerance, and neither is NaN. */
static inline void lab_near(double got, double want, double tolerance, const char *what, double at)
{
    if (!(fabs(got - want) <= tolerance)) fail_msg("%s at %g: %.9g, not %.9g +- %.2g", what, at, got, want, tolerance);
}

#endif
