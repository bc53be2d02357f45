/* class_names.c - the names of a dataset's classes, in the order of their numbers: those of the config, or those found
 * in the data, sorted (numbers by value, other names by their bytes). */
#include "core/memory.h"
#include "datasets/dataset_internal.h"

#include <stdlib.h>
#include <string.h>

/* ---- lists of names in one text ---- */

static char *trim(char *text)
{
    text += strspn(text, " \t");
    for (size_t len = strlen(text); len && strchr(" \t", text[len - 1]); len--) text[len - 1] = 0;
    return text;
}

static sg_status copy_name(char **out, const char *name, const char *key)
{
    SG_TRY(SG_ALLOC(out, strlen(name) + 1, key));
    memcpy(*out, name, strlen(name) + 1);
    return SG_OK;
}

static sg_status cut(char **names, int *count, char *text, const char *key)
{
    const char *between = strchr(text, ',') ? "," : " \t";
    for (char *rest = text, *word; (word = strtok_r(rest, between, &rest)) != NULL;) {
        const char *name = trim(word);
        if (!*name) SG_FAIL(SG_E_CONFIG, "%s: an empty name between commas", key);
        if (*count == SG_CLASSES_MAX) SG_FAIL(SG_E_CONFIG, "%s: more than %d names", key, SG_CLASSES_MAX);
        for (int i = 0; i < *count; i++)
            if (strcmp(names[i], name) == 0) SG_FAIL(SG_E_CONFIG, "%s: '%.64s' stands there twice", key, name);
        SG_TRY(copy_name(&names[*count], name, key));
        ++*count;
    }
    return SG_OK;
}

void sg_names_free(char **names, int count)
{
    for (int i = 0; names && i < count; i++) sg_free(names[i]);
    sg_free(names);
}

sg_status sg_names_cut(char ***out, int *count, const char *text, const char *key)
{
    char *copy = NULL;
    sg_status status;
    *out = NULL;
    *count = 0;
    SG_TRY_DONE(SG_ALLOC(out, SG_CLASSES_MAX, key));
    SG_TRY_DONE(copy_name(&copy, text, key));
    SG_TRY_DONE(cut(*out, count, copy, key));
done:
    sg_free(copy);
    if (status != SG_OK) {
        sg_names_free(*out, *count);
        *out = NULL;
        *count = 0;
    }
    return status;
}

sg_status sg_dataset_class_names(char *out, size_t size, const sg_dataset *dataset)
{
    bool blanks = false;
    size_t used = 0;
    for (int i = 0; i < dataset->class_count; i++) blanks = blanks || strchr(dataset->classes[i], ' ');
    if (size) out[0] = 0;
    for (int i = 0; i < dataset->class_count; i++) {
        const int wrote = snprintf(out + used, size - used, "%s%s",
                                   i == 0   ? ""
                                   : blanks ? ", "
                                            : " ",
                                   dataset->classes[i]);
        used += (size_t)wrote;
        if (used >= size)
            SG_FAIL(SG_E_RANGE, "dataset.classes: the names of %d classes need more than %zu letters",
                    dataset->class_count, size);
    }
    return SG_OK;
}

/* ---- numbers ---- */

static bool named_by_config(const sg_dataset *dataset)
{
    return dataset->config.classes[0] != 0;
}

sg_status sg_classes_start(sg_dataset *dataset)
{
    if (!sg_dataset_kind_has_classes(dataset->config.kind)) {
        if (named_by_config(dataset))
            SG_FAIL(SG_E_CONFIG, "dataset.classes: this dataset.kind has masks; idx, classes and boxes have classes");
        return SG_OK;
    }
    SG_TRY(sg_names_cut(&dataset->classes, &dataset->class_count, dataset->config.classes, "dataset.classes"));
    if (named_by_config(dataset) && dataset->class_count < 2)
        SG_FAIL(SG_E_CONFIG, "dataset.classes: '%.64s': a classifier needs at least two classes",
                dataset->config.classes);
    return SG_OK;
}

void sg_classes_free(sg_dataset *dataset)
{
    sg_names_free(dataset->classes, dataset->class_count);
}

