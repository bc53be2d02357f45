/* file.h - the only place where bytes reach the disk. A file is written as temporary + fsync + rename + fsync of the
 * folder, so that a full disk, a read-only folder or `kill -9` leaves either the older file or the whole new one, never
 * a part. Every error is SG_E_IO, names the path and says what the system said ("No space left on device"). */
#ifndef SG_CORE_FILE_H
#define SG_CORE_FILE_H

#include "core/status.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes `path` hold exactly data[0 .. size-1]. The temporary "<path>.tmp-<process>-<count>" stands next to the target
 * and is removed on any error; the older file is then untouched. A symbolic link is followed: the file behind it is
 * replaced. A device or a pipe (/dev/stdout) is written directly. data may be NULL when size is 0. */
sg_status sg_file_write(const char *path, const void *data, size_t size);

/* The same for a file that is written bit by bit: it grows in the temporary, open for reading and writing at
 * `descriptor`, and becomes `path` when it is kept. Keeping and dropping end the draft; NULL may be dropped. A device
 * or a pipe is written directly. */
typedef struct sg_file_draft sg_file_draft;
sg_status sg_file_draft_open(sg_file_draft **out, const char *path);
int sg_file_draft_descriptor(const sg_file_draft *draft);
sg_status sg_file_draft_keep(sg_file_draft *draft);
void sg_file_draft_drop(sg_file_draft *draft);

/* Adds to the end of a file (made if missing): growing logs. Not atomic: a reader must expect a half-written last
 * line. */
sg_status sg_file_append(const char *path, const void *data, size_t size);

/* *out = the bytes of the file, *size of them, followed by one zero byte that is not counted, so that text can be used
 * as a C string. More than max_bytes (0: no limit) is an error, found before anything is read. Free with sg_free; NULL
 * on error. */
sg_status sg_file_read(void **out, size_t *size, const char *path, size_t max_bytes);

/* Makes a folder and those above it, like mkdir -p; one that exists is fine. */
sg_status sg_folder_make(const char *path);

/* Removes what killed writers have left in a folder, "NAME.tmp-<process>-<count>"; `busy` (NULL: never) says of a NAME
 * that somebody may be writing it. What cannot be removed stays. */
void sg_folder_tidy(const char *path, bool (*busy)(const char *name, const void *context), const void *context);

/* True if something of that kind stands at `path` (links followed). */
bool sg_file_exists(const char *path);
bool sg_folder_exists(const char *path);

#endif
