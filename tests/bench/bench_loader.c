/* bench_loader.c - how fast pictures become batches. bench_loader FOLDER CACHE CROP [EPOCHS]
 * FOLDER has images/ and labels/ (docs/formats.md). Batches of 16 random crops of CROP x CROP pixels with flips and
 * quarter turns, float32, and their masks. One line of JSON: pictures a second
 *   tiff    opening (every file decoded and its percentiles found) and one epoch
 *   memory  further epochs, from memory
 *   cache   the same from a cache file (dataset.memory_mib: 1), its making not counted
 * and the float32 bytes of pictures and masks handed over, GB/s. Wall time, the best of EPOCHS. */
#include "datasets/dataset.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 16 };

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sg_status open_dataset(sg_dataset **out, const char *folder, const char *cache, int crop, double memory_mib)
{
    const sg_dataset_grid grid = {.sample_px = crop, .label_px = crop, .pixel_um = 1};
    sg_dataset_config config = {.kind = SG_DATASET_FOLDER, .augment = true, .flips = true, .memory_mib = memory_mib};
    (void)snprintf(config.path, sizeof config.path, "%s", folder);
    (void)snprintf(config.splits, sizeof config.splits, "%s/splits.csv", folder);
    (void)snprintf(config.cache, sizeof config.cache, "%s", cache);
    return sg_dataset_open(out, &config, &grid);
}

/* The seconds of the best epoch. A few batches go first: with them come the loader's threads. */
static sg_status time_epochs(double *best_s, const sg_dataset *dataset, int first, int epochs)
{
    sg_loader *loader;
    const sg_batch *batch;
    sg_status status = SG_OK;
    SG_TRY(sg_loader_start(&loader, dataset, BATCH, 1, 0));
    const int count = sg_loader_batches_per_epoch(loader);
    for (int b = 0; status == SG_OK && b < first; b++) status = sg_loader_next(loader, &batch);
    for (int e = 0; status == SG_OK && e < epochs; e++) {
        const double start = now_s();
        for (int b = 0; status == SG_OK && b < count; b++) status = sg_loader_next(loader, &batch);
        const double seconds = now_s() - start;
        if (e == 0 || seconds < *best_s) *best_s = seconds;
    }
    sg_loader_stop(loader);
    return status;
}

static sg_status measure(const char *folder, const char *cache, int crop, int epochs)
{
    double opening, once = 0, memory = 0, cached = 0;
    sg_dataset *dataset;
    const double start = now_s();
    SG_TRY(open_dataset(&dataset, folder, cache, crop, 1e6));
    opening = now_s() - start;
    const double count = sg_dataset_count(dataset, SG_SPLIT_TRAIN) / BATCH * BATCH,
                 bytes = (double)(sg_dataset_sample_len(dataset) + sg_dataset_label_len(dataset)) * sizeof(float);
    sg_status status = time_epochs(&once, dataset, 0, 1);
    if (status == SG_OK) status = time_epochs(&memory, dataset, 20, epochs);
    sg_dataset_free(dataset);
    SG_TRY(status);
    SG_TRY(open_dataset(&dataset, folder, cache, crop, 1));
    status = time_epochs(&cached, dataset, 20, epochs);
    sg_dataset_free(dataset);
    SG_TRY(status);
    printf("{\"tiff\": %.1f, \"memory\": %.1f, \"cache\": %.1f, \"memory_gb_s\": %.3f, \"cache_gb_s\": %.3f}\n",
           count / (opening + once), count / memory, count / cached, 1e-9 * bytes * count / memory,
           1e-9 * bytes * count / cached);
    return SG_OK;
}

int main(int argc, char **argv)
{
    if (argc < 4) return fprintf(stderr, "usage: bench_loader FOLDER CACHE CROP [EPOCHS]\n"), 2;
    if (measure(argv[1], argv[2], atoi(argv[3]), argc > 4 ? atoi(argv[4]) : 5) == SG_OK) return 0;
    return fprintf(stderr, "bench_loader: %s\n", sg_error_text()), 1;
}
