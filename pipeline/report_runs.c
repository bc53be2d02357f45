/* report_runs.c - finds and reads the runs of a report. See report_runs.h. */
#include "pipeline/report_runs.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/sweep_index.h"
#include "pipeline/yaml.h"

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { YAML_MAX = 1 << 20, DEPTH = 3, DOSE_MAX = 32 };

const sg_report_metric sg_report_metric_table[SG_REPORT_METRICS] = {
    {"dice", "Dice", "", true},      {"ap50", "AP at IoU .5", "", true},        {"mse", "mean square error", "", false},
    {"psnr_db", "PSNR", "dB", true}, {"dice_pooled", "Dice, pooled", "", true}, {"loss", "loss", "", false},
};

/* ---- YAML ---- */
static int child_find(const sg_yaml *yaml, int node, const char *key, size_t len)
{
    if (node < 0 || yaml->nodes[node].kind != SG_YAML_MAP) return -1;
    for (int i = yaml->nodes[node].first; i >= 0; i = yaml->nodes[i].next)
        if (strlen(yaml->nodes[i].key) == len && memcmp(yaml->nodes[i].key, key, len) == 0) return i;
    return -1;
}

static int path_find(const sg_yaml *yaml, const char *path)
{
    int node = 0;
    while (node >= 0 && *path) {
        const size_t len = strcspn(path, ".");
        node = child_find(yaml, node, path, len);
        path += len + (path[len] == '.');
    }
    return node;
}

bool sg_report_yaml(const char *text, const char *path, char *out, size_t size)
{
    sg_yaml yaml = {0};
    out[0] = '\0';
    bool found = false;
    if (sg_yaml_parse(&yaml, text, strlen(text), "config", false) == SG_OK) {
        int node = path_find(&yaml, path);
        if (node >= 0 && yaml.nodes[node].kind == SG_YAML_MAP) node = child_find(&yaml, node, "init", 4);
        found = node >= 0 && yaml.nodes[node].kind == SG_YAML_SCALAR;
        if (found) (void)snprintf(out, size, "%s", yaml.nodes[node].text);
    }
    sg_yaml_free(&yaml);
    return found;
}

/* ---- one run ---- */
static double number_or_nan(const sg_results_file *file, const char *path, const char *attribute)
{
    double value;
    const sg_status status = attribute ? sg_results_read_attribute_number(file, path, attribute, &value)
                             : sg_results_has(file, path) ? sg_results_read_scalar(file, path, &value)
                                                          : SG_E_FORMAT;
    return status == SG_OK ? value : (double)NAN;
}

/* Both or none. */
static void series_read(const sg_results_file *file, const char *x_path, const char *y_path, sg_report_series *out)
{
    int rank, x_dims[SG_RESULTS_RANK] = {0}, y_dims[SG_RESULTS_RANK] = {0};
    if (!sg_results_has(file, x_path) || !sg_results_has(file, y_path)) return;
    if (sg_results_read_f64(file, x_path, &out->x, &rank, x_dims) != SG_OK || rank != 1) return;
    if (sg_results_read_f64(file, y_path, &out->y, &rank, y_dims) != SG_OK || rank != 1) return;
    out->len = x_dims[0] < y_dims[0] ? x_dims[0] : y_dims[0];
}

static void config_read(const sg_results_file *file, sg_report_run *run)
{
    char *config, text[32];
    if (sg_results_read_text(file, "/config", &config) != SG_OK) return;
    if (sg_report_yaml(config, "illumination.exposures", text, sizeof text)) run->exposures = atoi(text);
    if (sg_report_yaml(config, "camera.readout", text, sizeof text))
        (void)snprintf(run->readout, sizeof run->readout, "%.15s", text);
    if (sg_report_yaml(config, "loss.kind", text, sizeof text)) run->regression = strcmp(text, "mse") == 0;
    if (sg_report_yaml(config, "sample.kind", text, sizeof text)) run->stack = strcmp(text, "stack") == 0;
    if (sg_report_yaml(config, "illumination.learn.learn", text, sizeof text)) run->learned = strcmp(text, "true") == 0;
    sg_free(config);
}

