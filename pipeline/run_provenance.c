/* run_provenance.c - where the numbers of a run come from: the group /provenance of results.h5. */
#include "core/file.h"
#include "core/memory.h"
#include "pipeline/results_hdf5.h"
#include "pipeline/run_parts.h"

#include <inttypes.h>

enum { HASH_TEXT = 17 };

static sg_status write_hash(sg_results *out, const char *path, uint64_t hash)
{
    char text[HASH_TEXT];
    (void)snprintf(text, sizeof text, "%016" PRIx64, hash);
    return sg_results_put_text(out, path, text);
}

/* A run is not lost when the weights that it began with are gone at its end: then there is no hash. */
static sg_status write_weights(sg_results *out, const char *file)
{
    void *data = NULL;
    size_t size = 0;
    if (!file[0] || sg_file_read(&data, &size, file, 0) != SG_OK) return SG_OK;
    const sg_status status = write_hash(out, "/provenance/weights_hash", sg_results_hash(SG_RESULTS_HASH, data, size));
    sg_free(data);
    return status;
}

/* What each part of the data is: its name, a hash, a count. */
static sg_status write_data(sg_results *out, const sg_dataset *data)
{
    enum { SPLITS = SG_SPLIT_TEST + 1 };
    char text[SPLITS][HASH_TEXT];
    const char *names[SPLITS], *hashes[SPLITS];
    int32_t count[SPLITS];
    for (int i = 0; i < SPLITS; i++) {
        const sg_split split = (sg_split)i;
        names[i] = sg_split_name(split);
        hashes[i] = text[i];
        (void)snprintf(text[i], HASH_TEXT, "%016" PRIx64, sg_dataset_hash(data, split));
        count[i] = sg_dataset_count(data, split);
    }
    SG_TRY(sg_results_put_texts(out, "/provenance/split", names, SPLITS));
    SG_TRY(sg_results_put_texts(out, "/provenance/data_hash", hashes, SPLITS));
    return sg_results_put(out, "/provenance/count", (const int[1]){SPLITS}, count);
}

sg_status sg_run_provenance_write(sg_results *out, const sg_run_summary *run, sg_split split)
{
    uint64_t hash = run->config_hash;
    if (hash == 0) SG_TRY(sg_config_hash(&hash, run->config));
    SG_TRY(sg_results_put(out, "/provenance/seed", NULL, &run->config->train.seed));
    SG_TRY(write_hash(out, "/provenance/config_hash", hash));
    SG_TRY(write_weights(out, run->config->train.weights));
    SG_TRY(write_data(out, run->dataset));
    return sg_results_put_text(out, "/provenance/evaluated", sg_split_name(split));
}
