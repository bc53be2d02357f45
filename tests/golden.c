/* golden.c - see golden.h. */
#include "golden.h"

#include "check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void golden_open(golden *out, const char *name)
{
    char path[1024], line[256];
    const char *source = getenv("SG_TEST_SOURCE");
    size_t len = 0;
    (void)snprintf(path, sizeof path, "%s/tests/golden/%s.golden", source ? source : ".", name);
    FILE *f = fopen(path, "rb");
    if (!f) fail_msg("%s cannot be opened", path);
    out->count = 0;
    while (fgets(line, sizeof line, f) && strcmp(line, "end\n") != 0) {
        golden_tensor *t = &out->tensor[out->count++];
        assert_true(out->count < GOLDEN_TENSORS);
        assert_int_equal(sscanf(line, "%95s %d %d %d %d", t->name, &t->shape.n, &t->shape.c, &t->shape.h, &t->shape.w),
                         5);
        len += sg_shape_len(t->shape);
    }
    out->values = malloc(len * sizeof(float));
    assert_non_null(out->values);
    assert_int_equal(fread(out->values, sizeof(float), len, f), len);
    (void)fclose(f);
    float *at = out->values;
    for (int i = 0; i < out->count; i++, at += sg_shape_len(out->tensor[i - 1].shape)) out->tensor[i].value = at;
}

const golden_tensor *golden_find(const golden *g, const char *prefix, const char *name)
{
    char full[SG_NAME_MAX + 16];
    (void)snprintf(full, sizeof full, "%s%s", prefix, name);
    for (int i = 0; i < g->count; i++)
        if (strcmp(g->tensor[i].name, full) == 0) return &g->tensor[i];
    fail_msg("golden file has no %s", full);
    return NULL;
}

int golden_count(const golden *g, const char *prefix)
{
    int count = 0;
    for (int i = 0; i < g->count; i++) count += strncmp(g->tensor[i].name, prefix, strlen(prefix)) == 0;
    return count;
}

double golden_at(const void *x, bool f64, size_t i)
{
    return f64 ? ((const double *)x)[i] : (double)((const float *)x)[i];
}

void golden_set(void *x, bool f64, const golden_tensor *t)
{
    for (size_t i = 0; i < sg_shape_len(t->shape); i++)
        if (f64)
            ((double *)x)[i] = (double)t->value[i];
        else
            ((float *)x)[i] = t->value[i];
}

/* max |x - y| / max |y|; NaN if there is one. */
static double relative(const void *x, bool f64, const golden_tensor *t)
{
    double worst = 0, largest = 0;
    assert_non_null(x);
    for (size_t i = 0; i < sg_shape_len(t->shape); i++) {
        const double y = (double)t->value[i], d = fabs(golden_at(x, f64, i) - y);
        if (!(d <= worst)) worst = d;
        if (fabs(y) > largest) largest = fabs(y);
    }
    return worst / (largest + 1e-30);
}

void golden_compare(const void *x, bool f64, const golden_tensor *t, double largest, double tolerance, const char *what)
{
    double scale = 0;
    for (size_t i = 0; i < sg_shape_len(t->shape); i++)
        if (fabs((double)t->value[i]) > scale) scale = fabs((double)t->value[i]);
    const double error = relative(x, f64, t) * (scale < 1e-6 * largest ? scale / largest : 1);
    if (!(error <= tolerance)) fail_msg("%s, %s: relative error %.3g, allowed %.3g", what, t->name, error, tolerance);
}