/* "runs/learned/dose200/seed1" -> arm, dose, seed, where the file itself does not say. */
static void names_from_folder(sg_report_run *run)
{
    char folder[SG_REPORT_PATH];
    (void)snprintf(folder, sizeof folder, "%s", run->folder);
    char *rest = NULL;
    for (char *part = strtok_r(folder, "/", &rest); part; part = strtok_r(NULL, "/", &rest)) {
        if (strncmp(part, "dose", 4) == 0 && isnan(run->dose))
            run->dose = strtod(part + 4, NULL);
        else if (strncmp(part, "seed", 4) == 0 && isnan(run->seed))
            run->seed = strtod(part + 4, NULL);
        else if (run->arm[0] == '\0' && strcmp(part, "runs") != 0)
            (void)snprintf(run->arm, sizeof run->arm, "%.63s", part);
    }
    if (run->arm[0] == '\0') (void)snprintf(run->arm, sizeof run->arm, "run");
}

static void run_read(const sg_results_file *file, sg_report_run *run)
{
    static const char *const curve_path[SG_CURVE_COUNT][2] = {
        {"/curve/step", "/curve/train_loss"},
        {"/curve/validation/step", "/curve/validation/loss"},
        {"/curve/validation/step", "/curve/validation/dice"},
    };
    char *arm, path[64];
    run->exposures = 1;
    run->dose = number_or_nan(file, "/", "dose_ph");
    run->seed = number_or_nan(file, "/", "seed");
    if (sg_results_read_attribute_text(file, "/", "arm", &arm) == SG_OK) {
        (void)snprintf(run->arm, sizeof run->arm, "%.63s", arm);
        sg_free(arm);
    }
    names_from_folder(run);
    run->learned = strncmp(run->arm, "learned", 7) == 0;
    config_read(file, run);
    for (int i = 0; i < SG_REPORT_METRICS; i++) {
        (void)snprintf(path, sizeof path, "/metrics/%s", sg_report_metric_table[i].key);
        run->metric[i] = number_or_nan(file, path, NULL);
    }
    for (int i = 0; i < SG_CURVE_COUNT; i++) series_read(file, curve_path[i][0], curve_path[i][1], &run->curve[i]);
}

static void run_free(sg_report_run *run)
{
    for (int i = 0; i < SG_CURVE_COUNT; i++) {
        sg_free(run->curve[i].x);
        sg_free(run->curve[i].y);
    }
}

/* ---- all runs ---- */
static sg_status room_make(sg_report_data *data)
{
    if (data->run_count < data->run_room) return SG_OK;
    sg_report_run *runs;
    const int room = 2 * data->run_room + 16;
    SG_TRY(SG_ALLOC(&runs, (size_t)room, "runs of a report"));
    if (data->run_count) memcpy(runs, data->runs, (size_t)data->run_count * sizeof *runs);
    sg_free(data->runs);
    data->runs = runs;
    data->run_room = room;
    return SG_OK;
}

static sg_status run_add(sg_report_data *data, const char *folder, const char *path)
{
    sg_results_file *file;
    SG_TRY(room_make(data));
    if (sg_results_open(&file, path) != SG_OK) {
        /* without the folder: the page must not depend on where it is made */
        const char *text = sg_error_text();
        const size_t len = strlen(data->dir);
        sg_text_add(&data->notes, "%s\n",
                    strncmp(text, data->dir, len) == 0 && text[len] == '/' ? text + len + 1 : text);
        return SG_OK;
    }
    sg_report_run *run = &data->runs[data->run_count++];
    *run = (sg_report_run){0};
    (void)snprintf(run->folder, sizeof run->folder, "%s", folder);
    run_read(file, run);
    char *version;
    if (sg_results_read_attribute_text(file, "/", "program_version", &version) == SG_OK) {
        (void)snprintf(data->version, sizeof data->version, "%.31s", version);
        sg_free(version);
    }
    sg_results_close(file);
    return SG_OK;
}

