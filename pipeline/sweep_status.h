/* sweep_status.h - all runs of a sweep folder, as its files tell them, while any number of processes work there. */
#ifndef SG_PIPELINE_SWEEP_STATUS_H
#define SG_PIPELINE_SWEEP_STATUS_H

#include "pipeline/sweep_state.h"

#include <stdio.h>

/* The running and the failed runs (`all`: every run), a line a run, then how many there are of each kind and how long
 * the rest will take. Reads only. */
sg_status sg_sweep_status_print(const char *folder, bool all, FILE *out);
/* The same as one JSON object: title, counts, seconds_left (null: not known yet), and every run. */
sg_status sg_sweep_status_json(const char *folder, FILE *out);

#endif
