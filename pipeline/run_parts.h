/* run_parts.h - the parts of results.h5 that need no evaluation. */
#ifndef SG_PIPELINE_RUN_PARTS_H
#define SG_PIPELINE_RUN_PARTS_H

#include "pipeline/run_results.h"
#include "pipeline/schema.h"

/* /learned, after and before training, and the coordinates of the LEDs. run_hardware.c */
sg_status sg_run_hardware_write(sg_results *out, const sg_run_summary *run);
/* /provenance: seeds and hashes, nothing of the clock or the machine. run_provenance.c */
sg_status sg_run_provenance_write(sg_results *out, const sg_run_summary *run, sg_split split);

#endif
