/* ranks.h - data parallel training: `mpirun -n R scopegrad train ...` is R ranks (core/ranks.h). Rank 0 alone touches the
 * run folder, validates and prints.
 * An error of one rank is an error of all: between two agreements nothing that can fail on one rank alone may be followed
 * by a collective call. */
#ifndef SG_PIPELINE_RANKS_H
#define SG_PIPELINE_RANKS_H

#include "core/model.h"
#include "core/ranks.h"
#include "core/status.h"

#include <stdbool.h>

/* Rank 0, or the only process. */
bool sg_ranks_lead(const sg_ranks *ranks);
/* SG_OK if it is everybody's; else the status of the lowest rank with an error text. That rank keeps its text, the others
 * get an empty one, so that one line is printed. After a failure all later agreements return at once. */
sg_status sg_ranks_agree(sg_ranks *ranks, sg_status status);
/* True on all if true on one. */
bool sg_ranks_any(sg_ranks *ranks, bool here);
/* Everybody's parameters, moments and step count become those of rank 0. */
void sg_ranks_share_model(sg_ranks *ranks, sg_model *model);

/* ---- the command line's part: not in the library, which knows no MPI ---- */
/* How many processes a launcher (mpirun, srun) started together; 1 without one. By its environment, without MPI. */
int sg_ranks_launched(void);
/* How many of them run on this machine, as far as the launcher says; all of them if it does not. */
int sg_ranks_here(void);
/* Joins the others; *out NULL: one process alone, and MPI is not touched. SG_E_USAGE: started by a launcher, but built
 * without MPI, or with another one. */
sg_status sg_ranks_open(sg_ranks **out);
/* Collective; NULL is fine. An error that the ranks agreed on is printed here, before any of them can leave: a launcher
 * ends all when the first has gone with an error. `command`: "train". */
void sg_ranks_close(sg_ranks *ranks, const char *command);

#endif
