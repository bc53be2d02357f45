/* led_pose.c - spatial frequencies of LEDs on an array that stands shifted, turned and at some height, less the bin
 * that led_image shifts by (PHYSICS section 2, `exact`): what a calibration learns. Geometry in led_array.h.
 *   forward   q_k = R(rotation) p_k + shift,  offset_k = s(q_k, height) / lambda - bin_k / (N d)
 *   backward  dq = (ds/dq)' doffset / lambda; dshift += sum dq, drotation += sum dq . dR/drotation p,
 *             dheight += sum doffset . ds/dheight / lambda, where ds/dheight = -tan(theta) ds/dq q/|q|
 * Rotation in degrees from +x to +y (down). Little work: in double, in order, on one thread. */
#include "core/op.h"
#include "physics/led_array.h"
#include "physics/ops.h"
#include "physics/optics.h"

#include <math.h>

enum { IN_SHIFT = 0, IN_ROTATION, IN_HEIGHT, IN_POSITION, IN_BIN };

#define DEGREE (3.14159265358979323846 / 180)

typedef struct led_pose_attr {
    double slide_mm, slide_index, wavelength_um, bin_um_inv[2]; /* (y, x) */
} led_pose_attr;

SG_KERNELS(led_pose)

/* One LED: where it stands, how that turns, and its light. */
typedef struct led_light {
    double q[2], turned[2]; /* mm, mm per degree */
    double s[2], ds[2][2];
} led_light;

static void light_of(led_light *out, const sg_run *run, int k, bool gradient)
{
    const led_pose_attr *attr = run->node->attr;
    const real *shift = run->in[IN_SHIFT], *p = (const real *)run->in[IN_POSITION] + 2 * k;
    const double angle = (double)*(const real *)run->in[IN_ROTATION] * DEGREE, c = cos(angle), s = sin(angle);
    const double x = c * (double)p[0] - s * (double)p[1], y = s * (double)p[0] + c * (double)p[1];
    out->q[0] = x + (double)shift[0];
    out->q[1] = y + (double)shift[1];
    out->turned[0] = -y * DEGREE;
    out->turned[1] = x * DEGREE;
    sg_led_direction(out->s, gradient ? out->ds : NULL, out->q[0], out->q[1], (double)*(const real *)run->in[IN_HEIGHT],
                     attr->slide_mm, attr->slide_index);
}

void R(led_pose_forward)(const sg_run *run)
{
    const led_pose_attr *attr = run->node->attr;
    const real *bin = run->in[IN_BIN];
    real *out = run->out;
    for (int k = 0; k < run->node->shape.h; k++) {
        led_light light;
        light_of(&light, run, k, false);
        for (int a = 0; a < 2; a++)
            out[2 * k + a] =
                (real)(light.s[a] / attr->wavelength_um - (double)bin[2 * k + 1 - a] * attr->bin_um_inv[1 - a]);
    }
}

void R(led_pose_backward)(const sg_run *run)
{
    const led_pose_attr *attr = run->node->attr;
    const real *df = run->dout;
    double sum[4] = {0}; /* shift x, y, rotation, height */
    for (int k = 0; k < run->node->shape.h; k++) {
        led_light light;
        light_of(&light, run, k, true);
        const double radius = hypot(light.q[0], light.q[1]), sine = hypot(light.s[0], light.s[1]);
        const double tangent = sine / sqrt(1 - sine * sine);
        for (int b = 0; b < 2; b++) {
            double dq = 0;
            for (int a = 0; a < 2; a++) dq += light.ds[a][b] * (double)df[2 * k + a] / attr->wavelength_um;
            sum[b] += dq;
            sum[2] += dq * light.turned[b];
            if (radius > 0) sum[3] -= dq * tangent * light.q[b] / radius;
        }
    }
    for (int b = 0; b < 2 && run->din[IN_SHIFT]; b++) ((real *)run->din[IN_SHIFT])[b] += (real)sum[b];
    if (run->din[IN_ROTATION]) *(real *)run->din[IN_ROTATION] += (real)sum[2];
    if (run->din[IN_HEIGHT]) *(real *)run->din[IN_HEIGHT] += (real)sum[3];
}

#ifdef SG_ONCE
static sg_status led_pose_infer(sg_node *node)
{
    const sg_shape p = node->in_shape[IN_POSITION];
    if (sg_shape_len(node->in_shape[IN_SHIFT]) != 2 || sg_shape_len(node->in_shape[IN_ROTATION]) != 1 ||
        sg_shape_len(node->in_shape[IN_HEIGHT]) != 1)
        SG_FAIL(SG_E_SHAPE, "shift is two numbers, rotation and height one each");
    if (!sg_shape_equal(p, SG_SHAPE(1, 1, p.h, 2)) || !sg_shape_equal(p, node->in_shape[IN_BIN]))
        SG_FAIL(SG_E_SHAPE, "positions and bins are not (1,1,LEDs,2)");
    node->shape = p;
    return SG_OK;
}

sg_value sg_led_pose(sg_graph *g, sg_value shift_mm, sg_value rotation_deg, sg_value height_mm, sg_value position_mm,
                     sg_value bins, double slide_mm, double slide_index, double wavelength_um,
                     const double bin_um_inv[2])
{
    const led_pose_attr attr = {slide_mm, slide_index, wavelength_um, {bin_um_inv[0], bin_um_inv[1]}};
    return SG_NODE(g, &sg_op_led_pose, &attr, shift_mm, rotation_deg, height_mm, position_mm, bins);
}

static sg_value led_pose_cases(sg_graph *g, int i)
{
    static const double bin_inv[] = {.01, .02}, slide_mm[] = {0, 1.5};
    if (i >= 2) return SG_NONE;
    const sg_value shift = sg_case_input(g, "shift", SG_SHAPE(1, 1, 1, 2), -3, 3, SG_CASE_GRAD);
    const sg_value turn = sg_case_input(g, "rotation", SG_SHAPE(1, 1, 1, 1), -5, 5, SG_CASE_GRAD);
    const sg_value height = sg_case_input(g, "height", SG_SHAPE(1, 1, 1, 1), 50, 70, SG_CASE_GRAD);
    const sg_value p = sg_case_input(g, "position", SG_SHAPE(1, 1, 4, 2), -30, 30, 0);
    const sg_value bin = sg_case_input(g, "bin", SG_SHAPE(1, 1, 4, 2), -4, 4, SG_CASE_INTEGER);
    return sg_led_pose(g, shift, turn, height, p, bin, slide_mm[i], 1.52, .5, bin_inv);
}

const sg_op sg_op_led_pose = {
    .name = "led_pose",
    .formula = "f_k = s(R(rotation) p_k + shift, height)/lambda - bin_k/(N d), refracted by the slide",
    .infer = led_pose_infer,
    .keeps_inputs = 31,
    .cases = led_pose_cases,
    SG_REFERENCE(led_pose),
};
#endif
