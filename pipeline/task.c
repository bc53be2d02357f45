/* task.c - what the three tasks share, see task.h. */
#include "pipeline/task.h"

#include "core/memory.h"
#include "pipeline/bootstrap.h"

#include <math.h>
#include <string.h>

const sg_task *sg_task_of(const sg_config *config)
{
    static const sg_task *const tasks[] = {[SG_LOSS_DICE_BCE] = &sg_task_segment,
                                           [SG_LOSS_MSE] = &sg_task_regress,
                                           [SG_LOSS_CROSS_ENTROPY] = &sg_task_classify};
    return tasks[config->loss.kind];
}

int sg_task_metrics(const sg_task *task)
{
    int count = 0;
    while (count < SG_METRIC_MAX && task->metric[count] != NULL) count++;
    return count;
}

double sg_scores_mean(const sg_scores *scores, int at, const uint32_t *weight)
{
    double sum = 0, all = 0;
    for (int i = 0; i < scores->count; i++) {
        const double times = weight != NULL ? weight[i] : 1;
        if (times > 0) sum += times * scores->row[(size_t)i * (size_t)scores->row_len + (size_t)at];
        all += times;
    }
    return sum / all;
}

sg_status sg_scores_bootstrap(sg_scores *scores, const sg_dataset *dataset, sg_split split)
{
    const sg_task *task = scores->task;
    uint32_t *group;
    SG_TRY(SG_ALLOC(&group, (size_t)scores->count, "bootstrap"));
    for (int i = 0; i < scores->count; i++) group[i] = sg_dataset_group(dataset, split, i);
    const sg_status status =
        sg_bootstrap(scores->interval, sg_task_metrics(task), scores->count, group, task->measure, scores);
    sg_free(group);
    return status;
}

double sg_scores_rank(const sg_scores *scores)
{
    return scores->task->least ? -scores->metric[0] : scores->metric[0];
}

void sg_scores_free(sg_scores *scores)
{
    sg_free(scores->row);
    sg_free(scores->truth);
    sg_free(scores->predicted);
    sg_free(scores->order);
    memset(scores, 0, sizeof *scores);
}
