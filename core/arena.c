/* arena.c - see arena.h. What is left of a slab when a piece does not fit is lost, but was never touched. */
#include "core/arena.h"

#include "core/memory.h"

#include <pthread.h>

enum { SLAB_BYTES = 32 << 20 };

typedef struct slab {
    struct slab *next;
    void *data;
    size_t bytes, used;
} slab;

struct sg_arena {
    pthread_mutex_t lock;
    slab *newest;
};

sg_status sg_arena_open(sg_arena **out)
{
    SG_TRY(SG_ALLOC(out, 1, "arena"));
    (void)pthread_mutex_init(&(*out)->lock, NULL);
    return SG_OK;
}

static sg_status add_slab(sg_arena *arena, size_t bytes, const char *what)
{
    slab *s;
    SG_TRY(SG_ALLOC(&s, 1, what));
    s->bytes = bytes > SLAB_BYTES ? bytes : SLAB_BYTES;
    const sg_status status = sg_map(&s->data, s->bytes, what);
    if (status != SG_OK) {
        sg_free(s);
        return status;
    }
    s->next = arena->newest;
    arena->newest = s;
    return SG_OK;
}

static sg_status cut(void **out, sg_arena *arena, size_t bytes, const char *what)
{
    if (!arena->newest || arena->newest->bytes - arena->newest->used < bytes) SG_TRY(add_slab(arena, bytes, what));
    slab *s = arena->newest;
    *out = (char *)s->data + s->used;
    s->used += bytes;
    return SG_OK;
}

sg_status sg_arena_take(void **out, sg_arena *arena, size_t bytes, const char *what)
{
    *out = NULL;
    (void)pthread_mutex_lock(&arena->lock);
    const sg_status status = cut(out, arena, sg_align_up(bytes), what);
    (void)pthread_mutex_unlock(&arena->lock);
    return status;
}

void sg_arena_free(sg_arena *arena)
{
    if (!arena) return;
    for (slab *next; arena->newest; arena->newest = next) {
        next = arena->newest->next;
        sg_unmap(arena->newest->data, arena->newest->bytes);
        sg_free(arena->newest);
    }
    (void)pthread_mutex_destroy(&arena->lock);
    sg_free(arena);
}
