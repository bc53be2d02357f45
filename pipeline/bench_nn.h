/* bench_nn.h - the network of a training step timed op by op. Not public. */
#ifndef SG_PIPELINE_BENCH_NN_H
#define SG_PIPELINE_BENCH_NN_H

#include "pipeline/program.h"

#include <stdio.h>

/* Runs `steps` training steps of a program with its inputs made up, after one for warmth, and prints for every op of
 * the network and the loss: milliseconds forward, backward, of making the value again (nn.recompute) and in all, its
 * share of the step, FLOP/s and bytes/s over all three with their share of the machine's peak, measured in the same
 * call, and its kernel. Then sums for network, microscope and what is left of the step: their shares add up to 100 %. */
sg_status sg_bench_nn(const sg_program *program, sg_model *model, const sg_config *config, int steps, FILE *out);

#endif
