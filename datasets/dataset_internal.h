/* dataset_internal.h - what the kinds of dataset fill in: folder.c, synthetic.c, stack.c, class_*.c. Not installed. */
#ifndef SG_DATASETS_DATASET_INTERNAL_H
#define SG_DATASETS_DATASET_INTERNAL_H

#include "datasets/csv.h"
#include "datasets/dataset.h"
#include "datasets/raster.h"

#include <stdio.h>

typedef struct sg_bench sg_bench;
typedef struct sg_store sg_store;
typedef struct sg_page sg_page;

typedef struct sg_item {
    char *name;                    /* sg_alloc */
    char *image_path, *label_path; /* sg_alloc; folders only */
    sg_split split;
    uint32_t id;
    sg_raster picture;      /* (channels, height, width), as in the file */
    sg_raster labels;       /* (1, height, width) */
    sg_sample_scale *scale; /* (channels): makes the sample of the picture */
    int number;             /* among all that were listed, in a cache */
    int field, y, x;        /* stacks: the window's corner in a field */
    int class_number;
    uint32_t group; /* hash of the picture that the item was cut from */
    struct {
        int y, x, height, width; /* the pixel at its centre; the picture's size as the annotation says, or 0 */
    } box;                       /* boxes only */
    sg_page *page; /* boxes, while the dataset is being opened: the picture read last; not the item's. NULL: none */
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

/* Why a picture is left out, without that being an error. */
typedef enum sg_left_out {
    SG_LEFT_SPLIT,      /* not in dataset.splits */
    SG_LEFT_WHERE,      /* not what dataset.where asks for */
    SG_LEFT_LABEL,      /* no label in dataset.labels */
    SG_LEFT_CLASS,      /* its class is not in dataset.classes */
    SG_LEFT_ANNOTATION, /* no boxes for it */
    SG_LEFT_BOX,        /* no box of dataset.box_class */
    SG_LEFT_EMPTY,      /* a box without an area */
    SG_LEFT_UNREADABLE, /* dataset.unreadable: skip */
    SG_LEFT_COUNT
} sg_left_out;

struct sg_dataset {
    sg_dataset_config config;
    sg_dataset_grid grid;
    sg_item *items; /* sorted by split, then name */
    int count, capacity;
    int first[4]; /* items of split s: first[s] .. first[s + 1] - 1 */
    sg_field *fields;
    int field_count;
    sg_bench *bench; /* where items are made */
    sg_store *store; /* where they are kept; NULL: in memory, by their list */
    char **classes;  /* names by number */
    int class_count, class_items[3][SG_CLASSES_MAX];
    int left_out[SG_LEFT_COUNT];
    char first_left_out[SG_LEFT_COUNT][128];
    char last_skipped[512]; /* what was said: once for the boxes of one file */
    FILE *notices;          /* writes `notice` while the dataset is being opened */
    char *notice;
    size_t notice_size;
};

/* Working memory for items, as many pieces as items are made at once; item.c. NULL may be freed. */
sg_status sg_bench_open(sg_bench **out);
void sg_bench_free(sg_bench *bench);
int sg_dataset_channels(const sg_dataset *dataset);

/* Refuses keys that do not go together. */
sg_status sg_dataset_check(const sg_dataset_config *config, const sg_dataset_grid *grid);
/* Decodes what an item's list entry names: picture, labels, scale. On an error what it allocated is freed with the item.
 */
sg_status sg_dataset_load(const sg_dataset *dataset, sg_item *item);
/* Loads every item; those that are skipped leave the list. */
sg_status sg_dataset_load_all(sg_dataset *dataset);
void sg_item_free(sg_item *item);
/* Appends an item with a copy of the name and its id; NULL paths stay NULL. */
sg_status sg_dataset_add(sg_dataset *dataset, const char *name, const char *image_path, const char *label_path,
                         sg_split split, sg_item **out);
/* The number that a name stands for, < 2^24. */
uint32_t sg_dataset_name_id(const char *name);
/* Visits the entries of a folder in the order of their bytes, hidden ones left out. */
sg_status sg_folder_each(const char *folder, sg_status (*visit)(void *context, const char *folder, const char *file),
                         void *context);
/* Lists the items (names, splits, paths); sg_folder_load reads one of them. On an error what it allocated is freed with
 * the dataset. */
sg_status sg_folder_list(sg_dataset *dataset, const char *folder, const char *splits_csv);
/* The item's name, of a picture file called `file`: the part before its extension; of a field in two files the part
 * that both share, by its amplitude. False for what is no picture, and for hidden files. */
bool sg_folder_name(char *out, size_t size, const sg_dataset *dataset, const char *file);
/* The path of the picture folder/kind/name.EXTENSION; false: there is none. */
bool sg_folder_find(char *out, size_t size, const char *folder, const char *kind, const char *name);
sg_status sg_folder_load(const sg_dataset *dataset, sg_item *item);
/* Reads only the picture of an item. */
sg_status sg_picture_load(const sg_dataset *dataset, sg_item *item);
/* The item takes over `image`: numbers of a file, in the channels of the sample, whose scale is item->scale. It is made
 * coarser by dataset.bin, and SG_E_SHAPE if it is then smaller than the sample without its margin. */
sg_status sg_picture_keep(const sg_dataset *dataset, sg_item *item, sg_image *image, const char *path);
/* SG_E_SHAPE if a picture is smaller than the sample without its margin. */
sg_status sg_picture_check(const sg_dataset *dataset, int height, int width, const char *path);
sg_status sg_synthetic_list(sg_dataset *dataset);
sg_status sg_synthetic_load(const sg_dataset *dataset, sg_item *item);
/* Reads the fields and lists their windows. */
sg_status sg_stack_list(sg_dataset *dataset);

/* ---- class_names.c ---- */

/* Takes the names from the config. */
sg_status sg_classes_start(sg_dataset *dataset);
/* The number of a class; -1: the config names others. A name that is new is added where the config names none. */
sg_status sg_classes_number(int *out, sg_dataset *dataset, const char *name);
/* True if every name is an integer >= 0. */
bool sg_classes_are_numbers(const sg_dataset *dataset);
/* Sorts names that came from the data, and the items' numbers with them. */
void sg_classes_sort(sg_dataset *dataset);
/* Counts; refuses a class without a picture and a training split of one class. */
sg_status sg_classes_check(sg_dataset *dataset);
void sg_classes_free(sg_dataset *dataset);

/* ---- notice.c ---- */

void sg_leave_out(sg_dataset *dataset, sg_left_out why, const char *name);
/* A file cannot be read: `status`, or SG_OK and a line of notice where the config says that it is skipped. */
sg_status sg_skip(sg_dataset *dataset, sg_status status, const char *name);
/* One line for every reason to leave out. */
void sg_left_out_notice(sg_dataset *dataset);

/* ---- split.c ---- */

/* A table that is asked by name: a column of names, no two of them equal. */
typedef struct sg_name_table {
    sg_csv csv;
    int column, *order; /* (rows) rows by name */
    bool *asked;        /* (rows) */
} sg_name_table;
/* `key` names the table in error texts. */
sg_status sg_name_table_open(sg_name_table *out, const char *path, const char *column, const char *key);
void sg_name_table_close(sg_name_table *table);
/* The row, -1 if there is none. */
int sg_name_table_find(sg_name_table *table, const char *name);
/* The column of that name; SG_E_FORMAT says which there are. */
sg_status sg_name_table_column(int *out, const sg_name_table *table, const char *column, const char *key);

/* Refuses a name that nobody asked for: there is no such picture. */
sg_status sg_name_table_done(const sg_name_table *table);

/* By the hash of the name: 70/15/15 %, or the folds; all test with test_only. */
sg_split sg_split_by_name(const sg_dataset_config *config, const char *name);

/* Which pictures are in which split: by dataset.splits if there is one, else by name. */
typedef struct sg_splits {
    bool listed;
    sg_name_table table;
    int column;
} sg_splits;
sg_status sg_splits_open(sg_splits *out, const sg_dataset_config *config);
sg_status sg_splits_done(const sg_splits *splits);
void sg_splits_close(sg_splits *splits);
/* *found = false: the list leaves it out. */
sg_status sg_splits_find(sg_split *out, bool *found, sg_splits *splits, const sg_dataset_config *config,
                         const char *name);

/* ---- class_table.c ---- */

typedef struct sg_class_table {
    bool used;
    sg_name_table names;
    int label_column, where_column;
    const char *where_value; /* NULL: every row counts */
} sg_class_table;
/* Opens dataset.labels, if there is one; the config outlives the table. */
sg_status sg_class_table_open(sg_class_table *out, const sg_dataset_config *config);
void sg_class_table_close(sg_class_table *table);
/* The class of a picture; NULL: it is left out, and counted. */
const char *sg_class_table_find(sg_class_table *table, sg_dataset *dataset, const char *name);

/* ---- the kinds with classes ---- */

sg_status sg_class_idx_list(sg_dataset *dataset);
sg_status sg_class_folder_list(sg_dataset *dataset);
sg_status sg_class_boxes_list(sg_dataset *dataset);
/* The boxes of one picture are quickest one after the other, with one item->page. */
sg_status sg_class_boxes_load(const sg_dataset *dataset, sg_item *item);
/* An empty one. NULL may be freed. */
sg_status sg_page_make(sg_page **out);
void sg_page_free(sg_page *page);

#endif
