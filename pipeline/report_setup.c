/* report_setup.c - the top of the report: what was run, and the microscope with its units. */
#include "pipeline/report_page.h"

#include "core/memory.h"
#include "pipeline/sweep_state.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One line of a card: "label: <value of the config key> unit"; skipped where the config has no such key. */
typedef struct fact {
    const char *card, *label, *key, *unit;
    const char *choice, *value; /* only where the key `choice` has this value; NULL: where it is not none */
} fact;

static const fact facts[] = {
    {"Sample", "grid", "sample.size_px", "px", NULL, NULL},
    {"Sample", "grid pitch", "sample.pixel_um", "µm", NULL, NULL},
    {"Sample", "phase", "sample.phase_rad", "rad", "sample.kind", "coherent"},
    {"Sample", "absorption", "sample.absorption", "", "sample.kind", "coherent"},
    {"Sample", "background phase", "sample.background_rad", "rad rms", "sample.kind", "coherent"},
    {"Sample", "measured images", "dataset.path", "", "sample.kind", "stack"},
    {"Sample", "target", "dataset.target", "", "sample.kind", "stack"},
    {"Light", "LED rows", "illumination.rows", "", "illumination.geometry", "grid"},
    {"Light", "LED columns", "illumination.columns", "", "illumination.geometry", "grid"},
    {"Light", "LED pitch", "illumination.pitch_na", "NA", "illumination.geometry", "grid"},
    {"Light", "LED table", "illumination.csv", "", "illumination.geometry", "csv"},
    {"Light", "sampling", "illumination.sampling", "", NULL, NULL},
    {"Light", "budget", "illumination.constraint", "", NULL, NULL},
    {"Optics", "NA", "optics.na", "", NULL, NULL},
    {"Optics", "wavelength", "optics.wavelength_um", "µm", NULL, NULL},
    {"Optics", "defocus", "optics.defocus_um", "µm", NULL, NULL},
    {"Optics", "medium index", "optics.medium_index", "", NULL, NULL},
    {"Optics", "magnification", "optics.magnification", "×", NULL, NULL},
    {"Camera", "pixel", "camera.pixel_um", "µm", NULL, NULL},
    {"Camera", "quantum efficiency", "camera.qe", "e/photon", NULL, NULL},
    {"Camera", "shot noise", "camera.shot", "", NULL, NULL},
    {"Camera", "read noise", "camera.read_noise_e", "e rms", NULL, NULL},
    {"Camera", "ADC", "camera.bit_depth", "bits", NULL, NULL},
    {"Camera", "kind of ADC", "camera.adc", "", NULL, NULL},
    {"Network", "kind", "network.kind", "", NULL, NULL},
    {"Network", "depth", "network.depth", "", NULL, NULL},
    {"Network", "first width", "network.width", "channels", NULL, NULL},
    {"Network", "norm", "network.norm", "", NULL, NULL},
    {"Network", "steps", "train.steps", "", "train.epochs", "none"},
    {"Network", "epochs", "train.epochs", "", "train.epochs", NULL},
    {"Network", "batch", "train.batch_size", "pictures", NULL, NULL},
};
enum { FACTS = sizeof facts / sizeof facts[0] };

/* The config text of the first run at the shown point (sg_free); NULL if there is none. */
static char *config_text(const sg_report_data *data)
{
    char path[SG_REPORT_PATH + SG_REPORT_NAME + 16], *text = NULL;
    const sg_report_run *run = NULL;
    for (int a = 0; a < data->arm_count && !run; a++)
        run = sg_report_first(data, sg_report_cell_at(data, data->shown, a));
    sg_results_file *file;
    (void)snprintf(path, sizeof path, "%s/%s/results.h5", data->dir, run ? run->folder : ".");
    if (sg_results_open(&file, path) != SG_OK) return NULL;
    if (sg_results_read_text(file, "/config", &text) != SG_OK) text = NULL;
    sg_results_close(file);
    return text;
}

