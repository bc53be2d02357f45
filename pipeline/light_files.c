/* light_files.c - the light as CSV, JSON, an exposure list and a picture. See light.h and docs/formats.md. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/figure.h"
#include "pipeline/keys.h"
#include "pipeline/light.h"
#include "pipeline/text.h"

#include <cjson/cJSON.h>
#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { PANELS_MAX = 8 };

static int rows_of(const sg_light *light)
{
    return light->colours * light->exposures;
}

static sg_status write_in(const char *folder, const char *name, const void *data, size_t size)
{
    char path[SG_PATH_MAX + 32];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return sg_file_write(path, data, size);
}

static sg_status write_text(const char *folder, const char *name, sg_text *text)
{
    const sg_status status = text->status == SG_OK ? write_in(folder, name, text->data, text->len) : text->status;
    sg_text_free(text);
    return status;
}

/* ",1.5": the shortest text that reads back as the same number. */
static void add_cell(sg_text *text, double value)
{
    char number[32];
    sg_number_text(number, value);
    sg_text_add(text, ",%s", number);
}

/* ---- tables ---- */

/* "weight_2", or "weight_c1_2" where there are several colours. */
static void row_name(char out[32], const sg_light *light, int row)
{
    const int colour = row / light->exposures + 1, exposure = row % light->exposures + 1;
    if (light->colours == 1)
        (void)snprintf(out, 32, "%d", exposure);
    else
        (void)snprintf(out, 32, "c%d_%d", colour, exposure);
}

/* A line an LED; `rows` columns of weights. */
static void add_leds_table(sg_text *text, const sg_light *light, int rows)
{
    sg_text_add(text, "led,x_mm,y_mm,na_x,na_y,power");
    for (int row = 0; row < rows; row++) {
        char name[32];
        row_name(name, light, row);
        sg_text_add(text, ",weight_%s", name);
    }
    for (int k = 0; k < light->leds; k++) {
        const double place[] = {light->x_mm[k], light->y_mm[k], light->na_x[k], light->na_y[k], light->power[k]};
        sg_text_add(text, "\n%d", k);
        for (int i = 0; i < 5; i++) add_cell(text, place[i]);
        for (int row = 0; row < rows; row++)
            add_cell(text, light->weight[(size_t)row * (size_t)light->leds + (size_t)k]);
    }
    sg_text_add(text, "\n");
}

static sg_status write_pattern(const sg_light *light, const char *folder)
{
    sg_text text = {0};
    add_leds_table(&text, light, rows_of(light));
    return write_text(folder, "pattern.csv", &text);
}

sg_status sg_light_write_leds(const sg_light *light, const char *path)
{
    sg_text text = {0};
    add_leds_table(&text, light, 0);
    const sg_status status = text.status == SG_OK ? sg_file_write(path, text.data, text.len) : text.status;
    sg_text_free(&text);
    return status;
}

/* One line for each LED that is lit, in the order in which a controller works. */
static sg_status write_exposures(const sg_light *light, const char *folder)
{
    sg_text text = {0};
    int *level;
    SG_TRY(SG_ALLOC(&level, (size_t)light->leds, "light"));
    sg_text_add(&text, "exposure,colour,exposure_s,led,level\n");
    for (int row = 0; row < rows_of(light); row++) {
        const sg_light_row shown = sg_light_levels(level, light, row);
        for (int k = 0; k < light->leds; k++) {
            if (level[k] == 0) continue;
            sg_text_add(&text, "%d,%d", row % light->exposures + 1, row / light->exposures + 1);
            add_cell(&text, shown.exposure_s);
            sg_text_add(&text, ",%d,%d\n", k, level[k]);
        }
    }
    sg_free(level);
    return write_text(folder, "exposures.csv", &text);
}

/* ---- JSON ---- */

static void add_units(cJSON *root)
{
    static const char *const units[][2] = {{"x_mm, y_mm, height_mm, slide_mm", "mm"},
                                           {"na_x, na_y", "1: direction sines of the light at the sample"},
                                           {"power", "1: relative"},
                                           {"weight", "1: relative; the sum over all exposures is 1 (dose)"},
                                           {"level", "1: 0..255 of the controller"},
                                           {"exposure_s", "s"},
                                           {"dose_ph", "photons per camera pixel area at the sample and measurement"},
                                           {"flux_ph_per_s", "photons/s, one LED at level 255 and power 1"},
                                           {"wavelength_um", "um"},
                                           {"largest_error, misplaced", "1: of levels and exposure_s against weight"}};
    cJSON *list = cJSON_AddObjectToObject(root, "units");
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) cJSON_AddStringToObject(list, units[i][0], units[i][1]);
}

static sg_status add_provenance(cJSON *root, const sg_config *config, const sg_light_origin *origin)
{
    char hash[24], source[SG_PATH_MAX];
    uint64_t number;
    cJSON *from = cJSON_AddObjectToObject(root, "provenance");
    SG_TRY(sg_config_hash(&number, config));
    (void)snprintf(source, sizeof source, "%s", origin->source);
    (void)snprintf(hash, sizeof hash, "%016llx", (unsigned long long)number);
    cJSON_AddStringToObject(from, "program", "scopegrad " SG_VERSION);
    cJSON_AddStringToObject(from, "light", origin->learned ? "learned" : "as the configuration starts");
    cJSON_AddStringToObject(from, "source", basename(source));
    cJSON_AddStringToObject(from, "config_hash", hash);
    return SG_OK;
}

