/* metrics.h - how good a prediction is. Counts are exact integers, quotients double; nothing depends on threads.
 * A pixel whose label is negative is not counted. */
#ifndef SG_PIPELINE_METRICS_H
#define SG_PIPELINE_METRICS_H

#include "core/status.h"

#include <stddef.h>
#include <stdint.h>

/* ---- Dice, Jaccard ---- */
typedef struct sg_overlap {
    int64_t both, prediction, truth; /* pixels */
} sg_overlap;

/* Adds one picture: prediction (len) is foreground where > threshold (NaN: background), label (len) where > .5. Pooled
 * Dice: add all pictures, then divide once; mean Dice: divide each picture and average. */
void sg_overlap_add(sg_overlap *overlap, const float *prediction, const float *label, size_t len, double threshold);
/* 2 both / (prediction + truth); 1 if both are empty. */
double sg_overlap_dice(const sg_overlap *overlap);
/* both / (prediction or truth), the IoU of the masks; 1 if both are empty. */
double sg_overlap_jaccard(const sg_overlap *overlap);

/* ---- objects ---- */
/* Numbers the 8-connected components of mask (h, w) 1, 2, ... in the order of their first pixel, 0 = background, into
 * out (h, w). Returns how many. Two passes with union-find (Rosenfeld & Pfaltz 1966). out may not alias mask. */
int sg_components(int32_t *out, const uint8_t *mask, int h, int w);

/* The thresholds of intersection / union, .5, .55 .. .95: t of sg_matches_add is .5 + .05 t. */
enum { SG_IOU_COUNT = 10 };

typedef struct sg_matches {
    int64_t hit, extra, missed; /* true positives, false positives, false negatives */
} sg_matches;

/* Adds one picture to matches[SG_IOU_COUNT]: objects are the components of prediction > threshold and the numbers > 0 of
 * instances (h, w) (any numbers; an instance need not be connected). A pair matches if intersection / union > .5 + .05
 * t; then no other pair can hold either of the two, so the matching is unique. instances < 0: pixel not counted.
 * SG_E_MEMORY. */
sg_status sg_matches_add(sg_matches *matches, const float *prediction, const int32_t *instances, int h, int w,
                         double threshold);
/* AP at one threshold as the 2018 Data Science Bowl defines it: hit / (hit + extra + missed); 1 if all are 0. */
double sg_matches_ap(const sg_matches *matches);

/* ---- regression ---- */
/* mean (a - b)^2, sums in blocks of 1024; NaN for len 0. */
double sg_mean_square_error(const float *a, const float *b, size_t len);
/* 10 log10(peak^2 / mse) in dB; infinite for mse 0. */
double sg_psnr_db(double mse, double peak);
/* *out = mean structural similarity of a and b (h, w) whose values span `range` (Wang, Bovik, Sheikh & Simoncelli 2004,
 * equation 13: Gaussian window of standard deviation 1.5 px, cut at 11 x 11, K1 = .01, K2 = .03), over the pixels whose
 * window lies inside. scikit-image: structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False).
 * NaN if a side is below 11. SG_E_MEMORY. ssim.c */
enum { SG_SSIM_WINDOW = 11 };
sg_status sg_ssim(double *out, const float *a, const float *b, int h, int w, double range);

#endif
