/* fft2.h - two-dimensional DFTs out of FFTW's one-dimensional ones: rows as they lie, columns sixteen at a time
 * through a small buffer where they lie in a row. FFTW's own two-dimensional plans (ESTIMATE: bits must repeat) walk
 * down columns with the stride of a row, which throws itself out of the cache for sizes such as 256: ten to twenty
 * times slower. Forward: exp(-2 pi i), backward: exp(+2 pi i), both unnormalised. Half spectra are (h, w/2+1). Made
 * for a number of threads, because each has a buffer; a run allocates nothing and different threads may run one plan
 * at a time. Arrays start at a multiple of SG_ALIGN bytes, or a whole number of transforms after one. */
#ifndef SG_PHYSICS_FFT2_H
#define SG_PHYSICS_FFT2_H

#include "core/status.h"

typedef struct sg_fft2_f32 sg_fft2_f32;
typedef struct sg_fft2_f64 sg_fft2_f64;

/* Complex (h, w) to complex (h, w), in == out allowed; sign FFTW_FORWARD or FFTW_BACKWARD. */
sg_status sg_fft2_c2c_f32(sg_fft2_f32 **out, int h, int w, int sign, int threads);
sg_status sg_fft2_c2c_f64(sg_fft2_f64 **out, int h, int w, int sign, int threads);
/* Real (h, w) to half spectrum, forward; out of place. */
sg_status sg_fft2_r2c_f32(sg_fft2_f32 **out, int h, int w, int threads);
sg_status sg_fft2_r2c_f64(sg_fft2_f64 **out, int h, int w, int threads);
/* Half spectrum to real (h, w), backward; out of place; destroys its input. */
sg_status sg_fft2_c2r_f32(sg_fft2_f32 **out, int h, int w, int threads);
sg_status sg_fft2_c2r_f64(sg_fft2_f64 **out, int h, int w, int threads);
/* `in` is written to by c2r only. thread: 0 .. threads - 1. */
void sg_fft2_run_f32(const sg_fft2_f32 *plan, const void *in, void *out, int thread);
void sg_fft2_run_f64(const sg_fft2_f64 *plan, const void *in, void *out, int thread);
/* NULL is fine. */
void sg_fft2_free_f32(sg_fft2_f32 *plan);
void sg_fft2_free_f64(sg_fft2_f64 *plan);

#endif
