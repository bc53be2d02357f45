/* reconstruct.h - Fourier ptychography: the sample as parameters of the same graph that simulates the microscope,
 * fitted to pictures under single LEDs (Zheng, Horstmeyer & Yang, Nature Photonics 7, 739, 2013), the pupil with it
 * (Ou, Zheng & Yang, Opt. Express 22, 4960, 2014). Model of LED k, in units of the empty field:
 *   I_k = pixels(|IDFT(P T(v - f_k))|^2) + sum_j stray_j min(1, NA/|s_k|)^(2 j),  T = DFT(exp(-absorption + i phase))
 * The second term is light that reaches the camera past the sample, one smooth function of the illumination angle for
 * all LEDs. Loss: mean (sqrt(I + floor) - sqrt(measured + floor))^2 (Yeh et al., Opt. Express 23, 33214, 2015), over a
 * few LEDs a step, in an order that the seed decides; optimiser: optimiser.*. Some LEDs, drawn by the seed, are never
 * shown to the fit: their pictures are predicted. */
#ifndef SG_PIPELINE_RECONSTRUCT_H
#define SG_PIPELINE_RECONSTRUCT_H

#include "core/plan.h"
#include "datasets/image.h"
#include "physics/led_array.h"
#include "pipeline/config.h"

typedef enum sg_led_role { SG_LED_FIT, SG_LED_VALIDATION, SG_LED_HELD_OUT } sg_led_role;

/* What one LED's picture says of the model. */
typedef struct sg_led_score {
    double measured, predicted; /* mean intensity, empty field = 1 */
    double image_error;         /* rms(sqrt(I) - sqrt(measured)) / rms(sqrt(measured)) */
} sg_led_score;

typedef struct sg_reconstruction {
    sg_config config;
    sg_microscope_size size;
    sg_led_array leds;
    sg_led_role *role;   /* (K) */
    float *amplitude;    /* (K, C, C) sqrt(measured + floor), empty field = 1 */
    double scale;        /* measured units of an empty field: the mean of the bright-field pictures that are fitted */
    sg_led_score *score; /* (K), by sg_reconstruction_score */
    sg_model *model;
    sg_plan *plan;
    int batch, fit_count;
    int *order; /* (K) LEDs of an epoch */
} sg_reconstruction;

/* How the fit begins, and what it may change beside the sample and the pupil. */
typedef struct sg_reconstruction_options {
    bool flat_pupil; /* no aberration, no defocus, nothing of the pupil learns */
    bool validate; /* a tenth of the LEDs that are left is kept out too: to choose settings without the held-out ones */
    sg_led_pose_start pose; /* height_mm 0: the array as described */
} sg_reconstruction_options;

/* stack: one page an LED. Errors: SG_E_SHAPE where LEDs or pixels do not fit, SG_E_CONFIG/SG_E_RANGE (text opens with
 * the key), SG_E_NUMERIC for NaN or a picture without light. Free *out also after an error. */
sg_status sg_reconstruction_open(sg_reconstruction *out, const sg_config *config, const sg_image *stack,
                                 const sg_reconstruction_options *options);
void sg_reconstruction_free(sg_reconstruction *r);

/* One pass over the fitted LEDs, `epoch` from 0; *loss = its mean. SG_E_NUMERIC if it is not finite. */
sg_status sg_reconstruction_epoch(sg_reconstruction *r, int epoch, double *loss);
/* Predicts every LED's picture: fills r->score. */
sg_status sg_reconstruction_score(sg_reconstruction *r);

/* Over the LEDs of one role. */
typedef struct sg_reconstruction_error {
    int count;
    double log10_rms, log10_worst; /* of log10(predicted / measured) mean intensity */
    double image_error;            /* mean over the LEDs */
} sg_reconstruction_error;
sg_reconstruction_error sg_reconstruction_summary(const sg_reconstruction *r, sg_led_role role);

/* A parameter's numbers; NULL if this reconstruction has none of this name. "sample.absorption", "sample.phase_rad"
 * (N, N), "stray" (1, J), and those of sg_microscope_leds. */
const float *sg_reconstruction_values(const sg_reconstruction *r, const char *name);

#endif
