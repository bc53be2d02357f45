/* schema.c - the table of schema.h, and finding rows. */
#include "pipeline/schema.h"

#include <string.h>

#define RUN    SG_SCHEMA_RUN
#define STAGES SG_SCHEMA_STAGES
#define FPM    SG_SCHEMA_RECONSTRUCTION
#define SWEEP  SG_SCHEMA_SWEEP
#define ALL    (RUN | STAGES | FPM)
#define F32    SG_RESULTS_F32
#define F64    SG_RESULTS_F64
#define I32    SG_RESULTS_I32
#define U64    SG_RESULTS_U64
#define TEXT   SG_RESULTS_TEXT

/* clang-format off */
const sg_schema_row sg_schema[] = {
    {ALL | SWEEP, "/@schema", TEXT, "", NULL, "scopegrad-results"},
    {ALL | SWEEP, "/@schema_version", F64, "", "1", "2; a reader of an older version refuses a newer file"},
    {ALL | SWEEP, "/@program_version", TEXT, "", NULL, "version of scopegrad that wrote the file"},
    {RUN, "/@seed", F64, "", "1", "train.seed"},
    {RUN, "/@dose_ph", F64, "", "photon", "illumination.dose_ph"},
    {RUN, "/@best_step", F64, "", "1", "the step with the best validation score: its weights are the run's result"},
    {SWEEP, "/@runs", F64, "", "1", "runs in the file"},
    {SWEEP, "/@index_hash", TEXT, "", NULL, "FNV-1a 64 of the sweep files and their indices: shows whether the file is up to date"},
    {ALL, "/config", TEXT, "", NULL, "resolved configuration (YAML)"},

    {RUN, "/provenance/seed", U64, "", "1", "train.seed, all 64 bits"},
    {RUN, "/provenance/config_hash", TEXT, "", NULL, "FNV-1a 64 of the resolved configuration: the run's name in a sweep"},
    {RUN, "/provenance/weights_hash", TEXT, "", NULL, "FNV-1a 64 of the file in which training started", "train.weights"},
    {RUN, "/provenance/split", TEXT, "F", NULL, "parts of the data"},
    {RUN, "/provenance/data_hash", TEXT, "F", NULL, "FNV-1a 64 of the names, pictures and labels in each part of the data", NULL, "split"},
    {RUN, "/provenance/count", I32, "F", "1", "pictures in each part of the data", NULL, "split"},
    {RUN, "/provenance/evaluated", TEXT, "", NULL, "the part of the data that /metrics and /examples are about"},

    {RUN, "/curve/step", F64, "S", "1", "optimiser steps done"},
    {RUN, "/curve/train_loss", F64, "S", "1", "loss of the batch", NULL, "step"},
    {RUN, "/curve/lr", F64, "S", "1", "learning rate of the network", NULL, "step"},
    {RUN, "/curve/validation/step", F64, "S", "1", "optimiser steps done"},
    {RUN, "/curve/validation/loss", F64, "S", "1", "validation loss", NULL, "step"},
    {RUN, "/curve/validation/dice", F64, "S", "1", "validation Dice", "masks", "step"},
    {RUN, "/curve/validation/ap50", F64, "S", "1", "validation average precision at IoU .5", "masks", "step"},
    {RUN, "/curve/validation/mse", F64, "S", "1", "validation mean squared error", "regression", "step"},
    {RUN, "/curve/validation/ssim", F64, "S", "1", "validation structural similarity", "regression", "step"},
    {RUN, "/curve/validation/accuracy", F64, "S", "1", "validation accuracy", "classes", "step"},
    {RUN, "/curve/validation/balanced_accuracy", F64, "S", "1", "validation balanced accuracy", "classes", "step"},

    {RUN, "/metrics/loss", F64, "", "1", "loss, mean over the pictures"},
    {RUN, "/metrics/dice", F64, "", "1", "Dice, mean over the pictures", "masks"},
    {RUN, "/metrics/jaccard", F64, "", "1", "Jaccard index, mean over the pictures", "masks"},
    {RUN, "/metrics/ap50", F64, "", "1", "average precision at IoU .5, mean over the pictures", "masks"},
    {RUN, "/metrics/ap", F64, "", "1", "average precision, mean over the pictures and the IoU thresholds", "masks"},
    {RUN, "/metrics/dice_pooled", F64, "", "1", "Dice over the pixels of all pictures", "masks"},
    {RUN, "/metrics/mse", F64, "", "1", "mean squared error, mean over the pictures", "regression"},
    {RUN, "/metrics/psnr_db", F64, "", "dB", "peak signal-to-noise ratio of the mean squared error for the stated range", "regression"},
    {RUN, "/metrics/data_range", F64, "", "1", "range that PSNR and SSIM are for", "regression"},
    {RUN, "/metrics/ssim", F64, "", "1", "structural similarity, mean over the pictures", "regression"},
    {RUN, "/metrics/accuracy", F64, "", "1", "share of the pictures whose class is right", "classes"},
    {RUN, "/metrics/balanced_accuracy", F64, "", "1", "sensitivity, mean over the classes", "classes"},
    {RUN, "/metrics/f1", F64, "", "1", "F1, mean over the classes", "classes"},
    {RUN, "/metrics/auc", F64, "", "1", "area under the ROC curve, one class against the rest, mean over the classes", "classes"},
    {RUN, "/metrics/average_precision", F64, "", "1", "average precision, one class against the rest, mean over the classes", "classes"},
    {RUN, "/metrics/interval/<metric>", F64, "B", "1", "95 % bootstrap interval over the pictures: lower, upper bound"},
    {RUN, "/metrics/iou_threshold", F64, "U", "1", "IoU above which an object is found", "masks"},

    {RUN, "/metrics/per_image/name", TEXT, "N", NULL, "file name without extension"},
    {RUN, "/metrics/per_image/dice", F64, "N", "1", "Dice", "masks", "name"},
    {RUN, "/metrics/per_image/jaccard", F64, "N", "1", "Jaccard index", "masks", "name"},
    {RUN, "/metrics/per_image/ap50", F64, "N", "1", "average precision at IoU .5", "masks", "name"},
    {RUN, "/metrics/per_image/ap", F64, "NU", "1", "average precision at each IoU threshold", "masks", "name /metrics/iou_threshold"},
    {RUN, "/metrics/per_image/mse", F64, "N", "1", "mean squared error", "regression", "name"},
    {RUN, "/metrics/per_image/ssim", F64, "N", "1", "structural similarity", "regression", "name"},
    {RUN, "/metrics/per_class/name", TEXT, "L", NULL, "the classes, by number"},
    {RUN, "/metrics/per_class/count", I32, "L", "1", "pictures of the class", "classes", "name"},
    {RUN, "/metrics/per_class/sensitivity", F64, "L", "1", "share of the class that is found (recall)", "classes", "name"},
    {RUN, "/metrics/per_class/specificity", F64, "L", "1", "share of the rest that is not taken for the class", "classes", "name"},
    {RUN, "/metrics/per_class/ppv", F64, "L", "1", "positive predictive value (precision)", "classes", "name"},
    {RUN, "/metrics/per_class/npv", F64, "L", "1", "negative predictive value", "classes", "name"},
    {RUN, "/metrics/per_class/f1", F64, "L", "1", "F1", "classes", "name"},
    {RUN, "/metrics/per_class/auc", F64, "L", "1", "area under the ROC curve, the class against the rest", "classes", "name"},
    {RUN, "/metrics/per_class/average_precision", F64, "L", "1", "average precision, the class against the rest", "classes", "name"},
    {RUN, "/metrics/per_image/truth", I32, "N", "1", "number of the class", "classes", "name"},
    {RUN, "/metrics/per_image/predicted", I32, "N", "1", "number of the class that the network says", "classes", "name"},
    {RUN, "/metrics/per_image/probability", F32, "NL", "1", "probability of each class", "classes", "name /metrics/per_class/name"},
    {RUN, "/metrics/confusion", I32, "TP", "1", "pictures by true and predicted class", "classes", "/metrics/per_class/name /metrics/per_class/name"},
    {RUN, "/metrics/roc/<class>/false_positive_rate", F64, "R", "1", "1 - specificity", "classes"},
    {RUN, "/metrics/roc/<class>/true_positive_rate", F64, "R", "1", "sensitivity", "classes", "false_positive_rate"},
    {RUN, "/metrics/roc/<class>/threshold", F64, "R", "1", "probability from which on a picture counts as the class", "classes", "false_positive_rate"},
    {RUN, "/metrics/pr/<class>/recall", F64, "R", "1", "sensitivity", "classes"},
    {RUN, "/metrics/pr/<class>/precision", F64, "R", "1", "positive predictive value", "classes", "recall"},
    {RUN, "/metrics/pr/<class>/threshold", F64, "R", "1", "probability from which on a picture counts as the class", "classes", "recall"},

    {RUN, "/axes/led_na_x", F64, "K", "1", "direction of the light of each LED: sine of its angle in x", "LEDs"},
    {RUN, "/axes/led_na_y", F64, "K", "1", "direction of the light of each LED: sine of its angle in y", "LEDs"},
    {RUN, "/axes/noll", I32, "J", "1", "Noll's number of the Zernike term", "LEDs or a pupil"},
    {RUN, "/axes/sample_um", F64, "X", "um", "position of the pixels of the sample, 0 in the middle"},
    {RUN, "/axes/camera_um", F64, "X", "um", "position of the pixels that the network sees, in the sample plane, 0 in the middle"},
    {RUN, "/axes/sensor_y_um", F64, "Y", "um", "position of the camera's rows in the sample plane, 0 in the middle"},
    {RUN, "/axes/sensor_x_um", F64, "X", "um", "position of the camera's columns in the sample plane, 0 in the middle"},

    {RUN, "/learned/led_na", F32, "KD", "1", "direction of the light of each LED (s_x, s_y)", "LEDs", "/axes/led_na_x -"},
    {RUN, "/learned/led_weight", F32, "EK", "1", "share of the light of each LED", "LEDs", "- /axes/led_na_x", true},
    {RUN, "/learned/led_weight_shown", F64, "EK", "1", "share of the light of each LED, in levels of the array", "illumination.levels bits8, on_off", "- /axes/led_na_x"},
    {RUN, "/learned/led_position", F32, "KD", "1", "LED positions, in bins of the spectrum", "sampling exact", "/axes/led_na_x -", true},
    {RUN, "/learned/filter_centre_um", F32, "C", "um", "middle of the emission filters", "sample.dyes", NULL, true},
    {RUN, "/learned/filter_width_um", F32, "C", "um", "width of the emission filters", "sample.dyes", NULL, true},
    {RUN, "/learned/pupil_zernike", F32, "J", "rad", "Zernike coefficients, Noll order from j = 1", "a pupil", "/axes/noll", true},
    {RUN, "/learned/pupil_defocus_um", F64, "", "um", "defocus", "a pupil", NULL, true},
    {RUN, "/learned/pupil_na", F64, "", "1", "numerical aperture", "a pupil", NULL, true},
    {RUN, "/learned/pupil_amplitude", F32, "CYX", "1", "pupil amplitude of each colour, per frequency bin in DFT order", "optics.learn_amplitude or a file", NULL, true},
    {RUN, "/learned/pupil_phase", F32, "CYX", "rad", "pupil phase of each colour, per frequency bin in DFT order", "optics.learn_phase or a file", NULL, true},
    {RUN, "/learned/mask_strength_rad", F64, "", "rad", "strength of the phase mask", "optics.mask", NULL, true},
    {RUN, "/learned/psf_sigma_um", F64, "", "um", "standard deviation of the Gaussian blur", "optics.psf gaussian", NULL, true},
    {RUN, "/learned/psf_sigma_edge_um", F64, "", "um", "standard deviation of the Gaussian blur at the field's edge", "optics.psf_sigma_edge_um"},
    {RUN, "/learned/psf_specimen_um", F64, "", "um", "depth in the specimen", "optics.psf gibson_lanni", NULL, true},
    {RUN, "/learned/psf_taps", F32, "CYX", "1", "taps of the point spread function", "optics.learn_taps", NULL, true},
    {RUN, "/learned/view_shift_um", F32, "VD", "um", "shifts of the cameras (x, y)", "camera.views", NULL, true},
    {RUN, "/learned/cfa", F32, "CYX", "1", "transmission of the colour filters, one tile", "camera.cfa", NULL, true},
    {RUN, "/learned/exposure_mask", F32, "YX", "1", "transmission of the exposure mask, one tile", "camera.exposure_mask", NULL, true},
    {RUN, "/learned/detector_mask", F32, "CYX", "1", "mask of each detector", "camera.detectors", "- /axes/camera_um /axes/camera_um", true},
    {RUN, "/learned/map_prnu", F32, "CYX", "1", "relative sensitivity of every pixel", "camera.learn_prnu", NULL, true},
    {RUN, "/learned/map_dark_e", F32, "CYX", "electron", "dark electrons of every pixel", "camera.learn_dark", NULL, true},
    {RUN, "/learned/map_dsnu_e", F32, "CYX", "electron", "offset of every pixel", "camera.learn_dsnu", NULL, true},
    {RUN, "/learned/adc_range_e", F64, "", "electron", "electrons at the top of the ADC's range", "an ADC", NULL, true},
    {RUN, "/learned/adc_offset_adu", F64, "", "ADU", "code of zero electrons", "camera.offset_adu.learn", NULL, true},
    {RUN, "/learned/adc_threshold", F32, "GH", "electron", "thresholds of the ADC: one row for all pixels, for each depth (adc_row), or a pixel", "camera.adc thresholds", NULL, true},
    {RUN, "/learned/adc_level", F32, "GH", "ADU", "what each code of the ADC is worth", "camera.adc thresholds", NULL, true},
    {RUN, "/learned/adc_row", F32, "YX", "1", "the row of adc_threshold that a pixel has", "camera.bit_map, bit_pattern", "/axes/sensor_y_um /axes/sensor_x_um"},
    {RUN, "/learned/adc_weight", F32, "YX", "1", "factor on each pixel's electrons", "camera.learn_weight", "/axes/sensor_y_um /axes/sensor_x_um", true},

    {RUN, "/light/dose_ph", F64, "", "photon", "photons per camera pixel area at the sample and measurement", "illumination.constraint dose"},
    {RUN, "/light/mean_electrons", F64, "E", "electron", "detected per pixel and exposure, mean over the evaluated part"},

    {RUN, "/examples/sample", F32, "NYX", "1", "the sample as drawn from the data set", NULL, "- /axes/sample_um /axes/sample_um"},
    {RUN, "/examples/measurement", F32, "NCYX", "1", "what the network sees", NULL, "- - /axes/camera_um /axes/camera_um"},
    {RUN, "/examples/adu", F32, "NCYX", "ADU", "camera values", NULL, "- - /axes/sensor_y_um /axes/sensor_x_um"},
    {RUN, "/examples/prediction", F32, "NYX", "1", "what the network says: probability of the mask, or the value", "pictures out", "- /axes/camera_um /axes/camera_um"},
    {RUN, "/examples/truth", F32, "NYX", "1", "label", "pictures out", "- /axes/camera_um /axes/camera_um"},

    {SWEEP, "/table", TEXT, "M", NULL, "one row a run: id, arm, swept keys, seed, every scalar of the run (a compound type; NaN: the run has none)"},
    {SWEEP, "/sweep/<number>", TEXT, "", NULL, "the sweep file (YAML) of each folder, from 1"},

    {STAGES, "/stages/<stage>", F32, NULL, NULL, "simulate: what stands at this stage; the axes are E Y X, of led_intensity K Y X"},
    {STAGES, "/parameters/led_na", F64, "KD", "1", "direction of the light of each LED (s_x, s_y)", "LEDs"},
    {STAGES | FPM, "/parameters/<parameter>", F32, NULL, NULL, "each parameter of the hardware, named as in weights.safetensors"},

    {FPM, "/sample/amplitude", F32, "YX", "1", "amplitude of the transmission, empty field = 1"},
    {FPM, "/sample/phase", F32, "YX", "rad", "phase of the transmission, any constant added"},
    {FPM, "/leds/na_x", F64, "K", "1", "illumination NA"},
    {FPM, "/leds/na_y", F64, "K", "1", "illumination NA"},
    {FPM, "/leds/role", F64, "K", "1", "0: fitted, 1: validation, 2: held out"},
    {FPM, "/leds/measured", F64, "K", "1", "mean intensity measured, empty field = 1"},
    {FPM, "/leds/predicted", F64, "K", "1", "mean intensity predicted, empty field = 1"},
    {FPM, "/leds/image_error", F64, "K", "1", "rms of the amplitude error / rms amplitude"},
    {FPM, "/loss", F64, "S", "1", "mean square amplitude error of each pass"},
    {FPM, "/scale", F64, "", "1", "measured units of an intensity of 1, an empty field"},
};
/* clang-format on */
const int sg_schema_count = sizeof sg_schema / sizeof *sg_schema;

