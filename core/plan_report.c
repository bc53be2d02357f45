/* plan_report.c - what the memory of a plan is spent on. */
#include "core/plan_internal.h"

#include <stdlib.h>
#include <string.h>

typedef struct block {
    const sg_plan_node *node;
    sg_use use;
    size_t bytes;
} block;

static const char *const use_names[SG_USE_COUNT] = {"value",           "value made again",   "gradient",        "saved",
                                                    "scratch forward", "scratch made again", "scratch backward"};

sg_status sg_plan_fullest(const sg_plan *plan, size_t *bytes, int *step)
{
    const int end = sg_plan_end(plan);
    size_t *live = calloc((size_t)end + 1, sizeof *live);
    if (live == NULL) SG_FAIL(SG_E_MEMORY, "plan: out of memory");
    for (int i = 0; i < plan->count; i++)
        for (int k = 0; k < SG_USE_COUNT; k++) {
            const sg_block_use *use = &plan->nodes[i].use[k];
            for (int t = use->first; use->bytes > 0 && t <= use->last; t++) live[t] += sg_align_up(use->bytes);
        }
    *step = 0;
    for (int t = 1; t <= end; t++)
        if (live[t] > live[*step]) *step = t;
    *bytes = live[*step];
    free(live);
    return SG_OK;
}

/* What runs at a step; *phase says how. */
static const char *runs_at(const sg_plan *plan, int step, const char **phase)
{
    for (int i = 0; i < plan->count; i++) {
        const sg_plan_node *n = &plan->nodes[i];
        if (!n->live) continue;
        *phase = step == n->step ? "forward" : step == sg_plan_back(plan, n) ? "backward" : "before the backward";
        if (step == n->step || step == sg_plan_back(plan, n) || step == sg_plan_back(plan, n) - 1) return n->node.name;
    }
    *phase = "after";
    return "the whole run";
}

static int larger_first(const void *a, const void *b)
{
    const block *x = a, *y = b;
    return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

/* The blocks that live at a step, largest first. */
static int blocks_at(const sg_plan *plan, int step, block *out)
{
    int count = 0;
    for (int i = 0; i < plan->count; i++)
        for (int k = 0; k < SG_USE_COUNT; k++) {
            const sg_block_use *use = &plan->nodes[i].use[k];
            if (use->bytes == 0 || use->first > step || use->last < step) continue;
            out[count++] = (block){&plan->nodes[i], (sg_use)k, use->bytes};
        }
    qsort(out, (size_t)count, sizeof *out, larger_first);
    return count;
}

static double mebibytes(size_t bytes)
{
    return (double)bytes / 1048576;
}

static void print_kinds(const block *blocks, int count, FILE *out)
{
    for (int k = 0; k < SG_USE_COUNT; k++) {
        size_t bytes = 0;
        int found = 0;
        for (int i = 0; i < count; i++)
            if (blocks[i].use == (sg_use)k) bytes += blocks[i].bytes, found++;
        if (found > 0)
            fprintf(out, "  %9.1f MiB  %s, %d block%s\n", mebibytes(bytes), use_names[k], found, found == 1 ? "" : "s");
    }
}

sg_status sg_plan_memory_print(const sg_plan *plan, int largest, FILE *out)
{
    size_t bytes;
    int step;
    const char *phase;
    SG_TRY(sg_plan_fullest(plan, &bytes, &step));
    block *blocks = calloc((size_t)plan->count * SG_USE_COUNT + 1, sizeof *blocks);
    if (blocks == NULL) SG_FAIL(SG_E_MEMORY, "plan: out of memory");
    const int count = blocks_at(plan, step, blocks);
    const char *name = runs_at(plan, step, &phase);
    fprintf(out, "arena %.1f MiB; fullest with %.1f MiB at %s (%s):\n", mebibytes(plan->info.arena_bytes),
            mebibytes(bytes), name, phase);
    print_kinds(blocks, count, out);
    for (int i = 0; i < largest && i < count; i++)
        fprintf(out, "  %9.1f MiB  %s of %s\n", mebibytes(blocks[i].bytes), use_names[blocks[i].use],
                blocks[i].node->node.name);
    free(blocks);
    return SG_OK;
}
