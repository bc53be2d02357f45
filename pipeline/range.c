/* range.c - camera.range_e: auto, and thresholds that start with it or at quantiles. */
#include "core/memory.h"
#include "datasets/image.h"
#include "physics/adc.h"
#include "pipeline/evaluate.h"

#include <math.h>
#include <string.h>

enum { SG_RANGE_PICTURES = 16, SG_RANGE_CANDIDATES = 67 };

bool sg_range_resolve(sg_config *config)
{
    sg_camera_config *camera = &config->microscope.camera;
    const double gain_range_e = camera->gain_e_per_adu * ((1 << camera->bit_depth) - 1);
    if (gain_range_e > 0) camera->range_e = gain_range_e;
    if (camera->range_e > 0 || camera->bit_depth == 0) return false;
    camera->range_e = (double)((1 << camera->bit_depth) - 1); /* one electron a code */
    return true;
}

/* Electrons of the first validation pictures: (count, E, c, c), with their noise, without ADC. */
static sg_status collect(float **out, size_t *len, const sg_program *program, const sg_config *config,
                         const sg_dataset *dataset)
{
    const sg_shape electrons = sg_plan_shape(program->plan, "electrons");
    const size_t one = sg_shape_len(electrons) / (size_t)electrons.n;
    const int have = sg_dataset_count(dataset, SG_SPLIT_VALIDATION);
    const int count = have < SG_RANGE_PICTURES ? have : SG_RANGE_PICTURES;
    float *label = NULL;
    sg_status status;
    *out = NULL;
    if (count < 1) SG_FAIL(SG_E_CONFIG, "camera.range_e: auto needs a validation split, it holds no picture");
    SG_TRY_DONE(SG_ALLOC(out, (size_t)count * one, "range"));
    SG_TRY_DONE(SG_ALLOC(&label, sg_dataset_label_len(dataset), "range"));
    for (int i = 0; i < count; i++) {
        const uint32_t id = sg_dataset_id(dataset, SG_SPLIT_VALIDATION, i);
        const sg_step step = {config->train.seed, 0, &id, false};
        SG_TRY_DONE(sg_dataset_item(dataset, SG_SPLIT_VALIDATION, i, config->train.seed, -1,
                                    sg_plan_input(program->plan, "sample"), label, NULL));
        sg_plan_step_set(program->plan, &step);
        SG_TRY_DONE(sg_plan_forward(program->plan));
        memcpy(*out + (size_t)i * one, sg_plan_output(program->plan, "electrons"), one * sizeof(float));
    }
    *len = (size_t)count * one;
done:
    sg_free(label);
    return status;
}

/* Mean squared difference of the electrons and what the ADC reports of them. */
static double readout_error(const float *electrons, size_t len, const sg_camera_config *camera, double range_e)
{
    const double top = (double)((1 << camera->bit_depth) - 1), gain = range_e / top;
    double sum = 0;
    for (size_t i = 0; i < len; i++) {
        const double v = rint((double)electrons[i] / gain + camera->offset_adu), adu = v < 0 ? 0 : v > top ? top : v;
        const double error = (adu - camera->offset_adu) * gain - (double)electrons[i];
        sum += error * error;
    }
    return sum / (double)len;
}

static double best_range(const float *electrons, size_t len, const sg_camera_config *camera)
{
    double best = 0, least = INFINITY;
    for (int k = 0; k < SG_RANGE_CANDIDATES; k++) {
        const double range = exp2(k / 3. + 1), error = readout_error(electrons, len, camera, range);
        if (error < least) {
            least = error;
            best = range;
        }
    }
    return best;
}

/* Thresholds of one row, without those that stand for none. */
static int threshold_count(const sg_param_info *threshold, int row)
{
    int count = 0;
    while (count < threshold->shape.w && (double)threshold->value[row * threshold->shape.w + count] < SG_ADC_NEVER_E)
        count++;
    return count;
}

/* Thresholds between equal numbers of the electrons: 1, 3, 7 .. 255 of them in the rows that have so many. */
static void place_quantiles(sg_param_info *threshold, const float *electrons, size_t len)
{
    for (int count = 1; count <= threshold->shape.w; count = 2 * count + 1) {
        float quantile[SG_THRESHOLD_MAX];
        for (int j = 0; j < count; j++)
            quantile[j] = (float)sg_percentile(electrons, len, 100. * (j + 1) / (count + 1));
        for (int row = 0; row < threshold->shape.h; row++)
            if (threshold_count(threshold, row) == count)
                memcpy(threshold->value + (size_t)row * (size_t)threshold->shape.w, quantile,
                       (size_t)count * sizeof *quantile);
    }
}

/* Even thresholds lie in proportion to the range. */
static void move_thresholds(sg_param_info *threshold, float ratio)
{
    for (size_t i = 0; i < threshold->len; i++)
        if ((double)threshold->value[i] < SG_ADC_NEVER_E) threshold->value[i] *= ratio;
}

static void tune(sg_model *model, const sg_camera_config *camera, const float *electrons, size_t len, bool tune_range)
{
    sg_param_info *range = sg_model_find(model, "camera.adc.range_e");
    sg_param_info *threshold = sg_model_find(model, "camera.adc.threshold");
    const float before = range->value[0];
    if (tune_range) range->value[0] = (float)best_range(electrons, len, camera);
    if (threshold == NULL || camera->adc_threshold_count > 0) return;
    if (camera->adc_start == SG_ADC_START_QUANTILES)
        place_quantiles(threshold, electrons, len);
    else
        move_thresholds(threshold, range->value[0] / before);
}

sg_status sg_range_tune(sg_model *model, const sg_config *config, const sg_dataset *dataset, bool tune_range)
{
    sg_program program;
    float *electrons = NULL;
    size_t len = 0;
    const sg_camera_config *camera = &config->microscope.camera;
    const bool quantiles = camera->adc == SG_ADC_THRESHOLDS && camera->adc_start == SG_ADC_START_QUANTILES;
    if (!tune_range && !quantiles) return SG_OK;
    if (sg_model_find(model, "camera.adc.range_e") == NULL || camera->bit_depth == 0) return SG_OK;
    sg_status status = sg_program_make(&program, config, model, 1, SG_PROGRAM_ELECTRONS, NULL);
    if (status == SG_OK) status = collect(&electrons, &len, &program, config, dataset);
    if (status == SG_OK) tune(model, camera, electrons, len, tune_range);
    sg_free(electrons);
    sg_program_free(&program);
    return status;
}
