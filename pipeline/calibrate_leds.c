/* calibrate_leds.c - see calibrate_leds.h. */
#include "pipeline/calibrate_leds.h"

#include "core/memory.h"
#include "core/parallel.h"
#include "physics/fft2.h"

#include <complex.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

/* WIDER: bins by which the circles look larger than the pupil, because the window blurs their edge and the logarithm
 * shows what it spills; it would otherwise be taken for a lower array. */
enum { POSE = 5, SHIFT_X = 0, SHIFT_Y, ROTATION, HEIGHT, WIDER, BRIGHT_MIN = 4 };

#define PI 3.14159265358979323846

/* The numbers of a search: what every trial pose is compared with. */
typedef struct search {
    const sg_led_array *array;
    double wavelength_um, field_um, radius; /* radius: NA/lambda in bins */
    int h, w, bright, bins;
    int *led;       /* (bright) */
    double *bin;    /* (bins, 2) x, y of the bins compared */
    double *level;  /* (bright, bins) L_k - mean_k L */
    double *inside; /* (bright, bins) m_k of the trial */
    double *sums;   /* (bins, 2) of one trial */
    double contrast;
} search;

static void search_free(search *s)
{
    sg_free(s->led);
    sg_free(s->bin);
    sg_free(s->level);
    sg_free(s->inside);
    sg_free(s->sums);
}

/* ---- the pictures ---- */

static double mean_of(const float *x, size_t len)
{
    double sum = 0;
    for (size_t i = 0; i < len; i++) sum += (double)x[i];
    return sum / (double)len;
}

/* Bright field: more than .8 of the brightest mean; those astride the edge of the pupil are left out. */
static sg_status find_bright(search *s, const sg_image *stack, const char *path)
{
    const size_t len = (size_t)stack->height * (size_t)stack->width;
    double most = 0;
    SG_TRY(SG_ALLOC(&s->led, (size_t)stack->pages, "LEDs"));
    for (int k = 0; k < stack->pages; k++) most = fmax(most, mean_of(stack->data + (size_t)k * len, len));
    if (!(most > 0)) SG_FAIL(SG_E_NUMERIC, "%s: the pictures have no light", path);
    for (int k = 0; k < stack->pages; k++)
        if (mean_of(stack->data + (size_t)k * len, len) > .8 * most) s->led[s->bright++] = k;
    if (s->bright < BRIGHT_MIN)
        SG_FAIL(SG_E_RANGE, "%s: %d bright-field pictures (mean above .8 of the brightest), at least %d are needed",
                path, s->bright, BRIGHT_MIN);
    return SG_OK;
}

static int wrap(int i, int n)
{
    return i < 0 ? i + n : i;
}

/* Bins of half the plane (a real picture's spectrum is symmetric) that a circle can reach, without the brightest few.
 */
static sg_status choose_bins(search *s)
{
    const double most = 2 * s->radius + 4;
    const int reach_x = (s->w - 1) / 2, reach_y = (s->h - 1) / 2;
    if (!(s->radius >= 4))
        SG_FAIL(SG_E_RANGE,
                "optics.na: the pupil is %.2g bins of the spectrum in radius, too few to see its edge: the "
                "field of %.4g um is too small",
                s->radius, s->field_um);
    SG_TRY(SG_ALLOC(&s->bin, 2 * (size_t)(reach_x + 1) * (size_t)(2 * reach_y + 1), "bins"));
    for (int x = 0; x <= reach_x; x++)
        for (int y = -reach_y; y <= reach_y; y++) {
            const double r = hypot(x, y);
            if (!(r > 3 && r < most)) continue;
            s->bin[2 * s->bins] = x;
            s->bin[2 * s->bins++ + 1] = y;
        }
    return SG_OK;
}

/* ln |DFT| of picture k relative to its mean, under a Hann window: the edges of the field do not meet. */
static void level_of(const search *s, double *level, const float *picture, double *field, double complex *spectrum,
                     const sg_fft2_f64 *plan)
{
    const double mean = mean_of(picture, (size_t)s->h * (size_t)s->w);
    for (int y = 0; y < s->h; y++)
        for (int x = 0; x < s->w; x++) {
            const size_t i = (size_t)y * (size_t)s->w + (size_t)x;
            const double hann = (1 - cos(2 * PI * y / s->h)) * (1 - cos(2 * PI * x / s->w)) / 4;
            field[i] = ((double)picture[i] / mean - 1) * hann;
        }
    sg_fft2_run_f64(plan, field, spectrum, 0);
    for (int b = 0; b < s->bins; b++) {
        const int x = (int)s->bin[2 * b], y = wrap((int)s->bin[2 * b + 1], s->h);
        level[b] = log(cabs(spectrum[(size_t)y * (size_t)(s->w / 2 + 1) + (size_t)x]) + 1e-9);
    }
}

