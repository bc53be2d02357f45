/* memory.c - aligned, zeroed memory. */
#include "core/memory.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SG_HUGE_BYTES = 2 << 20, SG_LARGE_BYTES = 256 << 10, SG_CREDIT_BYTES = 32 << 20 };

/* The system would hand out more than there is and kill the process when it is touched. Small blocks are not worth the
 * look, which takes a tenth of a millisecond; after one, a small part of what is left may go without. */
static sg_status check_available(size_t bytes, const char *what)
{
    static atomic_llong credit;
    if (bytes < SG_LARGE_BYTES || atomic_fetch_sub(&credit, (long long)bytes) >= (long long)bytes) return SG_OK;
    const sg_memory_left left = sg_memory_look("");
    atomic_store(&credit, (long long)(left.bytes / 64 < SG_CREDIT_BYTES ? left.bytes / 64 : SG_CREDIT_BYTES));
    if (bytes <= left.bytes) return SG_OK;
    SG_FAIL(SG_E_MEMORY, "%s: needs %.1f MiB, %s leaves %.1f MiB", what, (double)bytes / 1048576, left.who,
            (double)left.bytes / 1048576);
}

sg_status sg_alloc(void **out, size_t count, size_t size, const char *what)
{
    size_t bytes;
    *out = NULL;
    if (__builtin_mul_overflow(count, size, &bytes) || bytes > PTRDIFF_MAX - 2 * (size_t)SG_HUGE_BYTES)
        SG_FAIL(SG_E_MEMORY, "%s: %zu x %zu bytes is more than an address can hold", what, count, size);
    SG_TRY(check_available(bytes, what));
    const size_t align = bytes >= SG_HUGE_BYTES ? (size_t)SG_HUGE_BYTES : (size_t)SG_ALIGN;
    const size_t rounded = (bytes + align - 1) / align * align;
    void *memory = aligned_alloc(align, rounded > 0 ? rounded : align);
    if (memory == NULL) SG_FAIL(SG_E_MEMORY, "%s: cannot allocate %zu bytes", what, bytes);
    if (align > SG_ALIGN) (void)madvise(memory, rounded, MADV_HUGEPAGE); /* a hint: fewer page faults */
    memset(memory, 0, rounded > 0 ? rounded : align);
    *out = memory;
    return SG_OK;
}

sg_status sg_map(void **out, size_t bytes, const char *what)
{
    *out = NULL;
    if (bytes == 0) return SG_OK;
    SG_TRY(check_available(bytes, what));
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) SG_FAIL(SG_E_MEMORY, "%s: cannot allocate %zu bytes", what, bytes);
    (void)madvise(memory, bytes, MADV_HUGEPAGE); /* a hint: fewer page faults */
    *out = memory;
    return SG_OK;
}

void sg_unmap(void *memory, size_t bytes)
{
    if (memory != NULL) (void)munmap(memory, bytes);
}

void sg_free(void *memory)
{
    free(memory);
}
