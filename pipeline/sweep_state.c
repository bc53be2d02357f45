/* sweep_state.c - see sweep_state.h. */
#include "pipeline/sweep_state.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/config.h"
#include "pipeline/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TAIL = 4096 };

const char *sg_run_stage_name(sg_run_stage stage)
{
    static const char *const names[SG_RUN_COUNT] = {"waiting", "running", "failed", "done"};
    return names[stage];
}

sg_status sg_run_file(char *out, size_t size, const char *folder, const char *id, const char *end)
{
    const int length = snprintf(out, size, "%s/runs/%s%s", folder, id, end);
    if (length < 0 || (size_t)length >= size) SG_FAIL(SG_E_USAGE, "%.200s...: the path is too long", folder);
    return SG_OK;
}

bool sg_run_is_done(const char *folder, const char *id)
{
    char path[SG_PATH_MAX];
    return sg_run_file(path, sizeof path, folder, id, "/DONE") == SG_OK && sg_file_exists(path);
}

/* The last bytes of a file as a text; "" if it cannot be read. */
static void read_tail(char out[TAIL + 1], const char *path)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    out[0] = 0;
    if (file < 0) return;
    const off_t size = lseek(file, 0, SEEK_END);
    const ssize_t got = size > 0 ? pread(file, out, TAIL, size > TAIL ? size - TAIL : 0) : 0;
    out[got > 0 ? got : 0] = 0;
    (void)close(file);
}

void sg_last_line(char *out, size_t size, const char *path)
{
    char tail[TAIL + 1];
    read_tail(tail, path);
    size_t length = strlen(tail);
    while (length > 0 && (tail[length - 1] == '\n' || tail[length - 1] == '\r')) tail[--length] = 0;
    const char *newline = strrchr(tail, '\n');
    (void)snprintf(out, size, "%s", newline != NULL ? newline + 1 : tail);
}

/* ---- the lock ---- */

sg_status sg_run_lock(int *lock, const char *folder, const char *id)
{
    char path[SG_PATH_MAX];
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    *lock = -1;
    SG_TRY(sg_run_file(path, sizeof path, folder, id, ".lock"));
    const int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0) SG_FAIL(SG_E_IO, "%s: cannot open: %s", path, strerror(errno));
    if (fcntl(file, F_OFD_SETLK, &whole) == 0 || (errno != EAGAIN && errno != EACCES))
        *lock = file; /* a file system without locks says something else: there the user has to look after it */
    else
        (void)close(file);
    return SG_OK;
}

void sg_run_lock_owner(int lock, long process)
{
    char host[64] = "", text[SG_OWNER_MAX];
    (void)gethostname(host, sizeof host - 1);
    const int length = snprintf(text, sizeof text, "%s %ld\n", host, process);
    if (ftruncate(lock, 0) != 0 || pwrite(lock, text, (size_t)length, 0) != length)
        return; /* only for people: a full disk does not stop the run */
}

static bool is_locked(char owner[SG_OWNER_MAX], const char *path)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return false;
    const bool locked = fcntl(file, F_OFD_GETLK, &whole) == 0 && whole.l_type != F_UNLCK;
    (void)close(file);
    if (locked) sg_last_line(owner, SG_OWNER_MAX, path);
    return locked;
}

/* ---- how far it is ---- */

/* Of "step 12/200", which a training writes from time to time. */
static int64_t steps_of_log(const char *path)
{
    char tail[TAIL + 1];
    long long step, steps = 0;
    read_tail(tail, path);
    for (const char *at = strstr(tail, "step "); at != NULL; at = strstr(at + 1, "step "))
        if (sscanf(at, "step %lld/%lld", &step, &steps) != 2) steps = 0;
    return steps;
}

static void look_at_steps(sg_run_state *out, const char *folder, const char *id)
{
    char path[SG_PATH_MAX], line[256];
    sg_config config;
    if (sg_run_file(path, sizeof path, folder, id, "/log.csv") != SG_OK) return;
    sg_last_line(line, sizeof line, path);
    out->step = strtoll(line, NULL, 10);
    if (sg_run_file(path, sizeof path, folder, id, ".yaml") == SG_OK && sg_config_read(&config, path) == SG_OK &&
        config.train.epochs == 0)
        out->steps = config.train.steps;
    else if (sg_run_file(path, sizeof path, folder, id, ".log") == SG_OK)
        out->steps = steps_of_log(path);
}

void sg_run_look(sg_run_state *out, const char *folder, const char *id)
{
    char path[SG_PATH_MAX];
    *out = (sg_run_state){.stage = SG_RUN_WAITING};
    if (sg_run_is_done(folder, id)) {
        out->stage = SG_RUN_DONE;
    } else if (sg_run_file(path, sizeof path, folder, id, ".lock") == SG_OK && is_locked(out->owner, path)) {
        out->stage = SG_RUN_RUNNING;
        look_at_steps(out, folder, id);
    } else if (sg_run_file(path, sizeof path, folder, id, ".failed") == SG_OK && sg_file_exists(path)) {
        out->stage = SG_RUN_FAILED;
        sg_last_line(out->reason, sizeof out->reason, path);
    }
}

void sg_run_label(char *out, size_t size, const sg_sweep_index *index, int row)
{
    const sg_sweep_row *r = &index->rows[row];
    size_t used = (size_t)snprintf(out, size, "%s", r->arm);
    for (int k = 0; k < index->key_count && used < size; k++) {
        const char *dot = strrchr(index->keys[k], '.');
        used +=
            (size_t)snprintf(out + used, size - used, " %s=%s", dot != NULL ? dot + 1 : index->keys[k], r->value[k]);
    }
    if (used < size) (void)snprintf(out + used, size - used, " seed %llu", (unsigned long long)r->seed);
}
