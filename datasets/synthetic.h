/* synthetic.h - pictures of cells made up from a seed, for tests and first steps: smooth-edged ellipses with a mottled
 * inside on an even background, and their instance labels. Not a model of any tissue. */
#ifndef SG_DATASETS_SYNTHETIC_H
#define SG_DATASETS_SYNTHETIC_H

#include "datasets/dataset.h"

/* picture (px, px) in [0,1], labels (px, px): 0 = background, 1..n. Picture number `index` of config->seed; the same
 * numbers in every run. Each cell: radius = radius_um (1 + radius_spread z), z normal, clipped to .3..2 radius_um; axis
 * ratio .6..1; any angle; its centre anywhere in the picture, but no nearer to another than (1 - overlap) (r_i + r_j)
 * (in 100 tries, else the cell is left out). Where cells overlap, the brighter one is seen and the first one keeps the
 * label. pixel_um > 0. Cannot fail. */
void sg_synthetic_make(float *picture, int32_t *labels, int px, double pixel_um, const sg_synthetic_config *config,
                       uint32_t index);

#endif
