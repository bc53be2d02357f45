/* scope_pixels.c - from the intensity of the image to what the ADC reads (PHYSICS section 5), in the order of the
 * light:
 *     cameras, each displaced -> integration over each pixel (of one or two sizes), margin removed -> pixels of coarser
 *     cameras -> colour filters, colours summed -> exposure mask -> charge binned on the chip -> overlapped fields ->
 *     an even share of the light for each camera -> or detectors behind masks instead of pixels
 * and, after the ADC, digital binning and the common grid of all cameras. scope_check_pixels.c decides what fits. */
#include "core/ops.h"
#include "physics/pixel.h"
#include "physics/scope.h"

/* (n, L, M, M) -> (n, V L, M, M), the cameras outermost. */
static sg_value displaced(sg_graph *g, const sg_scope *s, sg_value light)
{
    const sg_camera_config *c = &s->config->camera;
    double shift_um[SG_VIEW_MAX][2];
    if (c->view_x_count == 0) return light;
    for (int v = 0; v < s->size.views; v++) shift_um[v][0] = c->view_x_um[v], shift_um[v][1] = c->view_y_um[v];
    const sg_value um = sg_scope_param(g, "camera.view.shift_um", SG_SHAPE(1, 1, s->size.views, 2), 0, shift_um[0],
                                       "um", c->learn_view, SG_BOX, -s->field_um / 2, s->field_um / 2);
    return sg_shift(g, light, sg_combine(g, um, s->size.image_px / s->field_um, SG_NONE, 0));
}

/* Pixels of two sizes: the mean over the small square times its part of the large one's area. */
static sg_value two_sizes(sg_graph *g, const sg_scope *s, sg_value light, sg_value large)
{
    const sg_camera_config *c = &s->config->camera;
    const double ratio = c->small_fill_factor / c->fill_factor, checkerboard[4] = {0, 1, 1, 0};
    const int side = sg_scope_tile_side(c->small_tile_count), t = side > 0 ? side : 2, len = t * t;
    const double *small_at = side > 0 ? c->small_tile : checkerboard;
    double tile[2 * SG_TILE_MAX]; /* of the large pixels, then of the small ones */
    for (int i = 0; i < len; i++) tile[i] = 1 - small_at[i], tile[len + i] = ratio * small_at[i];
    const sg_value weights = sg_scope_param(g, "camera.pixel_size", SG_SHAPE(1, 2, t, t), 0, tile, "1", (sg_learn){0},
                                            SG_NON_NEGATIVE, 0, 0);
    const sg_value small = sg_pixel(g, light, s->size.oversample, c->small_fill_factor, s->margin_px);
    return sg_mosaic(g, sg_concat(g, large, small), weights, sg_value_shape(g, large).c);
}

static sg_value integrated(sg_graph *g, const sg_scope *s, sg_value light)
{
    const sg_camera_config *c = &s->config->camera;
    if (s->config->sample.kind == SG_SAMPLE_STACK) return light; /* measured by pixels already */
    const sg_value pixels = sg_pixel(g, light, s->size.oversample, c->fill_factor, s->margin_px);
    return c->small_fill_factor > 0 ? two_sizes(g, s, light, pixels) : pixels;
}

static sg_value bin_corner(sg_graph *g, sg_value x, int side)
{
    return sg_bin_corner(g, x, side, 1);
}

/* The pictures of every camera whose pixels are coarser go through `part`; their own numbers stand in the corner. */
static sg_value each_coarse_view(sg_graph *g, const sg_scope *s, sg_value x,
                                 sg_value (*part)(sg_graph *g, sg_value x, int side))
{
    const sg_camera_config *c = &s->config->camera;
    const sg_shape shape = sg_value_shape(g, x);
    const int each = shape.c / s->size.views;
    if (c->view_pitch_count == 0) return x;
    sg_value all = SG_NONE;
    for (int v = 0; v < s->size.views; v++) {
        const int pitch = (int)c->view_pitch[v];
        sg_value view = sg_slice(g, x, v * each, each, 0, shape.h);
        if (pitch > 1) view = part(g, view, pitch);
        all = v == 0 ? view : sg_concat(g, all, view);
    }
    return all;
}

