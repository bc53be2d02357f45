/* trace.c - see trace.h. An event takes its place when it begins, so events lie in order of time, parents before
 * children. Times are whole nanoseconds: a child never sticks out of its parent by rounding. */
#include "pipeline/trace.h"

#include "core/file.h"
#include "core/memory.h"
#include "pipeline/run_folder.h"
#include "pipeline/text.h"

#include <libgen.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct event {
    const char *name, *kernel; /* kernel NULL: not an op */
    const sg_op *op;
    sg_shape shape;
    sg_direction direction;
    int64_t step;             /* 0: before the first */
    int64_t begin_ns, end_ns; /* since the trace was opened; end < 0: still open */
} event;

struct sg_trace {
    const char *path;
    double zero_s; /* of CLOCK_MONOTONIC */
    sg_plan *plan;
    event *events; /* (room) NULL: not recording */
    int count, room;
    int64_t step;
    int steps_left;
};

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int64_t nanoseconds(const sg_trace *trace, double at_s)
{
    return llround(1e9 * (at_s - trace->zero_s));
}

/* ---- opening ---- */
/* The folder of a file, which may not be there; `room` holds the text. */
static sg_status folder_of(const char **out, char room[SG_PATH_MAX], const char *file)
{
    const int length = snprintf(room, SG_PATH_MAX, "%s", file);
    *out = dirname(room);
    if (length < 0 || length >= SG_PATH_MAX) SG_FAIL(SG_E_USAGE, "--profile %.200s...: the path is too long", file);
    return SG_OK;
}

static sg_status check_place(const char *file, const char *run_folder)
{
    char room[2][SG_PATH_MAX], run_file[SG_PATH_MAX];
    const char *folder, *run;
    SG_TRY(folder_of(&folder, room[0], file));
    if (sg_folder_exists(file)) SG_FAIL(SG_E_USAGE, "--profile %s: this is a folder, name a file", file);
    if (sg_folder_exists(folder)) return SG_OK;
    SG_TRY(sg_run_path(run_file, run_folder, "trace")); /* "runs/first/" and "runs/first" are one */
    SG_TRY(folder_of(&run, room[1], run_file));
    if (strcmp(folder, run) == 0) return SG_OK;
    SG_FAIL(SG_E_USAGE, "--profile %s: there is no folder %s; make it first", file, folder);
}

sg_status sg_trace_open(sg_trace **out, const char *path, const char *run_folder, int steps)
{
    *out = NULL;
    if (steps < 1 || steps > SG_TRACE_STEPS_MAX)
        SG_FAIL(SG_E_RANGE, "--profile-steps: %d is outside 1..%d", steps, SG_TRACE_STEPS_MAX);
    SG_TRY(check_place(path, run_folder));
    SG_TRY(SG_ALLOC(out, 1, "trace"));
    **out = (sg_trace){.path = path, .zero_s = seconds_now(), .steps_left = steps};
    return SG_OK;
}

/* ---- recording ---- */
/* The place of a new event, or NULL: not recording, or no room left. */
static event *next(sg_trace *trace)
{
    return trace != NULL && trace->events != NULL && trace->count < trace->room ? &trace->events[trace->count++] : NULL;
}

static void see_kernel(void *context, const sg_kernel_run *run)
{
    sg_trace *trace = context;
    event *e = next(trace);
    if (e == NULL) return;
    *e = (event){.name = run->name,
                 .kernel = run->kernel,
                 .op = run->op,
                 .shape = run->shape,
                 .direction = run->direction,
                 .step = trace->step,
                 .begin_ns = nanoseconds(trace, run->begin_s),
                 .end_ns = nanoseconds(trace, run->end_s)};
}

enum { STAGES = 8 }; /* spans of a step besides its kernels, at most */

