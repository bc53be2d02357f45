/* report_run.c - reads one run of a report: scores, learned numbers, curves. See report_data.h. */
#include "pipeline/report_data.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/yaml.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const sg_report_metric sg_report_known[] = {
    {"dice", "Dice", "", 1, false, false},
    {"ap50", "AP at IoU .5", "", 1, false, false},
    {"ap", "AP over IoU .5 to .95", "", 1, false, false},
    {"jaccard", "Jaccard index", "", 1, false, false},
    {"mse", "mean square error", "", -1, false, false},
    {"psnr_db", "PSNR", "dB", 1, false, false},
    {"ssim", "SSIM", "", 1, false, false},
    {"balanced_accuracy", "balanced accuracy", "", 1, false, false},
    {"auc", "AUC", "", 1, false, false},
    {"accuracy", "accuracy", "", 1, false, false},
    {"f1", "F1", "", 1, false, false},
    {"average_precision", "average precision", "", 1, false, false},
    {"dice_pooled", "Dice, pooled", "", 1, false, false},
    {"loss", "loss", "", -1, false, false},
};
const int sg_report_known_count = sizeof sg_report_known / sizeof sg_report_known[0];

/* ---- YAML ---- */
static int child_find(const sg_yaml *yaml, int node, const char *key, size_t len)
{
    if (node < 0 || yaml->nodes[node].kind != SG_YAML_MAP) return -1;
    for (int i = yaml->nodes[node].first; i >= 0; i = yaml->nodes[i].next)
        if (strlen(yaml->nodes[i].key) == len && memcmp(yaml->nodes[i].key, key, len) == 0) return i;
    return -1;
}

static bool yaml_text(const sg_yaml *yaml, const char *path, char *out, size_t size)
{
    int node = 0;
    out[0] = '\0';
    while (node >= 0 && *path) {
        const size_t len = strcspn(path, ".");
        node = child_find(yaml, node, path, len);
        path += len + (path[len] == '.');
    }
    if (node >= 0 && yaml->nodes[node].kind == SG_YAML_MAP) node = child_find(yaml, node, "init", 4);
    if (node < 0 || yaml->nodes[node].kind != SG_YAML_SCALAR) return false;
    (void)snprintf(out, size, "%s", yaml->nodes[node].text);
    return true;
}

bool sg_report_yaml(const char *text, const char *path, char *out, size_t size)
{
    sg_yaml yaml = {0};
    out[0] = '\0';
    const bool read = sg_yaml_parse(&yaml, text, strlen(text), "config", false) == SG_OK;
    const bool found = read && yaml_text(&yaml, path, out, size);
    sg_yaml_free(&yaml);
    return found;
}

static void config_read(const sg_results_file *file, sg_report_run *run)
{
    sg_yaml yaml = {0};
    char *config, text[32];
    if (sg_results_read_text(file, "/config", &config) != SG_OK) return;
    if (sg_yaml_parse(&yaml, config, strlen(config), "config", false) == SG_OK) {
        if (yaml_text(&yaml, "illumination.exposures", text, sizeof text)) run->exposures = atoi(text);
        if (yaml_text(&yaml, "camera.readout", text, sizeof text))
            (void)snprintf(run->readout, sizeof run->readout, "%.15s", text);
        if (yaml_text(&yaml, "sample.kind", text, sizeof text)) run->stack = strcmp(text, "stack") == 0;
        if (yaml_text(&yaml, "loss.kind", text, sizeof text))
            run->task = strcmp(text, "mse") == 0             ? SG_REPORT_REGRESS
                        : strcmp(text, "cross_entropy") == 0 ? SG_REPORT_CLASSIFY
                                                             : SG_REPORT_SEGMENT;
    }
    sg_yaml_free(&yaml);
    sg_free(config);
}

