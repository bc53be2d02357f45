/* scope_check_pixels.c - what scope_pixels.c needs: ranges, choices and sizes of cameras, binning, filters and masks,
 * and where filters and masks start. Error texts begin with the key and name what would do. */
#include "core/memory.h"
#include "physics/scope.h"

#include <math.h>

int sg_scope_tile_side(int count)
{
    int side = 0;
    while (side * side < count) side++;
    return side * side == count ? side : 0;
}

/* ---- ranges and choices ---- */

static sg_status check_list(const char *key, const double *value, int count, double lo, double hi)
{
    for (int i = 0; i < count; i++)
        if (!(value[i] >= lo && value[i] <= hi)) SG_FAIL(SG_E_RANGE, "%s: %g is outside %g..%g", key, value[i], lo, hi);
    return SG_OK;
}

static sg_status check_tile(const char *key, const double *value, int count, bool whole)
{
    if (count < 0 || count > SG_TILE_MAX || (count > 0 && sg_scope_tile_side(count) == 0))
        SG_FAIL(SG_E_CONFIG, "%s: %d numbers do not make a square tile; 4, 9, 16 .. %d would do", key, count,
                SG_TILE_MAX);
    SG_TRY(check_list(key, value, count, 0, 1));
    for (int i = 0; whole && i < count; i++)
        if (value[i] > 0 && value[i] < 1) SG_FAIL(SG_E_RANGE, "%s: %g is neither 0 nor 1", key, value[i]);
    return SG_OK;
}

static sg_status check_views(const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const double half = s->field_um / 2;
    if (c->view_x_count != c->view_y_count || c->view_x_count > SG_VIEW_MAX)
        SG_FAIL(SG_E_CONFIG, "camera.view_x_um: %d shifts in x and %d in y; as many are needed, at most %d",
                c->view_x_count, c->view_y_count, SG_VIEW_MAX);
    SG_TRY(check_list("camera.view_x_um", c->view_x_um, c->view_x_count, -half, half));
    SG_TRY(check_list("camera.view_y_um", c->view_y_um, c->view_y_count, -half, half));
    if (c->view_pitch_count != 0 && c->view_pitch_count != c->view_x_count)
        SG_FAIL(SG_E_CONFIG, "camera.view_pitch: %d pitches for %d cameras", c->view_pitch_count, c->view_x_count);
    for (int v = 0; v < c->view_pitch_count; v++)
        if (!(c->view_pitch[v] >= 1 && c->view_pitch[v] <= SG_BINNING_MAX) || fmod(c->view_pitch[v], 1) > 0)
            SG_FAIL(SG_E_RANGE, "camera.view_pitch: %g is not a whole number of the finest pixels, 1..%d",
                    c->view_pitch[v], SG_BINNING_MAX);
    return SG_OK;
}

static sg_status check_cfa(const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const int colours = s->size.colours, table = c->cfa_transmission_count;
    if (c->cfa == SG_CFA_NONE) return SG_OK;
    if (colours < 2)
        SG_FAIL(SG_E_CONFIG,
                "camera.cfa: filters need several colours, optics.colours_um; camera.exposure_mask does for one");
    if (c->cfa_tile_px < 0 || c->cfa_tile_px > SG_TILE_MAX)
        SG_FAIL(SG_E_RANGE, "camera.cfa_tile_px: %d is outside 0..%d", c->cfa_tile_px, SG_TILE_MAX);
    if (c->cfa == SG_CFA_BAYER && c->cfa_tile_px % 2)
        SG_FAIL(SG_E_RANGE, "camera.cfa_tile_px: the Bayer pattern is 2 x 2, %d does not repeat it; %d would do",
                c->cfa_tile_px, c->cfa_tile_px + 1);
    if (c->cfa == SG_CFA_BAYER && table != 3 * colours && (table != 0 || colours != 3))
        SG_FAIL(SG_E_CONFIG, "camera.cfa_transmission: %d numbers; 3 filters at %d colours need %d", table, colours,
                3 * colours);
    return check_list("camera.cfa_transmission", c->cfa_transmission, table, 0, 1);
}

