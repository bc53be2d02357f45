/* sweep_claim.c - a folder belongs to one sweep: the text of its file and its assignments. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/run_folder.h"
#include "pipeline/sweep_run.h"

#include <errno.h>
#include <fcntl.h>
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

static sg_status fill_folder(const sg_sweep *sweep, const char *folder)
{
    char path[SG_PATH_MAX];
    SG_TRY(keep_or_compare(folder, "sweep.yaml", sg_sweep_text(sweep),
                           "another sweep (see its sweep.yaml, --set included)"));
    SG_TRY(keep_or_compare(
        folder, "runs.csv", sg_sweep_table(sweep),
        "a sweep of this text whose runs.csv has other runs, as another version of the program made it"));
    SG_TRY(sg_run_path(path, folder, "runs"));
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
