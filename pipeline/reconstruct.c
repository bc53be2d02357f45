/* reconstruct.c - see reconstruct.h. */
#include "pipeline/reconstruct.h"

#include "core/memory.h"
#include "core/ops.h"
#include "core/rng.h"
#include "nn/loss.h"
#include "physics/optics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- the LEDs ---- */

static double sine_of(const sg_led *led)
{
    return hypot(led->s_x, led->s_y);
}

/* Which LEDs the fit may see. */
static sg_status draw_roles(sg_reconstruction *r, bool validate)
{
    const int leds = r->leds.count;
    const sg_rng rng = sg_rng_make(r->config.train.seed, SG_RNG_SHUFFLE, 0, 0, 0);
    const int held = (int)lround(r->config.reconstruct.held_out * leds);
    const int validation = validate ? (int)lround(.1 * (leds - held)) : 0;
    uint32_t *order = NULL;
    SG_TRY(SG_ALLOC(&order, (size_t)leds, "LEDs"));
    sg_rng_shuffle(&rng, order, (uint32_t)leds);
    for (int i = 0; i < leds; i++)
        r->role[order[i]] = i < held ? SG_LED_HELD_OUT : i < held + validation ? SG_LED_VALIDATION : SG_LED_FIT;
    sg_free(order);
    for (int k = 0; k < leds; k++)
        if (r->role[k] == SG_LED_FIT) r->order[r->fit_count++] = k;
    if (r->fit_count < 4)
        SG_FAIL(SG_E_RANGE, "reconstruct.held_out: %g of %d LEDs leaves %d to fit, at least 4 are needed",
                r->config.reconstruct.held_out, leds, r->fit_count);
    return SG_OK;
}

/* Neighbours must see common frequencies: an LED farther from all others than two radii of the pupil ties to nothing.
 */
static sg_status check_overlap(const sg_reconstruction *r)
{
    const double na = r->config.microscope.optics.na;
    int bright = 0;
    for (int k = 0; k < r->leds.count; k++) {
        double nearest = INFINITY;
        for (int j = 0; j < r->leds.count; j++)
            if (j != k)
                nearest = fmin(nearest,
                               hypot(r->leds.led[k].s_x - r->leds.led[j].s_x, r->leds.led[k].s_y - r->leds.led[j].s_y));
        if (!(nearest < 2 * na))
            SG_FAIL(SG_E_RANGE,
                    "illumination: LED %d is %.3g NA away from every other one, the pupil (NA %g) ties LEDs together "
                    "only up to %.3g: the pictures do not overlap in Fourier space",
                    k, nearest, na, 2 * na);
        bright += r->role[k] == SG_LED_FIT && sine_of(&r->leds.led[k]) <= na;
    }
    if (!bright)
        SG_FAIL(SG_E_RANGE, "illumination: no fitted LED is inside the NA %g: nothing says how bright the field is",
                na);
    return SG_OK;
}

/* ---- the pictures ---- */

static sg_status check_stack(const sg_reconstruction *r, const sg_image *stack)
{
    const char *path = r->config.dataset.path;
    if (stack->pages != r->leds.count)
        SG_FAIL(SG_E_SHAPE, "%s: %d pictures, but the illumination has %d LEDs", path, stack->pages, r->leds.count);
    if (stack->height != r->size.output_px || stack->width != r->size.output_px)
        SG_FAIL(SG_E_SHAPE,
                "%s: pictures of %d x %d px, but the microscope makes %d x %d: (sample.size_px - 2 sample.margin_px) "
                "sample.pixel_um must be %d camera pixels of %.6g um",
                path, stack->width, stack->height, r->size.output_px, r->size.output_px, stack->width,
                r->size.camera_pitch_um);
    return sg_image_check_finite(stack, path);
}

static double mean_of(const float *x, size_t len)
{
    double sum = 0;
    for (size_t i = 0; i < len; i++) sum += (double)x[i];
    return sum / (double)len;
}

/* The unit of intensity: the mean bright-field picture of the LEDs that are fitted. */
static sg_status find_scale(sg_reconstruction *r, const sg_image *stack)
{
    const size_t len = (size_t)stack->height * (size_t)stack->width;
    double sum = 0;
    int count = 0;
    for (int k = 0; k < r->leds.count; k++) {
        if (r->role[k] != SG_LED_FIT || sine_of(&r->leds.led[k]) > .9 * r->config.microscope.optics.na) continue;
        sum += mean_of(stack->data + (size_t)k * len, len);
        count++;
    }
    r->scale = count ? sum / count : 0;
    if (!(r->scale > 0))
        SG_FAIL(SG_E_NUMERIC, "%s: the %d bright-field pictures that are fitted have no light", r->config.dataset.path,
                count);
    return SG_OK;
}

