/* arena.h - memory for many pieces that are given back together: cut from slabs of huge pages, so that hundreds of
 * megabytes of pictures cost few page faults (4 KiB pages take longer to appear than a picture to be read). */
#ifndef SG_CORE_ARENA_H
#define SG_CORE_ARENA_H

#include "core/status.h"

#include <stddef.h>

typedef struct sg_arena sg_arena;
sg_status sg_arena_open(sg_arena **out);
/* *out = `bytes` >= 1 zeroed bytes, aligned to SG_ALIGN, until the arena is freed; any thread may ask. Errors are those
 * of sg_alloc. */
sg_status sg_arena_take(void **out, sg_arena *arena, size_t bytes, const char *what);
/* With all its pieces; NULL may be freed. */
void sg_arena_free(sg_arena *arena);

#endif
