/* strip.c - the stages of a simulation side by side, by gnuplot; see simulation.h. */
#include "core/memory.h"
#include "datasets/image.h"
#include "pipeline/gnuplot.h"
#include "pipeline/light.h"
#include "pipeline/simulation.h"

#include <math.h>
#include <string.h>
#include <strings.h>

enum {
    CELL_WIDTH = 300,
    CELL_HEIGHT = 256,
    SIDE = 200,
    LEFT = 14,
    BOTTOM = 14,
    ROWS_MAX = 4,
    PIXELS_MAX = 256,
    PSF_MAX = 64
};

/* Where panels go: one column a stage, one row a picture of it. */
typedef struct strip {
    sg_text script;
    int columns, rows, column;
} strip;

static void place(strip *s, int row)
{
    const double width = s->columns * CELL_WIDTH, height = s->rows * CELL_HEIGHT;
    const double left = (s->column * CELL_WIDTH + LEFT) / width, right = left + SIDE / width;
    const double bottom = ((s->rows - 1 - row) * CELL_HEIGHT + BOTTOM) / height, top = bottom + SIDE / height;
    sg_text_add(&s->script, "set lmargin at screen %.6f\nset rmargin at screen %.6f\n", left, right);
    sg_text_add(&s->script, "set bmargin at screen %.6f\nset tmargin at screen %.6f\n", bottom, top);
    sg_text_add(&s->script, "set colorbox user origin %.6f,%.6f size %.6f,%.6f\n", right + 8 / width, bottom, 9 / width,
                top - bottom);
}

static void title(strip *s, const char *name, const char *unit, int row, int rows)
{
    char text[96];
    const bool plain = strcmp(unit, "1") == 0 || strncasecmp(name, unit, strlen(unit)) == 0; /* "electrons": said */
    (void)snprintf(text, sizeof text, rows > 1 ? "%s %d%s%s" : "%s%.0d%s%s", name, rows > 1 ? row + 1 : 0,
                   plain ? "" : ", ", plain ? "" : unit);
    sg_text_add(&s->script, "set title ");
    sg_gnuplot_quote(&s->script, text);
    sg_text_add(&s->script, " offset 0,-.5\n");
}

/* 1, 2 or 5 times a power of ten, about a quarter of the field. */
static double round_length(double field_um)
{
    const double most = .35 * field_um, power = pow(10, floor(log10(most))), lead = most / power;
    return power * (lead >= 5 ? 5 : lead >= 2 ? 2 : 1);
}

static void scale_bar(strip *s, const sg_stage_picture *p, int height, int width)
{
    sg_text_add(&s->script, "unset arrow\nunset label\n");
    if (!(p->pixel_um > 0)) return;
    const double field_um = p->pixel_um * p->w, bar_um = round_length(field_um);
    const double from = .05 * width, to = from + bar_um / field_um * width, y = .93 * height;
    sg_text_add(&s->script, "set arrow 1 from %.6g,%.6g to %.6g,%.6g nohead lw 2.5 lc rgb '#FFB000' front\n", from, y,
                to, y);
    sg_text_add(&s->script, "set label 1 '%g µm' at %.6g,%.6g center tc rgb '#FFB000' font ',10' front\n", bar_um,
                (from + to) / 2, .86 * height);
}

/* $p: the picture in blocks of `step` pixels, so that no panel has more than PIXELS_MAX on a side. */
static void picture_data(strip *s, const float *x, int height, int width, int step)
{
    sg_text_add(&s->script, "$p << EOD\n");
    for (int y = 0; y + step <= height; y += step) {
        for (int i = 0; i + step <= width; i += step) {
            double sum = 0;
            for (int k = 0; k < step * step; k++)
                sum += (double)x[(size_t)(y + k / step) * (size_t)width + (size_t)(i + k % step)];
            sg_text_add(&s->script, "%.5g ", sum / (step * step));
        }
        sg_text_bytes(&s->script, "\n", 1);
    }
    sg_text_add(&s->script, "EOD\n");
}

static int step_of(const sg_stage_picture *p)
{
    const int side = p->h > p->w ? p->h : p->w;
    return (side + PIXELS_MAX - 1) / PIXELS_MAX;
}

static void picture_plot(strip *s, const sg_stage_picture *p, int row)
{
    const size_t len = (size_t)p->h * (size_t)p->w;
    const float *x = p->data + (size_t)row * len;
    const int step = step_of(p), height = p->h / step, width = p->w / step;
    const double lo = sg_percentile(x, len, .2), hi = sg_percentile(x, len, 99.8);
    picture_data(s, x, p->h, p->w, step);
    place(s, row);
    title(s, p->name, p->unit, row, p->c);
    scale_bar(s, p, height, width);
    sg_text_add(&s->script, "set palette defined (0 '#000000', 1 '#ffffff')\nset cbrange [%.6g:%.6g]\n", lo,
                hi > lo ? hi : lo + 1);
    sg_text_add(&s->script, "set xrange [-.5:%g]\nset yrange [%g:-.5]\n", width - .5, height - .5);
    sg_text_add(&s->script, "plot $p matrix w image notitle\n");
}

