/* config.h - everything a run is made of, as plain data, read from YAML. ONE table of keys (keys.h) feeds reading,
 * `--set a.b=v`, the defaults (the main job: unstained nuclei), the resolved config and the reference page.
 * Every error is one line, "file:line: key: what is wrong and the allowed range" (SG_E_CONFIG), also for a file that
 * cannot be read. A config is left as it was when a call fails. */
#ifndef SG_PIPELINE_CONFIG_H
#define SG_PIPELINE_CONFIG_H

#include "core/status.h"
#include "datasets/dataset.h"
#include "nn/loss.h"
#include "nn/optimiser.h"
#include "nn/unet.h"
#include "physics/microscope.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum sg_loss_kind { SG_LOSS_DICE_BCE, SG_LOSS_MSE, SG_LOSS_CROSS_ENTROPY } sg_loss_kind;
typedef enum sg_class_weight { SG_CLASS_WEIGHT_NONE, SG_CLASS_WEIGHT_BALANCED } sg_class_weight;

typedef struct sg_loss_config {
    sg_loss_kind kind;
    sg_class_weight class_weight;   /* cross_entropy only */
    double bce_weight, dice_weight; /* dice_bce only */
} sg_loss_config;

typedef enum sg_network_kind { SG_NETWORK_UNET, SG_NETWORK_LENET5, SG_NETWORK_RESNET } sg_network_kind;

/* What both families of networks share stands in sg_unet_config. */
typedef struct sg_network_config {
    sg_network_kind kind;
    double dropout; /* classifiers */
} sg_network_config;

typedef enum sg_nn_algorithm { SG_NN_AUTO, SG_NN_DIRECT } sg_nn_algorithm;
typedef enum sg_nn_precision { SG_NN_F32, SG_NN_BF16 } sg_nn_precision;

/* How the network is computed: sg_plan_options.direct, .bf16, .recompute. */
typedef struct sg_nn_config {
    sg_nn_algorithm algorithm;
    sg_nn_precision precision;
    bool recompute;
} sg_nn_config;

/* Of batch norm, where several ranks share a batch: of all of it, or of each rank's part. */
typedef enum sg_norm_statistics { SG_NORM_GLOBAL, SG_NORM_LOCAL } sg_norm_statistics;

typedef struct sg_train_config {
    int steps;  /* optimiser steps; not used when epochs > 0 */
    int epochs; /* 0: `steps` says how long */
    int batch_size;
    sg_norm_statistics norm_statistics;
    char weights[SG_PATH_MAX]; /* safetensors file in which training starts; empty: random */
    uint64_t seed;             /* initial values, order of the pictures, augmentation, noise */
    int validate_every;        /* steps; 0: only at the end */
    int checkpoint_every;      /* steps; 0: only at the end */
    int log_every;             /* steps between lines of log.csv */
    int threads;               /* 0: every core this process may use */
} sg_train_config;

/* Fourier ptychography, pipeline/reconstruct.h. */
typedef struct sg_reconstruct_config {
    double held_out; /* part of the LEDs that the fit never sees */
    int epochs;      /* passes over the fitted LEDs */
    int batch_leds;  /* a step */
    double lr;       /* of absorption and phase (rad) */
    double floor;    /* of the compared amplitudes sqrt(I + floor), empty field = 1 */
    int stray_terms; /* 0: no stray light */
    double stray_lr;
    sg_learn learn_pose; /* shift (mm) and rotation (degrees) of the LED array; sampling exact */
} sg_reconstruct_config;

/* What the data decide; no keys. sg_classes_resolve */
typedef struct sg_found_config {
    int classes; /* of a classification */
    double class_weight[SG_CLASSES_MAX];
} sg_found_config;

typedef struct sg_config {
    sg_microscope_config microscope;
    sg_network_config network;
    sg_unet_config unet; /* out_channels is 1: the program decides it, not the user */
    sg_loss_config loss;
    sg_optimiser_config optimiser;
    sg_dataset_config dataset;
    sg_train_config train;
    sg_nn_config nn;
    sg_reconstruct_config reconstruct;
    sg_found_config found;
} sg_config;

enum { SG_CONFIG_BYTES_MAX = 1 << 20 }; /* of a YAML file */
enum { SG_KEY_MAX = 64 };               /* of a key's path */

/* The main job: 256 px at .5 um, 9 x 9 LEDs .04 NA apart, .53 um, NA .1, 8 bits, 200 photons, U-Net 16/3. */
void sg_config_defaults(sg_config *out);

/* *out = defaults, then the file. Paths in it are relative to its folder and become absolute. A `sweep` section is
 * allowed and left to sg_sweep_read. */
sg_status sg_config_read(sg_config *out, const char *path);

/* One assignment, "camera.bit_depth=12"; the value is YAML ("[0, 0, .5]", "{init: 3, learn: true}"). The parts of a
 * learnable number are keys of their own: optics.defocus_um.init, .learn, .lr. `where` opens the error text ("--set").
 * Relative paths start in the folder the command runs in and become absolute: the run folder keeps the config. */
sg_status sg_config_set(sg_config *config, const char *assignment, const char *where);

/* What a config text is for. */
typedef enum sg_config_style {
    SG_CONFIG_FULL,     /* every key: read again, it gives the same config to the bit */
    SG_CONFIG_PORTABLE, /* without what must not enter results: folders of paths, number of threads */
    SG_CONFIG_LINES,    /* the same, a line a key with its whole path: not YAML */
} sg_config_style;

/* The resolved config as YAML, every key in the order of the table. Free with sg_free. */
sg_status sg_config_write(char **out, const sg_config *config, sg_config_style style);

/* FNV-1a of the portable values that are not the default's: equal if and only if two runs are meant to give the same
 * numbers. A key that a later version adds leaves it as it was, so that runs made before are still found. */
sg_status sg_config_hash(uint64_t *out, const sg_config *config);

#endif
