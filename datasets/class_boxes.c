/* class_boxes.c - dataset.kind: boxes. Pictures PATH/images/NAME.EXT and their boxes PATH/annotations/NAME.xml (voc.h); an
 * item is a crop around the centre of a box. Its class is the box's name, or the picture's in the table dataset.labels.
 * Of each picture only the crops stay in memory, as large as the sample and the shifts of augmentation need. */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/dataset_internal.h"
#include "datasets/voc.h"
#include "datasets/window.h"

#include <math.h>
#include <string.h>
#include <strings.h>

/* A picture as read, made coarser by dataset.bin. */
struct sg_page {
    char *path; /* NULL: nothing is in it */
    sg_image image;
    sg_sample_scale *scale; /* (channels) */
};

/* ---- the list ---- */

typedef struct walk {
    sg_dataset *dataset;
    sg_splits splits;
    sg_class_table table;
    char **wanted; /* dataset.box_class; none: all */
    int wanted_count;
    char folder[SG_DATASET_PATH_MAX + 16]; /* of the annotations */
} walk;

static bool is_wanted(const walk *w, const char *name)
{
    bool found = w->wanted_count == 0;
    for (int i = 0; i < w->wanted_count; i++) found = found || strcmp(w->wanted[i], name) == 0;
    return found;
}

/* A picture and its annotation, in no list yet. */
typedef struct picture {
    const char *name, *class_name; /* NULL: each box has its own */
    char image[2 * SG_DATASET_PATH_MAX], boxes[2 * SG_DATASET_PATH_MAX];
    sg_split split;
    int height, width; /* as the annotation says, or 0 */
} picture;

static sg_status add_box(walk *w, const picture *p, const sg_voc_box *box, int number)
{
    char name[600];
    int class_number;
    sg_item *item;
    (void)snprintf(name, sizeof name, "%s_%03d", p->name, number);
    SG_TRY(sg_classes_number(&class_number, w->dataset, p->class_name ? p->class_name : box->name));
    if (class_number < 0 || !(box->x_max > box->x_min && box->y_max > box->y_min)) {
        sg_leave_out(w->dataset, class_number < 0 ? SG_LEFT_CLASS : SG_LEFT_EMPTY, name);
        return SG_OK;
    }
    SG_TRY(sg_dataset_add(w->dataset, name, p->image, p->boxes, p->split, &item));
    item->class_number = class_number;
    item->group = sg_dataset_name_id(p->name);
    item->box.y = (int)floor((box->y_min + box->y_max) / 2);
    item->box.x = (int)floor((box->x_min + box->x_max) / 2);
    item->box.height = p->height;
    item->box.width = p->width;
    return SG_OK;
}

static sg_status add_boxes(walk *w, picture *p)
{
    sg_voc voc;
    int matched = 0;
    sg_status status = SG_OK;
    SG_TRY(sg_voc_read(&voc, p->boxes));
    p->height = voc.height;
    p->width = voc.width;
    for (int i = 0; status == SG_OK && i < voc.count; i++) {
        if (!is_wanted(w, voc.boxes[i].name)) continue;
        matched++;
        status = add_box(w, p, &voc.boxes[i], i + 1);
    }
    if (status == SG_OK && matched == 0) sg_leave_out(w->dataset, SG_LEFT_BOX, p->name);
    sg_voc_free(&voc);
    return status;
}

static sg_status visit_annotation(void *context, const char *folder, const char *file)
{
    walk *w = context;
    const sg_dataset_config *config = &w->dataset->config;
    char name[512];
    picture p = {.name = name};
    bool found;
    const char *dot = strrchr(file, '.');
    if (!dot || strcasecmp(dot, ".xml") != 0) return SG_OK;
    (void)snprintf(name, sizeof name, "%.*s", (int)(dot - file), file);
    (void)snprintf(p.boxes, sizeof p.boxes, "%s/%s", folder, file);
    SG_TRY(sg_splits_find(&p.split, &found, &w->splits, config, name));
    if (!found) {
        sg_leave_out(w->dataset, SG_LEFT_SPLIT, name);
        return SG_OK;
    }
    if (w->table.used && !(p.class_name = sg_class_table_find(&w->table, w->dataset, name))) return SG_OK;
    if (sg_folder_find(p.image, sizeof p.image, config->path, "images", name))
        return sg_skip(w->dataset, add_boxes(w, &p), name);
    return sg_skip(w->dataset, sg_error_set(SG_E_IO, "%s: no picture '%s' in %s/images", p.boxes, name, config->path),
                   name);
}