/* Below `folder` (relative to data->dir) in the order of names: a folder with results.h5 is a run. */
static sg_status folder_scan(sg_report_data *data, const char *folder, int depth)
{
    char path[2 * SG_REPORT_PATH];
    (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, folder);
    if (sg_file_exists(path)) return run_add(data, folder, path);
    if (depth == 0) return SG_OK;
    (void)snprintf(path, sizeof path, "%s/%s", data->dir, folder);
    struct dirent **entries;
    const int count = scandir(path, &entries, NULL, alphasort);
    sg_status status = SG_OK;
    for (int i = 0; i < count; i++) {
        if (entries[i]->d_name[0] != '.' && status == SG_OK) {
            (void)snprintf(path, sizeof path, "%s/%s/%s", data->dir, folder, entries[i]->d_name);
            char below[SG_REPORT_PATH];
            const int len = snprintf(below, sizeof below, "%s/%s", folder, entries[i]->d_name);
            if (sg_folder_exists(path) && len < (int)sizeof below) status = folder_scan(data, below, depth - 1);
        }
        free(entries[i]);
    }
    if (count >= 0) free(entries);
    return status;
}

/* The runs of a sweep in the order of its index; what is not done yet is left out. */
static sg_status sweep_scan(sg_report_data *data)
{
    sg_sweep_index index;
    sg_status status = sg_sweep_index_read(&index, data->dir);
    for (int i = 0; status == SG_OK && i < index.row_count; i++) {
        char path[2 * SG_REPORT_PATH], folder[64];
        const int count = data->run_count;
        (void)snprintf(folder, sizeof folder, "runs/%s", index.rows[i].id);
        (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, folder);
        if (sg_file_exists(path)) status = run_add(data, folder, path);
        if (data->run_count > count) (void)snprintf(data->runs[count].arm, SG_REPORT_NAME, "%s", index.rows[i].arm);
    }
    sg_sweep_index_free(&index);
    return status;
}

/* ---- arms, doses ---- */
static void arm_add(sg_report_data *data, const char *name)
{
    bool used = false;
    for (int i = 0; i < data->run_count; i++) used = used || strcmp(data->runs[i].arm, name) == 0;
    for (int i = 0; i < data->arm_count; i++)
        if (strcmp(data->arms[i], name) == 0) used = false;
    if (used) (void)snprintf(data->arms[data->arm_count++], SG_REPORT_NAME, "%.63s", name);
}

/* Title and order of the arms; neither is needed. */
static void names_read(sg_report_data *data)
{
    char path[SG_REPORT_PATH + 32];
    void *text;
    size_t size;
    sg_yaml yaml = {0};
    (void)snprintf(path, sizeof path, "%s/sweep.yaml", data->dir);
    if (sg_file_read(&text, &size, path, YAML_MAX) != SG_OK) return;
    if (sg_yaml_parse(&yaml, text, size, path, true) == SG_OK) {
        const int title = path_find(&yaml, "sweep.title"), arms = path_find(&yaml, "sweep.arms");
        if (title >= 0 && yaml.nodes[title].text)
            (void)snprintf(data->title, sizeof data->title, "%s", yaml.nodes[title].text);
        if (arms >= 0 && yaml.nodes[arms].kind == SG_YAML_MAP)
            for (int i = yaml.nodes[arms].first; i >= 0; i = yaml.nodes[i].next) arm_add(data, yaml.nodes[i].key);
    }
    sg_yaml_free(&yaml);
    sg_free(text);
}

static void dose_add(sg_report_data *data, double dose)
{
    int at = 0;
    while (at < data->dose_count && data->doses[at] < dose) at++;
    const bool known = at < data->dose_count && data->doses[at] == dose;
    if (isnan(dose) || known || data->dose_count == DOSE_MAX) return;
    memmove(&data->doses[at + 1], &data->doses[at], (size_t)(data->dose_count - at) * sizeof dose);
    data->doses[at] = dose;
    data->dose_count++;
}

static int by_seed(const void *a, const void *b)
{
    const sg_report_run *x = a, *y = b;
    const int arm = strcmp(x->arm, y->arm);
    if (arm) return arm;
    if (x->dose != y->dose) return x->dose < y->dose ? -1 : 1;
    return x->seed < y->seed ? -1 : x->seed > y->seed;
}

