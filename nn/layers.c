/* layers.c - ops with parameters of their own. */
#include "nn/layers.h"

#include "nn/ops.h"

#include <math.h>

static sg_value normal(sg_graph *g, const char *name, sg_shape shape, double variance)
{
    return sg_param(g, sg_graph_text(g, "%s.weight", name), shape,
                    &(sg_param_spec){.init = SG_INIT_NORMAL, .init_b = sqrt(variance), .decay = true, .unit = "1"});
}

static sg_value kernel(sg_graph *g, const char *name, sg_shape shape, int fan_in)
{
    return normal(g, name, shape, 2. / fan_in);
}

/* One number a channel. */
static sg_value channels(sg_graph *g, const char *name, const char *what, int c, double value, bool state)
{
    return sg_param(g, sg_graph_text(g, "%s.%s", name, what), SG_SHAPE(1, c, 1, 1),
                    &(sg_param_spec){.init = SG_INIT_CONSTANT, .init_a = value, .state = state, .unit = "1"});
}

static sg_value bias(sg_graph *g, const char *name, int out)
{
    return channels(g, name, "bias", out, 0, false);
}

sg_value sg_layer_conv(sg_graph *g, sg_value x, const char *name, int out, int k)
{
    const int in = sg_value_shape(g, x).c;
    return sg_conv2d(g, x, kernel(g, name, SG_SHAPE(out, in, k, k), in * k * k), bias(g, name, out));
}

sg_value sg_layer_conv_valid(sg_graph *g, sg_value x, const char *name, int out, int k)
{
    const int in = sg_value_shape(g, x).c;
    return sg_conv2d_valid(g, x, kernel(g, name, SG_SHAPE(out, in, k, k), in * k * k), bias(g, name, out));
}

sg_value sg_layer_conv_transpose(sg_graph *g, sg_value x, const char *name, int out)
{
    const int in = sg_value_shape(g, x).c;
    return sg_conv_transpose(g, x, kernel(g, name, SG_SHAPE(in, out, 2, 2), in), bias(g, name, out));
}

sg_value sg_layer_dense(sg_graph *g, sg_value x, const char *name, int out)
{
    const sg_shape s = sg_value_shape(g, x);
    return sg_dense(g, x, normal(g, name, SG_SHAPE(out, s.c, s.h, s.w), 1. / (s.c * s.h * s.w)), bias(g, name, out));
}

sg_value sg_layer_norm(sg_graph *g, sg_value x, const char *name, sg_norm norm)
{
    const int c = sg_value_shape(g, x).c;
    if (norm == SG_NORM_NONE) return x;
    return sg_batch_norm(g, x, channels(g, name, "weight", c, 1, false), bias(g, name, c),
                         channels(g, name, "running_mean", c, 0, true), channels(g, name, "running_var", c, 1, true));
}