static int seeds_of(const sg_report_data *data)
{
    int most = 0;
    for (int c = 0; c < data->cell_count; c++) most = data->cells[c].count > most ? data->cells[c].count : most;
    return most;
}

/* "720 runs: 6 arms, bit depth / bits (6 values), dose / photons (3 values), up to 10 seeds." */
static void sweep_lead(sg_text *h, const sg_report_data *data)
{
    sg_text_add(h, "%d runs: %d arm%s", data->run_count, data->arm_count, data->arm_count == 1 ? "" : "s");
    for (int k = 0; k < data->key_count; k++) {
        sg_text_add(h, ", <code>");
        sg_text_html(h, data->keys[k].path);
        sg_text_add(h, "</code> (%d value%s%s)", data->keys[k].count, data->keys[k].count == 1 ? "" : "s",
                    data->keys[k].axis || data->keys[k].count == 1 ? "" : ", moving along");
    }
    const int seeds = seeds_of(data);
    bool equal = true;
    for (int c = 0; c < data->cell_count; c++) equal = equal && data->cells[c].count == seeds;
    sg_text_add(h, ", %s%d seed%s each. ", equal ? "" : "up to ", seeds, seeds == 1 ? "" : "s");
}

/* "learned, dose 200 photons, seed 3: the reason" */
static void failed_put(sg_text *h, const sg_report_data *data, const sg_report_run *run, const sg_run_state *state)
{
    sg_text where = {0};
    sg_report_point_text(data, run->point, -1, -1, &where);
    sg_text_add(h, "<br>");
    sg_text_html(h, data->arms[run->arm]);
    if (where.len) sg_text_add(h, ", ");
    if (where.len) sg_text_html(h, where.data);
    sg_text_add(h, ", seed %llu: ", (unsigned long long)run->seed);
    sg_text_html(h, state->reason);
    sg_text_free(&where);
}

/* How many runs are not in the page and why; the failed ones with their reasons. */
static void sweep_missing(sg_text *h, const sg_report_data *data)
{
    enum { LISTED_MAX = 10 };
    int count[SG_RUN_COUNT] = {0};
    sg_text failed = {0};
    const int missing = data->run_count - data->there_count;
    if (missing == 0) return;
    for (int r = 0; r < data->run_count; r++) {
        const sg_report_run *run = &data->runs[r];
        sg_run_state state;
        if (run->there) continue;
        sg_run_look(&state, data->dir, strrchr(run->folder, '/') + 1);
        if (state.stage == SG_RUN_FAILED && count[SG_RUN_FAILED] < LISTED_MAX) failed_put(&failed, data, run, &state);
        count[state.stage]++;
    }
    sg_text_add(h, "<p class=\"missing\">%d of %d runs are not in this page: %d waiting, %d running, %d failed",
                missing, data->run_count, count[SG_RUN_WAITING], count[SG_RUN_RUNNING], count[SG_RUN_FAILED]);
    if (count[SG_RUN_DONE]) sg_text_add(h, ", %d done but not readable", count[SG_RUN_DONE]);
    sg_text_add(h, ".%s</p>\n", failed.data ? failed.data : "");
    sg_text_free(&failed);
}

void sg_page_header(sg_page *page)
{
    const sg_report_data *data = page->data;
    sg_text *h = &page->html;
    sg_text_add(h, "<header>\n<p class=\"kicker\">Scopegrad %s</p>\n<h1>", data->sweep ? "sweep" : "run");
    sg_text_html(h, data->title);
    sg_text_add(h, "</h1>\n<p class=\"lead\">");
    if (data->sweep)
        sweep_lead(h, data);
    else
        sg_text_add(h, "One training run, seed %llu. ", (unsigned long long)data->runs[0].seed);
    sg_text_add(h, "Program version %s.</p>\n", data->version[0] ? data->version : "unknown");
    if (data->sweep) sweep_missing(h, data);
    if (seeds_of(data) > SG_REPORT_SEEDS)
        sg_text_add(h, "<p class=\"missing\">Of more than %d seeds the first %d are counted.</p>\n", SG_REPORT_SEEDS,
                    SG_REPORT_SEEDS);
    if (data->notes.len) {
        sg_text_add(h, "<p class=\"missing\">Left out, because they could not be read:<br>");
        sg_text_html(h, data->notes.data);
        sg_text_add(h, "</p>\n");
    }
    sg_text_add(h, "</header>\n");
}

