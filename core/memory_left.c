/* memory_left.c - how much memory this process can still get: the least of what the machine, the control groups it is in
 * (version 1 and 2, each level on the way to the root) and its own limits leave. */
#include "core/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { SG_RESERVE_BYTES = 512 << 20, PATH_BYTES = 4096 };

typedef unsigned long long bytes_t;

/* The number behind `key` in a file of "key value" lines (or the first number if key is NULL); `none` if there is no
 * such number ("max"). */
static bytes_t number_in(const char *folder, const char *name, const char *key, bytes_t none)
{
    bytes_t number = none;
    char path[PATH_BYTES + 64], line[256];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        const size_t skip = key != NULL ? strlen(key) : 0;
        if (key != NULL && strncmp(line, key, skip) != 0) continue;
        char *end;
        const bytes_t value = strtoull(line + skip, &end, 10);
        if (end != line + skip) number = value;
        break;
    }
    if (file != NULL) fclose(file);
    return number;
}

static void lower(sg_memory_left *left, bytes_t bytes, const char *who)
{
    if (bytes < left->bytes) *left = (sg_memory_left){(size_t)bytes, who};
}

static bytes_t minus(bytes_t a, bytes_t b)
{
    return a > b ? a - b : 0;
}

/* One control group. Pages of files that were not used lately are given back when they are needed. */
static void group_left(sg_memory_left *left, const char *folder, bool v2)
{
    const bytes_t limit =
        number_in(folder, v2 ? "memory.max" : "memory.limit_in_bytes", NULL, SIZE_MAX); /* "max": not a number */
    if (limit == SIZE_MAX) return;
    const bytes_t all = number_in(folder, v2 ? "memory.current" : "memory.usage_in_bytes", NULL, 0);
    const bytes_t cache = number_in(folder, "memory.stat", v2 ? "inactive_file " : "total_inactive_file ", 0);
    lower(left, minus(limit, minus(all, cache)), "the control group");
}

/* The group and all above it. In a container the path may be another's: what is not there limits nothing. */
static void groups_left(sg_memory_left *left, const char *mount, const char *group, bool v2)
{
    char folder[PATH_BYTES];
    const size_t top = strlen(mount);
    if (snprintf(folder, sizeof folder, "%s%s", mount, group) >= PATH_BYTES) return;
    for (;;) {
        group_left(left, folder, v2);
        char *slash = strrchr(folder, '/');
        if (slash == NULL || (size_t)(slash - folder) < top) break;
        *slash = 0;
    }
}

/* /proc/self/cgroup: "4:memory:/a/b" in version 1, "0::/a/b" in version 2. */
static void control_groups(sg_memory_left *left, const char *root)
{
    char path[PATH_BYTES], line[PATH_BYTES], mount[PATH_BYTES];
    (void)snprintf(path, sizeof path, "%s/proc/self/cgroup", root);
    FILE *file = fopen(path, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        char *kind = strchr(line, ':');
        char *group = kind != NULL ? strchr(kind + 1, ':') : NULL;
        if (group == NULL) continue;
        *group++ = 0;
        group[strcspn(group, "\n")] = 0;
        const bool v2 = kind[1] == 0;
        if (!v2 && strcmp(kind + 1, "memory") != 0) continue;
        (void)snprintf(mount, sizeof mount, "%s/sys/fs/cgroup%s", root, v2 ? "" : "/memory");
        groups_left(left, mount, group, v2);
    }
    if (file != NULL) fclose(file);
}

/* ulimit -v and -d count what is promised, used or not. */
static void own_limits(sg_memory_left *left, const char *root)
{
    static const struct {
        __rlimit_resource_t resource;
        const char *key, *who;
    } list[] = {{RLIMIT_AS, "VmSize:", "ulimit -v"}, {RLIMIT_DATA, "VmData:", "ulimit -d"}};
    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        struct rlimit limit;
        if (getrlimit(list[i].resource, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) continue;
        lower(left, minus(limit.rlim_cur, 1024 * number_in(root, "proc/self/status", list[i].key, 0)), list[i].who);
    }
}

sg_memory_left sg_memory_look(const char *root)
{
    sg_memory_left left = {SIZE_MAX, "the machine"};
    const bytes_t free_kib = number_in(root, "proc/meminfo", "MemAvailable:", SIZE_MAX / 1024);
    lower(&left, 1024 * free_kib, "the machine");
    if (number_in(root, "proc/sys/vm/overcommit_memory", NULL, 0) == 2) /* promises are kept: there is an end to them */
        lower(&left,
              1024 * minus(number_in(root, "proc/meminfo", "CommitLimit:", SIZE_MAX / 1024),
                           number_in(root, "proc/meminfo", "Committed_AS:", 0)),
              "the commit limit");
    control_groups(&left, root);
    own_limits(&left, root);
    const size_t reserve = left.bytes / 8 < SG_RESERVE_BYTES ? left.bytes / 8 : SG_RESERVE_BYTES;
    left.bytes -= reserve;
    return left;
}