static void add_setup(cJSON *root, const sg_light *light, const sg_config *config)
{
    const sg_illumination_config *c = &config->microscope.illumination;
    static const char *const levels[] = {"continuous", "bits8", "on_off"};
    cJSON_AddStringToObject(root, "constraint", c->constraint == SG_LIGHT_DOSE ? "dose" : "box");
    cJSON_AddStringToObject(root, "levels", levels[c->levels]);
    if (c->constraint == SG_LIGHT_DOSE) cJSON_AddNumberToObject(root, "dose_ph", c->dose_ph);
    cJSON_AddNumberToObject(root, "flux_ph_per_s", light->flux_ph_per_s);
    cJSON_AddNumberToObject(root, "na", config->microscope.optics.na);
    cJSON_AddNumberToObject(root, "height_mm", c->height_mm);
    cJSON_AddNumberToObject(root, "slide_mm", c->slide_mm);
    cJSON_AddNumberToObject(root, "slide_index", c->slide_index);
}

static void add_leds(cJSON *root, const sg_light *light)
{
    cJSON *list = cJSON_AddArrayToObject(root, "leds");
    for (int k = 0; list && k < light->leds; k++) {
        cJSON *led = cJSON_CreateObject();
        cJSON_AddNumberToObject(led, "led", k);
        cJSON_AddNumberToObject(led, "x_mm", light->x_mm[k]);
        cJSON_AddNumberToObject(led, "y_mm", light->y_mm[k]);
        cJSON_AddNumberToObject(led, "na_x", light->na_x[k]);
        cJSON_AddNumberToObject(led, "na_y", light->na_y[k]);
        cJSON_AddNumberToObject(led, "power", light->power[k]);
        cJSON_AddItemToArray(list, led);
    }
}

static sg_status add_exposures(cJSON *root, const sg_light *light)
{
    int *level;
    cJSON *list = cJSON_AddArrayToObject(root, "exposures");
    SG_TRY(SG_ALLOC(&level, (size_t)light->leds, "light"));
    for (int row = 0; row < rows_of(light); row++) {
        const sg_light_row shown = sg_light_levels(level, light, row);
        cJSON *entry = cJSON_CreateObject();
        cJSON_AddNumberToObject(entry, "exposure", row % light->exposures + 1);
        cJSON_AddNumberToObject(entry, "colour", row / light->exposures + 1);
        cJSON_AddNumberToObject(entry, "wavelength_um", light->wavelength_um[row / light->exposures]);
        cJSON_AddNumberToObject(entry, "exposure_s", shown.exposure_s);
        cJSON_AddNumberToObject(entry, "largest_error", shown.largest_error);
        cJSON_AddNumberToObject(entry, "misplaced", shown.misplaced);
        cJSON_AddItemToObject(entry, "weight",
                              cJSON_CreateDoubleArray(light->weight + (size_t)row * (size_t)light->leds, light->leds));
        cJSON_AddItemToObject(entry, "level", cJSON_CreateIntArray(level, light->leds));
        cJSON_AddItemToArray(list, entry);
    }
    sg_free(level);
    return SG_OK;
}

static sg_status write_json(const sg_light *light, const sg_config *config, const sg_light_origin *origin,
                            const char *folder)
{
    sg_status status = SG_OK;
    char *text = NULL;
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "format", "scopegrad-light 1");
    SG_TRY_DONE(add_provenance(root, config, origin));
    add_units(root);
    add_setup(root, light, config);
    add_leds(root, light);
    SG_TRY_DONE(add_exposures(root, light));
    text = cJSON_Print(root);
    if (!text) SG_FAIL_DONE(SG_E_MEMORY, "light.json: out of memory");
    SG_TRY_DONE(write_in(folder, "light.json", text, strlen(text)));
done:
    cJSON_free(text);
    cJSON_Delete(root);
    return status;
}

sg_status sg_light_write(const sg_light *light, const sg_config *config, const sg_light_origin *origin,
                         const char *folder)
{
    SG_TRY(sg_folder_make(folder));
    SG_TRY(write_pattern(light, folder));
    SG_TRY(write_exposures(light, folder));
    return write_json(light, config, origin, folder);
}

/* ---- picture ---- */

sg_status sg_light_draw(const sg_light *light, double na, const char *folder)
{
    char title[PANELS_MAX][48];
    sg_figure_leds panel[PANELS_MAX];
    sg_figure figure;
    const int rows = rows_of(light), panels = rows < PANELS_MAX ? rows : PANELS_MAX;
    for (int row = 0; row < panels; row++) {
        char name[32];
        row_name(name, light, row);
        (void)snprintf(title[row], sizeof title[row], rows > 1 ? "exposure %s" : " ", name);
        panel[row] = (sg_figure_leds){
            title[row], light->leds, light->na_x, light->na_y, light->weight + (size_t)row * (size_t)light->leds,
            false, light->wavelength_um[row / light->exposures]};
    }
    SG_TRY(sg_figure_led_array(&figure, na, panel, panels, panels));
    sg_status status = write_in(folder, "light.svg", figure.svg, strlen(figure.svg));
    if (status == SG_OK) status = write_in(folder, "light.png", figure.png, figure.png_size);
    sg_figure_free(&figure);
    return status;
}
