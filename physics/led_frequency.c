/* led_frequency.c - LED positions to spatial frequencies, less the bin that led_image shifts by (PHYSICS section 2,
 * `exact`). forward   f_k = s(x_k, y_k) / lambda - bin_k / (N d) backward  dposition_b += sum_a ds_a/dposition_b df_a /
 * lambda; geometry in led_array.h (1,1,K,2) mm -> (1,1,K,2) cycles/um, both (x, y). */
#include "core/memory.h"
#include "core/op.h"
#include "physics/led_array.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <string.h>

typedef struct led_frequency_attr {
    double height_mm, slide_mm, slide_index, wavelength_um, bin_um_inv[2]; /* (y, x) */
    int leds;
    int bin[]; /* (K, 2): y, x */
} led_frequency_attr;

SG_KERNELS(led_frequency)

static void direction(double s[2], double ds[2][2], const led_frequency_attr *attr, const real *position)
{
    sg_led_direction(s, ds, (double)position[0], (double)position[1], attr->height_mm, attr->slide_mm,
                     attr->slide_index);
}

void R(led_frequency_forward)(const sg_run *run)
{
    const led_frequency_attr *attr = run->node->attr;
    const real *position = run->in[0];
    real *f = run->out;
    for (int k = 0; k < attr->leds; k++) {
        double s[2];
        direction(s, NULL, attr, position + 2 * k);
        f[2 * k] = (real)(s[0] / attr->wavelength_um - attr->bin[2 * k + 1] * attr->bin_um_inv[1]);
        f[2 * k + 1] = (real)(s[1] / attr->wavelength_um - attr->bin[2 * k] * attr->bin_um_inv[0]);
    }
}

void R(led_frequency_backward)(const sg_run *run)
{
    const led_frequency_attr *attr = run->node->attr;
    const real *position = run->in[0], *df = run->dout;
    real *dposition = run->din[0];
    if (!dposition) return;
    for (int k = 0; k < attr->leds; k++) {
        double s[2], ds[2][2];
        direction(s, ds, attr, position + 2 * k);
        for (int b = 0; b < 2; b++)
            dposition[2 * k + b] +=
                (real)((ds[0][b] * (double)df[2 * k] + ds[1][b] * (double)df[2 * k + 1]) / attr->wavelength_um);
    }
}

#ifdef SG_ONCE
static sg_status led_frequency_infer(sg_node *node)
{
    const led_frequency_attr *attr = node->attr;
    const sg_shape p = node->in_shape[0];
    if (!sg_shape_equal(p, SG_SHAPE(1, 1, attr->leds, 2)))
        SG_FAIL(SG_E_SHAPE, "positions (%d,%d,%d,%d) are not (1,1,%d,2)", p.n, p.c, p.h, p.w, attr->leds);
    node->shape = p;
    return SG_OK;
}

sg_value sg_led_frequency(sg_graph *g, sg_value position_mm, double height_mm, double slide_mm, double slide_index,
                          double wavelength_um, int leds, const int *bins, const double bin_um_inv[2])
{
    led_frequency_attr *attr = NULL;
    const size_t bytes = sizeof *attr + 2 * (size_t)leds * sizeof(int);
    const sg_status status = sg_alloc((void **)&attr, bytes, 1, "LED bins");
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    *attr = (led_frequency_attr){height_mm, slide_mm, slide_index, wavelength_um, {bin_um_inv[0], bin_um_inv[1]}, leds};
    memcpy(attr->bin, bins, 2 * (size_t)leds * sizeof(int));
    const sg_value out = sg_node_add(g, &sg_op_led_frequency, attr, bytes, &position_mm, 1);
    sg_free(attr);
    return out;
}

static sg_value led_frequency_cases(sg_graph *g, int i)
{
    static const int bins[] = {0, 0, 3, -2, -1, 4};
    static const double bin_inv[] = {.01, .02}, slide_mm[] = {0, 1.5};
    if (i >= 2) return SG_NONE;
    const sg_value p = sg_case_input(g, "position", SG_SHAPE(1, 1, 3, 2), -30, 30, SG_CASE_GRAD);
    return sg_led_frequency(g, p, 60, slide_mm[i], 1.52, .5, 3, bins, bin_inv);
}

const sg_op sg_op_led_frequency = {
    .name = "led_frequency",
    .formula = "f_k = s(x_k, y_k)/lambda - bin_k/(N d), refracted by the slide (PHYSICS section 2)",
    .infer = led_frequency_infer,
    .keeps_inputs = 1,
    .cases = led_frequency_cases,
    SG_REFERENCE(led_frequency),
};
#endif
