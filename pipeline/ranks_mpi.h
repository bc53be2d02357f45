/* ranks_mpi.h - core/ranks.h by MPI; only with SG_HAVE_MPI. */
#ifndef SG_PIPELINE_RANKS_MPI_H
#define SG_PIPELINE_RANKS_MPI_H

#include "core/ranks.h"
#include "core/status.h"

/* `launched`: how many processes the launcher claims. SG_E_USAGE: MPI sees another number; SG_E_MEMORY. */
sg_status sg_ranks_mpi_open(sg_ranks **out, int launched);
/* NULL: nothing. */
void sg_ranks_mpi_close(sg_ranks *ranks);

#endif
