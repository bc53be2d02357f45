/* sweep_claim.c - a folder belongs to one sweep: the text of its file and its assignments. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/run_folder.h"
#include "pipeline/sweep_run.h"
#include "pipeline/sweep_state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { BYTES_MAX = 1 << 28 };

/* Writes the file, or compares with it. */
static sg_status keep_or_compare(const char *folder, const char *name, const char *text, const char *advice)
{
    char path[SG_PATH_MAX];
    void *there;
    size_t size;
    SG_TRY(sg_run_path(path, folder, name));
    if (!sg_file_exists(path)) return sg_file_write(path, text, strlen(text));
    SG_TRY(sg_file_read(&there, &size, path, BYTES_MAX));
    const bool same = size == strlen(text) && memcmp(there, text, size) == 0;
    sg_free(there);
    if (!same) SG_FAIL(SG_E_CONFIG, "%s: holds %s; use another -o", folder, advice);
    return SG_OK;
}

/* Of the sweep's own files, only those of this function are written under its lock. */
static bool is_others(const char *name, const void *context)
{
    (void)context;
    return strcmp(name, "sweep.yaml") != 0 && strcmp(name, "runs.csv") != 0;
}

/* A run's files are written under the run's lock. */
static bool is_running(const char *name, const void *folder)
{
    char id[17];
    sg_run_state state;
    (void)snprintf(id, sizeof id, "%s", name);
    sg_run_look(&state, folder, id);
    return state.stage == SG_RUN_RUNNING;
}

static sg_status fill_folder(const sg_sweep *sweep, const char *folder)
{
    char path[SG_PATH_MAX];
    SG_TRY(keep_or_compare(folder, "sweep.yaml", sg_sweep_text(sweep),
                           "another sweep (see its sweep.yaml, --set included)"));
    SG_TRY(keep_or_compare(
        folder, "runs.csv", sg_sweep_table(sweep),
        "a sweep of this text whose runs.csv has other runs, as another version of the program made it"));
    SG_TRY(sg_run_path(path, folder, "runs"));
    sg_folder_tidy(folder, is_others, NULL);
    sg_folder_tidy(path, is_running, folder);
    return sg_folder_make(path);
}

sg_status sg_sweep_claim(const sg_sweep *sweep, const char *folder)
{
    SG_TRY(sg_folder_make(folder));
    const int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (lock < 0) SG_FAIL(SG_E_IO, "%s: cannot open the folder: %s", folder, strerror(errno));
    (void)flock(lock, LOCK_EX); /* two different sweeps that start together: one of them is refused */
    const sg_status status = fill_folder(sweep, folder);
    (void)close(lock);
    return status;
}
