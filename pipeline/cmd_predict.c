/* cmd_predict.c - scopegrad predict RUN -i PICTURES -o OUT.tif: the trained network on pictures.
 * A sample picture goes through the run's microscope first; a measured one (--measured, ADU, one page an exposure) goes
 * straight to the network. The result is float TIFF, one page a picture, with the pixel size. */
#include "core/file.h"
#include "core/memory.h"
#include "core/parallel.h"
#include "datasets/tiff.h"
#include "nn/unet.h"
#include "physics/readout.h"
#include "pipeline/args.h"
#include "pipeline/cli.h"
#include "pipeline/cmd.h"
#include "pipeline/evaluate.h"

#include <math.h>
#include <string.h>

typedef struct prediction {
    sg_config config;
    sg_model *model;
    sg_program program;
    float *out; /* (pages, height, width) */
    int pages, height, width;
} prediction;

/* Probability for a segmentation, the value itself for a regression. */
static void store(prediction *p, const float *logits, size_t len, int page)
{
    float *out = p->out + (size_t)page * len;
    const bool probability = p->config.loss.kind == SG_LOSS_DICE_BCE;
    for (size_t i = 0; i < len; i++) out[i] = probability ? (float)(1 / (1 + exp(-(double)logits[i]))) : logits[i];
}

static sg_status size_output(prediction *p, int height, int width, const char *path)
{
    if (p->out == NULL) {
        p->height = height;
        p->width = width;
        return SG_ALLOC(&p->out, (size_t)p->pages * (size_t)height * (size_t)width, "predict");
    }
    if (height != p->height || width != p->width)
        SG_FAIL(SG_E_SHAPE, "%s: %d x %d px, the pictures before it gave %d x %d: predict them one by one", path, width,
                height, p->width, p->height);
    return SG_OK;
}

static sg_status predict_sample(prediction *p, const char *path, int page)
{
    const sg_plan *plan = p->program.plan;
    const int side = p->program.size.output_px;
    const uint32_t id = (uint32_t)page;
    const sg_step step = {p->config.train.seed, 0, &id, false};
    SG_TRY(size_output(p, side, side, path));
    SG_TRY(sg_cmd_sample(sg_plan_input(plan, "sample"), path, &p->config, &p->program.size));
    sg_plan_step_set(p->program.plan, &step);
    SG_TRY(sg_plan_forward(p->program.plan));
    store(p, sg_plan_output(plan, "logits"), (size_t)side * (size_t)side, page);
    return SG_OK;
}

/* Read-out and network for a measured picture of any size; sides that do not divide by 2^depth are mirrored up. */
static sg_status run_measured(prediction *p, const float *adu, int height, int width, int page)
{
    const int unit = 1 << p->config.unet.depth, exposures = p->program.size.frames;
    const int h = (height + unit - 1) / unit * unit, w = (width + unit - 1) / unit * unit;
    const double range_e = p->config.microscope.camera.range_e;
    const sg_param_info *offset = sg_model_find(p->model, "camera.adc.offset_adu"); /* if it was learned */
    sg_camera_config camera = p->config.microscope.camera;
    if (offset) camera.offset_adu = (double)offset->value[0];
    const sg_param_spec spec = {.init_a = range_e, .frozen = true, .unit = "electron"};
    const sg_plan_options options = sg_program_options(&p->config.nn);
    sg_graph *g = sg_graph_new();
    sg_plan *plan = NULL;
    const sg_value input = sg_input(g, "adu", SG_SHAPE(1, exposures, h, w));
    const sg_value range = sg_param(g, "camera.adc.range_e", SG_SHAPE(1, 1, 1, 1), &spec);
    const sg_value logits =
        sg_unet(g, sg_readout(g, input, range, &camera, p->program.size.exposures), &p->config.unet);
    sg_status status = sg_plan_make(&plan, g, p->model, logits, &options);
    if (status == SG_OK) {
        float *in = sg_plan_input(plan, "adu");
        for (int e = 0; e < exposures; e++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    const int sy = y < height ? y : 2 * height - 1 - y, sx = x < width ? x : 2 * width - 1 - x;
                    in[((size_t)e * (size_t)h + (size_t)y) * (size_t)w + (size_t)x] =
                        adu[((size_t)e * (size_t)height + (size_t)sy) * (size_t)width + (size_t)sx];
                }
        status = sg_plan_forward(plan);
    }
    for (int y = 0; status == SG_OK && y < height; y++) {
        const float *row = (const float *)sg_plan_root(plan) + (size_t)y * (size_t)w;
        store(p, row, (size_t)width, page * height + y);
    }
    sg_plan_free(plan);
    sg_graph_free(g);
    return status;
}

