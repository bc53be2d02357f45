/* calibrate_camera.c - scopegrad calibrate camera --dark D --flat F ... -o FOLDER: photon transfer
 * (photon_transfer.h), a table, a configuration to copy, maps of the pixels, a plot. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/npy.h"
#include "datasets/stack_read.h"
#include "pipeline/args.h"
#include "pipeline/calibrate.h"
#include "pipeline/gnuplot.h"
#include "pipeline/photon_transfer.h"
#include "pipeline/text.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PATH = 1200, PLOT_WIDTH = 640, PLOT_HEIGHT = 440 };

/* ---- frames ---- */

static sg_status read_level(sg_level *out, float **pixel_variance, const char *path, int size[2])
{
    sg_image stack;
    sg_status status = sg_stack_read(&stack, path, NULL, "", &(sg_image_options){0});
    if (status != SG_OK) return status;
    if (pixel_variance)
        status = SG_ALLOC(pixel_variance, (size_t)stack.height * (size_t)stack.width, "calibrate camera");
    if (status == SG_OK)
        status = sg_photon_transfer_level(out, pixel_variance ? *pixel_variance : NULL, &stack, size, path);
    sg_image_free(&stack);
    return status;
}

static sg_status read_all(sg_photon_transfer *t, const char *dark, const sg_option_list *flats)
{
    int size[2] = {0, 0};
    SG_TRY(read_level(&t->dark, &t->read_noise_map, dark, size));
    t->height = size[0], t->width = size[1];
    for (int k = 0; k < flats->count; k++) {
        t->levels = k + 1;
        SG_TRY(read_level(&t->level[k], NULL, flats->item[k], size));
    }
    return SG_OK;
}

/* ---- results ---- */

static void print_table(const sg_photon_transfer *t)
{
    printf("%10s %12s %8s  %s\n", "mean/ADU", "var/ADU^2", "frames", "in the fit");
    printf("%10.3f %12.4f %8d  dark\n", t->dark.mean, t->dark.variance, t->dark.frames);
    for (int k = 0; k < t->levels; k++)
        printf("%10.3f %12.4f %8d  %s\n", t->level[k].mean, t->level[k].variance, t->level[k].frames,
               t->level[k].used ? "yes" : "no: near saturation");
    printf("\ngain         %.5g +- %.2g e/ADU\noffset       %.5g ADU\nread noise   %.4g e rms\n", t->gain_e_per_adu,
           t->gain_error, t->offset_adu, t->read_noise_e);
    if (t->full_well_e > 0)
        printf("full well    %.5g e (or the end of the ADC)\n", t->full_well_e);
    else
        printf("full well    not reached\n");
    printf("PRNU         %.3g %%\nDSNU         %.3g e\n", 100 * t->prnu, t->dsnu_e);
}

static sg_status write_config(const sg_photon_transfer *t, const char *folder, int bits)
{
    char path[PATH];
    sg_text text = {0};
    sg_text_add(&text, "# photon transfer: %d light levels, %d x %d pixels\ncamera:\n", t->levels, t->height, t->width);
    sg_text_add(&text, "    bit_depth: %d\n    gain_e_per_adu: %.9g\n    offset_adu: %.9g\n    read_noise_e: %.9g\n",
                bits, t->gain_e_per_adu, t->offset_adu, t->read_noise_e);
    if (t->full_well_e > 0) sg_text_add(&text, "    full_well_e: %.9g\n", t->full_well_e);
    sg_text_add(&text, "    prnu_map: prnu.npy\n    dsnu_map: dsnu_e.npy\n    read_noise_map: read_noise_e.npy\n");
    (void)snprintf(path, sizeof path, "%s/camera.yaml", folder);
    const sg_status status = text.status == SG_OK ? sg_file_write(path, text.data, text.len) : text.status;
    sg_text_free(&text);
    return status;
}

static sg_status write_maps(const sg_photon_transfer *t, const char *folder)
{
    const struct {
        const char *name;
        const float *map;
    } maps[] = {{"prnu", t->prnu_map}, {"dsnu_e", t->dsnu_map}, {"read_noise_e", t->read_noise_map}};
    for (int i = 0; i < SG_COUNT(maps); i++) {
        char path[PATH];
        (void)snprintf(path, sizeof path, "%s/%s.npy", folder, maps[i].name);
        SG_TRY(sg_npy_write(path, maps[i].map, 1, t->height, t->width));
    }
    return SG_OK;
}

