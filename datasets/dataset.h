/* dataset.h - pairs of sample and label (a mask, a picture, or a class), split into train, validation and test by name;
 * batches with augmentation. */
#ifndef SG_DATASETS_DATASET_H
#define SG_DATASETS_DATASET_H

#include "core/status.h"
#include "datasets/image.h"
#include "nn/loss.h"
#include "physics/microscope.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SG_DATASET_PATH_MAX = 1024 };

typedef enum sg_dataset_kind {
    SG_DATASET_BUILTIN,
    SG_DATASET_FOLDER,
    SG_DATASET_SYNTHETIC,
    SG_DATASET_STACK,
    SG_DATASET_IDX,     /* idx.h: pictures and their classes, two files */
    SG_DATASET_CLASSES, /* a folder of pictures for each class, or a folder of pictures and a table */
    SG_DATASET_BOXES,   /* voc.h: crops around the boxes of pictures */
} sg_dataset_kind;
/* True for the kinds whose items have a class instead of a mask. */
bool sg_dataset_kind_has_classes(sg_dataset_kind kind);
typedef enum sg_split { SG_SPLIT_TRAIN, SG_SPLIT_VALIDATION, SG_SPLIT_TEST } sg_split;
/* "train", "validation", "test". */
const char *sg_split_name(sg_split split);
/* The other way; false if it is none of them, *out is then as it was. */
bool sg_split_find(sg_split *out, const char *name);
/* mask: label > 0; dpc: stacks only, see stack.h; sample: the picture itself, averaged over each camera pixel */
typedef enum sg_target { SG_TARGET_MASK, SG_TARGET_DPC, SG_TARGET_SAMPLE } sg_target;

typedef enum sg_beyond { SG_BEYOND_MIRROR, SG_BEYOND_ZERO } sg_beyond;
/* What happens where a file states another size of its pixels than the configuration. */
typedef enum sg_pixel_size { SG_PIXEL_SIZE_CHECK, SG_PIXEL_SIZE_IGNORE } sg_pixel_size;
typedef enum sg_unreadable { SG_UNREADABLE_STOP, SG_UNREADABLE_SKIP } sg_unreadable;

typedef struct sg_synthetic_config {
    int count; /* cells per picture */
    double radius_um, radius_spread, overlap, background;
    int train, validation, test; /* pictures */
    uint64_t seed;
} sg_synthetic_config;

typedef struct sg_dataset_config {
    sg_dataset_kind kind;
    char path[SG_DATASET_PATH_MAX];   /* folder: images/ and labels/ with equal stems; stack: see stack.h; idx: the
                                       * pictures; classes: a folder for each class */
    char splits[SG_DATASET_PATH_MAX]; /* CSV name,split (train, validation, test); empty: by hash of the name, 70/15/15
                                       */
    char stack_variable[64], stack_leds_csv[SG_DATASET_PATH_MAX], stack_files[SG_DATASET_PATH_MAX];
    char stack_dark[SG_DATASET_PATH_MAX], stack_flat[SG_DATASET_PATH_MAX];
    double stack_na;     /* of the objective; for SG_TARGET_DPC */
    int stack_stride_px; /* between neighbouring windows of a stack; 0: the window, so that they do not overlap */
    sg_target target;
    double target_gamma; /* sample: the averaged picture to this power; 0 stands for 1 */
    int limit;           /* training pictures used at most; 0: all */
    bool augment;        /* flips and quarter turns of the sample, random crops */
    bool flips;          /* false: augmentation only crops and shifts */
    int shift_px;   /* classes: crops lie at random within +-shift_px of the centre; 0: anywhere inside the picture */
    sg_beyond edge; /* what stands beyond the picture's edge */
    int bin;        /* bin x bin pixels of a picture are averaged into one; classes only; 0 stands for 1 */
    sg_unreadable unreadable;
    char axes[SG_AXES_TEXT], take[SG_AXES_TEXT]; /* of TIFF, .npy and HDF5 files, see image.h; empty: as they say */
    sg_pixel_size pixel_size;
    int folds, fold;    /* cross-validation: fold 1 .. folds is the test split, the next one validation; 0: none */
    char classes[4096]; /* names in the order of their numbers, between blanks or commas; empty: those of the data */
    char labels[SG_DATASET_PATH_MAX]; /* idx: the labels; empty: the path with images-idx3 -> labels-idx1. classes: CSV
                                       * of names and labels */
    char name_column[64], label_column[64], split_column[64]; /* of the tables; empty: name, label, split */
    char annotations[SG_DATASET_PATH_MAX]; /* boxes: the folder of the XML files; empty: path/annotations */
    char box_class[1024];                  /* boxes: names of those wanted; empty: all */
    char where[256];                       /* "column=value": only such rows of the table of labels are used */
    double memory_mib; /* of decoded pictures kept in memory; more go to a cache; 0: a quarter of what is free */
    char cache[SG_DATASET_PATH_MAX]; /* folder of caches; empty: $XDG_CACHE_HOME/scopegrad or ~/.cache/scopegrad */
    bool test_only; /* without `splits`: every picture is a test picture (evaluate --data); not a key */
    sg_synthetic_config synthetic;
} sg_dataset_config;

/* What the pictures must become; from sg_microscope_check. */
typedef struct sg_dataset_grid {
    int sample_px; /* N, margin included; for stacks C, the pixels of one window */
    int margin_px;
    int label_px;         /* camera grid after margin removal */
    double pixel_um;      /* d */
    double picture_um;    /* of the pixels in the files, which may state it; 0: not known */
    int stack_images;     /* pictures of a stack, K for each plane and colour; else 0 */
    int stack_groups;     /* planes times colours of a stack; 0: 1 */
    sg_sample_kind kind;  /* what the pictures are, and */
    int channels;         /* how many a sample has; 0: 1; not for stacks */
    bool rising;          /* the wavelengths of its colours rise (sample.h) */
    const double *led_na; /* (K, 2) directions (s_x, s_y), for stacks without stack_leds_csv; read while opening only */
} sg_dataset_grid;

