/* score_results.h - the scores of a split in results.h5: /metrics. */
#ifndef SG_PIPELINE_SCORE_RESULTS_H
#define SG_PIPELINE_SCORE_RESULTS_H

#include "datasets/dataset.h"
#include "pipeline/results.h"
#include "pipeline/task.h"

/* Writes every metric of the task that is a number, its interval, and the numbers of each picture; of a classification
 * also confusion, rates and curves of each class. */
sg_status sg_scores_write(sg_results *out, const sg_scores *scores, const sg_dataset *dataset, sg_split split);

/* The part of a classification. class_results.c */
sg_status sg_class_results_write(sg_results *out, const sg_scores *scores, const sg_dataset *dataset);

#endif
