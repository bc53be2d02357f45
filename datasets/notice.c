/* notice.c - what is worth saying about the data without being an error: pictures left out, and files skipped. */
#include "datasets/dataset_internal.h"

#include <string.h>

static const struct {
    const char *what, *why;
} reasons[SG_LEFT_COUNT] = {
    [SG_LEFT_SPLIT] = {"picture", "not in dataset.splits"},
    [SG_LEFT_WHERE] = {"picture", "not as dataset.where asks"},
    [SG_LEFT_LABEL] = {"picture", "without a label in dataset.labels"},
    [SG_LEFT_CLASS] = {"item", "of no class in dataset.classes"},
    [SG_LEFT_ANNOTATION] = {"picture", "without an annotation"},
    [SG_LEFT_BOX] = {"picture", "without a box of dataset.box_class"},
    [SG_LEFT_EMPTY] = {"item", "without an area"},
    [SG_LEFT_UNREADABLE] = {"item", "skipped, dataset.unreadable: skip"},
};

void sg_leave_out(sg_dataset *dataset, sg_left_out why, const char *name)
{
    if (dataset->left_out[why]++ == 0)
        (void)snprintf(dataset->first_left_out[why], sizeof dataset->first_left_out[why], "%s", name);
}

/* Only what a damaged or missing file can cause: another size or too little memory stops. */
sg_status sg_skip(sg_dataset *dataset, sg_status status, const char *name)
{
    const bool unreadable = status == SG_E_IO || status == SG_E_FORMAT || status == SG_E_NUMERIC;
    if (!unreadable || dataset->config.unreadable != SG_UNREADABLE_SKIP) return status;
    if (strcmp(dataset->last_skipped, sg_error_text()) != 0)
        fprintf(dataset->notices, "skipped: %s\n", sg_error_text());
    (void)snprintf(dataset->last_skipped, sizeof dataset->last_skipped, "%s", sg_error_text());
    sg_leave_out(dataset, SG_LEFT_UNREADABLE, name);
    return SG_OK;
}

void sg_left_out_notice(sg_dataset *dataset)
{
    for (int why = 0; why < SG_LEFT_COUNT; why++)
        if (dataset->left_out[why])
            fprintf(dataset->notices, "left out: %d %s%s %s (the first: %s)\n", dataset->left_out[why],
                    reasons[why].what, dataset->left_out[why] == 1 ? "" : "s", reasons[why].why,
                    dataset->first_left_out[why]);
}

const char *sg_dataset_notice(const sg_dataset *dataset)
{
    return dataset->notice ? dataset->notice : "";
}
