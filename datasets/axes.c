/* axes.c - see axes.h. */
#include "datasets/axes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char page_order[] = "TIQPNEKZCSYX";

static bool is_page(char name)
{
    return name != 'Y' && name != 'X';
}

const sg_axis *sg_axes_find(const sg_axes *axes, char name)
{
    for (int i = 0; i < axes->count; i++)
        if (axes->axis[i].name == name) return &axes->axis[i];
    return NULL;
}

void sg_axes_add(sg_axes *axes, char name, long long size)
{
    for (int i = 0; i < axes->count; i++) axes->axis[i].stride *= size;
    axes->axis[axes->count++] = (sg_axis){name, size, 1};
}

/* ---- texts ---- */

sg_status sg_axes_check(const char *letters, const char *what)
{
    if (!letters || !letters[0]) return SG_OK;
    for (const char *at = letters; *at; at++) {
        if (!strchr(page_order, *at))
            SG_FAIL(SG_E_CONFIG, "%s: '%c' in '%s' is no axis; %s are known, as in TZCYX", what, *at, letters,
                    page_order);
        if (strchr(at + 1, *at)) SG_FAIL(SG_E_CONFIG, "%s: '%s' names the axis %c twice", what, letters, *at);
    }
    if (!strchr(letters, 'Y') || !strchr(letters, 'X'))
        SG_FAIL(SG_E_CONFIG, "%s: '%s' lacks Y or X, the rows and columns of a picture", what, letters);
    if (strlen(letters) > SG_AXES_MAX)
        SG_FAIL(SG_E_CONFIG, "%s: '%s' has more than %d axes", what, letters, SG_AXES_MAX);
    return SG_OK;
}

typedef struct taken {
    char axis, value[SG_AXES_TEXT];
} taken;

/* The next "T=0" of a list with commas or blanks; *at moves behind it. False: the end, or not of that form (*at then
 * stays in front of it). */
static bool next_taken(taken *out, const char **at)
{
    const char *text = *at;
    while (*text == ' ' || *text == ',') text++;
    *at = text;
    if (!*text || text[1] != '=' || !strchr(page_order, *text) || !is_page(*text)) return false;
    const size_t length = strcspn(text + 2, " ,");
    if (length == 0 || length >= sizeof out->value) return false;
    out->axis = *text;
    (void)snprintf(out->value, sizeof out->value, "%.*s", (int)length, text + 2);
    *at = text + 2 + length;
    return true;
}

static sg_status check_end(const char *at, const char *take, const char *what)
{
    if (*at) SG_FAIL(SG_E_CONFIG, "%s: '%s' in '%s' is no choice like T=0 or C=DAPI", what, at, take);
    return SG_OK;
}

sg_status sg_axes_check_take(const char *take, const char *what)
{
    const char *at = take ? take : "";
    taken one;
    while (next_taken(&one, &at)) {
    }
    return check_end(at, take, what);
}

void sg_axes_describe(char out[SG_AXES_TEXT], const sg_axes *axes)
{
    size_t used = 0;
    out[0] = 0;
    for (int i = 0; i < axes->count; i++)
        if (is_page(axes->axis[i].name) && axes->axis[i].size > 1 && used < SG_AXES_TEXT)
            used += (size_t)snprintf(out + used, SG_AXES_TEXT - used, "%s%c=%lld", used ? " " : "", axes->axis[i].name,
                                     axes->axis[i].size);
}

/* ---- arranging ---- */

static sg_status rename_all(sg_axes *axes, const char *letters, const char *path)
{
    if (!letters || !letters[0]) return SG_OK;
    if (strlen(letters) != (size_t)axes->count)
        SG_FAIL(SG_E_SHAPE, "%s: has %d axes, dataset.axes '%s' names %zu", path, axes->count, letters,
                strlen(letters));
    for (int i = 0; i < axes->count; i++) axes->axis[i].name = letters[i];
    return SG_OK;
}

/* The index that `value` means: a number, or the name of a channel; -1: neither. */
static long long find_index(const taken *t, const sg_axes_order *order)
{
    for (int i = 0; t->axis == 'C' && i < order->name_count; i++)
        if (strcmp(order->names[i], t->value) == 0) return i;
    if (strlen(t->value) > 9 || strspn(t->value, "0123456789") != strlen(t->value)) return -1;
    return strtoll(t->value, NULL, 10);
}

static sg_status take_one(sg_axes *axes, const taken *t, const sg_axes_order *order, const char *path)
{
    int i = 0;
    while (i < axes->count && axes->axis[i].name != t->axis) i++;
    const long long size = i < axes->count ? axes->axis[i].size : 1;
    const long long index = order->lenient && size == 1 ? 0 : find_index(t, order);
    if (i == axes->count && !order->lenient && index != 0)
        SG_FAIL(SG_E_RANGE, "%s: dataset.take %c=%s: the file has no axis %c; dataset.axes can name its axes", path,
                t->axis, t->value, t->axis);
    if (i == axes->count) return SG_OK;
    if (index < 0)
        SG_FAIL(SG_E_RANGE, "%s: dataset.take %c=%s: no channel has this name (%d have one)", path, t->axis, t->value,
                order->name_count);
    if (index >= size)
        SG_FAIL(SG_E_RANGE, "%s: dataset.take %c=%lld: the file has %c 0..%lld", path, t->axis, index, t->axis,
                size - 1);
    axes->start += index * axes->axis[i].stride;
    memmove(&axes->axis[i], &axes->axis[i + 1], (size_t)(axes->count - i - 1) * sizeof *axes->axis);
    axes->count--;
    return SG_OK;
}

static int place_of(const sg_axis *axis)
{
    return (int)(strchr(page_order, axis->name) - page_order);
}

/* Stable, of at most eight. */
static void sort_axes(sg_axes *axes)
{
    for (int i = 1; i < axes->count; i++)
        for (int k = i; k > 0 && place_of(&axes->axis[k - 1]) > place_of(&axes->axis[k]); k--) {
            const sg_axis swap = axes->axis[k];
            axes->axis[k] = axes->axis[k - 1];
            axes->axis[k - 1] = swap;
        }
}

sg_status sg_axes_arrange(sg_axes *axes, const sg_axes_order *order, const char *path)
{
    const char *at = order->take ? order->take : "";
    taken one;
    SG_TRY(rename_all(axes, order->axes, path));
    while (next_taken(&one, &at)) SG_TRY(take_one(axes, &one, order, path));
    SG_TRY(check_end(at, order->take, path));
    sort_axes(axes);
    return SG_OK;
}

double sg_axes_pages(const sg_axes *axes)
{
    double pages = 1;
    for (int i = 0; i < axes->count; i++)
        if (is_page(axes->axis[i].name)) pages *= (double)axes->axis[i].size;
    return pages;
}

long long sg_axes_at(const sg_axes *axes, long long page)
{
    long long at = axes->start;
    for (int i = axes->count - 1; i >= 0; i--) {
        if (!is_page(axes->axis[i].name)) continue;
        at += page % axes->axis[i].size * axes->axis[i].stride;
        page /= axes->axis[i].size;
    }
    return at;
}
