/* memory.c - aligned, zeroed memory; how much the machine has left. */
#include "core/memory.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SG_HUGE_BYTES = 2 << 20, SG_LARGE_BYTES = 256 << 10, SG_RESERVE_BYTES = 512 << 20 };

/* The number behind `key` in a file of "key value" lines (or the first number if key is NULL); 0 if there is none. */
static unsigned long long number_in(const char *path, const char *key)
{
    unsigned long long number = 0;
    char line[256];
    FILE *file = fopen(path, "re");
    if (file == NULL) return 0;
    while (number == 0 && fgets(line, sizeof line, file) != NULL) {
        const char *at = key == NULL ? line : strncmp(line, key, strlen(key)) == 0 ? line + strlen(key) : NULL;
        if (at != NULL) number = strtoull(at, NULL, 10);
    }
    fclose(file);
    return number;
}

size_t sg_memory_available(void)
{
    const unsigned long long machine = number_in("/proc/meminfo", "MemAvailable:") * 1024;
    const unsigned long long limit = number_in("/sys/fs/cgroup/memory.max", NULL);
    const unsigned long long all = number_in("/sys/fs/cgroup/memory.current", NULL);
    const unsigned long long cache =
        number_in("/sys/fs/cgroup/memory.stat", "inactive_file "); /* given back when needed */
    const unsigned long long used = all > cache ? all - cache : 0;
    unsigned long long left = machine > 0 ? machine : SIZE_MAX;
    if (limit > 0 && limit > used && limit - used < left) left = limit - used;
    const unsigned long long reserve = left / 8 < SG_RESERVE_BYTES ? left / 8 : SG_RESERVE_BYTES;
    return (size_t)(left - reserve);
}

/* The system would hand out more than there is and kill the process when it is touched. Small blocks are not worth the
 * look. */
static sg_status check_available(size_t bytes, const char *what)
{
    if (bytes < SG_LARGE_BYTES) return SG_OK;
    const size_t available = sg_memory_available();
    if (bytes <= available) return SG_OK;
    SG_FAIL(SG_E_MEMORY, "%s: needs %.1f MiB, %.1f MiB are available", what, (double)bytes / 1048576,
            (double)available / 1048576);
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
