/* sweep_state.h - what has become of one run of a sweep, told by its files, from any process on any machine that sees
 * them:
 *     runs/<id>/DONE     it is done
 *     runs/<id>.lock     locked for as long as its training lives; holds "HOST PROCESS", its owner
 *     runs/<id>.failed   why it failed when it was last tried
 * The lock is an open file description lock (fcntl_locking(2), F_OFD_SETLK): the kernel releases it with the last copy
 * of its descriptor, and a copy goes to the training process. So it lives exactly as long as the sweep or the training
 * does: a sweep that is killed leaves a training that ends by itself, whose work counts, and which nobody starts a
 * second time meanwhile; and no crash leaves a lock behind. */
#ifndef SG_PIPELINE_SWEEP_STATE_H
#define SG_PIPELINE_SWEEP_STATE_H

#include "core/status.h"
#include "pipeline/sweep_index.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sg_run_stage { SG_RUN_WAITING, SG_RUN_RUNNING, SG_RUN_FAILED, SG_RUN_DONE, SG_RUN_COUNT } sg_run_stage;

enum { SG_OWNER_MAX = 96, SG_REASON_MAX = 320 };

typedef struct sg_run_state {
    sg_run_stage stage;
    int64_t step, steps;        /* running: steps done as far as its files tell; steps 0: not known yet */
    char owner[SG_OWNER_MAX];   /* running: "HOST PROCESS" */
    char reason[SG_REASON_MAX]; /* failed */
} sg_run_state;

const char *sg_run_stage_name(sg_run_stage stage);
void sg_run_look(sg_run_state *out, const char *folder, const char *id);
/* folder/runs/<id><end>, such as ".log" or "/DONE". */
sg_status sg_run_file(char *out, size_t size, const char *folder, const char *id, const char *end);
bool sg_run_is_done(const char *folder, const char *id);
/* "learned dose_ph=200 seed 3" */
void sg_run_label(char *out, size_t size, const sg_sweep_index *index, int row);
/* The last line of a text file that is not empty; "" if there is none. */
void sg_last_line(char *out, size_t size, const char *path);

/* Takes the lock of a run; *lock -1: another process has it. The descriptor is closed on exec. */
sg_status sg_run_lock(int *lock, const char *folder, const char *id);
/* Writes the owner into the lock's file. */
void sg_run_lock_owner(int lock, long process);

#endif
