/* loader.c - a thread that prepares batches ahead. Batch b is a function of (dataset, seed, b) alone, so timing cannot
 * matter. Three slots: the caller holds one, the thread fills the other two. Making an item cannot fail, so the only
 * errors are at the start, in the caller's thread. */
#include "core/memory.h"
#include "core/rng.h"
#include "datasets/dataset.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

enum { SLOTS = 3 };

struct sg_loader {
    const sg_dataset *dataset;
    int batch_size, per_epoch, items;
    int first_item, own_items; /* of each batch: those that are made here */
    uint64_t seed;
    uint32_t *order; /* (items): permutation of `order_epoch`; the thread's own */
    int64_t order_epoch;
    sg_batch slot[SLOTS];
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int64_t made, taken; /* batches filled; handed to the caller. Under the lock, like stop. */
    int64_t first;
    bool started, stop;
};

static void shuffle_for(sg_loader *loader, int64_t epoch)
{
    if (loader->order_epoch == epoch) return;
    const sg_rng rng = sg_rng_make(loader->seed, SG_RNG_SHUFFLE, 0, (uint32_t)epoch, 0);
    sg_rng_shuffle(&rng, loader->order, (uint32_t)loader->items);
    loader->order_epoch = epoch;
}

static bool asked_to_stop(sg_loader *loader)
{
    (void)pthread_mutex_lock(&loader->lock);
    const bool stop = loader->stop;
    (void)pthread_mutex_unlock(&loader->lock);
    return stop;
}

/* Item i of the own part of batch b; a split smaller than the batch is gone through again. */
static void make_item(sg_loader *loader, const sg_batch *batch, int64_t b, int i)
{
    const sg_dataset *dataset = loader->dataset;
    const int in_batch = loader->first_item + i;
    const int64_t place = b % loader->per_epoch * loader->batch_size + in_batch;
    const int index = (int)loader->order[place % loader->items];
    sg_dataset_item(dataset, SG_SPLIT_TRAIN, index, loader->seed, b * loader->batch_size + in_batch,
                    batch->sample + (size_t)i * sg_dataset_sample_len(dataset),
                    batch->label + (size_t)i * sg_dataset_label_len(dataset), NULL);
    batch->sample_id[i] = sg_dataset_id(dataset, SG_SPLIT_TRAIN, index);
}

static bool make_batch(sg_loader *loader, int64_t b)
{
    shuffle_for(loader, b / loader->per_epoch);
    for (int i = 0; i < loader->own_items; i++) {
        if (asked_to_stop(loader)) return false;
        make_item(loader, &loader->slot[b % SLOTS], b, i);
    }
    return true;
}

/* Waits until a slot is free: the caller may still hold the batch before `taken`. */
static bool wait_for_slot(sg_loader *loader)
{
    (void)pthread_mutex_lock(&loader->lock);
    while (!loader->stop && loader->made >= loader->taken + SLOTS - 1)
        (void)pthread_cond_wait(&loader->changed, &loader->lock);
    const bool go = !loader->stop;
    (void)pthread_mutex_unlock(&loader->lock);
    return go;
}

static void *run(void *argument)
{
    sg_loader *loader = argument;
    for (int64_t b = loader->first; wait_for_slot(loader) && make_batch(loader, b); b++) {
        (void)pthread_mutex_lock(&loader->lock);
        loader->made = b + 1;
        (void)pthread_cond_broadcast(&loader->changed);
        (void)pthread_mutex_unlock(&loader->lock);
    }
    return NULL;
}

