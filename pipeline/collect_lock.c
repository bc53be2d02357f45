/* collect_lock.c - see collect_lock.h. */
#include "pipeline/collect_lock.h"

#include "pipeline/config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* Names as sg_file_draft_open makes them; with the lock held, nobody writes into one. */
static void leftovers_remove(const char *output)
{
    char folder[SG_PATH_MAX], prefix[SG_PATH_MAX];
    const char *slash = strrchr(output, '/');
    (void)snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - output) + 1 : 2, slash ? output : "./");
    (void)snprintf(prefix, sizeof prefix, "%s.tmp-", slash ? slash + 1 : output);
    DIR *open_folder = opendir(folder);
    if (open_folder == NULL) return;
    for (const struct dirent *entry; (entry = readdir(open_folder)) != NULL;)
        if (strncmp(entry->d_name, prefix, strlen(prefix)) == 0) (void)unlinkat(dirfd(open_folder), entry->d_name, 0);
    (void)closedir(open_folder);
}

sg_status sg_collect_lock(int *lock, const char *output)
{
    char path[SG_PATH_MAX];
    *lock = -1;
    if (snprintf(path, sizeof path, "%s.lock", output) >= (int)sizeof path)
        SG_FAIL(SG_E_USAGE, "%s: the path is too long", output);
    *lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (*lock < 0) SG_FAIL(SG_E_IO, "%s: cannot write: %s", path, strerror(errno));
    if (flock(*lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        (void)close(*lock);
        *lock = -1;
        SG_FAIL(SG_E_USAGE, "%s: another collect is writing it", output);
    }
    leftovers_remove(output);
    return SG_OK;
}
