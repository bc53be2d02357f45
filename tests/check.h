/* check.h - what the tests of the op table share: one case of a row, planned, filled with repeatable numbers, run and
 * read back. Failures go through cmocka (fail_msg), so the functions return no status. */
#ifndef SG_TESTS_CHECK_H
#define SG_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/graph_internal.h"
#include "core/model.h"
#include "core/op.h"
#include "core/plan.h"

enum { CHECK_LEAVES = 16 };

/* An input or a parameter of the case. Lengths count reals: a complex number is two. */
typedef struct check_leaf {
    const char *name;
    bool is_param, wants_grad;
    size_t len;
    double width;  /* hi - lo: steps of differences are fractions of it */
    double *value; /* (len) written into the plan before every run: it may share memory with what comes later */
    double *grad;  /* (len) read after backward; NULL unless wants_grad */
} check_leaf;

typedef struct check_case {
    const sg_op *op;
    int index;
    bool f64;
    sg_graph *graph;
    sg_model *model;
    sg_plan *plan;
    sg_value root;
    size_t out_len;
    double *out, *seed; /* (out_len) the root's value; dL/droot, uniform in -1..1 */
    check_leaf leaf[CHECK_LEAVES];
    int leaves;
} check_case;

/* Plans case `index` of the row; false past the last one. `stand_in` takes the row's place in the graph if not NULL.
 * Values are multiples of 2^-20, the same in float and double, and depend on row, index and name only. */
bool check_case_open(check_case *c, const sg_op *op, int index, const sg_plan_options *options, const sg_op *stand_in);
void check_case_close(check_case *c);
/* Writes the leaves, runs, reads `out`. `surrogate`: sg_plan_forward_surrogate. */
void check_case_forward(check_case *c, bool surrogate);
/* Runs backward from `seed` and reads the gradients. Directly after a forward that was no surrogate. */
void check_case_backward(check_case *c);

/* n doubles, zeroed; fails the test when there is no memory. */
double *check_alloc(size_t n);
/* max |x|; NaN if one is. */
double check_max_abs(const double *x, size_t len);
/* The largest |x - y| after the `outliers` largest are left out; NaN if there is one. */
double check_distance(const double *x, const double *y, size_t len, size_t outliers);
/* Uniform in -1..1 for (stream, element). */
double check_random(const char *stream, int index, size_t element);

/* ---- a growing list of tests whose names are made at run time ---- */
typedef struct check_list {
    struct CMUnitTest *test;
    size_t count, room;
} check_list;
void check_list_add(check_list *list, CMUnitTestFunction function, const void *state, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Runs the tests that the wildcard in SG_TEST_ONLY matches (all if unset); the value for main to return. */
int check_list_run(check_list *list, const char *group);

#endif
