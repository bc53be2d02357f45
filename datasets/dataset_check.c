/* dataset_check.c - which keys of a dataset go together, before anything is read. */
#include "datasets/dataset_internal.h"

static sg_status check_grid(const sg_dataset_config *config, const sg_dataset_grid *grid)
{
    const int inside = grid->sample_px - 2 * grid->margin_px;
    if (grid->margin_px < 0 || inside < 1 || grid->sample_px > 32768)
        SG_FAIL(SG_E_RANGE, "sample.size_px: %d pixels with a margin of %d leave no picture (at most 32768 pixels)",
                grid->sample_px, grid->margin_px);
    if (grid->label_px < 1 || grid->label_px > 32768)
        SG_FAIL(SG_E_RANGE, "label: %d pixels are outside 1..32768", grid->label_px);
    if (grid->channels > 1 && (config->kind == SG_DATASET_BUILTIN || config->kind == SG_DATASET_SYNTHETIC))
        SG_FAIL(SG_E_CONFIG,
                "dataset.kind: builtin and synthetic pictures have 1 channel, this sample.kind needs %d; a "
                "folder would do",
                grid->channels);
    return SG_OK;
}

static sg_status check_target(const sg_dataset_config *config)
{
    if (config->target == SG_TARGET_DPC && config->kind != SG_DATASET_STACK)
        SG_FAIL(SG_E_CONFIG, "dataset.target: dpc goes with a dataset of kind stack, mask with every kind");
    if (config->target == SG_TARGET_SAMPLE && config->kind == SG_DATASET_STACK)
        SG_FAIL(SG_E_CONFIG, "dataset.target: sample goes with pictures, not with a dataset of kind stack");
    if (config->target != SG_TARGET_MASK && sg_dataset_kind_has_classes(config->kind))
        SG_FAIL(SG_E_CONFIG, "dataset.target: this dataset.kind has classes, which take no other target");
    return SG_OK;
}

static sg_status check_folds(const sg_dataset_config *config)
{
    if (config->folds == 0) return SG_OK;
    if (config->kind == SG_DATASET_SYNTHETIC || config->kind == SG_DATASET_STACK)
        SG_FAIL(SG_E_CONFIG, "dataset.folds: goes with pictures in files, not with this dataset.kind");
    if (config->splits[0]) SG_FAIL(SG_E_CONFIG, "dataset.folds: splits by name, dataset.splits by a table: not both");
    if (config->folds < 3 || config->folds > 1000)
        SG_FAIL(SG_E_RANGE, "dataset.folds: %d is outside 3..1000 (test, validation and the rest)", config->folds);
    if (config->fold < 1 || config->fold > config->folds)
        SG_FAIL(SG_E_RANGE, "dataset.fold: %d is outside 1..%d (dataset.folds)", config->fold, config->folds);
    return SG_OK;
}

static sg_status check_crops(const sg_dataset_config *config)
{
    const bool classes = sg_dataset_kind_has_classes(config->kind);
    if (config->bin < 0 || config->bin > 64) SG_FAIL(SG_E_RANGE, "dataset.bin: %d is outside 1..64", config->bin);
    if (config->bin > 1 && !classes)
        SG_FAIL(SG_E_CONFIG, "dataset.bin: goes with the kinds that have classes, not with masks");
    if (config->shift_px < 0 || config->shift_px > 4096)
        SG_FAIL(SG_E_RANGE, "dataset.shift_px: %d is outside 0..4096", config->shift_px);
    if (config->shift_px > 0 && !classes)
        SG_FAIL(SG_E_CONFIG, "dataset.shift_px: goes with the kinds that have classes, not with masks");
    return SG_OK;
}

sg_status sg_dataset_check(const sg_dataset_config *config, const sg_dataset_grid *grid)
{
    SG_TRY(check_grid(config, grid));
    SG_TRY(check_target(config));
    SG_TRY(check_folds(config));
    return check_crops(config);
}
