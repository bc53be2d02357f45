/* sweep_cost.c - see sweep_cost.h. */
#include "pipeline/sweep_cost.h"

#include "core/memory.h"
#include "pipeline/dry_run.h"
#include "pipeline/sweep_state.h"

#include <sys/resource.h>

enum { TRIES = 16 };

static double peak_mib(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) == 0 ? (double)usage.ru_maxrss / 1024 : 0;
}

static sg_status try_one(sg_sweep_cost *cost, const sg_sweep *sweep, int row, int threads, FILE *nowhere)
{
    sg_config config;
    sg_dry_cost one;
    char label[SG_VALUE_MAX];
    SG_TRY(sg_sweep_config(&config, sweep, row));
    config.train.threads = threads;
    const sg_status status = sg_dry_run(&config, "-", true, nowhere, &one);
    if (status != SG_OK) {
        sg_run_label(label, sizeof label, sg_sweep_rows(sweep), row);
        return sg_error_prefix(status, "%s", label);
    }
    const double seconds = one.step_s * (double)one.steps;
    if (seconds > cost->longest_s) cost->longest_s = seconds;
    cost->mean_s += (seconds - cost->mean_s) / ++cost->tried;
    return SG_OK;
}

/* Runs that differ in their seed alone take the same. */
static int leave_seeds_out(int *rows, int count, const sg_sweep_index *index)
{
    int kept = 0;
    for (int i = 0; i < count; i++)
        if (index->rows[rows[i]].seed == index->rows[0].seed) rows[kept++] = rows[i];
    return kept;
}

sg_status sg_sweep_measure(sg_sweep_cost *out, const sg_sweep *sweep, const char *folder, int threads)
{
    const sg_sweep_index *index = sg_sweep_rows(sweep);
    int *rows, kinds;
    *out = (sg_sweep_cost){0};
    SG_TRY(sg_sweep_index_runs(&rows, &out->runs, index));
    for (int i = 0; i < out->runs; i++) out->done += sg_run_is_done(folder, index->rows[rows[i]].id);
    kinds = leave_seeds_out(rows, out->runs, index);
    FILE *nowhere = fopen("/dev/null", "w");
    sg_status status = nowhere != NULL ? SG_OK : sg_error_set(SG_E_IO, "/dev/null: cannot open");
    const int tries = kinds < TRIES ? kinds : TRIES;
    for (int i = 0; status == SG_OK && i < tries; i++) /* the first and the last among them */
        status = try_one(out, sweep, rows[tries > 1 ? i * (kinds - 1) / (tries - 1) : 0], threads, nowhere);
    if (nowhere != NULL) (void)fclose(nowhere);
    out->memory_mib = peak_mib();
    sg_free(rows);
    return status;
}

void sg_sweep_cost_print(const sg_sweep_cost *cost, const sg_sweep *sweep, int jobs, int threads, FILE *out)
{
    const sg_sweep_index *index = sg_sweep_rows(sweep);
    const long left = (long)(cost->mean_s * (cost->runs - cost->done) / jobs + .5);
    fprintf(out, "sweep       %d combinations, %d different runs, %d of them done\n", index->row_count, cost->runs,
            cost->done);
    fprintf(out, "keys       ");
    for (int k = 0; k < index->key_count; k++) fprintf(out, " %s", index->keys[k]);
    fprintf(out, "%s\n", index->key_count > 0 ? "" : " none");
    fprintf(out, "tried       one step of %d runs, %d thread%s\n", cost->tried, threads, threads == 1 ? "" : "s");
    fprintf(out, "memory      %.0f MiB at most\n", cost->memory_mib);
    fprintf(out, "time        the longest %.1f s, the mean %.1f s and set-up, validation\n", cost->longest_s,
            cost->mean_s);
    fprintf(out, "            %d at a time: about %ld:%02ld:%02ld for all that is left\n", jobs, left / 3600,
            left / 60 % 60, left % 60);
}
