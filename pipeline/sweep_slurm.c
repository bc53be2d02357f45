/* sweep_slurm.c - see sweep_slurm.h. */
#include "pipeline/sweep_slurm.h"

#include "core/file.h"
#include "pipeline/run_folder.h"
#include "pipeline/text.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More than a step needs: validation, data in memory, a slower node. Slurm's own limit of an array is 1001 tasks. */
static const double memory_margin = 1.5, memory_least_mib = 256, time_margin = 2, time_least_min = 5;
enum { TASKS_MAX = 1000 };

/* For the shell: 'it'\''s' */
static void add_word(sg_text *text, const char *word)
{
    sg_text_add(text, " '");
    for (; *word; word++) sg_text_add(text, *word == '\'' ? "'\\''" : "%c", *word);
    sg_text_add(text, "'");
}

/* For a name in which %j would be the job's number. */
static void add_plain(sg_text *text, const char *path)
{
    for (; *path; path++) sg_text_add(text, *path == '%' ? "%%%%" : "%c", *path);
}

static sg_status whole_path(char out[PATH_MAX], const char *path)
{
    if (realpath(path, out) == NULL) SG_FAIL(SG_E_IO, "%s: %s", path, strerror(errno));
    if (strpbrk(out, "\r\n\"\\") != NULL) SG_FAIL(SG_E_USAGE, "%s: sbatch cannot take such a path", path);
    return SG_OK;
}

static void add_header(sg_text *text, const char *folder, const char *here, const sg_sweep_cost *cost,
                       const sg_slurm_options *o, int tasks)
{
    const int each = (cost->runs + tasks - 1) / tasks;
    const double mib = fmax(memory_least_mib, memory_margin * cost->memory_mib),
                 minutes = fmax(time_least_min, time_margin * each * cost->longest_s / 60);
    const char *slash = strrchr(folder, '/');
    sg_text_add(text, "#!/bin/sh\n#SBATCH --job-name=\"%s\"\n#SBATCH --array=1-%d", slash != NULL ? slash + 1 : folder,
                tasks);
    if (o->at_once > 0) sg_text_add(text, "%%%d", o->at_once);
    sg_text_add(text, "\n#SBATCH --cpus-per-task=%d\n#SBATCH --mem=%.0fM\n#SBATCH --time=%.0f\n", o->cores, ceil(mib),
                ceil(minutes));
    if (o->account != NULL) sg_text_add(text, "#SBATCH --account=%s\n", o->account);
    if (o->partition != NULL) sg_text_add(text, "#SBATCH --partition=%s\n", o->partition);
    sg_text_add(text, "#SBATCH --output=\"");
    add_plain(text, folder);
    sg_text_add(text, "/slurm-%%a.out\"\n#SBATCH --open-mode=append\n#SBATCH --requeue\n");
    /* paths in --set begin here, wherever it is submitted */
    sg_text_add(text, "#SBATCH --chdir=\"%s\"\n", here);
    /* to the script alone, which is the sweep by then: it lets its runs save their work */
    sg_text_add(text, "#SBATCH --signal=B:TERM@60\n");
    sg_text_add(text,
                "# %d runs, %d at most a task. Measured: %.0f MiB, %.0f s a run on the machine that wrote this;\n"
                "# asked for: %g times the memory (at least %.0f MiB), %g times the time of %d runs (at least %.0f "
                "minutes).\n"
                "# A task that is cut off goes on where it was: sbatch this file again.\n",
                cost->runs, each, cost->memory_mib, cost->longest_s, memory_margin, memory_least_mib, time_margin, each,
                time_least_min);
}

static void add_command(sg_text *text, const char *program, const char *sweep, const char *folder, int tasks,
                        const sg_slurm_options *o)
{
    sg_text_add(text, "exec");
    add_word(text, program);
    sg_text_add(text, " sweep");
    add_word(text, sweep);
    sg_text_add(text, " -o");
    add_word(text, folder);
    for (int i = 0; i < o->set_count; i++) {
        sg_text_add(text, " --set");
        add_word(text, o->sets[i]);
    }
    sg_text_add(text, "%s -j 1 --cores %d --part $SLURM_ARRAY_TASK_ID/%d\n", o->more, o->cores, tasks);
}

sg_status sg_slurm_write(const char *folder, const sg_sweep_cost *cost, const sg_slurm_options *options)
{
    char program[PATH_MAX], sweep[PATH_MAX], whole[PATH_MAX], here[PATH_MAX], path[SG_PATH_MAX];
    sg_text text = {0};
    int tasks = options->tasks > 0 ? options->tasks : TASKS_MAX;
    if (tasks > cost->runs) tasks = cost->runs;
    SG_TRY(whole_path(program, "/proc/self/exe"));
    SG_TRY(whole_path(sweep, options->path));
    SG_TRY(whole_path(whole, folder));
    SG_TRY(whole_path(here, "."));
    SG_TRY(sg_run_path(path, folder, "job.sbatch"));
    add_header(&text, whole, here, cost, options, tasks);
    add_command(&text, program, sweep, whole, tasks, options);
    const sg_status status = text.status != SG_OK ? text.status : sg_file_write(path, text.data, text.len);
    sg_text_free(&text);
    return status;
}