static sg_status load_pictures(sg_reconstruction *r, const sg_image *stack)
{
    const size_t len = (size_t)stack->height * (size_t)stack->width;
    const double floor = r->config.reconstruct.floor;
    SG_TRY(SG_ALLOC(&r->amplitude, (size_t)r->leds.count * len, "reconstruction"));
    for (int k = 0; k < r->leds.count; k++) {
        const float *from = stack->data + (size_t)k * len;
        float *to = r->amplitude + (size_t)k * len;
        for (size_t i = 0; i < len; i++) { /* a little below zero is camera noise */
            const double x = (double)from[i] / r->scale;
            to[i] = (float)sqrt((x < 0 ? 0 : x) + floor);
        }
        r->score[k].measured = mean_of(from, len) / r->scale;
        if (!(r->score[k].measured > 0))
            SG_FAIL(SG_E_NUMERIC, "%s: picture %d has no light", r->config.dataset.path, k);
    }
    return SG_OK;
}

/* ---- the graph ---- */

static sg_value parameter(sg_graph *g, const char *name, sg_shape shape, double start, double lr,
                          sg_constraint constraint, const char *unit)
{
    const sg_param_spec spec = {.init_a = start, .lr = lr, .constraint = constraint, .unit = unit};
    return sg_param(g, name, shape, &spec);
}

/* Light past the sample: a measured stack of empty fields, lit by the powers of NA/|s|. */
static sg_value stray_light(sg_graph *g, const sg_reconstruction *r, sg_value intensity)
{
    const sg_reconstruct_config *c = &r->config.reconstruct;
    const int side = r->size.output_px, terms = c->stray_terms;
    if (terms == 0) return intensity;
    const sg_value field = sg_input(g, "stray.field", SG_SHAPE(1, terms, side, side));
    const sg_value angle = sg_input(g, "stray.angle", SG_SHAPE(1, 1, r->batch, terms));
    const sg_value stray =
        parameter(g, "stray", SG_SHAPE(1, 1, 1, terms), 1e-3 / terms, c->stray_lr, SG_NON_NEGATIVE, "1");
    return sg_combine(g, intensity, 1, sg_stack_image(g, field, angle, stray), 1);
}

static sg_value build(sg_graph *g, const sg_reconstruction *r, const sg_led_pose_start *pose)
{
    const sg_reconstruct_config *c = &r->config.reconstruct;
    const int n = r->size.sample_px, side = r->size.output_px;
    const sg_value absorption = parameter(g, "sample.absorption", SG_SHAPE(1, 1, n, n), 0, c->lr, SG_FREE, "1");
    const sg_value phase = parameter(g, "sample.phase_rad", SG_SHAPE(1, 1, n, n), 0, c->lr, SG_FREE, "rad");
    const sg_value light =
        sg_microscope_leds(g, sg_transmission(g, absorption, phase), &r->config.microscope, r->batch, pose);
    const sg_value intensity = stray_light(g, r, light);
    sg_output(g, "intensity", intensity);
    const sg_value measured = sg_input(g, "amplitude", SG_SHAPE(1, r->batch, side, side));
    return sg_mse(g, sg_amplitude(g, intensity, c->floor), measured);
}

static sg_status make_plan(sg_reconstruction *r, const sg_led_pose_start *pose)
{
    const sg_plan_options options = {.backward = true};
    sg_graph *g = sg_graph_new();
    sg_status status = sg_model_new(&r->model, r->config.train.seed);
    if (status == SG_OK) status = sg_plan_make(&r->plan, g, r->model, build(g, r, pose), &options);
    sg_graph_free(g);
    if (status != SG_OK) return status;
    float *field = sg_plan_input(r->plan, "stray.field");
    const size_t len = sg_shape_len(sg_plan_shape(r->plan, "stray.field"));
    for (size_t i = 0; field && i < len; i++) field[i] = 1;
    return SG_OK;
}

/* ---- one step ---- */

const float *sg_reconstruction_values(const sg_reconstruction *r, const char *name)
{
    const sg_param_info *p = sg_model_find(r->model, name);
    return p ? p->value : NULL;
}

