/* sweep_pool.h - the runs that one process of a sweep looks after. Not public. */
#ifndef SG_PIPELINE_SWEEP_POOL_H
#define SG_PIPELINE_SWEEP_POOL_H

#include "pipeline/sweep_run.h"
#include "pipeline/sweep_state.h"

#include <sys/stat.h>
#include <sys/types.h>

typedef struct sg_job {
    int row; /* first of the run's rows in the index */
    const char *id;
    sg_run_stage stage; /* RUNNING: here or, with process 0, elsewhere */
    pid_t process;
    int lock;                    /* while it runs here */
    int tries;                   /* made here */
    double begin_s;              /* of this try */
    double asked_s;              /* when it was asked to end; 0: it was not */
    bool late;                   /* it was asked because of its time limit */
    struct timespec old_failure; /* of the .failed of an earlier sweep: this one tries again */
} sg_job;

typedef struct sg_pool {
    const sg_sweep *sweep;
    const sg_sweep_index *index;
    const char *folder;
    const sg_sweep_options *options;
    sg_job *jobs;
    int count, places, threads;
    int running, done, failed; /* running: here */
    int settled;               /* done or failed since begin_s */
    double begin_s;
    bool stopping; /* a signal, or an error of the sweep itself: what runs is asked to end */
    /* the live table */
    int drawn_lines;
    double drawn_s;
    bool terminal;
} sg_pool;

/* Seconds of the monotonic clock. */
double sg_pool_now(void);
/* A run has ended as `job->stage`; `reason`: why it failed, else NULL. sweep_show.c */
void sg_pool_report(sg_pool *pool, const sg_job *job, const char *reason);
/* The live table, where stderr is a terminal; `last`: it goes away. sweep_show.c */
void sg_pool_draw(sg_pool *pool, bool last);

#endif
