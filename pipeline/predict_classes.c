/* predict_classes.c - see predict_classes.h. */
#include "pipeline/predict_classes.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/channel_rows.h"
#include "pipeline/cmd.h"
#include "pipeline/task.h"
#include "pipeline/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct table {
    const sg_class_pictures *pictures;
    const sg_config *config;
    sg_model *model;
    const sg_program *program;
    sg_graph *graph; /* of the network alone */
    sg_plan *own;    /* for camera values; NULL: the program's plan runs */
    sg_text out;
} table;

/* The network without microscope and loss: camera values begin where they are standardised. */
static sg_status plan_network(table *t)
{
    const sg_microscope_size *size = &t->program->size;
    const sg_plan_options options = sg_program_options(&t->config->nn);
    t->graph = sg_graph_new();
    const sg_value x =
        sg_input(t->graph, "x", SG_SHAPE(t->program->batch, size->channels, size->output_px, size->output_px));
    const sg_value logits = sg_program_network(t->graph, x, t->config);
    sg_output(t->graph, "logits", logits);
    return sg_plan_make(&t->own, t->graph, t->model, logits, &options);
}

static sg_status fill_measured(const table *t, int b, const char *path)
{
    const sg_microscope_size *size = &t->program->size;
    const size_t plane = (size_t)size->output_px * (size_t)size->output_px;
    float *x = sg_plan_input(t->own, "x");
    sg_picture_rows picture;
    sg_channel_rows channels = {0};
    sg_status status;
    sg_image_options options = sg_dataset_options(&t->config->dataset, size->output_pitch_um);
    options.pixel_key = "the camera of the run";
    SG_TRY_DONE(sg_picture_rows_open(&picture, path, options));
    if (picture.height != size->output_px || picture.width != size->output_px)
        SG_FAIL_DONE(SG_E_SHAPE, "%s: %d x %d px, this classifier takes %d x %d", path, picture.width, picture.height,
                     size->output_px, size->output_px);
    SG_TRY_DONE(sg_channel_rows_open(&channels, &picture, &t->config->microscope.camera, size, t->model));
    SG_TRY_DONE(
        sg_channel_rows_read(&channels, x + (size_t)b * plane * (size_t)size->channels, plane, 0, size->output_px));
done:
    sg_channel_rows_close(&channels);
    sg_picture_rows_close(&picture);
    return status;
}

static sg_status fill_sample(const table *t, int b, const char *path)
{
    const sg_shape sample = sg_plan_shape(t->program->plan, "sample");
    const size_t len = sg_shape_len(sample) / (size_t)sample.n;
    float *x = sg_plan_input(t->program->plan, "sample");
    return sg_cmd_sample(x + (size_t)b * len, path, t->config, &t->program->size, NULL);
}

static void add_row(sg_text *out, const char *path, const float *logits, char *const *names, int classes)
{
    float probability[SG_CLASSES_MAX];
    int best = 0;
    sg_task_classify.predict(probability, logits, (size_t)classes);
    for (int c = 1; c < classes; c++)
        if (probability[c] > probability[best]) best = c;
    sg_text_csv(out, path);
    sg_text_add(out, ",");
    sg_text_csv(out, names[best]);
    for (int c = 0; c < classes; c++) sg_text_add(out, ",%.9g", (double)probability[c]);
    sg_text_add(out, "\n");
}

static sg_status predict_batch(table *t, int first, char *const *names)
{
    uint32_t ids[4096]; /* train.batch_size is no larger */
    const int left = t->pictures->count - first, here = left < t->program->batch ? left : t->program->batch;
    sg_plan *plan = t->own != NULL ? t->own : t->program->plan;
    for (int b = 0; b < here; b++)
        SG_TRY((t->own != NULL ? fill_measured : fill_sample)(t, b, t->pictures->path[first + b]));
    for (int b = 0; b < t->program->batch; b++) ids[b] = (uint32_t)(first + b);
    const sg_step step = {t->config->train.seed, 0, ids, false};
    sg_plan_step_set(plan, &step);
    SG_TRY(sg_plan_forward(plan));
    const int classes = t->config->found.classes;
    const float *logits = sg_plan_output(plan, "logits");
    for (int b = 0; b < here; b++)
        add_row(&t->out, t->pictures->path[first + b], logits + (size_t)b * (size_t)classes, names, classes);
    return SG_OK;
}

static sg_status predict_all(table *t)
{
    char **names;
    int classes;
    SG_TRY(sg_names_cut(&names, &classes, t->config->dataset.classes, "dataset.classes"));
    sg_text_add(&t->out, "name,predicted");
    for (int c = 0; c < classes; c++) {
        char name[sizeof t->config->dataset.classes + 2];
        (void)snprintf(name, sizeof name, "p_%s", names[c]);
        sg_text_add(&t->out, ",");
        sg_text_csv(&t->out, name);
    }
    sg_text_add(&t->out, "\n");
    sg_status status = t->pictures->measured ? plan_network(t) : SG_OK;
    for (int first = 0; status == SG_OK && first < t->pictures->count; first += t->program->batch)
        status = predict_batch(t, first, names);
    sg_names_free(names, classes);
    return status;
}

sg_status sg_predict_classes(const char *output, const sg_class_pictures *pictures, const sg_config *config,
                             sg_model *model, const sg_program *program)
{
    table t = {.pictures = pictures, .config = config, .model = model, .program = program};
    sg_status status = predict_all(&t);
    if (status == SG_OK) status = t.out.status;
    if (status == SG_OK) status = sg_file_write(output, t.out.data, t.out.len);
    sg_text_free(&t.out);
    sg_plan_free(t.own);
    sg_graph_free(t.graph);
    return status;
}