static const char initial_end[] = "_initial";

/* path[0 .. len-1] fits the pattern: names are equal, or the pattern's is <...>. */
static bool fits(const char *pattern, const char *path, size_t len)
{
    const char *end = path + len;
    while (*pattern && path < end) {
        const size_t want = strcspn(pattern, "/"),
                     got = strcspn(path, "/") < (size_t)(end - path) ? strcspn(path, "/") : (size_t)(end - path);
        const bool any = pattern[0] == '<' && got > 0;
        if (!any && (want != got || memcmp(pattern, path, got) != 0)) return false;
        pattern += want;
        path += got;
        if (*pattern == '/' && path < end && *path == '/')
            pattern++, path++;
        else
            break;
    }
    return *pattern == '\0' && path == end;
}

const sg_schema_row *sg_schema_find(const char *path, bool *initial)
{
    const size_t len = strlen(path), tail = sizeof initial_end - 1;
    const bool ends = len > tail && strcmp(path + len - tail, initial_end) == 0;
    for (int i = 0; i < sg_schema_count; i++) {
        const sg_schema_row *row = &sg_schema[i];
        const bool start = ends && row->initial && fits(row->path, path, len - tail);
        if (!start && !fits(row->path, path, len)) continue;
        if (initial) *initial = start;
        return row;
    }
    return NULL;
}

void sg_schema_learned(char *out, size_t size, const char *parameter)
{
    const char *dot = strchr(parameter, '.');
    (void)snprintf(out, size, "/learned/%s", dot ? dot + 1 : parameter);
    for (char *c = out; *c; c++)
        if (*c == '.') *c = '_';
}