static sg_status measure_levels(search *s, const sg_image *stack)
{
    const size_t len = (size_t)s->h * (size_t)s->w, bins = (size_t)s->bins;
    double *field = NULL;
    double complex *spectrum = NULL;
    sg_fft2_f64 *plan = NULL;
    sg_status status = SG_OK;
    SG_TRY_DONE(SG_ALLOC(&s->level, (size_t)s->bright * bins, "spectra"));
    SG_TRY_DONE(SG_ALLOC(&s->inside, (size_t)s->bright * bins, "spectra"));
    SG_TRY_DONE(SG_ALLOC(&s->sums, 2 * bins, "spectra"));
    SG_TRY_DONE(SG_ALLOC(&field, len, "picture"));
    SG_TRY_DONE(SG_ALLOC(&spectrum, (size_t)s->h * (size_t)(s->w / 2 + 1), "spectrum"));
    SG_TRY_DONE(sg_fft2_r2c_f64(&plan, s->h, s->w, 1));
    for (int i = 0; i < s->bright; i++)
        level_of(s, s->level + (size_t)i * bins, stack->data + (size_t)s->led[i] * len, field, spectrum, plan);
    for (size_t b = 0; b < bins; b++) {
        double sum = 0;
        for (int i = 0; i < s->bright; i++) sum += s->level[(size_t)i * bins + b];
        for (int i = 0; i < s->bright; i++) s->level[(size_t)i * bins + b] -= sum / s->bright;
    }
done:
    sg_fft2_free_f64(plan);
    sg_free(spectrum);
    sg_free(field);
    return status;
}

/* ---- the residual of a pose ---- */

static void place(double position_mm[2], double sine[2], const sg_led_array *array, int k, const double pose[POSE])
{
    const sg_led *led = &array->led[k];
    const double angle = pose[ROTATION] * PI / 180, c = cos(angle), t = sin(angle);
    position_mm[0] = c * led->x_mm - t * led->y_mm + pose[SHIFT_X];
    position_mm[1] = t * led->x_mm + c * led->y_mm + pose[SHIFT_Y];
    sg_led_direction(sine, NULL, position_mm[0], position_mm[1], pose[HEIGHT], array->slide_mm, array->slide_index);
}

/* 1 inside a circle, 0 outside, over about two bins. */
static double disc(double x, double y, double radius)
{
    return 1 / (1 + exp((hypot(x, y) - radius) * 1.3));
}

static void circles(void *context, int slice, int thread)
{
    search *s = *(search *const *)context;
    const double *pose = ((const double *const *)context)[1];
    double q[2], sine[2], *inside = s->inside + (size_t)slice * (size_t)s->bins;
    (void)thread;
    place(q, sine, s->array, s->led[slice], pose);
    const double scale = s->field_um / s->wavelength_um, fx = sine[0] * scale, fy = sine[1] * scale;
    const double radius = s->radius + pose[WIDER];
    for (int b = 0; b < s->bins; b++) {
        const double x = s->bin[2 * b], y = s->bin[2 * b + 1];
        const double plus = disc(x - fx, y - fy, radius), minus = disc(x + fx, y + fy, radius);
        inside[b] = plus + minus - plus * minus;
    }
}

static double residual(search *s, const double pose[POSE])
{
    const void *context[2] = {s, pose};
    const size_t bins = (size_t)s->bins;
    double mm = 0, ml = 0, ll = 0;
    sg_parallel(s->bright, circles, context);
    for (size_t b = 0; b < bins; b++) {
        double mean = 0;
        for (int i = 0; i < s->bright; i++) mean += s->inside[(size_t)i * bins + b] / s->bright;
        for (int i = 0; i < s->bright; i++) {
            const double m = s->inside[(size_t)i * bins + b] - mean, l = s->level[(size_t)i * bins + b];
            mm += m * m;
            ml += m * l;
            ll += l * l;
        }
    }
    s->contrast = mm > 0 ? ml / mm : 0;
    return (ll - (mm > 0 && ml > 0 ? ml * ml / mm : 0)) / ((double)s->bright * (double)bins);
}

/* ---- the search ---- */

/* Compass search: each number a step up or down while that helps, then all steps halve. */
static double descend(search *s, double pose[POSE], const double first[POSE])
{
    double step[POSE], best = residual(s, pose);
    memcpy(step, first, sizeof step);
    for (int round = 0; round < 400 && step[SHIFT_X] > 1e-3; round++) {
        bool moved = false;
        for (int i = 0; i < 2 * POSE; i++) {
            double trial[POSE];
            memcpy(trial, pose, sizeof trial);
            trial[i / 2] += i % 2 ? -step[i / 2] : step[i / 2];
            if (!(step[i / 2] > 0) || !(trial[HEIGHT] > 0)) continue;
            const double value = residual(s, trial);
            if (!(value < best)) continue;
            best = value;
            memcpy(pose, trial, sizeof trial);
            moved = true;
        }
        for (int i = 0; i < POSE && !moved; i++) step[i] /= 2;
    }
    return best;
}

/* The middle of the bright LEDs stands above the axis, to about half a pitch: a start that forgets the description. */
static void centre_bright(const search *s, double pose[POSE])
{
    double sum[2] = {0};
    pose[SHIFT_X] = pose[SHIFT_Y] = 0;
    for (int i = 0; i < s->bright; i++) {
        double q[2], sine[2];
        place(q, sine, s->array, s->led[i], pose);
        for (int a = 0; a < 2; a++) sum[a] += q[a] / s->bright;
    }
    pose[SHIFT_X] = -sum[0];
    pose[SHIFT_Y] = -sum[1];
}

