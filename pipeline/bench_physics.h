/* bench_physics.h - the physical layer timed op by op. Not public. */
#ifndef SG_PIPELINE_BENCH_PHYSICS_H
#define SG_PIPELINE_BENCH_PHYSICS_H

#include "core/status.h"

#include <stdio.h>

/* Runs the table of workloads, `steps` times each after one for warmth, and prints for every op: milliseconds forward
 * and backward, FLOP/s and bytes/s of forward and their share of the machine's peak, measured in the same call; for
 * LED arrays also the time of a field beside FFTW's for the same number of DFTs, and the memory with more LEDs. */
sg_status sg_bench_physics(int steps, FILE *out);

#endif
