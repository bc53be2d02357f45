/* dataset_internal.h - what the kinds of dataset fill in: folder.c, synthetic.c, stack.c. Not installed. */
#ifndef SG_DATASETS_DATASET_INTERNAL_H
#define SG_DATASETS_DATASET_INTERNAL_H

#include "datasets/dataset.h"
#include "datasets/raster.h"

typedef struct sg_bench sg_bench;

typedef struct sg_item {
    char *name;                    /* sg_alloc */
    char *image_path, *label_path; /* sg_alloc; folders only */
    sg_split split;
    uint32_t id;
    sg_raster picture;      /* (channels, height, width), as in the file */
    sg_raster labels;       /* (1, height, width) */
    sg_sample_scale *scale; /* (channels): makes the sample of the picture */
    int field, y, x;        /* stacks: the window's corner in a field */
} sg_item;

typedef struct sg_region {
    int y, x, height, width;
} sg_region;

typedef struct sg_field { /* of view, of a stack */
    char name[128];       /* "": the only one */
    int planes, height, width;
    float *data;         /* (planes, height, width) */
    float *target;       /* (height, width) */
    int32_t *labels;     /* (height, width), or NULL */
    sg_region region[3]; /* by split; height 0: none */
} sg_field;

struct sg_dataset {
    sg_dataset_config config;
    sg_dataset_grid grid;
    sg_item *items; /* sorted by split, then name */
    int count, capacity;
    int first[4]; /* items of split s: first[s] .. first[s + 1] - 1 */
    sg_field *fields;
    int field_count;
    sg_bench *bench; /* where items are made */
};

/* Working memory for items, as many pieces as items are made at once; item.c. NULL may be freed. */
sg_status sg_bench_open(sg_bench **out, const sg_dataset_grid *grid);
void sg_bench_free(sg_bench *bench);
int sg_dataset_channels(const sg_dataset *dataset);

/* Appends an item with a copy of the name and its id; NULL paths stay NULL. */
sg_status sg_dataset_add(sg_dataset *dataset, const char *name, const char *image_path, const char *label_path,
                         sg_split split, sg_item **out);
/* Lists the items (names, splits, paths); sg_folder_load reads one of them. On an error what it allocated is freed with
 * the dataset. */
sg_status sg_folder_list(sg_dataset *dataset, const char *folder, const char *splits_csv);
/* The path of the picture folder/kind/name.EXTENSION; false: there is none. */
bool sg_folder_find(char *out, size_t size, const char *folder, const char *kind, const char *name);
sg_status sg_folder_load(const sg_dataset *dataset, sg_item *item);
sg_status sg_synthetic_list(sg_dataset *dataset);
sg_status sg_synthetic_load(const sg_dataset *dataset, sg_item *item);
/* Reads the fields and lists their windows. */
sg_status sg_stack_list(sg_dataset *dataset);

#endif
