/* sweep_lab.h - sweeps of tiny runs in the folder of place.h: started as processes, compared file by file. */
#ifndef SG_TESTS_SWEEP_LAB_H
#define SG_TESTS_SWEEP_LAB_H

#include <stdbool.h>
#include <sys/types.h>

/* Writes tiny.yaml: a sweep of `seeds` times 4 runs of a fraction of a second. */
void sweep_put(int seeds);
/* Starts `scopegrad sweep tiny.yaml -o FOLDER -q OPTIONS...` (at most 6, ended by NULL) in the folder, stderr to the
 * file FOLDER.err. */
pid_t sweep_start(const char *folder, const char *const options[]);
/* Its exit code; minus the signal that ended it. */
int sweep_wait(pid_t process);
/* Has it ended? It can still be waited for. */
bool sweep_over(pid_t process);
/* Start and wait in one. */
int sweep_run(const char *folder, const char *const options[]);
/* The process that trains the n-th running run; 0: there are fewer. */
pid_t sweep_worker(const char *folder, int n);
/* How many runs are DONE. */
int sweep_done(const char *folder);
/* Is any run locked? */
bool sweep_busy(const char *folder);

/* Both folders hold the same index and the same runs, done, equal to the byte but for what knows the clock. */
void sweep_same(const char *a, const char *b);
/* No half-written file is left, and every file of a run that is there is a whole one: equal to that of `whole`. */
void sweep_clean(const char *folder, const char *whole);
void sleep_ms(long ms);
/* 0 .. below - 1, the same numbers in every run of the test. */
long sweep_random(long below);

#endif
