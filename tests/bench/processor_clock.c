/* processor_clock.c - preloaded (LD_PRELOAD) into a benchmark, its clock counts the processor seconds of the process
 * instead of those on the wall: with one thread, a time that other programs on the machine hardly change. See
 * side_by_side.py. */
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *out)
{
    return (int)syscall(SYS_clock_gettime, clock == CLOCK_MONOTONIC ? CLOCK_PROCESS_CPUTIME_ID : clock, out);
}
