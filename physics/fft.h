/* fft.h - FFTW plans for the optics. Planning takes one process-wide lock (FFTW's planner is not thread-safe; executing
 * is), plans are single-threaded and made with FFTW_ESTIMATE, so that their bits repeat; parallelism is ours, over
 * slices. Execute with the new-array functions, SG_FFTW(execute_dft)(plan, in, out) and so on. Forward: exp(-2 pi i),
 * backward: exp(+2 pi i), both unnormalised. Two-dimensional transforms: fft2.h. FFTW 3: Frigo & Johnson, Proc. IEEE
 * 93, 216 (2005). */
#ifndef SG_PHYSICS_FFT_H
#define SG_PHYSICS_FFT_H

#include "core/status.h"

#include <complex.h>
#include <fftw3.h>
#include <stdbool.h>

/* Around any other FFTW planning or plan destruction. */
void sg_fft_lock(void);
void sg_fft_unlock(void);

/* `count` one-dimensional transforms of length n, out of place (in place FFTW buffers some sizes, in memory that it
 * allocates at every run): element i of transform j is at j dist + i stride, in both arrays, which start at a multiple
 * of SG_ALIGN if n max(stride, dist) complex numbers are one. */
sg_status sg_fft_plan_many_f32(fftwf_plan *out, int n, int count, int stride, int dist, int sign);
sg_status sg_fft_plan_many_f64(fftw_plan *out, int n, int count, int stride, int dist, int sign);
/* NULL is fine. */
void sg_fft_plan_free_f32(fftwf_plan plan);
void sg_fft_plan_free_f64(fftw_plan plan);

#endif
