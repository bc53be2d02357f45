/* progress.h - a long run on stderr: a bar that is redrawn on a terminal, a plain line now and then elsewhere. */
#ifndef SG_PIPELINE_PROGRESS_H
#define SG_PIPELINE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct sg_progress {
    const char *title;
    int64_t     first, step, total;
    bool        silent, terminal, drawn;
    double      begin, last_drawn; /* seconds of the monotonic clock */
    const char *metric_name;       /* NULL: none yet */
    double      metric;
} sg_progress;

void   sg_progress_begin(sg_progress *p, const char *title, int64_t first, int64_t total, bool silent);
/* The newest validation metric, shown from now on; name must outlive the progress. */
void   sg_progress_metric(sg_progress *p, const char *name, double value);
void   sg_progress_step(sg_progress *p, int64_t step, double loss);
/* Work that has no loss, in tiles; what is done at once shows nothing. */
void   sg_progress_count(sg_progress *p, int64_t count);
void   sg_progress_end(sg_progress *p);
/* Since begin. */
double sg_progress_seconds(const sg_progress *p);
/* Since this process began, to a hundredth of a second; NAN where the system does not say. */
double sg_process_seconds(void);

#endif
