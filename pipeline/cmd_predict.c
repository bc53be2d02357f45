/* cmd_predict.c - scopegrad predict RUN -i PICTURES -o OUT.tif: the trained network on pictures.
 * A sample picture goes through the run's microscope first; a measured one (--measured, ADU, one page an exposure) goes
 * straight to the network, tile by tile. The result is float TIFF, one page a picture, with the pixel size, written
 * while it is predicted. A classifier leaves a table instead (predict_classes.h). */
#include "core/memory.h"
#include "core/parallel.h"
#include "nn/unet.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/evaluate.h"
#include "pipeline/predict.h"
#include "pipeline/predict_classes.h"
#include "pipeline/run_folder.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

typedef struct prediction {
    const char *output;
    const sg_option_list *pictures, *sets;
    sg_predict_options tiles;
    bool measured, compress;
    sg_config config; /* of the folded network */
    sg_model *model;
    sg_program program; /* samples only */
    sg_microscope_size size;
    sg_predictor *predictor; /* measured pictures only */
    sg_tiff_writer *writer;
    int height, width;
    char note[SG_CMD_NOTE]; /* of the first sample */
} prediction;

/* The first picture decides the size of all pages. */
static sg_status begin_page(prediction *p, int height, int width, const char *path)
{
    if (p->writer == NULL) {
        const char *name = p->config.loss.kind == SG_LOSS_MSE ? "prediction" : "probability";
        const sg_tiff_form form = {.pages = p->pictures->count,
                                   .height = height,
                                   .width = width,
                                   .bits = 32,
                                   .pixel_um = p->size.output_pitch_um,
                                   .compress = p->compress,
                                   .axis = 'T',
                                   .channel = &name};
        p->height = height;
        p->width = width;
        return sg_tiff_create(&p->writer, p->output, &form);
    }
    if (height != p->height || width != p->width)
        SG_FAIL(SG_E_SHAPE, "%s: %d x %d px, the pictures before it gave %d x %d: predict them one by one", path, width,
                height, p->width, p->height);
    return SG_OK;
}

static sg_status predict_sample(prediction *p, const char *path, int page)
{
    const sg_plan *plan = p->program.plan;
    const int side = p->size.output_px;
    const uint32_t id = (uint32_t)page;
    const sg_step step = {p->config.train.seed, 0, &id, false};
    float *logits = sg_plan_output(plan, "logits");
    SG_TRY(begin_page(p, side, side, path));
    SG_TRY(sg_cmd_sample(sg_plan_input(plan, "sample"), path, &p->config, &p->size, page == 0 ? p->note : NULL));
    sg_plan_step_set(p->program.plan, &step);
    SG_TRY(sg_plan_forward(p->program.plan));
    sg_predict_values(logits, logits, (size_t)side * (size_t)side, &p->config.loss);
    return sg_tiff_append(p->writer, logits, side);
}

static sg_status predict_channels(prediction *p, const sg_channel_rows *channels)
{
    const sg_picture_rows *in = channels->picture;
    sg_status status = SG_OK;
    if (p->predictor == NULL)
        status = sg_predictor_make(&p->predictor, &p->config, p->model, channels->channels, in->height, in->width,
                                   &p->tiles);
    if (status != SG_OK) return sg_error_prefix(status, "%s", in->path);
    return sg_predictor_run(p->predictor, channels, p->writer);
}

static sg_status predict_measured(prediction *p, const char *path, int page)
{
    sg_picture_rows picture;
    sg_channel_rows channels = {0};
    sg_status status;
    (void)page;
    sg_image_options options = sg_dataset_options(&p->config.dataset, p->size.output_pitch_um);
    options.pixel_key = "the camera of the run";
    SG_TRY_DONE(sg_picture_rows_open(&picture, path, options));
    SG_TRY_DONE(sg_channel_rows_open(&channels, &picture, &p->config.microscope.camera, &p->size, p->model));
    SG_TRY_DONE(begin_page(p, picture.height, picture.width, path));
    SG_TRY_DONE(predict_channels(p, &channels));
done:
    sg_channel_rows_close(&channels);
    sg_picture_rows_close(&picture);
    return status;
}

/* The network of the run with its batch norm folded away, and without what only training needs. */
static sg_status load_network(prediction *p, const char *folder)
{
    sg_model *trained = NULL;
    sg_program program = {0};
    sg_status status;
    SG_TRY_DONE(sg_cmd_run_load(&p->config, &trained, &program, folder, 1));
    SG_TRY_DONE(sg_unet_fold(&p->model, trained, &p->config.unet));
    p->config.unet.norm = SG_NORM_NONE;
    p->size = program.size;
done:
    sg_program_free(&program);
    sg_model_free(trained);
    return status;
}

/* TIFF under another format's name would mislead. */
static sg_status check_form(const prediction *p)
{
    const char *dot = strrchr(p->output, '.');
    const bool other =
        dot && (strcasecmp(dot, ".csv") == 0 || (sg_image_known(p->output) && !sg_tiff_known(p->output)));
    if (other) SG_FAIL(SG_E_USAGE, "-o %s: what is written is TIFF: OUT.tif", p->output);
    return SG_OK;
}

