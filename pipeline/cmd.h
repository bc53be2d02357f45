/* cmd.h - what several commands need. */
#ifndef SG_PIPELINE_CMD_H
#define SG_PIPELINE_CMD_H

#include "pipeline/args.h"
#include "pipeline/program.h"

enum { SG_COMMAND_MAX = 4096 };

/* Config file (NULL: the defaults) and --set assignments. */
sg_status sg_cmd_config(sg_config *out, const char *path, const sg_option_list *sets);
/* An error that begins with a config key gets the place where the key was given in front: "a.yaml:7: camera.pixel_um:
 * ...", "--set: ...", or the file alone where the key has its default. Every other status goes through. Returns
 * `status`. */
sg_status sg_cmd_blame(sg_status status, const char *path, const sg_option_list *sets);
/* "scopegrad train a b\n" */
void sg_cmd_line(char out[SG_COMMAND_MAX], int argc, char **argv);
/* A trained run: its config (range resolved), its weights and a program for `batch` pictures (0: as many as in
 * training). Free with sg_model_free and sg_program_free, also after an error. SG_E_USAGE: no finished run;
 * SG_E_CONFIG: its config.yaml is not the one that it was trained with; SG_E_FORMAT: damaged weights. */
sg_status sg_cmd_run_load(sg_config *config, sg_model **model, sg_program *program, const char *folder, int batch);
/* Applies --set to the config of a trained run. How files are read may differ from the training (dataset.axes, take,
 * pixel_size), with `arithmetic` also how the network is computed (nn.); SG_E_USAGE for all other keys. */
sg_status sg_cmd_run_sets(sg_config *config, const sg_option_list *sets, bool arithmetic);
/* out (sample_channels, sample_px^2): the middle of what sg_sample_read makes of a file, binned by
 * dataset.bin. SG_E_SHAPE: it is smaller, without the margin. Where it is larger, `note` says so (empty: it is not; NULL
 * is fine). */
enum { SG_CMD_NOTE = 512 };
sg_status sg_cmd_sample(float *out, const char *path, const sg_config *config, const sg_microscope_size *size,
                        char note[SG_CMD_NOTE]);

#endif
