/* bench_table.c - see bench_table.h. */
#include "pipeline/bench_table.h"

#include "core/parallel.h"
#include "pipeline/interrupt.h"
#include "pipeline/peak.h"

#include <string.h>

/* As Linux on x86 names it. */
static void processor_name(char *out, size_t size)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    (void)snprintf(out, size, "this machine");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL) continue;
        colon += 1 + strspn(colon + 1, " ");
        (void)snprintf(out, size, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (file != NULL) (void)fclose(file);
}

sg_status sg_bench_machine(double peak[2], FILE *out)
{
    char name[256];
    processor_name(name, sizeof name);
    SG_TRY(sg_peak_measure(&peak[0], &peak[1]));
    fprintf(out, "%s: %d threads, %.0f GFLOP/s of float multiply-adds, %.1f GB/s of memory, measured now\n", name,
            sg_threads(), peak[0] * 1e-9, peak[1] * 1e-9);
    (void)fflush(out);
    return SG_OK;
}

void sg_bench_head(FILE *out)
{
    fprintf(out, "  %-20s %4s %4s %5s %5s %9s %9s", "op", "n", "c", "h", "w", "fwd ms", "bwd ms");
}

void sg_bench_row(const sg_profile_row *row, FILE *out)
{
    const sg_shape s = row->shape;
    fprintf(out, "  %-20s %4d %4d %5d %5d %9.3f %9.3f", row->name, s.n, s.c, s.h, s.w, 1e3 * row->seconds[0],
            1e3 * row->seconds[1]);
}

void sg_bench_sum(const char *name, double forward_s, double backward_s, FILE *out)
{
    fprintf(out, "  %-42s %9.3f %9.3f", name, 1e3 * forward_s, 1e3 * backward_s);
}

void sg_bench_speed(double seconds, double flop, double bytes, const double peak[2], FILE *out)
{
    const double work[2] = {flop, bytes};
    for (int i = 0; i < 2; i++) {
        if (work[i] > 0 && seconds > 0)
            fprintf(out, " %8.2f %4.0f%%", work[i] / seconds * 1e-9, 100 * work[i] / seconds / peak[i]);
        else
            fprintf(out, " %8s %5s", "", "");
    }
}

sg_status sg_bench_go_on(int done, int steps)
{
    if (sg_interrupted()) SG_FAIL(SG_E_INTERRUPTED, "interrupted after %d of %d steps", done, steps);
    return SG_OK;
}