/* ---- numbers ---- */
/* The metric of this key, added with what the file says of it; -1: no room. */
static int metric_find(sg_report_data *data, const sg_results_file *file, const char *key, const char *path)
{
    char *text;
    for (int m = 0; m < data->metric_count; m++)
        if (strcmp(data->metrics[m].key, key) == 0) return m;
    if (data->metric_count == SG_REPORT_METRICS || strlen(key) >= sizeof data->metrics[0].key) return -1;
    sg_report_metric *m = &data->metrics[data->metric_count];
    *m = (sg_report_metric){.hardware = strncmp(path, "/learned/", 9) == 0};
    (void)snprintf(m->key, sizeof m->key, "%s", key);
    (void)snprintf(m->label, sizeof m->label, "%.63s", m->hardware ? key + strlen("learned/") : key);
    sg_report_plain(m->label, m->hardware);
    if (strncmp(m->label, "adc ", 4) == 0) memcpy(m->label, "ADC", 3);
    if (!m->hardware && sg_results_read_attribute_text(file, path, "long_name", &text) == SG_OK) {
        (void)snprintf(m->label, sizeof m->label, "%.63s", text);
        sg_free(text);
    }
    if (sg_results_read_attribute_text(file, path, "units", &text) == SG_OK) {
        const bool plural = strcmp(text, "electron") == 0; /* of CF conventions: "electron" */
        if (strcmp(text, "1") != 0)
            (void)snprintf(m->unit, sizeof m->unit, "%.14s%s", strcmp(text, "um") == 0 ? "µm" : text,
                           plural ? "s" : "");
        sg_free(text);
    }
    return data->metric_count++;
}

static bool is_scalar(const sg_results_file *file, const char *path, double *value)
{
    int rank, dims[SG_RESULTS_RANK];
    double *numbers;
    if (sg_results_read_f64(file, path, &numbers, &rank, dims) != SG_OK) return false;
    *value = numbers[0];
    sg_free(numbers);
    return rank == 0;
}

static void scalar_read(sg_report_data *data, const sg_results_file *file, const char *key, const char *path,
                        sg_report_run *run)
{
    double value;
    if (!is_scalar(file, path, &value) || isnan(value)) return;
    const int m = metric_find(data, file, key, path);
    if (m < 0) return;
    run->metric[m] = value;
    data->metrics[m].used = true;
}

/* Calls scalar_read for every name in a group that is a number. */
static void scores_read(sg_report_data *data, const sg_results_file *file, sg_report_run *run)
{
    static const char *const groups = " per_image per_class interval roc pr confusion ap_threshold ";
    char *names, path[128], word[64];
    if (sg_results_children(file, "/metrics", &names) != SG_OK) return;
    char *rest = NULL;
    for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
        (void)snprintf(word, sizeof word, " %.60s ", name);
        (void)snprintf(path, sizeof path, "/metrics/%.60s", name);
        if (!strstr(groups, word)) scalar_read(data, file, name, path, run);
    }
    sg_free(names);
}

/* What has a value from before training, <name>_initial, was learned. */
static void hardware_read(sg_report_data *data, const sg_results_file *file, sg_report_run *run)
{
    static const char mark[] = "_initial";
    char *names, path[128], key[128];
    if (!sg_results_has(file, "/learned") || sg_results_children(file, "/learned", &names) != SG_OK) return;
    char *rest = NULL;
    for (char *name = strtok_r(names, "\n", &rest); name; name = strtok_r(NULL, "\n", &rest)) {
        char *end = strstr(name, mark);
        if (!end || end[sizeof mark - 1] != '\0') continue;
        *end = '\0';
        run->learned = true;
        (void)snprintf(key, sizeof key, "learned/%.80s", name);
        (void)snprintf(path, sizeof path, "/%.110s", key);
        scalar_read(data, file, key, path, run);
    }
    sg_free(names);
}

