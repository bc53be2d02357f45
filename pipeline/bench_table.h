/* bench_table.h - what `scopegrad bench nn` and `scopegrad bench physics` print alike. Not public. */
#ifndef SG_PIPELINE_BENCH_TABLE_H
#define SG_PIPELINE_BENCH_TABLE_H

#include "core/plan.h"

#include <stdio.h>

/* peak = {FLOP/s, bytes/s}, measured now (peak.h); prints them with the processor and the number of threads. */
sg_status sg_bench_machine(double peak[2], FILE *out);
/* The first columns of a table: op, shape of its output, milliseconds forward and backward. No newline. */
void sg_bench_head(FILE *out);
void sg_bench_row(const sg_profile_row *row, FILE *out);
/* The same columns for a sum over ops. */
void sg_bench_sum(const char *name, double forward_s, double backward_s, FILE *out);
/* Two columns: FLOP/s and bytes/s, each with its share of the peak; blank where there is nothing to divide. */
void sg_bench_speed(double seconds, double flop, double bytes, const double peak[2], FILE *out);
/* SG_E_INTERRUPTED after a signal: `done` of `steps` are over. Asked before each step. */
sg_status sg_bench_go_on(int done, int steps);

#endif
