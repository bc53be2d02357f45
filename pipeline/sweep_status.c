/* sweep_status.c - see sweep_status.h. */
#include "pipeline/sweep_status.h"

#include "core/memory.h"
#include "pipeline/config.h"
#include "pipeline/text.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TIMED = 100, LABEL = 512 };

typedef struct sg_overview {
    const char *folder;
    sg_sweep_index index;
    int *rows; /* the first row of each run */
    sg_run_state *states;
    int count, in[SG_RUN_COUNT];
    double left_s; /* NaN: not known */
} sg_overview;

/* ---- how long the rest takes ---- */

/* Set-up and training of a run that is done, as the last line of its timing.csv has them; NaN. */
static double seconds_of(const sg_overview *o, int run)
{
    char path[SG_PATH_MAX], line[256];
    double training, setup;
    if (sg_run_file(path, sizeof path, o->folder, o->index.rows[o->rows[run]].id, "/timing.csv") != SG_OK) return NAN;
    sg_last_line(line, sizeof line, path);
    return sscanf(line, "%*d,%lf,%*[^,],%lf", &training, &setup) == 2 ? training + setup : (double)NAN;
}

/* As long as the mean of the newest done runs, with as many at a time as run now. */
static double estimate(const sg_overview *o)
{
    double sum = 0, open = o->in[SG_RUN_WAITING];
    int timed = 0;
    for (int i = o->count - 1; i >= 0; i--) {
        const sg_run_state *s = &o->states[i];
        if (s->stage == SG_RUN_RUNNING) open += s->steps > 0 ? 1 - (double)s->step / (double)s->steps : .5;
        if (s->stage != SG_RUN_DONE || timed == TIMED) continue;
        const double seconds = seconds_of(o, i);
        if (isnan(seconds)) continue;
        sum += seconds;
        timed++;
    }
    if (open <= 0) return 0;
    return timed > 0 ? sum / timed * open / (o->in[SG_RUN_RUNNING] > 0 ? o->in[SG_RUN_RUNNING] : 1) : (double)NAN;
}

/* ---- reading ---- */

static void overview_free(sg_overview *o)
{
    sg_free(o->rows);
    sg_free(o->states);
    sg_sweep_index_free(&o->index);
}

static sg_status overview_read(sg_overview *out, const char *folder)
{
    *out = (sg_overview){.folder = folder};
    SG_TRY(sg_sweep_index_read(&out->index, folder));
    SG_TRY(sg_sweep_index_runs(&out->rows, &out->count, &out->index));
    SG_TRY(SG_ALLOC(&out->states, (size_t)out->count, "state of a sweep"));
    for (int i = 0; i < out->count; i++) {
        sg_run_look(&out->states[i], folder, out->index.rows[out->rows[i]].id);
        out->in[out->states[i].stage]++;
    }
    out->left_s = estimate(out);
    return SG_OK;
}

/* ---- text ---- */

static void print_run(const sg_overview *o, int run, FILE *out)
{
    char label[LABEL];
    const sg_run_state *s = &o->states[run];
    sg_run_label(label, sizeof label, &o->index, o->rows[run]);
    fprintf(out, "%s  %-7s  %s", o->index.rows[o->rows[run]].id, sg_run_stage_name(s->stage), label);
    if (s->stage == SG_RUN_RUNNING) {
        fprintf(out, "  step %lld", (long long)s->step);
        if (s->steps > 0) fprintf(out, "/%lld", (long long)s->steps);
        fprintf(out, "  %s", s->owner);
    }
    if (s->stage == SG_RUN_FAILED) fprintf(out, "  %s", s->reason);
    fputc('\n', out);
}

sg_status sg_sweep_status_print(const char *folder, bool all, FILE *out)
{
    sg_overview o;
    const sg_status status = overview_read(&o, folder);
    for (int i = 0; status == SG_OK && i < o.count; i++)
        if (all || o.states[i].stage == SG_RUN_RUNNING || o.states[i].stage == SG_RUN_FAILED) print_run(&o, i, out);
    if (status == SG_OK) {
        fprintf(out, "%d runs: %d done, %d failed, %d running, %d waiting", o.count, o.in[SG_RUN_DONE],
                o.in[SG_RUN_FAILED], o.in[SG_RUN_RUNNING], o.in[SG_RUN_WAITING]);
        const long left = isnan(o.left_s) ? 0 : (long)(o.left_s + .5);
        if (left > 0) fprintf(out, "; about %ld:%02ld:%02ld left", left / 3600, left / 60 % 60, left % 60);
        fputc('\n', out);
    }
    overview_free(&o);
    return status;
}

/* ---- JSON ---- */

static void add_pair(sg_text *text, const char *name, const char *value)
{
    sg_text_json(text, name);
    sg_text_add(text, ": ");
    sg_text_json(text, value);
}

static void add_run(sg_text *text, const sg_overview *o, int run)
{
    const sg_sweep_row *row = &o->index.rows[o->rows[run]];
    const sg_run_state *s = &o->states[run];
    sg_text_add(text, "%s\n    {", run > 0 ? "," : "");
    add_pair(text, "id", row->id);
    sg_text_add(text, ", ");
    add_pair(text, "arm", row->arm);
    sg_text_add(text, ", \"values\": {");
    for (int k = 0; k < o->index.key_count; k++) {
        sg_text_add(text, k > 0 ? ", " : "");
        add_pair(text, o->index.keys[k], row->value[k]);
    }
    sg_text_add(text, "}, \"seed\": %llu, ", (unsigned long long)row->seed);
    add_pair(text, "state", sg_run_stage_name(s->stage));
    if (s->stage == SG_RUN_RUNNING) {
        sg_text_add(text, ", \"step\": %lld, \"steps\": %lld, ", (long long)s->step, (long long)s->steps);
        add_pair(text, "owner", s->owner);
    }
    if (s->stage == SG_RUN_FAILED) {
        sg_text_add(text, ", ");
        add_pair(text, "reason", s->reason);
    }
    sg_text_add(text, "}");
}

sg_status sg_sweep_status_json(const char *folder, FILE *out)
{
    sg_overview o;
    sg_text text = {0};
    sg_status status = overview_read(&o, folder);
    if (status == SG_OK) {
        sg_text_add(&text, "{\n  ");
        add_pair(&text, "title", o.index.title);
        for (int i = 0; i < SG_RUN_COUNT; i++)
            sg_text_add(&text, ",\n  \"%s\": %d", sg_run_stage_name((sg_run_stage)i), o.in[i]);
        if (isnan(o.left_s))
            sg_text_add(&text, ",\n  \"seconds_left\": null");
        else
            sg_text_add(&text, ",\n  \"seconds_left\": %.1f", o.left_s);
        sg_text_add(&text, ",\n  \"runs\": [");
        for (int i = 0; i < o.count; i++) add_run(&text, &o, i);
        sg_text_add(&text, "\n  ]\n}\n");
        status = text.status;
    }
    if (status == SG_OK) (void)fputs(text.data, out);
    sg_text_free(&text);
    overview_free(&o);
    return status;
}
