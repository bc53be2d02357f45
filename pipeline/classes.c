/* classes.c - see classes.h. */
#include "pipeline/classes.h"

#include "pipeline/keys.h"

#include <string.h>

/* The word of a config's key, "resnet". */
static const char *word_of(char out[32], const char *key, unsigned index)
{
    sg_key_part part;
    const char *names = sg_key_find(key, &part)->names;
    while (index-- > 0) names += strcspn(names, " ") + 1;
    (void)snprintf(out, 32, "%.*s", (int)strcspn(names, " "), names);
    return out;
}

sg_status sg_task_check(const sg_config *config)
{
    char network[32], loss[32], data[32];
    const bool classifier = config->network.kind != SG_NETWORK_UNET,
               entropy = config->loss.kind == SG_LOSS_CROSS_ENTROPY,
               classes = sg_dataset_kind_has_classes(config->dataset.kind);
    word_of(network, "network.kind", config->network.kind);
    word_of(loss, "loss.kind", config->loss.kind);
    word_of(data, "dataset.kind", config->dataset.kind);
    if (classifier != entropy)
        SG_FAIL(SG_E_CONFIG, "network.kind: %s gives %s, which is not for loss.kind %s; %s", network,
                classifier ? "a class" : "a picture", loss,
                classifier ? "cross_entropy goes with it" : "lenet5 and resnet go with it");
    if (entropy != classes)
        SG_FAIL(SG_E_CONFIG, "loss.kind: %s needs data with %s, dataset.kind %s has %s", loss,
                entropy ? "classes (idx, classes, boxes)" : "masks or pictures", data, classes ? "classes" : "masks");
    if (classes && config->microscope.camera.overlap_fields > 1)
        SG_FAIL(SG_E_CONFIG, "camera.overlap_fields: only masks have a union, classes have none");
    return SG_OK;
}

static sg_status count_names(sg_config *config)
{
    char **names;
    SG_TRY(sg_names_cut(&names, &config->found.classes, config->dataset.classes, "dataset.classes"));
    sg_names_free(names, config->found.classes);
    if (config->found.classes > SG_CLASSES_MAX)
        SG_FAIL(SG_E_CONFIG, "dataset.classes: %d classes, a classifier tells at most %d apart", config->found.classes,
                SG_CLASSES_MAX);
    return SG_OK;
}

/* pictures / (classes pictures(class)), of the training split: the mean weight of its pictures is 1 (King & Zeng 2001) */
static sg_status balance(sg_config *config, const sg_dataset *dataset)
{
    const int all = sg_dataset_count(dataset, SG_SPLIT_TRAIN), classes = config->found.classes;
    for (int c = 0; c < classes && all > 0; c++) {
        const int own = sg_dataset_class_count(dataset, SG_SPLIT_TRAIN, c);
        if (own == 0)
            SG_FAIL(SG_E_CONFIG, "loss.class_weight: balanced: no training picture of %d is of class '%s'", all,
                    sg_dataset_class_name(dataset, c));
        config->found.class_weight[c] = (double)all / ((double)classes * own);
    }
    return SG_OK;
}

sg_status sg_classes_resolve(sg_config *config, const sg_dataset *dataset)
{
    if (config->loss.kind != SG_LOSS_CROSS_ENTROPY) return SG_OK;
    if (dataset != NULL && config->dataset.classes[0] == 0)
        SG_TRY(sg_dataset_class_names(config->dataset.classes, sizeof config->dataset.classes, dataset));
    SG_TRY(count_names(config));
    for (int c = 0; c < SG_CLASSES_MAX; c++) config->found.class_weight[c] = 1;
    if (dataset == NULL || config->loss.class_weight == SG_CLASS_WEIGHT_NONE) return SG_OK;
    return balance(config, dataset);
}