/* Counts the pictures without an annotation. */
static sg_status visit_image(void *context, const char *folder, const char *file)
{
    walk *w = context;
    char name[512], xml[2 * SG_DATASET_PATH_MAX];
    bool found;
    sg_split split;
    (void)folder;
    if (!sg_folder_name(name, sizeof name, w->dataset, file)) return SG_OK;
    SG_TRY(sg_splits_find(&split, &found, &w->splits, &w->dataset->config, name)); /* it is there, boxes or not */
    (void)snprintf(xml, sizeof xml, "%s/%s.xml", w->folder, name);
    if (!sg_file_exists(xml)) sg_leave_out(w->dataset, SG_LEFT_ANNOTATION, name);
    return SG_OK;
}

static sg_status walk_all(walk *w)
{
    const sg_dataset_config *config = &w->dataset->config;
    char images[SG_DATASET_PATH_MAX + 16];
    (void)snprintf(images, sizeof images, "%s/images", config->path);
    (void)snprintf(w->folder, sizeof w->folder, "%s%s", config->annotations[0] ? config->annotations : config->path,
                   config->annotations[0] ? "" : "/annotations");
    SG_TRY(sg_folder_each(w->folder, visit_annotation, w));
    SG_TRY(sg_folder_each(images, visit_image, w));
    SG_TRY(sg_splits_done(&w->splits));
    if (w->dataset->count == 0)
        SG_FAIL(SG_E_IO, "%s: no box that dataset.box_class, labels, where and classes ask for, in %s", config->path,
                w->folder);
    return SG_OK;
}

sg_status sg_class_boxes_list(sg_dataset *dataset)
{
    const sg_dataset_config *config = &dataset->config;
    walk w = {.dataset = dataset};
    sg_status status;
    if (!config->path[0]) SG_FAIL(SG_E_CONFIG, "dataset.path: a folder with images/ and annotations/ is needed");
    SG_TRY_DONE(sg_splits_open(&w.splits, config));
    SG_TRY_DONE(sg_class_table_open(&w.table, config));
    SG_TRY_DONE(sg_names_cut(&w.wanted, &w.wanted_count, config->box_class, "dataset.box_class"));
    SG_TRY_DONE(walk_all(&w));
done:
    sg_splits_close(&w.splits);
    sg_class_table_close(&w.table);
    sg_names_free(w.wanted, w.wanted_count);
    return status;
}

/* ---- crops ---- */

static void empty_page(sg_page *page)
{
    sg_free(page->path);
    sg_free(page->scale);
    sg_image_free(&page->image);
    *page = (sg_page){0};
}

sg_status sg_page_make(sg_page **out)
{
    return SG_ALLOC(out, 1, "dataset");
}

void sg_page_free(sg_page *page)
{
    if (page) empty_page(page);
    sg_free(page);
}

static sg_status read_page(sg_page *page, const sg_dataset *dataset, const char *path)
{
    const sg_dataset_grid *grid = &dataset->grid;
    const int channels = sg_dataset_channels(dataset);
    SG_TRY(SG_ALLOC(&page->scale, (size_t)channels, path));
    SG_TRY(sg_sample_read_raw(&page->image, page->scale, path, grid->kind, channels, grid->rising,
                              sg_dataset_options(&dataset->config, grid->picture_um)));
    SG_TRY(sg_picture_bin(&page->image, dataset->config.bin, path));
    SG_TRY(SG_ALLOC(&page->path, strlen(path) + 1, path));
    memcpy(page->path, path, strlen(path) + 1);
    return SG_OK;
}

