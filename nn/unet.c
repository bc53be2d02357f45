/* unet.c - U-Net as data flow (Ronneberger, Fischer & Brox, MICCAI 2015, with padding, so that nothing is cropped).
 *     down0 ------------------------------- skip ---> merge0 -> head
 *       pool -> down1 ------- skip ---> merge1 -> up0 --^
 *                 pool -> down2 -> up1 ---^ */
#include "nn/unet.h"

#include "nn/ops.h"

/* Two 3x3 convolutions, each with its activation. stage: "unet.down0" */
static sg_value block(sg_graph *g, sg_value x, const char *stage, int out, const sg_unet_config *config)
{
    for (int i = 1; i <= 2; i++) {
        x = sg_layer_conv(g, x, sg_graph_text(g, "%s.conv%d", stage, i), out, 3);
        x = sg_layer_norm(g, x, sg_graph_text(g, "%s.norm%d", stage, i), config->norm);
        x = sg_relu(g, x, config->leaky_slope);
    }
    return x;
}

static sg_value up(sg_graph *g, sg_value x, const char *name, int out, const sg_unet_config *config)
{
    if (config->upsample == SG_UPSAMPLE_BILINEAR) return sg_layer_conv(g, sg_upsample_bilinear(g, x), name, out, 3);
    return sg_layer_conv_transpose(g, x, name, out);
}

static sg_status check(const sg_unet_config *config, sg_shape x)
{
    const int d = config->depth;
    if (d < 1 || d > 6) SG_FAIL(SG_E_RANGE, "unet: depth %d is outside 1..6", d);
    if (config->width < 1 || config->width > 256)
        SG_FAIL(SG_E_RANGE, "unet: width %d is outside 1..256", config->width);
    if (config->out_channels < 1 || config->out_channels > 1024)
        SG_FAIL(SG_E_RANGE, "unet: %d output channels are outside 1..1024", config->out_channels);
    if (x.h < 1 << d || x.w < 1 << d)
        SG_FAIL(SG_E_SHAPE, "unet: a picture of %d x %d is smaller than %d, the coarsest pixel of depth %d", x.h, x.w,
                1 << d, d);
    return SG_OK;
}

/* x of a size that divides by 2^depth. */
static sg_value data_flow(sg_graph *g, sg_value x, const sg_unet_config *config)
{
    sg_value skip[7];
    const int depth = config->depth, width = config->width;
    for (int level = 0; level <= depth; level++) {
        if (level > 0) x = sg_max_pool(g, x);
        x = skip[level] = block(g, x, sg_graph_text(g, "unet.down%d", level), width << level, config);
    }
    for (int level = depth - 1; level >= 0; level--) {
        x = up(g, x, sg_graph_text(g, "unet.up%d", level), width << level, config);
        x = block(g, sg_concat(g, skip[level], x), sg_graph_text(g, "unet.merge%d", level), width << level, config);
    }
    return sg_layer_conv(g, x, "unet.head", config->out_channels, 1);
}

sg_value sg_unet(sg_graph *g, sg_value x, const sg_unet_config *config)
{
    const sg_shape shape = sg_value_shape(g, x);
    const sg_status status = sg_graph_status(g) == SG_OK ? check(config, shape) : SG_OK;
    if (status != SG_OK) return sg_graph_fail(g, status, "%s", sg_error_text());
    if (sg_graph_status(g) != SG_OK) return SG_NONE;

    const int h = sg_unet_whole(config, shape.h), w = sg_unet_whole(config, shape.w);
    const bool fits = h == shape.h && w == shape.w;
    const sg_value logits = data_flow(g, fits ? x : sg_mirror_pad(g, x, h, w), config);
    return fits ? logits : sg_crop(g, logits, shape.h, shape.w);
}

int sg_unet_whole(const sg_unet_config *config, int size)
{
    const int unit = 1 << config->depth;
    return (size + unit - 1) / unit * unit;
}

/* From the logits back to the picture: `seen` pixels beyond the edge of a square whose corners are multiples of
 * 2^depth. Two 3x3 convolutions see 2 more, an upsampling half as many, rounded up, a pooling twice as many. The way
 * through the bottom is the widest. */
int sg_unet_halo(const sg_unet_config *config)
{
    int seen = 2;
    for (int level = 0; level < config->depth; level++) {
        if (config->upsample == SG_UPSAMPLE_BILINEAR) seen += 2; /* its 3x3 convolution; a neighbour's share */
        seen = (seen + 1) / 2 + 2;
    }
    for (int level = 0; level < config->depth; level++) seen = 2 * seen + 2;
    return seen;
}