static sg_status check_choices(const sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const bool stack = s->config->sample.kind == SG_SAMPLE_STACK;
    const struct rule {
        bool broken;
        const char *text;
    } rules[] = {
        {c->binning < 0 || c->binning > SG_BINNING_MAX, "camera.binning: outside 1..16"},
        {!(c->small_fill_factor >= 0 && c->small_fill_factor <= 1), "camera.small_fill_factor: outside 0..1"},
        {c->overlap_fields < 0 || c->overlap_fields > SG_OVERLAP_MAX, "camera.overlap_fields: outside 1..16"},
        {c->detectors < 0 || c->detectors > SG_DETECTOR_MAX, "camera.detectors: outside 1..4096"},
        {stack && c->binning > 1, "camera.binning: a measured stack keeps the pixels that it was measured with"},
        {stack && c->view_x_count > 0, "camera.view_x_um: a measured stack has the camera that it was measured with"},
        {c->small_fill_factor > 0 && c->fill_factor == 0, "camera.small_fill_factor: beside pixels that are points"},
        {stack && c->small_fill_factor > 0, "camera.small_fill_factor: the pixels of a measured stack have one size"},
        {c->learn_view.on && c->view_x_count == 0, "camera.learn_view: needs shifts, camera.view_x_um and view_y_um"},
        {c->learn_cfa.on && c->cfa == SG_CFA_NONE,
         "camera.cfa: learning needs a start, uniform, bayer, random or file"},
        {c->learn_exposure_mask.on && c->exposure_mask_count == 0, "camera.exposure_mask: learning needs a start"},
        {c->learn_detector_mask.on && c->detectors == 0, "camera.detector_mask: learning needs camera.detectors"},
        {c->cfa == SG_CFA_FILE && c->cfa_file[0] == 0, "camera.cfa_file: cfa file needs a picture of transmissions"},
        {c->detectors > 0 && c->binning > 1 && c->binning_kind == SG_BINNING_DIGITAL,
         "camera.binning_kind: detectors have no pixels that digital binning could join; on_chip would do"},
        {c->detectors > 0 && c->view_pitch_count > 0, "camera.view_pitch: cameras of one pitch only, with detectors"},
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
        if (rules[i].broken) SG_FAIL(SG_E_CONFIG, "%s", rules[i].text);
    return SG_OK;
}

sg_status sg_scope_check_pixels(sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    SG_TRY(check_choices(s));
    SG_TRY(check_views(s));
    SG_TRY(check_cfa(s));
    SG_TRY(check_tile("camera.small_tile", c->small_tile, c->small_tile_count, true));
    SG_TRY(check_tile("camera.exposure_mask", c->exposure_mask, c->exposure_mask_count, false));
    s->size.views = c->view_x_count > 0 ? c->view_x_count : 1;
    s->size.frames = s->size.light_frames * s->size.views / (c->cfa == SG_CFA_NONE ? 1 : s->size.colours);
    return SG_OK;
}

/* ---- sizes ---- */

sg_status sg_scope_size_pixels(sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const int fine = s->size.output_px, b = c->binning > 1 ? c->binning : 1;
    if (fine % b)
        SG_FAIL(SG_E_RANGE, "camera.binning: squares of %d do not divide %d pixels; a sample.size_px of %d would do", b,
                fine, s->config->sample.size_px / fine * (fine / b > 0 ? fine / b * b : b));
    s->size.output_px = fine / b;
    for (int v = 0; v < c->view_pitch_count; v++)
        if (s->size.output_px % (int)c->view_pitch[v])
            SG_FAIL(SG_E_RANGE, "camera.view_pitch: %g does not divide the %d pixels of the finest camera",
                    c->view_pitch[v], s->size.output_px);
    if (c->overlap_fields > fine)
        SG_FAIL(SG_E_RANGE, "camera.overlap_fields: %d fields on %d rows of pixels", c->overlap_fields, fine);
    const double pixels = (double)s->size.output_px * s->size.output_px;
    if (c->detectors * pixels > 1 << 26)
        SG_FAIL(SG_E_RANGE, "camera.detectors: %d masks of %d x %d pixels are more than 2^26 numbers", c->detectors,
                s->size.output_px, s->size.output_px);
    s->size.output_pitch_um = s->size.camera_pitch_um * b;
    s->size.sensor_h = s->size.sensor_w = c->binning_kind == SG_BINNING_DIGITAL ? fine : s->size.output_px;
    if (c->detectors > 0) s->size.sensor_h = 1, s->size.sensor_w = c->detectors;
    return SG_OK;
}

/* ---- where filters start ---- */

/* Red, green; green, blue: the filter of a pixel, and what it lets through of colour k. Without a table the longest
 * wavelength is red. */
static double bayer(const sg_microscope_config *c, int colours, int row, int column, int k)
{
    const int filter = row % 2 + column % 2;
    if (c->camera.cfa_transmission_count == 0) return filter == (sg_colours_rise(&c->optics) ? 2 - k : k) ? 1 : 0;
    return c->camera.cfa_transmission[filter * colours + k];
}

static sg_status cfa_from_file(sg_scope *s)
{
    const char *path = s->config->camera.cfa_file;
    float *map = NULL;
    int height = 0, width = 0;
    SG_TRY(sg_scope_read_map(&map, &height, &width, s, "camera.cfa_file", path));
    sg_status status = SG_OK;
    if (width < 1 || width > SG_TILE_MAX || height != width * s->size.colours)
        status = sg_error_set(SG_E_SHAPE,
                              "camera.cfa_file: %s has %d rows of %d; %d colours of a tile of 1..%d px need "
                              "squares below each other, %d rows of %d",
                              path, height, width, s->size.colours, SG_TILE_MAX, s->size.colours * width, width);
    if (status == SG_OK) status = SG_ALLOC(&s->cfa, (size_t)height * (size_t)width, "colour filters");
    for (int i = 0; status == SG_OK && i < height * width; i++) {
        s->cfa[i] = (double)map[i];
        if (!(s->cfa[i] >= 0 && s->cfa[i] <= 1))
            status = sg_error_set(SG_E_RANGE, "camera.cfa_file: %s: %g in row %d is outside 0..1", path, s->cfa[i],
                                  i / width + 1);
    }
    s->cfa_tile_px = width;
    sg_free(map);
    return status;
}

static sg_status open_cfa(sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const int colours = s->size.colours, t = c->cfa_tile_px > 0 ? c->cfa_tile_px : c->cfa == SG_CFA_BAYER ? 2 : 4;
    s->cfa_tile_px = t;
    if (c->cfa == SG_CFA_NONE || c->cfa == SG_CFA_RANDOM) return SG_OK;
    if (c->cfa == SG_CFA_FILE) return cfa_from_file(s);
    SG_TRY(SG_ALLOC(&s->cfa, (size_t)colours * (size_t)t * (size_t)t, "colour filters"));
    for (int i = 0; i < colours * t * t; i++)
        s->cfa[i] = c->cfa == SG_CFA_BAYER ? bayer(s->config, colours, i / t % t, i % t, i / (t * t)) : .5;
    return SG_OK;
}

/* ---- where detector masks start ---- */

/* Row of the Hadamard matrix of 2^bits by the number of its sign changes: Gray code, bits reversed (Walsh order). */
static int walsh_row(int changes, int bits)
{
    const int gray = changes ^ changes >> 1;
    int row = 0;
    for (int b = 0; b < bits; b++) row |= (gray >> b & 1) << (bits - 1 - b);
    return row;
}

/* The even bits of d: 0, 2, 4 .. */
static int even_bits(int d)
{
    int out = 0;
    for (int b = 0; d >> 2 * b; b++) out |= (d >> 2 * b & 1) << b;
    return out;
}

/* +1 or -1: element (row, column) of Sylvester's matrix, the parity of their common bits. */
static int hadamard(int row, int column)
{
    int common = row & column, sign = 1;
    for (; common; common &= common - 1) sign = -sign;
    return sign;
}

/* The next pair on the diagonals y + x = 0, 1, 2 .. of a square, which has another one. */
static void next_pair(int *y, int *x, int side)
{
    do {
        const bool edge = *x == 0;
        *x = edge ? *y + 1 : *x - 1;
        *y = edge ? 0 : *y + 1;
    } while (*x >= side || *y >= side);
}

/* Mask d = (1 + H)/2 with H a product of a row in y and a row in x: hadamard by the interleaved bits of d, walsh by
 * growing number of sign changes in y and x together. */
static void fill_masks(sg_scope *s, int bits)
{
    const sg_camera_config *c = &s->config->camera;
    const int side = s->size.output_px;
    const bool walsh = c->detector_mask == SG_DETECTOR_WALSH;
    int y = 0, x = 0;
    for (int d = 0; d < c->detectors; d++) {
        const int row_y = walsh ? walsh_row(y, bits) : even_bits(d >> 1),
                  row_x = walsh ? walsh_row(x, bits) : even_bits(d);
        double *mask = s->detector + (size_t)d * (size_t)side * (size_t)side;
        for (int i = 0; i < side * side; i++) mask[i] = .5 + .5 * hadamard(row_y, i / side) * hadamard(row_x, i % side);
        if (d + 1 < side * side) next_pair(&y, &x, side);
    }
}

static sg_status open_detectors(sg_scope *s)
{
    const sg_camera_config *c = &s->config->camera;
    const int side = s->size.output_px;
    int bits = 0;
    if (c->detectors == 0 || c->detector_mask == SG_DETECTOR_RANDOM) return SG_OK;
    while (1 << bits < side) bits++;
    if (1 << bits != side)
        SG_FAIL(SG_E_RANGE, "camera.detector_mask: Hadamard masks need 2^k pixels a side, the camera gives %d", side);
    if (c->detectors > side * side)
        SG_FAIL(SG_E_RANGE, "camera.detectors: %d pixels have %d Hadamard masks, not %d", side * side, side * side,
                c->detectors);
    SG_TRY(SG_ALLOC(&s->detector, (size_t)c->detectors * (size_t)side * (size_t)side, "detector masks"));
    fill_masks(s, bits);
    return SG_OK;
}

sg_status sg_scope_open_masks(sg_scope *s)
{
    SG_TRY(open_cfa(s));
    return open_detectors(s);
}