/* A picture has one class: no pages, no tiles. */
static sg_status predict_classes(prediction *p, const char *folder)
{
    const sg_class_pictures pictures = {p->pictures->item, p->pictures->count, p->measured};
    if (p->tiles.tile_px > 0 || p->tiles.overlap_px >= 0 || p->compress)
        SG_FAIL(SG_E_USAGE, "--tile, --overlap, --compress: %s is a classifier, its output is a table", folder);
    const char *dot = strrchr(p->output, '.');
    if (dot != NULL && (strcasecmp(dot, ".tif") == 0 || strcasecmp(dot, ".tiff") == 0))
        SG_FAIL(SG_E_USAGE, "-o %s: %s is a classifier, its output is a table: OUT.csv", p->output, folder);
    const int batch = pictures.count < p->config.train.batch_size ? pictures.count : p->config.train.batch_size;
    SG_TRY(sg_cmd_run_load(&p->config, &p->model, &p->program, folder, batch));
    SG_TRY(sg_cmd_run_sets(&p->config, p->sets, true));
    sg_program_free(&p->program);
    SG_TRY(sg_program_make(&p->program, &p->config, p->model, batch, SG_PROGRAM_EVALUATE, NULL));
    return sg_predict_classes(p->output, &pictures, &p->config, p->model, &p->program);
}

static sg_status predict_all(prediction *p, const char *folder)
{
    SG_TRY(sg_run_config(&p->config, folder));
    if (p->config.network.kind != SG_NETWORK_UNET) return predict_classes(p, folder);
    SG_TRY(check_form(p));
    SG_TRY(load_network(p, folder));
    SG_TRY(sg_cmd_run_sets(&p->config, p->sets, true));
    if (p->config.microscope.sample.kind == SG_SAMPLE_STACK && !p->measured)
        SG_FAIL(SG_E_USAGE, "%s: was trained on a measured stack; give camera pictures with --measured", folder);
    if (p->tiles.overlap_px >= 0 && p->tiles.overlap_px < sg_unet_halo(&p->config.unet))
        fprintf(stderr, "scopegrad predict: --overlap %d: this network looks %d pixels around, seams may show\n",
                p->tiles.overlap_px, sg_unet_halo(&p->config.unet));
    if (!p->measured) SG_TRY(sg_program_make(&p->program, &p->config, p->model, 1, SG_PROGRAM_EVALUATE, NULL));
    for (int i = 0; i < p->pictures->count; i++)
        SG_TRY((p->measured ? predict_measured : predict_sample)(p, p->pictures->item[i], i));
    const sg_status status = sg_tiff_finish(p->writer);
    p->writer = NULL;
    if (status == SG_OK && p->note[0]) fprintf(stderr, "scopegrad predict: %s\n", p->note);
    return status;
}

/* The output replaces whatever stands there: not a picture that is asked for. */
static sg_status check_output(const prediction *p)
{
    struct stat output, input;
    if (stat(p->output, &output) != 0) return SG_OK;
    for (int i = 0; i < p->pictures->count; i++)
        if (stat(p->pictures->item[i], &input) == 0 && input.st_dev == output.st_dev && input.st_ino == output.st_ino)
            SG_FAIL(SG_E_USAGE, "-o %s: is one of the pictures; use another name", p->output);
    return SG_OK;
}

static void release(prediction *p)
{
    sg_tiff_abandon(p->writer);
    sg_predictor_free(p->predictor);
    sg_program_free(&p->program);
    sg_model_free(p->model);
}

sg_status sg_cmd_predict(int argc, char **argv)
{
    const char *folder = NULL;
    bool done = false;
    int threads = 0;
    sg_option_list pictures = {0}, sets = {0};
    prediction p = {.pictures = &pictures, .sets = &sets, .tiles.overlap_px = -1};
    const sg_option options[] = {
        {"input", 'i', SG_OPTION_LIST, &pictures, "IMAGE",
         "a picture: TIFF, PNG, JPEG, .npy, .mat, FILE.h5:/array (needed)"},
        {"output", 'o', SG_OPTION_TEXT, &p.output, "OUT.tif",
         "float TIFF, one page a picture; OUT.ome.tif: OME-TIFF; of a classifier a table, OUT.csv (needed)"},
        {"measured", 'm', SG_OPTION_FLAG, &p.measured, NULL,
         "pictures are camera values (ADU), one page an exposure, of any size; otherwise samples"},
        {"tile", 0, SG_OPTION_INT, &p.tiles.tile_px, "N",
         "side of the tiles of a measured picture, pixels; 0: up to 2048, as memory of 768 MiB allows", 0, 65536},
        {"overlap", 0, SG_OPTION_INT, &p.tiles.overlap_px, "N",
         "pixels that a tile sees around its own part; -1: as far as the network looks", -1, 32768},
        {"set", 0, SG_OPTION_LIST, &sets, "KEY=VALUE",
         "nn.KEY: another arithmetic than in training; dataset.axes, take, pixel_size: see docs/formats.md"},
        {"compress", 0, SG_OPTION_FLAG, &p.compress, NULL, "deflate the output"},
        {"quiet", 'q', SG_OPTION_FLAG, &p.tiles.silent, NULL, "no progress"},
        {"threads", 't', SG_OPTION_INT, &threads, "N", "0: every core", 0, 1024},
    };
    const sg_usage usage = {"predict",
                            "RUN",
                            "Runs the trained network of a run on pictures.",
                            "scopegrad predict runs/first -i nuclei.png -o nuclei_prediction.tif",
                            options,
                            SG_COUNT(options),
                            1,
                            1};
    SG_TRY(sg_args_parse(&usage, argc, argv, &folder, NULL, &done));
    if (done) return SG_OK;
    if (pictures.count == 0 || p.output == NULL) SG_FAIL(SG_E_USAGE, "-i IMAGE and -o OUT.tif are needed");
    SG_TRY(check_output(&p));
    sg_threads_set(threads);
    const sg_status status = predict_all(&p, folder);
    release(&p);
    return status;
}