/* Signals are for the main thread. */
static int start_thread(sg_loader *loader)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&loader->thread, NULL, run, loader);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static sg_status prepare(sg_loader *loader)
{
    const size_t batch = (size_t)loader->own_items;
    SG_TRY(SG_ALLOC(&loader->order, (size_t)loader->items, "loader"));
    for (int i = 0; i < SLOTS; i++) {
        SG_TRY(SG_ALLOC(&loader->slot[i].sample, batch * sg_dataset_sample_len(loader->dataset),
                        "loader: samples of a batch"));
        SG_TRY(SG_ALLOC(&loader->slot[i].label, batch * sg_dataset_label_len(loader->dataset),
                        "loader: labels of a batch"));
        SG_TRY(SG_ALLOC(&loader->slot[i].sample_id, batch, "loader"));
    }
    const int failed = start_thread(loader);
    if (failed) SG_FAIL(SG_E_MEMORY, "loader: cannot start a thread: %s", strerror(failed));
    loader->started = true;
    return SG_OK;
}

sg_status sg_loader_start(sg_loader **out, const sg_dataset *dataset, int batch_size, uint64_t seed,
                          int64_t first_batch)
{
    return sg_loader_start_part(out, dataset, batch_size, 0, 1, seed, first_batch);
}

sg_status sg_loader_start_part(sg_loader **out, const sg_dataset *dataset, int batch_size, int part, int parts,
                               uint64_t seed, int64_t first_batch)
{
    sg_loader *loader;
    const int items = sg_dataset_count(dataset, SG_SPLIT_TRAIN);
    *out = NULL;
    if (batch_size < 1 || batch_size > 65536)
        SG_FAIL(SG_E_RANGE, "train.batch_size: %d is outside 1..65536", batch_size);
    if (parts < 1 || part < 0 || part >= parts || batch_size % parts != 0)
        SG_FAIL(SG_E_RANGE, "train.batch_size: %d does not divide into %d equal parts", batch_size, parts);
    if (first_batch < 0) SG_FAIL(SG_E_RANGE, "loader: the first batch is %lld", (long long)first_batch);
    if (items < 1) SG_FAIL(SG_E_CONFIG, "loader: the training split is empty");
    SG_TRY(SG_ALLOC(&loader, 1, "loader"));
    *loader = (sg_loader){.dataset = dataset,
                          .batch_size = batch_size,
                          .items = items,
                          .first_item = part * (batch_size / parts),
                          .own_items = batch_size / parts,
                          .seed = seed,
                          .order_epoch = -1,
                          .per_epoch = items >= batch_size ? items / batch_size : 1,
                          .made = first_batch,
                          .taken = first_batch,
                          .first = first_batch};
    (void)pthread_mutex_init(&loader->lock, NULL);
    (void)pthread_cond_init(&loader->changed, NULL);
    const sg_status status = prepare(loader);
    if (status != SG_OK)
        sg_loader_stop(loader);
    else
        *out = loader;
    return status;
}

int sg_loader_batches_per_epoch(const sg_loader *loader)
{
    return loader->per_epoch;
}

sg_status sg_loader_next(sg_loader *loader, const sg_batch **out)
{
    (void)pthread_mutex_lock(&loader->lock);
    while (loader->made <= loader->taken) (void)pthread_cond_wait(&loader->changed, &loader->lock);
    *out = &loader->slot[loader->taken % SLOTS];
    loader->taken++;
    (void)pthread_cond_broadcast(&loader->changed);
    (void)pthread_mutex_unlock(&loader->lock);
    return SG_OK;
}

void sg_loader_stop(sg_loader *loader)
{
    if (!loader) return;
    if (loader->started) {
        (void)pthread_mutex_lock(&loader->lock);
        loader->stop = true;
        (void)pthread_cond_broadcast(&loader->changed);
        (void)pthread_mutex_unlock(&loader->lock);
        (void)pthread_join(loader->thread, NULL);
    }
    for (int i = 0; i < SLOTS; i++) {
        sg_free(loader->slot[i].sample);
        sg_free(loader->slot[i].label);
        sg_free(loader->slot[i].sample_id);
    }
    sg_free(loader->order);
    (void)pthread_mutex_destroy(&loader->lock);
    (void)pthread_cond_destroy(&loader->changed);
    sg_free(loader);
}