/* ---- curves ---- */
/* Both or none. */
static void series_read(const sg_results_file *file, const char *x_path, const char *y_path, sg_report_series *out)
{
    int rank, x_dims[SG_RESULTS_RANK] = {0}, y_dims[SG_RESULTS_RANK] = {0};
    if (!sg_results_has(file, x_path) || !sg_results_has(file, y_path)) return;
    if (sg_results_read_f64(file, x_path, &out->x, &rank, x_dims) != SG_OK || rank != 1) return;
    if (sg_results_read_f64(file, y_path, &out->y, &rank, y_dims) != SG_OK || rank != 1) return;
    out->len = x_dims[0] < y_dims[0] ? x_dims[0] : y_dims[0];
}

static void curves_read(const sg_results_file *file, sg_report_run *run)
{
    static const char step[] = "/curve/validation/step";
    char path[96];
    series_read(file, "/curve/step", "/curve/train_loss", &run->curve[SG_CURVE_TRAIN]);
    series_read(file, step, "/curve/validation/loss", &run->curve[SG_CURVE_LOSS]);
    for (int m = 0; m < sg_report_known_count - 1 && run->score < 0; m++) { /* the last one is the loss */
        (void)snprintf(path, sizeof path, "/curve/validation/%.47s", sg_report_known[m].key);
        if (!sg_results_has(file, path)) continue;
        run->score = m;
        series_read(file, step, path, &run->curve[SG_CURVE_SCORE]);
    }
}

/* ---- one run ---- */
/* Without the folder: the page must not depend on where it is made. */
static void note(sg_report_data *data)
{
    const char *text = sg_error_text();
    const size_t len = strlen(data->dir);
    sg_text_add(&data->notes, "%s\n", strncmp(text, data->dir, len) == 0 && text[len] == '/' ? text + len + 1 : text);
}

/* For summary.csv: run i of the scalars is runs[i]. */
typedef struct scalar_target {
    sg_scalars *scalars;
    int run;
} scalar_target;

static sg_status scalar_put(void *context, const char *path, const double *value, int count)
{
    const scalar_target *to = context;
    return sg_scalars_put(to->scalars, to->run, path, value, count);
}

static sg_status scalars_read(sg_report_data *data, const sg_results_file *file, const sg_report_run *run)
{
    scalar_target to = {&data->scalars, (int)(run - data->runs)};
    double best_step;
    if (sg_results_read_attribute_number(file, "/", "best_step", &best_step) == SG_OK)
        SG_TRY(sg_scalars_add_step(to.scalars, to.run, best_step));
    return sg_results_scalars(file, scalar_put, &to);
}

sg_status sg_report_run_read(sg_report_data *data, sg_report_run *run)
{
    char path[SG_REPORT_PATH + SG_REPORT_NAME + 16], *version;
    sg_results_file *file;
    (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, run->folder);
    if (data->sweep && !sg_file_exists(path)) return SG_OK;
    sg_status status = sg_results_open(&file, path);
    if (status != SG_OK) {
        note(data);
        return data->sweep ? SG_OK : status;
    }
    run->there = true;
    run->exposures = 1;
    config_read(file, run);
    scores_read(data, file, run);
    hardware_read(data, file, run);
    curves_read(file, run);
    double seed;
    if (!data->sweep && sg_results_read_attribute_number(file, "/", "seed", &seed) == SG_OK && seed >= 0)
        run->seed = (uint64_t)seed;
    if (sg_results_read_attribute_text(file, "/", "program_version", &version) == SG_OK) {
        (void)snprintf(data->version, sizeof data->version, "%.31s", version);
        sg_free(version);
    }
    if (data->sweep) status = scalars_read(data, file, run);
    sg_results_close(file);
    data->there_count++;
    return status;
}

void sg_report_run_free(sg_report_run *run)
{
    for (int i = 0; i < SG_CURVE_COUNT; i++) {
        sg_free(run->curve[i].x);
        sg_free(run->curve[i].y);
    }
}
