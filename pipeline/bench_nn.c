/* bench_nn.c - see bench_nn.h. */
#include "pipeline/bench_nn.h"

#include "core/memory.h"
#include "nn/ops.h"
#include "pipeline/bench_table.h"
#include "pipeline/peak.h"

/* What an op, or several, do in a step. */
typedef struct work {
    double seconds[3], all_s; /* forward, backward, made again; their sum */
    double flop, bytes;
} work;

static void add(work *sum, const sg_profile_row *row)
{
    for (int d = 0; d < 3; d++) {
        if (!(row->seconds[d] > 0)) continue;
        sum->seconds[d] += row->seconds[d];
        sum->all_s += row->seconds[d];
        sum->flop += row->flop[d == 1]; /* made again: as forward */
        sum->bytes += row->bytes[d == 1];
    }
}

static sg_status run(double *step_s, const sg_program *program, sg_model *model, const sg_config *config, int steps)
{
    double begin = 0;
    for (int i = -1; i < steps; i++) {
        SG_TRY(sg_bench_go_on(i < 0 ? 0 : i, steps));
        if (i == 0) sg_plan_profile(program->plan, true), begin = sg_clock();
        SG_TRY(sg_program_step(program, model, config, 1));
    }
    *step_s = (sg_clock() - begin) / steps;
    return SG_OK;
}

static bool is_network(const sg_op *op)
{
#define SG_ROW(op) &sg_op_##op,
    static const sg_op *const rows[] = {SG_NN_OPS(SG_ROW)};
#undef SG_ROW
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i] == op) return true;
    return false;
}

/* The microscope has none of the network's ops and runs before it; both have some of the core's. */
static int first_of_network(const sg_profile_row *rows, int count)
{
    int first = 0;
    while (first < count && !is_network(rows[first].op)) first++;
    return first;
}

static void print_head(const sg_program *program, const sg_config *config, FILE *out)
{
    const sg_microscope_size *size = &program->size;
    fprintf(out, "U-Net of width %d and depth %d, %d x %d x %d x %d, %s%s%s\n", config->unet.width, config->unet.depth,
            program->batch, size->channels, size->output_px, size->output_px,
            config->nn.precision == SG_NN_BF16 ? "bf16" : "f32",
            config->nn.algorithm == SG_NN_DIRECT ? ", direct sums" : "", config->nn.recompute ? ", recompute" : "");
    fprintf(out,
            "FLOP are counted as direct sums, which Winograd does with fewer, and bytes as if nothing stayed in the "
            "cache: more than 100 %% is possible\n\n");
    sg_bench_head(out);
    fprintf(out, " %9s %9s %8s %14s %14s  %s\n", "again ms", "all ms", "share", "GFLOP/s", "GB/s", "kernel");
}

static void print_work(const work *w, double step_s, const double peak[2], FILE *out)
{
    fprintf(out, " %9.3f %9.3f %7.2f%%", 1e3 * w->seconds[2], 1e3 * w->all_s, 100 * w->all_s / step_s);
    sg_bench_speed(w->all_s, w->flop, w->bytes, peak, out);
}

static void print_sum(const char *name, const work *w, double step_s, const double peak[2], FILE *out)
{
    sg_bench_sum(name, w->seconds[0], w->seconds[1], out);
    print_work(w, step_s, peak, out);
    fputc('\n', out);
}

static void print_table(const sg_profile_row *rows, int count, double step_s, const double peak[2], FILE *out)
{
    const int first = first_of_network(rows, count);
    work network = {0}, microscope = {0}, rest = {.all_s = step_s};
    for (int i = 0; i < count; i++) {
        work one = {0};
        add(&one, &rows[i]);
        add(i < first ? &microscope : &network, &rows[i]);
        rest.all_s -= one.all_s;
        if (i < first) continue;
        sg_bench_row(&rows[i], out);
        print_work(&one, step_s, peak, out);
        fprintf(out, "  %s\n", rows[i].kernel);
    }
    microscope.flop = microscope.bytes = 0; /* bench physics knows better how to count them */
    fputc('\n', out);
    print_sum("the network", &network, step_s, peak, out);
    print_sum("the microscope", &microscope, step_s, peak, out);
    print_sum("optimiser and checks", &rest, step_s, peak, out);
    fprintf(out, "  a step: %.3f ms\n", 1e3 * step_s);
}

sg_status sg_bench_nn(const sg_program *program, sg_model *model, const sg_config *config, int steps, FILE *out)
{
    double peak[2], step_s;
    sg_profile_row *rows = NULL;
    const int count = sg_plan_profile_rows(program->plan, NULL, 0);
    SG_TRY(sg_bench_machine(peak, out));
    SG_TRY(run(&step_s, program, model, config, steps));
    SG_TRY(SG_ALLOC(&rows, (size_t)count, "bench"));
    (void)sg_plan_profile_rows(program->plan, rows, count);
    print_head(program, config, out);
    print_table(rows, count, step_s, peak, out);
    sg_free(rows);
    return SG_OK;
}