sg_status sg_trace_watch(sg_trace *trace, sg_plan *plan)
{
    sg_plan_info info;
    if (trace == NULL) return SG_OK;
    sg_plan_info_get(plan, &info);
    /* One step more than asked for: one that fails runs its kernels twice, to find the culprit. */
    trace->room = 1 + (trace->steps_left + 1) * (3 * info.node_count + STAGES);
    SG_TRY(SG_ALLOC(&trace->events, (size_t)trace->room, "trace"));
    trace->plan = plan;
    *next(trace) = (event){.name = "set-up", .end_ns = nanoseconds(trace, seconds_now())};
    sg_plan_observe(plan, see_kernel, trace);
    return SG_OK;
}

int sg_trace_begin(sg_trace *trace, const char *name)
{
    event *e = next(trace);
    if (e == NULL) return -1;
    *e = (event){.name = name, .step = trace->step, .begin_ns = nanoseconds(trace, seconds_now()), .end_ns = -1};
    return trace->count - 1;
}

void sg_trace_end(sg_trace *trace, int span)
{
    if (span >= 0 && trace->events != NULL) trace->events[span].end_ns = nanoseconds(trace, seconds_now());
}

int sg_trace_step(sg_trace *trace, int64_t step)
{
    if (trace != NULL) trace->step = step;
    return sg_trace_begin(trace, "step");
}

sg_status sg_trace_step_end(sg_trace *trace, int span)
{
    if (trace == NULL) return SG_OK;
    sg_trace_end(trace, span);
    return --trace->steps_left == 0 ? sg_trace_write(trace) : SG_OK;
}

/* ---- writing ---- */
static void write_meta(sg_text *text, const char *what, const char *name)
{
    sg_text_add(text, "{\"ph\": \"M\", \"pid\": 1, \"tid\": 1, \"name\": \"%s\", \"args\": {\"name\": ", what);
    sg_text_json(text, name);
    sg_text_add(text, "}},\n");
}

static void write_event(sg_text *text, const event *e, int64_t now_ns)
{
    static const char *const directions[] = {"forward", "backward", "again"};
    const int64_t end_ns = e->end_ns < 0 ? now_ns : e->end_ns;
    sg_text_add(text, "{\"ph\": \"X\", \"pid\": 1, \"tid\": 1, \"cat\": \"%s\", \"name\": ",
                e->op != NULL ? directions[e->direction] : "stage");
    sg_text_json(text, e->name);
    sg_text_add(text, ", \"ts\": %.3f, \"dur\": %.3f, \"args\": {\"step\": %lld", 1e-3 * (double)e->begin_ns,
                1e-3 * (double)(end_ns - e->begin_ns), (long long)e->step);
    if (e->op != NULL) {
        sg_text_add(text, ", \"op\": ");
        sg_text_json(text, e->op->name);
        sg_text_add(text, ", \"shape\": [%d, %d, %d, %d], \"kernel\": ", e->shape.n, e->shape.c, e->shape.h,
                    e->shape.w);
        sg_text_json(text, e->kernel);
    }
    sg_text_add(text, "}}");
}

/* Nothing is recorded any more. */
static void stop(sg_trace *trace)
{
    sg_plan_observe(trace->plan, NULL, NULL);
    sg_free(trace->events);
    trace->events = NULL;
}

sg_status sg_trace_write(sg_trace *trace)
{
    sg_text text = {0};
    if (trace == NULL || trace->events == NULL) return SG_OK;
    const int64_t now_ns = nanoseconds(trace, seconds_now());
    sg_text_add(&text, "{\"displayTimeUnit\": \"ms\", \"traceEvents\": [\n");
    write_meta(&text, "process_name", "scopegrad train");
    write_meta(&text, "thread_name", "training loop");
    for (int i = 0; i < trace->count; i++) {
        write_event(&text, &trace->events[i], now_ns);
        sg_text_add(&text, i + 1 < trace->count ? ",\n" : "\n]}\n");
    }
    stop(trace);
    sg_status status = text.status;
    if (status == SG_OK) status = sg_file_write(trace->path, text.data, text.len);
    sg_text_free(&text);
    return status;
}

void sg_trace_free(sg_trace *trace)
{
    if (trace == NULL) return;
    if (trace->events != NULL) stop(trace);
    sg_free(trace);
}