/* The middle of a point spread function: the rest of the field is black. */
static sg_status psf_column(strip *s, const sg_stage_picture *p)
{
    const int height = p->h < PSF_MAX ? p->h : PSF_MAX, width = p->w < PSF_MAX ? p->w : PSF_MAX;
    sg_stage_picture middle = *p;
    SG_TRY(SG_ALLOC(&middle.data, (size_t)p->c * (size_t)height * (size_t)width, "strip"));
    for (int row = 0; row < p->c * height; row++)
        memcpy(middle.data + (size_t)row * (size_t)width,
               p->data + ((size_t)(row / height * p->h + (p->h - height) / 2 + row % height)) * (size_t)p->w +
                   (p->w - width) / 2,
               (size_t)width * sizeof *middle.data);
    middle.h = height, middle.w = width;
    for (int row = 0; row < p->c && row < s->rows; row++) picture_plot(s, &middle, row);
    sg_free(middle.data);
    return SG_OK;
}

static sg_status picture_column(strip *s, const sg_stage_picture *p)
{
    if (strcmp(p->name, "psf") == 0) {
        SG_TRY(psf_column(s, p));
    } else {
        for (int row = 0; row < p->c && row < s->rows; row++) picture_plot(s, p, row);
    }
    s->column++;
    return SG_OK;
}

/* ---- LED patterns ---- */

static void led_plot(strip *s, const sg_light *light, double na, int row, int rows)
{
    const double *weight = light->weight + (ptrdiff_t)row * light->leds;
    double edge = na, most = 0;
    for (int k = 0; k < light->leds; k++) {
        edge = fmax(edge, fmax(fabs(light->na_x[k]), fabs(light->na_y[k])));
        most = fmax(most, weight[k]);
    }
    sg_text_add(&s->script, "$l << EOD\n");
    for (int k = 0; k < light->leds; k++)
        sg_text_add(&s->script, "%.6g %.6g %.6g\n", light->na_x[k], light->na_y[k], 100 * weight[k]);
    sg_text_add(&s->script, "EOD\nunset arrow\nunset label\n");
    place(s, row);
    title(s, "LEDs", "% of the light", row, rows);
    sg_text_add(&s->script, "set palette defined (0 '#2B3240', .3 '#9A5A00', .65 '#E69F00', 1 '#FFF6DC')\n");
    sg_text_add(&s->script, "set cbrange [0:%.6g]\nset xrange [%.6g:%.6g]\nset yrange [%.6g:%.6g]\n",
                most > 0 ? 100 * most : 1, -1.1 * edge, 1.1 * edge, 1.1 * edge, -1.1 * edge);
    sg_text_add(&s->script,
                "set object 1 rectangle from graph 0,0 to graph 1,1 fc rgb '#11151C' fs solid noborder behind\n");
    sg_text_add(&s->script, "set object 2 circle at 0,0 size first %.6g fs empty border rgb '#DDE3EA' dt 2 front\n",
                na);
    sg_text_add(&s->script, "plot $l u 1:2:3 w points pt 7 ps %.4g lc palette notitle\n",
                fmin(1, 8 / sqrt((double)light->leds)));
    sg_text_add(&s->script, "unset object\n");
}

static sg_status led_column(strip *s, const sg_simulation *sim)
{
    sg_light light;
    const sg_status status = sg_light_read(&light, sim->config, sim->model);
    const int rows = light.colours * light.exposures;
    for (int row = 0; status == SG_OK && row < rows && row < s->rows; row++)
        led_plot(s, &light, sim->config->microscope.optics.na, row, rows);
    sg_light_free(&light);
    s->column++;
    return status;
}

/* True if `name` is one of the words of `show`. */
static bool shown(const char *show, const char *name)
{
    const size_t len = strlen(name);
    for (const char *word = show; word != NULL && *word != 0; word += strspn(word, " ")) {
        const size_t size = strcspn(word, " ");
        if (size == len && memcmp(word, name, len) == 0) return true;
        word += size;
    }
    return show == NULL;
}

/* Not the numbers of single detectors. */
static bool is_picture(const sg_stage_picture *p)
{
    return p->h > 1 && p->w > 1;
}

static bool has_leds(const sg_simulation *sim, const char *show)
{
    return shown(show, "LEDs") && sg_model_find(sim->model, "microscope.led.weight") != NULL &&
           sg_simulation_stage(sim, "image") != NULL;
}

static sg_status columns(strip *s, const sg_simulation *sim, const char *show)
{
    for (int i = 0; i < sim->count; i++) {
        if (strcmp(sim->list[i].name, "image") == 0 && has_leds(sim, show)) SG_TRY(led_column(s, sim));
        if (is_picture(&sim->list[i]) && shown(show, sim->list[i].name)) SG_TRY(picture_column(s, &sim->list[i]));
    }
    return SG_OK;
}

sg_status sg_strip_draw(void **out, size_t *size, const sg_simulation *sim, const char *show)
{
    strip s = {.columns = has_leds(sim, show), .rows = 1};
    *out = NULL;
    for (int i = 0; i < sim->count; i++) {
        if (!is_picture(&sim->list[i]) || !shown(show, sim->list[i].name)) continue;
        s.columns++;
        if (sim->list[i].c > s.rows) s.rows = sim->list[i].c < ROWS_MAX ? sim->list[i].c : ROWS_MAX;
    }
    if (s.columns == 0) SG_FAIL(SG_E_USAGE, "no picture to show: this microscope has no stage %s", show ? show : "");
    sg_text_add(&s.script, "set encoding utf8\nunset border\nunset tics\nunset key\nset cbtics scale .4 font ',10'\n"
                           "set format cb '%%g'\nset multiplot\n");
    sg_status status = columns(&s, sim, show);
    sg_text_add(&s.script, "unset multiplot\n");
    if (status == SG_OK) status = sg_gnuplot_png(out, size, &s.script, s.columns * CELL_WIDTH, s.rows * CELL_HEIGHT);
    sg_text_free(&s.script);
    return status;
}
