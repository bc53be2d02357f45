/* sweep_run.h - runs a sweep in its folder:
 *     sweep.yaml runs.csv runs/<id>/ (a run folder each) runs/<id>.yaml .log .lock .failed
 * A pool of `scopegrad train` processes works through the runs in order. What is DONE is not run again; what was cut off
 * goes on from its checkpoint. Any number of sweeps may work in one folder at once, on any machines that see it: a run's
 * lock (sweep_state.h) keeps them apart, and each waits for the others' last runs. */
#ifndef SG_PIPELINE_SWEEP_RUN_H
#define SG_PIPELINE_SWEEP_RUN_H

#include "pipeline/sweep_file.h"

typedef struct sg_sweep_options {
    int jobs;        /* processes at a time; 0: one a core */
    int cores;       /* shared out among them; 0: all that this process may use */
    int part, parts; /* only runs part, part + parts, ... of 1, 2, ...; parts 0: all */
    int retries;     /* of a run that fails; a wrong config fails at once */
    double limit_s;  /* longest time of a run; 0: none */
    bool stop_on_failure;
    bool quiet;  /* nothing on stderr but failures */
    bool silent; /* not even these: another process says it */
} sg_sweep_options;

/* Makes the folder and writes sweep.yaml and runs.csv, if they are not there yet. SG_E_CONFIG: it holds another sweep. */
sg_status sg_sweep_claim(const sg_sweep *sweep, const char *folder);
/* SG_E_PARTIAL: some runs failed, also where other processes ran them (each is named on stderr); SG_E_INTERRUPTED: after
 * a signal, when the running runs have saved their work. */
sg_status sg_sweep_run(const sg_sweep *sweep, const char *folder, const sg_sweep_options *options);

#endif
