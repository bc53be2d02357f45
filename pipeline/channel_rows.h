/* channel_rows.h - what the network sees of a measured picture, a few rows at a time: camera values read out
 * (physics/readout.h) and, where the run says so, standardised over the whole picture, which is then read once more. */
#ifndef SG_PIPELINE_CHANNEL_ROWS_H
#define SG_PIPELINE_CHANNEL_ROWS_H

#include "core/plan.h"
#include "physics/microscope.h"
#include "pipeline/picture_rows.h"

typedef struct sg_channel_rows {
    const sg_picture_rows *picture;
    sg_graph *graph;
    sg_plan *plan;
    int channels, chunk_rows; /* the plan reads out so many rows at once */
    float mean, inverse;      /* y = (x - mean) inverse */
} sg_channel_rows;

/* `picture` (one page an exposure) and `model` must outlive it. Free with sg_channel_rows_close, also after an error.
 * SG_E_SHAPE: another number of pages. */
sg_status sg_channel_rows_open(sg_channel_rows *out, const sg_picture_rows *picture, const sg_camera_config *camera,
                               const sg_microscope_size *size, sg_model *model);
/* Rows row .. row + rows - 1 of channel c go to out + c step (rows, width). */
sg_status sg_channel_rows_read(const sg_channel_rows *c, float *out, size_t step, int row, int rows);
void sg_channel_rows_close(sg_channel_rows *c);

#endif