sg_status sg_classes_number(int *out, sg_dataset *dataset, const char *name)
{
    *out = -1;
    for (int i = 0; i < dataset->class_count; i++)
        if (strcmp(dataset->classes[i], name) == 0) *out = i;
    if (*out >= 0 || named_by_config(dataset)) return SG_OK;
    if (strpbrk(name, ",\t\n\r\"'"))
        SG_FAIL(SG_E_FORMAT, "dataset.classes: the name '%.64s' has a comma, a quote or a tab in it", name);
    if (dataset->class_count == SG_CLASSES_MAX)
        SG_FAIL(SG_E_FORMAT,
                "dataset: more than %d classes (the next one is '%.64s'); dataset.classes can name those wanted",
                SG_CLASSES_MAX, name);
    SG_TRY(copy_name(&dataset->classes[dataset->class_count], name, "dataset.classes"));
    *out = dataset->class_count++;
    return SG_OK;
}

static bool is_number(const char *name)
{
    return *name && strspn(name, "0123456789") == strlen(name);
}

bool sg_classes_are_numbers(const sg_dataset *dataset)
{
    bool all = true;
    for (int i = 0; i < dataset->class_count; i++) all = all && is_number(dataset->classes[i]);
    return all;
}

static int compare_names(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;
    const unsigned long u = is_number(x) ? strtoul(x, NULL, 10) : 0, v = is_number(y) ? strtoul(y, NULL, 10) : 0;
    if (is_number(x) && is_number(y) && u != v) return u < v ? -1 : 1;
    return is_number(x) != is_number(y) ? (is_number(x) ? -1 : 1) : strcmp(x, y);
}

void sg_classes_sort(sg_dataset *dataset)
{
    char *found[SG_CLASSES_MAX];
    int number[SG_CLASSES_MAX];
    const int count = dataset->class_count;
    if (named_by_config(dataset) || count == 0) return;
    memcpy(found, dataset->classes, (size_t)count * sizeof *found);
    qsort(dataset->classes, (size_t)count, sizeof *dataset->classes, compare_names);
    for (int i = 0; i < count; i++)
        for (int k = 0; k < count; k++)
            if (found[i] == dataset->classes[k]) number[i] = k;
    for (int i = 0; i < dataset->count; i++) dataset->items[i].class_number = number[dataset->items[i].class_number];
}

/* ---- checks ---- */

static sg_status check_training(const sg_dataset *dataset)
{
    int present = 0, last = 0;
    for (int c = 0; c < dataset->class_count; c++)
        if (dataset->class_items[SG_SPLIT_TRAIN][c]) present++, last = c;
    if (present > 1) return SG_OK;
    SG_FAIL(SG_E_CONFIG, "dataset: all %d training pictures are '%s': a classifier needs at least two classes",
            sg_dataset_count(dataset, SG_SPLIT_TRAIN), dataset->classes[last]);
}

sg_status sg_classes_check(sg_dataset *dataset)
{
    if (!sg_dataset_kind_has_classes(dataset->config.kind)) return SG_OK;
    for (sg_split split = SG_SPLIT_TRAIN; split <= SG_SPLIT_TEST; split++)
        for (int i = 0; i < sg_dataset_count(dataset, split); i++)
            dataset->class_items[split][sg_dataset_class(dataset, split, i)]++;
    if (dataset->config.test_only) return SG_OK;
    for (int c = 0; c < dataset->class_count; c++)
        if (dataset->class_items[0][c] + dataset->class_items[1][c] + dataset->class_items[2][c] == 0)
            SG_FAIL(SG_E_CONFIG, "dataset.classes: none of the %d pictures is '%s'%s%s", dataset->count,
                    dataset->classes[c], dataset->left_out[SG_LEFT_CLASS] ? "; left out: " : "",
                    dataset->first_left_out[SG_LEFT_CLASS]);
    return check_training(dataset);
}

/* ---- questions ---- */

bool sg_dataset_kind_has_classes(sg_dataset_kind kind)
{
    return kind == SG_DATASET_IDX || kind == SG_DATASET_CLASSES || kind == SG_DATASET_BOXES;
}

int sg_dataset_classes(const sg_dataset *dataset)
{
    return dataset->class_count;
}

const char *sg_dataset_class_name(const sg_dataset *dataset, int i)
{
    return dataset->classes[i];
}

int sg_dataset_class(const sg_dataset *dataset, sg_split split, int index)
{
    return dataset->items[dataset->first[split] + index].class_number;
}

int sg_dataset_class_count(const sg_dataset *dataset, sg_split split, int class_number)
{
    return dataset->class_items[split][class_number];
}
