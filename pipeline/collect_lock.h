/* collect_lock.h - one collect at a time writes a file. Not installed. */
#ifndef SG_PIPELINE_COLLECT_LOCK_H
#define SG_PIPELINE_COLLECT_LOCK_H

#include "core/status.h"

/* Locks "<output>.lock", which stays as an empty file, until *lock is closed or the process ends, and removes what
 * killed ones left: "<output>.tmp-...". SG_E_USAGE: another process has it; SG_E_IO. */
sg_status sg_collect_lock(int *lock, const char *output);

#endif