typedef struct sg_dataset sg_dataset;

/* How pictures that give pixels of this size (0: not known) are read: dataset.axes, take, pixel_size, bin. */
sg_image_options sg_dataset_options(const sg_dataset_config *config, double picture_um);

/* Reads everything into memory, or into a cache of the same numbers (store.h; the training pictures beyond `limit` are
 * left out). Items are sorted by name. Errors
 * name file and reason: no pairs, an image without label, a label of another size, a picture smaller than the sample
 * grid without its margin, a name in the split list that is no picture, an empty training split. Pictures that the
 * split list leaves out are not used. */
sg_status sg_dataset_open(sg_dataset **out, const sg_dataset_config *config, const sg_dataset_grid *grid);
void sg_dataset_free(sg_dataset *dataset);
int sg_dataset_count(const sg_dataset *dataset, sg_split split);
/* What is worth saying about the data, a line each with its newline: files that were skipped, pictures that were left
 * out and why; "" if there is nothing. Valid as long as the dataset. */
const char *sg_dataset_notice(const sg_dataset *dataset);
/* Stem of the file ("synthetic_0003"; classes: "class/stem"; idx: "00001" ...); valid as long as the dataset. */
const char *sg_dataset_name(const sg_dataset *dataset, sg_split split, int index);
/* A number that is the same for the same name in every run: the sample id of the random streams (< 2^24). */
uint32_t sg_dataset_id(const sg_dataset *dataset, sg_split split, int index);
/* A number that items cut from one picture share: whoever resamples draws them together. */
uint32_t sg_dataset_group(const sg_dataset *dataset, sg_split split, int index);
/* Numbers in one sample (channels N^2 or K C^2) and in one label (label_px^2; a class is one number). */
size_t sg_dataset_sample_len(const sg_dataset *dataset);
size_t sg_dataset_label_len(const sg_dataset *dataset);

/* ---- classes; 0 of them where items have masks ---- */
int sg_dataset_classes(const sg_dataset *dataset);
/* i = 0 .. classes - 1; valid as long as the dataset. */
const char *sg_dataset_class_name(const sg_dataset *dataset, int i);
int sg_dataset_class(const sg_dataset *dataset, sg_split split, int index);
/* Items of a class in a split; every class has one in some split. */
int sg_dataset_class_count(const sg_dataset *dataset, sg_split split, int class_number);
/* All names as sg_dataset_config.classes takes them, at most `size` letters; SG_E_RANGE if there is no room. */
sg_status sg_dataset_class_names(char *out, size_t size, const sg_dataset *dataset);

/* *out = `text` cut at its commas, or at blanks where it has none; sg_names_free. */
sg_status sg_names_cut(char ***out, int *count, const char *text, const char *key);
void sg_names_free(char **names, int count);

/* FNV-1a (64 bits) over the items of a split in their order: the bytes of the name and of its 0, the class, then of the
 * picture and of the labels, as decoded, before scale and augmentation: type, sizes and hash (raster.h); four bytes a
 * step. The same data give the same hash on every little-endian machine, through a cache or not. */
uint64_t sg_dataset_hash(const sg_dataset *dataset, sg_split split);

/* One item: sample (channels, N, N), scaled as sg_sample_read does, or (K, C, C) stack; label
 * (label_px^2) in {0, 1} (or the target's numbers); instances (label_px^2) 0 = background, or NULL if not wanted (zeros
 * for stacks without masks). draw >= 0 and config.augment: a random crop, flips and quarter turns by the random
 * numbers of (seed, id, draw), for stacks only the crop, because their light has directions; otherwise the central
 * crop as it is. The margin holds real pixels where the picture has them, mirrored ones elsewhere; the label covers
 * only the inside. A class is one number, and instances stay as they are. Allocates nothing after the first calls; may
 * be called by several threads. SG_E_MEMORY. */
sg_status sg_dataset_item(const sg_dataset *dataset, sg_split split, int index, uint64_t seed, int64_t draw,
                          float *sample, float *label, int32_t *instances);

/* ---- batches for training: threads prepare the next ones while this one is used ---- */
typedef struct sg_batch {
    float *sample, *label;
    uint32_t *sample_id; /* (batch_size) */
} sg_batch;
typedef struct sg_loader sg_loader;
/* Batch b of epoch e holds the items of the e-th permutation (seed); the last incomplete batch of an epoch is dropped
 * (a train split smaller than the batch is repeated inside it). The draw of an item is its place in the endless row of
 * items. Deterministic: batch number `first_batch` onwards, whatever came before (resume). The dataset outlives the
 * loader. */
sg_status sg_loader_start(sg_loader **out, const sg_dataset *dataset, int batch_size, uint64_t seed,
                          int64_t first_batch);
/* The same batches, of which only part `part` (0 .. parts-1) is made and handed out: batch_size / parts items, with the
 * random numbers that they have in the whole. SG_E_RANGE unless parts divides batch_size. */
sg_status sg_loader_start_part(sg_loader **out, const sg_dataset *dataset, int batch_size, int part, int parts,
                               uint64_t seed, int64_t first_batch);
int sg_loader_batches_per_epoch(const sg_loader *loader);
/* Valid until the next call. The errors of sg_dataset_item. */
sg_status sg_loader_next(sg_loader *loader, const sg_batch **out);
void sg_loader_stop(sg_loader *loader);

#endif
