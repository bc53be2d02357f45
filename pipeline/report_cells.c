/* report_cells.c - what the parts of a report ask of its data. See report_data.h. */
#include "pipeline/report_data.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const sg_report_cell *sg_report_cell_at(const sg_report_data *data, int point, int arm)
{
    const int c = point < 0 ? -1 : data->cell_at[point * data->arm_count + arm];
    return c < 0 ? NULL : &data->cells[c];
}

const sg_report_run *sg_report_first(const sg_report_data *data, const sg_report_cell *cell)
{
    for (int i = 0; cell && i < cell->count; i++)
        if (data->runs[cell->first + i].there) return &data->runs[cell->first + i];
    return NULL;
}

int sg_report_values(const sg_report_data *data, const sg_report_cell *cell, int metric, double values[SG_REPORT_SEEDS],
                     uint64_t seeds[SG_REPORT_SEEDS])
{
    int n = 0;
    for (int i = 0; cell && i < cell->count && n < SG_REPORT_SEEDS; i++) {
        const sg_report_run *run = &data->runs[cell->first + i];
        if (isnan(run->metric[metric])) continue;
        if (seeds) seeds[n] = run->seed;
        values[n++] = run->metric[metric];
    }
    return n;
}

int sg_report_pairs(const sg_report_data *data, const sg_report_cell *a, const sg_report_cell *b, int metric,
                    double values_a[SG_REPORT_SEEDS], double values_b[SG_REPORT_SEEDS])
{
    uint64_t seed_a[SG_REPORT_SEEDS], seed_b[SG_REPORT_SEEDS];
    const int n_a = sg_report_values(data, a, metric, values_a, seed_a);
    const int n_b = sg_report_values(data, b, metric, values_b, seed_b);
    int n = 0;
    for (int i = 0, k = 0; i < n_a && k < n_b;) {
        if (seed_a[i] < seed_b[k])
            i++;
        else if (seed_b[k] < seed_a[i])
            k++;
        else {
            values_a[n] = values_a[i++];
            values_b[n++] = values_b[k++];
        }
    }
    return n;
}

int sg_report_value_at(const sg_report_data *data, int point, int key)
{
    for (int a = 0; a < data->arm_count; a++) {
        const sg_report_cell *cell = sg_report_cell_at(data, point, a);
        if (cell) return data->runs[cell->first].value[key];
    }
    return 0;
}

/* Keys that follow others are not compared: they move along. */
int sg_report_point_with(const sg_report_data *data, int point, int key_a, int value_a, int key_b, int value_b)
{
    for (int p = 0; p < data->point_count; p++) {
        bool same = true;
        for (int k = 0; k < data->key_count && same; k++) {
            if (!data->keys[k].axis) continue;
            const int wanted = k == key_a ? value_a : k == key_b ? value_b : sg_report_value_at(data, point, k);
            same = sg_report_value_at(data, p, k) == wanted;
        }
        if (same) return p;
    }
    return -1;
}

void sg_report_point_text(const sg_report_data *data, int point, int but_a, int but_b, sg_text *out)
{
    const char *before = "";
    for (int k = 0; k < data->key_count; k++) {
        const sg_report_key *key = &data->keys[k];
        char value[96];
        if (!key->axis || k == but_a || k == but_b) continue;
        const char *unit = strstr(key->label, " / ");
        const int name = unit ? (int)(unit - key->label) : (int)strlen(key->label);
        sg_report_value_text(value, key, sg_report_value_at(data, point, k));
        sg_text_add(out, "%s%.*s %s", before, name, key->label, value);
        before = ", ";
    }
}

static bool is_brief(const char *text)
{
    return strlen(text) <= 5 || !strchr(text, '.') || strchr(text, 'e');
}

void sg_report_brief(char out[96], const sg_report_key *key, int value)
{
    char beside[96];
    (void)snprintf(out, 96, "%.90s", key->text[value]);
    if (!key->numeric || is_brief(out)) return;
    for (int digits = 3; digits < 9; digits++) { /* as many as tell it from the next value */
        const double number = key->number[value];
        bool alike = false;
        (void)snprintf(out, 96, "%.*f", digits - 3, number);
        if (fabs(number) < 1000) (void)snprintf(out, 96, "%.*g", digits, number);
        for (int i = value - 1; i <= value + 1; i += 2) {
            if (i < 0 || i >= key->count) continue;
            (void)snprintf(beside, 96, "%.*g", digits, key->number[i]);
            alike = alike || strtod(beside, NULL) == strtod(out, NULL);
        }
        if (!alike) return;
    }
}

void sg_report_value_text(char out[96], const sg_report_key *key, int value)
{
    const char *slash = strstr(key->label, " / "), *unit = slash ? slash + 3 : "";
    const size_t len = strlen(unit);
    const bool one = strcmp(key->text[value], "1") == 0 && len > 1 && unit[len - 1] == 's' && !strchr(unit, '/');
    char text[96];
    sg_report_brief(text, key, value);
    (void)snprintf(out, 96, "%.70s%s%.*s", text, len ? " " : "", (int)(one ? len - 1 : len), unit);
}

void sg_report_metric_label(char out[96], const sg_report_data *data, int metric, const char *after)
{
    const sg_report_metric *m = &data->metrics[metric];
    (void)snprintf(out, 96, "%s%s%s%s", m->label, *m->unit ? " / " : "", m->unit, after);
}

void sg_report_number(char mean_text[32], char half_text[32], double mean, double half)
{
    half_text[0] = '\0';
    if (!(half > 0) || !isfinite(half)) {
        (void)snprintf(mean_text, 32, "%.4g", mean);
        return;
    }
    const int place = 1 - (int)floor(log10(half)), digits = place < 0 ? 0 : place > 9 ? 9 : place;
    (void)snprintf(mean_text, 32, "%.*f", digits, mean);
    (void)snprintf(half_text, 32, "%.*f", digits, half);
}
