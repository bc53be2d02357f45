/* class_folder.c - dataset.kind: classes. Either a folder for each class, PATH/CLASS/NAME.EXT, or pictures PATH/NAME.EXT
 * whose classes stand in a table (dataset.labels). */
#include "core/file.h"
#include "datasets/dataset_internal.h"

#include <string.h>

/* What a walk through the folders carries along. */
typedef struct walk {
    sg_dataset *dataset;
    sg_splits splits;
    sg_class_table table;
} walk;

/* ---- pictures ---- */

static sg_status add(walk *w, const char *path, const char *name, sg_split split, const char *class_name)
{
    int class_number;
    sg_item *item;
    SG_TRY(sg_classes_number(&class_number, w->dataset, class_name));
    if (class_number < 0) {
        sg_leave_out(w->dataset, SG_LEFT_CLASS, name);
        return SG_OK;
    }
    SG_TRY(sg_dataset_add(w->dataset, name, path, NULL, split, &item));
    item->class_number = class_number;
    return SG_OK;
}

static sg_status visit_picture(void *context, const char *folder, const char *file)
{
    walk *w = context;
    char stem[512], name[1024], path[2 * SG_DATASET_PATH_MAX];
    bool found;
    sg_split split;
    const char *slash = strrchr(folder, '/'), *class_name = slash ? slash + 1 : folder;
    if (!sg_folder_name(stem, sizeof stem, w->dataset, file)) return SG_OK;
    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    (void)snprintf(name, sizeof name, "%s%s%s", w->table.used ? "" : class_name, w->table.used ? "" : "/", stem);
    SG_TRY(sg_splits_find(&split, &found, &w->splits, &w->dataset->config, name));
    if (w->table.used) class_name = sg_class_table_find(&w->table, w->dataset, name);
    if (!class_name) return SG_OK; /* and counted */
    if (found) return add(w, path, name, split, class_name);
    sg_leave_out(w->dataset, SG_LEFT_SPLIT, name);
    return SG_OK;
}

static sg_status visit_class(void *context, const char *folder, const char *file)
{
    char path[SG_DATASET_PATH_MAX + 512];
    (void)snprintf(path, sizeof path, "%s/%s", folder, file);
    return sg_folder_exists(path) ? sg_folder_each(path, visit_picture, context) : SG_OK;
}

static sg_status walk_all(walk *w)
{
    const char *folder = w->dataset->config.path;
    SG_TRY(sg_folder_each(folder, w->table.used ? visit_picture : visit_class, w));
    SG_TRY(sg_splits_done(&w->splits));
    if (w->table.used) SG_TRY(sg_name_table_done(&w->table.names));
    if (w->dataset->count == 0)
        SG_FAIL(SG_E_IO, "%s: no pictures %s", folder,
                w->table.used ? "with a class in dataset.labels" : "in folders, one folder a class");
    return SG_OK;
}

sg_status sg_class_folder_list(sg_dataset *dataset)
{
    walk w = {.dataset = dataset};
    const sg_dataset_config *config = &dataset->config;
    if (!config->path[0]) SG_FAIL(SG_E_CONFIG, "dataset.path: a folder with a folder for each class is needed");
    if (!sg_folder_exists(config->path)) SG_FAIL(SG_E_IO, "%s: no such folder", config->path);
    sg_status status;
    SG_TRY_DONE(sg_splits_open(&w.splits, config));
    SG_TRY_DONE(sg_class_table_open(&w.table, config));
    SG_TRY_DONE(walk_all(&w));
done:
    sg_splits_close(&w.splits);
    sg_class_table_close(&w.table);
    return status;
}