static sg_status turn_to_page(sg_page *page, const sg_dataset *dataset, const char *path)
{
    if (page->path && strcmp(page->path, path) == 0) return SG_OK;
    empty_page(page);
    const sg_status status = read_page(page, dataset, path);
    if (status != SG_OK) empty_page(page);
    return status;
}

/* The annotation speaks of this picture: same size, and the centre of the box inside. */
static sg_status check_item(const sg_dataset *dataset, const sg_item *item, const sg_image *image)
{
    const int bin = dataset->config.bin > 1 ? dataset->config.bin : 1;
    const bool said = item->box.height > 0 && item->box.width > 0;
    if (said && (item->box.height / bin != image->height || item->box.width / bin != image->width))
        SG_FAIL(SG_E_FORMAT, "%s: %d x %d pixels (after dataset.bin %d), but its annotation %s says %d x %d",
                item->image_path, image->width, image->height, bin, item->label_path, item->box.width,
                item->box.height);
    if (item->box.y < 0 || item->box.y / bin > image->height || item->box.x < 0 || item->box.x / bin > image->width)
        SG_FAIL(SG_E_FORMAT, "%s: the centre (%d, %d) of a box is outside the picture of %d x %d (dataset.bin %d)",
                item->label_path, item->box.x, item->box.y, image->width, image->height, bin);
    return SG_OK;
}

/* out (px, px): beyond the edges mirrored, or `beyond`. */
static void copy_crop(float *out, int px, const float *page, const sg_image *image, int y0, int x0, const float *beyond)
{
    const bool across = x0 >= 0 && x0 + px <= image->width; /* and no column lies beyond */
    for (int y = y0; y < y0 + px; y++, out += px) {
        const int v = sg_mirror_far(y, image->height);
        const float *row = page + (size_t)v * (size_t)image->width;
        if (across && v == y) {
            memcpy(out, row + x0, (size_t)px * sizeof *out);
            continue;
        }
        for (int i = 0; i < px; i++) {
            const int u = sg_mirror_far(x0 + i, image->width);
            out[i] = beyond && (v != y || u != x0 + i) ? *beyond : row[u];
        }
    }
}

static sg_status cut_crop(const sg_dataset *dataset, sg_item *item, const sg_page *page)
{
    const sg_dataset_config *config = &dataset->config;
    const int px = dataset->grid.sample_px + 2 * config->shift_px, bin = config->bin > 1 ? config->bin : 1;
    const size_t len = (size_t)px * (size_t)px, page_len = (size_t)page->image.height * (size_t)page->image.width;
    float *crop;
    SG_TRY(SG_ALLOC(&item->scale, (size_t)page->image.pages, item->name));
    SG_TRY(SG_ALLOC(&crop, len * (size_t)page->image.pages, item->name));
    for (int c = 0; c < page->image.pages; c++) {
        const float zero = (float)page->scale[c].lo; /* becomes 0 */
        item->scale[c] = page->scale[c];
        copy_crop(crop + (size_t)c * len, px, page->image.data + (size_t)c * page_len, &page->image,
                  item->box.y / bin - px / 2, item->box.x / bin - px / 2,
                  config->edge == SG_BEYOND_ZERO ? &zero : NULL);
    }
    return sg_raster_pack_f32(&item->picture, crop, page->image.pages, px, px, item->name);
}

sg_status sg_class_boxes_load(const sg_dataset *dataset, sg_item *item)
{
    sg_page alone = {0}, *page = item->page ? item->page : &alone;
    sg_status status = turn_to_page(page, dataset, item->image_path);
    if (status == SG_OK) status = sg_picture_check(dataset, page->image.height, page->image.width, item->image_path);
    if (status == SG_OK) status = check_item(dataset, item, &page->image);
    if (status == SG_OK) status = cut_crop(dataset, item, page);
    empty_page(&alone);
    return status;
}
