/* classifier.c - LeNet-5 (LeCun, Bottou, Bengio & Haffner, Proc. IEEE 86, 1998) with ReLU and max pooling as it is trained
 * today, and a residual network of basic blocks (He, Zhang, Ren & Sun, CVPR 2016, figure 2) that halves the picture by
 * max pooling, so that every 3x3 convolution has stride 1. */
#include "nn/classifier.h"

#include "nn/ops.h"

enum { LENET_SMALLEST = 16, BLOCKS = 2 };

/* The last layer, after dropout. */
static sg_value head(sg_graph *g, sg_value x, const char *name, const sg_classifier_config *config)
{
    return sg_layer_dense(g, config->dropout > 0 ? sg_dropout(g, x, config->dropout, 0) : x, name, config->classes);
}

static sg_value lenet5(sg_graph *g, sg_value x, const sg_classifier_config *config)
{
    x = sg_max_pool(g, sg_relu(g, sg_layer_conv(g, x, "classifier.conv1", 6, 5), 0));
    x = sg_max_pool(g, sg_relu(g, sg_layer_conv_valid(g, x, "classifier.conv2", 16, 5), 0));
    x = sg_relu(g, sg_layer_dense(g, x, "classifier.dense1", 120), 0);
    x = sg_relu(g, sg_layer_dense(g, x, "classifier.dense2", 84), 0);
    return head(g, x, "classifier.dense3", config);
}

/* ReLU(x + F(x)); where the channels change, x passes a 1x1 convolution. name: "classifier.stage1.block0" */
static sg_value basic_block(sg_graph *g, sg_value x, const char *name, int out, sg_norm norm)
{
    sg_value y = sg_layer_conv(g, x, sg_graph_text(g, "%s.conv1", name), out, 3);
    y = sg_relu(g, sg_layer_norm(g, y, sg_graph_text(g, "%s.norm1", name), norm), 0);
    y = sg_layer_conv(g, y, sg_graph_text(g, "%s.conv2", name), out, 3);
    y = sg_layer_norm(g, y, sg_graph_text(g, "%s.norm2", name), norm);
    if (sg_value_shape(g, x).c != out) {
        x = sg_layer_conv(g, x, sg_graph_text(g, "%s.join", name), out, 1);
        x = sg_layer_norm(g, x, sg_graph_text(g, "%s.join_norm", name), norm);
    }
    return sg_relu(g, sg_combine(g, y, 1, x, 1), 0);
}

static sg_value resnet(sg_graph *g, sg_value x, const sg_classifier_config *config)
{
    x = sg_layer_conv(g, x, "classifier.stem", config->width, 3);
    x = sg_relu(g, sg_layer_norm(g, x, "classifier.stem_norm", config->norm), 0);
    for (int stage = 0; stage < config->depth; stage++) {
        if (stage > 0) x = sg_max_pool(g, x);
        for (int b = 0; b < BLOCKS; b++)
            x = basic_block(g, x, sg_graph_text(g, "classifier.stage%d.block%d", stage, b), config->width << stage,
                            config->norm);
    }
    return head(g, sg_average_pool(g, x, 0), "classifier.head", config);
}

static sg_status check_resnet(const sg_classifier_config *config, sg_shape x)
{
    const int d = config->depth;
    if (d < 1 || d > 6) SG_FAIL(SG_E_RANGE, "resnet: depth %d is outside 1..6", d);
    if (config->width < 1 || config->width > 256)
        SG_FAIL(SG_E_RANGE, "resnet: width %d is outside 1..256", config->width);
    if (x.h < 1 << (d - 1) || x.w < 1 << (d - 1))
        SG_FAIL(SG_E_SHAPE, "resnet: a picture of %d x %d is smaller than %d, the coarsest pixel of depth %d", x.h, x.w,
                1 << (d - 1), d);
    return SG_OK;
}

static sg_status check(const sg_classifier_config *config, sg_shape x)
{
    if (config->classes < 2 || config->classes > SG_CLASSES_MAX)
        SG_FAIL(SG_E_RANGE, "classifier: %d classes are outside 2..%d", config->classes, SG_CLASSES_MAX);
    if (!(config->dropout >= 0 && config->dropout < 1))
        SG_FAIL(SG_E_RANGE, "classifier: dropout %g is outside 0 <= p < 1", config->dropout);
    if (config->kind == SG_CLASSIFIER_RESNET) return check_resnet(config, x);
    if (x.h < LENET_SMALLEST || x.w < LENET_SMALLEST)
        SG_FAIL(SG_E_SHAPE, "lenet5: a picture of %d x %d is smaller than %d x %d", x.h, x.w, LENET_SMALLEST,
                LENET_SMALLEST);
    return SG_OK;
}

sg_value sg_classifier(sg_graph *g, sg_value x, const sg_classifier_config *config)
{
    const sg_status status = sg_graph_status(g) == SG_OK ? check(config, sg_value_shape(g, x)) : SG_OK;
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    if (sg_graph_status(g) != SG_OK) return SG_NONE;
    return config->kind == SG_CLASSIFIER_RESNET ? resnet(g, x, config) : lenet5(g, x, config);
}
