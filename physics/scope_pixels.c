/* scope_pixels.c - the pixel grid of the camera: integration over each pixel, removal of the margin. */
#include "physics/pixel.h"
#include "physics/scope.h"

sg_value sg_scope_pixels(sg_graph *g, const sg_scope *s, sg_value light)
{
    if (s->config->sample.kind == SG_SAMPLE_STACK) return light; /* measured by pixels already */
    return sg_pixel(g, light, s->size.oversample, s->config->camera.fill_factor, s->margin_px);
}
