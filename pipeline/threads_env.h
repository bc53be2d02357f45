/* threads_env.h - how long waiting OpenMP threads spin. */
#ifndef SG_PIPELINE_THREADS_ENV_H
#define SG_PIPELINE_THREADS_ENV_H

/* Starts this program again, same arguments, same process, with GOMP_SPINCOUNT set; returns at once if the user has set
 * GOMP_SPINCOUNT or OMP_WAIT_POLICY, or where it cannot be done. Processes started later inherit the variable. Call
 * first thing in main, before any output. */
void sg_threads_env_apply(char **argv);

#endif