/* Direction of LED k on the array as it stands now. */
static void direction(double s[2], const sg_reconstruction *r, int k)
{
    const sg_led *led = &r->leds.led[k];
    const float *shift = sg_reconstruction_values(r, "microscope.led.shift_mm");
    s[0] = led->s_x;
    s[1] = led->s_y;
    if (!shift) return; /* snapped: as described */
    const double angle = (double)*sg_reconstruction_values(r, "microscope.led.rotation_deg") * .017453292519943295;
    const double c = cos(angle), t = sin(angle);
    sg_led_direction(
        s, NULL, c * led->x_mm - t * led->y_mm + (double)shift[0], t * led->x_mm + c * led->y_mm + (double)shift[1],
        (double)*sg_reconstruction_values(r, "microscope.led.height_mm"), r->leds.slide_mm, r->leds.slide_index);
}

/* Place i of the plan shows LED k; k < 0: nothing. */
static void load_led(sg_reconstruction *r, int i, int k)
{
    const size_t len = (size_t)r->size.output_px * (size_t)r->size.output_px;
    const double field_um = r->config.microscope.sample.size_px * r->config.microscope.sample.pixel_um;
    const sg_optics_config *optics = &r->config.microscope.optics;
    const int terms = r->config.reconstruct.stray_terms, n = r->batch;
    float *weight = sg_plan_input(r->plan, "led.weight"), *position = sg_plan_input(r->plan, "led.position_mm");
    float *bin = sg_plan_input(r->plan, "led.bin"), *angle = sg_plan_input(r->plan, "stray.angle");
    float *amplitude = (float *)sg_plan_input(r->plan, "amplitude") + (size_t)i * len;
    double s[2] = {0};
    if (k >= 0) direction(s, r, k);
    const double ratio = fmin(1, optics->na / fmax(hypot(s[0], s[1]), 1e-9));
    for (int j = 0; j < n; j++) weight[i * n + j] = j == i && k >= 0;
    ((float *)sg_plan_input(r->plan, "led.power"))[i] = k >= 0 ? (float)r->leds.led[k].power : 1;
    for (int a = 0; a < 2; a++) {
        if (position) position[2 * i + a] = k < 0 ? 0 : (float)(a ? r->leds.led[k].y_mm : r->leds.led[k].x_mm);
        bin[2 * i + a] = (float)nearbyint(s[1 - a] / optics->wavelength_um * field_um);
    }
    for (int j = 0; j < terms; j++) angle[i * terms + j] = k < 0 ? 0 : (float)pow(ratio, 2 * j);
    if (k >= 0)
        memcpy(amplitude, r->amplitude + (size_t)k * len, len * sizeof *amplitude);
    else
        for (size_t j = 0; j < len; j++) amplitude[j] = (float)sqrt(r->config.reconstruct.floor);
}

/* Piston shifts nothing and tilt only the picture: they stay as they are, and so does Z4 where the defocus learns. */
static void hold_tilt(const sg_reconstruction *r)
{
    const sg_optics_config *optics = &r->config.microscope.optics;
    sg_param_info *zernike = sg_model_find(r->model, "microscope.pupil.zernike");
    const size_t held = optics->learn_defocus.on ? 4 : 3;
    for (size_t j = 0; j < held && j < zernike->len; j++) zernike->value[j] = (float)optics->zernike_rad[j];
}

static sg_status step(sg_reconstruction *r, int64_t number, int64_t total, double *loss)
{
    SG_TRY(sg_plan_forward(r->plan));
    SG_TRY(sg_plan_backward(r->plan));
    *loss = sg_plan_loss(r->plan);
    SG_TRY(sg_optimiser_step(r->model, r->plan, &r->config.optimiser,
                             sg_schedule_factor(&r->config.optimiser, number, total)));
    hold_tilt(r);
    return SG_OK;
}

sg_status sg_reconstruction_epoch(sg_reconstruction *r, int epoch, double *loss)
{
    const int steps = (r->fit_count + r->batch - 1) / r->batch;
    const sg_rng rng = sg_rng_make(r->config.train.seed, SG_RNG_SHUFFLE, 1, (uint32_t)epoch, 0);
    uint32_t *turn = NULL;
    sg_status status = SG_OK;
    *loss = 0;
    SG_TRY(SG_ALLOC(&turn, (size_t)r->fit_count, "LEDs"));
    sg_rng_shuffle(&rng, turn, (uint32_t)r->fit_count);
    for (int i = 0; i < steps && status == SG_OK; i++) {
        double one = 0;
        for (int j = 0; j < r->batch; j++) {
            const int at = i * r->batch + j;
            load_led(r, j, at < r->fit_count ? r->order[turn[at]] : -1);
        }
        status = step(r, (int64_t)epoch * steps + i, (int64_t)r->config.reconstruct.epochs * steps, &one);
        *loss += one * r->batch / r->fit_count;
    }
    sg_free(turn);
    return status;
}

