/* item.c - makes one item of a dataset: crop, margin, scale, label, turn. */
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/dataset_internal.h"
#include "datasets/label.h"
#include "datasets/store.h"
#include "datasets/window.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

/* ---- working memory ---- */

typedef struct scratch {
    struct scratch *next;
    int32_t *labels; /* (inside, inside) */
    sg_store_room room;
} scratch;

struct sg_bench {
    pthread_mutex_t lock;
    scratch *idle;
};

static int inside_px(const sg_dataset_grid *grid)
{
    return grid->sample_px - 2 * grid->margin_px;
}

sg_status sg_bench_open(sg_bench **out)
{
    SG_TRY(SG_ALLOC(out, 1, "dataset"));
    (void)pthread_mutex_init(&(*out)->lock, NULL);
    return SG_OK;
}

static void free_scratch(scratch *s)
{
    sg_store_room_free(&s->room);
    sg_free(s->labels);
    sg_free(s);
}

void sg_bench_free(sg_bench *bench)
{
    if (!bench) return;
    for (scratch *next; bench->idle; bench->idle = next) {
        next = bench->idle->next;
        free_scratch(bench->idle);
    }
    (void)pthread_mutex_destroy(&bench->lock);
    sg_free(bench);
}

static sg_status make_scratch(scratch **out, const sg_dataset *dataset)
{
    const size_t side = (size_t)inside_px(&dataset->grid);
    SG_TRY(SG_ALLOC(out, 1, "dataset"));
    sg_status status = sg_store_room_make(&(*out)->room, dataset);
    if (status == SG_OK) status = SG_ALLOC(&(*out)->labels, side * side, "dataset: labels of a window");
    if (status != SG_OK) free_scratch(*out);
    return status;
}

/* One that nobody uses, or a new one. */
static sg_status take(scratch **out, const sg_dataset *dataset)
{
    sg_bench *bench = dataset->bench;
    (void)pthread_mutex_lock(&bench->lock);
    *out = bench->idle;
    if (*out) bench->idle = (*out)->next;
    (void)pthread_mutex_unlock(&bench->lock);
    return *out ? SG_OK : make_scratch(out, dataset);
}

static void give_back(const sg_dataset *dataset, scratch *s)
{
    sg_bench *bench = dataset->bench;
    sg_store_room_clear(&s->room);
    (void)pthread_mutex_lock(&bench->lock);
    s->next = bench->idle;
    bench->idle = s;
    (void)pthread_mutex_unlock(&bench->lock);
}

/* ---- pictures ---- */

/* 0 .. room, all equally likely. */
static int pick(uint32_t word, int room)
{
    return (int)(((uint64_t)word * (uint64_t)(room + 1)) >> 32);
}

/* The sample without its margin on the camera grid, (mean brightness)^gamma. */
static void picture_target(float *label, const float *inside, const sg_dataset *dataset)
{
    const sg_dataset_grid *grid = &dataset->grid;
    const double gamma = dataset->config.target_gamma > 0 ? dataset->config.target_gamma : 1;
    sg_label_mean(label, inside, (size_t)grid->sample_px, inside_px(grid), grid->label_px);
    for (size_t i = 0; i < sg_dataset_label_len(dataset); i++) label[i] = (float)pow((double)label[i], gamma);
}

/* Where the crop begins in a picture with `room` pixels more than it: in the middle; at random anywhere, or up to
 * shift_px from the middle. Around a box the picture goes no further than that, but for the margin. */
static int crop_start(const sg_dataset_config *config, const uint32_t *word, int room)
{
    if (!word || (config->kind == SG_DATASET_BOXES && config->shift_px == 0)) return room / 2;
    return config->shift_px ? room / 2 - config->shift_px + pick(*word, 2 * config->shift_px) : pick(*word, room);
}

/* Of an item: the corner of its window without the margin, and how it is turned. */
typedef struct place {
    int y, x;
    unsigned how;
} place;

static sg_status make_sample(float *sample, const sg_dataset *dataset, const sg_item *item, place at, scratch *s)
{
    const sg_raster *picture = &item->picture;
    const int px = dataset->grid.sample_px, height = picture->height, width = picture->width;
    const int y = at.y - dataset->grid.margin_px, x = at.x - dataset->grid.margin_px;
    const bool zero = dataset->config.edge == SG_BEYOND_ZERO;
    int y_first, y_end, x_first, x_end;
    sg_mirror_span(&y_first, &y_end, y, px, height);
    sg_mirror_span(&x_first, &x_end, x, px, width);
    for (int c = 0; c < sg_dataset_channels(dataset); c++, sample += (size_t)px * (size_t)px) {
        sg_raster_view view;
        SG_TRY(sg_store_view(&view, dataset, item, picture, c, y_first, y_end, x_first, x_end, &s->room));
        sg_raster_window(sample, px, zero ? 0 : at.how, &view, height, width, y, x, &item->scale[c]);
        if (!zero) continue;
        sg_window_clear(sample, px, height, width, y, x);
        sg_square_turn(sample, px, at.how);
    }
    return SG_OK;
}