static sg_status measured_picture(prediction *p, const sg_image *image, const char *path, int page)
{
    const int exposures = p->program.size.frames, unit = 1 << p->config.unet.depth;
    if (p->config.microscope.camera.detectors > 0)
        SG_FAIL(SG_E_CONFIG, "camera.detectors: %s has pixels, this run has detectors behind masks", path);
    if (image->pages != exposures)
        SG_FAIL(SG_E_SHAPE, "%s: %d pages, this run measures %d exposures (one page each)", path, image->pages,
                exposures);
    if (image->height < unit || image->width < unit)
        SG_FAIL(SG_E_SHAPE, "%s: %d x %d px is smaller than %d, the coarsest pixel of the network", path, image->width,
                image->height, unit);
    SG_TRY(size_output(p, image->height, image->width, path));
    return run_measured(p, image->data, image->height, image->width, page);
}

static sg_status predict_measured(prediction *p, const char *path, int page)
{
    sg_image image;
    SG_TRY(sg_image_read(&image, path));
    const sg_status status = measured_picture(p, &image, path, page);
    sg_image_free(&image);
    return status;
}

static sg_status predict_all(prediction *p, const sg_option_list *pictures, bool measured)
{
    p->pages = pictures->count;
    for (int i = 0; i < pictures->count; i++)
        SG_TRY((measured ? predict_measured : predict_sample)(p, pictures->item[i], i));
    return SG_OK;
}

static sg_status predict(const char *folder, const sg_option_list *pictures, bool measured, const char *output)
{
    prediction p = {.pages = 0};
    sg_status status = sg_cmd_run_load(&p.config, &p.model, &p.program, folder, 1);
    if (status == SG_OK && p.config.microscope.sample.kind == SG_SAMPLE_STACK && !measured)
        status = sg_error_set(SG_E_USAGE, "%s: was trained on a measured stack; give camera pictures with --measured",
                              folder);
    if (status == SG_OK) status = predict_all(&p, pictures, measured);
    if (status == SG_OK) {
        const sg_tiff tiff = {p.pages, p.height, p.width, 32, p.out, p.program.size.output_pitch_um};
        status = sg_tiff_write(output, &tiff);
    }
    sg_free(p.out);
    sg_program_free(&p.program);
    sg_model_free(p.model);
    return status;
}

sg_status sg_cmd_predict(int argc, char **argv)
{
    const char *folder = NULL, *output = NULL;
    bool done = false, measured = false;
    int threads = 0;
    sg_option_list pictures = {0};
    const sg_option options[] = {
        {"input", 'i', SG_OPTION_LIST, &pictures, "IMAGE", "a picture, PNG or TIFF (needed)"},
        {"output", 'o', SG_OPTION_TEXT, &output, "OUT.tif", "float TIFF, one page a picture (needed)"},
        {"measured", 'm', SG_OPTION_FLAG, &measured, NULL,
         "pictures are camera values (ADU), one page an exposure; otherwise samples"},
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
    if (pictures.count == 0 || output == NULL) SG_FAIL(SG_E_USAGE, "-i IMAGE and -o OUT.tif are needed");
    sg_threads_set(threads);
    return predict(folder, &pictures, measured, output);
}
