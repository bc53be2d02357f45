/* collect.h - one file of a whole sweep: all.h5 with a table of one row a run and every run's results.
 *     /table          id, arm, swept keys, seed, best_step and every scalar of the run
 *     /runs/<id>/...  what its results.h5 holds; the attribute results_hash is the one that closes that file
 *     /sweep/<n>      the sweep file of folder n (from 1)
 * The order is that of runs.csv: the same runs give the same bytes, whatever the order in which they finished and
 * however often they were collected in between. docs/results.md has the schema. */
#ifndef SG_PIPELINE_COLLECT_H
#define SG_PIPELINE_COLLECT_H

#include "core/status.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct sg_collect_count {
    int runs;       /* different ids in the index */
    int finished;   /* of them with a DONE */
    int kept;       /* of them taken from the older file, since nothing changed */
    int unreadable; /* of them left out, each with a line to `messages` */
    bool fresh;     /* the older file was up to date and is untouched */
} sg_collect_count;

/* Merges the finished runs of sweep folders, several being parts of one sweep, or different ones; a run that stands in
 * two of them is taken from the first. The file `output` is replaced when it is whole. May run while jobs still write;
 * SG_E_USAGE: another one writes the same file, or no sweep folder. SG_E_STATE: no run is finished yet. SG_E_PARTIAL:
 * written, without those that cannot be read. */
sg_status sg_collect(sg_collect_count *out, const char *const *folders, int folder_count, const char *output,
                     FILE *messages);

#endif
