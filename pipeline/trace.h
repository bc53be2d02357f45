/* trace.h - where the time of the first training steps goes: a tree of spans, down to every kernel, written as a Chrome
 * trace (Trace Event Format, JSON), which ui.perfetto.dev and chrome://tracing show.
 *     SG_TRY(sg_trace_open(&trace, "trace.json", run_folder, 20));
 *     SG_TRY(sg_trace_watch(trace, plan));                   set-up ends
 *     for (...) { span = sg_trace_step(trace, step); ... SG_TRY(sg_trace_step_end(trace, span)); }
 *     SG_TRY(sg_trace_write(trace)); sg_trace_free(trace);
 * Memory is taken once; spans are recorded by the one thread that trains. Results do not depend on it. NULL is a trace
 * that records nothing. */
#ifndef SG_PIPELINE_TRACE_H
#define SG_PIPELINE_TRACE_H

#include "core/plan.h"

#include <stdint.h>

enum { SG_TRACE_STEPS_MAX = 1000 };

typedef struct sg_trace sg_trace;

/* Time begins. Writes nothing yet, but SG_E_USAGE if `path` is a folder, or in none (`run_folder` may be made later);
 * SG_E_RANGE: steps outside 1..SG_TRACE_STEPS_MAX. `path` must live as long. */
sg_status sg_trace_open(sg_trace **out, const char *path, const char *run_folder, int steps);
/* Makes room for the steps of this plan (it must outlive the trace) and records its kernels from now on. What came
 * before is the span "set-up". SG_E_MEMORY. */
sg_status sg_trace_watch(sg_trace *trace, sg_plan *plan);

/* A span inside the one that is open; `name` must live as long as the trace. One that an error leaves open ends with
 * the trace. */
int sg_trace_begin(sg_trace *trace, const char *name);
void sg_trace_end(sg_trace *trace, int span);
/* The span "step"; `step` counts from 1. */
int sg_trace_step(sg_trace *trace, int64_t step);
/* Writes the file and stops recording if it was the last step. */
sg_status sg_trace_step_end(sg_trace *trace, int span);

/* Writes what there is and stops recording, unless that is done or sg_trace_watch was never reached. SG_E_IO. */
sg_status sg_trace_write(sg_trace *trace);
void sg_trace_free(sg_trace *trace);

#endif