static sg_status judge(search *s, sg_led_calibration *out, const double pose[POSE], const double start[POSE])
{
    double turned[POSE], rise = 0;
    for (int i = -1; i <= 1; i += 2) {
        memcpy(turned, pose, sizeof turned);
        turned[ROTATION] += i;
        rise += .5 * (residual(s, turned) / out->residual - 1);
    }
    out->rise_per_degree2 = rise;
    (void)residual(s, pose);
    out->contrast = s->contrast;
    if (!(out->contrast > .1))
        SG_FAIL(
            SG_E_NUMERIC,
            "calibrate leds: the pupil's circles do not show in the %d bright-field spectra (contrast "
            "%.3g, at least .1 is needed): check optics.na, optics.wavelength_um, camera.pixel_um and the order of the "
            "LEDs",
            s->bright, out->contrast);
    if (!(rise > 2e-5))
        SG_FAIL(SG_E_NUMERIC,
                "calibrate leds: nothing ties the rotation down (the residual rises by %.2g a degree): "
                "more bright-field LEDs away from the axis are needed",
                rise);
    if (!(fabs(pose[HEIGHT] / start[HEIGHT] - 1) < .5 && fabs(pose[ROTATION] - start[ROTATION]) < 20))
        SG_FAIL(SG_E_NUMERIC,
                "calibrate leds: the search ran away to rotation %.3g degrees, height %.4g mm from %.3g, "
                "%.4g: start nearer, or fix the height",
                pose[ROTATION], pose[HEIGHT], start[ROTATION], start[HEIGHT]);
    return SG_OK;
}

static sg_status find(search *s, sg_led_calibration *out, const sg_led_calibration_options *o)
{
    const double start[POSE] = {o->shift_x_mm, o->shift_y_mm, o->rotation_deg,
                                o->height_mm > 0 ? o->height_mm : s->array->height_mm, 0};
    const double unit = start[HEIGHT] * .5 / s->field_um * s->wavelength_um; /* half a bin, mm */
    const double step[POSE] = {2 * unit, 2 * unit, 1, o->fixed_height ? 0 : .02 * start[HEIGHT], .5};
    double pose[2][POSE];
    memcpy(pose[0], start, sizeof start);
    memcpy(pose[1], start, sizeof start);
    centre_bright(s, pose[1]);
    out->start_residual = residual(s, start);
    const double described = descend(s, pose[0], step), centred = descend(s, pose[1], step);
    const double *best = described < centred ? pose[0] : pose[1];
    out->residual = described < centred ? described : centred;
    out->shift_x_mm = best[SHIFT_X];
    out->shift_y_mm = best[SHIFT_Y];
    out->rotation_deg = best[ROTATION];
    out->height_mm = best[HEIGHT];
    return judge(s, out, best, start);
}

void sg_led_calibration_apply(const sg_led_calibration *c, const sg_led_array *array, int led, double position_mm[2],
                              double s[2])
{
    const double pose[POSE] = {c->shift_x_mm, c->shift_y_mm, c->rotation_deg, c->height_mm, 0};
    place(position_mm, s, array, led, pose);
}

static sg_status run(search *s, sg_led_calibration *out, const sg_image *stack, const char *path,
                     const sg_led_calibration_options *options)
{
    if (stack->pages != s->array->count)
        SG_FAIL(SG_E_SHAPE, "%s: %d pictures, but the illumination has %d LEDs", path, stack->pages, s->array->count);
    SG_TRY(sg_image_check_finite(stack, path));
    SG_TRY(find_bright(s, stack, path));
    SG_TRY(choose_bins(s));
    SG_TRY(measure_levels(s, stack));
    out->leds = stack->pages;
    out->bright = s->bright;
    return find(s, out, options);
}

sg_status sg_led_calibration_find(sg_led_calibration *out, const sg_config *config, const sg_image *stack,
                                  const sg_led_calibration_options *options)
{
    const sg_microscope_config *m = &config->microscope;
    const double pitch_um = m->camera.pixel_um / m->optics.magnification;
    sg_led_array array;
    *out = (sg_led_calibration){.leds = 0};
    if (stack->height != stack->width)
        SG_FAIL(SG_E_SHAPE, "%s: pictures of %d x %d px are not square", config->dataset.path, stack->width,
                stack->height);
    search s = {.array = &array, .wavelength_um = m->optics.wavelength_um, .h = stack->height, .w = stack->width};
    s.field_um = pitch_um * stack->width;
    s.radius = m->optics.na / m->optics.wavelength_um * s.field_um;
    SG_TRY(sg_led_array_make(&array, &m->illumination, m->optics.wavelength_um, s.field_um));
    const sg_status status = run(&s, out, stack, config->dataset.path, options);
    search_free(&s);
    sg_led_array_free(&array);
    return status;
}
