/* ranks_open.c - were we started by an MPI launcher? Asked of the environment, so that a program that runs alone starts
 * without MPI_Init, which takes a tenth of a second. */
#include "pipeline/ranks.h"
#include "pipeline/ranks_mpi.h"

#include <stdio.h>
#include <stdlib.h>

/* Open MPI; MPICH, Intel MPI and Slurm's PMI-1 and 2; MVAPICH; Slurm's PMIx (with a rank, below). */
static const char *const size_variables[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE"};

static int number(const char *variable)
{
    const char *text = getenv(variable);
    return text != NULL ? atoi(text) : 0;
}

int sg_ranks_launched(void)
{
    int most = getenv("PMIX_RANK") != NULL ? number("SLURM_STEP_NUM_TASKS") : 1;
    for (size_t i = 0; i < sizeof size_variables / sizeof *size_variables; i++)
        if (number(size_variables[i]) > most) most = number(size_variables[i]);
    return most > 1 ? most : 1;
}

/* Open MPI; MPICH and Intel MPI; MVAPICH. */
int sg_ranks_here(void)
{
    static const char *const variables[] = {"OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS",
                                            "MV2_COMM_WORLD_LOCAL_SIZE"};
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        if (number(variables[i]) > 0) return number(variables[i]);
    return sg_ranks_launched();
}

sg_status sg_ranks_open(sg_ranks **out)
{
    const int launched = sg_ranks_launched();
    *out = NULL;
    if (launched == 1) return SG_OK;
#ifdef SG_HAVE_MPI
    return sg_ranks_mpi_open(out, launched);
#else
    SG_FAIL(SG_E_USAGE, "a launcher started %d of these, but this program was built without MPI (meson -Dmpi=enabled)",
            launched);
#endif
}

void sg_ranks_close(sg_ranks *ranks, const char *command)
{
    if (ranks != NULL && ranks->failure != SG_OK && sg_error_text()[0] != 0) {
        fprintf(stderr, "scopegrad %s: %s\n", command, sg_error_text());
        (void)sg_error_set((sg_status)ranks->failure, "%s", ""); /* main() has nothing more to say */
    }
#ifdef SG_HAVE_MPI
    sg_ranks_mpi_close(ranks);
#else
    (void)ranks;
#endif
}
