/* make_cells.c - a folder to try things on: FOLDER/images/cell_00.tif ... (16 bits, with the size of a pixel) and
 * FOLDER/labels/ with a number for each cell, 0 for the background. Made-up cells, the same every time.
 *     make_cells FOLDER [COUNT] */
#include "core/file.h"
#include "core/memory.h"
#include "datasets/dataset.h"
#include "datasets/tiff.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIDE = 192, LEN = SIDE * SIDE };
static const double PIXEL_UM = .5;

static sg_status write(const char *folder, const char *kind, int index, const uint16_t *pixels)
{
    char path[1024];
    (void)snprintf(path, sizeof path, "%s/%s", folder, kind);
    SG_TRY(sg_folder_make(path));
    (void)snprintf(path, sizeof path, "%s/%s/cell_%02d.tif", folder, kind, index);
    const sg_tiff tiff = {.pages = 1, .height = SIDE, .width = SIDE, .bits = 16, .data = pixels, .pixel_um = PIXEL_UM};
    return sg_tiff_write(path, &tiff);
}

/* Brightness 0 .. 1 becomes 100 .. 4100, as from a 12-bit camera. */
static sg_status write_pair(const sg_dataset *dataset, const char *folder, int index)
{
    static float sample[LEN], label[LEN];
    static int32_t cells[LEN];
    static uint16_t pixels[LEN];
    sg_dataset_item(dataset, SG_SPLIT_TRAIN, index, 1, -1, sample, label, cells);
    for (int i = 0; i < LEN; i++) pixels[i] = (uint16_t)(100.f + 4000.f * sample[i]);
    SG_TRY(write(folder, "images", index, pixels));
    for (int i = 0; i < LEN; i++) pixels[i] = (uint16_t)cells[i];
    return write(folder, "labels", index, pixels);
}

int main(int argc, char **argv)
{
    const int count = argc > 2 ? atoi(argv[2]) : 24;
    if (argc < 2 || count < 1) {
        fputs("usage: make_cells FOLDER [COUNT]\n", stderr);
        return 2;
    }
    const sg_dataset_config config = {.kind = SG_DATASET_SYNTHETIC,
                                      .synthetic = {.count = 12,
                                                    .radius_um = 6,
                                                    .radius_spread = .2,
                                                    .overlap = .1,
                                                    .background = .1,
                                                    .train = count,
                                                    .validation = 1,
                                                    .test = 1,
                                                    .seed = 1}};
    const sg_dataset_grid grid = {.sample_px = SIDE, .label_px = SIDE, .pixel_um = PIXEL_UM};
    sg_dataset *dataset = NULL;
    sg_status status = sg_dataset_open(&dataset, &config, &grid);
    for (int i = 0; status == SG_OK && i < count; i++) status = write_pair(dataset, argv[1], i);
    if (status != SG_OK) fprintf(stderr, "make_cells: %s\n", sg_error_text());
    sg_dataset_free(dataset);
    return status != SG_OK;
}
