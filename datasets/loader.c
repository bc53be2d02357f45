/* loader.c - threads that prepare batches ahead. Each item is a function of (dataset, seed, its number) alone, so that
 * neither timing nor the number of threads can matter. Three slots: the caller holds one, the threads fill the other
 * two, item by item in the order of the batches. A second thread starts when batches come late again and again. */
#include "core/memory.h"
#include "core/parallel.h"
#include "core/rng.h"
#include "datasets/dataset.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { SLOTS = 3, THREADS_MAX = 16, LATE_MAX = 4 };

struct sg_loader {
    const sg_dataset *dataset;
    int batch_size, per_epoch, items;
    int first_item, own_items; /* of each batch: those that are made here */
    uint64_t seed;
    sg_batch slot[SLOTS];
    pthread_t thread[THREADS_MAX];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock */
    uint32_t *order; /* (items): permutation of `order_epoch` */
    int64_t order_epoch;
    int64_t next, taken; /* the own item that is begun next, counted through all batches; batches handed out */
    int missing[SLOTS];  /* items of the slot's batch that are not ready */
    int threads, late;
    bool stop;
    sg_status status; /* of the first item that failed */
    char error[1024];
};

static void shuffle_for(sg_loader *loader, int64_t epoch)
{
    if (loader->order_epoch == epoch) return;
    const sg_rng rng = sg_rng_make(loader->seed, SG_RNG_SHUFFLE, 0, (uint32_t)epoch, 0);
    sg_rng_shuffle(&rng, loader->order, (uint32_t)loader->items);
    loader->order_epoch = epoch;
}

/* An item to be made: of batch b the i-th own one, which is the index-th of the split. */
typedef struct job {
    int64_t b;
    int i, index;
} job;

/* Waits until a slot is free, where the caller may still hold the batch before `taken`; false: it is time to stop.
 * A split smaller than the batch is gone through again. */
static bool claim(job *out, sg_loader *loader)
{
    (void)pthread_mutex_lock(&loader->lock);
    while (!loader->stop && loader->next / loader->own_items >= loader->taken + SLOTS - 1)
        (void)pthread_cond_wait(&loader->changed, &loader->lock);
    const bool go = !loader->stop;
    if (go) {
        const int64_t b = loader->next / loader->own_items;
        out->b = b;
        out->i = (int)(loader->next++ % loader->own_items);
        if (out->i == 0) loader->missing[b % SLOTS] = loader->own_items;
        shuffle_for(loader, b / loader->per_epoch);
        const int64_t place = b % loader->per_epoch * loader->batch_size + loader->first_item + out->i;
        out->index = (int)loader->order[place % loader->items];
    }
    (void)pthread_mutex_unlock(&loader->lock);
    return go;
}

static sg_status make_item(const sg_loader *loader, const job *j)
{
    const sg_dataset *dataset = loader->dataset;
    const sg_batch *batch = &loader->slot[j->b % SLOTS];
    batch->sample_id[j->i] = sg_dataset_id(dataset, SG_SPLIT_TRAIN, j->index);
    return sg_dataset_item(dataset, SG_SPLIT_TRAIN, j->index, loader->seed,
                           j->b * loader->batch_size + loader->first_item + j->i,
                           batch->sample + (size_t)j->i * sg_dataset_sample_len(dataset),
                           batch->label + (size_t)j->i * sg_dataset_label_len(dataset), NULL);
}

/* The text of an error is this thread's: it is kept for the caller's. */
static void finish(sg_loader *loader, const job *j, sg_status status)
{
    (void)pthread_mutex_lock(&loader->lock);
    if (status == SG_OK) {
        loader->missing[j->b % SLOTS]--;
    } else if (loader->status == SG_OK) {
        loader->status = status;
        loader->stop = true;
        (void)snprintf(loader->error, sizeof loader->error, "%s", sg_error_text());
    }
    if (status != SG_OK || loader->missing[j->b % SLOTS] == 0) (void)pthread_cond_broadcast(&loader->changed);
    (void)pthread_mutex_unlock(&loader->lock);
}

static void *run(void *argument)
{
    sg_loader *loader = argument;
    for (job j; claim(&j, loader);) finish(loader, &j, make_item(loader, &j));
    return NULL;
}

/* Signals are for the main thread. */
static int start_thread(sg_loader *loader)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    const int failed = pthread_create(&loader->thread[loader->threads], NULL, run, loader);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!failed) loader->threads++;
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
                          .next = first_batch * (batch_size / parts),
                          .taken = first_batch};
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

static bool is_ready(const sg_loader *loader, int64_t b)
{
    return loader->next >= (b + 1) * loader->own_items && loader->missing[b % SLOTS] == 0;
}

sg_status sg_loader_next(sg_loader *loader, const sg_batch **out)
{
    (void)pthread_mutex_lock(&loader->lock);
    if (!is_ready(loader, loader->taken) && ++loader->late > LATE_MAX && loader->threads < THREADS_MAX &&
        loader->threads < sg_threads()) {
        loader->late = 0;
        (void)start_thread(loader); /* without it, it goes on as before */
    }
    while (!is_ready(loader, loader->taken) && loader->status == SG_OK)
        (void)pthread_cond_wait(&loader->changed, &loader->lock);
    const bool ready = is_ready(loader, loader->taken);
    *out = ready ? &loader->slot[loader->taken++ % SLOTS] : NULL;
    (void)pthread_cond_broadcast(&loader->changed);
    (void)pthread_mutex_unlock(&loader->lock);
    return ready ? SG_OK : sg_error_set(loader->status, "%s", loader->error);
}

void sg_loader_stop(sg_loader *loader)
{
    if (!loader) return;
    (void)pthread_mutex_lock(&loader->lock);
    loader->stop = true;
    (void)pthread_cond_broadcast(&loader->changed);
    (void)pthread_mutex_unlock(&loader->lock);
    for (int i = 0; i < loader->threads; i++) (void)pthread_join(loader->thread[i], NULL);
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
