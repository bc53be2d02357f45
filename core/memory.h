/* memory.h - 64-byte aligned, zeroed memory whose size is checked before it is asked for. */
#ifndef SG_CORE_MEMORY_H
#define SG_CORE_MEMORY_H

#include "core/status.h"

#include <stddef.h>

enum { SG_ALIGN = 64 };

static inline size_t sg_align_up(size_t bytes)
{
    return (bytes + SG_ALIGN - 1) / SG_ALIGN * SG_ALIGN;
}

/* *out = count * size zeroed bytes, aligned to SG_ALIGN (never NULL on success, also for 0 bytes). Free with sg_free.
 * SG_E_MEMORY names `what` and the number of bytes, also where the system would promise more than there is (a large
 * block is compared with sg_memory_look). */
sg_status sg_alloc(void **out, size_t count, size_t size, const char *what);
void sg_free(void *memory);
/* The same for one large block that nobody may touch whole: its pages appear, zeroed, when they are first used, by the
 * thread that uses them. *out = NULL for 0 bytes; free with sg_unmap and the same number of bytes (NULL is fine). */
sg_status sg_map(void **out, size_t bytes, const char *what);
void sg_unmap(void *memory, size_t bytes);
/* Bytes that the machine, the control groups and the limits of this process have left, less a reserve (an eighth, at
 * most 512 MiB) for what is not asked about; `who` has least: "the machine", "the control group", "ulimit -v". `root`
 * stands before /proc and /sys ("": the real ones). */
typedef struct sg_memory_left {
    size_t bytes;
    const char *who;
} sg_memory_left;
sg_memory_left sg_memory_look(const char *root);
#define SG_ALLOC(out, count, what) sg_alloc((void **)(out), (count), sizeof **(out), (what))

#endif
