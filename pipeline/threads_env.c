/* threads_env.c - see threads_env.h. libgomp lets waiting threads spin for milliseconds, and a thread that spins beside
 * another busy program takes the time slice that the work needs: steps become several times slower. It reads its
 * variables before main, so that a change takes a second start (libgomp manual, GOMP_SPINCOUNT). The variable, once
 * set, also keeps the second start from a third. */
#include "pipeline/threads_env.h"

#include <stdlib.h>
#include <unistd.h>

/* Measured (tests/bench/README.md): long enough to bridge the gap between two regions, short beside a time slice. */
static const char spin_count[] = "1000";
enum { PATH_LENGTH_MAX = 4096 };

void sg_threads_env_apply(char **argv)
{
    char self[PATH_LENGTH_MAX]; /* not /proc/self/exe itself: ps would show the name "exe" */
    if (getenv("GOMP_SPINCOUNT") != NULL || getenv("OMP_WAIT_POLICY") != NULL) return;
    const ssize_t length = readlink("/proc/self/exe", self, sizeof self);
    if (length < 1 || length >= (ssize_t)sizeof self) return;
    self[length] = 0;
    if (setenv("GOMP_SPINCOUNT", spin_count, 1) == 0) (void)execv(self, argv);
}