static void value(sg_text *h, const char *config, const char *key, const char *after)
{
    char text[64];
    if (sg_report_yaml(config, key, text, sizeof text))
        sg_text_html(h, text);
    else
        sg_text_add(h, "?");
    sg_text_add(h, "%s", after);
}

static const char *network_name(const char *config)
{
    char kind[32];
    (void)sg_report_yaml(config, "network.kind", kind, sizeof kind);
    return strcmp(kind, "lenet5") == 0 ? "LeNet-5" : strcmp(kind, "resnet") == 0 ? "A residual network" : "A U-Net";
}

/* The microscope in one paragraph, in the order in which the light meets it. */
static void paragraph(sg_text *h, const char *config)
{
    char kind[32] = "", geometry[32] = "";
    (void)sg_report_yaml(config, "sample.kind", kind, sizeof kind);
    (void)sg_report_yaml(config, "illumination.geometry", geometry, sizeof geometry);
    sg_text_add(h, "<p>");
    if (strcmp(kind, "coherent") == 0) {
        sg_text_add(h, "Each picture becomes a thin sample with a phase of up to ");
        value(h, config, "sample.phase_rad", " rad and little absorption, on a grid of ");
        value(h, config, "sample.pixel_um", " µm. ");
    } else if (strcmp(kind, "stack") == 0)
        sg_text_add(h, "The sample is a measured stack: one image for each LED. ");
    if (strcmp(geometry, "grid") == 0) {
        sg_text_add(h, "An array of ");
        value(h, config, "illumination.rows", " × ");
        value(h, config, "illumination.columns", " LEDs lights it, mutually incoherent, at ");
    } else
        sg_text_add(h, "An array of LEDs lights it, mutually incoherent, at ");
    value(h, config, "optics.wavelength_um", " µm; an objective of NA ");
    value(h, config, "optics.na", " forms the image. The camera, with pixels of ");
    value(h, config, "camera.pixel_um", " µm, adds shot noise and ");
    value(h, config, "camera.read_noise_e", " electrons of read noise and digitises to ");
    value(h, config, "camera.bit_depth", " bits. ");
    sg_text_add(h,
                "%s reads the digital picture. Gradients run back through all of it, so that what is learned of the "
                "hardware is trained together with the network.</p>\n",
                network_name(config));
}

static bool applies(const char *config, const fact *f)
{
    char text[32];
    if (f->choice == NULL) return true;
    if (!sg_report_yaml(config, f->choice, text, sizeof text)) (void)snprintf(text, sizeof text, "none");
    return f->value ? strcmp(text, f->value) == 0 : strcmp(text, "none") != 0;
}

void sg_page_setup(sg_page *page)
{
    sg_text *h = &page->html;
    char *config = config_text(page->data), text[64];
    const char *card = "";
    if (!config) return;
    sg_text_add(h, "<h2>The microscope</h2>\n");
    paragraph(h, config);
    sg_text_add(h, "<div class=\"facts\">\n");
    for (int i = 0; i < FACTS; i++) {
        if (strcmp(card, facts[i].card) != 0)
            sg_text_add(h, "%s<div class=\"card\"><h3>%s</h3><dl>\n", *card ? "</dl></div>\n" : "", facts[i].card);
        card = facts[i].card;
        if (!applies(config, &facts[i]) || !sg_report_yaml(config, facts[i].key, text, sizeof text)) continue;
        sg_text_add(h, "<dt>%s</dt><dd>", facts[i].label);
        sg_text_html(h, text);
        sg_text_add(h, "%s%s</dd>\n", *facts[i].unit ? " " : "", facts[i].unit);
    }
    sg_text_add(h, "</dl></div>\n</div>\n");
    sg_free(config);
}