/* Variance against mean less offset, both logarithmic, and the line of the fit. */
static void script(sg_text *s, const sg_photon_transfer *t)
{
    const double slope = 1 / t->gain_e_per_adu, top = t->level[t->levels - 1].mean - t->dark.mean;
    sg_text_add(s,
                "set encoding utf8\nset border 3\nset tics nomirror\nset logscale xy\nset key left top Left reverse\n"
                "set xlabel '(mean - offset) / ADU'\nset ylabel 'variance / ADU²'\n");
    for (int used = 1; used >= 0; used--) {
        sg_text_add(s, "$l%d << EOD\n", used);
        for (int k = 0; k < t->levels; k++)
            if (t->level[k].used == (used == 1) && t->level[k].mean > t->dark.mean)
                sg_text_add(s, "%.9g %.9g\n", t->level[k].mean - t->dark.mean, t->level[k].variance);
        sg_text_add(s, "NaN NaN\nEOD\n");
    }
    sg_text_add(
        s,
        "set xrange [%.6g:%.6g]\nplot %.9g + %.9g * x lc rgb '#0072B2' lw 1.6 title '%.4g e/ADU, read noise %.3g "
        "e', $l1 u 1:2 w p pt 7 ps 1 lc rgb '#D55E00' title 'in the fit', $l0 u 1:2 w p pt 6 ps 1 lc rgb "
        "'#8A8A8A' title 'near saturation'\n",
        fmax(.5 * (t->level[0].mean - t->dark.mean), 1e-3 * top), 1.5 * top, t->dark.variance, slope, t->gain_e_per_adu,
        t->read_noise_e);
}

static sg_status draw(const sg_photon_transfer *t, const char *folder)
{
    char path[PATH];
    sg_text text = {0};
    sg_figure figure = {0};
    script(&text, t);
    sg_status status = text.status == SG_OK ? sg_gnuplot_draw(&figure, &text, PLOT_WIDTH, PLOT_HEIGHT) : text.status;
    (void)snprintf(path, sizeof path, "%s/photon_transfer.png", folder);
    if (status == SG_OK) status = sg_file_write(path, figure.png, figure.png_size);
    (void)snprintf(path, sizeof path, "%s/photon_transfer.svg", folder);
    if (status == SG_OK) status = sg_file_write(path, figure.svg, strlen(figure.svg));
    sg_figure_free(&figure);
    sg_text_free(&text);
    return status;
}

static sg_status calibrate(sg_photon_transfer *t, const char *dark, const sg_option_list *flats, const char *folder,
                           int bits)
{
    SG_TRY(read_all(t, dark, flats));
    SG_TRY(sg_photon_transfer_fit(t));
    print_table(t);
    SG_TRY(sg_folder_make(folder));
    SG_TRY(write_maps(t, folder));
    SG_TRY(write_config(t, folder, bits));
    if (draw(t, folder) != SG_OK) /* the numbers do not need it */
        fprintf(stderr, "scopegrad calibrate camera: no plot: %s\n", sg_error_text());
    return SG_OK;
}

sg_status sg_calibrate_camera(int argc, char **argv)
{
    const char *dark = NULL, *folder = NULL;
    bool done = false;
    int bits = 16;
    sg_option_list flats = {0};
    const sg_option options[] = {
        {"dark", 'd', SG_OPTION_TEXT, &dark, "FRAMES", "frames without light: .tif, .npy, file.h5:/array, a folder"},
        {"flat", 'f', SG_OPTION_LIST, &flats, "FRAMES", "frames of one light level; once for each, at least twice"},
        {"bits", 'b', SG_OPTION_INT, &bits, "N", "of the camera's ADC", 1, 16},
        {"output", 'o', SG_OPTION_TEXT, &folder, "FOLDER", "camera.yaml, maps and plot (needed)"},
    };
    const sg_usage usage = {
        "calibrate camera",
        "",
        "Fits gain, offset, read noise, full well and maps of the pixels to flat and dark frames by "
        "photon transfer; writes a configuration to copy, the maps and a plot.",
        "scopegrad calibrate camera --dark dark.tif --flat 1.tif --flat 2.tif --flat 3.tif -o camera",
        options,
        SG_COUNT(options),
        0,
        0};
    SG_TRY(sg_args_parse(&usage, argc, argv, NULL, NULL, &done));
    if (done) return SG_OK;
    if (dark == NULL || folder == NULL || flats.count < 2)
        SG_FAIL(SG_E_USAGE, "--dark, at least two --flat and -o FOLDER are needed");
    sg_photon_transfer t = {0};
    const sg_status status = calibrate(&t, dark, &flats, folder, bits);
    sg_photon_transfer_free(&t);
    return status;
}
