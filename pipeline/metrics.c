/* metrics.c - Dice, connected components, AP over IoU thresholds, mean square error. See metrics.h. */
#include "pipeline/metrics.h"

#include "core/memory.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

void sg_overlap_add(sg_overlap *overlap, const float *prediction, const float *label, size_t len, double threshold)
{
    const float limit = (float)threshold;
    for (size_t i = 0; i < len; i++) {
        const bool counted = !(label[i] < 0), p = counted && prediction[i] > limit, t = counted && label[i] > .5f;
        overlap->both += p && t;
        overlap->prediction += p;
        overlap->truth += t;
    }
}

double sg_overlap_dice(const sg_overlap *overlap)
{
    const int64_t sum = overlap->prediction + overlap->truth;
    return sum == 0 ? 1 : 2 * (double)overlap->both / (double)sum;
}

double sg_overlap_jaccard(const sg_overlap *overlap)
{
    const int64_t any = overlap->prediction + overlap->truth - overlap->both;
    return any == 0 ? 1 : (double)overlap->both / (double)any;
}

/* The root of pixel i; the path is halved on the way, parents always have smaller numbers. */
static int32_t root_of(int32_t *parent, int32_t i)
{
    while (parent[i] != i) i = parent[i] = parent[parent[i]];
    return i;
}

static void join(int32_t *parent, int32_t a, int32_t b)
{
    const int32_t root_a = root_of(parent, a), root_b = root_of(parent, b);
    if (root_a < root_b)
        parent[root_b] = root_a;
    else
        parent[root_a] = root_b;
}

/* First pass: out is the forest itself, -1 outside the mask. A component's root is its first pixel in scan order. */
static void forest_make(int32_t *out, const uint8_t *mask, int h, int w)
{
    static const int dy[4] = {0, -1, -1, -1}, dx[4] = {-1, -1, 0, 1};
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            const int32_t i = y * w + x;
            out[i] = mask[i] ? i : -1;
            for (int k = 0; mask[i] && k < 4; k++) {
                const int ny = y + dy[k], nx = x + dx[k];
                if (ny >= 0 && nx >= 0 && nx < w && mask[ny * w + nx]) join(out, i, ny * w + nx);
            }
        }
}

int sg_components(int32_t *out, const uint8_t *mask, int h, int w)
{
    forest_make(out, mask, h, w);
    int count = 0;
    /* Second pass, in scan order: a parent stands before its child and is numbered already. Numbers are kept negative
     * (-2 - number) until the end, so that they cannot be taken for parents. */
    for (int i = 0; i < h * w; i++) {
        if (out[i] < 0) continue;
        out[i] = out[i] == i ? -2 - ++count : out[out[i]];
    }
    for (int i = 0; i < h * w; i++) out[i] = out[i] == -1 ? 0 : -2 - out[i];
    return count;
}

/* Three sorted lists of numbers describe all overlaps: the truth number of each object pixel, its component, and both.
 */
typedef struct overlaps {
    uint64_t *pair; /* truth << 32 | component, one for each pixel that both claim */
    int32_t *truth;
    size_t pairs, truths;
} overlaps;

static int by_pair(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static int by_number(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return x < y ? -1 : x > y;
}

static void overlaps_collect(overlaps *o, const int32_t *component, const int32_t *instances, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (instances[i] <= 0) continue;
        o->truth[o->truths++] = instances[i];
        if (component[i] > 0) o->pair[o->pairs++] = (uint64_t)(uint32_t)instances[i] << 32 | (uint32_t)component[i];
    }
    qsort(o->truth, o->truths, sizeof *o->truth, by_number);
    qsort(o->pair, o->pairs, sizeof *o->pair, by_pair);
}

/* The first place at or after `from` where the sorted list holds another number. */
static size_t run_end(const int32_t *list, size_t len, size_t from)
{
    size_t end = from;
    while (end < len && list[end] == list[from]) end++;
    return end;
}

/* Walks the truth objects and, beside them, their pairs (both sorted by truth number). */
static void overlaps_match(sg_matches *matches, const overlaps *o, const int64_t *area, int components)
{
    int64_t truths = 0, hits[SG_IOU_COUNT] = {0};
    size_t p = 0;
    for (size_t begin = 0; begin < o->truths; truths++) {
        const size_t end = run_end(o->truth, o->truths, begin);
        const int64_t truth_area = (int64_t)(end - begin);
        while (p < o->pairs && (int32_t)(o->pair[p] >> 32) == o->truth[begin]) {
            const size_t first = p;
            while (p < o->pairs && o->pair[p] == o->pair[first]) p++;
            const int64_t both = (int64_t)(p - first), all = truth_area + area[o->pair[first] & 0xffffffffu] - both;
            for (int t = 0; t < SG_IOU_COUNT; t++) hits[t] += 20 * both > (10 + t) * all;
        }
        begin = end;
    }
    for (int t = 0; t < SG_IOU_COUNT; t++) {
        matches[t].hit += hits[t];
        matches[t].extra += components - hits[t];
        matches[t].missed += truths - hits[t];
    }
}

static void mask_make(uint8_t *mask, const float *prediction, const int32_t *instances, size_t len, double threshold)
{
    for (size_t i = 0; i < len; i++) mask[i] = instances[i] >= 0 && prediction[i] > (float)threshold;
}

sg_status sg_matches_add(sg_matches *matches, const float *prediction, const int32_t *instances, int h, int w,
                         double threshold)
{
    const size_t len = (size_t)h * (size_t)w;
    uint8_t *mask = NULL;
    int32_t *component = NULL;
    int64_t *area = NULL;
    overlaps o = {0};
    sg_status status = SG_OK;
    SG_TRY_DONE(SG_ALLOC(&mask, len, "mask of the prediction"));
    SG_TRY_DONE(SG_ALLOC(&component, len, "components of the prediction"));
    SG_TRY_DONE(SG_ALLOC(&area, len + 1, "areas of the components"));
    SG_TRY_DONE(SG_ALLOC(&o.pair, len, "overlaps"));
    SG_TRY_DONE(SG_ALLOC(&o.truth, len, "objects"));
    mask_make(mask, prediction, instances, len, threshold);
    const int components = sg_components(component, mask, h, w);
    for (size_t i = 0; i < len; i++) area[component[i]]++;
    overlaps_collect(&o, component, instances, len);
    overlaps_match(matches, &o, area, components);
done:
    sg_free(o.truth);
    sg_free(o.pair);
    sg_free(area);
    sg_free(component);
    sg_free(mask);
    return status;
}

double sg_matches_ap(const sg_matches *matches)
{
    const int64_t all = matches->hit + matches->extra + matches->missed;
    return all == 0 ? 1 : (double)matches->hit / (double)all;
}

double sg_mean_square_error(const float *a, const float *b, size_t len)
{
    double total = 0;
    for (size_t begin = 0; begin < len; begin += 1024) {
        const size_t end = begin + 1024 < len ? begin + 1024 : len;
        double sum = 0;
        for (size_t i = begin; i < end; i++) sum += ((double)a[i] - (double)b[i]) * ((double)a[i] - (double)b[i]);
        total += sum;
    }
    return len == 0 ? (double)NAN : total / (double)len;
}

double sg_psnr_db(double mse, double peak)
{
    return 10 * log10(peak * peak / mse);
}