static sg_status group(sg_report_data *data)
{
    qsort(data->runs, (size_t)data->run_count, sizeof *data->runs, by_seed);
    SG_TRY(SG_ALLOC(&data->arms, (size_t)data->run_count, "arms of a report"));
    names_read(data);
    for (int i = 0; i < data->run_count; i++) {
        arm_add(data, data->runs[i].arm);
        dose_add(data, data->runs[i].dose);
    }
    data->main_dose = data->dose_count ? data->doses[data->dose_count / 2] : (double)NAN;
    for (int m = SG_REPORT_METRICS - 1; m >= 0; m--)
        for (int i = 0; i < data->run_count; i++)
            if (!isnan(data->runs[i].metric[m])) data->main_metric = m;
    return SG_OK;
}

static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

sg_status sg_report_load(sg_report_data *out, const char *dir)
{
    *out = (sg_report_data){0};
    if (!sg_folder_exists(dir)) SG_FAIL(SG_E_IO, "%s: no such folder", dir);
    const int len = snprintf(out->dir, sizeof out->dir, "%s", dir);
    if (len >= (int)sizeof out->dir)
        SG_FAIL(SG_E_RANGE, "%.60s...: the path has more than %d letters", dir, SG_REPORT_PATH - 1);
    for (int end = len - 1; end > 0 && out->dir[end] == '/'; end--) out->dir[end] = '\0';
    (void)snprintf(out->title, sizeof out->title, "%.200s", last_name(out->dir));
    char path[SG_REPORT_PATH + 32];
    (void)snprintf(path, sizeof path, "%s/results.h5", out->dir);
    out->experiment = !sg_file_exists(path);
    if (out->experiment && sg_sweep_is(out->dir))
        SG_TRY(sweep_scan(out));
    else if (out->experiment)
        SG_TRY(folder_scan(out, "runs", DEPTH));
    else
        SG_TRY(run_add(out, ".", path));
    if (out->notes.status != SG_OK) return out->notes.status;
    if (out->run_count == 0 && out->notes.len) return SG_E_FORMAT; /* the text is that of the last bad run */
    if (out->run_count == 0)
        SG_FAIL(SG_E_IO, "%s: neither results.h5 nor runs/*/*/*/results.h5 is in this folder", dir);
    return group(out);
}

void sg_report_data_free(sg_report_data *data)
{
    for (int i = 0; i < data->run_count; i++) run_free(&data->runs[i]);
    sg_free(data->runs);
    sg_free(data->arms);
    sg_text_free(&data->notes);
    *data = (sg_report_data){0};
}

static bool is_of(const sg_report_run *run, const char *arm, double dose)
{
    return strcmp(run->arm, arm) == 0 && (run->dose == dose || (isnan(run->dose) && isnan(dose)));
}

const sg_report_run *sg_report_find(const sg_report_data *data, const char *arm, double dose)
{
    for (int i = 0; i < data->run_count; i++)
        if (is_of(&data->runs[i], arm, dose)) return &data->runs[i];
    return NULL;
}

int sg_report_values(const sg_report_data *data, const char *arm, double dose, int metric,
                     double values[SG_REPORT_SEEDS], double seeds[SG_REPORT_SEEDS])
{
    int n = 0;
    for (int i = 0; i < data->run_count && n < SG_REPORT_SEEDS; i++) {
        const sg_report_run *run = &data->runs[i];
        if (!is_of(run, arm, dose) || isnan(run->metric[metric])) continue;
        if (seeds) seeds[n] = run->seed;
        values[n++] = run->metric[metric];
    }
    return n;
}

void sg_report_csv(const sg_report_data *data, sg_text *out)
{
    sg_text_add(out, "arm,dose_ph,seed");
    for (int m = 0; m < SG_REPORT_METRICS; m++) sg_text_add(out, ",%s", sg_report_metric_table[m].key);
    sg_text_add(out, ",folder\n");
    for (int i = 0; i < data->run_count; i++) {
        const sg_report_run *run = &data->runs[i];
        sg_text_add(out, "%s,%.15g,%.15g", run->arm, run->dose, run->seed);
        for (int m = 0; m < SG_REPORT_METRICS; m++) {
            sg_text_add(out, ",");
            if (!isnan(run->metric[m])) sg_text_add(out, "%.9g", run->metric[m]);
        }
        sg_text_add(out, ",\"%s\"\n", run->folder);
    }
}
