/* cmd.h - what several commands need. */
#ifndef SG_PIPELINE_CMD_H
#define SG_PIPELINE_CMD_H

#include "datasets/image.h"
#include "pipeline/args.h"
#include "pipeline/program.h"

enum { SG_COMMAND_MAX = 4096 };

/* Config file and --set assignments. */
sg_status sg_cmd_config(sg_config *out, const char *path, const sg_option_list *sets);
/* "scopegrad train a b\n" */
void      sg_cmd_line(char out[SG_COMMAND_MAX], int argc, char **argv);
/* A trained run: its config (range resolved), its weights; batch 0: the size it was trained with. Free with sg_model_free. The model gets its parameters from a
 * program of the run, which is made here too. */
sg_status sg_cmd_run_load(sg_config *config, sg_model **model, sg_program *program, const char *folder, int batch);
/* A picture scaled to [0,1] by its percentiles, N x N around its centre; a clear error if it is smaller. */
sg_status sg_cmd_sample(float *out, const sg_image *image, const char *path, int size_px);

#endif