/* ---- scores ---- */

static void score_led(sg_reconstruction *r, int i, int k)
{
    const size_t len = (size_t)r->size.output_px * (size_t)r->size.output_px;
    const float *predicted = (const float *)sg_plan_output(r->plan, "intensity") + (size_t)i * len;
    const float *amplitude = r->amplitude + (size_t)k * len;
    const double floor = r->config.reconstruct.floor;
    double squares = 0, power = 0;
    for (size_t j = 0; j < len; j++) {
        const double a = sqrt((double)predicted[j] + floor), b = (double)amplitude[j];
        squares += (a - b) * (a - b);
        power += b * b;
    }
    r->score[k].predicted = mean_of(predicted, len);
    r->score[k].image_error = sqrt(squares / power);
}

sg_status sg_reconstruction_score(sg_reconstruction *r)
{
    for (int first = 0; first < r->leds.count; first += r->batch) {
        for (int i = 0; i < r->batch; i++) load_led(r, i, first + i < r->leds.count ? first + i : -1);
        SG_TRY(sg_plan_forward(r->plan));
        for (int i = 0; i < r->batch && first + i < r->leds.count; i++) score_led(r, i, first + i);
    }
    return SG_OK;
}

sg_reconstruction_error sg_reconstruction_summary(const sg_reconstruction *r, sg_led_role role)
{
    sg_reconstruction_error out = {0};
    double squares = 0, images = 0;
    for (int k = 0; k < r->leds.count; k++) {
        if (r->role[k] != role) continue;
        const double error = log10(r->score[k].predicted / r->score[k].measured);
        squares += error * error;
        images += r->score[k].image_error;
        out.log10_worst = fabs(error) > out.log10_worst ? fabs(error) : out.log10_worst;
        out.count++;
    }
    out.log10_rms = out.count ? sqrt(squares / out.count) : (double)NAN;
    out.image_error = out.count ? images / out.count : (double)NAN;
    return out;
}

/* ---- from a config ---- */

static void flatten(sg_optics_config *optics)
{
    const sg_learn off = {0};
    optics->defocus_um = 0;
    memset(optics->zernike_rad, 0, sizeof optics->zernike_rad);
    optics->learn_defocus = optics->learn_zernike = optics->learn_na = off;
    optics->learn_amplitude = optics->learn_phase = off;
}

static sg_status check_config(const sg_config *c)
{
    if (c->microscope.sample.kind != SG_SAMPLE_COHERENT)
        SG_FAIL(SG_E_CONFIG, "sample.kind: a reconstruction needs coherent: the sample is what it looks for");
    if (!c->dataset.path[0]) SG_FAIL(SG_E_CONFIG, "dataset.path: a reconstruction needs a stack, one picture an LED");
    return SG_OK;
}

sg_status sg_reconstruction_open(sg_reconstruction *out, const sg_config *config, const sg_image *stack,
                                 const sg_reconstruction_options *options)
{
    *out = (sg_reconstruction){.config = *config, .batch = config->reconstruct.batch_leds};
    sg_microscope_config *m = &out->config.microscope;
    sg_led_pose_start pose = options->pose;
    SG_TRY(check_config(config));
    if (options->flat_pupil) flatten(&m->optics);
    SG_TRY(sg_microscope_check(&out->size, m));
    SG_TRY(sg_led_array_make(&out->leds, &m->illumination, m->optics.wavelength_um,
                             m->sample.size_px * m->sample.pixel_um));
    const size_t leds = (size_t)out->leds.count;
    if (!(pose.height_mm > 0)) pose.height_mm = out->leds.height_mm;
    if (!pose.learn.on) pose.learn = config->reconstruct.learn_pose;
    SG_TRY(SG_ALLOC(&out->role, leds, "LEDs"));
    SG_TRY(SG_ALLOC(&out->score, leds, "LEDs"));
    SG_TRY(SG_ALLOC(&out->order, leds, "LEDs"));
    SG_TRY(draw_roles(out, options->validate));
    SG_TRY(check_overlap(out));
    SG_TRY(check_stack(out, stack));
    SG_TRY(find_scale(out, stack));
    SG_TRY(load_pictures(out, stack));
    return make_plan(out, &pose);
}

void sg_reconstruction_free(sg_reconstruction *r)
{
    sg_plan_free(r->plan);
    sg_model_free(r->model);
    sg_led_array_free(&r->leds);
    sg_free(r->role);
    sg_free(r->score);
    sg_free(r->order);
    sg_free(r->amplitude);
}
