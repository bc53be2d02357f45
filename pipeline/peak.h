/* peak.h - what this machine can do at best, measured now: the yardstick of `scopegrad bench`. Not public. */
#ifndef SG_PIPELINE_PEAK_H
#define SG_PIPELINE_PEAK_H

#include "core/status.h"

/* *flop_per_s: fused multiply-adds on float vectors in registers, two operations each, all threads together.
 * *bytes_per_s: y = x + a y over 64 MiB a thread, 12 bytes a number. The best of several rounds, a second in all. */
sg_status sg_peak_measure(double *flop_per_s, double *bytes_per_s);
/* Seconds of one M x M complex-to-complex DFT in float by FFTW (MEASURE: its best), one on each thread at a time: the
 * time of many divided by their number. */
sg_status sg_peak_fft(double *seconds, int side);
/* Seconds of a steady clock. */
double sg_clock(void);

#endif
