/* sweep_file.h - a sweep file: a config with a section `sweep`, which says how runs differ from it.
 *   sweep:
 *     title: Which light finds nuclei best?
 *     seeds: [1, 2, 3]                          # or {from: 1, count: 10}; train.seed if left out
 *     reference: center                         # the arm that others are compared with; the first one if left out
 *     arms:                                     # named sets of overrides
 *       center: {illumination.pattern: center}
 *       learned: {illumination.learn: {learn: true, lr: .02}}
 *     grid:                                     # every value with every other, arm and seed
 *       illumination.dose_ph: {log: [20, 2000], count: 5}
 *       optics.defocus_um: {from: -5, to: 5, step: 2.5}
 *       "camera.bit_depth, camera.range_e": [[1, 500], [8, 4000]]         # keys that move together
 *     random:                                   # `count` draws, each with every grid value, arm and seed
 *       count: 20
 *       seed: 7                                 # 1 if left out
 *       keys: {optimiser.lr: {log: [1e-4, 1e-2]}, network.width: {of: [8, 16]}, camera.qe: {uniform: [.5, 1]}}
 * A run's config is the file's, then its grid and random values, then its arm's overrides, then its seed; a
 * camera.preset comes before all other overrides. Runs are in the order of the file, the first key outermost, then
 * arms, seeds innermost: a sweep that is cut off has whole points. */
#ifndef SG_PIPELINE_SWEEP_FILE_H
#define SG_PIPELINE_SWEEP_FILE_H

#include "pipeline/config.h"
#include "pipeline/sweep_index.h"

typedef struct sg_sweep sg_sweep;

/* Reads the file, applies the assignments (as sg_config_set) to the config that all runs start from, and checks every
 * combination against the table of keys. Free with sg_sweep_free. Errors (SG_E_CONFIG) name file, line and key. */
sg_status sg_sweep_read(sg_sweep **out, const char *path, const char *const *sets, int set_count);
void sg_sweep_free(sg_sweep *sweep);
/* Rows, ids, title and reference; owned by the sweep. */
const sg_sweep_index *sg_sweep_rows(const sg_sweep *sweep);
/* The bytes of its runs.csv; owned by the sweep. */
const char *sg_sweep_table(const sg_sweep *sweep);
/* The bytes of its sweep.yaml: the file, and the assignments as comments below it; owned by the sweep. */
const char *sg_sweep_text(const sg_sweep *sweep);
/* The config of a row. */
sg_status sg_sweep_config(sg_config *out, const sg_sweep *sweep, int row);

#endif
