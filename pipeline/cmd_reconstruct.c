/* cmd_reconstruct.c - scopegrad reconstruct CONFIG -o FOLDER: amplitude and phase of a sample, and the pupil, from
 * measured pictures under single LEDs; see reconstruct.h. Writes results.h5, leds.csv and picture.png. */
#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/interrupt.h"
#include "pipeline/reconstruct.h"
#include "pipeline/reconstruct_files.h"

#include <math.h>
#include <stdio.h>

static sg_status fit(sg_reconstruction *r, double *losses, bool quiet)
{
    const int epochs = r->config.reconstruct.epochs;
    for (int e = 0; e < epochs; e++) {
        if (sg_interrupted())
            SG_FAIL(SG_E_INTERRUPTED, "stopped after %d of %d epochs; nothing was written", e, epochs);
        SG_TRY(sg_reconstruction_epoch(r, e, &losses[e]));
        if (!quiet) fprintf(stderr, "epoch %d of %d: loss %.4g\n", e + 1, epochs, losses[e]);
    }
    return sg_reconstruction_score(r);
}

static void print_parameter(const sg_reconstruction *r, const char *name, int count)
{
    const float *x = sg_reconstruction_values(r, name);
    if (!x) return;
    printf("%s:", name);
    for (int i = 0; i < count; i++) printf(" %.4g", (double)x[i]);
    printf("\n");
}

static void print_scores(const sg_reconstruction *r, bool validate)
{
    static const char *const names[] = {"fit", "validation", "held out"};
    printf("LEDs        count  rms log10 mean  worst   image error\n");
    for (int role = 0; role < SG_COUNT(names); role++) {
        const sg_reconstruction_error e = sg_reconstruction_summary(r, (sg_led_role)role);
        if (e.count && !(validate && role == SG_LED_HELD_OUT)) /* settings are not chosen by those */
            printf("%-11s %5d  %14.4f  %5.3f  %11.4f\n", names[role], e.count, e.log10_rms, e.log10_worst,
                   e.image_error);
    }
    print_parameter(r, "microscope.pupil.defocus_um", 1);
    print_parameter(r, "microscope.pupil.na", 1);
    print_parameter(r, "microscope.pupil.zernike", r->config.microscope.optics.zernike_count);
    print_parameter(r, "microscope.led.shift_mm", 2);
    print_parameter(r, "microscope.led.rotation_deg", 1);
    print_parameter(r, "microscope.led.height_mm", 1);
    print_parameter(r, "stray", r->config.reconstruct.stray_terms);
}

static sg_status reconstruct(const sg_config *config, const sg_reconstruction_options *options, const char *folder,
                             bool quiet)
{
    sg_image stack;
    sg_reconstruction r = {.batch = 0};
    double *losses = NULL;
    SG_TRY(sg_reconstruction_read(&stack, config));
    sg_status status = sg_reconstruction_open(&r, config, &stack, options);
    if (status == SG_OK) status = SG_ALLOC(&losses, (size_t)config->reconstruct.epochs, "losses");
    if (status == SG_OK) status = sg_folder_make(folder);
    if (status == SG_OK) status = fit(&r, losses, quiet);
    if (status == SG_OK) status = sg_reconstruction_save(&r, &stack, losses, folder);
    if (status == SG_OK) print_scores(&r, options->validate);
    sg_free(losses);
    sg_reconstruction_free(&r);
    sg_image_free(&stack);
    return status;
}

sg_status sg_cmd_reconstruct(int argc, char **argv)
{
    const char *path = NULL, *folder = NULL;
    bool done = false, quiet = false;
    int threads = 0;
    sg_option_list sets = {0};
    sg_config config;
    sg_reconstruction_options options = {.flat_pupil = false};
    const sg_option list[] = {
        {"output", 'o', SG_OPTION_TEXT, &folder, "FOLDER", "results.h5, leds.csv and picture.png go here (needed)"},
        {"flat-pupil", 0, SG_OPTION_FLAG, &options.flat_pupil, NULL,
         "no aberration, no defocus, and none is learned: to compare with"},
        {"validate", 0, SG_OPTION_FLAG, &options.validate, NULL,
         "keep a tenth of the fitted LEDs out as well and score them: to choose settings by"},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE", "change a key of the config"},
        {"quiet", 'q', SG_OPTION_FLAG, &quiet, NULL, "no progress on the terminal"},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
    };
    const sg_usage usage = {
        "reconstruct",
        "CONFIG",
        "Fourier ptychography: amplitude and phase of a sample, and the pupil, from pictures under single LEDs. LEDs "
        "that "
        "the fit never saw are predicted and scored.",
        "scopegrad reconstruct experiments/fourier_ptychography/config.yaml --set dataset.path=stack.mat -o runs/fpm",
        list,
        SG_COUNT(list),
        1,
        1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &path, NULL, &done));
    if (done) return SG_OK;
    if (folder == NULL) SG_FAIL(SG_E_USAGE, "-o FOLDER is needed");
    SG_TRY(sg_cmd_config(&config, path, &sets));
    sg_threads_set(threads);
    return sg_cmd_blame(reconstruct(&config, &options, folder, quiet), path, &sets);
}