/* y = sum over colours of transmission times light: the colours of a frame become one picture. */
static sg_value filtered(sg_graph *g, const sg_scope *s, sg_value pixels)
{
    const sg_camera_config *c = &s->config->camera;
    const int t = s->cfa_tile_px;
    if (c->cfa == SG_CFA_NONE) return pixels;
    const sg_param_spec spec = {.init = s->cfa ? SG_INIT_VALUES : SG_INIT_UNIFORM,
                                .init_b = s->cfa ? 0 : 1,
                                .values = s->cfa,
                                .constraint = SG_BOX,
                                .hi = 1,
                                .lr = c->learn_cfa.lr,
                                .frozen = !c->learn_cfa.on,
                                .unit = "1"};
    const sg_value tile = sg_param(g, "camera.cfa", SG_SHAPE(1, s->size.colours, t, t), &spec);
    return sg_mosaic(g, pixels, tile, s->size.exposures);
}

static sg_value masked(sg_graph *g, const sg_scope *s, sg_value pixels)
{
    const sg_camera_config *c = &s->config->camera;
    const int side = sg_scope_tile_side(c->exposure_mask_count);
    if (side == 0) return pixels;
    const sg_value mask = sg_scope_param(g, "camera.exposure_mask", SG_SHAPE(1, 1, side, side), 0, c->exposure_mask,
                                         "1", c->learn_exposure_mask, SG_BOX, 0, 1);
    return sg_mosaic(g, pixels, mask, 1);
}

static sg_value detector_masks(sg_graph *g, const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const sg_param_spec spec = {.init = s->detector ? SG_INIT_VALUES : SG_INIT_UNIFORM,
                                .init_b = s->detector ? 0 : 1,
                                .values = s->detector,
                                .constraint = SG_BOX,
                                .hi = 1,
                                .lr = c->learn_detector_mask.lr,
                                .frozen = !c->learn_detector_mask.on,
                                .unit = "1"};
    return sg_param(g, "camera.detector.mask", SG_SHAPE(1, c->detectors, s->size.output_px, s->size.output_px), &spec);
}

sg_value sg_scope_pixels(sg_graph *g, const sg_scope *s, sg_value light)
{
    const sg_camera_config *c = &s->config->camera;
    const bool on_chip = c->binning > 1 && c->binning_kind == SG_BINNING_ON_CHIP;
    sg_value x = integrated(g, s, displaced(g, s, light));
    x = masked(g, s, filtered(g, s, each_coarse_view(g, s, x, bin_corner)));
    if (on_chip) x = sg_bin(g, x, c->binning, 1);
    if (c->overlap_fields > 1) x = sg_overlap(g, x, c->overlap_fields);
    if (s->size.views > 1) x = sg_combine(g, x, 1. / s->size.views, SG_NONE, 0);
    return c->detectors > 0 ? sg_detect(g, x, detector_masks(g, s), 1. / c->detectors) : x;
}

/* Digital binning takes the mean, so that offset and range stay what they are. */
sg_value sg_scope_pixels_adu(sg_graph *g, const sg_scope *s, sg_value adu)
{
    const sg_camera_config *c = &s->config->camera;
    if (c->binning > 1 && c->binning_kind == SG_BINNING_DIGITAL)
        adu = sg_bin(g, adu, c->binning, 1. / (c->binning * c->binning));
    return each_coarse_view(g, s, adu, sg_repeat);
}

/* Masks (1 + H)/2 of a complete Hadamard set give the picture back, but for its first pixel, at this scale. */
sg_value sg_scope_detector_picture(sg_graph *g, const sg_scope *s, sg_value numbers)
{
    const double pixels = (double)s->size.output_px * s->size.output_px;
    return sg_back_project(g, numbers, detector_masks(g, s), 4 * s->config->camera.detectors / pixels);
}

double sg_scope_binned_on_chip(const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    return c->binning > 1 && c->binning_kind == SG_BINNING_ON_CHIP ? (double)c->binning * c->binning : 1;
}

double sg_scope_pixel_gain(const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const double side = s->size.output_px;
    double gain = sg_scope_binned_on_chip(s) / s->size.views, coarsest = 1, open = 0;
    for (int v = 0; v < c->view_pitch_count; v++)
        if (c->view_pitch[v] > coarsest) coarsest = c->view_pitch[v];
    gain *= coarsest * coarsest * (c->overlap_fields > 1 ? c->overlap_fields : 1);
    const int len = s->size.colours * s->cfa_tile_px * s->cfa_tile_px;
    for (int i = 0; s->cfa && i < len; i++) open += s->cfa[i] / len;
    if (c->cfa != SG_CFA_NONE) gain *= s->cfa ? open : .5;
    return c->detectors > 0 ? gain * side * side * .5 / c->detectors : gain;
}

double sg_scope_sensor_pitch_um(const sg_scope *s)
{
    if (s->config->camera.detectors > 0) return 0;
    return s->size.output_pitch_um * s->size.output_px / s->size.sensor_w;
}
