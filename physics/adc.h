/* adc.h - analogue-to-digital conversion with gradients that see where the thresholds are (PHYSICS section 6). Both ops
 * give hard codes forward; their backward is that of a logistic step of width W at the nearest threshold t,
 *     d adu / dv = (step height) s (1 - s) / W,   s = 1 / (1 + exp(-(v - t)/W)),
 * a surrogate (Yang et al., "Quantization networks", CVPR 2019, who anneal the width as here). The width falls with the
 * training, W = width_start (width_end / width_start)^progress, progress from sg_step. NaN stays NaN.
 *
 * sg_adc_soft: the uniform ADC of the camera, to the bit: adu = clamp(round_half_even(e / gain + offset_adu), 0, top),
 *     gain_e_per_adu = range_e / top, top = 2^bit_depth - 1, W in steps of gain_e_per_adu. Unlike straight-through, a
 *     clamped pixel still has a gradient, which fades with its distance from the last threshold.
 * sg_adc_threshold: code = sum_j 1(weight e > threshold_j), adu = level[code]: any thresholds in electrons, W in
 *     steps of range_e / (2^bit_depth - 1) too. One row of thresholds and levels for all pixels, one row a pixel, or a
 *     few rows and a map that says which row each pixel uses: pixels of 1 to 8 bits in one sensor. A row of fewer
 *     thresholds ends in SG_ADC_NEVER_E.
 *     Gradients to e, weight and thresholds are the surrogate's; to levels exact.
 *     soft_training: in training the forward is soft too, adu = level_0 + sum_j (level_j+1 - level_j) s((v -
 *     threshold_j)/W), and its gradient exact: what a network makes of values between two codes is then trained, not
 *     guessed. Evaluation is hard. */
#ifndef SG_PHYSICS_ADC_H
#define SG_PHYSICS_ADC_H

#include "core/graph.h"

/* A threshold that no pixel reaches. */
#define SG_ADC_NEVER_E 1e9

/* Width of the logistic step at the beginning and at the end of the training, in steps of an even ADC; both > 0. */
typedef struct sg_adc_width {
    double start, end;
} sg_adc_width;

/* e (n, E, h, w), range_e (1, 1, 1, 1) > 0 -> adu (n, E, h, w). bit_depth 1..16. */
sg_value sg_adc_soft(sg_graph *g, sg_value e, sg_value range_e, int bit_depth, double offset_adu, sg_adc_width width);

/* What sg_adc_threshold converts by. row and range_e have no gradient. */
typedef struct sg_adc_tables {
    sg_value threshold; /* (1, 1, R, T) in electrons, ascending along T, T 1..255 */
    sg_value level;     /* (1, 1, R, T + 1) in ADU */
    sg_value row;       /* (1, 1, h, w) whole numbers 0 .. R-1; SG_NONE where R is 1 or h w */
    sg_value weight;    /* (1, 1, h, w); SG_NONE: 1 */
    sg_value range_e;   /* (1, 1, 1, 1) > 0, scales the width */
} sg_adc_tables;

/* e (n, E, h, w) -> adu (n, E, h, w). bit_depth 1..8. SG_E_SHAPE names what does not fit. */
sg_value sg_adc_threshold(sg_graph *g, sg_value e, const sg_adc_tables *tables, int bit_depth, bool soft_training,
                          sg_adc_width width);

#endif