static sg_status make_mask(float *label, int32_t *instances, const sg_dataset *dataset, const sg_item *item, place at,
                           scratch *s)
{
    const int inside = inside_px(&dataset->grid), px = dataset->grid.label_px;
    sg_raster_view view;
    SG_TRY(sg_store_view(&view, dataset, item, &item->labels, 0, at.y, at.y + inside, at.x, at.x + inside, &s->room));
    if (label && inside == px) /* the usual case, in one go */
        sg_raster_window(label, px, at.how, &view, item->labels.height, item->labels.width, at.y, at.x, NULL);
    if (inside == px && !instances) return SG_OK;
    sg_raster_labels(s->labels, inside, inside, &view, at.y, at.x);
    if (label && inside != px) {
        sg_label_binary(label, s->labels, (size_t)inside, inside, px);
        sg_square_turn(label, px, at.how);
    }
    if (instances) {
        sg_label_instances(instances, s->labels, (size_t)inside, inside, px);
        sg_square_turn(instances, px, at.how);
    }
    return SG_OK;
}

static sg_status make_item(const sg_dataset *dataset, const sg_item *item, const uint32_t *words, float *sample,
                           float *label, int32_t *instances, scratch *s)
{
    const sg_dataset_config *config = &dataset->config;
    const int inside = inside_px(&dataset->grid), margin = dataset->grid.margin_px, px = dataset->grid.sample_px;
    const place at = {.y = crop_start(config, words, item->picture.height - inside),
                      .x = crop_start(config, words ? words + 1 : NULL, item->picture.width - inside),
                      .how = words && config->flips ? words[2] & 7 : 0};
    SG_TRY(make_sample(sample, dataset, item, at, s));
    if (dataset->class_count) {
        *label = (float)item->class_number;
        return SG_OK;
    }
    const bool mask = config->target != SG_TARGET_SAMPLE;
    if (instances && item->labels.pages == 0) { /* a target that is the sample itself needs none */
        memset(instances, 0, sg_dataset_label_len(dataset) * sizeof *instances);
        instances = NULL;
    }
    if (!mask) picture_target(label, sample + (size_t)margin * ((size_t)px + 1), dataset);
    return mask || instances ? make_mask(mask ? label : NULL, instances, dataset, item, at, s) : SG_OK;
}

static sg_status picture_item(const sg_dataset *dataset, const sg_item *item, const uint32_t *words, float *sample,
                              float *label, int32_t *instances)
{
    scratch *s;
    SG_TRY(take(&s, dataset));
    const sg_status status = make_item(dataset, item, words, sample, label, instances, s);
    give_back(dataset, s);
    return status;
}

/* ---- stacks ---- */

static void stack_item(const sg_dataset *dataset, const sg_item *item, const uint32_t *words, float *sample,
                       float *label, int32_t *instances)
{
    static const sg_sample_scale as_it_is = {.range = 1, .low = (double)-INFINITY, .high = (double)INFINITY};
    const sg_field *field = &dataset->fields[item->field];
    const sg_region *region = &field->region[item->split];
    const int px = dataset->grid.sample_px, margin = dataset->grid.margin_px;
    const int y = words ? region->y + pick(words[0], region->height - px) : item->y;
    const int x = words ? region->x + pick(words[1], region->width - px) : item->x;
    const size_t plane = (size_t)field->height * (size_t)field->width, window = (size_t)px * (size_t)px;
    sg_raster_view view = {.data = field->data, .number = SG_NUMBER_F32, .stride = (size_t)field->width};
    for (int k = 0; k < field->planes; k++) {
        view.data = field->data + (size_t)k * plane;
        sg_raster_window(sample + (size_t)k * window, px, 0, &view, field->height, field->width, y, x, &as_it_is);
    }
    view.data = field->target;
    sg_raster_window(label, px - 2 * margin, 0, &view, field->height, field->width, y + margin, x + margin, &as_it_is);
    if (!instances) return;
    memset(instances, 0, sg_dataset_label_len(dataset) * sizeof *instances);
    view = (sg_raster_view){.data = field->labels, .number = SG_NUMBER_I32, .stride = (size_t)field->width};
    if (field->labels) sg_raster_labels(instances, px - 2 * margin, px - 2 * margin, &view, y + margin, x + margin);
}

sg_status sg_dataset_item(const sg_dataset *dataset, sg_split split, int index, uint64_t seed, int64_t draw,
                          float *sample, float *label, int32_t *instances)
{
    const sg_item *item = &dataset->items[dataset->first[split] + index];
    uint32_t words[4];
    const bool random = draw >= 0 && dataset->config.augment;
    if (random) {
        const sg_rng rng = sg_rng_make(seed, SG_RNG_AUGMENT, item->id, (uint32_t)((uint64_t)draw >> 32), 0);
        sg_rng_words(&rng, 0, (uint32_t)draw, words);
    }
    if (dataset->config.kind != SG_DATASET_STACK)
        return picture_item(dataset, item, random ? words : NULL, sample, label, instances);
    stack_item(dataset, item, random ? words : NULL, sample, label, instances);
    return SG_OK;
}
