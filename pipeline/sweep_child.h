/* sweep_child.h - the process that trains one run of a sweep. Not public. */
#ifndef SG_PIPELINE_SWEEP_CHILD_H
#define SG_PIPELINE_SWEEP_CHILD_H

#include "core/status.h"

#include <stddef.h>
#include <sys/types.h>

/* Starts `scopegrad train folder/runs/<id>.yaml -o folder/runs/<id> --resume --no-report --threads N`, its output in
 * <id>.log. It keeps a copy of `lock`, and does not take itself for a rank of the launcher that started the sweep. */
sg_status sg_child_start(pid_t *out, const char *folder, const char *id, int threads, int lock);
/* "exit code 1: the last line of its log", "ended by signal 9 (Killed)". `status`: of waitpid. */
void sg_child_reason(char *out, size_t size, int status, const char *folder, const char *id);

#endif
